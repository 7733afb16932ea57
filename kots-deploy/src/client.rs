//! Speaks to one admin console: every request of the program goes through [`Client::call`].
//!
//! A fault of the way is waited out until the run's deadline; a reason is returned at once; a request whose answer was
//! lost and whose repetition would harm is returned as [`CallError::Ambiguous`] for the step to read the state back.
//! What is which is decided in [`crate::fault`].
//!
//! Deliberately absent: any knowledge of a run, its target or its order.

pub mod api;
pub mod call;
pub mod path;
pub mod upload;

mod reading;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use steps::Reporter;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use wire::health::{CONFIG_VALUES_BEFORE_UPDATE, IDEMPOTENCY_KEY, REGISTRY_SETTINGS};

use crate::cli::duration::show;
use crate::fault::{Verdict, classify};
use crate::transport::{Stage, Transport, TransportError};
use call::{Call, CallError, Payload};
use reading::Read;

/// The first pause after a fault; each next one is longer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause after a fault.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a probe of `/healthz` may take.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// A client of one admin console, for one run.
#[derive(Debug)]
pub struct Client {
    transport: Arc<dyn Transport>,
    deadline: Instant,
    limit: Duration,
    server: Mutex<Server>,
}

/// What `/healthz` said last.
#[derive(Debug, Clone, Default)]
struct Server {
    boot_id: Option<String>,
    features: Vec<String>,
}

/// One whole answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status, a success.
    pub status: u16,
    /// The body, bounded.
    pub body: Vec<u8>,
}

impl Client {
    /// Makes a client over `transport` for a run that must end at `deadline`, which was `limit` long.
    pub fn new(transport: Arc<dyn Transport>, deadline: Instant, limit: Duration) -> Self {
        Self { transport, deadline, limit, server: Mutex::default() }
    }

    /// Names the admin console, for messages.
    pub fn address(&self) -> String {
        self.transport.describe()
    }

    /// When the run must be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the server said that it knows an idempotency key when it sees it again.
    pub fn keeps_keys(&self) -> bool {
        self.has(IDEMPOTENCY_KEY)
    }

    /// Whether the server said that it compares config values with a release before it makes a version of it.
    pub fn compares_values(&self) -> bool {
        self.has(CONFIG_VALUES_BEFORE_UPDATE)
    }

    /// Whether the server said that it takes the registry of an application and is done with it when it answers.
    pub fn takes_registry(&self) -> bool {
        self.has(REGISTRY_SETTINGS)
    }

    fn has(&self, feature: &str) -> bool {
        self.server().features.iter().any(|it| it == feature)
    }

    fn server(&self) -> Server {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request until it is answered, refused, ambiguous or out of time.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn call(&self, call: &Call<'_>, reporter: &Reporter) -> Result<Answer, CallError> {
        let mut pause = FIRST_PAUSE;
        let mut faults: u32 = 0;
        loop {
            let (seen, error) = self.attempt(call).await;
            if let Some(failure) = call.payload.failure() {
                return Err(CallError::Input(failure));
            }
            let (why, after) = match classify(seen.seen(), call.due, call.again) {
                Verdict::Answered => {
                    if faults > 0 {
                        self.notice_restart(reporter).await;
                    }
                    return Ok(seen.into_answer());
                }
                Verdict::Refused(refusal) => return Err(CallError::Refused(Box::new(refusal))),
                Verdict::Auth(refusal) => {
                    let refusal = Box::new(refusal);
                    return Err(CallError::Auth { address: self.address(), refusal });
                }
                Verdict::Denied => {
                    return Err(error.map_or_else(
                        || CallError::Denied { what: self.address(), causes: Vec::new() },
                        CallError::denied,
                    ));
                }
                Verdict::Ambiguous { why } => {
                    reporter.warn(format!(
                        "{} does not answer ({}); whether it acted is looked up",
                        self.address(),
                        told(&why, error.as_ref())
                    ));
                    return Err(CallError::Ambiguous { why: told(&why, error.as_ref()) });
                }
                Verdict::Wait { why, after } => (told(&why, error.as_ref()), after),
            };
            faults += 1;
            let next = Instant::now() + after.unwrap_or(pause);
            if next >= self.deadline {
                return Err(self.out_of_time(why, faults));
            }
            if faults == 1 {
                let left = self.deadline.saturating_duration_since(Instant::now());
                reporter.warn(format!(
                    "{} does not answer ({why}); waiting up to {}",
                    self.address(),
                    show(left)
                ));
            }
            pause = (pause * 8 / 5).min(LONGEST_PAUSE);
            sleep_until(next).await;
        }
    }

    fn out_of_time(&self, why: String, attempts: u32) -> CallError {
        CallError::OutOfTime { address: self.address(), limit: show(self.limit), why, attempts }
    }

    async fn attempt(&self, call: &Call<'_>) -> (Read, Option<TransportError>) {
        let limit = match call.patience {
            Some(patience) => (Instant::now() + patience).min(self.deadline),
            None => self.deadline,
        };
        let request = match build(call) {
            Ok(request) => request,
            Err(error) => {
                let what = "the request cannot be built".to_owned();
                let error =
                    TransportError { what, stage: Stage::Denied, source: Some(error.into()) };
                return (Read::Nothing(Stage::Denied), Some(error));
            }
        };
        match timeout_at(limit, self.transport.send(request)).await {
            Err(_) => {
                let what = "no answer in time".to_owned();
                let error = TransportError { what, stage: Stage::Exchange, source: None };
                (Read::Nothing(Stage::Exchange), Some(error))
            }
            Ok(Err(error)) => (Read::Nothing(error.stage), Some(error)),
            Ok(Ok(response)) => (reading::read(response, call.limit, self.deadline).await, None),
        }
    }

    /// Sends a request once; none when there is no success within a short time.
    async fn once(&self, call: &Call<'_>) -> Option<Answer> {
        match timeout(PROBE_LIMIT, self.attempt(call)).await {
            Ok((Read::Whole(answer), _)) => Some(answer),
            _ => None,
        }
    }

    /// Asks `/healthz` once, remembers what it says and tells of a new boot id.
    async fn notice_restart(&self, reporter: &Reporter) {
        let before = self.server().boot_id;
        let probe = Call::get("/healthz".to_owned());
        let Some(answer) = self.once(&probe).await else {
            reporter.warn(format!("{} answers again", self.address()));
            return;
        };
        self.remember(&answer.body);
        let now = self.server().boot_id;
        if before.is_some() && now.is_some() && before != now {
            reporter.warn("kotsadm is restarting: it answers again with another boot id, going on");
        } else {
            reporter.warn(format!("{} answers again, going on", self.address()));
        }
    }

    fn remember(&self, body: &[u8]) {
        if let Ok(health) = serde_json::from_slice::<wire::health::Healthz>(body) {
            let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
            *server = Server { boot_id: health.boot_id, features: health.features };
        }
    }
}

fn told(why: &str, error: Option<&TransportError>) -> String {
    let Some(error) = error else { return why.to_owned() };
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(it) = source {
        let inner = it.to_string();
        // Libraries repeat their cause in their own words.
        if !text.contains(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        source = it.source();
    }
    text
}

fn build(call: &Call<'_>) -> Result<http::Request<crate::transport::Body>, http::Error> {
    let mut request = http::Request::builder()
        .method(call.method.clone())
        .uri(call.path.as_str())
        .header(USER_AGENT, concat!("kots/", env!("CARGO_PKG_VERSION")));
    if let Some(key) = &call.key {
        request = request.header("Idempotency-Key", key.as_str());
    }
    match &call.payload {
        Payload::Empty => request.body(upload::empty()),
        Payload::Json(bytes) => request
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, bytes.len())
            .body(upload::whole(bytes.clone())),
        Payload::Upload(upload) => request
            .header(CONTENT_TYPE, upload.content_type())
            .header(CONTENT_LENGTH, upload.length())
            .body(upload.body()),
    }
}
