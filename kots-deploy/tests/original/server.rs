//! The original's admin console, emulated: an HTTP server whose whole state is in memory and open to the test.
//!
//! A handler's work goes on when its client is gone, as a Go handler does. A deploy moves on each time somebody looks
//! at it, so that nothing here depends on a clock.

mod body;
mod config;
mod deploy;
mod fault;
mod listen;
mod routes;
mod state;
mod update;
mod views;

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use fault::{Action, Bare, Rule, answer, cut_before, gateway, hold};
pub(crate) use state::{
    App, Cursor, Deploying, Readiness, Recorded, State, Version, deployed, schema,
};

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the handlers and the test share.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    gate: tokio::sync::Notify,
}

impl Shared {
    /// Looks at or changes the state, and lets everybody who waits look again.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let done = act(&mut self.lock());
        self.changed.notify_all();
        done
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running admin console.
pub(crate) struct Server {
    shared: Arc<Shared>,
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    listening: Mutex<Option<listen::Listening>>,
    /// Keeps the port while the server is away.
    _reserved: tokio::net::TcpSocket,
}

impl Server {
    /// Starts one on a free port.
    pub(crate) fn start(state: State) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            gate: tokio::sync::Notify::new(),
        });
        let (reserved, address) = listen::reserve();
        let listening = Mutex::new(Some(listen::listen(&runtime, address, &shared)));
        Self { shared, runtime, address, listening, _reserved: reserved }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at or changes the state.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.shared.with(act)
    }

    /// Adds rules for requests to come.
    pub(crate) fn rules(&self, rules: impl IntoIterator<Item = Rule>) {
        self.with(|it| it.rules.extend(rules));
    }

    /// Waits until the state is as `until` wants it.
    pub(crate) fn wait_for(&self, what: &str, mut until: impl FnMut(&State) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while !until(&state) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{what} did not come; the server saw:\n{}",
                state.transcript()
            );
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until a request is held.
    pub(crate) fn wait_held(&self) {
        self.wait_for("a held request", |it| it.held > 0);
    }

    /// Lets every held request go on.
    pub(crate) fn release(&self) {
        self.with(|it| it.held = 0);
        self.shared.gate.notify_waiters();
    }

    /// The process dies: every connection breaks, work that was going on is lost, tasks are forgotten, and the port
    /// refuses. Versions stay.
    pub(crate) fn stop(&self) {
        if let Some(listening) =
            self.listening.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            self.runtime.block_on(listening.end());
        }
        self.with(State::forget);
    }

    /// The process is there again, on the same port.
    pub(crate) fn start_again(&self) {
        self.with(|it| it.apps.values_mut().for_each(App::recover));
        let listening = listen::listen(&self.runtime, self.address, &self.shared);
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(listening);
    }

    /// Stays as it is for a while: the length of an outage.
    pub(crate) fn stay(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut state = self.shared.lock();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The one application's versions, as `sequence source cursor status`, oldest first.
    pub(crate) fn versions(&self) -> Vec<String> {
        self.with(|it| it.app().versions.iter().map(Version::line).collect())
    }

    /// Requests that change something, as `METHOD path?query`, in order.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.with(|it| {
            it.requests.iter().filter(|it| it.method != "GET").map(Recorded::line).collect()
        })
    }

    /// Requests that make a version or a deploy.
    pub(crate) fn posts(&self) -> Vec<String> {
        self.with(|it| {
            it.requests.iter().filter(|it| it.method == "POST").map(Recorded::line).collect()
        })
    }

    /// Forgets the requests that were seen so far.
    pub(crate) fn forget_requests(&self) {
        self.with(|it| it.requests.clear());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
