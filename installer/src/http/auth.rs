//! Who may ask: a password for a token, a token for everything else.
//!
//! Tokens are the original's (JWT, HS256, `name` is `admin`) with a session that ends 8 hours after it
//! was last used. The key is kept, so a token survives a restart.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::body;
use super::frame::{Answer, answer};
use super::types::{LoginRequest, LoginResponse};
use crate::refusal::Refusal;
use crate::site::{Shared, Site};

/// How long a session lasts after its last use, in milliseconds.
const LIFETIME_MS: i64 = 8 * 60 * 60 * 1000;
/// A session is not written anew for every request, only when this much of it is gone.
const RENEW_MS: i64 = 60 * 1000;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    name: String,
    sid: String,
}

/// `POST /api/auth/login`.
pub(super) async fn login(State(site): State<Shared>, request: Request) -> Answer<LoginResponse> {
    let address = address_of(&request);
    let sent: LoginRequest = match body::read(request.into_body(), &["password"]).await {
        Ok(sent) => sent,
        Err(refusal) => return Err(refusal.into()),
    };
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
    found.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.0.ip())
}

/// Opens a session.
pub(crate) async fn open(site: &Site) -> Result<LoginResponse, Refusal> {
    let claims =
        Claims { name: "admin".to_owned(), sid: uuid::Uuid::new_v4().simple().to_string() };
    let key = EncodingKey::from_secret(site.session_key.expose_secret().as_bytes());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .map_err(|error| Refusal::internal(&error))?;
    let now = now_ms();
    site.store.open_session(&claims.sid, now, now + LIFETIME_MS).await?;
    Ok(LoginResponse { token })
}

/// Lets requests with a token of a session pass.
pub(super) async fn require(
    State(site): State<Shared>,
    request: Request<Body>,
    next: Next,
) -> Response {
    match check(&site, request.headers()).await {
        Ok(true) => next.run(request).await,
        Ok(false) => super::frame::refused(&Refusal::unauthorized()).into_response(),
        Err(refusal) => super::frame::refused(&refusal).into_response(),
    }
}

async fn check(site: &Site, headers: &HeaderMap) -> Result<bool, Refusal> {
    let Some(id) = session_of(site, headers) else { return Ok(false) };
    let now = now_ms();
    let Some(end) = site.store.session_end(&id).await?.filter(|end| now < *end) else {
        return Ok(false);
    };
    if end - now < LIFETIME_MS - RENEW_MS {
        site.store.renew_session(&id, now + LIFETIME_MS).await?;
    }
    Ok(true)
}

fn session_of(site: &Site, headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION).map(HeaderValue::to_str)?.ok()?;
    let token = value.strip_prefix("Bearer ")?;
    let mut validation = Validation::new(Algorithm::HS256);
    // The session has the end, so that it can be moved.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(site.session_key.expose_secret().as_bytes());
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims;
    (claims.name == "admin").then_some(claims.sid)
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
