//! The chain of signatures: root key → application key → licence data → entitlement values.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD};
use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::differences::differences;
use super::pss::{self, Digest};
use super::{ApiVersion, License, LicenseError, MAX_LICENSE_BYTES, RootKeys};
use crate::gvk::{self, KindError};
use crate::yaml;

const API_VERSIONS: &[&str] = &["kots.io/v1beta1", "kots.io/v1beta2"];

/// A licence whose signatures hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedLicense {
    /// The fields as they were signed.
    pub license: License,
    /// The text that was verified, to be stored and verified again.
    pub raw: String,
    /// The dotted names of the outer fields that differ from the signed ones.
    pub differences: Vec<String>,
}

/// `base64(JSON)` of `spec.signature`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outer {
    license_data: String,
    inner_signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Inner {
    license_signature: String,
    #[serde(rename = "v2LicenseSignature")]
    v2_license_signature: String,
    public_key: String,
    key_signature: String,
    #[serde(rename = "v2KeySignature")]
    v2_key_signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeySignature {
    signature: String,
    global_key_id: String,
}

/// Verifies a licence text and returns its signed fields.
///
/// # Errors
///
/// [`LicenseError`] when the text is not a licence or one of its signatures does not hold. A field
/// that differs from the signed one is no error here: see [`VerifiedLicense::differences`].
pub fn verify(text: &str, keys: &RootKeys) -> Result<VerifiedLicense, LicenseError> {
    if text.len() > MAX_LICENSE_BYTES {
        return Err(LicenseError::TooLong { found: text.len(), allowed: MAX_LICENSE_BYTES });
    }
    let outer_document = yaml::to_value(text).map_err(|source| LicenseError::NotALicense {
        source: KindError::Yaml { kind: "License", source },
    })?;
    let (api_version, outer) = typed(outer_document)?;
    if outer.signature.is_empty() {
        return Err(LicenseError::NoSignature);
    }
    let parts: Outer = json("spec.signature", &decode("spec.signature", &outer.signature)?)?;
    let data = decode("licenseData", &parts.license_data)?;
    let inner: Inner = json("innerSignature", &decode("innerSignature", &parts.inner_signature)?)?;
    let (digest, license_signature, key_signature) = match api_version {
        ApiVersion::V1Beta1 => (Digest::Md5, &inner.license_signature, &inner.key_signature),
        ApiVersion::V1Beta2 => {
            (Digest::Sha256, &inner.v2_license_signature, &inner.v2_key_signature)
        }
    };
    verify_app_key(&inner.public_key, key_signature, digest, keys)?;
    let app_key = RsaPublicKey::from_public_key_pem(&inner.public_key)
        .map_err(|error| malformed("publicKey", &error, "an RSA public key in PEM form"))?;
    let signature = decode("licenseSignature", license_signature)?;
    if !pss::is_valid(&app_key, digest, &data, &signature) {
        return Err(LicenseError::DataSignature);
    }
    let signed_document: Value = json("licenseData", &data)?;
    let (signed_version, mut license) = typed(signed_document)?;
    verify_entitlements(&license, api_version, digest, &app_key)?;

    let mut differing = differences(&outer, &license);
    if !license.name.is_empty() && outer.name != license.name {
        differing.insert(0, "metadata.name".to_owned());
    }
    if signed_version != api_version {
        differing.insert(0, "apiVersion".to_owned());
    }
    // The signed data cannot hold its own signature.
    license.signature = outer.signature;
    license.api_version = api_version;
    Ok(VerifiedLicense { license, raw: text.to_owned(), differences: differing })
}

fn typed(document: Value) -> Result<(ApiVersion, License), LicenseError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Document {
        metadata: Metadata,
        spec: License,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Metadata {
        name: String,
    }
    let (gvk, document) = gvk::decode_value::<Document>(document, API_VERSIONS, "License", &[])
        .map_err(|source| LicenseError::NotALicense { source })?;
    let api_version = ApiVersion::from_text(&gvk.api_version).unwrap_or_default();
    let license = License { api_version, name: document.metadata.name, ..document.spec };
    Ok((api_version, license))
}

fn verify_app_key(
    app_key_pem: &str,
    key_signature: &str,
    digest: Digest,
    keys: &RootKeys,
) -> Result<(), LicenseError> {
    let parts: KeySignature = json("keySignature", &decode("keySignature", key_signature)?)?;
    let signature = decode("keySignature.signature", &parts.signature)?;
    let is_signed_by = |root| pss::is_valid(root, digest, app_key_pem.as_bytes(), &signature);
    if keys.candidates(&parts.global_key_id).any(is_signed_by) {
        return Ok(());
    }
    Err(if keys.has(&parts.global_key_id) {
        LicenseError::KeySignature { root: shortened(&parts.global_key_id) }
    } else {
        LicenseError::UntrustedRoot {
            found: shortened(&parts.global_key_id),
            allowed: keys.names(),
        }
    })
}

fn verify_entitlements(
    license: &License,
    api_version: ApiVersion,
    digest: Digest,
    app_key: &RsaPublicKey,
) -> Result<(), LicenseError> {
    for (name, entitlement) in &license.entitlements {
        let signature = match api_version {
            ApiVersion::V1Beta1 => &entitlement.signature.v1,
            ApiVersion::V1Beta2 => &entitlement.signature.v2,
        };
        if signature.is_empty() {
            continue;
        }
        let signature = decode("entitlement signature", signature)?;
        // An absent value is signed as Go prints it: `<nil>` in v1, nothing or `<nil>` in v2.
        let allowed = match (entitlement.value.printed(), api_version) {
            (Some(printed), _) => vec![printed],
            (None, ApiVersion::V1Beta1) => vec!["<nil>".to_owned()],
            (None, ApiVersion::V1Beta2) => vec![String::new(), "<nil>".to_owned()],
        };
        if !allowed.iter().any(|text| pss::is_valid(app_key, digest, text.as_bytes(), &signature)) {
            return Err(LicenseError::EntitlementSignature { name: name.clone() });
        }
    }
    Ok(())
}

/// Standard base64 with padding; Go's decoder also ignores line breaks.
fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, LicenseError> {
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PAD);
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    STANDARD.decode(packed).map_err(|error| malformed(part, &error, "base64"))
}

fn json<T: DeserializeOwned>(part: &'static str, bytes: &[u8]) -> Result<T, LicenseError> {
    serde_json::from_slice(bytes)
        .map_err(|error| malformed(part, &error, "the expected JSON object"))
}

fn malformed(
    part: &'static str,
    found: &dyn std::fmt::Display,
    allowed: &'static str,
) -> LicenseError {
    LicenseError::Malformed { part, found: found.to_string(), allowed }
}

/// A key id as it may be shown: hostile licences can name anything.
fn shortened(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(64).collect()
}
