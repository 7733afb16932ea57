//! The engine from the outside: runs, renderers, and journals on a real disk under real kills.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must stop")]

mod harness;
mod journal;
mod kill;
mod render;
mod run;
