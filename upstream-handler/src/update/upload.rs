//! A bundle that came in chunks: checked, its images pushed, its release brought in.
//!
//! What is to be done is noted with the upload before the client hears that it is accepted, and taken up again when the
//! server was stopped meanwhile. A failure keeps the chunks: the reason removed, the same request goes on from there.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airgap::{BundleError, Digest, Index, Limits};
use kinds::airgap::Airgap;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Bundle, Options, UpdateError, admit, from_bundle};
use crate::archives::ArchiveError;
use crate::context::Shared;
use crate::faults;
use crate::http::once::Once;
use crate::http::reply::{Reply, chain};
use crate::images::{self, ImagesError};
use crate::install::{self, InstallError, Wish};
use crate::registry_settings::{self, StoredRegistry, adopt};
use crate::release::Preflights;
use crate::store::StoreError;
use crate::store::apps::{AIRGAP_PENDING, AppRow, INSTALLED};
use crate::store::tasks::{TaskEnd, automated_install, update_download};
use crate::store::uploads::UploadRow;
use crate::uploads::UploadError;
use crate::versions::AIRGAP_UPDATE;

/// How often a task that runs says so.
const TOUCH_EVERY: Duration = Duration::from_secs(2);

/// What is to be done with an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub kind: Kind,
    /// SHA-256 of the bundle in hex, where the client told.
    pub sha256: Option<String>,
    /// The registry has the images already; none are pushed.
    pub images_are_there: bool,
    /// Where they are pushed, which becomes the application's registry; None is the one that is.
    pub registry: Option<StoredRegistry>,
}

/// Whether it is the first version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Install,
    Update,
}

/// Why nothing came of a bundle.
#[derive(Debug, Error)]
pub(crate) enum ProcessError {
    /// The upload itself.
    #[error("the uploaded bundle cannot be used")]
    Upload(#[from] UploadError),
    /// What is in it.
    #[error("the uploaded bundle cannot be used")]
    Bundle(#[source] BundleError),
    /// It is not the file the client has.
    #[error("the uploaded bundle has the SHA-256 {found}, the client said {told}")]
    Digest { told: String, found: String },
    /// The registry was not made the application's.
    #[error(transparent)]
    Registry(#[from] registry_settings::ChangeError),
    /// There is nowhere to push them.
    #[error(
        "the bundle holds images, and no registry was named: name one with `registryHost`, or say \
         with `isReadOnly` that a registry has them already"
    )]
    NoRegistry,
    /// They are not in the registry.
    #[error(transparent)]
    Images(#[from] ImagesError),
    /// A temporary file could not be made.
    #[error("failed to take the release out of the bundle")]
    Temp(#[source] io::Error),
    /// The file of the upload could not be removed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The application was removed, or is in another state.
    #[error("the application is not one that a bundle can {0}")]
    State(&'static str),
    /// The release could not be brought in.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The first version could not be made.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server is stopping; it goes on at the next start.
    #[error("the server is being stopped")]
    Stopped,
}

impl ProcessError {
    /// What can be done about it.
    fn next(&self) -> Option<&'static str> {
        match self {
            Self::Upload(UploadError::Full { .. }) => Some("make room, then ask again"),
            Self::Upload(UploadError::Chunk { .. }) => {
                Some("send that chunk again, then ask again")
            }
            Self::Bundle(error) => Some(error.hint()),
            Self::Digest { .. } => Some("upload the bundle again"),
            Self::Images(error) => Some(error.next()),
            _ => None,
        }
    }
}

/// The task that shows how it goes.
pub(crate) fn task_of(kind: Kind, app: &AppRow) -> String {
    match kind {
        Kind::Install => automated_install(&app.slug),
        Kind::Update => update_download(&app.id),
    }
}

/// Goes on with what was being done when the server was stopped.
pub(crate) async fn resume(shared: &Shared) -> Result<(), StoreError> {
    for row in shared.store.uploads().await? {
        let process = row.process.as_deref().map(serde_json::from_str::<Process>);
        match process {
            Some(Ok(process)) => start(shared, row, process),
            // Written by another version of this program: the client asks again.
            Some(Err(_)) => shared.store.rest_upload(&row.key).await?,
            None => {}
        }
    }
    Ok(())
}

/// Processes an upload in the background.
pub(crate) fn start(shared: &Shared, upload: UploadRow, process: Process) {
    let shared = Arc::clone(shared);
    let work = shared.work.clone();
    work.spawn(async move {
        let ended = run(&shared, &upload, &process).await;
        let noted = match &ended {
            // It is taken up again.
            Err(ProcessError::Stopped) => return,
            Ok(()) => forget(&shared, &upload.key).await,
            Err(error) => {
                tracing::warn!("an uploaded bundle was refused: {}", chain(error).join(": "));
                shared.store.rest_upload(&upload.key).await.map_err(ProcessError::from)
            }
        };
        if let Err(error) = noted {
            tracing::warn!("the end of an upload cannot be stored: {}", chain(&error).join(": "));
        }
    });
}

async fn forget(shared: &Shared, key: &str) -> Result<(), ProcessError> {
    faults::point("upload-before-forget");
    shared.store.forget_uploads(&[key.to_owned()]).await?;
    faults::point("upload-forgotten");
    Ok(shared.uploads.remove(key)?)
}

async fn run(shared: &Shared, upload: &UploadRow, process: &Process) -> Result<(), ProcessError> {
    let state = || ProcessError::State("install or update");
    let app = shared.store.app_by_id(&upload.app_id).await?.ok_or_else(state)?;
    let touching = Touching::begin(shared, task_of(process.kind, &app));
    let ended = carry_out(shared, &app, upload, process, &touching).await;
    touching.end(shared, &ended).await?;
    ended
}

async fn carry_out(
    shared: &Shared,
    app: &AppRow,
    upload: &UploadRow,
    process: &Process,
    touching: &Touching,
) -> Result<(), ProcessError> {
    let path = shared.uploads.path(&upload.key);
    touching.say("Verifying the upload...");
    verify(shared, upload).await?;
    if process.kind == Kind::Update
        && let Some(airgap) = peek(path.clone()).await
    {
        admit(shared, &app.id, &airgap).await?;
    }
    touching.say("Reading the bundle...");
    let index = index(shared, path.clone(), touching.message.clone()).await?;
    if let Some(told) = process.sha256.clone().filter(|it| *it != index.sha256.hex()) {
        return Err(ProcessError::Digest { told, found: index.sha256.hex() });
    }
    // Before the images are pushed: what cannot be installed need not be there.
    index.check().map_err(ProcessError::Bundle)?;
    if process.kind == Kind::Update {
        admit(shared, &app.id, &index.airgap).await?;
    }
    let index = Arc::new(index);
    let registry = process.registry.as_ref().unwrap_or(&app.registry);
    if registry::holds_images(&index) && !process.images_are_there && !registry.is_read_only {
        if !registry.is_set() {
            return Err(ProcessError::NoRegistry);
        }
        touching.say("Pushing images...");
        let message = Arc::clone(&touching.message);
        tokio::select! {
            pushed = images::push(shared, &path, Arc::clone(&index), registry, message) => pushed?,
            // What the registry has confirmed stays there.
            () = shared.stop.cancelled() => return Err(ProcessError::Stopped),
        }
    }
    touching.say("Processing package...");
    bring_in(shared, app, &path, &index, process.kind, process.registry.as_ref()).await
}

/// Brings in the release of a bundle that is here as a file. `registry` becomes the application's.
pub(crate) async fn bring_in(
    shared: &Shared,
    app: &AppRow,
    path: &Path,
    index: &Index,
    kind: Kind,
    registry: Option<&StoredRegistry>,
) -> Result<(), ProcessError> {
    let bundle = take_out(shared, path, index).await?;
    let (once, reply) = (Once::unrecorded(), |_, _: &_| Reply::empty(axum::http::StatusCode::OK));
    match kind {
        Kind::Update if app.install_state == INSTALLED => {
            let options = Options {
                source: AIRGAP_UPDATE,
                preflights: Preflights::Run,
                next_values: None,
                values: None,
                registry,
                deploy: false,
            };
            from_bundle(shared, app, bundle, options, &once, reply).await?;
        }
        // What was made before the server was stopped is not made again.
        Kind::Install if app.install_state == INSTALLED => {}
        Kind::Install if app.install_state == AIRGAP_PENDING => {
            let wish = Wish {
                channel: String::new(),
                version_label: String::new(),
                values: None,
                preflights: Preflights::Run,
                registry: registry.cloned(),
            };
            install::airgap(shared, app, bundle, &wish, &once, reply).await?;
        }
        Kind::Update => return Err(ProcessError::State("update")),
        Kind::Install => return Err(ProcessError::State("install")),
    }
    // A release that was there already was rendered with the registry of that time.
    if let Some(registry) = registry {
        adopt(shared, &app.id, registry).await?;
    }
    Ok(())
}

async fn verify(shared: &Shared, upload: &UploadRow) -> Result<(), ProcessError> {
    let chunks = shared.store.chunks(&upload.key).await?;
    let (uploads, key, shape) = (shared.uploads.clone(), upload.key.clone(), upload.shape());
    let verify = move || {
        let shape = shape.ok_or(UploadError::Chunk { number: 0 })?;
        uploads.verify(&key, &shape, &chunks)
    };
    Ok(blocking(verify).await?)
}

/// What a bundle says of itself at its start.
async fn peek(path: PathBuf) -> Option<Airgap> {
    blocking(move || airgap::Bundle::peek(&path, &Limits::default())).await
}

/// Reads a bundle through.
pub(crate) async fn index(
    shared: &Shared,
    path: PathBuf,
    message: Arc<Mutex<String>>,
) -> Result<Index, ProcessError> {
    let stop = shared.stop.clone();
    let build = move || {
        Index::build(&path, &Limits::default(), &mut |at| {
            say(&message, &format!("Reading the bundle... {} of {} bytes", at.read, at.total));
            if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    };
    blocking(build).await.map_err(|error| match error {
        BundleError::Cancelled => ProcessError::Stopped,
        other => ProcessError::Bundle(other),
    })
}

/// The release of a bundle as a file of its own.
async fn take_out(shared: &Shared, path: &Path, index: &Index) -> Result<Bundle, ProcessError> {
    let (check, path) = (index.check().map_err(ProcessError::Bundle)?, path.to_owned());
    let temp = shared.archives.temp().to_owned();
    let copy = move || {
        let mut source = airgap::Bundle::open_app(&path, &check).map_err(ProcessError::Bundle)?;
        let mut file = tempfile::Builder::new()
            .prefix("upload-")
            .tempfile_in(temp)
            .map_err(ProcessError::Temp)?;
        io::copy(&mut source, &mut file).map_err(ProcessError::Temp)?;
        Ok(Bundle {
            airgap: check.airgap,
            app_archive: file.into_temp_path(),
            sha256: check.app_sha256,
        })
    };
    blocking(copy).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn say(message: &Mutex<String>, text: &str) {
    text.clone_into(&mut message.lock().unwrap_or_else(PoisonError::into_inner));
}

/// A task that says every few seconds that it runs, and how far it is.
struct Touching {
    task: String,
    message: Arc<Mutex<String>>,
    ticker: tokio::task::JoinHandle<()>,
}

impl Touching {
    fn begin(shared: &Shared, task: String) -> Self {
        let message = Arc::new(Mutex::new("Processing package...".to_owned()));
        let ticker = tokio::spawn({
            let (shared, task, message) = (Arc::clone(shared), task.clone(), Arc::clone(&message));
            async move {
                loop {
                    let text = message.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    if let Err(error) =
                        shared.store.task_running(&task, &shared.boot_id, &text).await
                    {
                        tracing::warn!("the progress of an upload cannot be stored: {error}");
                    }
                    tokio::time::sleep(TOUCH_EVERY).await;
                }
            }
        });
        Self { task, message, ticker }
    }

    fn say(&self, text: &str) {
        say(&self.message, text);
    }

    /// Ends the task for good.
    async fn end(
        self,
        shared: &Shared,
        ended: &Result<(), ProcessError>,
    ) -> Result<(), StoreError> {
        self.ticker.abort();
        // A store that was begun is over before the end is stored.
        let _ = self.ticker.await;
        let reason;
        let end = match ended {
            Err(ProcessError::Stopped) => return Ok(()),
            Ok(()) => TaskEnd::Done,
            Err(error) => {
                let next = error.next().map_or_else(String::new, |it| format!("; {it}"));
                reason = chain(error).join(": ") + &next;
                TaskEnd::Failed(&reason)
            }
        };
        shared.store.task_ended(&self.task, end).await
    }
}

/// Digests in hex, as clients may tell them.
pub(crate) fn is_sha256(text: &str) -> bool {
    Digest::from_hex(text).is_some()
}
