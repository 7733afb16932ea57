//! Just enough DER to write certificates and to take keys apart.

/// Returns a value under its tag.
pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(u8::try_from(length).unwrap_or(0));
    } else {
        let bytes = length.to_be_bytes();
        let skip = bytes.iter().take_while(|b| **b == 0).count();
        out.push(0x80 | u8::try_from(bytes.len() - skip).unwrap_or(0));
        out.extend_from_slice(&bytes[skip..]);
    }
    out.extend_from_slice(content);
    out
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// Returns a number that is not negative.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let skip = bytes.iter().take_while(|b| **b == 0).count();
    let bytes = &bytes[skip..];
    match bytes.first() {
        None => tagged(0x02, &[0]),
        Some(first) if *first >= 0x80 => tagged(0x02, &[&[0], bytes].concat()),
        Some(_) => tagged(0x02, bytes),
    }
}

pub(super) fn octets(bytes: &[u8]) -> Vec<u8> {
    tagged(0x04, bytes)
}

pub(super) fn bits(bytes: &[u8]) -> Vec<u8> {
    tagged(0x03, &[&[0], bytes].concat())
}

/// Reads one value: its tag, its content, and what follows.
pub(super) fn read(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, length) = (*bytes.first()?, *bytes.get(1)?);
    let (start, length) = if length < 0x80 {
        (2, usize::from(length))
    } else {
        let n = usize::from(length & 0x7f);
        if n == 0 || n > 4 {
            return None;
        }
        let length = bytes.get(2..2 + n)?.iter().fold(0usize, |l, b| l << 8 | usize::from(*b));
        (2 + n, length)
    };
    let end = start.checked_add(length)?;
    Some((tag, bytes.get(start..end)?, &bytes[end..]))
}

/// Reads a value of this tag.
pub(super) fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = read(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Returns the value with its tag and length, and what follows.
pub(super) fn whole(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, _, rest) = read(bytes)?;
    Some((&bytes[..bytes.len() - rest.len()], rest))
}

/// Makes sure that a sequence begins here; the error is Go's text for the structure `name`.
pub(super) fn check_sequence(bytes: &[u8], name: &str) -> Result<(), String> {
    let Some((first, second)) = bytes.first().zip(bytes.get(1)) else {
        return Err("asn1: syntax error: sequence truncated".to_owned());
    };
    if *first != 0x30 {
        let (class, tag, compound) = (first >> 6, first & 0x1f, first & 0x20 != 0);
        return Err(format!(
            "asn1: structure error: tags don't match (16 vs {{class:{class} tag:{tag} \
             length:{second} isCompound:{compound}}}) {{optional:false explicit:false \
             application:false private:false defaultValue:<nil> tag:<nil> stringType:0 timeType:0 \
             set:false omitEmpty:false}} {name} @2"
        ));
    }
    match read(bytes) {
        Some(_) => Ok(()),
        None => Err("asn1: syntax error: data truncated".to_owned()),
    }
}
