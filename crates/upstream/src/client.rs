//! Asks the vendor for licences, pending releases and releases.

use std::error::Error;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Response, redirect};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep};
use url::Url;
use wire::upstream::{ChannelRelease, PendingReleases};

use crate::answer::{ReadError, read, read_reason, refusal, retry_after};
use crate::error::{RetryEnd, UpstreamError};
use crate::fault::{Verdict, judge, pause};
use crate::headers;
use crate::proxies::Proxies;
use crate::target::Target;

/// The most redirects that are followed for one question.
const MAX_REDIRECTS: usize = 5;
/// How often a download that had begun gets the whole time for retries again.
const MAX_RESTARTS: u32 = 4;
/// The largest licence, in bytes.
const LICENSE_BYTES: u64 = 1024 * 1024;
/// The largest list of pending releases, in bytes.
const PENDING_BYTES: u64 = 16 * 1024 * 1024;

/// How the client behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Version shown in `User-Agent: KOTS/<version>`.
    pub version: String,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long an answer may stand still.
    pub idle_timeout: Duration,
    /// How long transport faults are retried, from the first attempt.
    pub retry_for: Duration,
    /// The largest release, in bytes.
    pub max_release_bytes: u64,
    /// What the vendor is told about the installation.
    pub reporting: Reporting,
    /// The proxies on the way; `None` for the environment's.
    pub proxies: Option<Proxies>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            retry_for: Duration::from_mins(1),
            max_release_bytes: 64 << 30,
            reporting: Reporting::default(),
            proxies: None,
        }
    }
}

/// The reporting headers that cost nothing (`pkg/reporting/util.go:18-93`); `None` is not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reporting {
    /// `X-Replicated-InstanceID`.
    pub instance_id: Option<String>,
    /// `X-Replicated-ClusterID`.
    pub cluster_id: Option<String>,
    /// `X-Replicated-AppStatus`.
    pub app_status: Option<String>,
    /// `X-Replicated-DownstreamChannelSequence`.
    pub channel_sequence: Option<String>,
    /// `X-Replicated-DownstreamChannelID`.
    pub channel_id: Option<String>,
    /// `X-Replicated-DownstreamSequence`.
    pub sequence: Option<i64>,
}

impl Reporting {
    fn headers(&self) -> Vec<(&'static str, String)> {
        let sequence = self.sequence.map(|sequence| sequence.to_string());
        [
            ("x-replicated-instanceid", &self.instance_id),
            ("x-replicated-clusterid", &self.cluster_id),
            ("x-replicated-appstatus", &self.app_status),
            ("x-replicated-downstreamchannelsequence", &self.channel_sequence),
            ("x-replicated-downstreamchannelid", &self.channel_id),
            ("x-replicated-downstreamsequence", &sequence),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect()
    }
}

/// Which form of licence the application has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LicenseFormat {
    /// `kots.io/v1beta1`.
    #[default]
    V1Beta1,
    /// `kots.io/v1beta2`.
    V1Beta2,
}

/// Which pending releases are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingQuery {
    /// The newest release that is known; `None` when the channel has changed.
    pub channel_sequence: Option<i64>,
    /// Sequence of the licence in use.
    pub license_sequence: i64,
    /// The channel that is followed; empty lets the vendor choose.
    pub channel_id: String,
    /// When the vendor was last asked, as the vendor said it.
    pub last_update_check_at: Option<Timestamp>,
}

/// The vendor's list of pending releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// In the vendor's order.
    pub releases: Vec<ChannelRelease>,
    /// The vendor's time of the answer, for the next question.
    pub checked_at: Timestamp,
}

/// What became of the preflight checks of an application's version.
#[derive(Debug, Clone, Copy)]
pub struct PreflightReport<'a> {
    /// Id of the application in this installation.
    pub app_id: &'a str,
    /// Id of the cluster.
    pub cluster_id: &'a str,
    /// The version.
    pub sequence: i64,
    /// Whether the operator passed them over.
    pub is_skipped: bool,
    /// What they found: `pass`, `warn`, `fail`, or empty.
    pub status: &'a str,
    /// How the application is, or empty.
    pub app_status: &'a str,
}

/// A question, for messages.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// What for, in words.
    pub(crate) operation: &'static str,
    /// Whom.
    pub(crate) host: String,
    /// The address.
    pub(crate) url: &'a Url,
}

/// A client for one application with one licence.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    pub(crate) target: Target,
    license_id: SecretString,
    pub(crate) options: Options,
}

impl Client {
    /// Sets up a client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// The endpoint cannot be used, or the system's certificates cannot be read.
    pub fn new(
        endpoint: Url,
        app_slug: &str,
        license_id: SecretString,
        options: Options,
    ) -> Result<Self, UpstreamError> {
        let target = Target::new(endpoint, app_slug)?;
        let builder = reqwest::Client::builder();
        let builder = match &options.proxies {
            Some(proxies) => proxies.apply(builder).map_err(UpstreamError::Setup)?,
            None => builder,
        };
        let http = builder
            .user_agent(format!("KOTS/{}", options.version))
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.idle_timeout)
            .redirect(redirect::Policy::custom(follow))
            .build()
            .map_err(UpstreamError::Setup)?;
        Ok(Self { http, target, license_id, options })
    }

    /// Asks for the licence as it is now (`pkg/replicatedapp/api.go:65-171`). The text is not
    /// verified here.
    ///
    /// `sequence` is the sequence of the licence in use, `channel_id` the channel that is followed.
    ///
    /// # Errors
    ///
    /// See [`UpstreamError`]; an answer that is empty or not text is [`UpstreamError::BadAnswer`].
    pub async fn license(
        &self,
        sequence: i64,
        channel_id: Option<&str>,
        format: LicenseFormat,
    ) -> Result<String, UpstreamError> {
        let mut query = vec![("licenseSequence", sequence.to_string())];
        query.extend(channel_id.map(|id| ("selectedChannelId", id.to_owned())));
        let url = self.target.url("license", None, &query);
        let asked = self.asked("fetching the licence", &url);
        let extra: &[_] = match format {
            LicenseFormat::V1Beta1 => &[],
            LicenseFormat::V1Beta2 => &[(headers::LICENSE_VERSION, "v1beta2")],
        };
        let (_, body) = self.fetch(&asked, extra, LICENSE_BYTES).await?;
        let text = String::from_utf8(body).map_err(|_| asked.bad_answer("it is not UTF-8 text"))?;
        if text.trim().is_empty() {
            return Err(asked.bad_answer("it is empty, a licence was expected"));
        }
        Ok(text)
    }

    /// Asks for the releases after a cursor (`pkg/upstream/replicated.go:485-567`).
    ///
    /// # Errors
    ///
    /// See [`UpstreamError`]; an answer without a readable list or without the time of the check is
    /// [`UpstreamError::BadAnswer`].
    pub async fn pending(&self, query: &PendingQuery) -> Result<Pending, UpstreamError> {
        let sequence = query.channel_sequence.map(|n| n.to_string()).unwrap_or_default();
        let mut pairs = vec![
            ("channelSequence", sequence),
            ("licenseSequence", query.license_sequence.to_string()),
            ("isSemverSupported", "true".to_owned()),
            ("isEmbeddedCluster", "false".to_owned()),
        ];
        if !query.channel_id.is_empty() {
            pairs.push(("selectedChannelId", query.channel_id.clone()));
        }
        pairs.extend(query.last_update_check_at.map(|at| ("lastUpdateCheckAt", at.to_string())));
        let url = self.target.url("release", Some("pending"), &pairs);
        let asked = self.asked("asking for pending releases", &url);

        let (headers, body) = self.fetch(&asked, &[], PENDING_BYTES).await?;
        let checked_at = headers::text(&headers, headers::UPDATE_CHECK_AT)
            .and_then(|time| time.parse().ok())
            .ok_or_else(|| {
                asked.bad_answer("the header `X-Replicated-UpdateCheckAt` must be a time")
            })?;
        let list: PendingReleases = serde_json::from_slice(&body)
            .map_err(|error| asked.bad_answer(&format!("it is not a list of releases: {error}")))?;
        Ok(Pending { releases: list.channel_releases, checked_at })
    }

    /// Tells the vendor what became of an application's preflight checks (`pkg/reporting/preflight.go`). Asked once:
    /// nothing depends on it.
    ///
    /// # Errors
    ///
    /// See [`UpstreamError`].
    pub async fn report_preflights(
        &self,
        report: &PreflightReport<'_>,
    ) -> Result<(), UpstreamError> {
        let query = [
            ("sequence", report.sequence.to_string()),
            ("skipPreflights", report.is_skipped.to_string()),
            ("installStatus", String::new()),
            ("isCLI", "false".to_owned()),
            ("preflightStatus", report.status.to_owned()),
            ("appStatus", report.app_status.to_owned()),
            ("kotsVersion", self.options.version.clone()),
        ];
        let path = ["kots_metrics", "preflights", report.app_id, report.cluster_id];
        let url = self.target.at(&path, &query);
        let asked = self.asked("reporting preflight checks", &url);
        let id = self.license_id.expose_secret();
        let mut request = self.http.post(url.clone()).header(http::header::AUTHORIZATION, id);
        for (name, value) in self.options.reporting.headers() {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| UpstreamError::Unreachable {
            operation: asked.operation,
            host: asked.host.clone(),
            attempts: 1,
            end: RetryEnd::Useless,
            source: error.without_url(),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let body = read_reason(response).await;
        Err(refusal(&asked, status.as_u16(), &body))
    }

    /// Describes a question.
    pub(crate) fn asked<'a>(&self, operation: &'static str, url: &'a Url) -> Asked<'a> {
        Asked { operation, host: self.target.host(), url }
    }

    /// Asks until there is an answer with a body within `limit` or no sense in asking again.
    async fn fetch(
        &self,
        asked: &Asked<'_>,
        extra: &[(&str, &str)],
        limit: u64,
    ) -> Result<(http::HeaderMap, Vec<u8>), UpstreamError> {
        let mut retry = Retry::start(self.options.retry_for);
        loop {
            let response = self.ask(asked, extra, &mut retry).await?;
            let headers = response.headers().clone();
            match read(response, limit).await {
                Ok(body) => return Ok((headers, body)),
                Err(ReadError::TooLarge) => return Err(asked.too_large(limit)),
                Err(ReadError::Broken(error)) => retry.after_break(asked, error).await?,
            }
        }
    }

    /// Asks until there is a good status or no sense in asking again.
    pub(crate) async fn ask(
        &self,
        asked: &Asked<'_>,
        extra: &[(&str, &str)],
        retry: &mut Retry,
    ) -> Result<Response, UpstreamError> {
        loop {
            retry.attempts += 1;
            let id = self.license_id.expose_secret();
            let mut request = self.http.get(asked.url.clone()).basic_auth(id, Some(id));
            for (name, value) in self.options.reporting.headers() {
                request = request.header(name, value);
            }
            for (name, value) in extra {
                request = request.header(*name, *value);
            }
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) => {
                    retry.after_break(asked, error).await?;
                    continue;
                }
            };
            let status = response.status();
            // The original asks only for < 300; a redirect without a target ends up here too.
            if status.is_success() {
                return Ok(response);
            }
            let wait = retry_after(response.headers()).map(str::to_owned);
            let body = read_reason(response).await;
            match judge(status.as_u16(), wait.as_deref(), &body) {
                Verdict::Final => return Err(refusal(asked, status.as_u16(), &body)),
                Verdict::Later(wait) => retry.after_status(asked, status.as_u16(), wait).await?,
            }
        }
    }
}

impl Asked<'_> {
    pub(crate) fn bad_answer(&self, what: &str) -> UpstreamError {
        UpstreamError::BadAnswer {
            operation: self.operation,
            host: self.host.clone(),
            what: what.to_owned(),
        }
    }

    pub(crate) fn too_large(&self, allowed: u64) -> UpstreamError {
        UpstreamError::TooLarge { operation: self.operation, host: self.host.clone(), allowed }
    }
}

/// The attempts of one question, against one deadline.
#[derive(Debug)]
pub(crate) struct Retry {
    attempts: u32,
    limit: Duration,
    deadline: Instant,
    restarts: u32,
}

impl Retry {
    pub(crate) fn start(limit: Duration) -> Self {
        Self { attempts: 0, limit, deadline: Instant::now() + limit, restarts: 0 }
    }

    /// Gives the retries their whole time again: a long body that broke off late must not find it
    /// used up. Only a few times, so that an answer that always breaks off comes to an end.
    pub(crate) fn after_progress(&mut self) {
        if self.restarts < MAX_RESTARTS {
            self.restarts += 1;
            self.deadline = Instant::now() + self.limit;
        }
    }

    /// Waits for the next attempt, or says why there is none, after the connection broke.
    pub(crate) async fn after_break(
        &mut self,
        asked: &Asked<'_>,
        error: reqwest::Error,
    ) -> Result<(), UpstreamError> {
        let error = error.without_url();
        let end = if is_useless(&error) { Err(RetryEnd::Useless) } else { self.next(None) };
        match end {
            Ok(pause) => {
                tracing::info!(host = asked.host, %error, attempt = self.attempts, "{} failed, trying again", asked.operation);
                sleep(pause).await;
                Ok(())
            }
            Err(end) => Err(UpstreamError::Unreachable {
                operation: asked.operation,
                host: asked.host.clone(),
                attempts: self.attempts,
                end,
                source: error,
            }),
        }
    }

    /// The same after a status that means "later".
    async fn after_status(
        &mut self,
        asked: &Asked<'_>,
        status: u16,
        wait: Option<Duration>,
    ) -> Result<(), UpstreamError> {
        match self.next(wait) {
            Ok(pause) => {
                tracing::info!(
                    host = asked.host,
                    status,
                    attempt = self.attempts,
                    "{} failed, trying again",
                    asked.operation
                );
                sleep(pause).await;
                Ok(())
            }
            Err(end) => Err(UpstreamError::Unavailable {
                operation: asked.operation,
                host: asked.host.clone(),
                status,
                attempts: self.attempts,
                end,
            }),
        }
    }

    fn next(&self, wait: Option<Duration>) -> Result<Duration, RetryEnd> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let pause = wait.unwrap_or_else(|| pause(self.attempts));
        if pause < left {
            Ok(pause)
        } else if wait.is_some() {
            Err(RetryEnd::WaitTooLong(pause))
        } else {
            Err(RetryEnd::Deadline(self.limit))
        }
    }
}

/// Whether the same request would certainly end the same way.
fn is_useless(error: &reqwest::Error) -> bool {
    if error.is_builder() || error.is_redirect() {
        return true;
    }
    // A handshake refused for its certificate comes as an I/O error of this kind.
    let mut source = error.source();
    while let Some(cause) = source {
        if cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
        {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Follows a few redirects, never from https to http.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let from_https = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if from_https && attempt.url().scheme() != "https" {
        return attempt.error("a redirect from https to http is not followed");
    }
    if MAX_REDIRECTS < attempt.previous().len() {
        return attempt.error(format!("more than {MAX_REDIRECTS} redirects"));
    }
    attempt.follow()
}
