//! How far a push is, as the original tells a browser.

use jiff::Timestamp;
use tokio::time::Instant;
use wire::push::{ProgressImage, ProgressReport};

use super::plan::{Image, Plan};
use super::tally::{ImageProgress, ImageState, Progress};

/// What Go makes of a time that was not set.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Makes one line of progress. `now` is the same moment on both clocks. A line is JSON without line breaks, whatever an
/// error holds.
pub fn report(
    plan: &Plan,
    progress: &Progress,
    message: &str,
    now: (Instant, Timestamp),
) -> ProgressReport {
    ProgressReport {
        kind: "progressReport".to_owned(),
        compatibility_message: message.to_owned(),
        images: plan
            .images()
            .iter()
            .zip(&progress.images)
            .map(|(image, progress)| one(image, progress, now))
            .collect(),
    }
}

fn one(image: &Image, progress: &ImageProgress, now: (Instant, Timestamp)) -> ProgressImage {
    let (status, error) = match &progress.state {
        ImageState::Queued => ("queued", ""),
        ImageState::Uploading => ("uploading", ""),
        ImageState::Uploaded => ("uploaded", ""),
        ImageState::Failed(reason) => ("failed", reason.as_str()),
    };
    let name = image.destination.to_string();
    ProgressImage {
        display_name: name.rsplit('/').next().unwrap_or_default().to_owned(),
        status: status.to_owned(),
        error: error.to_owned(),
        current: progress.done,
        total: progress.total,
        start_time: time(progress.started, now),
        end_time: time(progress.ended, now),
    }
}

fn time(at: Option<Instant>, (now, clock): (Instant, Timestamp)) -> String {
    at.and_then(|at| clock.checked_sub(now.saturating_duration_since(at)).ok())
        .map_or_else(|| NO_TIME.to_owned(), |it| it.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use airgap::{Digest, Reference};
    use bytes::Bytes;

    use super::super::plan::{Kind, Manifest};
    use super::*;
    use crate::endpoint::{Endpoint, Scheme};
    use crate::name::Destination;

    #[test]
    fn a_line_for_a_browser() {
        let endpoint = Endpoint::parse("localhost:5000/ns", "", Scheme::Https).expect("one");
        let image = |name: &str| Image {
            kind: Kind::Application,
            name: name.to_owned(),
            destination: Destination::of(&Reference::parse(name).expect("a name"), &endpoint),
            manifests: vec![Manifest {
                digest: Digest::of(b""),
                media_type: "m".to_owned(),
                bytes: Bytes::new(),
                blobs: Vec::new(),
            }],
        };
        let plan = Plan::new(vec![image("quay.io/org/debian:0.1"), image("alpine")]).expect("fits");
        let now = Instant::now();
        let clock: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
        let of =
            |state, done, started| ImageProgress { state, done, total: 10, started, ended: None };
        let failed = ImageState::Failed("registry answered 403\nreally".to_owned());
        let progress = Progress {
            done: 4,
            total: 20,
            rate: 0,
            left: None,
            waiting_for: String::new(),
            images: vec![of(ImageState::Queued, 0, None), of(failed, 4, Some(now))],
        };
        let later = now + Duration::from_secs(5);
        let line = serde_json::to_string(&report(&plan, &progress, "Pushing", (later, clock)));
        insta::assert_snapshot!(line.expect("JSON"), @r#"{"type":"progressReport","compatibilityMessage":"Pushing","images":[{"displayName":"debian:0.1","status":"queued","error":"","current":0,"total":10,"startTime":"0001-01-01T00:00:00Z","endTime":"0001-01-01T00:00:00Z"},{"displayName":"alpine:latest","status":"failed","error":"registry answered 403\nreally","current":4,"total":10,"startTime":"2026-01-02T03:04:00Z","endTime":"0001-01-01T00:00:00Z"}]}"#);
    }
}
