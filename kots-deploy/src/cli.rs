//! The command line: words in, a typed [`Command`] out.
//!
//! Order of checks and messages are cobra's (`kots-cli` contract §1.5): flags, number of arguments, environment,
//! required flags, then what the command itself checks. Usage errors end with status 1, as every error of `kots`.

mod airgap_update;
mod args;
mod bundle;
pub mod duration;
pub mod flags;
mod help;
mod license;
mod push_images;
pub mod settings;
mod table;

use thiserror::Error;

use crate::airgap_update::UpdateArgs;
use crate::bundle::args::BundleArgs;
use crate::deploy::args::{ArgsError, DeployArgs, Output};
use crate::get::GetArgs;
use crate::install::args::InstallArgs;
use crate::license::VerifyArgs;
use crate::push_images::PushArgs;
use args::{deploy, get, install, version};
use flags::{Flag, UsageError, parse, quoted};
use settings::{Environment, Settings};

/// Environment variable with the auth string for `--kotsadm-url`.
pub const AUTH_STRING_VARIABLE: &str = "KOTSADM_AUTHSTRING";

/// What to do.
#[derive(Debug)]
pub enum Command {
    /// Print a text and end with a status.
    Print {
        /// The text.
        text: String,
        /// The exit status.
        status: u8,
    },
    /// Carry one upgrade to its end.
    Deploy(Box<DeployArgs>),
    /// Install an application.
    Install(Box<InstallArgs>),
    /// Push the images of a bundle, and offer it as an update of an embedded cluster.
    AirgapUpdate(Box<UpdateArgs>),
    /// Push the images of a bundle.
    PushImages(Box<PushArgs>),
    /// Tell whether a licence holds.
    VerifyLicense(VerifyArgs),
    /// List the versions of an application.
    Get(Box<GetArgs>),
    /// Look at a bundle, or make one.
    Bundle(BundleArgs),
}

/// A command line that cannot be carried out.
#[derive(Debug, Error)]
pub enum CliError {
    /// It is not well formed.
    #[error("{0}")]
    Usage(UsageError),
    /// It is not meant.
    #[error(transparent)]
    Args(#[from] ArgsError),
}

impl From<UsageError> for CliError {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

/// A failed reading of the command line, with what is known of how to report it.
#[derive(Debug)]
pub struct Misread {
    /// What is wrong.
    pub error: CliError,
    /// What to do about it.
    pub hint: String,
    /// The form of report that was asked for, as far as it was understood.
    pub output: Output,
    /// The application, as far as it was understood.
    pub app: String,
}

/// Reads the words after the program's name. `program` is that name as it was called.
///
/// # Errors
///
/// The first mistake.
pub fn read(
    program: &str,
    words: &[String],
    environment: &Environment<'_>,
) -> Result<Command, Box<Misread>> {
    let program = display_name(program);
    let (name, rest) = split_words(words);
    let misread = |error: CliError, output, app: &str, hint: Option<&str>| {
        let hint = hint.map_or_else(
            || match &name {
                Some(name) if known(name) => format!("run `{program} {name} --help` for its flags"),
                _ => format!("run `{program} --help` for usage"),
            },
            str::to_owned,
        );
        Box::new(Misread { error, hint, output, app: app.to_owned() })
    };
    let output = guess_output(&rest, environment);
    let (flags, arguments) = match name.as_deref() {
        None => {
            let typed = parse(&table::CONNECTION, &rest)
                .map_err(|it| misread(it.into(), output, "", None))?;
            // As the original: help was not asked for by name, so it is not a success.
            let status = u8::from(!typed.help);
            return Ok(Command::Print { text: help::root(&program), status });
        }
        Some("help") => {
            let words: Vec<String> =
                rest.iter().filter(|it| !it.starts_with('-')).cloned().collect();
            let text = match split_words(&words).0.as_deref() {
                None => help::root(&program),
                Some(license::GROUP) => help::license(&program),
                Some(push_images::GROUP) => help::admin_console(&program),
                Some(it) if known(it) => {
                    help::command(&program, it, &all_flags(it), arguments_of(it))
                }
                Some(it) => {
                    return Err(misread(unknown_command(it, &program).into(), output, "", None));
                }
            };
            return Ok(Command::Print { text, status: 0 });
        }
        Some(group @ (license::GROUP | push_images::GROUP)) => {
            let typed = parse(&table::CONNECTION, &rest)
                .map_err(|it| misread(it.into(), output, "", None))?;
            let text = if group == license::GROUP {
                help::license(&program)
            } else {
                help::admin_console(&program)
            };
            return Ok(Command::Print { text, status: u8::from(!typed.help) });
        }
        Some(it) if known(it) => (all_flags(it), arguments_of(it)),
        Some(it) => return Err(misread(unknown_command(it, &program).into(), output, "", None)),
    };
    let name = name.clone().unwrap_or_default();
    let typed = parse(&flags, &rest).map_err(|it| misread(it.into(), output, "", None))?;
    if typed.help {
        return Ok(Command::Print {
            text: help::command(&program, &name, &flags, arguments),
            status: 0,
        });
    }
    let app = typed.arguments.first().cloned().unwrap_or_default();
    if typed.arguments.len() != arguments.len() {
        let error =
            UsageError::ArgumentCount { accepts: arguments.len(), received: typed.arguments.len() };
        return Err(misread(error.into(), output, &app, None));
    }
    let settings = Settings::bind(flags, &typed, environment)
        .map_err(|it| misread(it.into(), output, &app, Some("correct or unset the variable")))?;
    let command = match name.as_str() {
        "deploy" => deploy(&settings, &typed).map(|it| Command::Deploy(Box::new(it))),
        "install" => install(&settings, &typed).map(|it| Command::Install(Box::new(it))),
        license::VERIFY => license::verify(&settings, &typed).map(Command::VerifyLicense),
        airgap_update::UPDATE => {
            airgap_update::update(&settings, &typed).map(|it| Command::AirgapUpdate(Box::new(it)))
        }
        "get" => get(&settings, &typed).map(|it| Command::Get(Box::new(it))),
        it if it.starts_with(bundle::GROUP) => {
            bundle::read(it, &settings, &typed).map(Command::Bundle)
        }
        push_images::PUSH => {
            push_images::push(&settings, &typed).map(|it| Command::PushImages(Box::new(it)))
        }
        _ => version(&settings),
    };
    command.map_err(|error| {
        let hint = match &error {
            CliError::Args(it) => it.hint(),
            CliError::Usage(_) => None,
        };
        misread(error, output, &app, hint)
    })
}

/// The name in usage texts: a kubectl plugin is called as `kubectl kots`.
fn display_name(program: &str) -> String {
    let base = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let base = base.strip_suffix(".exe").unwrap_or(base);
    match base.strip_prefix("kubectl-") {
        Some(plugin) => format!("kubectl {plugin}"),
        None => "kots".to_owned(),
    }
}

fn known(name: &str) -> bool {
    [
        airgap_update::UPDATE,
        "deploy",
        "get",
        "install",
        license::VERIFY,
        push_images::PUSH,
        "version",
    ]
    .contains(&name)
        || bundle::COMMANDS.contains(&name)
}

fn unknown_command(name: &str, program: &str) -> UsageError {
    let (program, command) = match name.split_once(' ') {
        Some((group, command)) => (format!("{program} {group}"), command),
        None => (program.to_owned(), name),
    };
    UsageError::UnknownCommand { command: quoted(command), program }
}

fn arguments_of(name: &str) -> &'static [&'static str] {
    match name {
        airgap_update::UPDATE | "deploy" | "install" => &["appSlug"],
        license::VERIFY => &["file"],
        "get" => &["versions", "appSlug"],
        push_images::PUSH => &["airgap-bundle", "registry-host"],
        other => bundle::arguments(other),
    }
}

fn all_flags(name: &str) -> Vec<Flag> {
    let own: &[&[Flag]] = match name {
        "deploy" => &[
            &table::DEPLOY,
            &table::REGISTRY,
            &table::REGISTRY_ACCESS,
            &table::REGISTRY_PUSH,
            &table::RUN,
            &table::REPORT,
            &table::REACH,
        ],
        "install" => &[
            &table::INSTALL,
            &table::REGISTRY,
            &table::REGISTRY_ACCESS,
            &table::REGISTRY_PUSH,
            &table::RUN,
            &table::REPORT,
            &table::REACH,
        ],
        license::VERIFY => &[&table::VERIFY_LICENSE],
        "get" => &[&table::VERSION, &table::REACH],
        "version" => &[&table::VERSION],
        airgap_update::UPDATE => &[
            &table::AIRGAP_UPDATE,
            &table::REGISTRY,
            &table::REGISTRY_ACCESS,
            &table::REGISTRY_PUSH,
            &table::LONG_TIMEOUT,
            &table::REPORT,
            &table::REACH,
        ],
        push_images::PUSH => &[
            &table::PUSH_IMAGES,
            &table::REGISTRY_ACCESS,
            &table::REGISTRY_PUSH,
            &table::LONG_TIMEOUT,
            &table::REPORT,
        ],
        other => bundle::flags(other),
    };
    own.iter().copied().flatten().chain(&table::CONNECTION).copied().collect()
}

/// Takes the command word out of `words`, as cobra: the first that is neither a flag nor the value of a persistent
/// flag.
fn split_command(words: &[String]) -> (Option<String>, Vec<String>) {
    let takes_value = |name: &str| {
        table::CONNECTION.iter().any(|it| it.takes != flags::Takes::Bool && it.name == name)
    };
    let takes_value_short =
        |letter: char| table::CONNECTION.iter().any(|it| it.short == Some(letter));
    let mut index = 0;
    while let Some(word) = words.get(index) {
        if word == "--" {
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            index += if takes_value(long) { 2 } else { 1 };
        } else if let Some(short) = word.strip_prefix('-') {
            let alone = short.chars().count() == 1 && short.chars().all(takes_value_short);
            index += if alone { 2 } else { 1 };
        } else {
            let mut rest = words.to_vec();
            return (Some(rest.remove(index)), rest);
        }
    }
    (None, words.to_vec())
}

/// Takes the command out of `words`; that of a group is `group command`.
fn split_words(words: &[String]) -> (Option<String>, Vec<String>) {
    let (name, rest) = split_command(words);
    let is_group = |it: &&str| [license::GROUP, bundle::GROUP, push_images::GROUP].contains(it);
    let Some(group) = name.as_deref().filter(is_group) else {
        return (name, rest);
    };
    match split_command(&rest) {
        (Some(command), rest) => (Some(format!("{group} {command}")), rest),
        (None, rest) => (name, rest),
    }
}

/// Finds out how to report a mistake before the command line is understood.
fn guess_output(words: &[String], environment: &Environment<'_>) -> Output {
    let typed = words.iter().enumerate().rev().find_map(|(index, word)| match word.as_str() {
        "--output" => words.get(index + 1).map(String::as_str),
        it => it.strip_prefix("--output="),
    });
    let variable = environment("KOTS_OUTPUT").unwrap_or_default();
    match typed.unwrap_or(&variable) {
        "json" => Output::Json,
        "jsonl" => Output::Jsonl,
        _ => Output::Text,
    }
}
