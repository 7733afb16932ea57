//! How far a push is: in bytes that the registry has confirmed, so it never goes back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::plan::{Place, Plan};

/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(15);
/// How long bytes are counted before the time left is told: a few of them promise anything.
const SURE_AFTER: Duration = Duration::from_secs(2);
/// How often a point for the rate is kept.
const POINT_EVERY: Duration = Duration::from_millis(500);

/// How far an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// Nothing was done for it yet.
    Queued,
    /// Its blobs or manifests are being sent.
    Uploading,
    /// It is there.
    Uploaded,
    /// It will not come to be there.
    Failed(String),
}

/// How far one image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageProgress {
    /// Its state.
    pub state: ImageState,
    /// Bytes of its blobs that are there.
    pub done: u64,
    /// Bytes of its blobs.
    pub total: u64,
    /// When work on it began.
    pub started: Option<Instant>,
    /// When it ended.
    pub ended: Option<Instant>,
}

/// How far everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were missing and are there now.
    pub done: u64,
    /// Bytes that were missing.
    pub total: u64,
    /// Bytes a second, lately.
    pub rate: u64,
    /// Time left at that rate; none while nothing moves, in the first moments, and when nothing is left.
    pub left: Option<Duration>,
    /// What is waited for.
    pub waiting_for: String,
    /// Every image, in the order of the plan.
    pub images: Vec<ImageProgress>,
}

/// Keeps count.
#[derive(Debug)]
pub(super) struct Tally(Mutex<Count>);

#[derive(Debug)]
struct Count {
    blobs: BTreeMap<Place, Transfer>,
    images: Vec<ImageProgress>,
    done: u64,
    total: u64,
    points: VecDeque<(Instant, u64)>,
    waiting_for: String,
}

#[derive(Debug)]
struct Transfer {
    size: u64,
    done: u64,
    missing: bool,
    images: Vec<usize>,
}

impl Tally {
    pub(super) fn new(plan: &Plan, now: Instant) -> Self {
        let image = ImageProgress {
            state: ImageState::Queued,
            done: 0,
            total: 0,
            started: None,
            ended: None,
        };
        let mut images = vec![image; plan.images().len()];
        let mut blobs = BTreeMap::new();
        for (place, size, users) in plan.all() {
            for user in users {
                images[*user].total += size;
            }
            let transfer = Transfer { size, done: 0, missing: false, images: users.to_vec() };
            blobs.insert(place.clone(), transfer);
        }
        let points = VecDeque::from([(now, 0)]);
        let waiting_for = "the registry's answer what it has".to_owned();
        Self(Mutex::new(Count { blobs, images, done: 0, total: 0, points, waiting_for }))
    }

    fn with<T>(&self, with: impl FnOnce(&mut Count) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A blob is missing: from now on its bytes count.
    pub(super) fn missing(&self, place: &Place) {
        self.with(|count| {
            if let Some(blob) = count.blobs.get_mut(place).filter(|it| !it.missing) {
                blob.missing = true;
                count.total += blob.size;
            }
        });
    }

    /// So many bytes of a blob are confirmed. Fewer than before are not told: what was lost is sent again unseen.
    pub(super) fn confirmed(&self, place: &Place, bytes: u64) {
        self.with(|count| {
            let Some(blob) = count.blobs.get_mut(place) else { return };
            let more = bytes.min(blob.size).saturating_sub(blob.done);
            blob.done += more;
            if blob.missing {
                count.done += more;
            }
            for image in &blob.images {
                count.images[*image].done += more;
            }
        });
    }

    /// A whole blob is there.
    pub(super) fn there(&self, place: &Place) {
        self.confirmed(place, u64::MAX);
    }

    /// Sets the state of an image. Whether it is another one than before.
    pub(super) fn set(&self, image: usize, state: ImageState) -> bool {
        let now = Instant::now();
        self.with(|count| {
            let it = &mut count.images[image];
            if it.state == state {
                return false;
            }
            it.started = it.started.or(Some(now));
            if matches!(state, ImageState::Uploaded | ImageState::Failed(_)) {
                it.ended = Some(now);
            }
            if state == ImageState::Uploaded {
                it.done = it.total;
            }
            it.state = state;
            true
        })
    }

    /// Whether work on an image has not begun; says that it has.
    pub(super) fn start(&self, image: usize) -> bool {
        let queued = self.with(|count| count.images[image].state == ImageState::Queued);
        queued && self.set(image, ImageState::Uploading)
    }

    /// Says what is waited for.
    pub(super) fn waiting_for(&self, what: String) {
        self.with(|count| count.waiting_for = what);
    }

    /// How far everything is.
    pub(super) fn progress(&self, plan: &Plan, now: Instant) -> Progress {
        self.with(|count| {
            let newest = count.points.back().map_or(now, |it| it.0);
            if newest + POINT_EVERY <= now {
                count.points.push_back((now, count.done));
            }
            while count.points.len() > 2
                && count.points.front().is_some_and(|it| it.0 + WINDOW < now)
            {
                count.points.pop_front();
            }
            let (since, before) = count.points.front().copied().unwrap_or((now, count.done));
            let time = now.duration_since(since);
            let rate = rate(count.done.saturating_sub(before), time);
            let missing = count.total - count.done;
            let is_known = rate > 0 && missing > 0 && time >= SURE_AFTER;
            debug_assert_eq!(count.images.len(), plan.images().len());
            Progress {
                done: count.done,
                total: count.total,
                rate,
                left: is_known.then(|| Duration::from_secs(missing.div_ceil(rate))),
                waiting_for: count.waiting_for.clone(),
                images: count.images.clone(),
            }
        })
    }
}

/// Bytes a second.
fn rate(bytes: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1000) / millis
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::plan::{Blob, Image, Kind, Manifest};
    use super::*;
    use crate::name::Destination;
    use airgap::Digest;
    use airgap::reference::Version;

    fn blob(name: &str, size: u64) -> Blob {
        Blob { digest: Digest::of(name.as_bytes()), size, inline: None }
    }

    fn plan() -> Plan {
        let image = |name: &str, blobs: Vec<Blob>| Image {
            kind: Kind::Application,
            name: name.to_owned(),
            destination: Destination {
                host: "localhost".to_owned(),
                repository: name.to_owned(),
                version: Version::Tag("1".to_owned()),
            },
            manifests: vec![Manifest {
                digest: Digest::of(name.as_bytes()),
                media_type: "m".to_owned(),
                bytes: Bytes::new(),
                blobs,
            }],
        };
        Plan::new(vec![
            image("a", vec![blob("shared", 100), blob("one", 10)]),
            image("b", vec![blob("shared", 100), blob("two", 20)]),
        ])
        .expect("fits")
    }

    fn place(repository: &str, name: &str) -> Place {
        Place { repository: repository.into(), digest: Digest::of(name.as_bytes()) }
    }

    #[test]
    fn rate_and_time_left_come_from_what_is_confirmed() {
        let (plan, start) = (plan(), Instant::now());
        let tally = Tally::new(&plan, start);
        for it in [place("a", "shared"), place("b", "shared"), place("a", "one")] {
            tally.missing(&it);
        }
        tally.there(&place("b", "two"));
        tally.confirmed(&place("a", "shared"), 50);
        let progress = tally.progress(&plan, start + Duration::from_secs(5));
        assert_eq!((progress.done, progress.total), (50, 210));
        assert_eq!((progress.rate, progress.left), (10, Some(Duration::from_secs(16))));
        assert_eq!(tally.progress(&plan, start + Duration::from_secs(1)).left, None);
        assert_eq!((progress.images[0].done, progress.images[0].total), (50, 110));
        assert_eq!((progress.images[1].done, progress.images[1].total), (20, 120));
    }

    proptest! {
        #[test]
        fn nothing_ever_goes_back(steps in prop::collection::vec((0_usize..4, 0_u64..150), 0..60)) {
            let (plan, now) = (plan(), Instant::now());
            let tally = Tally::new(&plan, now);
            let places = [place("a", "shared"), place("a", "one"), place("b", "shared"), place("b", "two")];
            for it in &places {
                tally.missing(it);
            }
            let mut last = tally.progress(&plan, now);
            for (at, bytes) in steps {
                tally.confirmed(&places[at], bytes);
                let next = tally.progress(&plan, now);
                prop_assert!(last.done <= next.done && next.done <= next.total);
                prop_assert_eq!(last.total, next.total);
                for (before, after) in last.images.iter().zip(&next.images) {
                    prop_assert!(before.done <= after.done && after.done <= after.total);
                }
                last = next;
            }
        }
    }
}
