//! Declare, run, journal, resume and report an ordered list of steps.
//!
//! A program gives [`Run`] its [`Step`]s and a context of its own, and gets a [`Report`]. What it
//! can rely on:
//!
//! - **All steps are declared before one runs.** The first event lists them; every step ends as
//!   succeeded, warned, skipped or failed, each with its reason, also those that will not run.
//! - **Running again is the way to recover.** `check` skips what is true. Before the effect of a
//!   step its intent is on the disk, with the facts the step wants remembered, and after it the
//!   confirmation. A run that died leaves an open intent, and the same step of the next run with
//!   the same [`RunKey`] finds it in [`Scope::previous`], to look before it acts again.
//! - **A stop is clean.** On a cancellation or the deadline the step is dropped at the await point
//!   where it is, and the report says whether its effect is known.
//! - **Reports are made of events.** Recorded events are numbered; [`Report::apply`] takes each
//!   once, however often it is told. Progress is not recorded and may be dropped.
//!
//! Absent on purpose: HTTP, Kubernetes and terminals; retries, which a step does itself, as only it
//! knows which faults pass; steps that run at the same time, or that undo others: a fleet or a
//! rollback declares steps that do.
//!
//! ```
//! use std::sync::Arc;
//! use steps::{Check, Done, Facts, Failure, Journal, Run, RunKey, Scope, Step, Stop, SystemClock};
//!
//! /// What the steps work on: here a server that counts its versions.
//! struct Server {
//!     versions: Vec<String>,
//! }
//!
//! struct Update {
//!     label: String,
//! }
//!
//! #[steps::async_trait]
//! impl Step<Server> for Update {
//!     fn name(&self) -> &str {
//!         "update"
//!     }
//!
//!     fn title(&self) -> &str {
//!         "Update the application"
//!     }
//!
//!     async fn check(&mut self, server: &mut Server, scope: &mut Scope<'_>) -> Result<Check, Failure> {
//!         if server.versions.contains(&self.label) {
//!             return Ok(Check::done(format!("version {} is there", self.label)));
//!         }
//!         if scope.previous().is_some_and(|it| it.open()) {
//!             scope.reporter().note("an earlier run may have begun this; waiting until the server is quiet");
//!         }
//!         let before = server.versions.len().into();
//!         Ok(Check::needed_with(Facts::from_iter([("versionsBefore".to_owned(), before)])))
//!     }
//!
//!     async fn run(&mut self, server: &mut Server, scope: &mut Scope<'_>) -> Result<Done, Failure> {
//!         scope.reporter().note(format!("Updating to {}...", self.label));
//!         server.versions.push(self.label.clone());
//!         Ok(Done::Well)
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! let mut server = Server { versions: vec!["1.0.0".to_owned()] };
//! let key = RunKey::new("deploy").field("app", "shop").field("version", "1.1.0");
//! for expected in ["succeeded", "skipped"] {
//!     let update = Update { label: "1.1.0".to_owned() };
//!     let report = Run::declare("deploy", vec![Box::new(update)])?
//!         .with_journal(Journal::open(dir, &key, Arc::new(SystemClock))?)
//!         .with_sink(steps::render::Text::new(std::io::stdout(), steps::render::bullets))
//!         .run(&mut server, Stop::never().on(async {
//!             std::future::pending::<()>().await; // Such as a signal.
//!             "SIGTERM".to_owned()
//!         }))
//!         .await;
//!     assert_eq!(report.steps()[0].word(), expected);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With feature `faults` (tests only) the environment variable `STEPS_FAULT` kills the process
//! before, in or after its n-th journal write; `Cargo.toml` lists the words. The writes of a run
//! are: the header (new journals only) and a record at [`Journal::open`]; for each step that acts
//! and changes something the intent, one per [`Scope::record`], and the confirmation; the end.

pub mod clock;
pub mod event;
pub mod journal;
pub mod outcome;
pub mod render;
pub mod report;
pub mod step;

mod reporter;
mod run;
mod sink;
mod stop;

pub use async_trait::async_trait;

pub use self::clock::{Clock, SystemClock};
pub use self::event::{Event, EventKind, Level, Progress, StepKind};
pub use self::journal::{Intent, IntentState, Journal, JournalError, RunKey};
pub use self::outcome::{Effect, Failure, Outcome, RunOutcome};
pub use self::report::{Applied, Report, StepReport, StepStatus};
pub use self::reporter::Reporter;
pub use self::run::{DeclareError, Run};
pub use self::sink::{Shared, Sink};
pub use self::step::{Check, Done, Facts, Scope, Step};
pub use self::stop::Stop;
