//! Go's text/template and sprig in Rust.
//!
//! A [`Template`] is parsed once with its functions and rendered many times. Output and messages are
//! those of Go, byte for byte. What it deliberately does not do: read anything of the host (no
//! environment, no name lookups), or run without bounds ([`Limits`]).

#![expect(
    clippy::unnecessary_wraps,
    reason = "bodies of functions and methods share one type, whether they can fail or not"
)]
#![expect(clippy::single_match_else, reason = "both cases of an answer stand side by side")]
#![expect(clippy::naive_bytecount, reason = "lines are counted once an error, in short texts")]
#![expect(clippy::match_same_arms, reason = "tables read better with a line an entry")]
#![expect(clippy::format_push_string, reason = "short texts, and errors of `write!` cannot occur")]

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
pub use strconv::{ParseError, parse_float, parse_int, parse_uint};
pub use template::{Call, Options, Template};
pub use types::Type;
pub use value::{GoTime, Kind, List, Map, Named, Object, Str, Strings, Value, Zone};
