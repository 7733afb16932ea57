//! The reader against Go's form, hostile forms, and every way of cutting a body into pieces.

use proptest::prelude::*;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=XX";

/// Reads `body` fed `size` bytes at a time; parts as `name=content`.
fn read(body: &[u8], size: usize) -> Result<Vec<(String, Vec<u8>)>, MultipartError> {
    let mut reader = Reader::new(TYPE)?;
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for piece in body.chunks(size) {
        reader.feed(piece);
        while let Some(event) = reader.next()? {
            match event {
                Event::Part(name) => parts.push((name, Vec::new())),
                Event::Data(data) => parts.last_mut().expect("a part").1.extend(data),
                Event::End => {}
            }
        }
    }
    reader.finish()?;
    Ok(parts)
}

fn check(body: &str) -> String {
    match read(body.as_bytes(), 7) {
        Ok(parts) => parts
            .iter()
            .map(|(name, data)| format!("{name}={}", data.escape_ascii()))
            .collect::<Vec<_>>()
            .join(" "),
        Err(error) => error.to_string(),
    }
}

fn part(name: &str, data: &str) -> String {
    format!(
        "--XX\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n{data}\r\n"
    )
}

#[test]
fn what_go_writes() {
    let body =
        format!("{}{}--XX--\r\n", part("airgap.yaml", "a: 1\r\n"), part("app.tar.gz", "\r\n--X"));
    assert_eq!(check(&body), r"airgap.yaml=a: 1\r\n app.tar.gz=\r\n--X");
}

#[test]
fn unusual_but_allowed() {
    assert_eq!(
        check("hello\r\n--XX  \r\ncontent-disposition:form-data;name=a\r\n\r\nb\r\n--XX--"),
        "a=b"
    );
    assert_eq!(check(&format!("{}--XX--trailing", part("a", ""))), "a=");
    assert_eq!(check("--XX--"), "");
    let quoted = "--XX\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\n\r\n\r\n--XX--";
    assert_eq!(check(quoted), "a\"b=");
}

#[test]
fn damaged_bodies_are_refused() {
    assert_eq!(check(""), "the multipart body does not start with its boundary");
    assert_eq!(check("no boundary at all"), "the multipart body does not start with its boundary");
    assert_eq!(
        check(&"x".repeat(MAX_PREAMBLE_BYTES + 1)),
        "the multipart body does not start with its boundary"
    );
    assert_eq!(check(&part("a", "b")), "the multipart body ends before its last boundary");
    assert_eq!(check("--XX\r\n"), "the multipart body ends before its last boundary");
    assert_eq!(check("--XXX\r\n\r\n"), "the multipart body is damaged after a boundary");
    assert_eq!(
        check("--XX\r\nContent-Type: a\r\n\r\nb\r\n--XX--"),
        "a part has no `Content-Disposition: form-data` with a name"
    );
    assert_eq!(
        check(&format!("--XX\r\nA: {}", "x".repeat(MAX_HEAD_BYTES))),
        "the head of a part is longer than 16384 bytes"
    );
}

#[test]
fn boundaries_of_the_content_type() {
    let check = |text: &str| Reader::new(text).is_ok();
    assert!(check("multipart/form-data; boundary=\"a b\""));
    assert!(check("multipart/form-data; charset=utf-8; Boundary=abc"));
    assert!(!check("multipart/form-data"));
    assert!(!check("multipart/form-data; boundary="));
    assert!(!check(&format!("multipart/form-data; boundary={}", "a".repeat(71))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Content comes through whole however the body is cut, also content that nearly is a boundary.
    #[test]
    fn content_survives_any_cut(
        contents in prop::collection::vec("(\r\n|--|XX|\r|\n|-|X|a){0,20}", 1..4),
        size in 1usize..40,
    ) {
        // What holds the delimiter itself ends there by definition.
        prop_assume!(contents.iter().all(|it| !format!("\r\n{it}").contains("\r\n--XX")));
        prop_assume!(contents.iter().all(|it| !format!("{it}\r\n").contains("\r\n--XX")));
        let mut body: String = contents.iter().map(|it| part("p", it)).collect();
        body.push_str("--XX--\r\n");
        let parts = read(body.as_bytes(), size).expect("a good body");
        let found: Vec<_> = parts.into_iter().map(|(_, data)| data).collect();
        let wanted: Vec<_> = contents.into_iter().map(String::into_bytes).collect();
        prop_assert_eq!(found, wanted);
    }

    /// Nothing panics, and what is held stays small.
    #[test]
    fn noise_is_harmless(body in "(--XX|\r\n|--|Content-Disposition: form-data; name=|\"|;|=|a){0,60}", size in 1usize..9) {
        let _ = read(body.as_bytes(), size);
    }
}
