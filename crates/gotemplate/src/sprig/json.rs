//! JSON as Go's `encoding/json` reads and writes it.

mod decode;
mod encode;

use super::args::{string, text};
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::types::Type::{Any, String as Text};
use crate::value::Value;

pub(crate) use decode::decode as decode_json;

use encode::Style;

pub(super) fn register(to: &mut Registry) {
    to.any("fromJson", &[Text], |a| Ok(decode::decode(text(a, 0)).0));
    to.any("mustFromJson", &[Text], |a| match decode::decode(text(a, 0)) {
        (value, None) => Ok(value),
        (_, Some(error)) => Err(FuncError(error)),
    });
    for (name, style) in
        [("Json", Style::Compact), ("PrettyJson", Style::Pretty), ("RawJson", Style::Raw)]
    {
        // Only the raw form reports what cannot be written.
        to.typed(&format!("to{name}"), &[Any], move |a| match encode(&a[0], style) {
            Err(_) if style != Style::Raw => string(""),
            answer => answer,
        });
        to.typed(&format!("mustTo{name}"), &[Any], move |a| encode(&a[0], style));
    }
}

fn encode(value: &Value, style: Style) -> Answer {
    string(encode::encode(value, style)?)
}
