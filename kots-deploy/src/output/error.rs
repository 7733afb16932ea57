//! An error as text: the chain in one line as the original has it, details beneath, then what to do.

use wire::report::ErrorReport;

/// How many causes belong to the first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// All: each is the cause of the one before.
    Whole,
    /// The first; the others are details, such as the items that are wrong.
    First,
}

/// `Error: what: why`, details indented, and `hint: next`.
pub fn text(error: &ErrorReport, chain: Chain) -> String {
    let mut text = format!("Error: {}", error.what);
    let n_chain = match chain {
        Chain::Whole => error.why.len(),
        Chain::First => 1.min(error.why.len()),
    };
    let (causes, details) = error.why.split_at(n_chain);
    let indent = |text: &mut String, lines: &str| {
        for line in lines.lines() {
            text.push_str("\n  ");
            text.push_str(line);
        }
    };
    for cause in causes {
        // Several of the same rank have a line each.
        if cause.contains('\n') {
            text.push(':');
            indent(&mut text, cause);
        } else {
            text.push_str(": ");
            text.push_str(cause);
        }
    }
    for detail in details {
        indent(&mut text, detail);
    }
    text.push('\n');
    if !error.next.is_empty() {
        text.push_str("hint: ");
        text.push_str(&error.next);
        text.push('\n');
    }
    text
}

/// Makes the report of an error with its chain of causes.
pub fn of(error: &(dyn std::error::Error + 'static), next: &str) -> ErrorReport {
    let why = std::iter::successors(error.source(), |it| it.source()).map(ToString::to_string);
    ErrorReport { what: error.to_string(), why: why.collect(), next: next.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape() {
        let error = ErrorReport {
            what: "failed to sync license".into(),
            why: vec!["license sync failed: no".into(), "line\nline".into()],
            next: "do this".into(),
        };
        insta::assert_snapshot!(text(&error, Chain::First), @r"
        Error: failed to sync license: license sync failed: no
          line
          line
        hint: do this
        ");
        let short = ErrorReport { what: "no".into(), ..ErrorReport::default() };
        assert_eq!(text(&short, Chain::Whole), "Error: no\n");
    }
}
