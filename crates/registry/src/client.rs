//! Speaks the distribution API to one registry, one exchange at a time.
//!
//! A method is one attempt: it says what is there, or the [`Fault`] and whether it may pass. Only an answer 401 is
//! answered here, by logging in and asking once more. Who waits, how long and who is told is [`mod@crate::push`]'s.

mod auth;
mod fault;
mod pull;
mod upload;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    LOCATION, RETRY_AFTER,
};
use reqwest::{Method, StatusCode, redirect};
use thiserror::Error;
use url::Url;

pub use auth::Credentials;
pub use fault::Fault;
pub(crate) use pull::Stream;
pub use upload::{Mounted, Session};

use crate::endpoint::{Endpoint, Scheme};
use airgap::Digest;

/// The most bytes of an answer that are kept: what a registry says of errors, and tokens.
const ANSWER_LIMIT: usize = 1 << 20;
/// The most redirects that are followed for a question.
const MAX_REDIRECTS: usize = 5;
/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
/// How long a question may take.
const ASK_LIMIT: Duration = Duration::from_mins(1);
/// How long a part of an upload may take: 4 MiB at 14 KiB/s.
const SEND_LIMIT: Duration = Duration::from_mins(5);
/// How long a registry may take to file a whole blob or a manifest away.
const COMMIT_LIMIT: Duration = Duration::from_mins(15);
/// The longest pause a registry may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(2);
/// Every kind of manifest.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Whose certificates are trusted.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Certificates of authorities in PEM, besides those of the system.
    pub authorities: Vec<Vec<u8>>,
    /// Any certificate will do: only when a person said so.
    pub accept_any: bool,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The file is no PEM.
    #[error("the certificate of the registry's authority cannot be read")]
    Authority(#[source] reqwest::Error),
    /// PEM, but of something else, such as a key.
    #[error("the file of the registry's authority holds no certificate")]
    NoAuthority,
    /// TLS or the proxy settings cannot be set up.
    #[error("the client of the registry cannot be set up")]
    Setup(#[source] reqwest::Error),
    /// The address is none.
    #[error("`{0}` is not the address of a registry")]
    Address(String),
}

/// Speaks to one registry.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    auth: auth::Auth,
}

/// One whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// One request.
struct Ask<'a> {
    method: Method,
    url: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: &'a [Bytes],
    scopes: Vec<String>,
    limit: Duration,
}

/// What of a repository a request needs, as the token specification writes it.
fn scope(repository: &str, actions: &str) -> String {
    format!("repository:{repository}:{actions}")
}

impl Client {
    /// Makes a client. Sends nothing.
    ///
    /// # Errors
    ///
    /// When a certificate cannot be read or TLS cannot be set up.
    pub fn new(
        endpoint: &Endpoint,
        scheme: Scheme,
        tls: &Tls,
        credentials: Credentials,
    ) -> Result<Self, ClientError> {
        let name = match scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
        };
        let base = Url::parse(&format!("{name}://{}/v2/", endpoint.api_host()))
            .map_err(|_| ClientError::Address(endpoint.host().to_owned()))?;
        let mut authorities = Vec::new();
        for pem in &tls.authorities {
            let read =
                reqwest::Certificate::from_pem_bundle(pem).map_err(ClientError::Authority)?;
            if read.is_empty() {
                return Err(ClientError::NoAuthority);
            }
            authorities.extend(read);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("kots/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::limited(MAX_REDIRECTS))
            .connect_timeout(CONNECT_LIMIT)
            .tcp_keepalive(Duration::from_secs(15))
            .tcp_keepalive_interval(Duration::from_secs(5))
            .tcp_keepalive_retries(3)
            .http1_only()
            .https_only(scheme == Scheme::Https)
            .tls_danger_accept_invalid_certs(tls.accept_any);
        if !authorities.is_empty() {
            builder = builder.tls_certs_merge(authorities);
        }
        let http = builder.build().map_err(ClientError::Setup)?;
        Ok(Self { http, base, auth: auth::Auth::new(credentials, scheme) })
    }

    /// Asks whether it is a registry and takes the credentials: `GET /v2/`.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub async fn ping(&self) -> Result<(), Fault> {
        let ask = Ask::new(Method::GET, self.base.clone());
        let answer = self.ask(ask).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.fault()) }
    }

    /// The digest of a manifest that is there; none when it is not.
    ///
    /// # Errors
    ///
    /// When it cannot be found out.
    pub async fn manifest(&self, repository: &str, version: &str) -> Result<Option<Digest>, Fault> {
        let mut ask = Ask::new(Method::HEAD, self.url(repository, "manifests", version)?);
        ask.scopes = vec![scope(repository, "pull,push")];
        ask.header(ACCEPT, HeaderValue::from_static(MANIFEST_TYPES));
        let answer = self.ask(ask).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            // What is asked for by digest is that.
            status if status.is_success() => Ok(answer.digest().or_else(|| Digest::parse(version))),
            _ => Err(answer.fault()),
        }
    }

    /// Whether a blob is in a repository.
    ///
    /// # Errors
    ///
    /// When it cannot be found out.
    pub async fn has_blob(&self, repository: &str, digest: Digest) -> Result<bool, Fault> {
        let url = self.url(repository, "blobs", &digest.to_string())?;
        let mut ask = Ask::new(Method::HEAD, url);
        ask.scopes = vec![scope(repository, "pull,push")];
        let answer = self.ask(ask).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(answer.fault()),
        }
    }

    /// Puts a manifest, byte by byte as it is, and compares the digest that the registry found.
    ///
    /// # Errors
    ///
    /// When it is not there afterwards.
    pub async fn put_manifest(
        &self,
        repository: &str,
        version: &str,
        media_type: &str,
        bytes: &Bytes,
    ) -> Result<(), Fault> {
        let url = self.url(repository, "manifests", version)?;
        let body = [bytes.clone()];
        let mut ask = Ask::new(Method::PUT, url);
        ask.scopes = vec![scope(repository, "pull,push")];
        ask.limit = COMMIT_LIMIT;
        let kind = HeaderValue::from_str(media_type).map_err(|_| Fault::Strange {
            what: "a media type that cannot stand in a header".to_owned(),
        })?;
        ask.header(CONTENT_TYPE, kind);
        ask.body = &body;
        let answer = self.ask(ask).await?;
        if !answer.status.is_success() {
            return Err(answer.fault());
        }
        let ours = Digest::of(bytes);
        let theirs = match answer.digest() {
            Some(digest) => Some(digest),
            None => self.manifest(repository, version).await?,
        };
        match theirs {
            Some(theirs) if theirs != ours => Err(Fault::Strange {
                what: format!("it has manifest {theirs} where {ours} was put"),
            }),
            _ => Ok(()),
        }
    }

    fn url(&self, repository: &str, kind: &str, name: &str) -> Result<Url, Fault> {
        self.base
            .join(&format!("{repository}/{kind}/{name}"))
            .map_err(|it| Fault::Strange { what: format!("no address for `{repository}`: {it}") })
    }

    /// Sends a request; logs in and sends it once more when the registry asks for that.
    async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Fault> {
        let answer = self.attempt(&ask).await?;
        if !self.is_ours(&ask.url) {
            return Ok(answer);
        }
        match answer.status {
            StatusCode::UNAUTHORIZED => self.auth.learn(&answer.headers, &ask.scopes).await?,
            StatusCode::FORBIDDEN if self.auth.has_ended(&answer.body).await => {}
            _ => return Ok(answer),
        }
        let answer = self.attempt(&ask).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(answer.fault()),
            _ => Ok(answer),
        }
    }

    async fn attempt(&self, ask: &Ask<'_>) -> Result<Answer, Fault> {
        let request = self.request(ask).await?.timeout(ask.limit);
        let response = request.send().await.map_err(|it| Fault::of_transport(&it))?;
        read_answer(response).await
    }

    /// A request that is not sent yet, with what the registry wants to know of us.
    async fn request(&self, ask: &Ask<'_>) -> Result<reqwest::RequestBuilder, Fault> {
        let length: usize = ask.body.iter().map(Bytes::len).sum();
        let mut request = self.http.request(ask.method.clone(), ask.url.clone());
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        // Never to another host: an upload may be told to go to one.
        if self.is_ours(&ask.url)
            && let Some(value) = self.auth.header(&self.http, &ask.scopes).await?
        {
            request = request.header(AUTHORIZATION, value);
        }
        Ok(match ask.body {
            [] if ask.method == Method::GET || ask.method == Method::HEAD => request,
            [] => request.header(CONTENT_LENGTH, 0),
            [one] => request.body(one.clone()),
            many => {
                let parts: Vec<std::io::Result<Bytes>> = many.iter().cloned().map(Ok).collect();
                request
                    .header(CONTENT_LENGTH, length)
                    .body(reqwest::Body::wrap_stream(stream::iter(parts)))
            }
        })
    }

    fn is_ours(&self, url: &Url) -> bool {
        url.scheme() == self.base.scheme()
            && url.host_str() == self.base.host_str()
            && url.port_or_known_default() == self.base.port_or_known_default()
    }

    /// Where an answer says to go on. A registry behind a proxy that ends TLS may name itself without it.
    fn location(&self, answer: &Answer, from: &Url) -> Result<Url, Fault> {
        let strange = |what: &str| Fault::Strange { what: what.to_owned() };
        let text = answer
            .headers
            .get(LOCATION)
            .and_then(|it| it.to_str().ok())
            .ok_or_else(|| strange("it begins an upload without saying where"))?;
        let mut url =
            from.join(text).map_err(|_| strange("the place of an upload is no address"))?;
        if self.base.scheme() == "https" && url.scheme() == "http" {
            if url.host_str() != self.base.host_str() {
                return Err(strange("it wants an upload to go to another host without TLS"));
            }
            let _ = url.set_scheme("https");
            let _ = url.set_port(self.base.port());
        }
        Ok(url)
    }
}

impl Ask<'_> {
    fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: Vec::new(), body: &[], scopes: Vec::new(), limit: ASK_LIMIT }
    }

    fn header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.push((name, value));
    }
}

impl Answer {
    /// What an answer that is no success means.
    pub(crate) fn fault(&self) -> Fault {
        let retry_after = self
            .headers
            .get(RETRY_AFTER)
            .and_then(|it| it.to_str().ok()?.trim().parse().ok())
            .map(|it| Duration::from_secs(it).min(MAX_RETRY_AFTER));
        Fault::of_answer(self.status, retry_after, &self.body)
    }

    fn digest(&self) -> Option<Digest> {
        Digest::parse(self.headers.get(CONTENT_DIGEST)?.to_str().ok()?)
    }
}

/// Reads an answer, bounded.
pub(crate) async fn read_answer(mut response: reqwest::Response) -> Result<Answer, Fault> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = BytesMut::new();
    while let Some(part) = response.chunk().await.map_err(|it| Fault::of_transport(&it))? {
        let room = ANSWER_LIMIT - body.len();
        body.extend_from_slice(&part[..part.len().min(room)]);
        if room <= part.len() {
            break;
        }
    }
    Ok(Answer { status, headers, body: body.freeze() })
}
