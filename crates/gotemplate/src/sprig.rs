//! The functions of sprig, as a Go program gets them from its `TxtFuncMap`.
//!
//! `env`, `expandenv` and `getHostByName` read nothing of the machine: they behave as in an empty
//! environment without a network. The local time zone is UTC. Keys and certificates are made with the
//! system's randomness, everything else random comes from [`Sources`].

mod args;
mod cast;
mod crypto;
mod dates;
mod decimal;
mod defaults;
mod dicts;
mod encoding;
mod json;
mod lists;
mod math;
mod merge;
mod paths;
mod random;
mod regex;
mod semver;
mod sources;
mod strings;
mod urls;
mod words;

pub(crate) use json::decode_json;
pub use regex::{Pattern, PatternError};
pub use sources::Sources;

use crate::error::FuncError;
use crate::func::{Func, FuncMap};
use crate::types::Type;
use crate::value::Value;

/// What a function answers.
type Answer = Result<Value, FuncError>;

/// Returns sprig's functions with the system's clock and randomness.
pub fn funcs() -> FuncMap {
    funcs_with(&Sources::system())
}

/// Returns sprig's functions with a clock and a randomness of the caller's.
pub fn funcs_with(sources: &Sources) -> FuncMap {
    let mut to = Registry(FuncMap::new());
    strings::register(&mut to);
    words::register(&mut to);
    lists::register(&mut to);
    dicts::register(&mut to);
    merge::register(&mut to);
    defaults::register(&mut to);
    math::register(&mut to);
    encoding::register(&mut to);
    paths::register(&mut to);
    json::register(&mut to);
    semver::register(&mut to);
    regex::register(&mut to);
    urls::register(&mut to);
    dates::register(&mut to, sources);
    random::register(&mut to, sources);
    crypto::register(&mut to, sources);
    to.0
}

/// The functions under construction.
struct Registry(FuncMap);

impl Registry {
    /// Adds a function whose result has a type of its own.
    fn typed<F>(&mut self, name: &str, params: &[Type], body: F)
    where
        F: Fn(&[Value]) -> Answer + Send + Sync + 'static,
    {
        self.0.insert(name, Func::new(params, body).typed());
    }

    /// Adds a function whose result is an `interface {}`.
    fn any<F>(&mut self, name: &str, params: &[Type], body: F)
    where
        F: Fn(&[Value]) -> Answer + Send + Sync + 'static,
    {
        self.0.insert(name, Func::new(params, body));
    }

    /// Adds a function with any number of last arguments, whose result has a type of its own.
    fn variadic<F>(&mut self, name: &str, params: &[Type], last: Type, body: F)
    where
        F: Fn(&[Value]) -> Answer + Send + Sync + 'static,
    {
        self.0.insert(name, Func::new(params, body).variadic(last).typed());
    }

    /// Adds a function with any number of last arguments, whose result is an `interface {}`.
    fn variadic_any<F>(&mut self, name: &str, params: &[Type], last: Type, body: F)
    where
        F: Fn(&[Value]) -> Answer + Send + Sync + 'static,
    {
        self.0.insert(name, Func::new(params, body).variadic(last));
    }
}
