//! The common folder of a release's files.

use std::collections::HashSet;

use super::ReleaseError;

/// The folder that a release keeps apart: an operator's own files in archives that KOTS has written itself.
const USERDATA: &str = "userdata/";

/// The paths without the longest folder prefix that all of them share, in the same order (`releaseToFiles` of KOTS).
pub(super) fn strip<'a>(
    paths: impl Iterator<Item = &'a str> + Clone,
) -> Result<Vec<String>, ReleaseError> {
    let prefix = common(paths.clone().filter(|it| !it.starts_with(USERDATA)));
    let mut seen = HashSet::new();
    paths
        .map(|path| {
            let stripped = if path.starts_with(USERDATA) { path } else { &path[prefix..] };
            if seen.insert(stripped) {
                Ok(stripped.to_owned())
            } else {
                Err(ReleaseError::Collision(stripped.to_owned()))
            }
        })
        .collect()
}

/// Bytes of the longest prefix that ends with a slash and begins every path.
fn common<'a>(mut paths: impl Iterator<Item = &'a str>) -> usize {
    let Some(first) = paths.next() else {
        return 0;
    };
    let folder = |path: &str| path.rfind('/').map_or(0, |it| it + 1);
    paths.fold(folder(first), |len, path| {
        let same = first.bytes().zip(path.bytes()).take(len).take_while(|(a, b)| a == b).count();
        folder(&first[..same_char(first, same)])
    })
}

/// `at`, moved back to where a character begins.
fn same_char(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|it| text.is_char_boundary(*it)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str]) -> String {
        match strip(paths.iter().copied()) {
            Ok(paths) => paths.join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_longest_common_folder_is_taken_off() {
        assert_eq!(check(&["a/b/x.yaml", "a/b/c/y.yaml"]), "x.yaml c/y.yaml");
        assert_eq!(check(&["a/b/x.yaml"]), "x.yaml");
        assert_eq!(check(&["x.yaml", "a/y.yaml"]), "x.yaml a/y.yaml");
        assert_eq!(check(&["app-a/x", "app-b/y"]), "app-a/x app-b/y");
        assert_eq!(check(&["ä/ö/x", "ä/ü/x"]), "ö/x ü/x");
        assert_eq!(check(&[]), "");
    }

    #[test]
    fn userdata_is_kept_apart() {
        assert_eq!(
            check(&["rel/a/x", "rel/a/y", "userdata/config.yaml"]),
            "x y userdata/config.yaml"
        );
        assert_eq!(check(&["userdata/config.yaml"]), "userdata/config.yaml");
        // Only at the top.
        assert_eq!(check(&["rel/userdata/x", "rel/y"]), "userdata/x y");
    }

    #[test]
    fn two_files_never_become_one() {
        assert_eq!(
            check(&["rel/userdata/x", "rel/y", "userdata/x"]),
            "the release archive holds two files `userdata/x` once their common folder is taken off"
        );
    }
}
