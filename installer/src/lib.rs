//! `installer`: the upgrade API of embedded-cluster v3 and the commands an operator runs. It drives
//! `kots deploy` as a child process.

mod airgap_step;
mod answers;
mod app;
pub mod cli;
mod cluster;
mod config;
#[cfg(feature = "fixture")]
mod fixture;
mod flow;
mod http;
mod infra;
mod installation;
mod kots;
mod license;
mod network;
mod preflights;
mod prepare;
mod refusal;
mod release;
mod runner;
mod secrets;
mod site;
mod store;
mod surroundings;
mod telemetry;
mod tls;
mod upgradable;
mod web;
