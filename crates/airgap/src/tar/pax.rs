//! PAX extended headers: `LENGTH KEY=VALUE\n`, repeated.

use super::error::PaxFault;

/// The records that change how an entry is read. All others are either harmless and passed over, or refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) link: Option<Vec<u8>>,
}

impl Pax {
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, PaxFault> {
        let mut pax = Self::default();
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes).ok_or(PaxFault::Malformed)?;
            bytes = rest;
            match key {
                b"path" => once("path", &mut pax.path, value.to_vec())?,
                b"size" => once("size", &mut pax.size, size(value)?)?,
                // Names in another encoding than UTF-8 would be read in two ways.
                b"hdrcharset" if value != b"ISO-IR 10646 2000 UTF-8" => {
                    return Err(PaxFault::Refused("hdrcharset".to_owned()));
                }
                b"linkpath" => once("linkpath", &mut pax.link, value.to_vec())?,
                // Sparse files: the data is not what the size says.
                _ if key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize" => {
                    return Err(PaxFault::Refused(super::name::shown(key)));
                }
                _ => {}
            }
        }
        Ok(pax)
    }

    /// A path or a size for all entries to come makes no sense but for misleading a reader.
    pub(super) fn check_global(&self) -> Result<(), PaxFault> {
        match self {
            Self { path: Some(_), .. } => Err(PaxFault::Global("path")),
            Self { size: Some(_), .. } => Err(PaxFault::Global("size")),
            Self { link: Some(_), .. } => Err(PaxFault::Global("linkpath")),
            Self { path: None, size: None, link: None } => Ok(()),
        }
    }
}

/// Key, value and what follows the first record.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(8).position(|it| *it == b' ')?;
    let len = usize::try_from(digits(&bytes[..space])?).ok()?;
    let (record, rest) = bytes.split_at_checked(len)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|it| *it == b'=')?;
    let key = &record[..equals];
    (!key.is_empty() && !key.contains(&0)).then_some((key, &record[equals + 1..], rest))
}

fn once<T>(key: &'static str, slot: &mut Option<T>, value: T) -> Result<(), PaxFault> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(PaxFault::Twice(key)),
    }
}

fn size(value: &[u8]) -> Result<u64, PaxFault> {
    digits(value)
        .filter(|it| it >> 63 == 0)
        .ok_or_else(|| PaxFault::Size(super::name::shown(value)))
}

/// Decimal digits, nothing else: no sign, no space, not empty.
fn digits(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, it| match it {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(it - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_bytes(records: &[u8]) -> String {
        match Pax::parse(records) {
            Ok(pax) => {
                let path = pax.path.map(|it| String::from_utf8_lossy(&it).into_owned());
                format!("path {path:?}, size {:?}", pax.size)
            }
            Err(error) => error.to_string(),
        }
    }

    /// Records without their lengths, which are put before them.
    fn check(records: &[&str]) -> String {
        let with_len = |it: &&str| {
            let len = it.len() + 3;
            let len = if len.to_string().len() == 1 { len } else { len + 1 };
            format!("{len} {it}\n")
        };
        check_bytes(records.iter().map(with_len).collect::<String>().as_bytes())
    }

    #[test]
    fn path_and_size_are_read_and_the_rest_is_passed_over() {
        assert_eq!(
            check(&["path=a b", "size=12345", "mtime=1730000.12345"]),
            "path Some(\"a b\"), size Some(12345)"
        );
        assert_eq!(
            check(&["size=9223372036854775807"]),
            "path None, size Some(9223372036854775807)"
        );
        // As macOS writes them, with any bytes in the value.
        assert_eq!(check_bytes(b"28 SCHILY.xattr.a=\0\n=\xff\n1234\n"), "path None, size None");
        assert_eq!(check_bytes(b""), "path None, size None");
    }

    #[test]
    fn tricks_are_refused() {
        assert_eq!(check(&["path=a", "path=b"]), "`path` is given twice");
        assert_eq!(check(&["size=1", "size=1"]), "`size` is given twice");
        for size in ["-1", "", "+1", " 1", "0x1", "9223372036854775808", "99999999999999999999999"]
        {
            assert_eq!(
                check(&[&format!("size={size}")]),
                format!("`size` is {size:?}, allowed are digits up to 9223372036854775807")
            );
        }
        assert_eq!(check(&["linkpath=a", "linkpath=b"]), "`linkpath` is given twice");
        assert_eq!(check(&["GNU.sparse.major=1"]), "`GNU.sparse.major` is not allowed");
        assert_eq!(check(&["hdrcharset=BINARY"]), "`hdrcharset` is not allowed");
    }

    #[test]
    fn what_is_not_a_record_is_malformed() {
        for records in [
            b"path=a\n".as_slice(),
            b"0 path=a\n",
            b"5 path=a\n",
            b"99999999999999999999 path=a\n",
            b"100 path=a\n",
            b"9 path=a\nx",
            b"11 path=a\n",
            b"9 pathxa\n",
            b"6 =ab\n",
            b"-1 a=b\n",
            b"9 path=aa",
        ] {
            assert_eq!(check_bytes(records), "a record is malformed", "{}", records.escape_ascii());
        }
    }
}
