//! Whether a bundle fits the application and the licence.

use jiff::Timestamp;
use thiserror::Error;

use crate::airgap::Airgap;
use crate::license::{ExpiryError, License};

/// Why a bundle is refused. Where the original has a sentence, it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AirgapRefusal {
    /// The bundle is of another application.
    #[error(
        "Failed to verify bundle signature - license is for app \"{license}\", airgap package for app \"{bundle}\""
    )]
    OtherApp {
        /// The application of the licence.
        license: String,
        /// The application of the bundle.
        bundle: String,
    },
    /// The licence has no access to the bundle's channel.
    #[error("Requested channel ({channel}) not found in license.")]
    Channel {
        /// The channel's name, or its id when it has none.
        channel: String,
    },
    /// The licence has ended.
    #[error("License is expired")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// It cannot be told whether the licence has ended.
    #[error("the end of the license cannot be told")]
    Expiry(#[from] ExpiryError),
    /// The bundle's cursor is no number.
    #[error("airgap.yaml has the updateCursor `{found}`, a number written as text is allowed")]
    Cursor {
        /// The cursor found.
        found: String,
    },
}

/// Refuses a bundle of another application, of a channel the licence has no access to, or one
/// that comes after the licence has ended.
///
/// The original compares the applications only when the licence's signature fails; here a bundle
/// that names another one is always refused.
///
/// # Errors
///
/// [`AirgapRefusal`].
pub fn check_airgap(
    airgap: &Airgap,
    license: &License,
    now: Timestamp,
) -> Result<(), AirgapRefusal> {
    if !airgap.app_slug.is_empty() && airgap.app_slug != license.app_slug {
        return Err(AirgapRefusal::OtherApp {
            license: license.app_slug.clone(),
            bundle: airgap.app_slug.clone(),
        });
    }
    if license.channel(&airgap.channel_id).is_err() {
        let name = [&airgap.channel_name, &airgap.channel_id].into_iter().find(|n| !n.is_empty());
        return Err(AirgapRefusal::Channel { channel: name.cloned().unwrap_or_default() });
    }
    if let Some(at) = license.expires_at()?.filter(|end| *end < now) {
        return Err(AirgapRefusal::Expired { at });
    }
    if airgap.update_cursor.parse::<i64>().is_err() {
        return Err(AirgapRefusal::Cursor { found: airgap.update_cursor.clone() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{Channel, Entitlement, EntitlementValue};

    #[test]
    fn a_bundle_must_fit_the_licence() {
        let license = License {
            app_slug: "shop".into(),
            channels: vec![Channel { channel_id: "c".into(), ..Channel::default() }],
            entitlements: [(
                "expires_at".to_owned(),
                Entitlement {
                    value: EntitlementValue::String("2030-01-01T00:00:00Z".into()),
                    ..Entitlement::default()
                },
            )]
            .into(),
            ..License::default()
        };
        let check = |app: &str, channel: &str, cursor: &str, now: &str| {
            let airgap = Airgap {
                app_slug: app.into(),
                channel_id: channel.into(),
                channel_name: "Stable".into(),
                update_cursor: cursor.into(),
                ..Airgap::default()
            };
            let now = now.parse().expect("a time");
            check_airgap(&airgap, &license, now).map_err(|error| error.to_string())
        };
        assert_eq!(check("shop", "c", "1", "2029-01-01T00:00:00Z"), Ok(()));
        assert_eq!(check("", "c", "1", "2029-01-01T00:00:00Z"), Ok(()));
        insta::assert_snapshot!(check("else", "c", "1", "2029-01-01T00:00:00Z").unwrap_err(), @r#"Failed to verify bundle signature - license is for app "shop", airgap package for app "else""#);
        insta::assert_snapshot!(check("shop", "d", "1", "2029-01-01T00:00:00Z").unwrap_err(), @"Requested channel (Stable) not found in license.");
        insta::assert_snapshot!(check("shop", "c", "1", "2031-01-01T00:00:00Z").unwrap_err(), @"License is expired");
        insta::assert_snapshot!(check("shop", "c", "", "2029-01-01T00:00:00Z").unwrap_err(), @"airgap.yaml has the updateCursor ``, a number written as text is allowed");
    }
}
