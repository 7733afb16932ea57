//! Helpers to write functions of texts.

use gotemplate::{Func, FuncError, Type, Value};

/// A function without arguments that always gives the same.
pub(super) fn constant(value: impl Into<Value>) -> Func {
    let value = value.into();
    Func::new([], move |_| Ok(value.clone())).typed()
}

/// A function of one text.
pub(super) fn of_text(body: impl Fn(&str) -> Value + Send + Sync + 'static) -> Func {
    Func::new([Type::String], move |args| Ok(body(&text(args, 0)))).typed()
}

/// A function of two texts.
pub(super) fn of_texts(body: impl Fn(&str, &str) -> Value + Send + Sync + 'static) -> Func {
    Func::new([Type::String, Type::String], move |args| Ok(body(&text(args, 0), &text(args, 1))))
        .typed()
}

/// The text of an argument; bytes that are not UTF-8 become U+FFFD.
pub(super) fn text(args: &[Value], at: usize) -> String {
    let bytes = args.get(at).and_then(Value::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// An error with this text.
pub(super) fn fail<T>(message: impl Into<String>) -> Result<T, FuncError> {
    Err(FuncError::new(message))
}

/// Standard base64 as Go decodes it: padding is needed, line breaks are not looked at.
pub(super) fn base64_decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    base64::engine::general_purpose::STANDARD.decode(packed).ok()
}

/// Standard base64.
pub(super) fn base64_encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
