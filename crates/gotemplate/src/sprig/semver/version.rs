//! One version.

use std::any::Any;
use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use crate::error::FuncError;
use crate::func::Func;
use crate::strconv::{ParseError, parse_uint, quote};
use crate::types::Type;
use crate::value::{Object, Value};

const MAX_BYTES: usize = 256;

static LOOSE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?$",
    )
    .ok()
});

/// A version as `*semver.Version`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) pre: String,
    metadata: String,
    original: String,
    /// Methods such as `IncMajor` give the struct, not a pointer to it.
    by_value: bool,
}

impl Version {
    /// `semver.NewVersion`: `1`, `v1.2` and leading zeros are accepted.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("version string is too long (max {MAX_BYTES} bytes)"));
        }
        let captures = LOOSE.as_ref().and_then(|regex| regex.captures(text));
        let captures = captures.ok_or("invalid semantic version")?;
        let group = |i: usize| captures.get(i).map_or("", |m| m.as_str());
        let segment = |i: usize| -> Result<u64, String> {
            let digits = group(i).trim_start_matches('.');
            if digits.is_empty() {
                return Ok(0);
            }
            parse_uint(digits, 10).map_err(|e: ParseError| {
                let digits = quote(digits.as_bytes());
                format!("error parsing version segment: strconv.ParseUint: parsing {digits}: {e}")
            })
        };
        let version = Self {
            major: segment(1)?,
            minor: segment(2)?,
            patch: segment(3)?,
            pre: group(5).to_owned(),
            metadata: group(8).to_owned(),
            original: text.to_owned(),
            by_value: false,
        };
        if !version.pre.is_empty() {
            check_prerelease(&version.pre)?;
        }
        Ok(version)
    }

    fn string(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        if !self.pre.is_empty() {
            text.push('-');
            text.push_str(&self.pre);
        }
        if !self.metadata.is_empty() {
            text.push('+');
            text.push_str(&self.metadata);
        }
        text
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |v: &Self| (v.major, v.minor, v.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prerelease(&self.pre, &other.pre),
            }
        })
    }

    /// Returns the changed version as its own value, with the original text to match.
    fn changed(&self, change: impl FnOnce(&mut Self)) -> Value {
        let mut next = self.clone();
        change(&mut next);
        let v = if self.original.starts_with('v') { "v" } else { "" };
        next.original = format!("{v}{}", next.string());
        next.by_value = true;
        Value::Object(Arc::new(next))
    }

    fn increment(&self, name: &str) -> Result<Value, FuncError> {
        let (part, value) = match name {
            "IncMajor" => ("major", self.major),
            "IncMinor" => ("minor", self.minor),
            _ if !self.pre.is_empty() => {
                // A prerelease is followed by its release.
                return Ok(self.changed(|v| {
                    v.pre.clear();
                    v.metadata.clear();
                }));
            }
            _ => ("patch", self.patch),
        };
        if value == u64::MAX {
            return Err(FuncError(format!("{part} version increment would overflow uint64")));
        }
        Ok(self.changed(|v| {
            v.pre.clear();
            v.metadata.clear();
            match part {
                "major" => (v.major, v.minor, v.patch) = (value + 1, 0, 0),
                "minor" => (v.minor, v.patch) = (value + 1, 0),
                _ => v.patch = value + 1,
            }
        }))
    }
}

/// Compares the dot-separated parts: numbers as numbers, and below words.
pub(super) fn compare_prerelease(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('.').collect(), b.split('.').collect());
    for i in 0..a.len().max(b.len()) {
        let (x, y) = (a.get(i).copied().unwrap_or(""), b.get(i).copied().unwrap_or(""));
        let order = match (x, y) {
            (x, y) if x == y => Ordering::Equal,
            ("", _) => Ordering::Less,
            (_, "") => Ordering::Greater,
            (x, y) => match (parse_uint(x, 10), parse_uint(y, 10)) {
                (Err(_), Err(_)) => {
                    if x > y {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                (_, Err(_)) => Ordering::Less,
                (Err(_), _) => Ordering::Greater,
                (Ok(x), Ok(y)) => {
                    if x > y {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn is_allowed(part: &str) -> bool {
    part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn check_prerelease(text: &str) -> Result<(), &'static str> {
    for part in text.split('.') {
        if part.is_empty() {
            return Err("invalid prerelease string");
        }
        if part.bytes().all(|b| b.is_ascii_digit()) {
            if part.len() > 1 && part.starts_with('0') {
                return Err("version segment starts with 0");
            }
        } else if !is_allowed(part) {
            return Err("invalid prerelease string");
        }
    }
    Ok(())
}

fn check_metadata(text: &str) -> Result<(), &'static str> {
    let good = text.split('.').all(|part| !part.is_empty() && is_allowed(part));
    if good { Ok(()) } else { Err("invalid metadata string") }
}

impl Object for Version {
    fn type_name(&self) -> &str {
        if self.by_value { "semver.Version" } else { "*semver.Version" }
    }

    fn is_pointer(&self) -> bool {
        !self.by_value
    }

    fn text(&self) -> Option<String> {
        Some(self.string())
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("major", Value::Uint64(self.major)),
            ("minor", Value::Uint64(self.minor)),
            ("patch", Value::Uint64(self.patch)),
            ("pre", Value::from(self.pre.as_str())),
            ("metadata", Value::from(self.metadata.as_str())),
            ("original", Value::from(self.original.as_str())),
        ]
    }

    fn method(&self, name: &str) -> Option<Func> {
        let this = self.clone();
        let plain = |value: Value| Some(Func::new([], move |_| Ok(value.clone())).typed());
        let pointer = Type::Object("*semver.Version".into());
        let compare = move |test: fn(Ordering) -> bool| {
            let this = this.clone();
            let body = move |a: &[Value]| {
                let Some(other) = other(a) else {
                    return Err(super::super::args::NIL_POINTER.into());
                };
                Ok(Value::Bool(test(this.compare(&other))))
            };
            Some(Func::new([Type::Object("*semver.Version".into())], body).typed())
        };
        // These have a pointer as the receiver: a struct that came from a method has none of them.
        if self.by_value
            && matches!(
                name,
                "Original"
                    | "Compare"
                    | "LessThan"
                    | "LessThanEqual"
                    | "GreaterThan"
                    | "GreaterThanEqual"
                    | "Equal"
            )
        {
            return None;
        }
        match name {
            "String" => plain(Value::from(self.string())),
            "Original" => plain(Value::from(self.original.as_str())),
            "Value" => plain(Value::from(self.string())),
            "MarshalText" => plain(Value::Bytes(self.string().into_bytes().into())),
            "MarshalJSON" => {
                plain(Value::Bytes(format!("\"{}\"", self.string()).into_bytes().into()))
            }
            "UnmarshalText" | "UnmarshalJSON" if !self.by_value => {
                // A template can only pass bytes it was given; changing a version is not offered.
                let body = |_: &[Value]| Err(FuncError::new("versions cannot be changed"));
                Some(Func::new([Type::Bytes], body).typed())
            }
            "Major" => plain(Value::Uint64(self.major)),
            "Minor" => plain(Value::Uint64(self.minor)),
            "Patch" => plain(Value::Uint64(self.patch)),
            "Prerelease" => plain(Value::from(self.pre.as_str())),
            "Metadata" => plain(Value::from(self.metadata.as_str())),
            "LessThan" => compare(|o| o == Ordering::Less),
            "LessThanEqual" => compare(|o| o != Ordering::Greater),
            "GreaterThan" => compare(|o| o == Ordering::Greater),
            "GreaterThanEqual" => compare(|o| o != Ordering::Less),
            "Equal" => compare(|o| o == Ordering::Equal),
            "Compare" => {
                let this = self.clone();
                let body = move |a: &[Value]| {
                    let Some(other) = other(a) else {
                        return Err(super::super::args::NIL_POINTER.into());
                    };
                    Ok(Value::Int(this.compare(&other) as i64))
                };
                Some(Func::new([pointer], body).typed())
            }
            "IncMajor" | "IncMinor" | "IncPatch" => {
                let (this, name) = (self.clone(), name.to_owned());
                Some(Func::new([], move |_| this.increment(&name)).typed())
            }
            "SetPrerelease" | "SetMetadata" => {
                let (this, pre) = (self.clone(), name == "SetPrerelease");
                let body = move |a: &[Value]| {
                    let text = a.first().and_then(Value::as_str).unwrap_or_default().to_owned();
                    if !text.is_empty() {
                        if pre { check_prerelease(&text) } else { check_metadata(&text) }?;
                    }
                    Ok(this.changed(|v| if pre { v.pre = text } else { v.metadata = text }))
                };
                Some(Func::new([Type::String], body).typed())
            }
            _ => None,
        }
    }

    fn deep_copy(&self) -> Option<Arc<dyn Object>> {
        Some(Arc::new(Self { by_value: self.by_value, ..Self::default() }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn other(args: &[Value]) -> Option<Version> {
    match args.first() {
        Some(Value::Object(object)) => object.as_any().downcast_ref::<Version>().cloned(),
        _ => None,
    }
}
