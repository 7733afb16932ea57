//! Bytes that do not compress, the same every time.

use std::io::{self, Read};

/// `len` pseudo-random bytes (xorshift64*). The seed decides which.
#[derive(Debug, Clone)]
pub struct Noise {
    state: u64,
    left: u64,
    word: [u8; 8],
    used: usize,
}

impl Noise {
    /// Bytes decided by `seed`.
    pub fn new(seed: u64, len: u64) -> Self {
        // The state must not be zero.
        Self { state: seed ^ 0x9e37_79b9_7f4a_7c15 | 1, left: len, word: [0; 8], used: 8 }
    }

    fn next(&mut self) -> [u8; 8] {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    }
}

impl Read for Noise {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let mut at = 0;
        while at < len {
            if self.used == 8 {
                (self.word, self.used) = (self.next(), 0);
            }
            let n = (8 - self.used).min(len - at);
            buf[at..at + n].copy_from_slice(&self.word[self.used..self.used + n]);
            self.used += n;
            at += n;
        }
        self.left -= len as u64;
        Ok(len)
    }
}

/// The hex digits of noise, which compress to half.
#[derive(Debug, Clone)]
pub struct HexNoise {
    noise: Noise,
    digit: Option<u8>,
}

impl HexNoise {
    /// Digits decided by `seed`, an even number of them.
    pub fn new(seed: u64, len: u64) -> Self {
        Self { noise: Noise::new(seed, len / 2), digit: None }
    }
}

impl Read for HexNoise {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let digit = |it: u8| b"0123456789abcdef"[usize::from(it & 15)];
        if let (Some(it), Some(first)) = (self.digit, buf.first_mut()) {
            *first = it;
            self.digit = None;
            return Ok(1);
        }
        let mut half = vec![0; buf.len().div_ceil(2).min(64 << 10)];
        let n = self.noise.read(&mut half)?;
        let mut made = 0;
        for it in &half[..n] {
            for it in [digit(it >> 4), digit(*it)] {
                match buf.get_mut(made) {
                    Some(place) => *place = it,
                    None => self.digit = Some(it),
                }
                made += 1;
            }
        }
        Ok(made.min(buf.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_however_they_are_read() {
        let mut whole = Vec::new();
        Noise::new(7, 1001).read_to_end(&mut whole).expect("it never fails");
        assert_eq!(whole.len(), 1001);
        let mut parts = Vec::new();
        let mut noise = Noise::new(7, 1001);
        let mut buf = [0; 13];
        loop {
            let n = noise.read(&mut buf).expect("it never fails");
            if n == 0 {
                break;
            }
            parts.extend_from_slice(&buf[..n]);
        }
        assert_eq!(parts, whole);
    }

    #[test]
    fn digits_are_those_of_the_noise() {
        let mut noise = Vec::new();
        Noise::new(7, 50).read_to_end(&mut noise).expect("it never fails");
        let (mut digits, mut part, mut source) = (Vec::new(), [0; 7], HexNoise::new(7, 100));
        loop {
            let n = source.read(&mut part).expect("it never fails");
            if n == 0 {
                break;
            }
            digits.extend_from_slice(&part[..n]);
        }
        assert_eq!(digits, hex::encode(noise).into_bytes());
    }
}
