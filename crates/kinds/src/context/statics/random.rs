//! Random texts, drawn from the seed that the caller gives.

use std::sync::{Arc, Mutex, PoisonError};

use gotemplate::{Func, FuncError, FuncMap, Type, Value};
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use regex::Regex;

use crate::context::text::{base64_encode, fail, text};

/// The longest random text, in bytes.
const MAX_BYTES: u64 = 64 * 1024;
/// The letters used when a template names none.
const DEFAULT_LETTERS: &str = "[_A-Za-z0-9]";

pub(super) fn add(functions: &mut FuncMap, seed: [u8; 32]) {
    let source = Arc::new(Mutex::new(StdRng::from_seed(seed)));
    let bytes_source = Arc::clone(&source);
    let bytes = Func::new([Type::Uint64], move |args| {
        let mut bytes = vec![0; length(args)?];
        bytes_source.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        Ok(base64_encode(&bytes).into())
    });
    functions.insert("RandomBytes", bytes.typed());
    let letters = Func::new([Type::Uint64], move |args| {
        let length = length(args)?;
        let class = if args.len() > 1 { text(args, 1) } else { DEFAULT_LETTERS.to_owned() };
        let letters = letters(&class)?;
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = (0..length).map(|_| letters[source.random_range(0..letters.len())]);
        Ok(drawn.collect::<String>().into())
    });
    functions.insert("RandomString", letters.variadic(Type::String).typed());
}

fn length(args: &[Value]) -> Result<usize, FuncError> {
    let wanted = match args.first() {
        Some(Value::Uint64(wanted)) => *wanted,
        other => other.and_then(Value::as_i64).and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
    };
    if wanted > MAX_BYTES {
        return fail(format!(
            "a random text of {wanted} bytes is too long, {MAX_BYTES} are allowed"
        ));
    }
    Ok(usize::try_from(wanted).unwrap_or(0))
}

/// The ASCII letters that a character class allows.
fn letters(class: &str) -> Result<Vec<char>, FuncError> {
    let Ok(regex) = Regex::new(class) else {
        return fail(format!("`{class}` is not a character class"));
    };
    let allowed: Vec<char> = (0_u8..128)
        .map(char::from)
        .filter(|letter| regex.is_match(letter.encode_utf8(&mut [0; 4])))
        .collect();
    // The original would look for a fitting letter for ever.
    if allowed.is_empty() { fail(format!("`{class}` allows no ASCII letter")) } else { Ok(allowed) }
}
