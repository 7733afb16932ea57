//! Waits until an object is what a vendor wants it to be, until a deadline.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use kinds::application::INFORMER_KINDS;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::api::{Resource, Server};
use super::error::{ClusterError, told};
use super::object::Id;
use super::path::Condition;
use super::seen;
use super::states::READY;
use crate::target::informer::Informer;

/// The first pause between two looks; each next one is longer.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two looks, that of the original.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Until when waiting goes on, and how long that was in the beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub end: Instant,
    pub limit: Duration,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        Self { end: Instant::now() + limit, limit }
    }

    fn passed(&self, object: &Id, wanted: &str, seen: String) -> ClusterError {
        ClusterError::TimedOut {
            object: object.to_string(),
            wanted: wanted.to_owned(),
            limit_seconds: self.limit.as_secs(),
            seen,
        }
    }
}

/// What a look shows.
enum Look {
    Done,
    Never(String),
    NotYet(String),
}

/// Waits until an object is ready. Kinds without a notion of it are ready when they are there, as in
/// the original.
pub(super) async fn until_ready(
    server: &Server,
    resource: &Resource,
    id: &Id,
    deadline: Deadline,
) -> Result<(), ClusterError> {
    let kind = id.kind.to_lowercase();
    let informer = INFORMER_KINDS.contains(&kind.as_str()).then(|| Informer {
        kind,
        namespace: id.namespace.clone(),
        name: id.name.clone(),
    });
    let informer = informer.as_ref();
    until(id, "ready", deadline, || async move {
        let Some(informer) = informer else {
            let found = server.get(resource, id).await?;
            return Ok(match found {
                Some(_) => Look::Done,
                None => Look::NotYet("it is not there".to_owned()),
            });
        };
        let facts = seen::facts(server, informer).await?;
        if facts.state(informer) == READY {
            return Ok(Look::Done);
        }
        let state = seen::told(server, &facts, informer, &[]).await;
        let reason = state.reason.map_or_else(String::new, |it| format!(": {it}"));
        Ok(Look::NotYet(format!("it is {}{reason}", state.state)))
    })
    .await
}

/// Waits until a field of an object has a value.
pub(super) async fn until_holds(
    server: &Server,
    resource: &Resource,
    id: &Id,
    condition: &Condition,
    deadline: Deadline,
) -> Result<(), ClusterError> {
    until(id, &format!("`{condition}`"), deadline, || async move {
        let Some(found) = server.get(resource, id).await? else {
            return Ok(Look::NotYet("it is not there".to_owned()));
        };
        if condition.holds(&found) {
            return Ok(Look::Done);
        }
        if let Some(why) = failed(server, id, &found).await {
            return Ok(Look::Never(why));
        }
        Ok(Look::NotYet(format!("it is `{}`", condition.found(&found))))
    })
    .await
}

/// Why a Job that failed will not change any more.
async fn failed(server: &Server, id: &Id, found: &Value) -> Option<String> {
    if id.kind != "Job" || id.group != "batch" {
        return None;
    }
    let job: Job = serde_json::from_value(found.clone()).ok()?;
    seen::failed_job(server, &id.namespace, &job).await
}

/// Waits until a custom kind is served.
pub(super) async fn until_established(
    server: &Server,
    resource: &Resource,
    id: &Id,
    deadline: Deadline,
) -> Result<(), ClusterError> {
    until(id, "established", deadline, || async move {
        let found = server.get(resource, id).await?.unwrap_or_default();
        Ok(match established(&found) {
            Ok(()) => Look::Done,
            Err((true, why)) => Look::Never(why),
            Err((false, why)) => Look::NotYet(why),
        })
    })
    .await
}

/// Whether a definition is served; else whether it never will be, and why.
fn established(found: &Value) -> Result<(), (bool, String)> {
    let conditions = found["status"]["conditions"].as_array();
    let condition = |name: &str| conditions.into_iter().flatten().find(|it| it["type"] == name);
    let said = |it: &Value| {
        format!(
            "{}: {}",
            it["reason"].as_str().unwrap_or_default(),
            it["message"].as_str().unwrap_or_default()
        )
    };
    if let Some(refused) = condition("NamesAccepted").filter(|it| it["status"] == "False") {
        return Err((true, said(refused)));
    }
    match condition("Established") {
        Some(it) if it["status"] == "True" => Ok(()),
        Some(it) => Err((false, said(it))),
        None => Err((false, "it has no such condition yet".to_owned())),
    }
}

/// Waits until an object is gone.
pub(super) async fn until_gone(
    server: &Server,
    resource: &Resource,
    id: &Id,
    uid: &str,
    deadline: Deadline,
) -> Result<(), ClusterError> {
    until(id, "gone", deadline, || async move {
        Ok(match server.get(resource, id).await? {
            Some(found) if found["metadata"]["uid"] == uid => {
                let finalizers = &found["metadata"]["finalizers"];
                let held = finalizers.as_array().filter(|it| !it.is_empty());
                Look::NotYet(held.map_or_else(
                    || "it is being removed".to_owned(),
                    |it| format!("finalizers hold it: {}", Value::Array(it.clone())),
                ))
            }
            _ => Look::Done,
        })
    })
    .await
}

async fn until<F>(
    id: &Id,
    wanted: &str,
    deadline: Deadline,
    look: impl Fn() -> F,
) -> Result<(), ClusterError>
where
    F: Future<Output = Result<Look, kube::Error>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let seen = match look().await {
            Ok(Look::Done) => return Ok(()),
            Ok(Look::Never(seen)) => {
                let (object, wanted) = (id.to_string(), wanted.to_owned());
                return Err(ClusterError::Hopeless { object, wanted, seen });
            }
            Ok(Look::NotYet(seen)) => seen,
            Err(error) => {
                let why = told(&error);
                return Err(ClusterError::Object { what: "look at", object: id.to_string(), why });
            }
        };
        if Instant::now() + pause >= deadline.end {
            return Err(deadline.passed(id, wanted, seen));
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn definitions() {
        let check = |conditions: Value| established(&json!({"status": {"conditions": conditions}}));
        let yes = |name: &str| json!({"type": name, "status": "True"});
        assert_eq!(check(json!([yes("NamesAccepted"), yes("Established")])), Ok(()));
        assert_eq!(check(json!([])), Err((false, "it has no such condition yet".to_owned())));
        assert_eq!(
            check(
                json!([{"type": "NamesAccepted", "status": "False", "reason": "ListKindConflict", "message": "taken"}])
            ),
            Err((true, "ListKindConflict: taken".to_owned()))
        );
    }
}
