//! `installer states`.

use std::process::ExitCode;

use crate::flow::{Flow, Mode, Target, mermaid};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// linux or kubernetes
    #[arg(long, default_value = "linux", value_parser = super::run::target)]
    target: Target,
    /// install or upgrade
    #[arg(long, default_value = "upgrade", value_parser = mode)]
    mode: Mode,
    /// With the step for a bundle
    #[arg(long)]
    airgap: bool,
    /// How to print it
    #[arg(long, default_value = "mermaid", value_parser = format)]
    format: Format,
}

/// How the machine is printed.
#[derive(Debug, Clone, Copy)]
enum Format {
    /// A Mermaid state diagram.
    Mermaid,
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "mermaid" => Ok(Format::Mermaid),
        _ => Err("must be: \"mermaid\"".to_owned()),
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "install" => Ok(Mode::Install),
        "upgrade" => Ok(Mode::Upgrade),
        _ => Err("must be one of: \"install\", \"upgrade\"".to_owned()),
    }
}

pub(super) fn run(args: &Args) -> super::Ended {
    if (args.target, args.mode) == (Target::Linux, Mode::Install) {
        anyhow::bail!("an embedded cluster is not installed by this program");
    }
    let flow = Flow { target: args.target, mode: args.mode, airgap: args.airgap };
    match args.format {
        Format::Mermaid => super::say(&mermaid(flow)),
    }
    Ok(ExitCode::SUCCESS)
}
