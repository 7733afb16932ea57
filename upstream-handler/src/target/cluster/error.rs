//! Why something was not done in the cluster, with the object it was about.

use kube::core::Status;
use thiserror::Error;

use super::object::Id;

/// Why a deploy to a cluster was not carried out.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// There is no cluster to connect to.
    #[error("could not connect to the cluster")]
    Connect {
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The version's manifests contradict themselves.
    #[error("the version cannot be deployed: {0}")]
    Plan(String),
    /// An object was refused.
    #[error("could not {what} {object}: {why}")]
    Object {
        /// `apply`, `remove`, …
        what: &'static str,
        /// `Deployment shop/web`, and where it is from.
        object: String,
        /// The server's reason.
        why: String,
    },
    /// Fields of an object belong to somebody else.
    #[error(
        "could not apply {object}: {}; give the fields up there, leave them out of the manifest, or \
         start kotsadm with --force-conflicts",
        list(.conflicts)
    )]
    Conflict {
        /// `Deployment shop/web`, and where it is from.
        object: String,
        /// What belongs to whom.
        conflicts: Vec<Conflict>,
    },
    /// An object did not become what was waited for.
    #[error("{object} did not become {wanted} within {limit_seconds} s: {seen}")]
    TimedOut {
        /// `Deployment shop/web`.
        object: String,
        /// `ready`, …
        wanted: String,
        /// The limit.
        limit_seconds: u64,
        /// What was seen last, and why.
        seen: String,
    },
    /// An object can no longer become what was waited for.
    #[error("{object} will not become {wanted}: {seen}")]
    Hopeless {
        /// `Job shop/migrate`.
        object: String,
        /// What was waited for.
        wanted: String,
        /// Why.
        seen: String,
    },
    /// Helm is needed and not there.
    #[error(
        "the version has Helm charts and there is no `helm` program; install Helm, or name it by \
         KOTS_HELM"
    )]
    NoHelm,
    /// Helm failed.
    #[error("could not {what} the Helm release {release}: {why}")]
    Helm {
        /// `install or upgrade`, `uninstall`, …
        what: &'static str,
        /// `shop/web`.
        release: String,
        /// Its own words.
        why: String,
    },
    /// Later steps were not begun.
    #[error("{0}")]
    NotBegun(String),
}

/// A field that is another's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// Who owns it, as the API server names them: `kubectl-edit`.
    pub owner: String,
    /// Path of the field, `.spec.replicas`.
    pub field: String,
}

fn list(conflicts: &[Conflict]) -> String {
    let mut owners: Vec<&str> = conflicts.iter().map(|it| it.owner.as_str()).collect();
    owners.sort_unstable();
    owners.dedup();
    let of = |owner: &str| {
        let fields: Vec<_> =
            conflicts.iter().filter(|it| it.owner == owner).map(|it| it.field.as_str()).collect();
        format!("`{owner}` owns {}", fields.join(", "))
    };
    owners.into_iter().map(of).collect::<Vec<_>>().join("; ")
}

/// What belongs to whom, in the API server's answer to an apply.
pub(super) fn conflicts(status: &Status) -> Vec<Conflict> {
    let causes = status.details.iter().flat_map(|it| &it.causes);
    let mut found: Vec<_> = causes
        .filter(|it| it.reason == "FieldManagerConflict")
        .map(|cause| Conflict {
            owner: cause
                .message
                .split('"')
                .nth(1)
                .map_or_else(|| cause.message.clone(), str::to_owned),
            field: cause.field.clone(),
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The server's words, or those of what is in between.
pub(super) fn told(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return match (status.message.is_empty(), status.reason.is_empty()) {
            (false, _) => status.message.clone(),
            (true, false) => status.reason.clone(),
            (true, true) => format!("the API server answered {}", status.code),
        };
    }
    chain(error)
}

/// An error with its causes in one line; what a message repeats of its source is said once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !parts.iter().any(|it| it.contains(&text)) {
            parts.push(text);
        }
        source = cause.source();
    }
    parts.join(": ")
}

/// Names an object, and where it is from.
pub(super) fn named(id: &Id, origin: &str) -> String {
    if origin.is_empty() { id.to_string() } else { format!("{id} ({origin})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_name_owner_and_field() {
        let status: Status = serde_json::from_value(serde_json::json!({
            "status": "Failure", "reason": "Conflict", "code": 409,
            "message": "Apply failed with 2 conflicts: …",
            "details": { "causes": [
                { "reason": "FieldManagerConflict", "field": ".spec.replicas",
                  "message": "conflict with \"kubectl-scale\" with subresource \"scale\" using apps/v1" },
                { "reason": "FieldManagerConflict", "field": ".data.a",
                  "message": "conflict with \"ops\" using v1" },
            ]},
        }))
        .expect("a status");
        let error = ClusterError::Conflict {
            object: "Deployment shop/web (web.yaml)".to_owned(),
            conflicts: conflicts(&status),
        };
        insta::assert_snapshot!(error, @"could not apply Deployment shop/web (web.yaml): `kubectl-scale` owns .spec.replicas; `ops` owns .data.a; give the fields up there, leave them out of the manifest, or start kotsadm with --force-conflicts");
    }
}
