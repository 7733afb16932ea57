//! The steps of an installation that a deploy has not.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde_json::json;
use steps::{Check, Done, Facts, Failure, Scope, Step, StepKind, async_trait};
use tokio::time::sleep;
use wire::app::{App, DownstreamVersion};

use super::plan::InstallPlan;
use crate::client::call::CallError;
use crate::client::upload::{Part, Upload};
use crate::deploy::preflights;
use crate::deploy::state::{Context, failure, quiet_time};
use crate::deploy::steps::bring::{Bring, bring, field, metadata, release};
use crate::deploy::steps::{connect::Connect, idempotency_key, images::Images, watch::Watch};
use crate::deploy::target::{name, versions};
use crate::registry::settings::NewRegistry;

const WHAT: &str = "failed to install";

/// Every step, in order.
pub(super) fn all(plan: &Arc<InstallPlan>) -> Vec<Box<dyn Step<Context>>> {
    vec![
        Box::new(Connect { note: format!("Installing {}...", plan.common.slug) }),
        Box::new(CheckState { plan: Arc::clone(plan) }),
        Box::new(Images::default()),
        Box::new(Install { plan: Arc::clone(plan), key: String::new(), checks_again: false }),
        Box::new(Watch),
    ]
}

/// Looks whether the application is installed already.
struct CheckState {
    plan: Arc<InstallPlan>,
}

#[async_trait]
impl Step<Context> for CheckState {
    fn name(&self) -> &'static str {
        "check"
    }

    fn title(&self) -> &'static str {
        "Look at what is installed"
    }

    fn kind(&self) -> StepKind {
        StepKind::ReadOnly
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let Some(app) = installed(context, scope).await? else { return Ok(Done::Well) };
        let plan = &self.plan;
        let Some(version) =
            app.downstream.current_version.as_ref().or_else(|| versions(&app).into_iter().next())
        else {
            return Ok(Done::Well);
        };
        let target = &plan.common.target;
        let fits = (target.cursor.is_empty() || target.is(version))
            && (target.label.is_empty() || target.label == version.version_label);
        if !fits {
            return Err(Failure::new(
                "rejected",
                format!("{} is installed already, with {}", app.slug, name(version)),
            )
            .next(format!("upgrade it with `kots deploy {}`", app.slug))
            .nothing_changed());
        }
        context.sequence = Some(version.sequence);
        Ok(Done::Well)
    }
}

/// The application, if any version of it is installed.
async fn installed(context: &Context, scope: &Scope<'_>) -> Result<Option<App>, Failure> {
    let apps = context
        .client()
        .apps(scope.reporter())
        .await
        .map_err(|it| failure("failed to read the applications", &it))?;
    let app = apps.into_iter().find(|it| it.slug == context.plan.slug);
    Ok(app.filter(|it| !versions(it).is_empty()))
}

/// Sends the licence and, with a bundle, the release.
struct Install {
    plan: Arc<InstallPlan>,
    key: String,
    /// It is installed, and only its checks keep it from being deployed.
    checks_again: bool,
}

#[async_trait]
impl Step<Context> for Install {
    fn name(&self) -> &'static str {
        "install"
    }

    fn title(&self) -> &'static str {
        "Install the application"
    }

    async fn check(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Check, Failure> {
        let app = installed(context, scope).await?;
        if app.is_some_and(|app| versions(&app).into_iter().any(is_held_first)) {
            self.checks_again = true;
            return Ok(Check::needed());
        }
        if let Some(sequence) = context.sequence {
            return Ok(Check::done(format!("it is installed already, as sequence {sequence}")));
        }
        self.key = idempotency_key(scope);
        let mut facts = Facts::new();
        facts.insert("key".to_owned(), self.key.clone().into());
        Ok(Check::needed_with(facts))
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        if self.checks_again {
            scope.reporter().note("Running the preflight checks again...");
            let slug = &self.plan.common.slug;
            let answer = context.client().run_preflights(slug, 0, scope.reporter()).await;
            answer.map_err(|it| failure("failed to run the preflight checks", &it))?;
            return Ok(Done::Well);
        }
        bring(self, context, scope).await?;
        scope.reporter().note("Release installed");
        Ok(Done::Well)
    }

    async fn verify(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Done, Failure> {
        let app = context.app(scope).await?;
        let all = versions(&app);
        let Some(first) = all.first() else {
            return Err(Failure::new("failed", WHAT)
                .because("kotsadm says that it is done, but there is no version"));
        };
        if first.status == "pending_config" {
            return Err(Failure::new("rejected", WHAT)
                .because(format!("sequence {} needs config values", first.sequence))
                .next("give every required item a value with --config-values, by `kots deploy`"));
        }
        context.sequence = Some(first.sequence);
        Ok(Done::Well)
    }
}

/// The registry that the release is rendered with, as `airgap/install` takes it.
fn registry_parts(registry: &NewRegistry) -> Vec<Part> {
    let text = |name: &'static str, text: &str| field(name, text.as_bytes().to_vec());
    let mut parts = vec![
        text("registryHost", &registry.hostname),
        text("namespace", &registry.namespace),
        text("username", &registry.username),
        text("password", registry.password.expose_secret()),
    ];
    if registry.read_only {
        parts.push(text("isReadOnly", "true"));
    }
    parts
}

/// Whether a version is the first one and its checks keep it from being deployed.
fn is_held_first(version: &DownstreamVersion) -> bool {
    !preflights::hold_first(version).is_empty()
}

#[async_trait]
impl Bring for Install {
    const WHAT: &'static str = WHAT;

    async fn send(&self, context: &Context, scope: &Scope<'_>) -> Result<(), CallError> {
        let (plan, client, reporter) = (&self.plan, context.client(), scope.reporter());
        let values = plan.values.as_ref();
        let mut body = json!({
            "licenseData": plan.license.raw,
            "skipPreflights": plan.common.skip_preflights,
            "channel": plan.channel,
            "versionLabel": plan.version_label,
        });
        if let Some(values) = values {
            body["configValues"] = STANDARD.encode(&values.bytes).into();
        }
        let Some(input) = &plan.common.airgap else {
            reporter.note("Sending the license; kotsadm fetches the release...");
            return client.new_license(&body, &self.key, reporter).await.map(drop);
        };
        reporter.note("Sending the license...");
        body["isAirgap"] = true.into();
        client.new_license(&body, &format!("{}-license", self.key), reporter).await?;
        reporter.note("Sending the release...");
        let mut parts = vec![field("appSlug", plan.common.slug.clone().into_bytes())];
        parts.push(metadata(input));
        if let Some(values) = values {
            parts.push(field("configValues", values.bytes.clone()));
        }
        if plan.common.skip_preflights {
            parts.push(field("skipPreflights", b"true".to_vec()));
        }
        if let Some(registry) = context.new_registry.as_ref().filter(|_| client.takes_registry()) {
            parts.extend(registry_parts(registry));
        }
        parts.push(release("appArchive", input));
        let upload = Upload::new(&self.key, parts, reporter.clone());
        client.install_release(&upload, &self.key, reporter).await
    }

    async fn is_there(&self, context: &Context, scope: &Scope<'_>) -> Result<bool, Failure> {
        sleep(quiet_time()).await;
        Ok(installed(context, scope).await?.is_some())
    }

    fn refused(&self, error: &CallError) -> Failure {
        failure(WHAT, error)
    }
}
