//! The 512 bytes that precede an entry.

use super::error::HeaderFault;

/// Bytes of a tar block.
pub(super) const BLOCK: usize = 512;

/// What the type byte says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Pax,
    PaxGlobal,
    LongName,
    LongLink,
    /// Only allowed where links are; the words are for people.
    Link(&'static str),
    /// Not allowed; the words are for people.
    Refused(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) size: u64,
    /// Where a link leads to.
    pub(super) link: Vec<u8>,
    /// The type byte is the zero of tar programs before POSIX, which marked folders by a slash.
    pub(super) old_file: bool,
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, HeaderFault> {
        check_sum(block)?;
        let format = Format::of(block)?;
        // Mode, owner, group, time and device mean nothing here; but Python's tarfile ends without a word at a header in
        // which one of them is no number.
        for field in [100..108, 108..116, 116..124, 136..148, 329..337, 337..345] {
            check_number(&block[field])?;
        }
        let mut name = text(&block[..100]).to_vec();
        // GNU's own format keeps times of incremental archives where POSIX keeps the prefix. Python's tarfile takes
        // whatever is there for a part of the name, in every format.
        if format == Format::Posix {
            let prefix = text(&block[345..500]);
            if !prefix.is_empty() {
                name = [prefix, b"/", &name].concat();
            }
        } else if block[345..500].iter().any(|it| *it != 0) {
            return Err(HeaderFault::Prefix);
        }
        let kind = match (block[156], format) {
            (0 | b'0', _) => Kind::File,
            (b'5', _) => Kind::Directory,
            (b'x', Format::Posix) => Kind::Pax,
            (b'g', Format::Posix) => Kind::PaxGlobal,
            (b'L', Format::Gnu) => Kind::LongName,
            (b'K', Format::Gnu) => Kind::LongLink,
            (b'K', _) => Kind::Refused("symbolic link"),
            (b'1', _) => Kind::Link("hard link"),
            (b'2', _) => Kind::Link("symbolic link"),
            (b'3', _) => Kind::Refused("character device"),
            (b'4', _) => Kind::Refused("block device"),
            (b'6', _) => Kind::Refused("named pipe"),
            (b'S', _) => Kind::Refused("sparse file"),
            (b'M', _) => Kind::Refused("part of a file from another volume"),
            _ => Kind::Refused("thing of unknown type"),
        };
        let link = text(&block[157..257]).to_vec();
        Ok(Self { name, kind, size: number(&block[124..136])?, link, old_file: block[156] == 0 })
    }
}

/// Which rules a header follows. Extensions of one format in headers of another are understood by some programs and not by
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Before POSIX.
    Old,
    Posix,
    Gnu,
}

impl Format {
    fn of(block: &[u8; BLOCK]) -> Result<Self, HeaderFault> {
        match &block[257..265] {
            b"ustar\x0000" => Ok(Self::Posix),
            b"ustar  \0" => Ok(Self::Gnu),
            [0, 0, 0, 0, 0, 0, 0, 0] => Ok(Self::Old),
            _ => Err(HeaderFault::Format),
        }
    }
}

/// A field that ends at its first zero byte, or fills its place.
fn text(field: &[u8]) -> &[u8] {
    field.split(|it| *it == 0).next().unwrap_or_default()
}

/// Octal digits between spaces and zeros, or GNU's base 256.
fn number(field: &[u8]) -> Result<u64, HeaderFault> {
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        if first & 0x40 != 0 {
            return Err(HeaderFault::Negative);
        }
        let start = u64::from(first & 0x3f);
        return rest
            .iter()
            .try_fold(start, |sum, it| {
                let sum = sum.checked_mul(256)?.checked_add(u64::from(*it))?;
                (sum >> 63 == 0).then_some(sum)
            })
            .ok_or(HeaderFault::Overflow);
    }
    // GNU tar passes over one zero byte before a number, others take the field for empty.
    if field.first() == Some(&0) && field.iter().any(|it| *it != 0) {
        return Err(HeaderFault::Number);
    }
    let digits = text(field).trim_ascii();
    if digits.first() == Some(&b'-') {
        return Err(HeaderFault::Negative);
    }
    // Twelve octal digits have at most 36 bits.
    digits.iter().try_fold(0, |sum, it| match it {
        b'0'..=b'7' => Ok(sum * 8 + u64::from(it - b'0')),
        _ => Err(HeaderFault::Number),
    })
}

/// Whether a field that may be negative holds a number: base 256 in the two forms that all programs know, or octal.
fn check_number(field: &[u8]) -> Result<(), HeaderFault> {
    match field.first() {
        Some(0x80 | 0xff) => Ok(()),
        Some(0x81..) => Err(HeaderFault::Number),
        _ => number(field).map(drop),
    }
}

/// The sum of all bytes, the checksum's own taken as spaces. Some old programs summed signed bytes.
fn check_sum(block: &[u8; BLOCK]) -> Result<(), HeaderFault> {
    let sum = |value: fn(u8) -> i64| {
        let (mut sum, own) = (8 * value(b' '), 148..156);
        for byte in block[..own.start].iter().chain(&block[own.end..]) {
            sum += value(*byte);
        }
        sum
    };
    let stored = number(&block[148..156]).ok().and_then(|it| i64::try_from(it).ok());
    let is = |sum| stored == Some(sum);
    if is(sum(i64::from)) || is(sum(|it| i64::from(it.cast_signed()))) {
        Ok(())
    } else {
        Err(HeaderFault::Checksum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &[u8; 12]) -> String {
        match number(field) {
            Ok(number) => number.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(check(b"00000000017\0"), "15");
        assert_eq!(check(b"        17 \0"), "15");
        assert_eq!(check(b"777777777777"), "68719476735");
        assert_eq!(check(&[0; 12]), "0");
        assert_eq!(check(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1]), "8589934593");
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        assert_eq!(check(b"-0000000017\0"), "a size is negative");
        assert_eq!(check(&[0xff; 12]), "a size is negative");
        assert_eq!(check(b"0000000001a\0"), "a number in the header is not one");
        assert_eq!(check(b"\x000000000071\0"), "a number in the header is not one");
        let beyond = "a size is beyond what a file can have";
        assert_eq!(check(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]), beyond);
        assert_eq!(check(&[0xbf, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]), beyond);
    }

    #[test]
    fn fields_that_mean_nothing_here_hold_numbers_all_the_same() {
        let block = |field: &[u8; 8]| {
            let mut block = [0; BLOCK];
            block[0] = b'a';
            block[108..116].copy_from_slice(field);
            let sum: u32 = block.iter().map(|it| u32::from(*it)).sum::<u32>() + 8 * 32;
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            Header::parse(&block).map(|it| it.name)
        };
        for good in
            [b"0001750\0", b"\0\0\0\0\0\0\0\0", b"  1750 \0", b"\xff\xff\xff\xff\xff\xff\xff\xfe"]
        {
            assert_eq!(block(good).as_deref(), Ok(&b"a"[..]), "{good:?}");
        }
        for bad in [b"000x750\0", b"\x81\0\0\0\0\0\0\0"] {
            assert_eq!(block(bad), Err(HeaderFault::Number), "{bad:?}");
        }
    }
}
