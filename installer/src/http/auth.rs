//! Who may ask: a password for a token, a token for everything else.
//!
//! A token names a session, which ends 8 hours after it was last used. The key is kept, so a token
//! survives a restart.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use secrecy::{ExposeSecret as _, SecretString};

use super::frame::{Answer, answer};
use super::types::{LoginRequest, LoginResponse};
use super::{body, token};
use crate::refusal::Refusal;
use crate::site::{Shared, Site};

/// How long a session lasts after its last use, in milliseconds.
const LIFETIME_MS: i64 = 8 * 60 * 60 * 1000;
/// The largest body of a login, in bytes: nobody has said yet who he is.
const LOGIN_BYTES: usize = 64 << 10;
/// A session is not written anew for every request, only when this much of it is gone.
const RENEW_MS: i64 = 60 * 1000;

/// `POST /api/auth/login`.
pub(super) async fn login(State(site): State<Shared>, request: Request) -> Answer<LoginResponse> {
    let address = address_of(&request);
    let sent: LoginRequest =
        body::read_at_most(request.into_body(), &["password"], LOGIN_BYTES).await?;
    // Before the count is looked at, so that many attempts at once are not all free.
    let _turn = site.comparing.acquire().await.map_err(|error| Refusal::internal(&error))?;
    if let Some(wait) = site.limiter.wait(address, Instant::now()) {
        return Err(slow_down(wait).into());
    }
    let (password, hash) = (SecretString::from(sent.password), site.password_hash.clone());
    let checked = tokio::task::spawn_blocking(move || {
        bcrypt::verify(password.expose_secret(), hash.expose_secret())
    });
    let right = match checked.await {
        Ok(Ok(right)) => right,
        Ok(Err(error)) => return Err(Refusal::internal(&error).into()),
        Err(error) => return Err(Refusal::internal(&error).into()),
    };
    site.limiter.note(address, right, Instant::now());
    if !right {
        return Err(Refusal::unauthorized().into());
    }
    answer(open(&site).await)
}

fn slow_down(wait: Duration) -> Refusal {
    let seconds = wait.as_secs() + 1;
    Refusal::new(429, format!("too many wrong passwords: try again in {seconds} s"))
}

fn address_of(request: &Request) -> IpAddr {
    let found = request.extensions().get::<ConnectInfo<SocketAddr>>();
    match found.map(|it| it.0.ip().to_canonical()) {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        // One customer has all addresses of such a network.
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        Some(address) => address,
    }
}

/// Opens a session.
pub(crate) async fn open(site: &Site) -> Result<LoginResponse, Refusal> {
    let session = uuid::Uuid::new_v4().simple().to_string();
    let token = token::make(&session, site.session_key.expose_secret().as_bytes())
        .map_err(|error| Refusal::internal(&error))?;
    let now = now_ms();
    site.store.open_session(&session, now, now + LIFETIME_MS).await?;
    Ok(LoginResponse { token })
}

/// The session of a request.
#[derive(Debug, Clone)]
pub(super) struct Session(String);

impl Session {
    /// Whether it has not ended. Asking does not renew it.
    pub(super) fn lasts(&self, site: &Site) -> bool {
        site.store.session_end(&self.0).is_some_and(|end| now_ms() < end)
    }
}

/// Lets requests with a token of a session pass.
pub(super) async fn require(
    State(site): State<Shared>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let Some(session) = session(&site, request.headers()) else {
        return super::frame::refused(&Refusal::unauthorized()).into_response();
    };
    request.extensions_mut().insert(session);
    next.run(request).await
}

/// The session of the token, renewed.
fn session(site: &Site, headers: &HeaderMap) -> Option<Session> {
    let header = headers.get(header::AUTHORIZATION)?;
    let id = token::session_of(header.as_bytes(), site.session_key.expose_secret().as_bytes())?;
    let now = now_ms();
    let end = site.store.session_end(&id).filter(|end| now < *end)?;
    // More than a whole lifetime is left when the clock was put back since.
    if !(LIFETIME_MS - RENEW_MS..=LIFETIME_MS).contains(&(end - now)) {
        site.store.renew_session(&id, now + LIFETIME_MS);
    }
    Some(Session(id))
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
