//! Declare, run, journal, resume and report an ordered list of steps.

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
