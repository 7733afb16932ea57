//! Reads an answer whole, within bounds of size and time.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::Answer;
use crate::fault::Seen;
use crate::transport::{Body, Stage};

/// How long an answer may be without a new byte.
const IDLE_LIMIT: Duration = Duration::from_mins(1);
/// The longest `Retry-After` that is honoured.
const RETRY_AFTER_LIMIT: Duration = Duration::from_mins(5);

/// What came of one exchange.
pub(super) enum Read {
    Nothing(Stage),
    Cut,
    Refusal { answer: Answer, content_type: String, retry_after: Option<Duration> },
    Whole(Answer),
}

impl Read {
    pub(super) fn seen(&self) -> Seen<'_> {
        match self {
            Self::Nothing(stage) => Seen::Nothing(*stage),
            Self::Cut => Seen::Cut,
            Self::Refusal { answer, content_type, retry_after } => Seen::Answer {
                status: answer.status,
                retry_after: *retry_after,
                content_type,
                body: &answer.body,
            },
            Self::Whole(answer) => Seen::Answer {
                status: answer.status,
                retry_after: None,
                content_type: "",
                body: &answer.body,
            },
        }
    }

    pub(super) fn into_answer(self) -> Answer {
        match self {
            Self::Whole(answer) | Self::Refusal { answer, .. } => answer,
            Self::Nothing(_) | Self::Cut => Answer { status: 0, body: Vec::new() },
        }
    }
}

/// Reads the body of `response`. Of a success it must be whole; of anything else what there is of it will do.
pub(super) async fn read(response: http::Response<Body>, limit: usize, deadline: Instant) -> Read {
    let (head, mut body) = response.into_parts();
    let success = head.status.is_success();
    let mut bytes = Vec::new();
    loop {
        let until = (Instant::now() + IDLE_LIMIT).min(deadline);
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    let room = limit - bytes.len();
                    bytes.extend_from_slice(&data[..data.len().min(room)]);
                    if data.len() > room {
                        break;
                    }
                }
            }
            Ok(Some(Err(_))) | Err(_) if success => return Read::Cut,
            Ok(None | Some(Err(_))) | Err(_) => break,
        }
    }
    let answer = Answer { status: head.status.as_u16(), body: bytes };
    if success {
        return Read::Whole(answer);
    }
    let text = |name| {
        head.headers
            .get(name)
            .and_then(|it: &http::HeaderValue| it.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let retry_after = text(RETRY_AFTER)
        .trim()
        .parse()
        .ok()
        .map(|secs| Duration::from_secs(secs).min(RETRY_AFTER_LIMIT));
    Read::Refusal { answer, content_type: text(CONTENT_TYPE), retry_after }
}
