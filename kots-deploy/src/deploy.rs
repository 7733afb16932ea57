//! `kots deploy`: carries one upgrade from the command line to a proven end.
//!
//! [`args`] is what was typed, [`plan`] what it means with every file read, `steps` what is done about it. What the
//! server has is compared with the target by pure functions ([`target`], [`values`], [`verdict`]).

pub mod answers;
pub mod args;
pub mod inputs;
pub mod plan;
pub mod preflights;
mod quiet;
pub mod run;
pub mod state;
pub(crate) mod steps;
pub mod target;
pub mod values;
pub mod verdict;
