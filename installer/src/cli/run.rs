//! `installer upgrade` and `installer install`.

mod alone;
mod args;
mod serve;

use std::process::ExitCode;

use anyhow::anyhow;
use serde_json::json;

use super::signals::{Signals, after_ctrl_c};
use super::{prompt, say, say_error};
use crate::flow::Mode;
use crate::{prepare, runner, telemetry};

pub(super) use args::{Args, target};

/// Runs the command to its end.
pub(super) async fn run(args: Args, mode: Mode) -> super::Ended {
    let is_jsonl = args.headless && args.output == "jsonl";
    let ended = begin(args, mode).await;
    if is_jsonl && let Err(error) = &ended {
        // Whoever reads lines has an outcome, too, when nothing began.
        let document = json!({ "schema": 1, "outcome": "failed", "error": super::told(error) });
        say(&format!("{document}\n"));
    }
    ended
}

async fn begin(args: Args, mode: Mode) -> super::Ended {
    let request = args.request(mode)?;
    let mut signals = Signals::listen()?;
    let (yes, alone) = (args.yes, args.headless);
    let settle = async |doubt| prompt::settle(doubt, yes, alone).await;
    let prepared = tokio::select! {
        prepared = prepare::prepare(request, settle) => prepared?,
        () = signals.raised() => {
            after_ctrl_c();
            let why = "stopped before the run began: nothing was changed";
            if args.headless && args.output == "jsonl" {
                let document = json!({ "schema": 1, "outcome": "interrupted", "error": why });
                say(&format!("{document}\n"));
            }
            say_error(&format!("Error: {why}\n"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    runner::resume(&prepared.site).await.map_err(|refusal| anyhow!(refusal.line()))?;
    let code = if args.headless {
        alone::run(&args, &prepared, &mut signals).await?
    } else {
        serve::serve(&prepared, &mut signals).await?
    };
    if code == INTERRUPTED {
        telemetry::aborted(&prepared.site);
    }
    telemetry::flush(&prepared.site).await;
    Ok(ExitCode::from(code))
}

/// How a run ended, as an exit code.
const SUCCEEDED: u8 = 0;
const FAILED: u8 = 1;
const CHECKS_FAILED: u8 = 3;
const INTERRUPTED: u8 = 4;
