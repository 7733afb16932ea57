//! Licences signed by the test key chain: good ones, and each kind of bad one.

use base64::{Engine, engine::general_purpose::STANDARD};
use kinds::license::{ApiVersion, Channel, Entitlement, EntitlementValue, License};
use serde_json::json;

use crate::{
    APP_SLUG, BETA_ID, STABLE_ID, STABLE_NAME,
    keys::{self, Key},
};

/// Its id, unless another is given.
pub const ID: &str = "2fVbU0yTqLk8sPmWnE6cJdRh4Xa";

/// Makes one licence. Starts as the sample application's own; every method changes one thing.
#[derive(Debug, Clone)]
pub struct Builder {
    license: License,
    outer: Option<License>,
    broken: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The licence of the sample application: production, air gap allowed, channels Stable (default, semver) and Beta,
    /// sequence 1, no expiry.
    pub fn new() -> Self {
        let mut license = License {
            api_version: ApiVersion::V1Beta1,
            name: "sample-customer".to_owned(),
            app_slug: APP_SLUG.to_owned(),
            customer_name: "Sample Customer".to_owned(),
            customer_email: "customer@example.com".to_owned(),
            license_id: ID.to_owned(),
            license_type: "prod".to_owned(),
            license_sequence: 1,
            is_airgap_supported: true,
            is_snapshot_supported: true,
            ..License::default()
        };
        license.channels = vec![
            Channel { is_semver_required: true, ..channel(STABLE_ID, STABLE_NAME) },
            channel(BETA_ID, "Beta"),
        ];
        Self { license, outer: None, broken: false }
            .default_channel(0)
            .entitlement(
                "expires_at",
                "Expiration",
                "String",
                EntitlementValue::String(String::new()),
            )
            .entitlement("seats", "Seats", "Integer", EntitlementValue::Int(50))
            .entitlement("reports", "Reports", "Boolean", EntitlementValue::Bool(true))
            .entitlement(
                "region",
                "Region",
                "String",
                EntitlementValue::String("eu-central".to_owned()),
            )
    }

    /// For another application.
    pub fn app(mut self, slug: &str) -> Self {
        slug.clone_into(&mut self.license.app_slug);
        self
    }

    /// Of another generation: `v1beta1` is signed over MD5, `v1beta2` over SHA-256.
    pub fn version(mut self, version: ApiVersion) -> Self {
        self.license.api_version = version;
        self
    }

    /// With these channels (id and name), the first of them the default; the slug is the name in lower case.
    pub fn channels(mut self, channels: &[(&str, &str)]) -> Self {
        self.license.channels = channels.iter().map(|(id, name)| channel(id, name)).collect();
        self.default_channel(0)
    }

    /// As old licences are: one channel (id and name), and no list of them.
    pub fn single_channel(mut self, id: &str, name: &str) -> Self {
        self.license.channels.clear();
        id.clone_into(&mut self.license.channel_id);
        name.clone_into(&mut self.license.channel_name);
        self
    }

    /// With another sequence: the vendor counts it up with every change.
    pub fn sequence(mut self, sequence: i64) -> Self {
        self.license.license_sequence = sequence;
        self
    }

    /// Expires at this time, RFC 3339; empty is never. Any text is signed as it is.
    pub fn expires_at(self, time: &str) -> Self {
        let value = EntitlementValue::String(time.to_owned());
        self.entitlement("expires_at", "Expiration", "String", value)
    }

    /// With another licence id, the user name and password at the vendor.
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.license.license_id);
        self
    }

    /// Of another type: `dev`, `trial`, `prod`, `community`.
    pub fn license_type(mut self, license_type: &str) -> Self {
        license_type.clone_into(&mut self.license.license_type);
        self
    }

    /// Allows or forbids air gap.
    pub fn airgap(mut self, supported: bool) -> Self {
        self.license.is_airgap_supported = supported;
        self
    }

    /// Names the vendor's endpoint.
    pub fn endpoint(mut self, url: &str) -> Self {
        url.clone_into(&mut self.license.endpoint);
        self
    }

    /// Adds or replaces an entitlement; its value is signed, too.
    pub fn entitlement(
        mut self,
        name: &str,
        title: &str,
        value_type: &str,
        value: EntitlementValue,
    ) -> Self {
        let entitlement = Entitlement {
            title: title.to_owned(),
            value_type: value_type.to_owned(),
            value,
            ..Entitlement::default()
        };
        self.license.entitlements.insert(name.to_owned(), entitlement);
        self
    }

    /// Any other change to what is signed.
    pub fn edit(mut self, edit: impl FnOnce(&mut License)) -> Self {
        edit(&mut self.license);
        self
    }

    /// Changes the document after it was signed: the signature still holds for the fields inside it, and the fields
    /// outside differ from them.
    pub fn tamper(mut self, edit: impl FnOnce(&mut License)) -> Self {
        edit(self.outer.get_or_insert_with(|| self.license.clone()));
        self
    }

    /// Changes the signed data after it was signed: the signature does not hold.
    pub fn break_signature(mut self) -> Self {
        self.broken = true;
        self
    }

    /// The document, as the vendor gives it out.
    pub fn yaml(&self) -> String {
        let (version, mut signed) = (self.license.api_version, self.license.clone());
        for entitlement in signed.entitlements.values_mut() {
            let printed = entitlement.value.printed().unwrap_or_else(|| "<nil>".to_owned());
            let signature = keys::sign(Key::App, version, printed.as_bytes());
            match version {
                ApiVersion::V1Beta1 => entitlement.signature.v1 = signature,
                ApiVersion::V1Beta2 => entitlement.signature.v2 = signature,
            }
        }
        let mut outer = self.outer.clone().unwrap_or_else(|| signed.clone());
        for (name, entitlement) in &mut outer.entitlements {
            if let Some(signed) = signed.entitlements.get(name) {
                entitlement.signature = signed.signature.clone();
            }
        }
        outer.signature = self.signature(&signed);
        outer.api_version = version;
        kinds::yaml::to_string(&document(&outer)).expect("maps, text and numbers have a YAML form")
    }

    /// `spec.signature`: licence data and the chain of signatures, each layer JSON in base64.
    fn signature(&self, signed: &License) -> String {
        let version = signed.api_version;
        let data = document(signed).to_string();
        let root = keys::sign(Key::Root, version, keys::app_public_pem().as_bytes());
        let key_signature = encoded(&json!({"signature": root, "globalKeyId": keys::ROOT_KEY_ID}));
        let signature = keys::sign(Key::App, version, data.as_bytes());
        let public_key = keys::app_public_pem();
        let inner = match version {
            ApiVersion::V1Beta1 => json!({
                "licenseSignature": signature,
                "publicKey": public_key,
                "keySignature": key_signature,
            }),
            ApiVersion::V1Beta2 => json!({
                "v2LicenseSignature": signature,
                "publicKey": public_key,
                "v2KeySignature": key_signature,
            }),
        };
        let data = if self.broken { data.replacen("prod", "dev", 1) } else { data };
        encoded(&json!({
            "licenseData": STANDARD.encode(data),
            "innerSignature": encoded(&inner),
        }))
    }

    fn default_channel(mut self, at: usize) -> Self {
        for (index, channel) in self.license.channels.iter_mut().enumerate() {
            channel.is_default = index == at;
        }
        if let Some(channel) = self.license.channels.get(at) {
            self.license.channel_id.clone_from(&channel.channel_id);
            self.license.channel_name.clone_from(&channel.channel_name);
            self.license.is_semver_required = channel.is_semver_required;
        }
        self
    }
}

fn channel(id: &str, name: &str) -> Channel {
    Channel {
        channel_id: id.to_owned(),
        channel_name: name.to_owned(),
        channel_slug: name.to_lowercase().replace(' ', "-"),
        ..Channel::default()
    }
}

fn document(license: &License) -> serde_json::Value {
    json!({
        "apiVersion": license.api_version.as_str(),
        "kind": "License",
        "metadata": {"name": license.name},
        "spec": license,
    })
}

fn encoded(value: &serde_json::Value) -> String {
    STANDARD.encode(value.to_string())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use kinds::license::{RootKeys, verify};

    use super::*;

    fn check(builder: &Builder) -> String {
        let mut keys = RootKeys::production();
        keys.add_pem(keys::root_public_pem()).expect("the committed key is one");
        match verify(&builder.yaml(), &keys) {
            Ok(verified) if verified.differences.is_empty() => {
                let license = verified.license;
                format!("{} {} #{}", license.app_slug, license.channel_id, license.license_sequence)
            }
            Ok(verified) => format!("differs: {}", verified.differences.join(" ")),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn both_generations_verify() {
        let good = format!("{APP_SLUG} {STABLE_ID} #1");
        assert_eq!(check(&Builder::new()), good);
        assert_eq!(check(&Builder::new().version(ApiVersion::V1Beta2)), good);
        assert_eq!(
            check(&Builder::new().app("x").single_channel("1", "One").sequence(7)),
            "x 1 #7"
        );
    }

    #[test]
    fn only_those_who_are_told_to_trust_the_test_key() {
        let error = verify(&Builder::new().yaml(), &RootKeys::production()).expect_err("untrusted");
        assert_snapshot!(error, @"the license was signed under the root key `7465737420726f6f74206b6579000001`, and not by a key that is trusted here: `bdee56560cfb43c9b28bf98eacafa646`");
    }

    #[test]
    fn bad_licences_are_bad_in_the_way_asked_for() {
        assert_snapshot!(check(&Builder::new().tamper(|it| it.license_sequence = 9)), @"differs: licenseSequence");
        assert_snapshot!(check(&Builder::new().tamper(|it| it.is_airgap_supported = false)), @"differs: isAirgapSupported");
        assert_snapshot!(check(&Builder::new().break_signature()), @"the license signature is not valid: the signed data was changed after it was signed");
        assert_snapshot!(check(&Builder::new().version(ApiVersion::V1Beta2).break_signature()), @"the license signature is not valid: the signed data was changed after it was signed");
    }

    #[test]
    fn an_expiry_is_signed() {
        let yaml = Builder::new().expires_at("2020-01-01T00:00:00Z").yaml();
        let mut keys = RootKeys::none();
        keys.add_pem(keys::root_public_pem()).expect("the committed key is one");
        let license = verify(&yaml, &keys).expect("it is signed").license;
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        assert_eq!(license.is_expired(now), Ok(true));
    }

    #[test]
    fn a_licence_is_the_same_whenever_it_is_made() {
        assert_eq!(Builder::new().yaml(), Builder::new().yaml());
    }
}
