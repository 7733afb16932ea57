//! Turns events and reports into text, JSON and JSON lines.
//!
//! Renderers write to any [`Write`](std::io::Write) and never end a run: the first error is kept,
//! nothing more is written, and the caller asks for it at the end. A closed pipe is such an error.

mod json;
mod text;

pub use self::json::{JsonLines, RunDocument, json};
pub use self::text::{
    ProgressLines, Text, bullets, failure_lines, plain_lines, progress_line, size,
};
