//! Who may ask (`h/session.go`).
//!
//! | sent | accepted when |
//! |---|---|
//! | `Authorization: Kots <token>` | it is the auth string, compared in constant time |
//! | `Authorization: Bearer <jwt>` | its signature holds and its session is stored and fresh |
//! | cookie `signed-token=<either of the above>` | the same; quoted or URL-escaped values too |
//!
//! The header wins over the cookie. Token routes take the auth string only and say why when they
//! refuse, where the original answers 200 with nothing.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::reply::Failure;
use super::upload;
use crate::context::{Context, Shared};
use crate::store::StoreError;
use crate::store::sessions::SessionState;

/// The cookie that carries a whole `Authorization` value.
pub(crate) const COOKIE: &str = "signed-token";
/// How long a session lasts, in milliseconds: 12 hours.
pub(crate) const LIFETIME_MS: i64 = 12 * 60 * 60 * 1000;

/// What a session token says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    session_id: String,
}

/// Lets requests with a valid session pass.
pub(crate) async fn require_session(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    match check(&shared, request.headers()).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => upload::refuse(request.into_body(), refusal),
    }
}

/// Lets requests with the auth string pass.
pub(crate) async fn require_token(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let refusal = match request.headers().get(header::AUTHORIZATION).map(HeaderValue::to_str) {
        None => unauthorized("missing authorization token"),
        Some(Ok(value)) if shared.secrets.is_auth_string(value) => return next.run(request).await,
        Some(_) => unauthorized("invalid authorization token")
            .cause("the Authorization header is not this server's auth string"),
    };
    upload::refuse(request.into_body(), refusal)
}

/// Whether a request has a valid session.
pub(super) async fn check(shared: &Context, headers: &HeaderMap) -> Result<(), Failure> {
    let value = presented(headers).ok_or_else(|| unauthorized("missing authorization token"))?;
    match value.split_once(' ') {
        Some(("Kots", token)) if !token.contains(' ') => {
            if shared.secrets.is_auth_string(&value) {
                Ok(())
            } else {
                Err(unauthorized("failed to parse authorization header")
                    .cause("the auth string is not this server's"))
            }
        }
        Some(("Bearer", token)) if !token.contains(' ') => {
            let id = session_of(shared, token)
                .ok_or_else(|| unauthorized("failed to parse authorization header"))?;
            match shared.store.session_state(&id).await? {
                SessionState::Valid => Ok(()),
                SessionState::Expired => Err(unauthorized("session expired")),
                SessionState::Unknown => Err(unauthorized("no session in auth header")),
            }
        }
        _ => Err(unauthorized("failed to parse authorization header")),
    }
}

fn unauthorized(text: &str) -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, text)
}

/// The `Authorization` value a request presents, by header or cookie.
fn presented(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        return Some(value.to_str().unwrap_or_default().to_owned());
    }
    cookie(headers)
}

/// The value of the session cookie, without quotes and escapes.
fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| unescape(value))
}

fn unescape(value: &str) -> String {
    let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    if !bare.contains('%') {
        return bare.to_owned();
    }
    // A cookie value is not a form: only `%XX` is undone, `+` stays.
    let mut bytes = Vec::with_capacity(bare.len());
    let mut rest = bare.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%'
            && let Some((digits, after)) = tail.split_at_checked(2)
            && let Ok(text) = std::str::from_utf8(digits)
            && let Ok(byte) = u8::from_str_radix(text, 16)
        {
            bytes.push(byte);
            rest = after;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The session a token was issued for, when its signature holds.
fn session_of(shared: &Context, token: &str) -> Option<String> {
    let mut validation = Validation::new(Algorithm::HS256);
    // The original's tokens carry no expiry: the stored session does.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(shared.secrets.session_key.expose_secret().as_bytes());
    let data = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?;
    Some(data.claims.session_id)
}

/// The session that a request's cookie or header names, for logging out.
pub(crate) fn named_session(shared: &Context, headers: &HeaderMap) -> Option<String> {
    session_of(shared, presented(headers)?.strip_prefix("Bearer ")?)
}

/// Makes and stores a session; returns the value of its cookie.
pub(crate) async fn open(shared: &Context) -> Result<String, OpenError> {
    let claims = Claims { session_id: uuid::Uuid::new_v4().simple().to_string() };
    let key = EncodingKey::from_secret(shared.secrets.session_key.expose_secret().as_bytes());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?;
    shared.store.create_session(&claims.session_id, LIFETIME_MS).await?;
    Ok(format!("Bearer {token}"))
}

/// Why no session could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The token could not be signed.
    #[error("the session token could not be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// The session could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            value.parse().expect("a value"),
        );
        presented(&headers).unwrap_or_else(|| "-".to_owned())
    }

    #[test]
    fn header_and_cookie_carry_the_same_value() {
        assert_eq!(check("authorization", "Kots abc"), "Kots abc");
        assert_eq!(check("cookie", "signed-token=Kots abc"), "Kots abc");
        assert_eq!(check("cookie", "a=b; signed-token=Kots%20abc"), "Kots abc");
        assert_eq!(check("cookie", "signed-token=\"Kots abc\"; c=d"), "Kots abc");
        assert_eq!(check("cookie", "signed-token=Bearer a.b%2Bc+d"), "Bearer a.b+c+d");
        assert_eq!(check("cookie", "signed-token=100%"), "100%");
        assert_eq!(check("cookie", "other=Kots abc"), "-");
    }
}
