//! `installer status`: reads the store of a run, whether or not its process lives.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use serde_json::json;
use service::sqlite::LookError;

use crate::flow::Step;
use crate::http::types::StatusState;
use crate::store::Reader;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The data directory of the run
    #[arg(long)]
    data_dir: PathBuf,
    /// text or json
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    output: String,
}

pub(super) async fn run(args: Args) -> super::Ended {
    let folder = &args.data_dir;
    let reader = Reader::open(folder).await.map_err(|error| refused(folder, error))?;
    let (run, state, since) = reader.run().await?.ok_or_else(|| no_run(folder))?;
    let mut steps = Vec::new();
    for step in Step::ALL {
        let status = reader.status(step).await?;
        if status.state != StatusState::Pending {
            steps.push((step, status));
        }
    }
    if args.output == "json" {
        let steps: Vec<_> = steps
            .iter()
            .map(|(step, status)| json!({ "step": step.as_str(), "status": status }))
            .collect();
        let document = json!({ "schema": 1, "run": run, "state": state.as_str(), "since": since, "steps": steps });
        super::say(&format!("{document:#}\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{run}\nstate: {state} since {since}\n");
    for (step, status) in steps {
        let (name, word) = (step.as_str(), status.state.as_str());
        let _ = writeln!(text, "{name}: {word}, {}", status.description);
    }
    super::say(&text);
    Ok(ExitCode::SUCCESS)
}

fn no_run(folder: &Path) -> anyhow::Error {
    anyhow!(
        "there is no run in {}: name the data directory that the run was given, else /var/lib/SLUG/installer",
        folder.display()
    )
}

/// Why nothing can be told, and who can tell it.
fn refused(folder: &Path, error: LookError) -> anyhow::Error {
    let next = match &error {
        LookError::Absent { .. } => return no_run(folder),
        LookError::Read { .. } => return error.into(),
        LookError::Version { found, known, .. } if found < known => {
            "ask that version, or run its command again with this one, which takes it over"
        }
        LookError::Version { .. } => "ask that version",
    };
    anyhow!("{error}; {next}")
}
