//! The part of a bundle that the admin console is given: a bundle with four files.

use std::io::{self, PipeReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use airgap::{AIRGAP_YAML, APP_ARCHIVE, BundleWriter, Index, Section, Sections};

use crate::transport::BoxError;

/// gzip's level: what is large in it is compressed already.
const LEVEL: u32 = 1;
/// The key of the program among the additional artifacts.
const PROGRAM: &str = "kots";
/// The key of the metadata among the artifacts.
const METADATA: &str = "metadata";

/// What is sent of a bundle. Made anew, the same byte for byte, whenever it is opened.
#[derive(Debug, Clone)]
pub(super) struct Part {
    bundle: PathBuf,
    index: Arc<Index>,
    entries: Vec<(String, Section)>,
}

impl Part {
    /// Of a bundle that an embedded cluster can be updated from (`airgap-update.go: getAirgapUpdate`).
    ///
    /// # Errors
    ///
    /// What is missing, in the original's words. A bundle without the program is refused too; the original sends it
    /// without.
    pub(super) fn of(bundle: &Path, index: Arc<Index>) -> Result<Self, &'static str> {
        let artifacts = &index.airgap.embedded_cluster_artifacts;
        let artifacts = artifacts.as_ref().ok_or("embedded cluster artifacts")?;
        if artifacts.metadata.is_empty() {
            return Err("embedded cluster metadata");
        }
        if artifacts.additional_artifacts.is_empty() {
            return Err("embedded cluster additional artifacts");
        }
        let artifact = |key: &str| {
            let it = index.artifacts.iter().find(|it| it.key == key)?;
            Some((it.path.clone(), it.section?))
        };
        let entry = |name: &str| Some((name.to_owned(), index.entry(name)?.section));
        let mut entries = vec![
            entry(AIRGAP_YAML).ok_or("airgap.yaml")?,
            entry(APP_ARCHIVE).ok_or("app.tar.gz")?,
            artifact(METADATA).ok_or("embedded cluster metadata")?,
            artifact(PROGRAM).ok_or("kots of embedded cluster additional artifacts")?,
        ];
        // A gzip stream can only be read in its order.
        entries.sort_by_key(|it| it.1.offset);
        Ok(Self { bundle: bundle.to_owned(), index, entries })
    }

    /// Its bytes, found by making it once.
    ///
    /// # Errors
    ///
    /// When the bundle cannot be read.
    pub(super) fn length(&self) -> Result<u64, BoxError> {
        let mut count = Count(0);
        self.write(&mut count)?;
        Ok(count.0)
    }

    /// Begins to make it, on a thread of its own.
    ///
    /// # Errors
    ///
    /// When there is no thread.
    pub(super) fn open(&self) -> Result<Box<dyn Read + Send>, BoxError> {
        let (reader, writer) = io::pipe()?;
        let part = self.clone();
        let thread = std::thread::Builder::new()
            .name("part".to_owned())
            .spawn(move || part.write(io::BufWriter::with_capacity(64 * 1024, writer)))?;
        Ok(Box::new(Made { reader, thread: Some(thread) }))
    }

    fn write(&self, sink: impl Write) -> Result<(), BoxError> {
        let mut writer = BundleWriter::with_level(sink, LEVEL);
        let wanted = self.entries.iter().map(|it| it.1);
        let mut sections = Sections::open(&self.bundle, &self.index, wanted)?;
        let mut names = self.entries.iter();
        while let Some(section) = sections.next_section()? {
            let (name, _) = names.next().ok_or("the bundle was changed")?;
            writer.file(name, section.size, &mut sections)?;
        }
        writer.finish()?.flush()?;
        Ok(())
    }
}

/// What comes out of the thread; why it ended early is told at the end.
struct Made {
    reader: PipeReader,
    thread: Option<JoinHandle<Result<(), BoxError>>>,
}

impl Read for Made {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buf)?;
        if n == 0
            && !buf.is_empty()
            && let Some(thread) = self.thread.take()
        {
            let ended = thread.join().unwrap_or_else(|it| std::panic::resume_unwind(it));
            ended.map_err(io::Error::other)?;
        }
        Ok(n)
    }
}

struct Count(u64);

impl Write for Count {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0 += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use airgap::{Limits, ReleaseFile};
    use kinds::airgap::{Airgap, EmbeddedClusterArtifacts};
    use sample::bundle::BundleSpec;

    use super::*;

    fn bundle(folder: &Path, edit: impl FnOnce(&mut EmbeddedClusterArtifacts)) -> (PathBuf, Index) {
        let mut artifacts = EmbeddedClusterArtifacts {
            metadata: "embedded-cluster/version-metadata.json".to_owned(),
            charts: "embedded-cluster/charts.tar.gz".to_owned(),
            ..EmbeddedClusterArtifacts::default()
        };
        let program = "embedded-cluster/artifacts/kots.tar.gz".to_owned();
        artifacts.additional_artifacts.insert("kots".to_owned(), program);
        edit(&mut artifacts);
        let list = |it: &mut Airgap| it.embedded_cluster_artifacts = Some(artifacts);
        let mut spec = BundleSpec::sample("1.1.0").expect("the sample").edit(list);
        spec.extra = ["charts.tar.gz", "artifacts/kots.tar.gz", "version-metadata.json"]
            .map(|name| ReleaseFile {
                path: format!("embedded-cluster/{name}"),
                bytes: name.repeat(1000).into_bytes(),
            })
            .to_vec();
        let path = folder.join("ec.airgap");
        spec.write(&path).expect("written");
        let index = index(&path);
        (path, index)
    }

    fn index(path: &Path) -> Index {
        let limits = Limits::default();
        Index::build(path, &limits, &mut |_| ControlFlow::Continue(())).expect("a bundle")
    }

    fn read(part: &Part) -> Vec<u8> {
        let mut bytes = Vec::new();
        part.open().expect("opens").read_to_end(&mut bytes).expect("readable");
        bytes
    }

    #[test]
    fn four_files_of_the_known_length_every_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, whole) = bundle(folder.path(), |_| {});
        let part = Part::of(&path, Arc::new(whole)).expect("all there");
        let bytes = read(&part);
        assert_eq!(bytes.len() as u64, part.length().expect("readable"));
        assert_eq!(bytes, read(&part));
        let sent = folder.path().join("application.airgap");
        std::fs::write(&sent, &bytes).expect("written");
        let names: Vec<String> = index(&sent).entries.iter().map(|it| it.name.clone()).collect();
        insta::assert_snapshot!(names.join("\n"), @r"
        airgap.yaml
        app.tar.gz
        embedded-cluster/artifacts/kots.tar.gz
        embedded-cluster/version-metadata.json
        ");
    }

    #[test]
    fn what_is_missing_is_told_in_the_originals_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let check = |edit: fn(&mut EmbeddedClusterArtifacts)| {
            let (path, index) = bundle(folder.path(), edit);
            Part::of(&path, Arc::new(index)).map_or_else(str::to_owned, |_| "all there".to_owned())
        };
        assert_eq!(check(|it| it.metadata.clear()), "embedded cluster metadata");
        let none = "embedded cluster additional artifacts";
        assert_eq!(check(|it| it.additional_artifacts.clear()), none);
        let other = check(|it| {
            it.additional_artifacts.remove("kots");
            it.additional_artifacts.insert("operator".to_owned(), "x".to_owned());
        });
        assert_eq!(other, "kots of embedded cluster additional artifacts");
    }

    #[test]
    fn a_bundle_that_changed_meanwhile_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, whole) = bundle(folder.path(), |_| {});
        let part = Part::of(&path, Arc::new(whole)).expect("all there");
        bundle(folder.path(), |it| it.charts.clear());
        let mut bytes = Vec::new();
        let error = part.open().expect("opens").read_to_end(&mut bytes).expect_err("another file");
        assert!(error.to_string().contains("changed"), "{error}");
    }
}
