//! `kots deploy`: carries one upgrade from the command line to a proven end.

pub mod args;
