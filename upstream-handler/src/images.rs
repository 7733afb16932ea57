//! Brings images into the operator's registry: those of a bundle that is here as a file, by the same code as `kots`, and
//! those of an online application from where they are ([`copy`]).

pub(crate) mod copy;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airgap::Index;
use jiff::Timestamp;
use registry::pull::PullError;
use registry::push::{Event, Observer, Options, Plan, Progress, PushError, Source, report};
use registry::{
    BundleSource, Client, ClientError, Credentials, Endpoint, EndpointError, Fault, Scheme, Tls,
};
use thiserror::Error;
use tokio::time::Instant;

use crate::context::{Context, Shared};
use crate::env;
use crate::registry_settings::{LockedPassword, StoredRegistry};
use crate::store::StoreError;

/// How often the progress is written down.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// How image registries are spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryAccess {
    /// PEM file of authorities that a registry's certificate may be of, beside the usual ones.
    pub authority: Option<PathBuf>,
    /// They have no TLS.
    pub plain_http: bool,
    /// Any certificate will do.
    pub accept_any: bool,
}

impl RegistryAccess {
    /// What the environment of this process says.
    pub fn of_environment() -> Self {
        let is_set = |name| env::read(name).is_some_and(|it| matches!(it.as_str(), "1" | "true"));
        Self {
            authority: env::read(env::KOTSADM_REGISTRY_CA).map(PathBuf::from),
            plain_http: is_set(env::KOTSADM_REGISTRY_PLAIN_HTTP),
            accept_any: is_set(env::KOTSADM_REGISTRY_INSECURE_SKIP_TLS_VERIFY),
        }
    }

    /// The scheme of their addresses.
    pub(crate) fn scheme(&self) -> Scheme {
        if self.plain_http { Scheme::Http } else { Scheme::Https }
    }

    fn tls(&self) -> Result<Tls, ImagesError> {
        let mut tls = Tls { accept_any: self.accept_any, ..Tls::default() };
        if let Some(path) = &self.authority {
            let pem = std::fs::read(path)
                .map_err(|source| ImagesError::Authority { path: path.clone(), source })?;
            tls.authorities.push(pem);
        }
        Ok(tls)
    }
}

/// Why images are not in the registry.
#[derive(Debug, Error)]
pub(crate) enum ImagesError {
    /// The registry's name.
    #[error("the registry for the images cannot be used")]
    Endpoint(#[from] EndpointError),
    /// TLS cannot be set up.
    #[error("the registry for the images cannot be used")]
    Client(#[from] ClientError),
    /// The authority's certificates.
    #[error("failed to read {path}")]
    Authority {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The password that was kept cannot be read with this server's key.
    #[error(transparent)]
    Password(#[from] LockedPassword),
    /// The bundle lacks parts of images.
    #[error("the bundle cannot be pushed: {}", .0.join("; "))]
    Plan(Vec<String>),
    /// Some images are not there.
    #[error("{} of {total} images are not in the registry: {}", failed.len(), failed.join("; "))]
    Failed { failed: Vec<String>, total: usize, next: &'static str },
    /// Nothing is there.
    #[error("failed to push the images")]
    Push(#[source] PushError),
    /// Images are not where they should come from.
    #[error(
        "{} of {total} images are not in the registry `{host}`, and cannot be copied there: {}",
        failed.len(),
        failed.join("; ")
    )]
    Sources { host: String, failed: Vec<String>, total: usize },
    /// Where an image comes from did not hold while it was read.
    #[error("failed to read the images that are to be copied")]
    Pull(#[from] PullError),
    /// The registry does not tell what it has.
    #[error("registry `{host}` cannot be used")]
    Registry {
        host: String,
        #[source]
        fault: Fault,
    },
    /// The server stops.
    #[error("the server was stopped; what is in the registry stays there: try again")]
    Stopped,
    /// The progress cannot be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImagesError {
    /// What can be done about it, in terms of this server.
    pub(crate) fn next(&self) -> &'static str {
        match self {
            Self::Endpoint(_) => "name the registry as HOST[:PORT]",
            Self::Client(_) | Self::Authority { .. } => {
                "start kotsadm with the path of a PEM file with certificates in KOTSADM_REGISTRY_CA"
            }
            Self::Password(_) => "give the registry's password again",
            Self::Plan(_) => {
                "ask the vendor for a bundle that holds every image it lists, each under a name of its own"
            }
            Self::Failed { next, .. } => next,
            Self::Push(error) => next_of(error),
            Self::Registry { fault, .. } => next_of_fault(Some(fault)),
            Self::Pull(_) | Self::Sources { .. } => {
                "correct what it names, then ask again: what the registry has is not sent again"
            }
            Self::Stopped | Self::Store(_) => "ask again",
        }
    }
}

/// What the flags of `kots` are to a person there, variables and requests are here.
fn next_of(error: &PushError) -> &'static str {
    next_of_fault(error.faults().next())
}

fn next_of_fault(fault: Option<&Fault>) -> &'static str {
    match fault.map(Fault::root) {
        Some(Fault::NoTls { .. }) => {
            "start kotsadm with KOTSADM_REGISTRY_PLAIN_HTTP=1 if the registry has no TLS; everything is then sent in clear"
        }
        Some(Fault::WantsTls { .. }) => "start kotsadm without KOTSADM_REGISTRY_PLAIN_HTTP",
        Some(fault @ Fault::Certificate { .. }) if fault.hint().contains("--registry-ca") => {
            "start kotsadm with the certificate of the registry's authority in KOTSADM_REGISTRY_CA=FILE"
        }
        Some(Fault::Unauthorized { .. } | Fault::Denied { .. }) => {
            "ask again with a username and password that may push there"
        }
        Some(Fault::Transport { .. } | Fault::GivenUp { .. }) | None => {
            "ask again once the registry can be reached: what it has is not sent again"
        }
        Some(Fault::Busy { .. }) => {
            "look at the registry's log, then ask again: what it has is not sent again"
        }
        Some(Fault::Full { .. }) => {
            "make room in the registry, then ask again: what it has is not sent again"
        }
        Some(Fault::LeftOut { .. }) => {
            "upload the bundle that the patch was made from first, or the whole bundle instead of the patch"
        }
        Some(Fault::Refused { .. } | Fault::Strange { .. } | Fault::Certificate { .. }) => {
            "correct what it names, then ask again: what the registry has is not sent again"
        }
    }
}

/// Brings the images into the registry; `message` shows how far it is, as the original tells a browser.
pub(crate) async fn push(
    shared: &Shared,
    path: &Path,
    index: Arc<Index>,
    registry: &StoredRegistry,
    message: Arc<Mutex<String>>,
) -> Result<(), ImagesError> {
    let (client, endpoint) = client(shared, registry)?;
    let plan = registry::plan(&index, &endpoint).map_err(ImagesError::Plan)?;
    let options = Options::default().remembering(&shared.pushes, index.sha256, &endpoint);
    let source = Arc::new(BundleSource::new(path.to_owned(), index));
    send(client, plan, source, options, message).await
}

/// Pushes what is planned, and tells how far it is.
async fn send(
    client: Client,
    plan: Plan,
    source: Arc<dyn Source>,
    options: Options,
    message: Arc<Mutex<String>>,
) -> Result<(), ImagesError> {
    let observer = Watch { plan: plan.clone(), message, last: Mutex::new(None) };
    let pushed = registry::push(client, plan, source, options, Arc::new(observer));
    match pushed.await {
        Ok(_) => Ok(()),
        Err(error) => match &error {
            PushError::Images { failed, total } => {
                let line =
                    |it: &registry::push::FailedImage| format!("{}: {}", it.destination, it.reason);
                let (total, next) = (*total, next_of(&error));
                Err(ImagesError::Failed { failed: failed.iter().map(line).collect(), total, next })
            }
            _ => Err(ImagesError::Push(error)),
        },
    }
}

/// A client for the registry, and the place in it. Sends nothing.
pub(crate) fn client(
    shared: &Context,
    registry: &StoredRegistry,
) -> Result<(Client, Endpoint), ImagesError> {
    let scheme = shared.registry_access.scheme();
    let endpoint = Endpoint::parse(&registry.host, &registry.namespace, scheme)?;
    let credentials = if registry.username.is_empty() {
        Credentials::Anonymous
    } else {
        let password = registry.settings(&shared.cipher)?.password;
        registry::aws::credentials_of(endpoint.api_host(), &registry.username, &password)
    };
    Ok((Client::new(&endpoint, scheme, &shared.registry_access.tls()?, credentials)?, endpoint))
}

/// Writes progress down for the task.
struct Watch {
    plan: Plan,
    message: Arc<Mutex<String>>,
    last: Mutex<Option<Instant>>,
}

impl Observer for Watch {
    fn tell(&self, event: &Event<'_>, progress: &dyn Fn() -> Progress) {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|it| now.duration_since(it) >= REPORT_EVERY);
        if matches!(event, Event::Progress) && !is_due {
            return;
        }
        *last = Some(now);
        let progress = progress();
        let text = text(event, &progress);
        let report = report(&self.plan, &progress, &text, (now, Timestamp::now()));
        if let Ok(line) = serde_json::to_string(&report) {
            *self.message.lock().unwrap_or_else(PoisonError::into_inner) = line;
        }
    }
}

fn text(event: &Event<'_>, progress: &Progress) -> String {
    match event {
        Event::Waiting { what, fault, pause, .. } => {
            format!("{what}: {fault}; trying again in {} s", pause.as_secs())
        }
        Event::Lost { what, reason } => format!("{what} is sent again: {reason}"),
        _ => format!(
            "Pushing images... {} of {} bytes; waiting for {}",
            progress.done, progress.total, progress.waiting_for
        ),
    }
}
