//! Images of registries as what a bundle is made of, or as what is put into another registry.
//!
//! Manifests are read and every config and layer is asked for before anything is written. The bytes stream: a connection
//! that breaks is taken up where it broke.

mod source;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use airgap::index::Descriptor;
use airgap::make::{ImageSource, MakeError};
use airgap::{Digest, Manifest};
use bytes::{Buf as _, Bytes};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::client::{Client, Fault};
use crate::push::Patience;

/// How deep lists of lists are followed.
const DEPTH: usize = 4;
/// How many manifests all images together may have.
const MANIFESTS: usize = 10_000;
/// How many blobs are asked for at once.
const QUESTIONS: usize = 8;
/// How often a wait looks whether it is to stop.
const TICK: Duration = Duration::from_millis(100);
/// How long nothing may come through.
const STALL: Duration = Duration::from_mins(2);

/// An image in a registry.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name in the bundle.
    pub name: String,
    /// The registry it is read from.
    pub client: Arc<Client>,
    /// The registry's name, for people.
    pub host: String,
    /// Its repository there.
    pub repository: String,
    /// Its tag or digest there.
    pub version: String,
}

/// Why an image cannot be had.
#[derive(Debug, Error)]
pub enum PullError {
    /// It is not there.
    #[error("image `{name}` is not in the registry: {place} was not found")]
    Absent {
        /// The image.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// It is there and cannot be put into a bundle.
    #[error("image `{name}` cannot be used: {what}")]
    Unusable {
        /// The image.
        name: String,
        /// Why not.
        what: String,
    },
    /// The registry is at fault.
    #[error("failed to read image `{name}` from {host}")]
    Fault {
        /// The image.
        name: String,
        /// The registry.
        host: String,
        /// What went wrong.
        #[source]
        fault: Fault,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Stopped,
}

impl PullError {
    /// Says what a person can do about it, in terms of the flags of `kots airgap create`.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Absent { .. } => {
                "check `savedImages` in airgap.yaml, and that the image was pushed"
            }
            Self::Unusable { .. } => "build the image anew with a current tool",
            Self::Fault { fault, .. } => match fault {
                Fault::Denied { .. } | Fault::Unauthorized { .. } => {
                    "log in to the registry with `docker login` or `podman login`, or pass --registry-username and --registry-password for --kotsadm-registry"
                }
                Fault::Certificate { .. } => fault.hint(),
                _ => {
                    "check that the registry can be reached from here, then run the same command again"
                }
            },
            Self::Stopped => "",
        }
    }
}

/// What is told on the way.
pub trait Watch: Sync {
    /// So many of all bytes were read.
    fn read(&self, done: u64, total: u64);
    /// A fault that may pass is waited for.
    fn waiting(&self, what: &str, fault: &Fault, pause: Duration);
    /// Whether to stop; asked often.
    fn is_stopped(&self) -> bool;
}

impl<W: Watch + ?Sized> Watch for &W {
    fn read(&self, done: u64, total: u64) {
        (**self).read(done, total);
    }

    fn waiting(&self, what: &str, fault: &Fault, pause: Duration) {
        (**self).waiting(what, fault, pause);
    }

    fn is_stopped(&self) -> bool {
        (**self).is_stopped()
    }
}

/// Images whose manifests were read.
pub struct RegistryImages<W> {
    handle: Handle,
    watch: W,
    wanted: Vec<Wanted>,
    images: Vec<(String, Digest)>,
    manifests: BTreeMap<Digest, Manifest>,
    /// Of every config and layer: the image it is read with, and its bytes.
    blobs: BTreeMap<Digest, (usize, u64)>,
    done: AtomicU64,
    total: u64,
    patience: Patience,
}

impl<W> std::fmt::Debug for RegistryImages<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryImages").field("images", &self.images).finish_non_exhaustive()
    }
}

impl<W: Watch> RegistryImages<W> {
    /// Reads the manifests of `wanted` and asks for every part. Blocks; `handle` is of a runtime that others drive.
    ///
    /// # Errors
    ///
    /// The first image that cannot be had.
    pub fn open(handle: Handle, wanted: Vec<Wanted>, watch: W) -> Result<Self, PullError> {
        let mut images = Self {
            handle,
            watch,
            wanted,
            images: Vec::new(),
            manifests: BTreeMap::new(),
            blobs: BTreeMap::new(),
            done: AtomicU64::new(0),
            total: 0,
            patience: Patience::new(None, STALL, Instant::now()),
        };
        for at in 0..images.wanted.len() {
            let wanted = images.wanted[at].clone();
            let root = images.add(at, &wanted.version, 0)?;
            images.images.push((wanted.name, root));
        }
        images.total = images.blobs.values().fold(0, |sum, it| sum.saturating_add(it.1));
        images.ask_for_blobs()?;
        Ok(images)
    }

    /// Reads a manifest and those it lists.
    fn add(&mut self, at: usize, version: &str, depth: usize) -> Result<Digest, PullError> {
        let known = Digest::parse(version).filter(|it| self.manifests.contains_key(it));
        if let Some(digest) = known {
            return Ok(digest);
        }
        let wanted = self.wanted[at].clone();
        let what = format!("read manifest `{version}` of `{}`", wanted.name);
        let bytes =
            self.wait(&what, &wanted, || wanted.client.get_manifest(&wanted.repository, version))?;
        let Some(bytes) = bytes else {
            let place = format!("manifest `{version}` in {}/{}", wanted.host, wanted.repository);
            return Err(PullError::Absent { name: wanted.name, place });
        };
        let unusable = |what: &str| PullError::Unusable {
            name: wanted.name.clone(),
            what: format!("manifest `{version}` {what}"),
        };
        if depth > DEPTH {
            return Err(unusable("is listed deeper than lists are followed"));
        }
        if self.manifests.len() >= MANIFESTS {
            return Err(unusable("is one of more than can be handled"));
        }
        let digest = Digest::of(&bytes);
        let manifest = Manifest::parse(digest, bytes.to_vec())
            .ok_or_else(|| unusable("is no image manifest of docker schema 2 or OCI"))?;
        for part in manifest.blobs.iter().filter(|it| !it.foreign) {
            let size = self.blobs.entry(part.digest).or_insert((at, part.size)).1;
            if size != part.size {
                return Err(unusable("says another size of a layer than an earlier one"));
            }
        }
        for part in &manifest.manifests {
            self.add(at, &part.digest.to_string(), depth + 1)?;
        }
        self.manifests.insert(digest, manifest);
        Ok(digest)
    }

    /// Makes sure that every config and layer can be read.
    fn ask_for_blobs(&self) -> Result<(), PullError> {
        let ask = |(digest, (at, _)): (Digest, (usize, u64))| async move {
            let wanted = &self.wanted[at];
            let what = format!("find {digest}");
            let ask = || wanted.client.offers_blob(&wanted.repository, digest);
            if self.patiently(&what, wanted, ask).await? {
                return Ok(());
            }
            let place = format!("layer {digest} in {}/{}", wanted.host, wanted.repository);
            Err(PullError::Absent { name: wanted.name.clone(), place })
        };
        let blobs: Vec<_> = self.blobs.iter().map(|(digest, it)| (*digest, *it)).collect();
        let all = stream::iter(blobs).map(ask).buffer_unordered(QUESTIONS).try_collect::<()>();
        self.handle.block_on(all)
    }

    fn wait<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        what: &str,
        wanted: &Wanted,
        ask: impl FnMut() -> F,
    ) -> Result<T, PullError> {
        self.handle.block_on(self.patiently(what, wanted, ask))
    }

    /// Asks again while a fault may pass.
    async fn patiently<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        what: &str,
        wanted: &Wanted,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, PullError> {
        let mut attempt = 0;
        loop {
            let fault = match self.unless_stopped(ask()).await? {
                Ok(answer) => {
                    self.patience.came_through();
                    return Ok(answer);
                }
                Err(fault) => fault,
            };
            attempt += 1;
            self.pause(attempt, what, wanted, fault).await?;
        }
    }

    /// Waits for a fault to pass.
    async fn pause(
        &self,
        attempt: u32,
        what: &str,
        wanted: &Wanted,
        fault: Fault,
    ) -> Result<(), PullError> {
        let Some(pause) = self.patience.pause(&fault, attempt, Instant::now()) else {
            let (name, host) = (wanted.name.clone(), wanted.host.clone());
            return Err(PullError::Fault { name, host, fault });
        };
        self.watch.waiting(what, &fault, pause);
        self.unless_stopped(tokio::time::sleep(pause)).await
    }

    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Result<T, PullError> {
        let mut future = std::pin::pin!(future);
        loop {
            if self.watch.is_stopped() {
                return Err(PullError::Stopped);
            }
            if let Ok(value) = tokio::time::timeout(TICK, &mut future).await {
                return Ok(value);
            }
        }
    }
}

impl<W: Watch> ImageSource for RegistryImages<W> {
    fn images(&self) -> &[(String, Digest)] {
        &self.images
    }

    fn manifests(&self) -> &BTreeMap<Digest, Manifest> {
        &self.manifests
    }

    fn place(&self, digest: Digest) -> String {
        match self.blobs.get(&digest) {
            Some((at, _)) => format!("layer {digest} of `{}`", self.wanted[*at].name),
            None => digest.to_string(),
        }
    }

    fn open(&self, digest: Digest) -> io::Result<Box<dyn Read + '_>> {
        let (at, size) = *self.blobs.get(&digest).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Blob {
            images: self,
            wanted: &self.wanted[at],
            digest,
            size,
            done: 0,
            attempt: 0,
            stream: None,
            part: Bytes::new(),
        }))
    }

    fn check(&self, _: &Descriptor) -> Result<(), MakeError> {
        // Every one was asked for already.
        Ok(())
    }
}

/// The bytes of a blob, whatever happens to the connection.
struct Blob<'a, W> {
    images: &'a RegistryImages<W>,
    wanted: &'a Wanted,
    digest: Digest,
    size: u64,
    done: u64,
    attempt: u32,
    stream: Option<crate::client::Stream>,
    part: Bytes,
}

impl<W: Watch> Blob<'_, W> {
    /// Waits for the next bytes; none are left at the end.
    async fn fill(&mut self) -> Result<(), PullError> {
        // Whoever reads may have been busy with what it had for long.
        if self.part.is_empty() && self.attempt == 0 {
            self.images.patience.came_through();
        }
        while self.part.is_empty() && self.done < self.size {
            let fault = match self.images.unless_stopped(self.part()).await? {
                Ok((stream, part)) => {
                    self.stream = Some(stream);
                    self.part = part;
                    self.attempt = 0;
                    self.images.patience.came_through();
                    continue;
                }
                Err(fault) => fault,
            };
            self.attempt += 1;
            let what = format!("read {}", self.digest);
            self.images.pause(self.attempt, &what, self.wanted, fault).await?;
        }
        Ok(())
    }

    async fn part(&mut self) -> Result<(crate::client::Stream, Bytes), Fault> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let (client, repository) = (&self.wanted.client, &self.wanted.repository);
            client.stream_blob(repository, self.digest, self.done).await?
        };
        match stream.next().await? {
            Some(part) => Ok((stream, part)),
            None => Err(Fault::Transport {
                what: format!("it ended after {} of {} bytes", self.done, self.size),
            }),
        }
    }
}

impl<W: Watch> Read for Blob<'_, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let handle = self.images.handle.clone();
        handle.block_on(self.fill()).map_err(io::Error::other)?;
        let n = self.part.len().min(buf.len());
        self.part.copy_to_slice(&mut buf[..n]);
        self.done += n as u64;
        let done = self.images.done.fetch_add(n as u64, Ordering::Relaxed) + n as u64;
        self.images.watch.read(done, self.images.total);
        Ok(n)
    }
}
