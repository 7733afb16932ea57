//! What a line is that a child wrote: an event or the document of our `kots`, or text for people. Pure.

use serde_json::Value;
use steps::Event;
use wire::report::DeployReport;

/// What a line of stdout is.
#[derive(Debug)]
pub(super) enum Line {
    /// An event of our `kots`.
    Event(Box<Event>, Value),
    /// The document it ends with.
    Report(Box<DeployReport>),
    /// Text for people.
    Plain(String),
}

/// Tells what a line is.
pub(super) fn classify(line: &str) -> Line {
    let Ok(value) = serde_json::from_str::<Value>(line) else {
        return Line::Plain(line.to_owned());
    };
    if value.get("schema").is_some() && value.get("outcome").is_some() {
        if let Ok(report) = serde_json::from_value(value) {
            return Line::Report(report);
        }
    } else if value.get("index").is_some()
        && let Ok(event) = serde_json::from_value::<Event>(value.clone())
    {
        return Line::Event(Box::new(event), value);
    }
    Line::Plain(line.to_owned())
}

/// A line without the escapes and returns that are for a terminal: what stood there last.
pub(super) fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut letters = line.trim_end_matches('\r').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                if letters.next_if_eq(&'[').is_some() {
                    while letters.next_if(|it| !it.is_ascii_alphabetic()).is_some() {}
                    letters.next();
                }
            }
            '\r' => text.clear(),
            '\t' => text.push(letter),
            other if other.is_control() => {}
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> String {
        match classify(line) {
            Line::Event(event, _) => format!("event {}", event.index),
            Line::Report(report) => format!("report {:?}", report.outcome),
            Line::Plain(text) => format!("plain {}", plain(&text)),
        }
    }

    #[test]
    fn lines_are_told_apart() {
        let event = r#"{"index":4,"at":"1970-01-01T00:00:00Z","kind":"step_started","step":"a"}"#;
        assert_eq!(check(event), "event 4");
        assert_eq!(check(r#"{"schema":1,"outcome":"ready"}"#), "report Ready");
        assert_eq!(
            check(r#"{"schema":1,"outcome":"splendid"}"#),
            r#"plain {"schema":1,"outcome":"splendid"}"#
        );
        assert_eq!(check("{"), "plain {");
        assert_eq!(check("  • Deploying   "), "plain   • Deploying   ");
    }

    #[test]
    fn what_is_for_a_terminal_is_left_out() {
        assert_eq!(plain("\u{1b}[2K\u{1b}[31m10%\u{1b}[0m\r20% é\u{1b}[?25h\r"), "20% é");
        assert_eq!(plain("a\u{7}b\tc"), "ab\tc");
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_taken_and_holds_nothing_for_a_terminal(line in "\\PC*|[\\x00-\\x7f]*") {
            let _ = check(&line);
            proptest::prop_assert!(!plain(&line).chars().any(|it| it.is_control() && it != '\t'));
        }
    }
}
