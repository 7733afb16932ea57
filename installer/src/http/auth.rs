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

/// The largest body of a login, in bytes: nobody has said yet who he is.
const LOGIN_BYTES: usize = 64 << 10;
/// A session is not written anew for every request, only when this part of it is gone.
const RENEW_PART: i64 = 480;

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
    let words = format!("too many wrong passwords: try again in {seconds} s");
    Refusal { retry_after: Some(seconds), ..Refusal::new(429, words) }
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
    site.store.open_session(&session, now, now + site.settings.session_ms).await?;
    Ok(LoginResponse { token })
}

/// The session of a request.
#[derive(Debug, Clone)]
pub(super) struct Session(String);

impl Session {
    /// How long it still lasts; `None` when it has ended. Asking does not renew it.
    pub(super) fn left(&self, site: &Site) -> Option<Duration> {
        let left = site.store.session_end(&self.0)? - now_ms();
        u64::try_from(left).ok().filter(|it| *it > 0).map(Duration::from_millis)
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
    match used(site.store.session_end(&id)?, now_ms(), site.settings.session_ms) {
        Used::TooLate => return None,
        Used::Fresh => {}
        Used::Renewed(end) => site.store.renew_session(&id, end),
    }
    Some(Session(id))
}

/// What using a session does to it.
#[derive(Debug, PartialEq, Eq)]
enum Used {
    /// It had ended.
    TooLate,
    /// It was used a moment ago.
    Fresh,
    /// It ends then.
    Renewed(i64),
}

/// What a use at `now` does to a session that ends at `end`; all in milliseconds.
fn used(end: i64, now: i64, lifetime: i64) -> Used {
    let left = end.saturating_sub(now);
    if left <= 0 {
        Used::TooLate
    } else if (lifetime - lifetime / RENEW_PART..=lifetime).contains(&left) {
        Used::Fresh
    } else {
        Used::Renewed(now.saturating_add(lifetime))
    }
}

fn now_ms() -> i64 {
    service::clock::now_ms()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_from_its_last_use_whatever_the_clock_does() {
        const HOUR: i64 = 60 * 60 * 1000;
        let check = |left| used(1_000_000_000 + left, 1_000_000_000, 8 * HOUR);
        assert_eq!(check(0), Used::TooLate);
        assert_eq!(check(-HOUR), Used::TooLate);
        assert_eq!(check(8 * HOUR), Used::Fresh);
        assert_eq!(check(8 * HOUR - 60_000), Used::Fresh);
        let renewed = Used::Renewed(1_000_000_000 + 8 * HOUR);
        assert_eq!(check(8 * HOUR - 60_001), renewed);
        assert_eq!(check(1), renewed);
        // The clock was put back by a year.
        assert_eq!(check(365 * 24 * HOUR), renewed);
        assert_eq!(used(i64::MAX, i64::MIN, 8 * HOUR), Used::Renewed(i64::MIN + 8 * HOUR));
    }
}
