//! One pass: threads read the source, each in a place of its own, and cut blobs into parts; tasks send them.
//!
//! A thread begins its next blob while earlier ones are still being sent, as far as there are buffers and uploads
//! allowed, so a source that can only be read in order keeps several uploads busy too.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::buffers::Buffers;
use super::error::{PushError, SourceError};
use super::plan::Place;
use super::upload::{Ended, Part, Upload};
use super::{Event, Pushed, Shared, Source, Todo, manifests, survey};
use crate::client::Session;
use airgap::Digest;

/// Where a blob goes in this pass, and from which byte.
#[derive(Debug, Clone)]
struct Target {
    place: Place,
    session: Option<Session>,
}

impl Target {
    fn from(&self) -> u64 {
        self.session.as_ref().and_then(|it| it.confirmed).unwrap_or(0)
    }
}

/// An upload that the thread asks to be begun.
struct Begin {
    target: Target,
    parts: mpsc::UnboundedReceiver<Part>,
    permit: Arc<OwnedSemaphorePermit>,
}

/// Tells the thread to stop when the pass is dropped.
struct Leave(Arc<AtomicBool>, Arc<Semaphore>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.close();
    }
}

/// Sends what is missing, as far as one reading of the source gives it.
///
/// # Errors
///
/// When the source cannot be read.
pub(super) async fn run(
    shared: &Arc<Shared>,
    source: &Arc<dyn Source>,
    todo: &mut Todo,
    pushed: &mut Pushed,
) -> Result<(), PushError> {
    let targets = targets(shared, todo).await;
    let stopped = Arc::new(AtomicBool::new(false));
    let slots = Arc::new(Semaphore::new(shared.options.parallelism.max(1)));
    let _leave = Leave(Arc::clone(&stopped), Arc::clone(&slots));
    let (begin, mut starting) = mpsc::unbounded_channel::<Begin>();
    let options = &shared.options;
    let mut wanted: BTreeSet<Digest> = targets.keys().copied().collect();
    let mut inline: Vec<(Digest, Bytes)> =
        wanted.iter().filter_map(|it| Some((*it, shared.plan.inline(*it)?.clone()))).collect();
    wanted.retain(|it| shared.plan.inline(*it).is_none());
    let is_compared = pushed.passes > 0;
    pushed.passes += u32::from(!wanted.is_empty());
    let feeder = Arc::new(Feeder {
        targets,
        buffers: Buffers::new(options.chunks, options.chunk),
        slots,
        stopped: Arc::clone(&stopped),
        begin,
        parallelism: u32::try_from(options.parallelism.max(1)).unwrap_or(u32::MAX),
        is_compared,
        shared: Arc::clone(shared),
    });
    let mut readers = JoinSet::new();
    let mut runs =
        if wanted.is_empty() { Vec::new() } else { source.runs(wanted, shared.pace.lanes()) };
    if runs.is_empty() {
        runs.push(BTreeSet::new());
    }
    for (lane, wanted) in runs.into_iter().enumerate() {
        let (feeder, source) = (Arc::clone(&feeder), Arc::clone(source));
        // With the first, and before it, so that what is read in one place is sent in one order.
        let inline = std::mem::take(&mut inline);
        readers.spawn_blocking(move || {
            feeder.hand_out(&inline)?;
            feeder.read(lane, source.as_ref(), wanted)
        });
    }
    drop(feeder);
    let mut uploads = JoinSet::new();
    let mut fault = None;
    loop {
        tokio::select! {
            Some(it) = starting.recv() => start(shared, it, &mut uploads),
            Some(ended) = uploads.join_next(), if !uploads.is_empty() => {
                let (place, ended) = ended.unwrap_or_else(|it| std::panic::resume_unwind(it.into_panic()));
                settle(shared, todo, pushed, &place, ended);
                if todo.have.get(&place.digest).is_some_and(|it| it.contains(&*place.repository)) {
                    survey::mount(shared, todo, pushed).await;
                    manifests::put_complete(shared, todo, pushed).await;
                }
            }
            Some(ended) = readers.join_next(), if !readers.is_empty() => {
                let ended = ended.unwrap_or_else(|it| std::panic::resume_unwind(it.into_panic()));
                if let Err(error) = ended {
                    // The others would find the same; the first to do so says why.
                    stopped.store(true, Ordering::Relaxed);
                    fault.get_or_insert(error);
                }
            }
            else => break,
        }
    }
    fault.map_or(Ok(()), |it| Err(PushError::Source(it)))
}

/// What goes where: with mounts, a blob goes to one repository and is taken over by the others.
async fn targets(shared: &Shared, todo: &Todo) -> BTreeMap<Digest, Vec<Target>> {
    let mut targets: BTreeMap<Digest, Vec<Target>> = BTreeMap::new();
    for place in &todo.missing {
        let of_blob = targets.entry(place.digest).or_default();
        if of_blob.is_empty() || todo.no_mounts {
            let session = resume(shared, place).await;
            of_blob.push(Target { place: place.clone(), session });
        }
    }
    targets
}

/// The upload that an earlier run left behind, if the registry still has it.
async fn resume(shared: &Shared, place: &Place) -> Option<Session> {
    let session = shared.memory.session(place)?;
    let what = format!("ask for the unfinished upload of blob {}", place.digest);
    let asked = || shared.client.status(&place.repository, session);
    let found = shared.keep(&what, asked).await.ok()?;
    let confirmed = found.confirmed?;
    if confirmed == 0 || shared.plan.blob_size(place.digest) < confirmed {
        return None;
    }
    if shared.pace.room() < found.chunk_min {
        shared.pace.narrow();
    }
    shared.tally.confirmed(place, confirmed);
    Some(found)
}

fn start(shared: &Arc<Shared>, begin: Begin, uploads: &mut JoinSet<(Place, Result<u64, Ended>)>) {
    let Begin { target: Target { place, session }, parts, permit } = begin;
    for image in shared.plan.users(&place) {
        if shared.tally.start(image) {
            shared.tell(&Event::Started { image });
        }
    }
    let upload = Upload::new(Arc::clone(shared), place.clone(), session, parts);
    uploads.spawn(async move {
        let ended = upload.run().await;
        drop(permit);
        (place, ended)
    });
}

fn settle(
    shared: &Shared,
    todo: &mut Todo,
    pushed: &mut Pushed,
    place: &Place,
    ended: Result<u64, Ended>,
) {
    match ended {
        Ok(sent) => {
            shared.memory.forget(place);
            pushed.sent += sent;
            pushed.blobs += 1;
            shared.tally.there(place);
            todo.there(place);
            shared.tell(&Event::Progress);
        }
        Err(Ended::Lost(reason)) => {
            shared.memory.forget(place);
            let what = format!("blob {} for {}", place.digest, place.repository);
            shared.tell(&Event::Lost { what: &what, reason: &reason });
        }
        // The source says why.
        Err(Ended::Cut) => {}
        // Once the registry is there again, or has room, the next run goes on from what was confirmed.
        Err(Ended::Failed(fault)) => {
            let reason = format!("blob {}: {fault}", place.digest);
            todo.fail_place(shared, place, &reason, Some(&fault));
        }
    }
}

/// What the threads that read have in common.
struct Feeder {
    targets: BTreeMap<Digest, Vec<Target>>,
    buffers: Arc<Buffers>,
    slots: Arc<Semaphore>,
    stopped: Arc<AtomicBool>,
    begin: mpsc::UnboundedSender<Begin>,
    parallelism: u32,
    is_compared: bool,
    shared: Arc<Shared>,
}

/// Where the parts of one blob go.
struct Channels(Vec<mpsc::UnboundedSender<Part>>);

impl Feeder {
    /// Hands out what is not in the source.
    fn hand_out(&self, inline: &[(Digest, Bytes)]) -> Result<(), SourceError> {
        for (digest, bytes) in inline {
            if self.give(0, *digest, &mut &bytes[..])?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Reads `wanted` from the source, in one place of several.
    fn read(
        &self,
        lane: usize,
        source: &dyn Source,
        mut wanted: BTreeSet<Digest>,
    ) -> Result<(), SourceError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let mut failed = None;
        source.pass(&wanted.clone(), self.is_compared, &mut |digest, data| {
            if !wanted.remove(&digest) {
                return ControlFlow::Continue(());
            }
            match self.give(lane, digest, data) {
                Ok(flow) => flow,
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Reads one blob and hands its parts out. Breaks when nobody wants anything any more.
    fn give(
        &self,
        lane: usize,
        digest: Digest,
        data: &mut dyn Read,
    ) -> Result<ControlFlow<()>, SourceError> {
        let Some(targets) = self.targets.get(&digest) else { return Ok(ControlFlow::Continue(())) };
        let Some((channels, from)) = self.open(targets) else { return Ok(ControlFlow::Break(())) };
        let skipped = std::io::copy(&mut (&mut *data).take(from), &mut std::io::sink())?;
        let mut at = skipped;
        loop {
            let Some(mut buffer) = self.buffers.take(&|| self.is_stopped(lane)) else {
                return Ok(ControlFlow::Break(()));
            };
            let filled = fill(data, buffer.room())?;
            if filled == 0 {
                break;
            }
            let bytes = buffer.filled(filled);
            if !channels.send(&Part { at, bytes }) {
                // Nobody takes it: the rest need not be read.
                return Ok(ControlFlow::Continue(()));
            }
            at += filled as u64;
        }
        channels.end();
        Ok(ControlFlow::Continue(()))
    }

    /// Whether nothing more is to be read, there at least.
    fn is_stopped(&self, lane: usize) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.shared.pace.lanes() <= lane
    }

    /// Waits until the uploads of a blob may begin. None when the pass is over.
    fn open(&self, targets: &[Target]) -> Option<(Channels, u64)> {
        let many = u32::try_from(targets.len()).unwrap_or(u32::MAX).min(self.parallelism);
        let slots = Arc::clone(&self.slots).acquire_many_owned(many);
        let permit = Arc::new(tokio::runtime::Handle::current().block_on(slots).ok()?);
        let mut channels = Vec::new();
        for target in targets {
            let (sender, parts) = mpsc::unbounded_channel();
            let target = target.clone();
            let permit = Arc::clone(&permit);
            self.begin.send(Begin { target, parts, permit }).ok()?;
            channels.push(sender);
        }
        let from = targets.iter().map(Target::from).min().unwrap_or(0);
        Some((Channels(channels), from))
    }
}

impl Channels {
    /// Whether anyone takes the part.
    fn send(&self, part: &Part) -> bool {
        let mut taken = false;
        for channel in &self.0 {
            taken |= channel.send(part.clone()).is_ok();
        }
        taken
    }

    /// Says that the blob is whole.
    fn end(&self) {
        for channel in &self.0 {
            let _ = channel.send(Part { at: u64::MAX, bytes: Bytes::new() });
        }
    }
}

/// Fills a buffer as far as there is data.
fn fill(data: &mut dyn Read, room: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < room.len() {
        match data.read(&mut room[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
