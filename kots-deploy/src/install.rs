//! `kots install`: puts an application into a running admin console, so that there is something to upgrade.

pub mod args;
