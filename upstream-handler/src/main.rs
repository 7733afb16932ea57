//! `kotsadm`: see `kotsadm --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    upstream_handler::cli::run()
}
