//! Reading manifests and blobs.

use bytes::Bytes;
use reqwest::header::{ACCEPT, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};

use super::{ANSWER_LIMIT, ASK_LIMIT, Ask, Client, Fault, MANIFEST_TYPES, read_answer, scope};
use airgap::Digest;

/// The bytes of a blob on their way.
#[derive(Debug)]
pub(crate) struct Stream {
    response: reqwest::Response,
    /// Bytes that come before those that were asked for.
    skip: u64,
}

impl Client {
    /// The bytes of a manifest; none when it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be found out, or it is not what its digest says.
    pub async fn get_manifest(
        &self,
        repository: &str,
        version: &str,
    ) -> Result<Option<Bytes>, Fault> {
        let mut ask = Ask::new(Method::GET, self.url(repository, "manifests", version)?);
        ask.scopes = vec![scope(repository, "pull")];
        ask.header(ACCEPT, HeaderValue::from_static(MANIFEST_TYPES));
        let answer = self.ask(ask).await?;
        let strange = |what: String| Err(Fault::Strange { what });
        match answer.status {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => return Err(answer.fault()),
            _ if answer.body.len() >= ANSWER_LIMIT => {
                return strange(format!(
                    "manifest `{version}` is larger than {ANSWER_LIMIT} bytes"
                ));
            }
            _ => {}
        }
        let found = Digest::of(&answer.body);
        let named = Digest::parse(version).or_else(|| answer.digest());
        match named {
            Some(named) if named != found => {
                strange(format!("manifest {named} has the content of {found}"))
            }
            _ => Ok(Some(answer.body)),
        }
    }

    /// Whether a blob can be read.
    ///
    /// # Errors
    ///
    /// When it cannot be found out.
    pub(crate) async fn offers_blob(
        &self,
        repository: &str,
        digest: Digest,
    ) -> Result<bool, Fault> {
        let answer = self.ask(self.ask_blob(Method::HEAD, repository, digest)?).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(answer.fault()),
        }
    }

    /// Begins to read a blob after its first `from` bytes.
    ///
    /// # Errors
    ///
    /// When the registry does not give it.
    pub(crate) async fn stream_blob(
        &self,
        repository: &str,
        digest: Digest,
        from: u64,
    ) -> Result<Stream, Fault> {
        let mut ask = self.ask_blob(Method::GET, repository, digest)?;
        if from > 0 {
            let range = HeaderValue::from_str(&format!("bytes={from}-"));
            let range = range.map_err(|it| Fault::Strange { what: it.to_string() })?;
            ask.header(RANGE, range);
        }
        let mut response = self.begin_answer(&ask).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.is_ours(&ask.url) {
            self.auth.learn(response.headers(), &ask.scopes).await?;
            response = self.begin_answer(&ask).await?;
        }
        match response.status() {
            StatusCode::PARTIAL_CONTENT => Ok(Stream { response, skip: 0 }),
            // It does not know ranges.
            status if status.is_success() => Ok(Stream { response, skip: from }),
            _ => Err(read_answer(response).await?.fault()),
        }
    }

    fn ask_blob(
        &self,
        method: Method,
        repository: &str,
        digest: Digest,
    ) -> Result<Ask<'static>, Fault> {
        let mut ask = Ask::new(method, self.url(repository, "blobs", &digest.to_string())?);
        ask.scopes = vec![scope(repository, "pull")];
        Ok(ask)
    }

    /// Sends a request whose answer takes as long as it takes, but begins in time.
    async fn begin_answer(&self, ask: &Ask<'_>) -> Result<reqwest::Response, Fault> {
        let request = self.request(ask).await?;
        match tokio::time::timeout(ASK_LIMIT, request.send()).await {
            Ok(sent) => sent.map_err(|it| Fault::of_transport(&it)),
            Err(_) => Err(late()),
        }
    }
}

impl Stream {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    ///
    /// When the connection breaks or nothing comes for a minute.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let part = match tokio::time::timeout(ASK_LIMIT, self.response.chunk()).await {
                Ok(part) => part.map_err(|it| Fault::of_transport(&it))?,
                Err(_) => return Err(late()),
            };
            let Some(mut part) = part else { return Ok(None) };
            let skipped = part.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= skipped as u64;
            let part = part.split_off(skipped);
            if !part.is_empty() {
                return Ok(Some(part));
            }
        }
    }
}

fn late() -> Fault {
    Fault::Transport { what: format!("no answer within {} s", ASK_LIMIT.as_secs()) }
}
