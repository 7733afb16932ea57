//! What a licence sync does with the licence that it was given.

use base64::Engine as _;
use jiff::Timestamp;
use serde::Deserialize;
use thiserror::Error;

use crate::license::{ExpiryError, License, VerifiedLicense};

/// What to do with a licence that may be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncDecision {
    /// Nothing changed: only the time of the sync is noted.
    Unchanged,
    /// Store it and make a version with it.
    Update {
        /// Whether the default channel is another one.
        is_channel_changed: bool,
        /// The channel to follow from now on; `None` keeps the chosen one (licences with several
        /// channels).
        selected_channel_id: Option<String>,
    },
}

/// Why a licence is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SyncRefusal {
    /// It is another licence. The sentence is the original's.
    #[error("license ids do not match")]
    OtherLicense {
        /// The id of the licence there is.
        allowed: String,
        /// The id of the licence given.
        found: String,
    },
    /// It is for another application.
    #[error("the license is for the application `{found}`, allowed is `{allowed}`")]
    OtherApp {
        /// The application there is.
        allowed: String,
        /// The application of the licence given.
        found: String,
    },
    /// It is older than the one there is.
    #[error(
        "the license has the sequence {found}, the one in use has {current}: an older license is not taken"
    )]
    Older {
        /// The sequence of the licence there is.
        current: i64,
        /// The sequence of the licence given.
        found: i64,
    },
    /// It has ended.
    #[error("License is expired")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// It cannot be told whether it has ended.
    #[error("the end of the license cannot be told")]
    Expiry(#[from] ExpiryError),
    /// Fields differ from the signed ones.
    #[error("these license fields differ from what the vendor signed: {}", .fields.join(", "))]
    Differs {
        /// The dotted names of the fields.
        fields: Vec<String>,
    },
}

/// Decides what a sync does with `offered`.
///
/// `archived_sequence` is the sequence of the licence inside the newest version. As in the
/// original a version is made when either sequence, or the secret of a service account, changed.
/// Unlike it, a licence of another application, one with changed fields, an older or an ended one is
/// refused.
///
/// # Errors
///
/// [`SyncRefusal`].
pub fn license_sync(
    current: &License,
    offered: &VerifiedLicense,
    archived_sequence: i64,
    now: Timestamp,
) -> Result<SyncDecision, SyncRefusal> {
    let new = &offered.license;
    if !offered.differences.is_empty() {
        return Err(SyncRefusal::Differs { fields: offered.differences.clone() });
    }
    let is_same_account = is_same_service_account(&current.license_id, &new.license_id);
    if current.license_id != new.license_id && !is_same_account {
        let (allowed, found) = (current.license_id.clone(), new.license_id.clone());
        return Err(SyncRefusal::OtherLicense { allowed, found });
    }
    if current.app_slug != new.app_slug {
        let (allowed, found) = (current.app_slug.clone(), new.app_slug.clone());
        return Err(SyncRefusal::OtherApp { allowed, found });
    }
    if new.license_sequence < current.license_sequence {
        let (current, found) = (current.license_sequence, new.license_sequence);
        return Err(SyncRefusal::Older { current, found });
    }
    if let Some(at) = new.expires_at()?.filter(|end| *end < now) {
        return Err(SyncRefusal::Expired { at });
    }
    let is_changed = new.license_sequence != current.license_sequence
        || new.license_sequence != archived_sequence
        || new.license_id != current.license_id;
    if !is_changed {
        return Ok(SyncDecision::Unchanged);
    }
    Ok(SyncDecision::Update {
        is_channel_changed: new.channel_id != current.channel_id,
        selected_channel_id: (new.channels.len() <= 1).then(|| new.default_channel().channel_id),
    })
}

/// Returns whether two licence ids are tokens of one service account: base64 of
/// `{"i": identity, "s": secret}` with equal identities.
fn is_same_service_account(one: &str, other: &str) -> bool {
    #[derive(Deserialize)]
    struct Token {
        i: String,
        #[expect(dead_code, reason = "a token without a secret is none")]
        s: String,
    }
    let identity = |id: &str| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(id).ok()?;
        serde_json::from_slice::<Token>(&bytes).ok().map(|token| token.i)
    };
    identity(one).is_some_and(|identity_one| identity(other) == Some(identity_one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{Entitlement, EntitlementValue};

    fn license(id: &str, app: &str, sequence: i64) -> License {
        License {
            license_id: id.into(),
            app_slug: app.into(),
            license_sequence: sequence,
            channel_id: "c".into(),
            ..License::default()
        }
    }

    fn check(current: &License, offered: License, differences: &[&str]) -> String {
        let differences = differences.iter().map(|name| (*name).to_owned()).collect();
        let offered = VerifiedLicense { license: offered, raw: String::new(), differences };
        let now = "2029-01-01T00:00:00Z".parse().expect("a time");
        match license_sync(current, &offered, 7, now) {
            Ok(decision) => format!("{decision:?}"),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn a_sync_takes_newer_licences_only() {
        let current = license("l", "shop", 7);
        assert_eq!(check(&current, license("l", "shop", 7), &[]), "Unchanged");
        insta::assert_snapshot!(check(&current, license("l", "shop", 8), &[]), @r#"Update { is_channel_changed: false, selected_channel_id: Some("c") }"#);
        insta::assert_snapshot!(check(&license("l", "shop", 6), license("l", "shop", 6), &[]), @r#"Update { is_channel_changed: false, selected_channel_id: Some("c") }"#);
        insta::assert_snapshot!(check(&current, license("m", "shop", 8), &[]), @"license ids do not match");
        insta::assert_snapshot!(check(&current, license("l", "else", 8), &[]), @"the license is for the application `else`, allowed is `shop`");
        insta::assert_snapshot!(check(&current, license("l", "shop", 6), &[]), @"the license has the sequence 6, the one in use has 7: an older license is not taken");
        insta::assert_snapshot!(check(&current, license("l", "shop", 8), &["endpoint"]), @"these license fields differ from what the vendor signed: endpoint");
        let mut ended = license("l", "shop", 8);
        let value = EntitlementValue::String("2020-01-01T00:00:00Z".into());
        ended
            .entitlements
            .insert("expires_at".into(), Entitlement { value, ..Entitlement::default() });
        insta::assert_snapshot!(check(&current, ended, &[]), @"License is expired");
    }

    #[test]
    fn tokens_of_one_service_account_are_one_licence() {
        let token = |identity: &str, secret: &str| {
            let json = format!(r#"{{"i":"{identity}","s":"{secret}"}}"#);
            base64::engine::general_purpose::STANDARD.encode(json)
        };
        let current = license(&token("me", "a"), "shop", 7);
        assert!(check(&current, license(&token("me", "b"), "shop", 7), &[]).starts_with("Update"));
        assert_eq!(
            check(&current, license(&token("you", "a"), "shop", 7), &[]),
            "license ids do not match"
        );
    }
}
