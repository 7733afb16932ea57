use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::real_data;

fn keys(names: &[&str]) -> Option<RootKeys> {
    let mut keys = RootKeys::production();
    for name in names {
        keys.add_pem(&real_data::text(&format!("kots-licenses/{name}"))?).unwrap();
    }
    Some(keys)
}

fn check(name: &str, keys: &RootKeys) -> String {
    let text = real_data::text(&format!("kots-licenses/{name}")).unwrap();
    match verify(&text, keys) {
        Ok(verified) if verified.differences.is_empty() => "valid".to_owned(),
        Ok(verified) => format!("differs: {}", verified.differences.join(", ")),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_real_licence_gets_its_verdict() {
    let Some(all) = keys(&["root-staging.pem", "root-dev.pem", "root-test.pem"]) else {
        return real_data::skip("the verdicts of real licences");
    };
    let mut verdicts = String::new();
    for name in [
        "valid.yaml",
        "valid-with-entitlement-signature.yaml",
        "valid-without-entitlement-signature.yaml",
        "valid-v1beta2.yaml",
        "invalid-signature.yaml",
        "invalid-v1beta2-signature.yaml",
        "invalid-changed-endpoint.yaml",
        "invalid-changed-isEmbeddedClusterMultiNodeEnabled.yaml",
        "invalid-changed-licenseID.yaml",
        "invalid-v1beta2-changed-licenseID.yaml",
    ] {
        verdicts.extend([name, ": ", &check(name, &all), "\n"]);
    }
    insta::assert_snapshot!(verdicts, @r"
valid.yaml: valid
valid-with-entitlement-signature.yaml: valid
valid-without-entitlement-signature.yaml: valid
valid-v1beta2.yaml: valid
invalid-signature.yaml: the license signature is not valid: the signed data was changed after it was signed
invalid-v1beta2-signature.yaml: the license signature is not valid: innerSignature is not base64: Invalid padding
invalid-changed-endpoint.yaml: differs: endpoint
invalid-changed-isEmbeddedClusterMultiNodeEnabled.yaml: differs: isEmbeddedClusterMultiNodeEnabled
invalid-changed-licenseID.yaml: differs: licenseID
invalid-v1beta2-changed-licenseID.yaml: differs: licenseID
");
}

#[test]
fn only_the_production_key_is_built_in() {
    let Some(_) = keys(&["root-test.pem"]) else {
        return real_data::skip("the built-in root key");
    };
    let built_in = RootKeys::production();
    assert_eq!(check("valid.yaml", &built_in), "valid");
    insta::assert_snapshot!(check("valid-with-entitlement-signature.yaml", &built_in), @"the license was signed under the root key `1d3f7f6b50714fe7b895554dd65773b0`, and not by a key that is trusted here: `bdee56560cfb43c9b28bf98eacafa646`");
    insta::assert_snapshot!(check("valid-v1beta2.yaml", &built_in), @"the license was signed under the root key `test-global-key-id`, and not by a key that is trusted here: `bdee56560cfb43c9b28bf98eacafa646`");
}

#[test]
fn the_signed_fields_are_handed_out() {
    let Some(all) = keys(&["root-staging.pem", "root-dev.pem", "root-test.pem"]) else {
        return real_data::skip("the fields of real licences");
    };
    let read = |name: &str| {
        verify(&real_data::text(&format!("kots-licenses/{name}")).unwrap(), &all).unwrap()
    };
    let license = read("valid.yaml").license;
    assert_eq!(license.app_slug, "my-app");
    assert_eq!(license.name, "testcustomer");
    assert_eq!(license.license_sequence, 7);
    assert_eq!(license.field_value("int_field"), "123");
    assert_eq!(license.field_value("bool_field"), "true");
    assert_eq!(license.field_value("text_field"), "multi\nline\ntext");
    assert_eq!(license.field_value("isAirgapSupported"), "true");
    assert_eq!(license.field_value("nothing"), "");
    assert!(license.field_value("signature").starts_with("{\"licenseData\":\""));
    let end: Timestamp = "2030-07-27T00:00:00Z".parse().unwrap();
    assert_eq!(license.expires_at(), Ok(Some(end)));
    assert_eq!(license.is_expired(end), Ok(false));
    assert_eq!(license.channel("1vusIYZLAVxMG6q760OJmRKj5i5").unwrap().channel_name, "My Channel");
    insta::assert_snapshot!(license.channel("x").unwrap_err(), @"channel not found in non-multi channel license");

    let changed = read("invalid-changed-licenseID.yaml");
    assert!(!changed.raw.contains(&format!("licenseID: {}\n", changed.license.license_id)));
    assert_eq!(
        read("valid-with-entitlement-signature.yaml").license.field_value("testing"),
        "1232435"
    );
    let v2 = read("valid-v1beta2.yaml").license;
    assert_eq!(v2.api_version, ApiVersion::V1Beta2);
    insta::assert_snapshot!(v2.channel("2").unwrap_err(), @"channel not found in multi channel format license");
    assert_eq!(v2.channel_id_for_slug("stable"), Ok("1".to_owned()));
    insta::assert_snapshot!(v2.channel_id_for_slug("beta").unwrap_err(), @r#"requested install channel slug "beta" not found in license channels"#);
}

#[test]
fn a_text_that_is_no_licence_is_refused_with_the_reason() {
    let refuse = |text: &str| {
        let error = verify(text, &RootKeys::production()).unwrap_err();
        match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    };
    insta::assert_snapshot!(refuse("kind: License"), @"the text is not a license: found a document without apiVersion and kind, allowed is `kots.io/v1beta1, Kind=License` or `kots.io/v1beta2, Kind=License`");
    insta::assert_snapshot!(refuse("apiVersion: kots.io/v1beta1\nkind: Config\n"), @"the text is not a license: found `kots.io/v1beta1, Kind=Config`, allowed is `kots.io/v1beta1, Kind=License` or `kots.io/v1beta2, Kind=License`");
    insta::assert_snapshot!(refuse("apiVersion: kots.io/v1beta1\nkind: License\nspec: {appSlug: a}\n"), @"the license has no signature, `spec.signature` must hold one");
    insta::assert_snapshot!(refuse("apiVersion: kots.io/v1beta1\nkind: License\nspec: {signature: '*'}\n"), @"the license signature is not valid: spec.signature is not base64: Invalid symbol 42, offset 0.");
    insta::assert_snapshot!(refuse("apiVersion: kots.io/v1beta1\nkind: License\nspec: {signature: aGk=}\n"), @"the license signature is not valid: spec.signature is not the expected JSON object: expected value at line 1 column 1");
    insta::assert_snapshot!(refuse("apiVersion: kots.io/v1beta1\nkind: License\nspec: {licenseID: 5}\n"), @"the text is not a license: the License document cannot be read");
    insta::assert_snapshot!(refuse(&"a".repeat(2 * 1024 * 1024)), @"the license is 2097152 bytes long, at most 1048576 are allowed");
    assert_eq!(RootKeys::none().add_pem("x"), Err(KeyError::NotAKey));
}

#[test]
fn an_expiry_that_cannot_be_read_is_no_endless_licence() {
    let with = |value: EntitlementValue, value_type: &str| {
        let entitlement =
            Entitlement { value, value_type: value_type.into(), ..Entitlement::default() };
        License {
            entitlements: [("expires_at".to_owned(), entitlement)].into(),
            ..License::default()
        }
    };
    let text = |text: &str| EntitlementValue::String(text.to_owned());
    assert_eq!(License::default().expires_at(), Ok(None));
    assert_eq!(with(text(""), "String").expires_at(), Ok(None));
    assert_eq!(with(EntitlementValue::Absent, "").expires_at(), Ok(None));
    insta::assert_snapshot!(with(text("tomorrow"), "String").expires_at().unwrap_err(), @"failed to parse expiration time: found `tomorrow`, allowed is RFC 3339 or nothing");
    insta::assert_snapshot!(with(text(""), "Integer").expires_at().unwrap_err(), @"expires_at must be type String: found `Integer`");
}

/// The licence of the sample application, with the root key it was signed under.
fn sample() -> (String, RootKeys) {
    let read = |path: &str| {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/");
        std::fs::read_to_string(format!("{root}{path}")).expect("it is committed")
    };
    let mut keys = RootKeys::none();
    keys.add_pem(&read("keys/root.pub.pem")).expect("it is a public key");
    (read("sample-app/license.yaml"), keys)
}

#[test]
fn a_given_root_key_is_trusted_under_any_id() {
    let (text, keys) = sample();
    let verified = verify(&text, &keys).unwrap();
    assert_eq!(verified.differences, Vec::<String>::new());
    assert_eq!(verified.raw, text);
    assert!(verify(&text, &RootKeys::production()).is_err());
    let changed = text.replacen("customerName: ", "customerName: Other ", 1);
    assert_eq!(verify(&changed, &keys).unwrap().differences, ["customerName"]);
    assert_eq!(verify(&changed, &keys).unwrap().license, verified.license);
    let renamed = text.replacen("name: ", "name: other-", 1);
    assert_eq!(verify(&renamed, &keys).unwrap().differences, ["metadata.name"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_changed_byte_changes_what_was_signed(
        at in any::<proptest::sample::Index>(),
        byte in "[ -~]",
    ) {
        let (text, keys) = sample();
        let at = at.index(text.len());
        prop_assume!(text.is_char_boundary(at) && text.is_char_boundary(at + 1));
        let changed = format!("{}{byte}{}", &text[..at], &text[at + 1..]);
        if let Ok(found) = verify(&changed, &keys) {
            let signed = verify(&text, &keys).unwrap().license;
            let comparable = License { signature: signed.signature.clone(), ..found.license };
            prop_assert_eq!(comparable, signed);
        }
    }

    #[test]
    fn any_licence_text_is_read_or_refused(signature in "[A-Za-z0-9+/=]{0,80}", rest in "[a-z: \n]{0,40}") {
        let text = format!("apiVersion: kots.io/v1beta1\nkind: License\nspec:\n  signature: \"{signature}\"\n{rest}");
        prop_assert!(verify(&text, &RootKeys::production()).is_err());
    }
}
