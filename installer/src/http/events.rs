//! What happened, by cursor: pages of a log, and everything as Server-Sent Events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde_json::json;

use super::frame::{Answer, answer};
use super::query::Params;
use super::types::{LogLine, LogPage};
use crate::flow::Step;
use crate::refusal::Refusal;
use crate::site::Shared;
use crate::store::Kind;

/// The most lines of a page, and events read at once.
const PAGE: i64 = 1000;

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
                .into_iter()
                .map(|it| LogLine {
                    id: it.id,
                    at: it.at,
                    line: it.body["line"].as_str().unwrap_or_default().to_owned(),
                })
                .collect(),
        }
    }))
}

/// `GET /api/events?after=N`: everything after the cursor, then what happens. `Last-Event-ID` of a
/// client that comes back counts before `after`.
pub(super) async fn stream(
    State(site): State<Shared>,
    params: Params,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, super::frame::Refused> {
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()?.parse().ok());
    let from = match last {
        Some(last) => last,
        None => cursor(&params)?,
    };
    let watch = site.store.watch_events();
    let stop = site.stop.clone();
    let stream = futures::stream::unfold(
        (site, from, watch, Vec::new().into_iter()),
        move |(site, mut cursor, mut watch, mut ready)| {
            let stop = stop.clone();
            async move {
                loop {
                    if let Some(event) = ready.next() {
                        return Some((Ok(event), (site, cursor, watch, ready)));
                    }
                    watch.mark_unchanged();
                    let events = site.store.events_after(cursor, None, PAGE).await.ok()?;
                    if let Some(last) = events.last() {
                        cursor = last.id;
                        ready = events.iter().map(written).collect::<Vec<_>>().into_iter();
                        continue;
                    }
                    tokio::select! {
                        changed = watch.changed() => changed.ok()?,
                        () = stop.cancelled() => return None,
                    }
                }
            }
        },
    );
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

fn written(event: &crate::store::Event) -> Event {
    let data = json!({
        "id": event.id,
        "at": event.at,
        "kind": event.kind,
        "step": event.step,
        "body": event.body,
    });
    Event::default().id(event.id.to_string()).event(event.kind.clone()).data(data.to_string())
}
