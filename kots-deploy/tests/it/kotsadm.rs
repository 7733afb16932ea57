//! The real `kotsadm` as a child process: the server, and the vendor's mirror.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A running `kotsadm`, killed when it goes out of scope.
pub(crate) struct Kotsadm {
    child: Child,
    pub address: SocketAddr,
}

impl Kotsadm {
    /// Starts one on a free port and waits for the line that says which.
    pub(crate) fn start(words: &[&str], files: &[(&str, &Path)]) -> Self {
        let mut command = Command::new(binary());
        command.args(words).args(["--listen", "127.0.0.1:0"]).env("KOTSADM_LOG", "warn");
        // Registries of tests have no TLS.
        command.env("KOTSADM_REGISTRY_PLAIN_HTTP", "1");
        for (flag, path) in files {
            command.arg(flag).arg(path);
        }
        for name in ["REPLICATED_APP_ENDPOINT", "REPLICATED_API_ENDPOINT", "POD_NAMESPACE"] {
            command.env_remove(name);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("kotsadm starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address =
            line.trim().strip_prefix("listening on http://").and_then(|it| it.parse().ok());
        let address = address.unwrap_or_else(|| panic!("kotsadm says {line:?}"));
        Self { child, address }
    }
}

impl Drop for Kotsadm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program: the one `KOTS_TEST_KOTSADM` names (`cargo xtask test` builds it with everything else), else one that
/// is built now, once for all tests of this process.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("KOTS_TEST_KOTSADM") {
            return path.into();
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--locked", "--package", "upstream-handler"]);
        command.args(["--bin", "kotsadm"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let folder = Path::new(env!("CARGO_BIN_EXE_kots")).parent().expect("a folder");
        if folder.ends_with("release") {
            command.arg("--release");
        }
        assert!(command.status().expect("cargo runs").success(), "kotsadm is not built");
        folder.join("kotsadm")
    })
}
