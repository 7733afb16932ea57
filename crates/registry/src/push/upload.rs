//! One blob on its way into one repository.
//!
//! A part stays in memory until the registry has confirmed it, so a fault costs that part and no more, as long as the
//! registry still knows the upload: how much of it is there is asked, never assumed. When it does not, the upload is
//! lost and the blob is read again. A blob that fits into one part goes in one piece and is never lost.
//!
//! What was read while a part was on its way is the next part, up to what [`super::pace`] allows.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

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
        let mut ended = self.receive().await?;
        self.shared.tally.waiting_for(self.what.clone());
        if self.session.is_none() && self.size <= self.shared.pace.part() as u64 {
            while !ended {
                ended = self.receive().await?;
            }
            if self.held() != self.size {
                return Err(Ended::Cut);
            }
            match self.whole().await {
                Err(Ended::Failed(fault))
                    if self.shared.pace.refused(self.held_bytes(), &fault) => {}
                whole => return whole.map(|()| self.sent),
            }
        }
        loop {
            if self.session.is_none() {
                self.session = Some(self.begin().await?);
            }
            self.fits().await?;
            if ended || self.held() >= self.least() {
                self.flush(ended).await?;
            }
            if ended {
                break;
            }
            ended = self.receive().await?;
        }
        if self.there != self.size {
            return Err(Ended::Cut);
        }
        self.complete().await?;
        Ok(self.sent)
    }

    /// Waits for parts and takes what there is, up to what is sent at once. Whether the blob ended.
    async fn receive(&mut self) -> Result<bool, Ended> {
        let mut part = self.parts.recv().await.ok_or(Ended::Cut)?;
        let most = self.shared.pace.part() as u64;
        loop {
            if part.at == u64::MAX {
                return Ok(true);
            }
            self.take(&part)?;
            if self.held() >= most {
                return Ok(false);
            }
            match self.parts.try_recv() {
                Ok(next) => part = next,
                Err(_) => return Ok(false),
            }
        }
    }

    /// A blob in one piece. Whatever goes wrong, it is asked for and sent again.
    async fn whole(&mut self) -> Result<(), Ended> {
        let (repository, digest) = (Arc::clone(&self.place.repository), self.place.digest);
        let mut attempt = 0;
        loop {
            let session = self.begin().await?;
            self.sent += self.size;
            let ended =
                self.shared.client.complete(&repository, &session, digest, &self.held).await;
            let fault = match ended {
                Err(fault) if is_other_content(&fault) => {
                    return Err(Ended::Lost(fault.to_string()));
                }
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

    /// Gives the upload up when the registry wants more in a part than can be held while other blobs are read: it is
    /// begun anew once they are not.
    async fn fits(&mut self) -> Result<(), Ended> {
        let pace = &self.shared.pace;
        let Some(session) = self.session.take_if(|it| pace.room() < it.chunk_min && pace.narrow())
        else {
            return Ok(());
        };
        self.shared.client.cancel(&self.place.repository, &session.location).await;
        self.shared.memory.forget(&self.place);
        Err(Ended::Cut)
    }

    /// Takes a part, without what the registry has of it.
    fn take(&mut self, part: &Part) -> Result<(), Ended> {
        let next = self.there + self.held();
        if part.at > next {
            return Err(Ended::Cut);
        }
        let skip = usize::try_from(next - part.at).unwrap_or(usize::MAX);
        if skip < part.bytes.len() {
            self.held.push(part.bytes.slice(skip..));
        }
        Ok(())
    }

    /// Bytes that are worth a request, or that the registry wants in one.
    fn least(&self) -> u64 {
        let wanted = self.session.as_ref().map_or(0, |it| it.chunk_min);
        wanted.max(self.shared.pace.least() as u64).min(self.shared.pace.room())
    }

    fn held(&self) -> u64 {
        self.held_bytes() as u64
    }

    fn held_bytes(&self) -> usize {
        self.held.iter().map(Bytes::len).sum()
    }

    /// The first of what is held, as much as is sent at once, and no less than `least`.
    fn next_part(&self, least: u64) -> Vec<Bytes> {
        let mut left = self.shared.pace.part().max(usize::try_from(least).unwrap_or(0));
        let mut part = Vec::new();
        for bytes in &self.held {
            let bytes = bytes.slice(..bytes.len().min(left));
            left -= bytes.len();
            part.push(bytes);
            if left == 0 {
                break;
            }
        }
        part
    }

    /// Sends what is held, except what is too little for a part that is not the last.
    async fn flush(&mut self, ended: bool) -> Result<(), Ended> {
        let least = self.least();
        let Some(mut session) = self.session.take() else { return Ok(()) };
        let all = self.there + self.held();
        let mut attempt = 0;
        while self.there < all && (ended || least <= all - self.there) {
            let part = self.next_part(least);
            let bytes: usize = part.iter().map(Bytes::len).sum();
            let end = self.there + bytes as u64;
            self.sent += bytes as u64;
            let (client, started) = (&self.shared.client, Instant::now());
            let ended = client.send(&self.place.repository, &session, self.there, &part).await;
            drop(part);
            let before = self.there;
            match ended {
                Ok(next) => {
                    self.shared.patience.came_through();
                    self.shared.pace.took(bytes, started.elapsed());
                    let confirmed = self.believed(&next, end).await?;
                    session = next;
                    self.advance(confirmed);
                }
                Err(fault) if is_gone(&fault) => return Err(Ended::Lost(fault.to_string())),
                Err(fault) => {
                    attempt += 1;
                    // A range that does not fit is asked about, not waited for.
                    if !self.shared.pace.refused(bytes, &fault) && fault.status() != Some(416) {
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

/// Whether a refusal says that the blob is not the one of its digest (`DIGEST_INVALID` of the distribution spec).
fn is_other_content(fault: &Fault) -> bool {
    matches!(fault, Fault::Refused { status: 400, reason } if reason.contains("DIGEST_INVALID"))
}

/// Whether a refusal says that the upload is not there, or not what was sent.
fn is_gone(fault: &Fault) -> bool {
    matches!(fault, Fault::Refused { status: 400 | 404 | 409 | 410 | 416, .. })
        && fault.status() != Some(416)
}
