//! The real `docker-registry`, on a port and in a folder of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = "docker-registry";
/// How long it may take to start.
const START: Duration = Duration::from_secs(20);

/// What makes one registry different from another.
#[derive(Debug, Default, Clone)]
pub struct Setup {
    /// Certificate and key files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The `auth` section.
    pub auth: String,
    /// Refuses every change.
    pub read_only: bool,
    /// Its storage is a disk of so many MiB, which is empty again after a restart.
    pub disk_mib: Option<u32>,
}

/// A running registry.
#[derive(Debug)]
pub struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
    setup: Setup,
    seen: Arc<Mutex<Seen>>,
}

/// What its access log has told.
#[derive(Debug, Default)]
struct Seen {
    requests: u64,
    confirmed: BTreeMap<String, usize>,
}

impl Server {
    /// Starts one. None, with a word, where the program is missing.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(setup: Setup) -> Option<Self> {
        if Command::new(PROGRAM).arg("--version").output().is_err() {
            say_skipped(&format!("`{PROGRAM}` is not installed"));
            return None;
        }
        if setup.disk_mib.is_some() && !can_mount() {
            say_skipped("no file system can be mounted here");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let seen = Arc::default();
        let (child, port) = run(folder.path(), 0, &setup, &seen);
        Some(Self { child, folder, port, setup, seen })
    }

    /// Without anything special.
    pub fn plain() -> Option<Self> {
        Self::start(Setup::default())
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again with what it has, at the same port.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        let (child, port) = run(self.folder.path(), self.port, &self.setup, &self.seen);
        assert_eq!(port, self.port, "the port is taken");
        self.child = child;
    }

    /// Requests it has answered, also before a restart.
    pub fn requests(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).requests
    }

    /// Uploads of blobs it has confirmed: how often each, by repository and digest.
    pub fn confirmed(&self) -> BTreeMap<String, usize> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).confirmed.clone()
    }

    /// Everything it has stored as manifests: the path of a link in its storage, and the digest in it.
    pub fn links(&self) -> Vec<(String, String)> {
        let root = self.folder.path().join("data/docker/registry/v2/repositories");
        let mut found = Vec::new();
        collect(&root, &root, &mut found);
        found.sort();
        found
    }

    /// Bytes of a stored blob, by the hex digits of its digest.
    pub fn blob(&self, hex: &str) -> Option<Vec<u8>> {
        std::fs::read(self.blob_path(hex)).ok()
    }

    /// Takes a stored blob away, as a damaged disk or a careless clean-up does.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn lose(&self, hex: &str) {
        std::fs::remove_file(self.blob_path(hex)).expect("it is there");
    }

    fn blob_path(&self, hex: &str) -> PathBuf {
        let start = hex.get(..2).unwrap_or_default();
        let path = format!("data/docker/registry/v2/blobs/sha256/{start}/{hex}/data");
        self.folder.path().join(path)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn say_skipped(why: &str) {
    skipped::skipped!("{why}");
}

/// What runs a shell that may mount what only it sees.
fn mounting() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command
}

fn can_mount() -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "exec mount -t tmpfs -o size=1m tmpfs \"$0\"";
    mounting().arg(script).arg(folder.path()).output().is_ok_and(|it| it.status.success())
}

impl Seen {
    /// Takes a line such as `… "PUT /v2/NAME/blobs/uploads/ID?…&digest=sha256%3AHEX HTTP/1.1" 201 …`.
    fn line(&mut self, line: &str) {
        let mut parts = line.split('"');
        let request = parts.nth(1).unwrap_or_default();
        if !request.contains(" /v2/") {
            return;
        }
        self.requests += 1;
        let created = parts.next().is_some_and(|it| it.trim_start().starts_with("201"));
        let path = request.strip_prefix("PUT /v2/").filter(|_| created);
        let Some((repository, rest)) = path.and_then(|it| it.split_once("/blobs/uploads/")) else {
            return;
        };
        let digest = rest.split("digest=").nth(1).unwrap_or_default();
        let digest = digest.split(['&', ' ']).next().unwrap_or_default();
        *self.confirmed.entry(format!("{repository} {digest}")).or_default() += 1;
    }
}

fn run(folder: &Path, port: u16, setup: &Setup, seen: &Arc<Mutex<Seen>>) -> (Child, u16) {
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
    let mut command = match setup.disk_mib {
        None => Command::new(PROGRAM),
        Some(mib) => {
            std::fs::create_dir_all(&data).expect("a folder");
            let script = "mount -t tmpfs -o size=\"$1\" tmpfs \"$0\" && shift && exec \"$@\"";
            let mut command = mounting();
            command.arg(script).arg(&data).arg(format!("{mib}m")).arg(PROGRAM);
            command
        }
    };
    let mut child = command
        .arg("serve")
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stderr = child.stderr.take().expect("piped");
    let stdout = child.stdout.take().expect("piped");
    let seen = Arc::clone(seen);
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            seen.lock().unwrap_or_else(PoisonError::into_inner).line(&line);
        }
    });
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
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            found.push((name, std::fs::read_to_string(&path).unwrap_or_default()));
        }
    }
}
