//! One rendered file, cut into documents that are told apart. Pure.

use kinds::gvk::Gvk;
use kinds::yaml::{self, split_documents};
use serde_json::Value;

/// A document of a rendered file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// Its text, without the marker in front of it.
    pub(crate) text: String,
    /// What it is.
    pub(crate) content: Content,
}

/// What a document is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// KOTS reads it itself.
    KotsKind(Gvk, Value),
    /// An object for the cluster.
    Manifest(Value),
    /// YAML that is not deployed; why, when that is worth a word.
    NoObject(Option<&'static str>),
    /// Not YAML. The fault, with its line in the file.
    Broken(String),
}

/// Cuts a rendered file into its documents; empty ones are left out.
pub(crate) fn documents(file: &str) -> Vec<Document> {
    let file = file.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let found = split_documents(&file);
    let n_found = found.len();
    let mut documents = Vec::with_capacity(n_found);
    for (index, document) in found.into_iter().enumerate() {
        let is_last = index + 1 == n_found;
        // The line end in front of the next marker belongs to the marker, as in the original.
        let text = match document.text.strip_suffix('\n') {
            Some(text) if !is_last => text,
            _ => document.text,
        };
        let content = match yaml::to_value(text) {
            Ok(value) => tell(value),
            Err(error) => Content::Broken(if document.first_line == 1 {
                error.to_string()
            } else {
                format!("in the document that starts at line {}: {error}", document.first_line)
            }),
        };
        documents.push(Document { text: text.to_owned(), content });
    }
    documents
}

fn tell(value: Value) -> Content {
    let value_is_empty = value.is_null();
    match Gvk::of(&value) {
        Some(gvk) if gvk.is_kots_kind() => Content::KotsKind(gvk, value),
        // Dropped by the original when it takes a release in (`replicated.go:870-884`).
        Some(gvk) if gvk.api_version == "troubleshoot.sh/v1beta3" => {
            Content::NoObject(Some("a document of troubleshoot.sh/v1beta3 is left out"))
        }
        Some(_) => Content::Manifest(value),
        None if value_is_empty => Content::NoObject(None),
        None => Content::NoObject(Some("a document without apiVersion and kind is left out")),
    }
}

/// Returns the name of document number `index`, counted from 0, of a file: `a.yaml`, `a-2.yaml`, ….
pub(crate) fn file_name(path: &str, index: usize) -> String {
    if index == 0 {
        return path.to_owned();
    }
    let number = index + 1;
    let folder_end = path.rfind('/').map_or(0, |at| at + 1);
    match path[folder_end..].rfind('.') {
        Some(dot) if 0 < dot => {
            let (stem, extension) = path.split_at(folder_end + dot);
            format!("{stem}-{number}{extension}")
        }
        _ => format!("{path}-{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str) -> String {
        let line = |it: Document| match it.content {
            Content::KotsKind(gvk, _) => format!("kots kind {gvk}: {:?}", it.text),
            Content::Manifest(_) => format!("manifest: {:?}", it.text),
            Content::NoObject(why) => format!("{}: {:?}", why.unwrap_or("empty"), it.text),
            Content::Broken(error) => format!("broken: {error}"),
        };
        documents(file).into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn documents_are_told_apart() {
        insta::assert_snapshot!(
            check("# head\r\napiVersion: v1\r\nkind: Secret\r\n---\r\n---\r\napiVersion: kots.io/v1beta1\r\nkind: Config\r\n---\r\na: 1\r\n---\r\na: [\r\n"),
            @r##"
        manifest: "# head\napiVersion: v1\nkind: Secret"
        kots kind kots.io/v1beta1, Kind=Config: "apiVersion: kots.io/v1beta1\nkind: Config"
        a document without apiVersion and kind is left out: "a: 1"
        broken: in the document that starts at line 11: line 1, column 4: unclosed bracket '['
        "##
        );
    }

    #[test]
    fn further_documents_of_a_file_get_numbers() {
        assert_eq!(file_name("a.b/c.yaml", 0), "a.b/c.yaml");
        assert_eq!(file_name("a.b/c.yaml", 1), "a.b/c-2.yaml");
        assert_eq!(file_name("a.b/c", 2), "a.b/c-3");
        assert_eq!(file_name(".c", 1), ".c-2");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

        #[test]
        fn any_text_is_cut(file in "(---|\\n|a: b|apiVersion: v1\\n|kind: x\\n|[ \\r#{}\\[]|\\PC){0,40}") {
            let _ = documents(&file);
        }
    }
}
