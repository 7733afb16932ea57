//! The documents that vendors, operators and customers give.

use kinds::{
    airgap::Airgap,
    config::{Config, ConfigValues},
    license::{RootKeys, verify},
};

/// Metadata that is read can be written and read again, and is the same.
pub fn airgap_yaml(data: &[u8]) {
    let Some(airgap) = text(data).and_then(|it| Airgap::parse(it).ok()) else { return };
    let again = Airgap::parse(&airgap.to_yaml()).expect("what was written can be read");
    assert_eq!(airgap, again);
}

/// A licence that verifies verifies again from the text that is kept.
pub fn license(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut roots = RootKeys::none();
    roots.add_pem(sample::keys::root_public_pem()).expect("the committed key is one");
    let Ok(verified) = verify(text, &roots) else { return };
    let _ = verified.license.expires_at();
    let _ = verified.license.channel("1");
    let again = verify(&verified.raw, &roots).expect("it verified before");
    assert_eq!(verified, again);
}

/// A config is read or refused; what is read can be written and read again.
pub fn config(data: &[u8]) {
    let Some(config) = text(data).and_then(|it| Config::parse(it).ok()) else { return };
    let again = Config::parse(&config.to_yaml("fuzz")).expect("what was written can be read");
    assert_eq!(config, again);
}

/// Config values that are read can be written and read again, and are the same.
pub fn config_values(data: &[u8]) {
    let Some(values) = text(data).and_then(|it| ConfigValues::parse(it).ok()) else { return };
    let again = ConfigValues::parse(&values.to_yaml("fuzz")).expect("what was written can be read");
    assert_eq!(values, again);
}

fn text(data: &[u8]) -> Option<&str> {
    str::from_utf8(data).ok()
}

/// What the preflight program prints is refused with words or read, and what it leaves open is never more than what
/// was asked for, nor less than what is certain.
pub fn preflight_output(data: &[u8]) {
    use kinds::preflight::results::{Asked, read, unanswered};

    let check = |(title, is_named, is_strict): (&str, bool, bool)| Asked {
        title: title.to_owned(),
        is_named,
        is_strict,
    };
    let asked = [("nodes", true, false), ("clusterVersion", false, false), ("memory", true, true)];
    let asked = asked.map(check);
    match read(data) {
        Ok(results) => {
            let open = unanswered(&asked, &results);
            for is_strict in [false, true] {
                let n_asked = asked.iter().filter(|it| it.is_strict == is_strict).count();
                let n_found = results.all().filter(|it| it.strict == is_strict).count();
                let n_open = open.iter().filter(|it| it.strict == is_strict).count();
                assert_eq!(n_open, n_asked.saturating_sub(n_found));
            }
            assert_eq!(results.is_empty(), open.len() == asked.len());
        }
        Err(why) => assert!(!why.is_empty()),
    }
}
