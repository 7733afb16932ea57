//! Questions at the terminal, and what happens where there is none.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, Result, bail};

use super::say_error;
use crate::prepare::Doubt;

/// Answers that are no answer, before it is taken for a no.
const ATTEMPTS: usize = 3;

/// Returns when the run may begin. `yes`: everything is answered already. `alone`: nobody is to be asked.
pub(super) async fn settle(doubt: Doubt, yes: bool, alone: bool) -> Result<()> {
    for line in &doubt.words {
        say_error(&format!("{line}\n"));
    }
    if yes || doubt.question.is_empty() {
        return Ok(());
    }
    if alone || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        if doubt.may_pass {
            return Ok(());
        }
        bail!("nobody can be asked here \"{}\": pass --yes to go on", doubt.question);
    }
    // A read cannot be given up; the program ends without waiting for it.
    let asked = tokio::task::spawn_blocking(move || ask(&doubt.question));
    if asked.await?.context("could not read the answer")? {
        return Ok(());
    }
    bail!("user aborted")
}

fn ask(question: &str) -> std::io::Result<bool> {
    let mut lines = std::io::stdin().lock().lines();
    for _ in 0..ATTEMPTS {
        say_error(&format!("{question} (y/N) "));
        let Some(line) = lines.next().transpose()? else {
            // Nobody ended the line.
            say_error("\n");
            break;
        };
        if let Some(answer) = answer(&line) {
            return Ok(answer);
        }
        say_error("Please answer yes or no.\n");
    }
    Ok(false)
}

/// What a line means; `None` when it is neither yes nor no. Nothing is a no.
fn answer(line: &str) -> Option<bool> {
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn only_a_yes_is_a_yes() {
        let answers = ["y", " YES\r", "", "n", "No", "maybe"].map(answer);
        assert_eq!(answers, [Some(true), Some(true), Some(false), Some(false), Some(false), None]);
    }
}
