//! What stands around the compressed data of a member (RFC 1952): its header, its trailer, and what may follow.

use std::io::Read;

use flate2::Crc;

use super::{Fault, Gunzip, GzipError};

const FLAG_HEADER_CRC: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;
const FLAGS_RESERVED: u8 = 0xe0;

impl<R: Read> Gunzip<R> {
    /// What is left of a member's header after its first byte.
    pub(super) fn header(&mut self, first: u8) -> Result<(), Fault> {
        let at = self.consumed - 1;
        if at > 0 && first != 0x1f {
            return Err(GzipError::Trailing { at }.into());
        }
        let second = self.byte()?;
        if (first, second) != (0x1f, 0x8b) {
            return Err(if at == 0 {
                GzipError::NotGzip(first, second)
            } else {
                GzipError::Trailing { at }
            }
            .into());
        }
        let mut sum = Crc::new();
        sum.update(&[first, second]);
        let damaged = |what| Fault::from(GzipError::Header { at, what });
        let mut fixed = [0; 8];
        for byte in &mut fixed {
            *byte = self.byte()?;
        }
        sum.update(&fixed);
        let [method, flags, ..] = fixed;
        if method != 8 {
            return Err(damaged("unknown compression method"));
        }
        if flags & FLAGS_RESERVED != 0 {
            return Err(damaged("reserved flags are set"));
        }
        if flags & FLAG_EXTRA != 0 {
            let len = [self.byte()?, self.byte()?];
            sum.update(&len);
            for _ in 0..u16::from_le_bytes(len) {
                sum.update(&[self.byte()?]);
            }
        }
        for flag in [FLAG_NAME, FLAG_COMMENT] {
            let mut more = flags & flag != 0;
            while more {
                let byte = self.byte()?;
                sum.update(&[byte]);
                more = byte != 0;
            }
        }
        if flags & FLAG_HEADER_CRC != 0 {
            let found = [self.byte()?, self.byte()?];
            if sum.sum().to_le_bytes()[..2] != found {
                return Err(damaged("its checksum does not match"));
            }
        }
        Ok(())
    }

    /// The end of a member: compared with what was decompressed, unless the member was entered inside.
    pub(super) fn trailer(&mut self) -> Result<(), Fault> {
        let mut trailer = [0; 8];
        for byte in &mut trailer {
            *byte = self.byte()?;
        }
        let number =
            |at| trailer.iter().skip(at).take(4).rfold(0, |sum, it| sum << 8 | u64::from(*it));
        let (crc, len) = (number(0), number(4));
        // The length is stored modulo 2^32.
        if let Some(sum) = &self.crc
            && (crc != u64::from(sum.sum()) || len != self.inflate.total_out() & 0xffff_ffff)
        {
            return Err(GzipError::Checksum { at: self.consumed }.into());
        }
        self.inflate.reset(false);
        self.crc = Some(Crc::new());
        Ok(())
    }

    /// What follows a member: nothing, padding, or another member whose first byte this returns.
    pub(super) fn between(&mut self) -> Result<Option<u8>, Fault> {
        if !self.fill()? {
            return Ok(None);
        }
        let at = self.consumed;
        let first = self.byte()?;
        if first != 0 {
            return Ok(Some(first));
        }
        while self.fill()? {
            if self.input[self.start..self.end].iter().any(|it| *it != 0) {
                return Err(GzipError::Trailing { at }.into());
            }
            self.consumed += (self.end - self.start) as u64;
            self.start = self.end;
        }
        Ok(None)
    }
}
