//! The real `docker-registry`, on a port and in a folder of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use registry::{Client, Credentials, Endpoint, Scheme, Tls};
use tempfile::TempDir;

const PROGRAM: &str = "docker-registry";
/// How long it may take to start.
const START: Duration = Duration::from_secs(20);

/// What makes one registry different from another.
#[derive(Debug, Default, Clone)]
pub(crate) struct Setup {
    /// Certificate and key files.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// The `auth` section.
    pub(crate) auth: String,
    /// Refuses every change.
    pub(crate) read_only: bool,
}

/// A running registry.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
    setup: Setup,
}

impl Server {
    /// Starts one. None, with a word, where the program is missing.
    pub(crate) fn start(setup: Setup) -> Option<Self> {
        if Command::new(PROGRAM).arg("--version").output().is_err() {
            eprintln_skip();
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (child, port) = run(folder.path(), 0, &setup);
        Some(Self { child, folder, port, setup })
    }

    /// Without anything special.
    pub(crate) fn plain() -> Option<Self> {
        Self::start(Setup::default())
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As people write it, with a namespace.
    pub(crate) fn endpoint(&self, namespace: &str) -> Endpoint {
        endpoint(self.port, namespace)
    }

    /// A client of it without TLS.
    pub(crate) fn client(&self) -> Client {
        client(&self.endpoint(""))
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again with what it has, at the same port.
    pub(crate) fn restart(&mut self) {
        let (child, port) = run(self.folder.path(), self.port, &self.setup);
        assert_eq!(port, self.port);
        self.child = child;
    }

    /// Everything it has stored as manifests: path in the storage and digest.
    pub(crate) fn links(&self) -> Vec<(String, String)> {
        let root = self.folder.path().join("data/docker/registry/v2/repositories");
        let mut found = Vec::new();
        collect(&root, &root, &mut found);
        found.sort();
        found
    }

    /// Bytes of a stored blob.
    pub(crate) fn blob(&self, digest: airgap::Digest) -> Option<Vec<u8>> {
        let hex = digest.hex();
        let path = format!("data/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
        std::fs::read(self.folder.path().join(path)).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Says, once per process is enough, why nothing was tested.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn eprintln_skip() {
    eprintln!("skipped: `{PROGRAM}` is not installed");
}

pub(crate) fn endpoint(port: u16, namespace: &str) -> Endpoint {
    Endpoint::parse(&format!("127.0.0.1:{port}"), namespace, Scheme::Http).expect("a registry")
}

pub(crate) fn client(endpoint: &Endpoint) -> Client {
    Client::new(endpoint, Scheme::Http, &Tls::default(), Credentials::Anonymous).expect("a client")
}

fn run(folder: &Path, port: u16, setup: &Setup) -> (Child, u16) {
    let data = folder.join("data");
    let read_only = setup.read_only;
    let tls = setup.tls.as_ref().map_or_else(String::new, |(certificate, key)| {
        format!("  tls:\n    certificate: {}\n    key: {}\n", certificate.display(), key.display())
    });
    let config = format!(
        "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n  maintenance:\n    readonly:\n      enabled: {read_only}\nhttp:\n  addr: 127.0.0.1:{port}\n  secret: the-same-after-a-restart\n{tls}{}",
        data.display(),
        setup.auth,
    );
    let file = folder.join("config.yml");
    std::fs::write(&file, config).expect("written");
    let mut child = Command::new(PROGRAM)
        .arg("serve")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stderr = child.stderr.take().expect("piped");
    let (found, port) = std::sync::mpsc::channel();
    // Read to the end, or the registry would stand still once the pipe is full.
    std::thread::spawn(move || {
        let mut log = String::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let after = line.split("listening on ").nth(1);
            let address = after.and_then(|it| it.split(['"', ',', ' ']).next());
            if let Some(port) = address.and_then(|it| it.rsplit(':').next()?.parse::<u16>().ok()) {
                let _ = found.send(Ok(port));
            }
            log.push_str(&line);
            log.push('\n');
            if log.len() > 1 << 20 {
                log.clear();
            }
        }
        let _ = found.send(Err(log));
    });
    let port = port.recv_timeout(START).expect("it says where it listens");
    let port = port.unwrap_or_else(|log| panic!("the registry ended:\n{log}"));
    let started = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < START, "it listens");
        std::thread::yield_now();
    }
    (child, port)
}

fn collect(root: &Path, at: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|it| it != "_uploads") {
                collect(root, &path, found);
            }
        } else if path.ends_with("link") && path.to_string_lossy().contains("/_manifests/") {
            let name = path.strip_prefix(root).expect("below").display().to_string();
            found.push((name, std::fs::read_to_string(&path).expect("a link")));
        }
    }
}
