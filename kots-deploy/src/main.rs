//! The `kots` program.
fn main() {}
