//! What the steps of a run share: the plan, the client, and what was seen last.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use steps::{Failure, Reporter, Scope};
use tokio::time::Instant;
use wire::app::{App, AppStatus};

use super::args::Wait;
use super::plan::DeployPlan;
use super::target::{Target, versions};
use super::verdict::Move;
use crate::client::Client;
use crate::client::call::CallError;
use crate::embedded::Embedded;
use crate::registry::settings::NewRegistry;

/// How long a server that keeps no idempotency keys is watched before anything is done again.
const QUIET: Duration = Duration::from_secs(15);

/// What the steps of a run share.
#[derive(Debug)]
pub struct Context {
    /// The plan.
    pub plan: Arc<DeployPlan>,
    /// When to be done.
    pub wait: Wait,
    /// Limit of the run.
    pub limit: Duration,
    /// When the run must be over.
    pub deadline: Instant,
    /// The folder of journals and memories, if there is one.
    pub state_dir: Option<PathBuf>,
    /// Set by the first step.
    pub client: Option<Arc<Client>>,
    /// The server in this process, if there is one.
    pub embedded: Option<Embedded>,
    /// Set when `check` found that nothing needs to be fetched or made.
    pub settled: Option<Move>,
    /// The version that carries the target, once known.
    pub sequence: Option<i64>,
    /// The registry of the images, when the application does not use it yet.
    pub new_registry: Option<NewRegistry>,
    /// The vendor's label of the target, once the server has told it.
    pub label: Option<String>,
    /// What the status informers said last.
    pub status: Option<AppStatus>,
    /// What was seen last, for a run that ends without an end.
    pub last: LastSeen,
}

/// The last known state in words; shared with whoever ends the run from outside.
#[derive(Debug, Clone, Default)]
pub struct LastSeen(Arc<Mutex<Option<String>>>);

impl LastSeen {
    /// Remembers what was seen.
    pub fn set(&self, text: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.into());
    }

    /// What was seen last.
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Context {
    /// The client.
    pub fn client(&self) -> Arc<Client> {
        Arc::clone(self.client.as_ref().expect("the first step makes it"))
    }

    /// Reads the application with all its versions and remembers what was seen.
    ///
    /// # Errors
    ///
    /// A failure that says whether the application is unknown or the server out of reach.
    pub async fn app(&self, scope: &Scope<'_>) -> Result<App, Failure> {
        self.app_with(scope.reporter()).await
    }

    /// As [`Context::app`], from outside a step's scope.
    ///
    /// # Errors
    ///
    /// As [`Context::app`].
    pub async fn app_with(&self, reporter: &Reporter) -> Result<App, Failure> {
        let (client, slug) = (self.client(), &self.plan.slug);
        match client.app(slug, reporter).await {
            Ok(app) => {
                self.last.set(describe(&app));
                Ok(app)
            }
            Err(error @ CallError::Refused(_)) => {
                Err(unknown_app(&client, slug, error, reporter).await)
            }
            Err(error) => Err(failure("failed to read the application", &error)),
        }
    }

    /// The target, with its label as far as it is known.
    pub fn target(&self) -> Target {
        let target = self.plan.target.clone();
        match &self.label {
            Some(label) if target.label.is_empty() => Target { label: label.clone(), ..target },
            _ => target,
        }
    }

    /// The target's words for messages.
    pub fn target_name(&self) -> String {
        self.target().name()
    }

    /// Learns the target's label from a version that carries it.
    pub fn learn_label(&mut self, app: &App) {
        if let Some(version) = versions(app).into_iter().find(|it| self.plan.target.is(it)) {
            self.label = Some(version.version_label.clone()).filter(|it| !it.is_empty());
        }
    }
}

/// How long a quiet server must be quiet.
pub fn quiet_time() -> Duration {
    #[cfg(feature = "faults")]
    if let Some(millis) = std::env::var("KOTS_FAULT_QUIET_MS").ok().and_then(|it| it.parse().ok()) {
        return Duration::from_millis(millis);
    }
    QUIET
}

/// The original answers 500 without a word for a slug it does not know: find out whether that is it.
async fn unknown_app(
    client: &Client,
    slug: &str,
    error: CallError,
    reporter: &Reporter,
) -> Failure {
    match client.apps(reporter).await {
        Ok(apps) if !apps.iter().any(|it| it.slug == slug) => {
            let known: Vec<&str> = apps.iter().map(|it| it.slug.as_str()).collect();
            let known = match known.as_slice() {
                [] => format!("{} has no application", client.address()),
                names => format!("{} has {}", client.address(), names.join(", ")),
            };
            Failure::new("rejected", format!("app with slug {slug} not found"))
                .because(known)
                .next("name an installed application, or install it with `kots install`")
                .nothing_changed()
        }
        _ => failure("failed to read the application", &error),
    }
}

/// One line about an application for people.
pub fn describe(app: &App) -> String {
    match &app.downstream.current_version {
        Some(it) => format!(
            "sequence {} ({}, cursor {}) is `{}`",
            it.sequence, it.version_label, it.update_cursor, it.status
        ),
        None => "no version is deployed".to_owned(),
    }
}

/// Turns a call that ended without success into a step's failure. `what` is the step's sentence.
pub fn failure(what: &str, error: &CallError) -> Failure {
    worded(what, error.to_string(), error)
}

/// As [`failure`], with the reason worded by the caller.
pub fn worded(what: &str, reason: String, error: &CallError) -> Failure {
    let kind = match error {
        CallError::Refused(_)
        | CallError::Auth { .. }
        | CallError::Denied { .. }
        | CallError::Input(_) => "rejected",
        CallError::OutOfTime { .. } | CallError::Ambiguous { .. } => "unknown",
        CallError::Malformed { .. } => "failed",
    };
    let mut failure = Failure::new(kind, what).because(reason);
    failure.why.extend(error.details());
    failure.next = Some(hint(error));
    if matches!(
        error,
        CallError::Refused(_)
            | CallError::Auth { .. }
            | CallError::Denied { .. }
            | CallError::Input(_)
    ) {
        failure = failure.nothing_changed();
    }
    failure
}

/// The failure of a step whose every answer was lost until the deadline.
pub fn all_lost(what: &str) -> Failure {
    Failure::new("unknown", what)
        .because("every answer was lost")
        .next("run the same command again: it finds out what is true and goes on from there")
}

/// The failure of a step whose success the server tells and does not show.
pub fn not_shown(what: &str, why: String) -> Failure {
    Failure::new("failed", what).because(why).next(
        "look at the versions in the admin console and at its log: `kubectl logs -l app=kotsadm`",
    )
}

fn hint(error: &CallError) -> String {
    let text = match error {
        CallError::Refused(refusal) => match (&refusal.hint, refusal.reason.as_deref()) {
            (Some(hint), _) => return hint.clone(),
            (None, None | Some("failed to deploy" | "failed to sync license")) => {
                "the reason is in the admin console's log: `kubectl logs -l app=kotsadm`"
            }
            (None, Some(reason)) => known_hint(reason),
        },
        CallError::Auth { .. } => {
            "check the auth string: it is the whole value of the secret `kotsadm-authstring`, `Kots …`"
        }
        CallError::Denied { .. } => "check the address and your permissions",
        CallError::OutOfTime { .. } | CallError::Ambiguous { .. } => {
            "run the same command again: it finds out what is true and goes on from there"
        }
        CallError::Malformed { .. } => "check that the address is an admin console's",
        CallError::Input(_) => {
            "leave the bundle alone while it is sent, and run the same command again"
        }
    };
    text.to_owned()
}

/// What to do about reasons the original is known to give.
fn known_hint(reason: &str) -> &'static str {
    let table = [
        ("must be deployed first", "deploy the versions it names first, oldest first"),
        ("fields are required", "give every item it names a value in the --config-values file"),
        ("validate config values", "correct the items in the --config-values file"),
        ("License is expired", "ask the vendor to renew the license"),
        ("not found in license", "pass a release of a channel the license has"),
        (
            "already the current version",
            "deploy another release, or run the same command again to check this one",
        ),
        ("strict analyzer", "correct what the preflight names, then run the same command again"),
        ("does not have a config", "`kots deploy` needs a release with a Config"),
    ];
    table
        .iter()
        .find(|(part, _)| reason.contains(part))
        .map_or("correct what it names, then run the same command again", |(_, hint)| hint)
}
