//! `kots deploy` against the original kotsadm: the real program over real sockets, and a server that behaves as the
//! contract says the Go kotsadm does.
//!
//! The server knows nothing of this client and has none of what ours adds: no boot id, no idempotency, no reasons
//! where the original flattens them. What is asserted is what a user or an operator of that server would notice:
//! exit status, text on stdout and stderr, the requests that arrived, and the versions that are left behind.

#![recursion_limit = "256"]

mod harness;
mod server;

mod cuts;
mod demand;
mod fresh;
mod kills;
mod outages;
mod refusals;
mod report;
mod rerun;
mod signals;
mod watch;
mod wrong_input;
