//! Pushes into the real `docker-registry`, undisturbed and disturbed. Where that program is missing the tests say so and
//! pass: `cargo xtask test` installs it.

mod access;
mod ecr;
mod faults;
mod images;
mod patch;
mod proxy;
mod push;
mod server;
mod watch;
