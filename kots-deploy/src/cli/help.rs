//! Usage texts, laid out as cobra does.

use std::fmt::Write as _;

use super::flags::{Flag, Takes};
use super::table;

/// `kots --help`. `deploy` is hidden, as in the original.
pub(super) fn root(program: &str) -> String {
    let connection: Vec<Flag> = table::CONNECTION.to_vec();
    format!(
        "Install and upgrade applications through an admin console.\n\n\
         Usage:\n  {program} [command]\n\n\
         Available Commands:\n  \
         admin-console Bring images to where an admin console needs them\n  \
         airgap        Inspect, verify and make air-gap bundles\n  \
         get           Display the versions of an application: get versions SLUG\n  \
         help          Help about any command\n  \
         install       Install an application into an admin console\n  \
         license       Look at licenses\n  \
         version       Print the version\n\n\
         Flags:\n{}\n\
         Use \"{program} [command] --help\" for more information about a command.\n",
        usages(&connection)
    )
}

/// `kots license --help`.
pub(super) fn license(program: &str) -> String {
    format!(
        "Look at licenses.\n\n\
         Usage:\n  {program} license [command]\n\n\
         Available Commands:\n  \
         verify      Tell whether a license holds and is as it was signed\n\n\
         Global Flags:\n{}\n\
         Use \"{program} license [command] --help\" for more information about a command.\n",
        usages(&table::CONNECTION)
    )
}

/// `kots admin-console --help`.
pub(super) fn admin_console(program: &str) -> String {
    format!(
        "Bring images to where an admin console needs them.\n\n\
         Usage:\n  {program} admin-console [command]\n\n\
         Available Commands:\n  \
         push-images Push the images of an air-gap bundle to a registry\n\n\
         Global Flags:\n{}\n\
         Use \"{program} admin-console [command] --help\" for more information about a command.\n",
        usages(&table::CONNECTION)
    )
}

/// `kots COMMAND --help`.
pub(super) fn command(program: &str, name: &str, flags: &[Flag], arguments: &[&str]) -> String {
    let (global, own): (Vec<Flag>, Vec<Flag>) =
        flags.iter().partition(|it| table::CONNECTION.iter().any(|global| global.name == it.name));
    let arguments: String = arguments.iter().fold(String::new(), |mut out, it| {
        let _ = write!(out, " [{it}]");
        out
    });
    format!(
        "Usage:\n  {program} {name}{arguments} [flags]\n\nFlags:\n{}\nGlobal Flags:\n{}",
        usages(&own),
        usages(&global)
    )
}

fn usages(flags: &[Flag]) -> String {
    let mut flags: Vec<&Flag> = flags.iter().filter(|it| !it.hidden).collect();
    flags.sort_by_key(|it| it.name);
    let heads: Vec<String> = flags.iter().map(|it| head(it)).collect();
    let width = heads.iter().map(String::len).max().unwrap_or_default();
    flags.iter().zip(heads).fold(String::new(), |mut out, (flag, head)| {
        let default = match (flag.takes, flag.default) {
            (_, "") | (Takes::Bool, "false") | (Takes::Int, "0") => String::new(),
            (Takes::Text | Takes::List, it) => format!(" (default \"{it}\")"),
            (_, it) => format!(" (default {it})"),
        };
        let _ = writeln!(out, "{head:width$}   {}{default}", flag.help);
        out
    })
}

fn head(flag: &Flag) -> String {
    let short = flag.short.map_or_else(|| "      ".to_owned(), |it| format!("  -{it}, "));
    let kind = match flag.takes {
        Takes::Text => " string",
        Takes::List => " stringArray",
        Takes::Bool => "",
        Takes::Int => " int",
        Takes::Duration => " duration",
    };
    format!("{short}--{}{kind}", flag.name)
}
