//! Who we are to a registry: the challenge it gives, and what answers it.
//!
//! Nothing is sent before a registry asks. `Basic` gets the user name and password, `Bearer` a token that is asked for
//! at the place the challenge names, for exactly the repositories of the request. A token is asked for again before it
//! ends and once when a registry refuses one that should still hold.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::fault::Fault;
use super::{Answer, read_answer};
use crate::aws;
use crate::endpoint::Scheme;

/// How long a token holds when its server does not say, as the token specification has it.
const DEFAULT_LIFE: Duration = Duration::from_mins(1);
/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(10);
/// How long the token server may take.
const TOKEN_LIMIT: Duration = Duration::from_secs(30);

/// What a person or a secret gave to log in with.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Nothing.
    #[default]
    Anonymous,
    /// A user name and a password or token.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// A key pair of AWS, exchanged for a password of ECR that holds for twelve hours.
    Ecr(aws::Ecr),
}

/// How a registry wants to be convinced.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// Answers the challenges of one registry.
#[derive(Debug)]
pub(super) struct Auth {
    credentials: Credentials,
    scheme: Scheme,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    challenge: Option<Challenge>,
    tokens: HashMap<String, Token>,
    ecr: Option<Token>,
}

#[derive(Debug, Clone)]
struct Token {
    value: SecretString,
    until: Instant,
}

impl Auth {
    pub(super) fn new(credentials: Credentials, scheme: Scheme) -> Self {
        Self { credentials, scheme, state: Mutex::default() }
    }

    /// The header of a request of `scopes`; none while the registry has not asked.
    ///
    /// # Errors
    ///
    /// When a token cannot be had.
    pub(super) async fn header(
        &self,
        http: &reqwest::Client,
        scopes: &[String],
    ) -> Result<Option<HeaderValue>, Fault> {
        // Held while a token is asked for, so that many requests at once ask for one.
        let mut state = self.state.lock().await;
        match state.challenge.clone() {
            None => Ok(None),
            Some(Challenge::Basic) => self.basic(http, &mut state).await,
            Some(Challenge::Bearer { realm, service }) => {
                let key = scopes.join(" ");
                if let Some(token) = state.tokens.get(&key)
                    && Instant::now() < token.until
                {
                    return header("Bearer", token.value.expose_secret()).map(Some);
                }
                let token =
                    self.token(http, &mut state, &realm, service.as_deref(), scopes).await?;
                let value = header("Bearer", token.value.expose_secret())?;
                state.tokens.insert(key, token);
                Ok(Some(value))
            }
        }
    }

    /// Learns from a 401 what the registry wants. Whether it makes sense to try again: not when the same was tried.
    ///
    /// # Errors
    ///
    /// When what it wants cannot be given.
    pub(super) async fn learn(&self, headers: &HeaderMap, scopes: &[String]) -> Result<(), Fault> {
        let found = self.challenge(headers)?;
        let mut state = self.state.lock().await;
        state.tokens.remove(&scopes.join(" "));
        state.ecr = None;
        state.challenge = Some(found);
        Ok(())
    }

    /// Whether a 403 may say that a password of ECR does not hold any more, which looks like a lack of permission (and
    /// has no words when only the head was asked for). The next request asks for another.
    pub(super) async fn has_ended(&self, body: &[u8]) -> bool {
        let words = String::from_utf8_lossy(body).to_ascii_lowercase();
        let ended = (words.is_empty() || words.contains("authorization token has expired"))
            && matches!(self.credentials, Credentials::Ecr(_));
        if ended {
            self.state.lock().await.ecr = None;
        }
        ended
    }

    fn challenge(&self, headers: &HeaderMap) -> Result<Challenge, Fault> {
        let strange = |what: String| Fault::Strange { what };
        let mut offered = Vec::new();
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let text = value.to_str().unwrap_or_default();
            let parsed = http_auth::parse_challenges(text)
                .map_err(|it| strange(format!("its challenge cannot be read: {it}")))?;
            for challenge in parsed {
                let parameter = |name: &str| {
                    challenge
                        .params
                        .iter()
                        .find(|(key, _)| key.eq_ignore_ascii_case(name))
                        .map(|(_, value)| value.to_unescaped())
                };
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let realm = parameter("realm").unwrap_or_default();
                    let realm = Url::parse(&realm)
                        .map_err(|_| strange("its challenge names no token server".to_owned()))?;
                    self.allow(&realm)?;
                    return Ok(Challenge::Bearer { realm, service: parameter("service") });
                }
                offered.push(challenge.scheme.to_owned());
            }
        }
        if offered.iter().any(|it| it.eq_ignore_ascii_case("basic")) {
            return Ok(Challenge::Basic);
        }
        let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
        Err(Fault::Unauthorized {
            reason: format!("it asks for a kind of login that is not known (offered: {offered})"),
        })
    }

    /// A token server gets the credentials: never in clear unless that was allowed.
    fn allow(&self, realm: &Url) -> Result<(), Fault> {
        match (realm.scheme(), self.scheme) {
            ("https", _) | ("http", Scheme::Http) => Ok(()),
            _ => Err(Fault::Unauthorized {
                reason: format!(
                    "its token server `{}` has no TLS, and credentials are not sent in clear",
                    realm.host_str().unwrap_or_default()
                ),
            }),
        }
    }

    async fn basic(
        &self,
        http: &reqwest::Client,
        state: &mut State,
    ) -> Result<Option<HeaderValue>, Fault> {
        match &self.credentials {
            Credentials::Anonymous => Err(Fault::Unauthorized {
                reason: "it wants a user name and a password, and none were given".to_owned(),
            }),
            Credentials::Basic { username, password } => {
                basic(username, password.expose_secret()).map(Some)
            }
            Credentials::Ecr(ecr) => {
                let password = ecr_password(http, ecr, state).await?;
                basic(aws::ECR_USER, password.expose_secret()).map(Some)
            }
        }
    }

    async fn token(
        &self,
        http: &reqwest::Client,
        state: &mut State,
        realm: &Url,
        service: Option<&str>,
        scopes: &[String],
    ) -> Result<Token, Fault> {
        let mut url = realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            for scope in scopes {
                query.append_pair("scope", scope);
            }
        }
        let mut request = http.get(url).timeout(TOKEN_LIMIT);
        request = match &self.credentials {
            Credentials::Anonymous => request,
            Credentials::Basic { username, password } => {
                request.basic_auth(username, Some(password.expose_secret()))
            }
            Credentials::Ecr(ecr) => {
                let password = ecr_password(http, ecr, state).await?;
                request.basic_auth(aws::ECR_USER, Some(password.expose_secret()))
            }
        };
        let asked = Instant::now();
        let response = request.send().await.map_err(|it| of_server(realm, &it))?;
        let answer = read_answer(response).await?;
        token_of(realm, &answer, asked)
    }
}

fn of_server(realm: &Url, error: &reqwest::Error) -> Fault {
    let name = format!("token server `{}`", realm.host_str().unwrap_or_default());
    match Fault::of_transport(error) {
        Fault::Transport { what } => Fault::Transport { what: format!("{name}: {what}") },
        Fault::Certificate { what } => Fault::Certificate { what: format!("{name}: {what}") },
        other => other,
    }
}

#[derive(Deserialize)]
struct TokenReply {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

fn token_of(realm: &Url, answer: &Answer, asked: Instant) -> Result<Token, Fault> {
    let host = realm.host_str().unwrap_or_default();
    if !answer.status.is_success() {
        return Err(match answer.fault() {
            Fault::Denied { status, reason } | Fault::Refused { status, reason } => {
                Fault::Unauthorized {
                    reason: format!("token server `{host}` answered {status} {reason}"),
                }
            }
            other => other,
        });
    }
    let strange = || Fault::Strange { what: format!("token server `{host}` gave no token") };
    let reply: TokenReply = serde_json::from_slice(&answer.body).map_err(|_| strange())?;
    let value = if reply.token.is_empty() { reply.access_token } else { reply.token };
    if value.is_empty() {
        return Err(strange());
    }
    let life = reply.expires_in.map_or(DEFAULT_LIFE, Duration::from_secs);
    // A token that holds for less than twice the margin is used for half its life.
    let used = life.saturating_sub(MARGIN).max(life / 2);
    Ok(Token { value: value.into(), until: asked + used })
}

async fn ecr_password(
    http: &reqwest::Client,
    ecr: &aws::Ecr,
    state: &mut State,
) -> Result<SecretString, Fault> {
    if let Some(token) = state.ecr.as_ref().filter(|it| Instant::now() < it.until) {
        return Ok(token.value.clone());
    }
    let value = ecr.password(http).await?;
    state.ecr = Some(Token { value: value.clone(), until: Instant::now() + aws::PASSWORD_LIFE });
    Ok(value)
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, Fault> {
    header("Basic", &STANDARD.encode(format!("{username}:{password}")))
}

fn header(scheme: &str, value: &str) -> Result<HeaderValue, Fault> {
    let mut header = HeaderValue::from_str(&format!("{scheme} {value}"))
        .map_err(|_| Fault::Strange { what: "a token that cannot stand in a header".to_owned() })?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scheme: Scheme, challenges: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for it in challenges {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(it).expect("a header"));
        }
        match Auth::new(Credentials::Anonymous, scheme).challenge(&headers) {
            Ok(Challenge::Basic) => "basic".to_owned(),
            Ok(Challenge::Bearer { realm, service }) => {
                format!("bearer {realm} {}", service.unwrap_or_default())
            }
            Err(error) => format!("Error: {error}"),
        }
    }

    #[test]
    fn challenges() {
        let bearer = r#"Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a:pull,push""#;
        let clear = r#"Bearer realm="http://auth.example.com/token",service="x""#;
        let lines = [
            check(Scheme::Https, &[r#"Basic realm="Registry""#]),
            check(Scheme::Https, &[bearer]),
            check(Scheme::Https, &[r#"Basic realm="x""#, bearer]),
            check(Scheme::Https, &[clear]),
            check(Scheme::Http, &[clear]),
            check(Scheme::Https, &["Negotiate"]),
            check(Scheme::Https, &[]),
            check(Scheme::Https, &["Bearer realm=nowhere"]),
            check(Scheme::Https, &["=,="]),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        basic
        bearer https://auth.example.com/token registry.example.com
        bearer https://auth.example.com/token registry.example.com
        Error: registry does not accept the credentials: its token server `auth.example.com` has no TLS, and credentials are not sent in clear
        bearer http://auth.example.com/token x
        Error: registry does not accept the credentials: it asks for a kind of login that is not known (offered: Negotiate)
        Error: registry does not accept the credentials: it asks for a kind of login that is not known (offered: none)
        Error: the answer is not a registry's: its challenge names no token server
        Error: the answer is not a registry's: its challenge cannot be read: invalid byte at byte 0: (HERE-->)=,=
        ");
    }

    #[test]
    fn tokens() {
        let realm = Url::parse("https://auth.example.com/token").expect("a URL");
        let now = Instant::now();
        let check = |status: u16, body: &str| {
            let answer = Answer {
                status: reqwest::StatusCode::from_u16(status).expect("a status"),
                headers: HeaderMap::new(),
                body: body.to_owned().into(),
            };
            match token_of(&realm, &answer, now) {
                Ok(token) => format!(
                    "{} for {:?}",
                    token.value.expose_secret(),
                    token.until.duration_since(now)
                ),
                Err(error) => format!("Error: {error}"),
            }
        };
        let lines = [
            check(200, r#"{"token":"t","expires_in":300}"#),
            check(200, r#"{"access_token":"a"}"#),
            check(200, r#"{"token":"t","expires_in":4}"#),
            check(200, "{}"),
            check(200, "<html>"),
            check(401, r#"{"details":"incorrect username or password"}"#),
            check(503, ""),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
        t for 290s
        a for 50s
        t for 2s
        Error: the answer is not a registry's: token server `auth.example.com` gave no token
        Error: the answer is not a registry's: token server `auth.example.com` gave no token
        Error: registry does not accept the credentials: it answered 401: {"details":"incorrect username or password"}
        Error: registry answered 503
        "#);
    }
}
