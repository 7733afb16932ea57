//! Pushing the images of one big bundle into the real `docker-registry`: time, memory, passes and temporary bytes,
//! beside what reading the bundle and uploading its blobs cost by themselves, and beside `skopeo`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sample::bundle::BundleSpec;
use sample::docker_registry::Server;
use sample::images::{ImageSpec, Images, Layer};

use super::airgap::two_threads;
use super::{Table, measure, mib, rate};
use crate::sh;

const IMAGES: u64 = 20;
/// Layers of an image that only it has, and that others have too.
const OWN: u64 = 3;
const SHARED: u64 = 3;
/// Different layers that are shared.
const POOL: u64 = 12;
/// Uploads at once, as `kots` by default.
const AT_ONCE: usize = 4;

/// Pushes a bundle whose layers have `size_mib` MiB together.
pub(super) fn run(kots: &Path, size_mib: u64, folder: &Path, table: &mut Table) -> Result<()> {
    let Some(server) = Server::plain() else { return Ok(()) };
    sh::say(&format!("  (20 images, 120 layers, half of them shared, {size_mib} MiB of layers)"));
    let bundle = folder.join("push.airgap");
    write(&bundle, size_mib, 0)?;
    let state = folder.join("push-state");
    let temp = folder.join("push-temp");
    std::fs::create_dir_all(&temp)?;

    let before = server_cpu(&server);
    let first = push(kots, &bundle, &server, &state, &temp)?;
    let registry = server_cpu(&server).saturating_sub(before);
    let again = push(kots, &bundle, &server, &state, &temp)?;
    std::fs::remove_file(&bundle)?;
    let changed = folder.join("push-changed.airgap");
    let other = write(&changed, size_mib, 1)?;
    let one = push(kots, &changed, &server, &state, &temp)?;
    drop(server);

    let reading = read(&changed)?;
    let started = Instant::now();
    two_threads(&changed)?;
    let fast = started.elapsed();
    let blobs = folder.join("push-blobs");
    unpack(&other, &blobs)?;
    let uploading = upload(&other, &blobs)?;
    let peer = skopeo(&other, &blobs, &folder.join("push-skopeo"))?;

    let seconds = |it: Duration| format!("{:.1} s", it.as_secs_f64());
    let speed = |it| format!("{} ({:.0} MiB/s)", seconds(it), rate(size_mib, it));
    let times = |of: Duration| first.wall.as_secs_f64() / of.as_secs_f64();
    table.row(
        "`kots admin-console push-images`: first push",
        &format!(
            "{}, {:.2} × the longer baseline",
            speed(first.wall),
            times(reading.max(uploading))
        ),
        "1.25 ×",
    );
    let strict = times(reading.min(fast).max(uploading));
    table.row(
        "the same beside the upload, or reading on two threads",
        &format!("{strict:.2} ×"),
        "",
    );
    table.row("baseline: `gzip -dc | sha256sum` of the bundle", &speed(reading), "");
    table.row("baseline: zlib-rs and SHA-NI on a thread each", &speed(fast), "");
    table.row("baseline: blobs from files, 4 uploads at once", &speed(uploading), "");
    table.row("processor time of the registry during the first push", &seconds(registry), "");
    table.row("peak resident", &format!("{:.1} MiB", mib(first.peak_kib)), "64 MiB");
    let [temporary, kept] = first.folder_bytes[..] else { bail!("two folders") };
    table.row("temporary bytes", &temporary.to_string(), "0");
    table.row("bytes in the state folder (index, journal)", &kept.to_string(), "");
    let size = std::fs::metadata(&changed)?.len();
    table.row("bytes read: first push", &bundles(first.read_bytes, size), "2");
    table.row(
        "the same push again",
        &format!("{}, {}", seconds(again.wall), bundles(again.read_bytes, size)),
        "5 s",
    );
    table.row(
        "another bundle with one changed layer",
        &format!("{}, {}", seconds(one.wall), bundles(one.read_bytes, size)),
        "",
    );
    let peer = peer.map_or_else(|| "not installed".to_owned(), speed);
    table.row("peer: `skopeo copy` of every image from a folder", &peer, "");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "file sizes are far below 2^52")]
fn bundles(bytes: u64, size: u64) -> String {
    format!("{:.2} bundles read", bytes as f64 / size as f64)
}

/// Writes the bundle, with even seeds, as noise is the same for an odd one and the even before it. `changed` is the seed of one image's first layer.
fn write(path: &Path, size_mib: u64, changed: u64) -> Result<Images> {
    let size = size_mib * 1024 * 1024 / (IMAGES * OWN + POOL);
    let image = |at: u64| {
        let own = (0..OWN).map(|it| {
            let seed = 1000 + at * OWN + it;
            let seed = if at == 0 && it == 0 { seed + changed * 10_000 } else { seed };
            Layer { seed: 2 * seed, size }
        });
        let shared = (0..SHARED).map(|it| Layer { seed: 2 * (1 + (at + it * 5) % POOL), size });
        ImageSpec {
            name: format!("registry.example/org/image-{at}:1.0"),
            layers: shared.chain(own).collect(),
        }
    };
    let specs: Vec<ImageSpec> = (0..IMAGES).map(image).collect();
    let images = Images::new(&specs);
    let mut spec = BundleSpec::sample("1.1.0")?.edit(|it| images.list(it));
    spec.images = Some(images.clone());
    spec.write(path)?;
    Ok(images)
}

fn push(
    kots: &Path,
    bundle: &Path,
    server: &Server,
    state: &Path,
    temp: &Path,
) -> Result<measure::Usage> {
    let mut command = Command::new(kots);
    command
        .args(["admin-console", "push-images", "--registry-plain-http", "--progress", "none"])
        .arg("--state-dir")
        .arg(state)
        .arg(bundle)
        .arg(format!("127.0.0.1:{}/bench", server.port()))
        .env("TMPDIR", temp)
        .stdout(Stdio::null());
    measure::run(&mut command, &[temp, state])
}

/// What reading the bundle alone costs.
fn read(bundle: &Path) -> Result<Duration> {
    let started = Instant::now();
    let script = "gzip -dc \"$0\" | sha256sum >/dev/null";
    sh::run(Command::new("sh").arg("-c").arg(script).arg(bundle))?;
    Ok(started.elapsed())
}

/// Processor time of the registry so far.
fn server_cpu(server: &Server) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap_or_default();
    let fields: Vec<&str> =
        text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
    // User and system time, in hundredths of a second.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Every blob as a file.
fn unpack(images: &Images, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (hex, mut data) in images.blobs() {
        let mut file = File::create(folder.join(hex))?;
        io::copy(&mut data, &mut file)?;
    }
    Ok(())
}

/// Uploads every blob in one request each, several at once: what the registry costs by itself.
fn upload(images: &Images, folder: &Path) -> Result<Duration> {
    let server = Server::plain().context("it was there before")?;
    let files: Vec<PathBuf> = images.blobs().map(|(hex, _)| folder.join(hex)).collect();
    let queue = Mutex::new(files.iter());
    let started = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let next =
                            queue.lock().map_err(|_| anyhow::anyhow!("a worker failed"))?.next();
                        let Some(path) = next else { return Ok(()) };
                        put(server.port(), path)?;
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|it| it.join().map_err(|_| anyhow::anyhow!("a worker failed"))?)
    })?;
    Ok(started.elapsed())
}

fn put(port: u16, path: &Path) -> Result<()> {
    let hex = path.file_name().and_then(|it| it.to_str()).context("a name")?;
    let begun = exchange(port, "POST", "/v2/raw/blobs/uploads/", None)?;
    let location = begun
        .lines()
        .find_map(|it| it.strip_prefix("Location: "))
        .context("no place for an upload")?;
    let target = location.trim().split_once("://").map_or(location, |(_, rest)| rest);
    let target = target.find('/').map_or(target, |at| &target[at..]).trim();
    let answer = exchange(port, "PUT", &format!("{target}&digest=sha256:{hex}"), Some(path))?;
    ensure!(answer.starts_with("HTTP/1.1 201"), "the registry answered {answer}");
    Ok(())
}

/// One request on a connection of its own; returns the head of the answer.
fn exchange(port: u16, method: &str, target: &str, body: Option<&Path>) -> Result<String> {
    let mut file = body.map(File::open).transpose()?;
    let length = file.as_ref().map_or(Ok(0), |it| it.metadata().map(|it| it.len()))?;
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\n"
    )?;
    if let Some(file) = &mut file {
        io::copy(file, &mut stream)?;
    }
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while reader.read_line(&mut head)? > 2 {}
    io::copy(&mut reader.take(1 << 20), &mut io::sink())?;
    Ok(head)
}

/// The same images by `skopeo copy`, each from a folder as `skopeo` itself writes them, into an empty registry.
fn skopeo(images: &Images, blobs: &Path, folder: &Path) -> Result<Option<Duration>> {
    if !sh::has("skopeo", "--version") {
        return Ok(None);
    }
    let server = Server::plain().context("it was there before")?;
    let mut sources = Vec::new();
    for (at, (manifest, parts)) in images.parts().enumerate() {
        let source = folder.join(at.to_string());
        std::fs::create_dir_all(&source)?;
        std::fs::write(source.join("version"), "Directory Transport Version: 1.1\n")?;
        std::fs::write(source.join("manifest.json"), manifest)?;
        for hex in parts {
            std::fs::hard_link(blobs.join(hex), source.join(hex))?;
        }
        sources.push(source);
    }
    let started = Instant::now();
    for (at, source) in sources.iter().enumerate() {
        let mut copy = Command::new("skopeo");
        copy.args(["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false"])
            .arg(format!("dir:{}", source.display()))
            .arg(format!("docker://127.0.0.1:{}/bench/image-{at}:1.0", server.port()));
        sh::run(&mut copy)?;
    }
    Ok(Some(started.elapsed()))
}
