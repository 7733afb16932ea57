//! Whether a kotsadm of some version may install or update to a release.

use thiserror::Error;

use super::order::parse_tolerant;
use crate::application::Application;

/// What is to be done with the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A first installation: both `minKotsVersion` and `targetKotsVersion` count.
    Install,
    /// An update: only `minKotsVersion` counts.
    Update,
}

/// The release needs another kotsadm. The sentences are the original's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", sentence(self))]
pub struct IncompatibleKots {
    /// The application's title.
    pub app: String,
    /// The version the release asks for.
    pub wanted: String,
    /// What was to be done.
    pub purpose: Purpose,
}

fn sentence(error: &IncompatibleKots) -> String {
    let IncompatibleKots { app, wanted, purpose } = error;
    match purpose {
        Purpose::Install => format!(
            "This version of {app} requires a different version of KOTS from what you currently have installed.\nInstall KOTS version {wanted} and try again."
        ),
        Purpose::Update => format!(
            "This version of {app} requires a version of KOTS that is different than what you currently have installed. Upgrade KOTS to version {wanted}, and then download this application version again in the admin console or with the 'kots upstream download' command."
        ),
    }
}

/// Refuses a release that asks for another kotsadm than `actual`.
///
/// A version that cannot be read asks for nothing, as in the original.
///
/// # Errors
///
/// [`IncompatibleKots`].
pub fn kots_version_gate(
    application: &Application,
    actual: &str,
    purpose: Purpose,
) -> Result<(), IncompatibleKots> {
    let Some(actual) = parse_tolerant(actual) else {
        return Ok(());
    };
    let is_too_old = parse_tolerant(&application.min_kots_version)
        .is_some_and(|minimum| actual.cmp_precedence(&minimum).is_lt());
    let is_too_new = purpose == Purpose::Install
        && parse_tolerant(&application.target_kots_version)
            .is_some_and(|target| actual.cmp_precedence(&target).is_gt());
    if !is_too_old && !is_too_new {
        return Ok(());
    }
    let or = |text: &str, other: &str| if text.is_empty() { other } else { text }.to_owned();
    Err(IncompatibleKots {
        app: or(&application.title, "the app"),
        wanted: or(&application.target_kots_version, &application.min_kots_version),
        purpose,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(minimum: &str, target: &str, actual: &str, purpose: Purpose) -> bool {
        let application = Application {
            min_kots_version: minimum.into(),
            target_kots_version: target.into(),
            ..Application::default()
        };
        kots_version_gate(&application, actual, purpose).is_ok()
    }

    #[test]
    fn a_release_asks_for_a_kotsadm() {
        use Purpose::{Install, Update};
        for (minimum, target, actual, purpose, expected) in [
            ("", "", "1.0.0", Install, true),
            ("1.2.0", "", "v1.2.0", Update, true),
            ("1.2.0", "", "1.1.9", Update, false),
            ("1.2.0", "", "1.2.0-rc.1", Update, false),
            ("", "1.2.0", "1.3.0", Install, false),
            ("", "1.2.0", "1.3.0", Update, true),
            ("", "1.2.0", "1.1.0", Install, true),
            ("nonsense", "", "1.0.0", Update, true),
            ("1.2.0", "", "dev", Update, true),
        ] {
            let found = check(minimum, target, actual, purpose);
            assert_eq!(found, expected, "{minimum} {target} {actual} {purpose:?}");
        }
    }

    #[test]
    fn the_sentence_names_app_and_version() {
        let application = Application {
            title: "Shop".into(),
            min_kots_version: "2.0.0".into(),
            ..Application::default()
        };
        let refuse = |purpose| kots_version_gate(&application, "1.0.0", purpose).expect_err("old");
        insta::assert_snapshot!(refuse(Purpose::Install), @r"
This version of Shop requires a different version of KOTS from what you currently have installed.
Install KOTS version 2.0.0 and try again.
");
        insta::assert_snapshot!(refuse(Purpose::Update), @"This version of Shop requires a version of KOTS that is different than what you currently have installed. Upgrade KOTS to version 2.0.0, and then download this application version again in the admin console or with the 'kots upstream download' command.");
    }

    proptest::proptest! {
        #[test]
        fn a_newer_kotsadm_is_never_too_old(
            minimum in "v?[0-3](\\.[0-3]){0,2}",
            target in "(v?[0-3](\\.[0-3]){2})?",
            actual in "v?[0-3]\\.[0-3]\\.[0-3]",
        ) {
            // An installation may ask for more than an update.
            if check(&minimum, &target, &actual, Purpose::Install) {
                proptest::prop_assert!(check(&minimum, &target, &actual, Purpose::Update));
            }
            if check(&minimum, &target, &actual, Purpose::Update) {
                proptest::prop_assert!(check(&minimum, &target, "9.0.0", Purpose::Update));
            }
            proptest::prop_assert!(check(&minimum, "", &minimum, Purpose::Install));
        }
    }
}
