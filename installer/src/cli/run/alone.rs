//! A run without a browser: every step follows by itself, and what happens is printed.

use std::sync::Arc;

use anyhow::anyhow;
use serde_json::json;

use super::{Args, CHECKS_FAILED, FAILED, INTERRUPTED, SUCCEEDED};
use crate::cli::signals::{Signals, after_ctrl_c};
use crate::cli::{follow, say, say_error};
use crate::config;
use crate::http::headless::{self, Given, Outcome};
use crate::http::types::{AppConfigValue, AppConfigValues};
use crate::http::{self, auth};
use crate::prepare::{self, Prepared};

/// Goes through all steps; the exit code says how it ended.
pub(super) async fn run(
    args: &Args,
    prepared: &Prepared,
    signals: &mut Signals,
) -> anyhow::Result<u8> {
    let site = &prepared.site;
    let token = auth::open(site).await.map_err(|refusal| anyhow!(refusal.line()))?.token;
    let values = match &args.config_values {
        Some(path) => wire_values(config::opened(prepare::read_values(path).await?)),
        None => AppConfigValues::new(),
    };
    let given = Given { values, ignore_app_preflights: args.ignore_app_preflights, token };
    let is_jsonl = args.output == "jsonl";
    let printer = tokio::spawn(follow::print(Arc::clone(site), is_jsonl));
    let outcome = tokio::select! {
        outcome = headless::walk(site, http::router(site), &given) => Some(outcome),
        () = signals.raised() => None,
    };
    site.stop.cancel();
    let _ = printer.await;
    let (word, code, why) = match outcome {
        Some(Outcome::Succeeded) => ("succeeded", SUCCEEDED, None),
        Some(Outcome::ChecksFailed(why)) => ("checks_failed", CHECKS_FAILED, Some(why)),
        Some(Outcome::Failed(why)) => ("failed", FAILED, Some(why)),
        None => {
            let why = "interrupted: what kots does goes on; run the same command again".to_owned();
            ("interrupted", INTERRUPTED, Some(why))
        }
    };
    let state = site.store.state().await?;
    site.store.close().await;
    if is_jsonl {
        let mut document = json!({
            "schema": 1,
            "outcome": word,
            "app": site.release.app_slug,
            "versionLabel": site.release.version_label,
            "state": state.as_str(),
        });
        if let Some(why) = &why {
            document["error"] = json!(why);
        }
        say(&format!("{document}\n"));
    } else if why.is_none() {
        say(&format!("{} {} is done\n", site.release.app_slug, site.release.version_label));
    }
    if code == INTERRUPTED {
        after_ctrl_c();
    }
    if let Some(why) = why {
        say_error(&format!("Error: {why}\n"));
    }
    Ok(code)
}

fn wire_values(values: kinds::config::ConfigValues) -> AppConfigValues {
    let wire = |value: kinds::config::ConfigValue| AppConfigValue {
        value: value.value,
        default: value.default,
        data: value.data,
        data_plaintext: value.data_plaintext,
        filename: value.filename,
        repeatable_item: value.repeatable_item,
    };
    values.values.into_iter().map(|(name, value)| (name, wire(value))).collect()
}
