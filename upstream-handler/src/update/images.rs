//! Pushes the images of a bundle that is here as a file, by the same code as `kots`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airgap::Index;
use jiff::Timestamp;
use registry::push::{Event, Observer, Options, Plan, Progress, PushError, report};
use registry::{
    BundleSource, Client, ClientError, Credentials, Endpoint, EndpointError, Scheme, Tls,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::Instant;

use crate::context::Shared;
use crate::env;

/// How often the progress is written down.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Where images go. What is kept of it is safe on the disk: the password is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegistryNote {
    pub host: String,
    pub namespace: String,
    pub username: String,
    /// By the server's cipher.
    pub password: String,
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
    #[error("the password of the registry cannot be decrypted: send the request again")]
    Password,
    /// The bundle lacks parts of images.
    #[error("the bundle cannot be pushed: {}", .0.join("; "))]
    Plan(Vec<String>),
    /// Some images are not there.
    #[error("{} of {total} images are not in the registry: {}", failed.len(), failed.join("; "))]
    Failed { failed: Vec<String>, total: usize },
    /// Nothing is there.
    #[error("failed to push the images")]
    Push(#[source] PushError),
}

/// Brings the images into the registry; `message` shows how far it is, as the original tells a browser.
pub(crate) async fn push(
    shared: &Shared,
    path: &Path,
    index: Arc<Index>,
    note: &RegistryNote,
    message: Arc<Mutex<String>>,
) -> Result<(), ImagesError> {
    let scheme =
        if is_set(env::KOTSADM_REGISTRY_PLAIN_HTTP) { Scheme::Http } else { Scheme::Https };
    let endpoint = Endpoint::parse(&note.host, &note.namespace, scheme)?;
    let credentials = if note.username.is_empty() {
        Credentials::Anonymous
    } else {
        let password = shared.cipher.decrypt(&note.password).ok_or(ImagesError::Password)?;
        Credentials::Basic { username: note.username.clone(), password: password.into() }
    };
    let client = Client::new(&endpoint, scheme, &tls()?, credentials)?;
    let plan = registry::plan(&index, &endpoint).map_err(ImagesError::Plan)?;
    let observer = Watch { plan: plan.clone(), message, last: Mutex::new(None) };
    let source = Arc::new(BundleSource::new(path.to_owned(), index));
    let pushed = registry::push(client, plan, source, Options::default(), Arc::new(observer));
    match pushed.await {
        Ok(_) => Ok(()),
        Err(PushError::Images { failed, total }) => {
            let line =
                |it: &registry::push::FailedImage| format!("{}: {}", it.destination, it.reason);
            Err(ImagesError::Failed { failed: failed.iter().map(line).collect(), total })
        }
        Err(error) => Err(ImagesError::Push(error)),
    }
}

fn is_set(name: &str) -> bool {
    env::read(name).is_some_and(|it| matches!(it.as_str(), "1" | "true"))
}

fn tls() -> Result<Tls, ImagesError> {
    let mut tls = Tls {
        accept_any: is_set(env::KOTSADM_REGISTRY_INSECURE_SKIP_TLS_VERIFY),
        ..Tls::default()
    };
    if let Some(path) = env::read(env::KOTSADM_REGISTRY_CA).map(PathBuf::from) {
        let pem = std::fs::read(&path)
            .map_err(|source| ImagesError::Authority { path: path.clone(), source })?;
        tls.authorities.push(pem);
    }
    Ok(tls)
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
        let report = report(&self.plan, &progress(), &text(event), (now, Timestamp::now()));
        if let Ok(line) = serde_json::to_string(&report) {
            *self.message.lock().unwrap_or_else(PoisonError::into_inner) = line;
        }
    }
}

fn text(event: &Event<'_>) -> String {
    match event {
        Event::Waiting { what, fault, pause, .. } => {
            format!("{what}: {fault}; trying again in {} s", pause.as_secs())
        }
        Event::Lost { what, reason } => format!("{what} is sent again: {reason}"),
        _ => "Pushing images...".to_owned(),
    }
}
