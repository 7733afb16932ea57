//! What an exchange with the admin console means: the one place that tells faults apart.
//!
//! * *transport*: no answer, or a gateway's bare 502–504. Wait and send again, until the run's deadline.
//! * *ambiguous*: the same after a request with an effect was on its way. The server may have acted: read its state
//!   back before doing anything again.
//! * *refused*: the server gave a reason. Never sent again; the reason is printed whole, whatever its content type.
//! * *auth*: the auth string was not taken. A 200 with an empty body where JSON is due counts as that: it is what
//!   the original answers to a wrong token (`pkg/handlers/session.go:132`).
//!
//! [`classify`] is pure. Deliberately absent: waiting and sending again ([`crate::client`]).

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use wire::config::GroupValidationError;

use crate::transport::Stage;

/// A reason longer than this is cut: it is printed for a person.
const REASON_LIMIT_CHARS: usize = 16 * 1024;

/// What may happen when a request arrives twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Nothing: it only reads, or the server knows it by its idempotency key, or its second time changes nothing.
    Harmless,
    /// A second effect.
    Harmful,
}

/// What is due in the body of a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A JSON document.
    Json,
    /// Anything or nothing.
    Anything,
}

/// What was seen of one exchange.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// No whole answer: how far it came.
    Nothing(Stage),
    /// The head of a success arrived and its body broke off.
    Cut,
    /// An answer.
    Answer {
        /// HTTP status.
        status: u16,
        /// `Retry-After`, when it was understood.
        retry_after: Option<Duration>,
        /// `Content-Type`.
        content_type: &'a str,
        /// The body, bounded by the reader.
        body: &'a [u8],
    },
}

/// What an exchange means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Success, with what is due.
    Answered,
    /// The server did not get it or did not act: send it again, after this long if given.
    Wait {
        /// In words.
        why: String,
        /// What the server asked for.
        after: Option<Duration>,
    },
    /// The server may have acted: read the state back.
    Ambiguous {
        /// In words.
        why: String,
    },
    /// The server gave a reason.
    Refused(Refusal),
    /// The auth string was not taken.
    Auth(Refusal),
    /// The way is closed for good.
    Denied,
}

/// A reason the server gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The reason, whole; none when the answer had no words.
    pub reason: Option<String>,
    /// Causes beneath it. Only ours sends them.
    pub causes: Vec<String>,
    /// What to do. Only ours sends it.
    pub hint: Option<String>,
    /// Items whose value breaks its rule.
    pub validation_errors: Vec<GroupValidationError>,
    /// Required items without a value.
    pub required_items: Vec<String>,
}

/// Tells what an exchange means.
pub fn classify(seen: Seen<'_>, due: Due, again: Again) -> Verdict {
    match seen {
        Seen::Nothing(Stage::Denied) => Verdict::Denied,
        Seen::Nothing(Stage::Connect) => {
            Verdict::Wait { why: "no connection".to_owned(), after: None }
        }
        Seen::Nothing(Stage::Exchange) => lost("the connection broke before the answer", again),
        Seen::Cut => lost("the connection broke within the answer", again),
        Seen::Answer { status, retry_after, content_type, body } => {
            let refusal = || Refusal::read(status, content_type, body);
            match status {
                200..=299 if due == Due::Anything || status == 204 => Verdict::Answered,
                200..=299 if trimmed(body).is_empty() => Verdict::Auth(refusal()),
                200..=299 => Verdict::Answered,
                401 | 403 => Verdict::Auth(refusal()),
                429 => Verdict::Wait {
                    why: "the server answers 429: too many requests".to_owned(),
                    after: Some(retry_after.unwrap_or(Duration::from_secs(1))),
                },
                502..=504 if is_bare(body, content_type) => {
                    lost(&format!("a gateway answers {status} in its place"), again)
                }
                // Our kotsadm still carries this request or another change out.
                409 if retry_after.is_some() && again == Again::Harmless => {
                    Verdict::Wait { why: refusal().words(), after: retry_after }
                }
                // The API server speaks for itself, not for kotsadm: the pod is gone or not yet there.
                404 | 500 | 501 if is_status_object(body) => {
                    lost(&format!("the API server answers {status} in its place"), again)
                }
                _ => Verdict::Refused(refusal()),
            }
        }
    }
}

fn lost(why: &str, again: Again) -> Verdict {
    match again {
        Again::Harmless => Verdict::Wait { why: why.to_owned(), after: None },
        Again::Harmful => Verdict::Ambiguous { why: why.to_owned() },
    }
}

/// Whether a 502–504 is a gateway's and gives no reason: no body, a page, or the API server's `Status`.
fn is_bare(body: &[u8], content_type: &str) -> bool {
    trimmed(body).is_empty() || is_page(body, content_type) || is_status_object(body) || {
        // What proxies write into the body of their own errors instead of a page.
        let text = String::from_utf8_lossy(trimmed(body)).to_lowercase();
        content_type.starts_with("text/plain")
            && ["bad gateway", "service unavailable", "gateway timeout"].contains(&text.as_str())
    }
}

fn is_page(body: &[u8], content_type: &str) -> bool {
    let start = trimmed(body);
    let start = start[..start.len().min(64)].to_ascii_lowercase();
    content_type.starts_with("text/html")
        || start.starts_with(b"<html")
        || start.starts_with(b"<!doctype")
}

fn is_status_object(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body)
        .is_ok_and(|it| it["kind"] == "Status" && it["apiVersion"] == "v1")
}

fn trimmed(body: &[u8]) -> &[u8] {
    body.trim_ascii()
}

impl Refusal {
    /// Reads the reason out of an answer of any content type.
    pub fn read(status: u16, content_type: &str, body: &[u8]) -> Self {
        let mut refusal = Self { status, ..Self::default() };
        if let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(body) {
            let text = |key: &str| {
                object.get(key).and_then(Value::as_str).map(shorten).filter(|it| !it.is_empty())
            };
            refusal.reason = text("error").or_else(|| text("message"));
            refusal.hint = text("hint");
            refusal.causes = part(&object, "causes");
            refusal.validation_errors = part(&object, "validationErrors");
            refusal.required_items = part(&object, "requiredItems");
        } else if !is_page(body, content_type) {
            let text = String::from_utf8_lossy(trimmed(body));
            refusal.reason = Some(shorten(&text)).filter(|it| !it.is_empty());
        }
        refusal
    }

    /// The reason in one piece, or the status when there is none.
    pub fn words(&self) -> String {
        match &self.reason {
            Some(reason) => reason.clone(),
            None => format!("status code {}, without a reason", self.status),
        }
    }

    /// Everything else the answer said, one line each.
    pub fn details(&self) -> Vec<String> {
        let reason = self.reason.as_deref().unwrap_or_default();
        // Our kotsadm puts the causes into the reason too, for clients that read nothing else.
        let mut lines: Vec<String> =
            self.causes.iter().filter(|it| !reason.contains(it.as_str())).cloned().collect();
        for group in &self.validation_errors {
            for item in &group.item_errors {
                let rules = item.validation_errors.iter().map(|it| it.message.as_str());
                lines.push(invalid_item(&item.name, &group.name, rules));
            }
        }
        // The original's reason already lists them; another server's may not.
        lines.extend(
            self.required_items.iter().filter(|it| !names(reason, it)).map(|it| missing_item(it)),
        );
        lines
    }
}

/// Words an item whose value breaks rules.
pub fn invalid_item<'a>(item: &str, group: &str, rules: impl Iterator<Item = &'a str>) -> String {
    let mut line = format!("config item `{item}`");
    if !group.is_empty() {
        let _ = write!(line, " of group `{group}`");
    }
    let _ = write!(line, ": {}", rules.collect::<Vec<_>>().join("; "));
    line
}

/// Words a required item without a value.
pub fn missing_item(item: &str) -> String {
    format!("config item `{item}` is required and has no value")
}

fn names(text: &str, item: &str) -> bool {
    text.split(|it: char| !(it.is_alphanumeric() || "_-.".contains(it))).any(|it| it == item)
}

fn part<T: Default + serde::de::DeserializeOwned>(
    object: &serde_json::Map<String, Value>,
    key: &str,
) -> T {
    object.get(key).and_then(|it| serde_json::from_value(it.clone()).ok()).unwrap_or_default()
}

fn shorten(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(REASON_LIMIT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only place in these tests that knows the API under test.
    fn check(seen: Seen<'_>) -> String {
        let word = |due, again| match classify(seen, due, again) {
            Verdict::Answered => "answered".to_owned(),
            Verdict::Wait { why, after } => match after {
                Some(after) => format!("wait {after:?} ({why})"),
                None => format!("wait ({why})"),
            },
            Verdict::Ambiguous { .. } => "ambiguous".to_owned(),
            Verdict::Refused(it) => format!("refused: {}", it.words()),
            Verdict::Auth(it) => format!("auth: {}", it.words()),
            Verdict::Denied => "denied".to_owned(),
        };
        format!("{} / {}", word(Due::Json, Again::Harmless), word(Due::Json, Again::Harmful))
    }

    fn answer<'a>(status: u16, content_type: &'a str, body: &'a str) -> Seen<'a> {
        Seen::Answer { status, retry_after: None, content_type, body: body.as_bytes() }
    }

    const JSON: &str = "application/json";
    const STATUS: &str = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no endpoints","code":503}"#;

    #[test]
    fn truth_table() {
        let rows: Vec<(&str, Seen<'_>)> = vec![
            ("no connection", Seen::Nothing(Stage::Connect)),
            ("reset", Seen::Nothing(Stage::Exchange)),
            ("closed for good", Seen::Nothing(Stage::Denied)),
            ("cut answer", Seen::Cut),
            ("200 json", answer(200, JSON, r#"{"success":true}"#)),
            ("200 empty", answer(200, "", "")),
            ("200 blanks", answer(200, "text/plain", " \n")),
            ("204", answer(204, "", "")),
            (
                "400 text",
                answer(
                    400,
                    "text/plain",
                    "Cannot update an online install using an airgap bundle\n",
                ),
            ),
            ("400 json", answer(400, JSON, r#"{"success":false,"error":"bad"}"#)),
            ("401 json", answer(401, JSON, r#"{"error":"missing authorization token"}"#)),
            ("401 empty", answer(401, "", "")),
            ("403 json", answer(403, JSON, r#"{"error":"access denied to resource app."}"#)),
            ("404 page", answer(404, "text/html", "<html>nope</html>")),
            ("404 Status", answer(404, JSON, STATUS)),
            ("409 json", answer(409, JSON, r#"{"error":"another change is running"}"#)),
            ("413 text", answer(413, "text/plain", "too large")),
            ("429 bare", answer(429, "", "")),
            ("500 empty", answer(500, "", "")),
            ("500 text", answer(500, "text/plain", "License is expired")),
            ("500 Status", answer(500, JSON, STATUS)),
            ("502 empty", answer(502, "", "")),
            ("502 page", answer(502, "text/html; charset=utf-8", "<html>Bad Gateway</html>")),
            ("502 words", answer(502, "text/plain", "Bad Gateway")),
            ("502 text", answer(502, "text/plain", "registry said no")),
            ("503 Status", answer(503, JSON, STATUS)),
            ("503 json", answer(503, JSON, r#"{"error":"database is not there"}"#)),
            ("504 empty", answer(504, "", "")),
        ];
        let table: Vec<String> =
            rows.iter().map(|(name, seen)| format!("{name}: {}", check(*seen))).collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        no connection: wait (no connection) / wait (no connection)
        reset: wait (the connection broke before the answer) / ambiguous
        closed for good: denied / denied
        cut answer: wait (the connection broke within the answer) / ambiguous
        200 json: answered / answered
        200 empty: auth: status code 200, without a reason / auth: status code 200, without a reason
        200 blanks: auth: status code 200, without a reason / auth: status code 200, without a reason
        204: answered / answered
        400 text: refused: Cannot update an online install using an airgap bundle / refused: Cannot update an online install using an airgap bundle
        400 json: refused: bad / refused: bad
        401 json: auth: missing authorization token / auth: missing authorization token
        401 empty: auth: status code 401, without a reason / auth: status code 401, without a reason
        403 json: auth: access denied to resource app. / auth: access denied to resource app.
        404 page: refused: status code 404, without a reason / refused: status code 404, without a reason
        404 Status: wait (the API server answers 404 in its place) / ambiguous
        409 json: refused: another change is running / refused: another change is running
        413 text: refused: too large / refused: too large
        429 bare: wait 1s (the server answers 429: too many requests) / wait 1s (the server answers 429: too many requests)
        500 empty: refused: status code 500, without a reason / refused: status code 500, without a reason
        500 text: refused: License is expired / refused: License is expired
        500 Status: wait (the API server answers 500 in its place) / ambiguous
        502 empty: wait (a gateway answers 502 in its place) / ambiguous
        502 page: wait (a gateway answers 502 in its place) / ambiguous
        502 words: wait (a gateway answers 502 in its place) / ambiguous
        502 text: refused: registry said no / refused: registry said no
        503 Status: wait (a gateway answers 503 in its place) / ambiguous
        503 json: refused: database is not there / refused: database is not there
        504 empty: wait (a gateway answers 504 in its place) / ambiguous
        ");
    }

    #[test]
    fn a_reason_is_told_with_every_item() {
        let body = r#"{"success":false,"error":"failed to validate config values","causes":["port is not a number"],"hint":"h",
            "validationErrors":[{"name":"g","title":"G","item_errors":[{"name":"port","type":"text",
            "validation_errors":[{"message":"must be a number"},{"message":"too long"}]}]}],
            "requiredItems":["host","port_two"]}"#;
        let refusal = Refusal::read(400, JSON, body.as_bytes());
        insta::assert_snapshot!(
            format!("{}\n{}", refusal.words(), refusal.details().join("\n")),
            @r"
            failed to validate config values
            port is not a number
            config item `port` of group `g`: must be a number; too long
            config item `host` is required and has no value
            config item `port_two` is required and has no value
            "
        );
        let named =
            r#"{"error":"The following fields are required: host","requiredItems":["host"]}"#;
        assert!(Refusal::read(400, JSON, named.as_bytes()).details().is_empty());
    }

    #[test]
    fn retry_after_is_kept() {
        let seen = Seen::Answer {
            status: 429,
            retry_after: Some(Duration::from_secs(7)),
            content_type: "",
            body: b"",
        };
        assert!(check(seen).starts_with("wait 7s"));
    }
}
