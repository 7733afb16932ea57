//! What happened, by cursor: pages of a log, and everything as Server-Sent Events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use tokio::sync::watch;

use super::auth::Session;
use super::frame::{Answer, Refused, answer};
use super::query::Params;
use super::types::{LogLine, LogPage};
use crate::flow::Step;
use crate::refusal::Refusal;
use crate::site::Shared;
use crate::store::{Event, Kind};

/// The most lines of a page, and events taken at once.
const PAGE: usize = 1000;
/// How long a stream may be silent, so that nobody between takes it for dead.
const SILENCE: Duration = Duration::from_secs(15);

/// Where to go on from.
fn cursor(params: &Params) -> Result<i64, Refusal> {
    match params.first("after") {
        "" => Ok(0),
        text => text.parse().ok().filter(|it| 0 <= *it).ok_or_else(|| {
            Refusal::bad(format!("`after` is `{text}`, a number that is not negative is allowed"))
        }),
    }
}

/// `GET …/logs?after=N`.
pub(super) async fn logs(
    State(site): State<Shared>,
    params: Params,
    step: Step,
) -> Answer<LogPage> {
    let from = cursor(&params)?;
    let events = site.store.events_after(from, Some((step, Kind::Log)), PAGE).await;
    answer(events.map(|events| {
        LogPage {
            next: events.last().map_or(from, |it| it.id),
            lines: events
                .iter()
                .map(|it| LogLine {
                    id: it.id,
                    at: it.at.clone(),
                    line: it.body["line"].as_str().unwrap_or_default().to_owned(),
                })
                .collect(),
        }
    }))
}

/// `GET /api/events?after=N`: everything after the cursor, then what happens. `Last-Event-ID` of a
/// client that comes back counts before `after`. It ends with the session.
pub(super) async fn stream(
    State(site): State<Shared>,
    Extension(session): Extension<Session>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()?.parse().ok());
    let cursor = match last {
        Some(last) => last,
        None => cursor(&params)?,
    };
    let watch = site.store.watch_events();
    let following = Following { site, session, cursor, watch, ready: VecDeque::new() };
    let stream = futures::stream::unfold(following, |mut following| async move {
        let frame = following.next().await?;
        Some((Ok::<_, Infallible>(frame), following))
    });
    let mut response = Response::new(Body::from_stream(stream));
    let value = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    Ok(response)
}

/// One who follows what happens.
struct Following {
    site: Shared,
    session: Session,
    cursor: i64,
    watch: watch::Receiver<i64>,
    ready: VecDeque<Bytes>,
}

impl Following {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            let left = self.session.left(&self.site)?;
            self.watch.mark_unchanged();
            let events = self.site.store.events_after(self.cursor, None, PAGE).await.ok()?;
            if let Some(last) = events.last() {
                self.cursor = last.id;
                self.ready = events.iter().map(|it| it.written(frame)).collect();
                continue;
            }
            tokio::select! {
                changed = self.watch.changed() => changed.ok()?,
                () = self.site.stop.cancelled() => return None,
                () = tokio::time::sleep(SILENCE.min(left)) => {
                    // Others may have renewed it meanwhile.
                    if left < SILENCE {
                        continue;
                    }
                    return Some(Bytes::from_static(b":\n\n"));
                }
            }
        }
    }
}

/// An event as a Server-Sent Event. JSON in one line has no line break that would have to be split.
fn frame(event: &Event) -> Bytes {
    Bytes::from(format!("id: {}\nevent: {}\ndata: {}\n\n", event.id, event.kind, event.document()))
}
