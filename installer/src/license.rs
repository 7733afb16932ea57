//! Whether a licence is good for a release (`cmd/installer/cli/install.go`). The sentences are the
//! original's. Pure.

use jiff::Timestamp;
use kinds::license::License;
use thiserror::Error;

use crate::flow::Target;
use crate::release::Release;

/// Why a licence is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unfit {
    /// It is for another application.
    #[error(
        "license app {found} does not match binary app {allowed}, please provide the correct license"
    )]
    App {
        /// The application of the licence.
        found: String,
        /// The application of the release.
        allowed: String,
    },
    /// It has no access to the channel.
    #[error("binary channel {id} ({slug}) not present in license, channels allowed by license are: {}", .allowed.join(", "))]
    Channel {
        /// The channel's id.
        id: String,
        /// The channel's slug or name.
        slug: String,
        /// The channels of the licence.
        allowed: Vec<String>,
    },
    /// It has ended.
    #[error("license expired on {0}, please provide a valid license")]
    Expired(Timestamp),
    /// Its end cannot be told.
    #[error("the end of the license cannot be told: {0}")]
    Expiry(String),
    /// It does not allow bundles.
    #[error("license does not have air gap enabled, please provide a valid license")]
    Airgap,
    /// It does not allow an embedded cluster.
    #[error("license does not have embedded cluster enabled, please provide a valid license")]
    EmbeddedCluster,
    /// Fields outside the signature differ from those inside.
    #[error("these license fields differ from what the vendor signed: {}", .0.join(", "))]
    Changed(Vec<String>),
}

/// Refuses a licence that is not good for a release.
pub(crate) fn check(
    license: &License,
    differences: &[String],
    release: &Release,
    target: Target,
    now: Timestamp,
) -> Result<(), Unfit> {
    if !differences.is_empty() {
        return Err(Unfit::Changed(differences.to_vec()));
    }
    if license.app_slug != release.app_slug {
        let (found, allowed) = (license.app_slug.clone(), release.app_slug.clone());
        return Err(Unfit::App { found, allowed });
    }
    if license.channel(&release.channel_id).is_err() {
        let named = |id: &str, slug: &str| format!("{id} ({slug})");
        let mut allowed: Vec<_> =
            license.channels.iter().map(|it| named(&it.channel_id, &it.channel_slug)).collect();
        if allowed.is_empty() {
            allowed.push(named(&license.channel_id, &license.channel_name));
        }
        let slug = if release.channel_slug.is_empty() {
            release.channel_name.clone()
        } else {
            release.channel_slug.clone()
        };
        return Err(Unfit::Channel { id: release.channel_id.clone(), slug, allowed });
    }
    match license.expires_at() {
        Ok(Some(end)) if end < now => return Err(Unfit::Expired(end)),
        Ok(_) => {}
        Err(error) => return Err(Unfit::Expiry(error.to_string())),
    }
    if release.airgap.is_some() && !license.is_airgap_supported {
        return Err(Unfit::Airgap);
    }
    if target == Target::Linux && !license.is_embedded_cluster_download_enabled {
        return Err(Unfit::EmbeddedCluster);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kinds::license::{RootKeys, verify};
    use sample::license::Builder;

    use super::*;
    use crate::release::Identity;

    fn check(builder: &Builder, channel_id: &str, target: Target) -> String {
        let mut keys = RootKeys::none();
        keys.add_pem(sample::keys::root_public_pem()).expect("a key");
        let verified = verify(&builder.yaml(), &keys).expect("a licence");
        let identity = Identity {
            app_slug: sample::APP_SLUG.to_owned(),
            channel_id: channel_id.to_owned(),
            channel_slug: "stable".to_owned(),
            ..Identity::default()
        };
        let release = Release::new(identity, &[]).expect("a release");
        let now = "2026-06-01T00:00:00Z".parse().expect("a time");
        match super::check(&verified.license, &verified.differences, &release, target, now) {
            Ok(()) => "good".to_owned(),
            Err(unfit) => unfit.to_string(),
        }
    }

    #[test]
    fn a_licence_is_good_for_its_application_channel_and_time() {
        let kubernetes = |builder: &Builder| check(builder, sample::STABLE_ID, Target::Kubernetes);
        assert_eq!(kubernetes(&Builder::new()), "good");
        insta::assert_snapshot!(kubernetes(&Builder::new().app("other")), @"license app other does not match binary app sample-app, please provide the correct license");
        insta::assert_snapshot!(kubernetes(&Builder::new().expires_at("2026-01-01T00:00:00Z")), @"license expired on 2026-01-01T00:00:00Z, please provide a valid license");
        insta::assert_snapshot!(check(&Builder::new(), "elsewhere", Target::Kubernetes), @"binary channel elsewhere (stable) not present in license, channels allowed by license are: 2fVbTqW8hL0dYkXcRzM4uJpS1aN (stable), 2fVbTuE5gC7nQwHxLmB9oKiZ3rD (beta)");
        let tampered = Builder::new().tamper(|it| it.customer_name = "Other".to_owned());
        insta::assert_snapshot!(kubernetes(&tampered), @"these license fields differ from what the vendor signed: customerName");
        let without = Builder::new().edit(|it| it.is_embedded_cluster_download_enabled = false);
        insta::assert_snapshot!(check(&without, sample::STABLE_ID, Target::Linux), @"license does not have embedded cluster enabled, please provide a valid license");
    }
}
