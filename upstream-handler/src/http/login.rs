//! Logging in and out (`h/login.go`, `h/logout.go`).
//!
//! The original locks the console for good after ten wrong passwords, which anybody can cause. Here
//! a wrong password costs time: after ten in a row the next attempt is refused for a minute.

use std::sync::PoisonError;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use wire::login::{LoginInfo, LoginRequest};

use super::reply::Failure;
use super::session;
use crate::context::{Context, Shared};
use crate::store::now_ms;

/// Wrong passwords in a row before the console is locked.
const MAX_WRONG: u32 = 10;
/// How long it is locked, in milliseconds.
const LOCKED_MS: i64 = 60_000;

/// `POST /api/v1/login`.
pub(crate) async fn post(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(request) = serde_json::from_slice::<LoginRequest>(&body) else {
        return (StatusCode::BAD_REQUEST, Json(json!({}))).into_response();
    };
    let Some(hash) = shared.secrets.password_bcrypt.clone() else {
        return Failure::new(StatusCode::FORBIDDEN, "password authentication disabled")
            .into_response();
    };
    if is_locked(wrong(&shared), now_ms()) {
        let text = format!(
            "Admin Console has been locked.  Please reset password using the \"kubectl kots \
             reset-password -n {}\" command.",
            shared.namespace
        );
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": text }))).into_response();
    }
    let password = SecretString::from(request.password);
    let right = tokio::task::spawn_blocking(move || {
        bcrypt::verify(password.expose_secret(), hash.expose_secret()).unwrap_or(false)
    })
    .await
    .unwrap_or(false);
    note(&shared, right, now_ms());
    if !right {
        let text = "Invalid password. Please try again.";
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": text }))).into_response();
    }
    match session::open(&shared).await {
        Ok(value) => {
            let secure = headers
                .get(header::ORIGIN)
                .and_then(|origin| origin.to_str().ok())
                .is_some_and(|origin| origin.starts_with("https://"));
            let mut response = Json(json!({})).into_response();
            set_cookie(&mut response, &cookie(&value, session::LIFETIME_MS / 1000, secure));
            response
        }
        Err(error) => Failure::because("failed to create session", &error).into_response(),
    }
}

/// `GET /api/v1/login/info`.
pub(crate) async fn info(State(shared): State<Shared>) -> Json<LoginInfo> {
    let error = shared.secrets.password_bcrypt.is_none().then(|| {
        format!("no password is set: start kotsadm with {}", crate::env::SHARED_PASSWORD_BCRYPT)
    });
    Json(LoginInfo { method: "shared-password".to_owned(), error })
}

/// `/api/v1/logout`: ends the session the request presents, if it presents one.
pub(crate) async fn logout(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if let Some(id) = session::named_session(&shared, &headers)
        && let Err(error) = shared.store.delete_session(&id).await
    {
        return Failure::from(error).into_response();
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &cookie("", 0, false));
    response
}

fn cookie(value: &str, max_age_s: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!(
        "{}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}",
        session::COOKIE
    )
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}

fn wrong(shared: &Context) -> (u32, i64) {
    *shared.wrong_passwords.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the console is locked, after so many wrong passwords, the last of them at `at_ms`.
fn is_locked((n_wrong, at_ms): (u32, i64), now_ms: i64) -> bool {
    n_wrong >= MAX_WRONG && (0..LOCKED_MS).contains(&now_ms.saturating_sub(at_ms))
}

fn note(shared: &Context, right: bool, now_ms: i64) {
    let mut wrong = shared.wrong_passwords.lock().unwrap_or_else(PoisonError::into_inner);
    *wrong = if right { (0, 0) } else { (wrong.0.saturating_add(1), now_ms) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_lasts_a_minute_whatever_the_clock_does() {
        let at = 1_000_000;
        let check = |n_wrong, now_ms| is_locked((n_wrong, at), now_ms);
        assert!(!check(MAX_WRONG - 1, at));
        assert!(check(MAX_WRONG, at) && check(MAX_WRONG + 1, at + LOCKED_MS - 1));
        assert!(!check(MAX_WRONG, at + LOCKED_MS));
        assert!(!check(MAX_WRONG, at - 1), "the clock was put back");
    }
}
