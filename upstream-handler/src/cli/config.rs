//! `kotsadm config`: the config of a release folder, without a server.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use kinds::cipher::{Cipher, generate_key_text};
use kinds::config::{ConfigValues, ItemVerdict, Verdict};
use kinds::license::{License, RootKeys, verify};
use serde_json::{Value, json};

use crate::config::offline::{Answer, Question, answer};
use crate::env;
use crate::release::Surroundings;

/// The longest file that is read, in bytes: values may carry files.
const MAX_BYTES: u64 = 32 << 20;

/// What was typed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder with the release's files.
    #[arg(value_name = "RELEASE_DIR")]
    release: PathBuf,
    /// ConfigValues to resolve the config with. Status 1 tells that they do not fit it.
    #[arg(long, value_name = "FILE")]
    config_values: Option<PathBuf>,
    /// Folder of the release before this one: tells what the upgrade does to each item.
    #[arg(long, value_name = "RELEASE_DIR")]
    previous: Option<PathBuf>,
    /// Licence that templates read.
    #[arg(long, value_name = "FILE")]
    license: Option<PathBuf>,
    /// PEM file of a root key to trust besides the production key. May be given several times.
    #[arg(long, value_name = "FILE")]
    license_root_key: Vec<PathBuf>,
    /// Namespace that templates read.
    #[arg(long, value_name = "NS", env = env::POD_NAMESPACE, default_value = "default")]
    namespace: String,
    /// What standard output holds. Passwords are masked in both.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines.
    Text,
    /// One document.
    Json,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let values = match &args.config_values {
        Some(path) => ConfigValues::parse(&read(path)?)
            .with_context(|| format!("{} is not a ConfigValues document", path.display()))?,
        None => ConfigValues::default(),
    };
    let given = values.values.len();
    let key = env::read(env::API_ENCRYPTION_KEY).unwrap_or_else(generate_key_text);
    let question = Question {
        release: &args.release,
        previous: args.previous.as_deref(),
        values,
        license: license(args)?,
        namespace: &args.namespace,
        surroundings: &Surroundings::of_environment(),
        now: jiff::Timestamp::now(),
        cipher: Cipher::from_key_text(&key)
            .with_context(|| format!("{} is not a key", env::API_ENCRYPTION_KEY))?,
    };
    let answer = answer(&question).map_err(anyhow::Error::from).inspect_err(|error| {
        if args.output == Output::Json {
            let error: Vec<String> = error.chain().map(ToString::to_string).collect();
            let document = json!({"schema": 1, "valid": false, "error": error.join(": ")});
            super::print(&format!("{document:#}\n"));
        }
    })?;
    let problems = problems(&answer);
    super::print(&match args.output {
        Output::Json => format!("{:#}\n", document(&answer)),
        Output::Text => text(&answer),
    });
    if given > 0 && !problems.is_empty() {
        bail!("the config values do not fit the config: {}", problems.join("; "));
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let context = || format!("failed to read {}", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(context)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(context)?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("{} has more than {MAX_BYTES} bytes", path.display());
    }
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text", path.display()))
}

fn license(args: &Args) -> anyhow::Result<Option<License>> {
    let Some(path) = &args.license else {
        return Ok(None);
    };
    let mut keys = RootKeys::production();
    for key in &args.license_root_key {
        keys.add_pem(&read(key)?).with_context(|| format!("{} is no key", key.display()))?;
    }
    let verified = verify(&read(path)?, &keys)
        .with_context(|| format!("the license {} is not valid", path.display()))?;
    if !verified.differences.is_empty() {
        bail!(
            "the license {} was changed after it was signed: {}",
            path.display(),
            verified.differences.join(", ")
        );
    }
    Ok(Some(verified.license))
}

/// What is wrong with the values, one sentence each.
fn problems(answer: &Answer) -> Vec<String> {
    let broken = answer.validation_errors.iter().flat_map(|group| {
        group.item_errors.iter().flat_map(|item| {
            item.validation_errors.iter().map(|rule| format!("`{}`: {}", item.name, rule.message))
        })
    });
    let missing = answer.required_items.iter().map(|name| format!("`{name}` is required"));
    broken.chain(missing).collect()
}

fn document(answer: &Answer) -> Value {
    let verdicts: Vec<Value> = answer.verdicts.iter().map(verdict).collect();
    json!({
        "schema": 1,
        "valid": problems(answer).is_empty(),
        "groups": answer.groups,
        "validationErrors": answer.validation_errors,
        "requiredItems": answer.required_items,
        "unknownValues": answer.unknown_values,
        "verdicts": verdicts,
    })
}

fn verdict(it: &ItemVerdict) -> Value {
    let name = &it.name;
    match &it.verdict {
        Verdict::Kept => json!({"name": name, "verdict": "kept"}),
        Verdict::KeptOverNewDefault { old, new } => {
            json!({"name": name, "verdict": "kept", "oldDefault": old, "newDefault": new})
        }
        Verdict::NewDefault { old, new } => {
            json!({"name": name, "verdict": "newDefault", "oldDefault": old, "newDefault": new})
        }
        Verdict::ChangedByVendor { old, new } => {
            json!({"name": name, "verdict": "changedByVendor", "oldType": old, "newType": new})
        }
        Verdict::NeedsAnswer => json!({"name": name, "verdict": "newRequired"}),
        Verdict::Added => json!({"name": name, "verdict": "added"}),
        Verdict::Removed { had_answer } => {
            json!({"name": name, "verdict": "removed", "hadValue": had_answer})
        }
    }
}

fn text(answer: &Answer) -> String {
    let mut out = String::new();
    for group in &answer.groups {
        let hidden = if group.when == "false" { " (not shown)" } else { "" };
        let _ = writeln!(out, "{}{hidden}", group.name);
        for item in &group.items {
            let kind = if item.kind.is_empty() { "text" } else { &item.kind };
            let mut marks = vec![kind];
            marks.extend(item.required.then_some("required"));
            marks.extend(item.readonly.then_some("read-only"));
            marks.extend((item.hidden || item.when == "false").then_some("not shown"));
            let value = match (item.value.as_str(), item.default.as_str()) {
                ("", "") => String::new(),
                ("", default) => format!(": {} by default", short(default)),
                (value, _) => format!(": {}", short(value)),
            };
            let _ = writeln!(out, "  {} ({}){value}", item.name, marks.join(", "));
        }
    }
    for (title, lines) in [
        ("Problems:", problems(answer)),
        ("Values that no item has:", answer.unknown_values.clone()),
        ("What the upgrade does:", answer.verdicts.iter().map(sentence).collect()),
    ] {
        if !lines.is_empty() {
            let _ = writeln!(out, "\n{title}");
        }
        for line in lines {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

fn sentence(it: &ItemVerdict) -> String {
    let what = match &it.verdict {
        Verdict::Kept => "kept".to_owned(),
        Verdict::KeptOverNewDefault { old, new } => {
            format!("kept, although the vendor's changes from {} to {}", short(old), short(new))
        }
        Verdict::NewDefault { old, new } => {
            format!("new default: {} becomes {}", short(old), short(new))
        }
        Verdict::ChangedByVendor { old, new } => {
            format!("changed by the vendor from {old} to {new}: the value no longer counts")
        }
        Verdict::NeedsAnswer => "new and required: it needs a value".to_owned(),
        Verdict::Added => "new".to_owned(),
        Verdict::Removed { had_answer: true } => {
            "removed; its value is kept in case it returns".to_owned()
        }
        Verdict::Removed { had_answer: false } => "removed".to_owned(),
    };
    format!("{}: {what}", it.name)
}

/// The first line of a text, cut where a screen ends.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(MOST).collect();
    let more = if cut.len() < text.trim_end().len() { " …" } else { "" };
    format!("`{cut}`{more}")
}
