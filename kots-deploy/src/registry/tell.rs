//! What a push tells, for people and for a browser.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use registry::push::{
    Event, Image, ImageProgress, ImageState, Kind, Observer, Plan, Progress, report,
};
use serde_json::{Map, Value, json};
use steps::Reporter;
use steps::render::size;
use tokio::time::Instant;

use super::count;
use crate::cli::duration::show;

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(200);
/// How many images one line of progress names.
const IMAGES_SHOWN: usize = 2;

/// Tells a run's reporter. The lines are the original's; embedded-cluster looks for them.
#[derive(Debug)]
pub struct Bullets {
    plan: Plan,
    reporter: Reporter,
    images: AtomicUsize,
    artifacts: AtomicUsize,
    last: Mutex<Option<Instant>>,
}

impl Bullets {
    /// Of a push of `plan`.
    pub fn new(plan: Plan, reporter: Reporter) -> Self {
        Self {
            plan,
            reporter,
            images: AtomicUsize::new(0),
            artifacts: AtomicUsize::new(0),
            last: Mutex::default(),
        }
    }

    /// Counts an image, and says which of how many it is.
    fn next(&self, image: usize) -> String {
        let application = self.plan.images()[image].kind == Kind::Application;
        let counter = if application { &self.images } else { &self.artifacts };
        let at = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let of = count(&self.plan, application);
        let what = if application { "application images" } else { "embedded cluster artifacts" };
        format!("Pushing {what} ({at}/{of})")
    }

    fn show(&self, progress: &Progress, ended: Option<usize>) {
        self.reporter.progress(&steps::Progress::Detailed {
            text: line(&self.plan, progress),
            fields: fields(&self.plan, progress, ended),
            is_milestone: ended.is_some(),
        });
    }

    fn due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = last.is_none_or(|it| it + EVERY <= now);
        if due {
            *last = Some(now);
        }
        due
    }
}

impl Observer for Bullets {
    fn tell(&self, event: &Event<'_>, progress: &dyn Fn() -> Progress) {
        let destination = |image: usize| self.plan.images()[image].destination.to_string();
        match event {
            Event::Started { image } => {
                self.reporter.note(self.next(*image));
                self.reporter.note(format!("Pushing image {}", destination(*image)));
            }
            Event::Present { image } => drop(self.next(*image)),
            Event::Pushed { image } => self.show(&progress(), Some(*image)),
            Event::Failed { image, reason } => {
                self.reporter.warn(format!("{} is not pushed: {reason}", destination(*image)));
                self.show(&progress(), Some(*image));
            }
            Event::Waiting { .. } | Event::Lost { .. } => self.reporter.warn(words(event)),
            Event::Progress => {
                if self.due() {
                    self.show(&progress(), None);
                }
            }
        }
    }
}

/// A fault in one line.
fn words(event: &Event<'_>) -> String {
    match event {
        Event::Waiting { what, fault, attempt, pause } => {
            let seconds = pause.as_secs_f64();
            format!("failed to {what} ({attempt}): {fault}; trying again in {seconds:.1} s")
        }
        Event::Lost { what, reason } => {
            format!("the registry lost the upload of {what} ({reason}); it is sent again")
        }
        other => format!("{other:?}"),
    }
}

/// The fields of a push for programs. Of the images those that are on their way, and the one that `ended`.
fn fields(plan: &Plan, progress: &Progress, ended: Option<usize>) -> Map<String, Value> {
    let images = plan.images().iter().zip(&progress.images).enumerate();
    let images: Vec<Value> = images
        .filter(|(at, (_, it))| it.state == ImageState::Uploading || ended == Some(*at))
        .map(|(_, (image, it))| {
            let state = match it.state {
                ImageState::Queued => "queued",
                ImageState::Uploading => "uploading",
                ImageState::Uploaded => "uploaded",
                ImageState::Failed(_) => "failed",
            };
            json!({"name": image.destination.to_string(), "state": state, "done": it.done, "total": it.total})
        })
        .collect();
    Map::from_iter([
        ("done".to_owned(), progress.done.into()),
        ("total".to_owned(), progress.total.into()),
        ("rate".to_owned(), progress.rate.into()),
        ("secondsLeft".to_owned(), progress.left.map(|it| it.as_secs()).into()),
        ("waitingFor".to_owned(), progress.waiting_for.as_str().into()),
        ("images".to_owned(), images.into()),
    ])
}

/// How far the images are that are on their way, the one that is nearest to its end first.
fn under_way(plan: &Plan, progress: &Progress) -> Option<String> {
    let images = plan.images().iter().zip(&progress.images);
    let mut images: Vec<_> =
        images.filter(|(_, it)| it.state == ImageState::Uploading && it.done < it.total).collect();
    images.sort_by_key(|(_, it)| it.total - it.done);
    let shown = |(image, it): &(&Image, &ImageProgress)| {
        let name = image.destination.to_string();
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        format!("{name} {} of {}", size(it.done), size(it.total))
    };
    let more = images.len().saturating_sub(IMAGES_SHOWN);
    let shown: Vec<_> = images.iter().take(IMAGES_SHOWN).map(shown).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!shown.is_empty()).then(|| shown.join(", ") + &more)
}

/// `1.2 GiB of 3.4 GiB, 56.0 MiB/s, 40s left; 3 of 20 images; web:1 10 MiB of 20 MiB; waiting for …`
fn line(plan: &Plan, progress: &Progress) -> String {
    let there = progress.images.iter().filter(|it| it.state == ImageState::Uploaded).count();
    let left = progress.left.map_or_else(String::new, |it| format!(", {} left", show(it)));
    let under_way = under_way(plan, progress).map_or_else(String::new, |it| format!("; {it}"));
    let waiting = &progress.waiting_for;
    format!(
        "{} of {}, {}/s{left}; {there} of {} images{under_way}; waiting for {waiting}",
        size(progress.done),
        size(progress.total),
        size(progress.rate),
        progress.images.len(),
    )
}

/// Writes lines for a browser: one document of JSON each, the last of them when the push has ended.
#[derive(Debug)]
pub struct Browser<W> {
    plan: Plan,
    out: Mutex<(W, Option<Instant>)>,
    bullets: Bullets,
}

impl<W: std::io::Write + Send> Browser<W> {
    /// Of a push of `plan`, into `out`. Faults go to the reporter.
    pub fn new(plan: Plan, out: W, reporter: Reporter) -> Self {
        let bullets = Bullets::new(plan.clone(), reporter);
        Self { plan, out: Mutex::new((out, None)), bullets }
    }

    fn write(&self, message: &str, progress: &Progress, always: bool) {
        let now = Instant::now();
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if !always && out.1.is_some_and(|it| now < it + EVERY) {
            return;
        }
        out.1 = Some(now);
        let line = report(&self.plan, progress, message, (now, Timestamp::now()));
        if let Ok(mut text) = serde_json::to_vec(&line) {
            text.push(b'\n');
            // A reader that is gone misses nothing.
            let _ = out.0.write_all(&text);
            let _ = out.0.flush();
        }
    }
}

impl<W: std::io::Write + Send> Observer for Browser<W> {
    fn tell(&self, event: &Event<'_>, progress: &dyn Fn() -> Progress) {
        let (message, always) = match event {
            Event::Started { image } => {
                (format!("Pushing image {}", self.plan.images()[*image].destination), true)
            }
            Event::Waiting { .. } | Event::Lost { .. } => {
                self.bullets.tell(event, progress);
                (words(event), true)
            }
            Event::Progress => (line(&self.plan, &progress()), false),
            Event::Present { .. } | Event::Pushed { .. } | Event::Failed { .. } => {
                (line(&self.plan, &progress()), true)
            }
        };
        self.write(&message, &progress(), always);
    }
}

#[cfg(test)]
mod tests {
    use airgap::{Digest, Reference};
    use registry::push::Manifest;
    use registry::{Destination, Endpoint, Scheme};

    use super::*;

    fn plan(names: &[&str]) -> Plan {
        let endpoint = Endpoint::parse("localhost:5000/ns", "", Scheme::Https).expect("one");
        let image = |name: &&str| Image {
            kind: Kind::Application,
            name: (*name).to_owned(),
            destination: Destination::of(&Reference::parse(name).expect("a name"), &endpoint),
            manifests: vec![Manifest {
                digest: Digest::of(b""),
                media_type: "m".to_owned(),
                bytes: Vec::new().into(),
                blobs: Vec::new(),
            }],
        };
        Plan::new(names.iter().map(image).collect()).expect("they fit")
    }

    #[test]
    fn how_far_a_push_is() {
        let plan = plan(&["a:1", "b:1", "c:1", "d:1", "e:1"]);
        let image = |state, done| ImageProgress {
            state,
            done,
            total: 10 << 20,
            started: None,
            ended: None,
        };
        let progress = Progress {
            done: 1 << 30,
            total: 3 << 30,
            rate: 50 << 20,
            left: Some(Duration::from_secs(41)),
            waiting_for: "the manifest of localhost:5000/a:1".to_owned(),
            images: vec![
                image(ImageState::Uploaded, 10 << 20),
                image(ImageState::Queued, 0),
                image(ImageState::Uploading, 1 << 20),
                image(ImageState::Uploading, 9 << 20),
                image(ImageState::Uploading, 2 << 20),
            ],
        };
        insta::assert_snapshot!(line(&plan, &progress), @"1.0 GiB of 3.0 GiB, 50.0 MiB/s, 41s left; 1 of 5 images; d:1 9.0 MiB of 10.0 MiB, e:1 2.0 MiB of 10.0 MiB and 1 more; waiting for the manifest of localhost:5000/a:1");
        let fields = Value::Object(fields(&plan, &progress, Some(0))).to_string();
        insta::assert_snapshot!(fields, @r#"{"done":1073741824,"total":3221225472,"rate":52428800,"secondsLeft":41,"waitingFor":"the manifest of localhost:5000/a:1","images":[{"name":"localhost:5000/ns/a:1","state":"uploaded","done":10485760,"total":10485760},{"name":"localhost:5000/ns/c:1","state":"uploading","done":1048576,"total":10485760},{"name":"localhost:5000/ns/d:1","state":"uploading","done":9437184,"total":10485760},{"name":"localhost:5000/ns/e:1","state":"uploading","done":2097152,"total":10485760}]}"#);
    }
}
