//! `installer`: see `installer --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    installer::cli::run()
}
