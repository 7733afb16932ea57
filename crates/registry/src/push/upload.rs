//! One blob on its way into one repository.
//!
//! A part stays in memory until the registry has confirmed it, so a fault costs that part and no more, as long as the
//! registry still knows the upload: how much of it is there is asked, never assumed. When it does not, the upload is
//! lost and the blob is read again. A blob that fits into one part goes in one piece and is never lost.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::plan::Place;
use super::{Event, Shared};
use crate::client::{Fault, Session};

/// Bytes of a blob from one offset on. Empty at the end.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) at: u64,
    pub(super) bytes: Bytes,
}

/// Why a blob is not there.
#[derive(Debug)]
pub(super) enum Ended {
    /// The registry does not know the upload any more, or not rightly.
    Lost(String),
    /// The parts ended before the blob.
    Cut,
    /// It will not come to be there.
    Failed(Fault),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

/// An upload.
pub(super) struct Upload {
    shared: Arc<Shared>,
    place: Place,
    size: u64,
    session: Option<Session>,
    parts: mpsc::UnboundedReceiver<Part>,
    /// Bytes the registry has.
    there: u64,
    /// Bytes sent.
    sent: u64,
    /// Parts that were read and not yet sent, where the registry wants more than one at once.
    held: Vec<Bytes>,
    /// The registry says it has less than it has (ECR does): the digest decides.
    distrusted: bool,
    what: String,
}

impl Upload {
    pub(super) fn new(
        shared: Arc<Shared>,
        place: Place,
        session: Option<Session>,
        parts: mpsc::UnboundedReceiver<Part>,
    ) -> Self {
        let size = shared.plan.blob_size(place.digest);
        let there = session.as_ref().and_then(|it| it.confirmed).unwrap_or(0);
        let what = format!("send blob {} to {}", place.digest, place.repository);
        Self {
            shared,
            place,
            size,
            session,
            parts,
            there,
            sent: 0,
            held: Vec::new(),
            distrusted: false,
            what,
        }
    }

    /// Sends the blob; returns the bytes that were sent.
    ///
    /// # Errors
    ///
    /// [`Ended`]
    pub(super) async fn run(mut self) -> Result<u64, Ended> {
        let first = self.parts.recv().await.ok_or(Ended::Cut)?;
        self.shared.tally.waiting_for(self.what.clone());
        let all = first.at == 0 || first.bytes.is_empty();
        if self.session.is_none() && all && first.bytes.len() as u64 == self.size {
            self.whole(first.bytes).await?;
            return Ok(self.sent);
        }
        let mut next = Some(first);
        while let Some(part) = next {
            if part.at == u64::MAX {
                break;
            }
            self.take(part).await?;
            next = self.parts.recv().await;
            if next.is_none() {
                return Err(Ended::Cut);
            }
        }
        self.flush().await?;
        if self.there != self.size {
            return Err(Ended::Cut);
        }
        self.complete().await?;
        Ok(self.sent)
    }

    /// A blob in one piece. Whatever goes wrong, it is asked for and sent again.
    async fn whole(&mut self, bytes: Bytes) -> Result<(), Ended> {
        let (repository, digest) = (Arc::clone(&self.place.repository), self.place.digest);
        let body: Vec<Bytes> = if bytes.is_empty() { Vec::new() } else { vec![bytes] };
        let mut attempt = 0;
        loop {
            let session = self.begin().await?;
            self.sent += self.size;
            let ended = self.shared.client.complete(&repository, &session, digest, &body).await;
            let fault = match ended {
                Ok(()) => {
                    self.shared.patience.came_through();
                    return Ok(());
                }
                // The upload we have just begun is gone: the registry was restarted, or is several that do not know
                // of each other.
                Err(fault) if is_gone(&fault) && attempt < 10 => {
                    Fault::Busy { status: 404, reason: fault.to_string(), retry_after: None }
                }
                Err(fault) => fault,
            };
            attempt += 1;
            self.shared.wait(&self.what, fault, attempt).await?;
            let asked = || self.shared.client.has_blob(&repository, digest);
            if self.shared.keep(&self.what, asked).await? {
                return Ok(());
            }
        }
    }

    async fn begin(&self) -> Result<Session, Fault> {
        let asked = || self.shared.client.begin(&self.place.repository);
        self.shared.keep(&self.what, asked).await
    }

    /// Takes a part, without what the registry has of it, and sends what is held once it is enough.
    async fn take(&mut self, part: Part) -> Result<(), Ended> {
        let next = self.there + self.held();
        if part.at > next {
            return Err(Ended::Cut);
        }
        let skip = usize::try_from(next - part.at).unwrap_or(usize::MAX);
        if skip < part.bytes.len() {
            self.held.push(part.bytes.slice(skip..));
        }
        let session = match self.session.take() {
            Some(session) => session,
            None => self.begin().await?,
        };
        let least = session.chunk_min.min(self.room());
        self.session = Some(session);
        if self.held() < least { Ok(()) } else { self.flush().await }
    }

    fn held(&self) -> u64 {
        self.held.iter().map(|it| it.len() as u64).sum()
    }

    /// Sends what is held.
    async fn flush(&mut self) -> Result<(), Ended> {
        let Some(mut session) = self.session.take() else { return Ok(()) };
        let held = self.held();
        let end = self.there + held;
        let mut attempt = 0;
        while self.there < end {
            self.sent += end - self.there;
            let client = &self.shared.client;
            let ended = client.send(&self.place.repository, &session, self.there, &self.held).await;
            let before = self.there;
            match ended {
                Ok(next) => {
                    self.shared.patience.came_through();
                    let confirmed = self.believed(&next, end).await?;
                    session = next;
                    self.advance(confirmed);
                }
                Err(fault) if is_gone(&fault) => return Err(Ended::Lost(fault.to_string())),
                Err(fault) => {
                    attempt += 1;
                    // A range that does not fit is asked about, not waited for.
                    if fault.status() != Some(416) {
                        self.shared.wait(&self.what, fault, attempt).await?;
                    } else if attempt > 10 {
                        return Err(Ended::Lost(fault.to_string()));
                    }
                    session = self.ask(&session).await?;
                    let confirmed = session.confirmed.unwrap_or(self.there);
                    if confirmed < self.there || end < confirmed {
                        return Err(self.elsewhere(confirmed));
                    }
                    self.advance(confirmed);
                }
            }
            if before < self.there {
                attempt = 0;
                let note = Session { confirmed: Some(self.there), ..session.clone() };
                self.shared.memory.note(&self.place, &note);
                self.shared.tally.confirmed(&self.place, self.there);
                self.shared.tell(&Event::Progress);
            }
        }
        self.session = Some(session);
        Ok(())
    }

    /// The most that can be held at once: half of all parts.
    fn room(&self) -> u64 {
        let options = &self.shared.options;
        (options.chunk as u64) * (options.chunks as u64 / 2).max(1)
    }

    /// What the answer to a part means. Less than all is what it says if asking says so too; a registry that says
    /// less than it has is found out once, and its digest decides.
    async fn believed(&mut self, answer: &Session, end: u64) -> Result<u64, Ended> {
        let plausible = |it: &u64| self.there < *it && *it <= end;
        match answer.confirmed {
            None => return Ok(end),
            Some(_) if self.distrusted => return Ok(end),
            Some(it) if plausible(&it) => return Ok(it),
            Some(_) => {}
        }
        let asked = self.ask(answer).await?;
        match asked.confirmed {
            Some(it) if plausible(&it) => Ok(it),
            Some(it) if end < it => Err(self.elsewhere(it)),
            _ => {
                self.distrusted = true;
                Ok(end)
            }
        }
    }

    async fn ask(&self, session: &Session) -> Result<Session, Ended> {
        let asked = || self.shared.client.status(&self.place.repository, session);
        self.shared.keep(&self.what, asked).await.map_err(|fault| {
            if is_gone(&fault) { Ended::Lost(fault.to_string()) } else { Ended::Failed(fault) }
        })
    }

    fn elsewhere(&self, confirmed: u64) -> Ended {
        Ended::Lost(format!(
            "the registry has {confirmed} bytes of the upload, {} were confirmed",
            self.there
        ))
    }

    /// Drops what is there from what is held.
    fn advance(&mut self, confirmed: u64) {
        let mut drop = usize::try_from(confirmed - self.there).unwrap_or(usize::MAX);
        self.there = confirmed;
        self.held.retain_mut(|it| {
            let cut = drop.min(it.len());
            drop -= cut;
            *it = it.slice(cut..);
            !it.is_empty()
        });
    }

    /// Ends the upload. What goes wrong here is decided by whether the blob is there.
    async fn complete(&mut self) -> Result<(), Ended> {
        let Some(mut session) = self.session.take() else {
            return Err(Ended::Lost("nothing was sent".to_owned()));
        };
        let mut attempt = 0;
        loop {
            let client = &self.shared.client;
            let (repository, digest) = (&self.place.repository, self.place.digest);
            let fault = match client.complete(repository, &session, digest, &[]).await {
                Ok(()) => {
                    self.shared.patience.came_through();
                    return Ok(());
                }
                Err(fault) => fault,
            };
            let (gone, reason) = (is_gone(&fault), fault.to_string());
            if !gone {
                attempt += 1;
                self.shared.wait(&self.what, fault, attempt).await?;
            }
            let asked = || client.has_blob(repository, digest);
            if self.shared.keep(&self.what, asked).await? {
                return Ok(());
            }
            if gone {
                return Err(Ended::Lost(reason));
            }
            session = self.ask(&session).await?;
        }
    }
}

/// Whether a refusal says that the upload is not there, or not what was sent.
fn is_gone(fault: &Fault) -> bool {
    matches!(fault, Fault::Refused { status: 400 | 404 | 409 | 410 | 416, .. })
        && fault.status() != Some(416)
}
