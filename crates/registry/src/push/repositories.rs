//! The repositories of a registry that were pushed to from here, remembered across runs: one name a line.
//!
//! Only a hint where to look for a blob: what is there is asked of the registry.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

/// The most bytes that are read of the file.
const LIMIT_BYTES: u64 = 1 << 20;

/// The file. Without one nothing is remembered.
#[derive(Debug)]
pub(super) struct Repositories(Option<PathBuf>);

impl Repositories {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self(path)
    }

    /// What is remembered. A file that cannot be read is an empty one.
    pub(super) fn known(&self) -> BTreeSet<String> {
        let Some(file) = self.0.as_ref().and_then(|it| File::open(it).ok()) else {
            return BTreeSet::new();
        };
        let mut text = String::new();
        let _ = file.take(LIMIT_BYTES).read_to_string(&mut text);
        text.lines().filter(|it| is_name(it)).map(str::to_owned).collect()
    }

    /// Adds what is not remembered yet. One write, so that two pushes do not mix their lines.
    pub(super) fn add<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let Some(path) = &self.0 else { return };
        let known = self.known();
        let new: BTreeSet<&str> = names.into_iter().filter(|it| !known.contains(*it)).collect();
        if new.is_empty() {
            return;
        }
        let text: String = new.iter().flat_map(|it| [it, "\n"]).collect();
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        // Not remembered is not found another time, and said so then.
        if let Ok(mut file) = File::options().append(true).create(true).open(path) {
            let _ = file.write_all(text.as_bytes());
        }
    }
}

/// What can stand in the path of a request.
fn is_name(line: &str) -> bool {
    let inner = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"._-/".contains(&it);
    !line.is_empty() && line.len() <= 255 && line.bytes().all(inner) && !line.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_remembered_once_and_torn_lines_are_not_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("registry/known.txt");
        let repositories = Repositories::new(Some(path.clone()));
        assert!(repositories.known().is_empty());
        repositories.add(["ns/app", "ns/db"]);
        repositories.add(["ns/db", "ns/web"]);
        let text = std::fs::read_to_string(&path).expect("written");
        assert_eq!(text, "ns/app\nns/db\nns/web\n");
        std::fs::write(&path, "ns/app\n../x\nNO\n\nns/\u{e9}\nns/w").expect("ours");
        let known: Vec<String> = repositories.known().into_iter().collect();
        assert_eq!(known, ["ns/app", "ns/w"]);
        Repositories::new(None).add(["ns/app"]);
    }
}
