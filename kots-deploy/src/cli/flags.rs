//! Reads a command line the way pflag and cobra do, in their words.
//!
//! The flags of `kots` are a contract that scripts depend on: which spellings are taken (`--x=v`, `--x v`,
//! `-nv`, `--bool=false`), in which order mistakes are found, and what is said about them. A flag is an entry in
//! a table; nothing here knows what any flag is for.
//!
//! Deliberately absent: environment variables (see [`super::settings`]) and any check of meaning.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use thiserror::Error;

use super::duration;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Any text; given twice, the last one counts.
    Text,
    /// Any text, as often as one likes.
    List,
    /// Nothing, or `=true` / `=false`.
    Bool,
    /// A whole number as Go writes it (`10`, `0x0a`).
    Int,
    /// A Go duration (`15m`, `1h30m`).
    Duration,
}

/// One flag.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Its long name.
    pub name: &'static str,
    /// Its one-letter name.
    pub short: Option<char>,
    /// What it takes.
    pub takes: Takes,
    /// What applies when it is not given, as text.
    pub default: &'static str,
    /// Whether usage texts leave it out.
    pub hidden: bool,
    /// Whether `KOTS_<NAME>` may give it too.
    pub from_env: bool,
    /// What it is for, for usage texts.
    pub help: &'static str,
}

/// Flags and arguments as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    values: BTreeMap<&'static str, Vec<String>>,
    /// What was given besides flags.
    pub arguments: Vec<String>,
    /// Whether `--help` or `-h` was among the flags.
    pub help: bool,
}

impl Typed {
    /// Whether the flag was given.
    pub fn given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The last value of the flag, when it was given.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str)
    }

    /// Every value of the flag, in order.
    pub fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }
}

/// A mistake on the command line, in the words of pflag and cobra.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UsageError {
    /// No such flag.
    #[error("unknown flag: --{0}")]
    UnknownFlag(String),
    /// No such letter.
    #[error("unknown shorthand flag: {letter} in -{group}")]
    UnknownShorthand {
        /// The letter in quotes.
        letter: String,
        /// The group it stood in.
        group: String,
    },
    /// Not a flag at all, such as `--=x`.
    #[error("bad flag syntax: {0}")]
    BadSyntax(String),
    /// The value is missing.
    #[error("flag needs an argument: {0}")]
    NeedsArgument(String),
    /// The value is not of the flag's kind.
    #[error("invalid argument {value} for \"{flag}\" flag: {why}")]
    InvalidArgument {
        /// The value in quotes.
        value: String,
        /// The flag with its dashes.
        flag: String,
        /// What is wrong with it.
        why: String,
    },
    /// The number of arguments does not fit.
    #[error("accepts {accepts} arg(s), received {received}")]
    ArgumentCount {
        /// How many the command takes.
        accepts: usize,
        /// How many were given.
        received: usize,
    },
    /// A flag that must be given was not.
    #[error("required flag(s) {0} not set")]
    RequiredFlags(String),
    /// A group of commands alone.
    #[error("{0} needs a command: inspect, verify, create or diff")]
    RequiredCommand(String),
    /// A mistake in the words of a command.
    #[error("{0}")]
    Plain(&'static str),
    /// No such command.
    #[error("unknown command {command} for \"{program}\"")]
    UnknownCommand {
        /// What was typed, in quotes.
        command: String,
        /// The program's name.
        program: String,
    },
    /// The value of an environment variable is not of its flag's kind. The original takes the default silently.
    #[error("invalid value {value} of environment variable {variable}: {why}")]
    InvalidVariable {
        /// The variable.
        variable: String,
        /// The value in quotes.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// The value is not one of the words the flag knows. Only flags the original does not have.
    #[error("invalid argument {value} for \"--{flag}\" flag: must be one of {allowed}")]
    NotAWord {
        /// The flag.
        flag: String,
        /// The value in quotes.
        value: String,
        /// The words.
        allowed: String,
    },
}

/// Reads `words` against `flags`. Flags and arguments may be mixed; `--` ends the flags.
///
/// # Errors
///
/// The first mistake from the left.
pub fn parse(flags: &[Flag], words: &[String]) -> Result<Typed, UsageError> {
    let mut typed = Typed::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            typed.arguments.extend(rest.cloned());
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            parse_long(flags, word, long, &mut rest, &mut typed)?;
        } else if let Some(group) = word.strip_prefix('-').filter(|it| !it.is_empty()) {
            parse_short(flags, group, &mut rest, &mut typed)?;
        } else {
            typed.arguments.push(word.clone());
        }
    }
    Ok(typed)
}

fn parse_long(
    flags: &[Flag],
    word: &str,
    long: &str,
    rest: &mut std::slice::Iter<'_, String>,
    typed: &mut Typed,
) -> Result<(), UsageError> {
    if long.starts_with(['-', '=']) {
        return Err(UsageError::BadSyntax(word.to_owned()));
    }
    let (name, value) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (long, None),
    };
    let Some(flag) = flags.iter().find(|it| it.name == name) else {
        if name == "help" {
            typed.help = true;
            return Ok(());
        }
        return Err(UsageError::UnknownFlag(name.to_owned()));
    };
    let value = match (value, flag.takes) {
        (Some(value), _) => value,
        (None, Takes::Bool) => "true".to_owned(),
        (None, _) => {
            rest.next().cloned().ok_or_else(|| UsageError::NeedsArgument(format!("--{name}")))?
        }
    };
    store(flag, value, typed)
}

fn parse_short(
    flags: &[Flag],
    group: &str,
    rest: &mut std::slice::Iter<'_, String>,
    typed: &mut Typed,
) -> Result<(), UsageError> {
    let mut letters = group.chars();
    while let Some(letter) = letters.next() {
        let Some(flag) = flags.iter().find(|it| it.short == Some(letter)) else {
            if letter == 'h' {
                typed.help = true;
                return Ok(());
            }
            return Err(UsageError::UnknownShorthand {
                letter: format!("'{letter}'"),
                group: group.to_owned(),
            });
        };
        let after = letters.as_str();
        let value = if let Some(value) = after.strip_prefix('=') {
            value.to_owned()
        } else if flag.takes == Takes::Bool {
            store(flag, "true".to_owned(), typed)?;
            continue;
        } else if after.is_empty() {
            rest.next()
                .cloned()
                .ok_or_else(|| UsageError::NeedsArgument(format!("'{letter}' in -{group}")))?
        } else {
            after.to_owned()
        };
        return store(flag, value, typed);
    }
    Ok(())
}

fn store(flag: &Flag, value: String, typed: &mut Typed) -> Result<(), UsageError> {
    if let Err(why) = check_kind(flag.takes, &value) {
        let flag = match flag.short {
            Some(short) => format!("-{short}, --{}", flag.name),
            None => format!("--{}", flag.name),
        };
        return Err(UsageError::InvalidArgument { value: quoted(&value), flag, why });
    }
    typed.values.entry(flag.name).or_default().push(value);
    Ok(())
}

/// Checks that `value` is of the kind, in the words of Go's `strconv` and `time`.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_kind(takes: Takes, value: &str) -> Result<(), String> {
    match takes {
        Takes::Text | Takes::List => Ok(()),
        Takes::Bool => bool_of(value).map(drop),
        Takes::Int => int_of(value).map(drop),
        Takes::Duration => duration_of(value).map(drop),
    }
}

/// Reads a truth value as `strconv.ParseBool`.
///
/// # Errors
///
/// Go's words for anything else.
pub fn bool_of(value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quoted(value))),
    }
}

/// Reads a whole number as `strconv.ParseInt(value, 0, 64)`: also `0x…`, `0o…`, `0b…` and a leading zero for octal.
///
/// # Errors
///
/// Go's words for anything else.
pub fn int_of(value: &str) -> Result<i64, String> {
    let refuse = |why| format!("strconv.ParseInt: parsing {}: {why}", quoted(value));
    let (negative, digits) = match value.strip_prefix(['-', '+']) {
        Some(digits) => (value.starts_with('-'), digits),
        None => (false, value),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(it) = lower.strip_prefix("0x") {
        (16, it)
    } else if let Some(it) = lower.strip_prefix("0b") {
        (2, it)
    } else if let Some(it) = lower.strip_prefix("0o") {
        (8, it)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || !digits.chars().all(|it| it.is_digit(radix)) {
        return Err(refuse("invalid syntax"));
    }
    let size = i128::from_str_radix(digits, radix).map_err(|_| refuse("value out of range"))?;
    i64::try_from(if negative { -size } else { size }).map_err(|_| refuse("value out of range"))
}

/// Reads a duration as `time.ParseDuration`.
///
/// # Errors
///
/// Go's words for anything else.
pub fn duration_of(value: &str) -> Result<Duration, String> {
    duration::parse(value)
}

/// Returns `value` in double quotes, as Go's `%q`.
pub fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for letter in value.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            it if it.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(it));
            }
            it => out.push(it),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
