//! `installer status`: reads the store of a run, whether or not its process lives.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use serde_json::json;
use service::sqlite::LookError;

use crate::flow::Step;
use crate::http::types::StatusState;
use crate::store::Reader;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The data directory of the run (default: the only one in /var/lib)
    #[arg(long, conflicts_with = "embedded")]
    data_dir: Option<PathBuf>,
    /// The folder that the run was given by --embedded
    #[arg(long)]
    embedded: Option<PathBuf>,
    /// text or json
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    output: String,
}

pub(super) async fn run(args: Args) -> super::Ended {
    let folder = match (&args.data_dir, &args.embedded) {
        (Some(folder), _) => folder.clone(),
        (None, Some(folder)) => folder.join("installer"),
        (None, None) => only(Path::new("/var/lib"))?,
    };
    let folder = folder.as_path();
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

/// The data directory below `root`, where runs are kept by default, when there is one.
fn only(root: &Path) -> anyhow::Result<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.map(|it| it.path().join("installer"));
    let mut found: Vec<_> = folders.filter(|it| Reader::is_in(it)).collect();
    found.sort();
    match found.as_slice() {
        [] => bail!("there is no run in {}: name its data directory by --data-dir", root.display()),
        [one] => Ok(one.clone()),
        several => {
            let names: Vec<_> = several.iter().map(|it| it.display().to_string()).collect();
            bail!("there are runs in {}: name one by --data-dir", names.join(", "))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::only;

    #[test]
    fn the_only_run_is_found() {
        let root = tempfile::tempdir().expect("a folder");
        let told = || match only(root.path()) {
            Ok(folder) => folder.display().to_string(),
            Err(error) => error.to_string(),
        };
        let told = || told().replace(&root.path().display().to_string(), "ROOT");
        let make = |name: &str| {
            let folder = root.path().join(name).join("installer");
            std::fs::create_dir_all(&folder).expect("made");
            std::fs::write(folder.join("installer.db"), "").expect("written");
        };
        std::fs::create_dir_all(root.path().join("empty/installer")).expect("made");
        assert_eq!(told(), "there is no run in ROOT: name its data directory by --data-dir");
        make("shop");
        assert_eq!(told(), "ROOT/shop/installer");
        make("bank");
        let several =
            "there are runs in ROOT/bank/installer, ROOT/shop/installer: name one by --data-dir";
        assert_eq!(told(), several);
    }
}
