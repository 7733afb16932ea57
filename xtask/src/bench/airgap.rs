//! Reading a bundle of images: speed beside the usual tools and beside the ceiling of the same libraries, and memory.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use airgap::{BundleWriter, Digest};
use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use sample::noise::{HexNoise, Noise};
use sha2::{Digest as _, Sha256};

use super::{Table, measure, mib, rate};
use crate::demo::site::Programs;
use crate::sh;

/// Layers in the bundle; two images share each.
const LAYERS: u64 = 40;
/// Runs of each; the fastest counts, for the others tell of the machine.
const RUNS: usize = 3;

/// Verifies a bundle with `size_mib` MiB of layers, half of them compressible.
pub(super) fn run(
    programs: &Programs,
    size_mib: u64,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    sh::say(&format!("  (a bundle with {size_mib} MiB of image layers)"));
    let bundle = folder.join("images.airgap");
    write_bundle(&bundle, size_mib)?;
    let state = folder.join("airgap-state");
    let temp = folder.join("airgap-temp");
    std::fs::create_dir_all(&temp)?;

    let mut peak_kib = 0;
    let mut left = 0;
    let verify = fastest(|| {
        let mut kots = Command::new(&programs.kots);
        kots.args(["airgap", "verify", "--progress=none"]).arg(&bundle).env("TMPDIR", &temp);
        let usage = measure::run(kots.stdout(Stdio::null()), &[&temp])?;
        peak_kib = peak_kib.max(usage.peak_kib);
        left = left.max(usage.folder_bytes.first().copied().unwrap_or(0));
        Ok(())
    })?;
    let ceiling = fastest(|| two_threads(&bundle))?;
    let tools = fastest(|| {
        let script = "gzip -dc \"$0\" | sha256sum >/dev/null";
        sh::run(Command::new("sh").arg("-c").arg(script).arg(&bundle))
    })?;
    let figure = |wall| format!("{:.0} MiB/s", rate(size_mib, wall));
    table.row("`kots airgap verify`: everything checked and digested", &figure(verify), "");
    let name = "baseline: zlib-rs and SHA-NI on a thread each: the content alone, not the file";
    table.row(name, &figure(ceiling), "");
    let share = ceiling.as_secs_f64() / verify.as_secs_f64() * 100.0;
    table.row("share of it", &format!("{share:.0} %"), "90 %");
    table.row("baseline: `gzip -dc | sha256sum`", &figure(tools), "");
    table.row(
        "`kots airgap verify`: peak resident",
        &format!("{:.1} MiB", mib(peak_kib)),
        "64 MiB",
    );
    table.row("temporary bytes", &left.to_string(), "0");

    let inspect = || {
        let mut kots = Command::new(&programs.kots);
        kots.args(["airgap", "inspect", "--progress=none", "--state-dir"]).arg(&state).arg(&bundle);
        measure::run(kots.stdout(Stdio::null()), &[])
    };
    inspect()?;
    let again = inspect()?;
    let ms = measure::millis(again.wall);
    table.row("`kots airgap inspect` of a known bundle", &format!("{ms:.0} ms"), "");
    Ok(())
}

/// The shortest of some runs.
fn fastest(mut run: impl FnMut() -> Result<()>) -> Result<std::time::Duration> {
    let mut best = None;
    for _ in 0..RUNS {
        let started = Instant::now();
        run()?;
        let wall = started.elapsed();
        best = Some(best.map_or(wall, |it: std::time::Duration| it.min(wall)));
    }
    best.context("there is a run")
}

/// What the libraries give at best: one thread reads and decompresses, the other digests what comes out.
pub(super) fn two_threads(bundle: &Path) -> Result<()> {
    let mut gunzip =
        MultiGzDecoder::new(io::BufReader::with_capacity(128 << 10, File::open(bundle)?));
    let (full, chunks) = sync_channel::<Vec<u8>>(8);
    let (used, empty) = sync_channel::<Vec<u8>>(8);
    let digest = std::thread::spawn(move || {
        let mut hash = Sha256::new();
        for chunk in chunks {
            hash.update(&chunk);
            let _ = used.try_send(chunk);
        }
        hash.finalize()
    });
    loop {
        let mut chunk = empty.try_recv().unwrap_or_default();
        chunk.resize(256 << 10, 0);
        let n = gunzip.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        chunk.truncate(n);
        full.send(chunk).context("the other thread is there")?;
    }
    drop(full);
    let _ = digest.join();
    Ok(())
}

/// Whether a layer is noise, which stands for one that is compressed; the others stand for plain ones.
fn is_noise(number: u64) -> bool {
    number.is_multiple_of(2)
}

/// The content of a layer: noise, or the hex digits of noise, which compress to half.
fn layer(number: u64, bytes: u64) -> Box<dyn Read> {
    if is_noise(number) {
        Box::new(Noise::new(2 * number, bytes))
    } else {
        Box::new(HexNoise::new(2 * number, bytes))
    }
}

/// Registry storage with images of four layers each.
fn write_bundle(path: &Path, size_mib: u64) -> Result<()> {
    let bytes = (size_mib << 20) / LAYERS / 2 * 2;
    let digests: Vec<String> = (0..LAYERS)
        .map(|number| {
            let mut hash = Sha256::new();
            let mut buf = vec![0; 256 << 10];
            let mut source = layer(number, bytes);
            loop {
                let n = source.read(&mut buf)?;
                if n == 0 {
                    return Ok(hex::encode(hash.finalize()));
                }
                hash.update(&buf[..n]);
            }
        })
        .collect::<io::Result<_>>()?;
    let images = usize::try_from(LAYERS / 2)?;
    let names: Vec<String> = (0..images).map(|it| format!("  - quay.io/shop/i{it}:1\n")).collect();
    let yaml = format!(
        "apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  format: docker\n  savedImages:\n{}",
        names.concat()
    );
    let app = airgap::release::pack(&sample::release::sample_files("1.1.0")?)?;
    let mut writer = BundleWriter::with_level(BufWriter::new(File::create(path)?), 1);
    writer.bytes("airgap.yaml", yaml.as_bytes())?;
    writer.bytes("app.tar.gz", &app)?;
    let storage = "images/docker/registry/v2";
    let blob = |hex: &str| format!("{storage}/blobs/sha256/{}/{hex}/data", &hex[..2]);
    let config = Digest::of(b"{}").hex();
    writer.bytes(&blob(&config), b"{}")?;
    for image in 0..images {
        let part = |hex: &str, size: u64| {
            format!(r#"{{"mediaType":"m","digest":"sha256:{hex}","size":{size}}}"#)
        };
        let layers: Vec<String> =
            (0..4).map(|it| part(&digests[(image * 2 + it) % digests.len()], bytes)).collect();
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
            part(&config, 2),
            layers.join(",")
        );
        let digest = Digest::of(manifest.as_bytes());
        writer.bytes(&blob(&digest.hex()), manifest.as_bytes())?;
        let link = format!("{storage}/repositories/i{image}/_manifests/tags/1/current/link");
        writer.bytes(&link, digest.to_string().as_bytes())?;
    }
    for (number, hex) in (0..).zip(&digests) {
        // As a program that compresses well does: noise is stored.
        writer.start_member(u32::from(!is_noise(number)))?;
        writer.file(&blob(hex), bytes, &mut *layer(number, bytes))?;
    }
    io::Write::flush(&mut writer.finish()?)?;
    Ok(())
}
