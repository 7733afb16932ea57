//! `kots license verify`: whether a licence holds, and what it says.
//!
//! Only what was signed is shown. Of a licence whose signature does not hold nothing is: none of it is proven. The
//! licence's id is never shown, because it is the password at the vendor's endpoint.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::Timestamp;
use kinds::license::{ExpiryError, VerifiedLicense};
use serde::Serialize;
use serde_json::Value;
use wire::report::ErrorReport;

use crate::deploy::inputs::{self, InputError};
use crate::output::error::{self, Chain};

/// The version of the document's form; only a change that a reader could not take raises it.
const SCHEMA: u32 = 1;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct VerifyArgs {
    /// The licence.
    pub file: PathBuf,
    /// PEM files of further root keys.
    pub root_keys: Vec<PathBuf>,
    /// How the answer is written.
    pub form: Form,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines.
    Text,
    /// One JSON document.
    Json,
}

/// What is printed, and how the program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// For standard output.
    pub stdout: String,
    /// For standard error.
    pub stderr: String,
    /// The exit status: 0 only when the licence holds and is as it was signed.
    pub status: u8,
}

/// The document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    schema: u32,
    /// Whether the signature holds and nothing differs from what was signed.
    valid: bool,
    signature_holds: bool,
    /// Dotted names of fields outside the signature that differ from the signed ones.
    differences: Vec<String>,
    #[serde(flatten)]
    signed: Option<Signed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorReport>,
}

/// What was signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    api_version: &'static str,
    app_slug: String,
    customer_name: String,
    customer_email: String,
    license_type: String,
    license_sequence: i64,
    channels: Vec<Channel>,
    /// RFC 3339; null is never.
    expires_at: Option<String>,
    expired: bool,
    is_airgap_supported: bool,
    /// The custom fields that the vendor does not hide, by name; null where one has no value.
    entitlements: BTreeMap<String, Value>,
}

#[derive(Debug, Serialize)]
struct Channel {
    id: String,
    name: String,
    slug: String,
}

/// Reads a licence and says whether it holds.
pub fn run(args: &VerifyArgs, now: Timestamp) -> Said {
    let read = inputs::root_keys(&args.root_keys)
        .and_then(|keys| inputs::verified(&args.file, &keys))
        .and_then(|license| {
            let path = args.file.display().to_string();
            let signed = signed(&license, now)
                .map_err(|source| InputError::Expiry { path: path.clone(), source });
            signed.map(|signed| (signed, license.differences, path))
        });
    let verdict = match read {
        Ok((signed, differences, path)) => {
            let error = (!differences.is_empty())
                .then(|| report(&InputError::LicenseEdited { path, fields: differences.clone() }));
            let valid = error.is_none();
            let signed = Some(signed);
            Verdict { schema: SCHEMA, valid, signature_holds: true, differences, signed, error }
        }
        Err(error) => Verdict {
            schema: SCHEMA,
            valid: false,
            signature_holds: matches!(error, InputError::Expiry { .. }),
            differences: Vec::new(),
            signed: None,
            error: Some(report(&error)),
        },
    };
    let stdout = match args.form {
        Form::Text => verdict.signed.as_ref().map(text).unwrap_or_default(),
        Form::Json => {
            // Maps, texts and numbers: it has a JSON form.
            let document = serde_json::to_string_pretty(&verdict).unwrap_or_default();
            format!("{document}\n")
        }
    };
    let stderr = verdict.error.as_ref().map(|it| error::text(it, Chain::Whole));
    Said { stdout, stderr: stderr.unwrap_or_default(), status: u8::from(!verdict.valid) }
}

fn report(error: &InputError) -> ErrorReport {
    error::of(error, error.hint().unwrap_or_default())
}

fn signed(verified: &VerifiedLicense, now: Timestamp) -> Result<Signed, ExpiryError> {
    let license = &verified.license;
    let expires_at = license.expires_at()?;
    let channels = if license.channels.is_empty() {
        vec![license.default_channel()]
    } else {
        license.channels.clone()
    };
    let shown = license.entitlements.iter().filter(|(_, entitlement)| !entitlement.is_hidden);
    let entitlements = shown.map(|(name, entitlement)| {
        let value = serde_json::to_value(&entitlement.value).unwrap_or_default();
        (name.clone(), value)
    });
    Ok(Signed {
        api_version: license.api_version.as_str(),
        app_slug: license.app_slug.clone(),
        customer_name: license.customer_name.clone(),
        customer_email: license.customer_email.clone(),
        license_type: license.license_type.clone(),
        license_sequence: license.license_sequence,
        channels: channels
            .into_iter()
            .map(|it| Channel { id: it.channel_id, name: it.channel_name, slug: it.channel_slug })
            .collect(),
        expires_at: expires_at.map(|it| it.to_string()),
        expired: expires_at.is_some_and(|end| end < now),
        is_airgap_supported: license.is_airgap_supported,
        entitlements: entitlements.collect(),
    })
}

fn text(signed: &Signed) -> String {
    let or = |text: &str, other: &str| if text.is_empty() { other } else { text }.to_owned();
    let customer = or(&signed.customer_name, "a customer without a name");
    let mail = match signed.customer_email.as_str() {
        "" => String::new(),
        mail => format!(" <{mail}>"),
    };
    let channels: Vec<String> =
        signed.channels.iter().map(|it| format!("{} ({})", or(&it.name, "?"), it.id)).collect();
    let until = match (&signed.expires_at, signed.expired) {
        (None, _) => "never expires".to_owned(),
        (Some(end), false) => format!("until {end}"),
        (Some(end), true) => format!("expired at {end}"),
    };
    let kind = or(&signed.license_type, "no type");
    let mut text = String::new();
    let _ = writeln!(text, "The signature of the license holds ({}).", signed.api_version);
    for (what, value) in [
        ("customer", format!("{customer}{mail}")),
        ("application", signed.app_slug.clone()),
        ("type", format!("{kind}, sequence {}", signed.license_sequence)),
        ("channels", channels.join(", ")),
        ("valid", until),
    ] {
        let _ = writeln!(text, "  {:13}{value}", format!("{what}:"));
    }
    text
}
