//! Splits a file of several documents, as text, so that documents which are templates (and not
//! yet YAML) can be split too.

/// One document of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// The text, without the `---` line in front of it.
    pub text: &'a str,
    /// The line of the file at which `text` starts, from 1.
    pub first_line: usize,
}

/// Returns the documents of a file in order, leaving out those with nothing but comments and
/// blank lines.
///
/// A document ends at a line that starts with `---` followed by nothing or white space. What
/// follows the marker on its line belongs to the document that starts there.
pub fn split_documents(file: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut start = 0;
    let mut first_line = 1;
    let mut offset = 0;
    for (index, line) in file.split_inclusive('\n').enumerate() {
        if is_marker(line) {
            push(&mut documents, &file[start..offset], first_line);
            let rest = line[3..].trim_start_matches([' ', '\t']);
            let rest = if rest.starts_with('#') { "" } else { rest.trim_end() };
            if rest.is_empty() {
                start = offset + line.len();
                first_line = index + 2;
            } else {
                start = offset + 3;
                first_line = index + 1;
            }
        }
        offset += line.len();
    }
    push(&mut documents, &file[start..], first_line);
    documents
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn push<'a>(documents: &mut Vec<Document<'a>>, text: &'a str, first_line: usize) {
    let has_content = text.lines().any(|line| {
        let line = line.trim_start_matches('\u{feff}').trim();
        !line.is_empty() && !line.starts_with('#') && line != "..."
    });
    if has_content {
        documents.push(Document { text, first_line });
    }
}
