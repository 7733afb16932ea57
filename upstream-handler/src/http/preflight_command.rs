//! `POST …/preflightcommand`: a command with which a person runs the checks of a version by hand (`h/preflight.go:236`).
//!
//! The original writes the checks into a secret of its cluster and names a command that reads it. Here the command holds
//! them: it works wherever it is pasted, with the rights of whoever pastes it. What it finds comes back with a token that
//! is good for this version and one day.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::preflight::version;
use super::reply::{Failure, Reply};
use super::upstream_update::lenient_bool;
use super::{apps, body};
use crate::context::{Context, Shared};
use crate::preflight;

/// How long results are taken, in seconds.
const TOKEN_LIFETIME_S: i64 = 24 * 60 * 60;
/// What a token is for: one of a session is for something else.
const AUDIENCE: &str = "preflight-results";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    /// Where the browser reaches the console.
    origin: String,
}

/// `POST …/preflightcommand?inCluster=`.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
    request: Request,
) -> Result<Reply, Failure> {
    let sequence = apps::sequence(&sequence)?;
    let is_in_cluster = parameter(request.uri().query().unwrap_or_default(), "inCluster")
        .is_some_and(|text| lenient_bool(&text));
    let bytes = body::read(request.into_body()).await?;
    let asked: Body = body::json(&bytes, StatusCode::BAD_REQUEST, "failed to decode request body")?;
    let (_, row) = version(&shared, &slug, sequence).await?;
    let base = if is_in_cluster {
        format!("http://kotsadm.{}.svc.cluster.local:3000", shared.namespace)
    } else {
        origin(&asked.origin)?
    };
    let token = token(&shared, &slug, sequence)
        .map_err(|error| Failure::because("failed to sign a token", &error))?;
    let results = format!("{base}/api/v1/preflight/app/{slug}/sequence/{sequence}?token={token}");
    let spec = {
        let (shared, tree) = (Arc::clone(&shared), row.tree_sha256.clone());
        tokio::task::spawn_blocking(move || preflight::checks_of(&shared, &tree)).await
    };
    let failed = |why: String| Failure::refused(format!("failed to render preflight spec: {why}"));
    let spec = spec.map_err(|_| failed("a bug of this server".to_owned()))?.map_err(failed)?;
    let Some(spec) = spec else {
        return Err(Failure::bad_request(format!("version {sequence} has no preflight checks")));
    };
    let lines = command(spec, &results).map_err(|error| failed(error.to_string()))?;
    Ok(Reply::ok(&json!({ "command": lines })))
}

/// The address of the console as a browser sees it, without a slash at its end.
fn origin(text: &str) -> Result<String, Failure> {
    let wrong = || Failure::bad_request(format!("origin `{text}` is not an http or https URL"));
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
    if !["http", "https"].contains(&url.scheme()) || !is_plain || url.host_str().is_none() {
        return Err(wrong());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The lines to paste: how to get the program, and the checks as a document that it reads.
fn command(mut spec: Value, results: &str) -> Result<[String; 2], kinds::yaml::Error> {
    spec["spec"]["uploadResultsTo"] = results.into();
    let text = kinds::yaml::to_string(&spec)?;
    // A word that cannot stand in the text: no text holds the digest of itself.
    let end = format!("PREFLIGHT_{}", hex::encode(&Sha256::digest(&text)[..8]));
    Ok([
        "curl https://krew.sh/preflight | bash".to_owned(),
        format!("kubectl preflight - <<'{end}'\n{}\n{end}\n", text.trim_end_matches('\n')),
    ])
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    exp: i64,
    slug: String,
    sequence: i64,
}

fn token(
    shared: &Context,
    slug: &str,
    sequence: i64,
) -> Result<String, jsonwebtoken::errors::Error> {
    let claims = Claims {
        aud: AUDIENCE.to_owned(),
        exp: jiff::Timestamp::now().as_second() + TOKEN_LIFETIME_S,
        slug: slug.to_owned(),
        sequence,
    };
    let key = EncodingKey::from_secret(shared.secrets.session_key.expose_secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
}

/// Whether a request's query holds the token with which results of this version are taken.
pub(super) fn is_allowed(shared: &Context, query: &str, slug: &str, sequence: i64) -> bool {
    let Some(token) = parameter(query, "token") else { return false };
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[AUDIENCE]);
    validation.leeway = 0;
    let key = DecodingKey::from_secret(shared.secrets.session_key.expose_secret().as_bytes());
    jsonwebtoken::decode::<Claims>(&token, &key, &validation).is_ok_and(|it| {
        // One that lasts longer than it was given: the clock was put back since.
        let is_ahead = it.claims.exp > jiff::Timestamp::now().as_second() + TOKEN_LIFETIME_S;
        !is_ahead && it.claims.slug == slug && it.claims.sequence == sequence
    })
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_browser_is_checked() {
        let check = |text| origin(text).map_err(|failure| failure.parts().1["error"].to_string());
        assert_eq!(check("https://k.example:8800"), Ok("https://k.example:8800".to_owned()));
        assert_eq!(check("http://k.example/console/"), Ok("http://k.example/console".to_owned()));
        for wrong in ["", "k.example", "ftp://k.example", "http://u@k.example", "http://k?x=y"] {
            assert_eq!(
                check(wrong),
                Err(format!("\"origin `{wrong}` is not an http or https URL\""))
            );
        }
    }

    #[test]
    fn the_checks_are_in_the_command() {
        let spec = json!({"kind": "Preflight", "spec": {"analyzers": [{"x": {"message": "it's $HOME `id`"}}]}});
        let [_, line] = command(spec, "http://k/results?token=t").expect("a command");
        let (head, rest) = line.split_once('\n').expect("lines");
        let end = head.strip_prefix("kubectl preflight - <<'").and_then(|it| it.strip_suffix('\''));
        let end = end.expect("a quoted word");
        let text = rest.strip_suffix(&format!("\n{end}\n")).expect("the word ends it");
        let read = kinds::yaml::to_value(text).expect("YAML");
        assert_eq!(read["spec"]["uploadResultsTo"], "http://k/results?token=t");
        assert_eq!(read["spec"]["analyzers"][0]["x"]["message"], "it's $HOME `id`");
    }
}
