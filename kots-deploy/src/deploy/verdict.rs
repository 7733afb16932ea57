//! Decides what is left to do about config and deploy, from what the server has.

use wire::app::{App, DownstreamVersion};

use super::target::{Target, base, downloaded, versions};
use super::values::Match;

/// Sources of versions, as the original writes them.
const CONFIG_CHANGE: &str = "Config Change";
const LICENSE_CHANGE: &str = "License Change";
const REGISTRY_CHANGE: &str = "Registry Change";

/// What is left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// The version is deployed or being deployed with these values.
    Watch {
        /// The version.
        sequence: i64,
        /// Password items that could not be compared.
        not_compared: Vec<String>,
    },
    /// The version has these values and its deploy failed: the same version once more.
    Redeploy {
        /// The version.
        sequence: i64,
    },
    /// A version with these values was made and not deployed.
    Deploy {
        /// The version.
        sequence: i64,
    },
    /// No version has these values: make one and deploy it.
    Make,
}

/// The versions whose values must be known to decide, most telling first.
pub fn candidates<'a>(target: &Target, app: &'a App) -> Vec<&'a DownstreamVersion> {
    let current = app.downstream.current_version.as_ref().filter(|it| target.is(it));
    let above = app.downstream.current_version.as_ref().map_or(-1, |it| it.sequence);
    let made = base(target, app).filter(|it| it.source == CONFIG_CHANGE && above < it.sequence);
    current.into_iter().chain(made).collect()
}

/// Whether the deployed version lacks a licence or a registry that was set after it.
pub fn settings_wait(app: &App) -> bool {
    let current = app.downstream.current_version.as_ref().map_or(-1, |it| it.sequence);
    let is_setting = |source: &str| [LICENSE_CHANGE, REGISTRY_CHANGE].contains(&source);
    versions(app)
        .into_iter()
        .any(|it| current < it.sequence && downloaded(it) && is_setting(&it.source))
}

/// Decides. `values_of` tells for each of the [`candidates`] how its values compare; `settings_are_new` is whether a
/// licence or a registry must be deployed that the current version has not.
pub fn decide(
    target: &Target,
    app: &App,
    settings_are_new: bool,
    values_of: impl Fn(i64) -> Match,
) -> Move {
    let current = app.downstream.current_version.as_ref().map(|it| it.sequence);
    for version in candidates(target, app) {
        let Match::Same { not_compared } = values_of(version.sequence) else { continue };
        let sequence = version.sequence;
        if Some(sequence) != current {
            return Move::Deploy { sequence };
        }
        if settings_are_new {
            continue;
        }
        return match version.status.as_str() {
            "failed" => Move::Redeploy { sequence },
            _ => Move::Watch { sequence, not_compared },
        };
    }
    Move::Make
}

/// Finds the version that a request with config values made: of the target, by its source, newer than all before.
pub fn made_after(target: &Target, app: &App, baseline: i64) -> Option<i64> {
    versions(app)
        .into_iter()
        .find(|it| it.sequence > baseline && it.source == CONFIG_CHANGE && target.is(it))
        .map(|it| it.sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines are `sequence cursor status source`, the current one marked by `*`; versions in `same` have the values.
    fn check(lines: &[&str], same: &[i64], license_is_new: bool) -> String {
        let target = Target { channel_id: "a".into(), cursor: "5".into(), ..Target::default() };
        let mut app = App::default();
        for line in lines {
            let words: Vec<&str> = line.trim_start_matches('*').splitn(4, ' ').collect();
            let version = DownstreamVersion {
                sequence: words[0].parse().expect("a sequence first"),
                channel_id: Some("a".into()),
                update_cursor: words[1].into(),
                status: words[2].into(),
                source: words[3].into(),
                ..DownstreamVersion::default()
            };
            if line.starts_with('*') {
                app.downstream.current_version = Some(version);
            } else {
                app.downstream.pending_versions.push(version);
            }
        }
        let values_of = |sequence| {
            if same.contains(&sequence) {
                Match::Same { not_compared: vec![] }
            } else {
                Match::Differs { items: vec![] }
            }
        };
        format!(
            "{:?}, made after 1: {:?}",
            decide(&target, &app, license_is_new || settings_wait(&app), values_of),
            made_after(&target, &app, 1)
        )
    }

    #[test]
    fn what_is_left_to_do() {
        let old = "*0 4 deployed Online Install";
        insta::assert_snapshot!(
            [
                check(&[old], &[0], false),
                check(&[old, "1 5 pending Upstream Update"], &[1], false),
                check(&[old, "1 5 pending Upstream Update", "2 5 pending Config Change"], &[], false),
                check(&[old, "1 5 pending Upstream Update", "2 5 pending Config Change"], &[2], false),
                check(&["1 5 pending Upstream Update", "*2 5 deploying Config Change"], &[2], false),
                check(&["*2 5 deployed Config Change"], &[2], false),
                check(&["*2 5 deployed Config Change"], &[], false),
                check(&["*2 5 failed Config Change"], &[2], false),
                check(&["*2 5 deployed Config Change"], &[2], true),
                check(&["*2 5 deployed Config Change", "3 5 pending License Change"], &[2], false),
                check(&["*2 5 deployed Config Change", "3 5 pending Registry Change"], &[2], false),
                check(&["*2 5 deployed Config Change", "3 5 pending Config Change"], &[3], false),
                check(&["*2 5 deployed Online Install"], &[2], false),
            ]
            .join("\n"),
            @r"
            Make, made after 1: None
            Make, made after 1: None
            Make, made after 1: Some(2)
            Deploy { sequence: 2 }, made after 1: Some(2)
            Watch { sequence: 2, not_compared: [] }, made after 1: Some(2)
            Watch { sequence: 2, not_compared: [] }, made after 1: Some(2)
            Make, made after 1: Some(2)
            Redeploy { sequence: 2 }, made after 1: Some(2)
            Make, made after 1: Some(2)
            Make, made after 1: Some(2)
            Make, made after 1: Some(2)
            Deploy { sequence: 3 }, made after 1: Some(3)
            Watch { sequence: 2, not_compared: [] }, made after 1: None
            "
        );
    }
}
