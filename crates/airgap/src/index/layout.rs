//! What the name of an entry says it is.
//!
//! Where images are kept is only known from `airgap.yaml`, which may come last; so the names are read by their shape.

use serde::{Deserialize, Serialize};

use crate::{AIRGAP_YAML, APP_ARCHIVE, digest::Digest};

/// Where registry storage begins, below a folder of images.
const STORAGE: &str = "docker/registry/v2/";
/// Where saved images begin.
const ARCHIVES: &str = "images/docker-archive/";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    AirgapYaml,
    App,
    Patch,
    /// A saved image; the rest of its path names it.
    Archive(String),
    /// Content named by its digest.
    Blob(Digest),
    /// A pointer of registry storage.
    Link {
        root: String,
        repository: String,
        to: LinkName,
    },
    /// `index.json` of an OCI layout.
    OciIndex {
        root: String,
    },
    Other,
}

/// What a link of registry storage is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum LinkName {
    Tag(String),
    Revision(Digest),
}

pub(super) fn role(name: &str) -> Role {
    match name {
        AIRGAP_YAML => return Role::AirgapYaml,
        APP_ARCHIVE => return Role::App,
        crate::PATCH_JSON => return Role::Patch,
        _ => {}
    }
    if let Some(path) = name.strip_prefix(ARCHIVES) {
        return Role::Archive(path.to_owned());
    }
    if let Some((root, rest)) = split_storage(name) {
        return storage(root, rest).unwrap_or(Role::Other);
    }
    if let Some(hex) = name.rsplit_once("/blobs/sha256/").map(|(_, hex)| hex)
        && let Some(digest) = Digest::from_hex(hex)
    {
        return Role::Blob(digest);
    }
    match name.rsplit_once('/') {
        Some((root, "index.json")) => Role::OciIndex { root: root.to_owned() },
        _ => Role::Other,
    }
}

/// The folder of images and the path in its storage. The storage may be at the root of the bundle.
fn split_storage(name: &str) -> Option<(&str, &str)> {
    if let Some(rest) = name.strip_prefix(STORAGE) {
        return Some(("", rest));
    }
    let at = name.find(&format!("/{STORAGE}"))?;
    Some((&name[..at], &name[at + 1 + STORAGE.len()..]))
}

fn storage(root: &str, rest: &str) -> Option<Role> {
    if let Some(blob) = rest.strip_prefix("blobs/sha256/") {
        let hex = blob.strip_suffix("/data")?.split_once('/')?;
        let digest = Digest::from_hex(hex.1)?;
        // A registry looks nowhere else.
        return hex
            .1
            .starts_with(hex.0)
            .then_some(())
            .filter(|()| hex.0.len() == 2)
            .map(|()| Role::Blob(digest));
    }
    let (repository, link) = rest.strip_prefix("repositories/")?.split_once("/_manifests/")?;
    let link = link.strip_suffix("/link")?;
    let to = if let Some(hex) = link.strip_prefix("revisions/sha256/") {
        LinkName::Revision(Digest::from_hex(hex)?)
    } else {
        let tag = link.strip_prefix("tags/")?.strip_suffix("/current")?;
        LinkName::Tag(Some(tag).filter(|it| crate::reference::is_tag(it))?.to_owned())
    };
    Some(Role::Link { root: root.to_owned(), repository: repository.to_owned(), to })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) -> String {
        match role(name) {
            Role::Blob(digest) => format!("blob {}", &digest.hex()[..4]),
            Role::Link { root, repository, to: LinkName::Tag(tag) } => {
                format!("{root:?} {repository}:{tag}")
            }
            Role::Link { root, repository, to: LinkName::Revision(digest) } => {
                format!("{root:?} {repository}@{}", &digest.hex()[..4])
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn registry_storage_is_read_by_its_paths() {
        let hex = "ab12".repeat(16);
        let blob = |prefix: &str| {
            check(&format!("images/docker/registry/v2/blobs/sha256/{prefix}/{hex}/data"))
        };
        assert_eq!(blob("ab"), "blob ab12");
        assert_eq!(blob("ac"), "Other");
        assert_eq!(blob("ab12"), "Other");
        let manifests = "docker/registry/v2/repositories/a/b/_manifests";
        assert_eq!(
            check(&format!("images/{manifests}/tags/1.0/current/link")),
            "\"images\" a/b:1.0"
        );
        assert_eq!(
            check(&format!("ec/reg/{manifests}/revisions/sha256/{hex}/link")),
            "\"ec/reg\" a/b@ab12"
        );
        assert_eq!(check(&format!("images/{manifests}/tags/1.0/index/sha256/{hex}/link")), "Other");
        assert_eq!(check(&format!("images/{manifests}/tags/.b/current/link")), "Other");
    }

    #[test]
    fn the_other_layouts_too() {
        assert_eq!(check(&format!("images/blobs/sha256/{}", "ab12".repeat(16))), "blob ab12");
        assert_eq!(check("images/blobs/sha256/short"), "Other");
        assert_eq!(check("images/index.json"), "OciIndex { root: \"images\" }");
        assert_eq!(
            check("images/docker-archive/quay.io/org/debian/0.1"),
            "Archive(\"quay.io/org/debian/0.1\")"
        );
        assert_eq!(check("airgap.yaml"), "AirgapYaml");
        assert_eq!(check("x/airgap.yaml"), "Other");
    }
}
