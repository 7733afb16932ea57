//! Brings images into a registry.
//!
//! The order is always the same: look what is there, check that we may push, send what is missing, put the manifests.
//! What is sent is read from a [`Source`] in passes: each gives every blob that is still wanted once, in the source's
//! own order or in a few parts at once, so that a bundle is decompressed once and nothing is kept beside it. A blob whose upload the registry lost
//! is wanted again in the next pass. After every pass it is what the registry has that counts, so a push that was
//! killed, cut or refused is continued by the same call.
//!
//! Bounded: a fixed number of buffers is all the memory that grows with nothing; every wait ends with the deadline or
//! when nothing came through for a while; every fault that will not pass ends its image at once and no other.

mod buffers;
mod error;
mod manifests;
mod memory;
mod pace;
mod pass;
mod patience;
mod plan;
mod report;
mod repositories;
mod survey;
mod tally;
mod todo;
mod upload;

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use error::{FailedImage, PushError, SourceError};
pub use plan::{Blob, Image, Kind, Manifest, Plan, PlanError};
pub use report::report;
pub use tally::{ImageProgress, ImageState, Progress};

use crate::client::{Client, Fault};
use crate::endpoint::Endpoint;
use airgap::Digest;
use memory::Memory;
use pace::Pace;
pub(crate) use patience::Patience;
use repositories::Repositories;
use tally::Tally;
use todo::Todo;

/// How many blobs are uploaded at once when nobody says otherwise.
pub const DEFAULT_PARALLELISM: usize = 4;
/// How long nothing at all may come through before a push gives up.
const STALL_LIMIT: Duration = Duration::from_mins(5);
/// Passes in a row that may end without a single blob more in the registry.
const IDLE_PASSES: u32 = 8;

/// Where the bytes of blobs come from.
pub trait Source: Send + Sync {
    /// Whether it has this blob.
    fn has(&self, digest: Digest) -> bool;

    /// Splits `wanted` into at most `most` parts that can be read at once, each by a pass of its own. What can only be
    /// read in order is one part.
    fn runs(&self, wanted: BTreeSet<Digest>, _most: usize) -> Vec<BTreeSet<Digest>> {
        vec![wanted]
    }

    /// Reads it once and hands out each blob of `wanted` in its own order. A blob need not be read to its end; `Break`
    /// ends the pass. Blocks.
    ///
    /// A registry compares a blob with its digest itself, so what is given need not be right; after it has not taken
    /// something, `is_compared` asks for it, to tell a source that was changed from a registry that loses what it has.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not what it was.
    fn pass(
        &self,
        wanted: &BTreeSet<Digest>,
        is_compared: bool,
        give: &mut dyn FnMut(Digest, &mut dyn Read) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;
}

/// What a push tells while it works.
#[derive(Debug)]
pub enum Event<'a> {
    /// Work on an image begins.
    Started {
        /// Which of the plan.
        image: usize,
    },
    /// An image was there already.
    Present {
        /// Which of the plan.
        image: usize,
    },
    /// An image is there now.
    Pushed {
        /// Which of the plan.
        image: usize,
    },
    /// An image will not come to be there.
    Failed {
        /// Which of the plan.
        image: usize,
        /// Why.
        reason: &'a str,
    },
    /// Something went wrong and is tried again.
    Waiting {
        /// What was tried.
        what: &'a str,
        /// What went wrong.
        fault: &'a Fault,
        /// How often it did.
        attempt: u32,
        /// How long until it is tried again.
        pause: Duration,
    },
    /// The registry lost an upload, which begins anew.
    Lost {
        /// Of what.
        what: &'a str,
        /// How that showed.
        reason: &'a str,
    },
    /// Bytes were confirmed.
    Progress,
}

/// Hears what a push tells. Called from several tasks; must not block.
pub trait Observer: Send + Sync {
    /// Takes an event. `progress` makes a view of how far everything is, at the cost of going through all images.
    fn tell(&self, event: &Event<'_>, progress: &dyn Fn() -> Progress);
}

/// How a push behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many blobs are uploaded at once.
    pub parallelism: usize,
    /// When it must be over.
    pub deadline: Option<Instant>,
    /// The file in which unfinished uploads are remembered for the next run.
    pub memory: Option<PathBuf>,
    /// The file in which the registry's repositories are remembered, to look there for what a patch leaves out.
    pub repositories: Option<PathBuf>,
    /// Bytes that are read at once.
    pub chunk: usize,
    /// Chunks held at once, in all uploads together: times `chunk`, this is the memory a push takes.
    pub chunks: usize,
    /// The most bytes that are sent in one part of an upload; fewer when several blobs are read at once.
    pub part: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parallelism: DEFAULT_PARALLELISM,
            deadline: None,
            memory: None,
            repositories: None,
            chunk: 1 << 20,
            chunks: 32,
            part: 16 << 20,
        }
    }
}

impl Options {
    /// Has `folder` remember what a push of this bundle to this place leaves unfinished, and the registry's repositories.
    pub fn remembering(self, folder: &Path, bundle: Digest, endpoint: &Endpoint) -> Self {
        let file =
            |of: &str, kind| folder.join(format!("{}.{kind}", Digest::of(of.as_bytes()).hex()));
        Self {
            memory: Some(file(&format!("{bundle} {endpoint}"), "jsonl")),
            repositories: Some(file(endpoint.host(), "repositories")),
            ..self
        }
    }
}

/// What a push did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Images that were put.
    pub pushed: usize,
    /// Images that were there.
    pub present: usize,
    /// Bytes of blobs that were sent.
    pub sent: u64,
    /// Blobs that were sent.
    pub blobs: usize,
    /// Blobs that the registry took over from another of its repositories.
    pub mounted: usize,
    /// Times the source was read.
    pub passes: u32,
}

impl std::fmt::Debug for Pusher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pusher").field("client", &self.0.client).finish_non_exhaustive()
    }
}

/// What everything works with.
struct Shared {
    client: Client,
    plan: Plan,
    options: Options,
    patience: Patience,
    tally: Tally,
    memory: Memory,
    repositories: Repositories,
    observer: Arc<dyn Observer>,
    pace: Pace,
}

impl Shared {
    fn tell(&self, event: &Event<'_>) {
        self.observer.tell(event, &|| self.tally.progress(&self.plan, Instant::now()));
    }

    /// Retries `attempt` until it succeeds, fails for good or patience ends.
    async fn keep<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        what: &str,
        attempt: impl Fn() -> F,
    ) -> Result<T, Fault> {
        let mut tries = 0;
        loop {
            match attempt().await {
                Ok(it) => {
                    self.patience.came_through();
                    return Ok(it);
                }
                Err(fault) => {
                    tries += 1;
                    self.wait(what, fault, tries).await?;
                }
            }
        }
    }

    /// Waits for a fault to pass.
    ///
    /// # Errors
    ///
    /// The fault, when it will not pass or there is no time left.
    async fn wait(&self, what: &str, fault: Fault, attempt: u32) -> Result<(), Fault> {
        let now = Instant::now();
        let Some(pause) = self.patience.pause(&fault, attempt, now) else {
            if fault.passes() {
                let why = self.patience.why_over(now);
                return Err(Fault::GivenUp { fault: Box::new(fault), why });
            }
            return Err(fault);
        };
        self.tell(&Event::Waiting { what, fault: &fault, attempt, pause });
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// A plan, a registry and everything between.
pub struct Pusher(Arc<Shared>);

impl Pusher {
    /// Prepares a push. Sends nothing.
    ///
    /// # Errors
    ///
    /// [`PushError::Running`] and [`PushError::Memory`].
    pub fn new(
        client: Client,
        plan: Plan,
        options: Options,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, PushError> {
        let memory = Memory::open(options.memory.as_deref())?;
        let patience = Patience::new(options.deadline, STALL_LIMIT, Instant::now());
        let tally = Tally::new(&plan, Instant::now());
        let pace = Pace::new(&options);
        let repositories = Repositories::new(options.repositories.clone());
        let shared =
            Shared { client, plan, options, patience, tally, memory, repositories, observer, pace };
        Ok(Self(Arc::new(shared)))
    }

    /// How many images the registry lacks. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`PushError::Access`] when it cannot be found out.
    pub async fn missing(&self) -> Result<usize, PushError> {
        survey::missing(&self.0).await.map_err(PushError::Access)
    }

    /// Pushes everything in the plan that the registry lacks.
    ///
    /// # Errors
    ///
    /// [`PushError::Access`] before anything is sent; [`PushError::Images`] lists every image that is not there, the
    /// others are.
    pub async fn push(&self, source: Arc<dyn Source>) -> Result<Pushed, PushError> {
        let shared = &self.0;
        let mut pushed = Pushed::default();
        let mut todo = survey::look(shared, source.as_ref(), &mut pushed).await?;
        let mut idle = 0;
        loop {
            manifests::put_complete(shared, &mut todo, &mut pushed).await;
            survey::mount(shared, &mut todo, &mut pushed).await;
            survey::not_taken_over(shared, source.as_ref(), &mut todo);
            manifests::put_complete(shared, &mut todo, &mut pushed).await;
            if todo.missing.is_empty() {
                break;
            }
            let before = todo.missing.len();
            pass::run(shared, &source, &mut todo, &mut pushed).await?;
            idle = if todo.missing.len() < before { 0 } else { idle + 1 };
            if idle >= IDLE_PASSES {
                give_up(shared, &mut todo);
            }
        }
        conclude(shared, todo, pushed)
    }
}

/// [`Pusher::push`] in one call.
///
/// # Errors
///
/// As [`Pusher::new`] and [`Pusher::push`].
pub async fn push(
    client: Client,
    plan: Plan,
    source: Arc<dyn Source>,
    options: Options,
    observer: Arc<dyn Observer>,
) -> Result<Pushed, PushError> {
    Pusher::new(client, plan, options, observer)?.push(source).await
}

/// Ends the images whose blobs the registry loses again and again.
fn give_up(shared: &Shared, todo: &mut Todo) {
    for place in std::mem::take(&mut todo.missing) {
        let reason = format!(
            "the registry lost the upload of blob {} {IDLE_PASSES} times in a row",
            place.digest
        );
        todo.fail_place(shared, &place, &reason, None);
    }
}

fn conclude(shared: &Shared, todo: Todo, pushed: Pushed) -> Result<Pushed, PushError> {
    let there = (0..shared.plan.images().len()).filter(|it| !todo.failed.contains_key(it));
    shared.repositories.add(there.map(|it| &**shared.plan.repository(it)));
    if todo.failed.is_empty() {
        shared.memory.finish();
        return Ok(pushed);
    }
    let failed = todo
        .failed
        .into_iter()
        .map(|(image, (reason, fault))| FailedImage {
            destination: shared.plan.images()[image].destination.clone(),
            reason,
            fault,
        })
        .collect();
    Err(PushError::Images { failed, total: shared.plan.images().len() })
}
