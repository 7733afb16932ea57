//! Uploads of blobs: begun, mounted, continued, asked about, completed, given up.

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};
use url::Url;

use super::{Answer, Ask, COMMIT_LIMIT, Client, Fault, SEND_LIMIT, scope};
use airgap::Digest;

const CHUNK_MIN: HeaderName = HeaderName::from_static("oci-chunk-min-length");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// An upload that a registry has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Where it goes on.
    pub location: Url,
    /// Bytes the registry says it has; none when it does not say.
    pub confirmed: Option<u64>,
    /// The fewest bytes of a part, except the last.
    pub chunk_min: u64,
}

/// How a mount ended.
#[derive(Debug)]
pub enum Mounted {
    /// The blob is there.
    Done,
    /// It has to be uploaded.
    Refused,
}

impl Client {
    /// Begins an upload.
    ///
    /// # Errors
    ///
    /// When the registry does not let us.
    pub async fn begin(&self, repository: &str) -> Result<Session, Fault> {
        let url = self.url(repository, "blobs", "uploads/")?;
        let mut ask = Ask::new(Method::POST, url.clone());
        ask.scopes = vec![scope(repository, "pull,push")];
        let answer = self.ask(ask).await?;
        if answer.status != StatusCode::ACCEPTED {
            return Err(unexpected(&answer));
        }
        let chunk_min = answer
            .headers
            .get(CHUNK_MIN)
            .and_then(|it| it.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        let location = self.location(&answer, &url)?;
        Ok(Session { location, confirmed: Some(0), chunk_min })
    }

    /// Takes a blob over from another repository of the registry.
    ///
    /// # Errors
    ///
    /// When the registry does not let us.
    pub async fn mount(
        &self,
        repository: &str,
        digest: Digest,
        from: &str,
    ) -> Result<Mounted, Fault> {
        let mut url = self.url(repository, "blobs", "uploads/")?;
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let mut ask = Ask::new(Method::POST, url.clone());
        ask.scopes = vec![scope(repository, "pull,push"), scope(from, "pull")];
        let answer = self.ask(ask).await?;
        match answer.status {
            StatusCode::CREATED => Ok(Mounted::Done),
            StatusCode::ACCEPTED => {
                // It has begun an upload instead.
                if let Ok(location) = self.location(&answer, &url) {
                    self.cancel(repository, &location).await;
                }
                Ok(Mounted::Refused)
            }
            // Some registries know no mounts and say so in their own way.
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::FORBIDDEN => Ok(Mounted::Refused),
            _ => Err(unexpected(&answer)),
        }
    }

    /// Sends a part of a blob, whose first byte is the `from`-th.
    ///
    /// # Errors
    ///
    /// When it is not known to be there: [`Client::status`] tells how much is.
    pub async fn send(
        &self,
        repository: &str,
        session: &Session,
        from: u64,
        part: &[Bytes],
    ) -> Result<Session, Fault> {
        let length: u64 = part.iter().map(|it| it.len() as u64).sum();
        let mut ask = Ask::new(Method::PATCH, session.location.clone());
        ask.scopes = vec![scope(repository, "pull,push")];
        ask.limit = SEND_LIMIT;
        ask.body = part;
        ask.header(CONTENT_TYPE, BYTES);
        let range = format!("{from}-{}", (from + length).saturating_sub(1));
        if let Ok(range) = HeaderValue::from_str(&range) {
            ask.header(CONTENT_RANGE, range);
        }
        let answer = self.ask(ask).await?;
        if answer.status.is_success() {
            self.next(session, &answer)
        } else {
            Err(unexpected(&answer))
        }
    }

    /// Asks how much of an upload is there.
    ///
    /// # Errors
    ///
    /// With status 404 or 400 when the upload is gone.
    pub async fn status(&self, repository: &str, session: &Session) -> Result<Session, Fault> {
        let mut ask = Ask::new(Method::GET, session.location.clone());
        ask.scopes = vec![scope(repository, "pull,push")];
        let answer = self.ask(ask).await?;
        if answer.status.is_success() {
            self.next(session, &answer)
        } else {
            Err(unexpected(&answer))
        }
    }

    /// Ends an upload, with `rest` as its last part: the registry compares the whole with `digest`.
    ///
    /// # Errors
    ///
    /// When the blob is not known to be there: [`Client::has_blob`] tells.
    pub async fn complete(
        &self,
        repository: &str,
        session: &Session,
        digest: Digest,
        rest: &[Bytes],
    ) -> Result<(), Fault> {
        let mut url = session.location.clone();
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let mut ask = Ask::new(Method::PUT, url);
        ask.scopes = vec![scope(repository, "pull,push")];
        ask.limit = COMMIT_LIMIT;
        ask.body = rest;
        ask.header(CONTENT_TYPE, BYTES);
        let answer = self.ask(ask).await?;
        if answer.status.is_success() { Ok(()) } else { Err(unexpected(&answer)) }
    }

    /// Gives an upload up. What the registry says to that does not matter: it sweeps uploads by itself.
    pub async fn cancel(&self, repository: &str, location: &Url) {
        let mut ask = Ask::new(Method::DELETE, location.clone());
        ask.scopes = vec![scope(repository, "pull,push")];
        let _ = self.ask(ask).await;
    }

    /// What an answer says of an upload.
    fn next(&self, session: &Session, answer: &Answer) -> Result<Session, Fault> {
        let location = if answer.headers.contains_key(reqwest::header::LOCATION) {
            self.location(answer, &session.location)?
        } else {
            session.location.clone()
        };
        let range = answer.headers.get(RANGE).and_then(|it| it.to_str().ok());
        Ok(Session { location, confirmed: range.and_then(confirmed), chunk_min: session.chunk_min })
    }
}

/// Bytes that a `Range` tells of: `0-N`, with or without `bytes=`. `0-0` is none: no registry stops after one byte.
fn confirmed(range: &str) -> Option<u64> {
    let range = range.trim();
    let range =
        range.strip_prefix("bytes=").or_else(|| range.strip_prefix("bytes ")).unwrap_or(range);
    let (from, to) = range.split('/').next()?.split_once('-')?;
    if from.trim() != "0" {
        return None;
    }
    match to.trim().parse().ok()? {
        0 => Some(0),
        last => u64::checked_add(last, 1),
    }
}

/// An answer that no specification foresees is strange even when it is a success.
fn unexpected(answer: &Answer) -> Fault {
    if answer.status.is_success() || answer.status.is_redirection() {
        let what = format!("status {} where an upload was expected", answer.status.as_u16());
        return Fault::Strange { what };
    }
    answer.fault()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_registries_write_them() {
        let table = ["0-99", "bytes=0-99", "0-0", "0--1", "5-9", "x", "", "0-18446744073709551615"]
            .map(|it| format!("{:?}", confirmed(it)));
        insta::assert_snapshot!(table.join(" "), @"Some(100) Some(100) Some(0) None None None None None");
    }
}
