//! The command line of `kots license`.

use std::path::PathBuf;

use super::CliError;
use super::args::root_keys;
use super::flags::Typed;
use super::settings::Settings;
use crate::license::{Form, VerifyArgs};

/// The word its commands begin with.
pub(super) const GROUP: &str = "license";
/// Its one command.
pub(super) const VERIFY: &str = "license verify";

pub(super) fn verify(settings: &Settings<'_>, typed: &Typed) -> Result<VerifyArgs, CliError> {
    Ok(VerifyArgs {
        file: PathBuf::from(&typed.arguments[0]),
        root_keys: root_keys(settings),
        form: settings.word("output", &[("text", Form::Text), ("json", Form::Json)])?,
    })
}
