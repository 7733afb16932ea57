//! The client and the mirror over real sockets, and the client against servers that fail.

mod faults;
mod harness;
mod mirror;
