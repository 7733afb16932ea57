//! Names of embedded-cluster's artifacts (`pkg/imageutil`: `SanitizeTag`, `SanitizeRepo`,
//! `NewEmbeddedClusterOCIArtifactPath`).

use std::sync::LazyLock;

use regex::Regex;

use super::{Destination, EMBEDDED_CLUSTER};
use crate::endpoint::Endpoint;
use airgap::reference::Version;

/// The most characters of a tag.
const TAG_LIMIT: usize = 128;

static TAG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}").expect("fixed"));
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*").expect("fixed"));

/// Keeps what may stand in a tag.
pub fn sanitize_tag(text: &str) -> String {
    let mut tag: String = TAG.find_iter(text).map(|it| it.as_str()).collect();
    tag.truncate(TAG_LIMIT);
    tag
}

/// Keeps what may stand in the last component of a repository's name.
pub fn sanitize_repository(text: &str) -> String {
    let lower = text.to_lowercase();
    NAME.find_iter(&lower).map(|it| it.as_str()).collect()
}

/// Where a file that embedded-cluster needs goes: named after the file, tagged with the release. None when nothing of
/// one of the two may stand in a name.
pub fn artifact_destination(
    endpoint: &Endpoint,
    path: &str,
    channel_id: &str,
    update_cursor: &str,
    version_label: &str,
) -> Option<Destination> {
    let base = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name = sanitize_repository(base);
    let tag = sanitize_tag(&format!("{channel_id}-{update_cursor}-{version_label}"));
    if name.is_empty() || tag.is_empty() {
        return None;
    }
    Some(endpoint.at(&[EMBEDDED_CLUSTER, &name], Version::Tag(tag)))
}
