//! Go's text/template and sprig in Rust.
//!
//! A [`Template`] is parsed once with its functions and rendered many times. Output and messages are
//! those of Go, byte for byte. What it deliberately does not do: read anything of the host (no
//! environment, no name lookups), or run without bounds ([`Limits`]).

mod builtins;
mod deep;
mod error;
mod exec;
mod fmt;
mod func;
mod lex;
mod limits;
mod methods;
mod node;
mod parse;
pub mod sprig;
mod strconv;
mod template;
mod types;
mod unicode;
mod utf8;
mod value;

pub use error::{Error, ErrorKind, FuncError};
pub use func::{Body, Func, FuncMap};
pub use limits::Limits;
pub use template::{Call, Options, Template};
pub use types::Type;
pub use value::{GoTime, Kind, List, Map, Named, Object, Str, Strings, Value, Zone};
