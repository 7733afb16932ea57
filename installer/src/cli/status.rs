//! `installer status`: reads the store of a run, whether or not its process lives.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::flow::Step;
use crate::http::types::StatusState;
use crate::store::Store;

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
    if !folder.join("installer.db").is_file() {
        bail!("there is no run in {}", folder.display());
    }
    let store = Store::open(folder).await?;
    let (run, state, since) =
        store.run().await?.with_context(|| format!("there is no run in {}", folder.display()))?;
    let mut steps = Vec::new();
    for step in Step::ALL {
        let status = store.status(step).await?;
        if status.state != StatusState::Pending {
            steps.push((step, status));
        }
    }
    store.close().await;
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
