//! `kots install`: puts an application into a running admin console, so that there is something to upgrade.
//!
//! Only the application is installed, never an admin console. The steps are connect, check, install, watch; the first
//! and the last are those of a deploy.

pub mod args;
pub mod plan;
pub mod run;
mod steps;
