//! Go's view of bytes as runes: a byte that starts no valid character is one U+FFFD of width 1.

/// Returns the first rune of `bytes` and its width; (U+FFFD, 1) for a bad byte, (U+FFFD, 0) for none.
pub(crate) fn decode(bytes: &[u8]) -> (char, usize) {
    let head = &bytes[..bytes.len().min(4)];
    if head.is_empty() {
        return ('\u{FFFD}', 0);
    }
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next().map_or(('\u{FFFD}', 1), |c| (c, c.len_utf8()))
}

/// Returns every rune with the offset it starts at.
pub(crate) fn runes(bytes: &[u8]) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (rune, width) = decode(bytes.get(at..)?);
        if width == 0 {
            return None;
        }
        at += width;
        Some((at - width, rune))
    })
}

/// Returns the number of runes.
pub(crate) fn count(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().count(),
        Err(_) => runes(bytes).count(),
    }
}

/// Appends a rune; what is no character becomes U+FFFD.
pub(crate) fn push(out: &mut Vec<u8>, rune: char) {
    out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
}
