//! What happens during a run without a browser, as it is printed.

use std::sync::Arc;

use super::{say, say_error};
use crate::site::Site;

/// Prints what happens: events as JSON lines, or the words of statuses and logs.
pub(super) async fn print(site: Arc<Site>, is_jsonl: bool) {
    let mut watch = site.store.watch_events();
    let mut cursor = *watch.borrow();
    let mut last = String::new();
    loop {
        let is_stopping = site.stop.is_cancelled();
        watch.mark_unchanged();
        let Ok(events) = site.store.events_after(cursor, None, 1000).await else { return };
        for event in &events {
            cursor = event.id;
            if is_jsonl {
                say(&format!("{}\n", event.document()));
                continue;
            }
            let text = match event.kind.as_str() {
                // A step that is to be done anew has nothing to say.
                "status" => event.body["description"].as_str().filter(|it| !it.is_empty()),
                "log" => event.body["line"].as_str(),
                _ => None,
            };
            if let Some(text) = text.filter(|it| *it != last) {
                last = text.to_owned();
                say_error(&format!("{text}\n"));
            }
        }
        if events.is_empty() {
            if is_stopping {
                return;
            }
            tokio::select! {
                changed = watch.changed() => if changed.is_err() { return },
                () = site.stop.cancelled() => {}
            }
        }
    }
}
