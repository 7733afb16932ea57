//! Templates as a caller sees them: the cases of Go, hostile input, limits.

mod cases;
mod hostile;
mod properties;
mod purity;
#[path = "../../examples/cases/run.rs"]
mod run;
