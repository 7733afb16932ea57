//! Mutations that are the same every time.

/// A sequence of mutations decided by a seed.
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
}

/// What makes readers stumble: ends of ranges, signs, and the marks of the formats.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"-1",
    b"9223372036854775807",
    b"18446744073709551616",
    b"..",
    b"/",
    b"./",
    b"\r\n",
    b"\n",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"{",
    b"[",
    b"\"",
    b"'",
    b"{{repl ",
    b"repl{{ ",
    b"}}",
    b"\x1f\x8b\x08",
    b"ustar\0",
    b"path=",
    b"size=",
    b"--",
    "\u{202e}".as_bytes(),
    "ä".as_bytes(),
    b"!!binary ",
    b"|-\n",
    b"null",
    b"~",
    b"1e400",
    b"0o17",
];

impl Mutator {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// A number below `end`, or 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        // The upper half: 32 bits fit every `usize` we run on.
        let number = usize::try_from(self.state >> 32).unwrap_or(0);
        number.checked_rem(end).unwrap_or(0)
    }

    /// `data` with one to four changes; `other` is another seed to take pieces from.
    pub fn mutate(&mut self, data: &[u8], other: &[u8]) -> Vec<u8> {
        let mut data = data.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(data.len() + 1);
            let len = self.below(64).min(data.len() - at);
            match self.below(8) {
                0 if at < data.len() => data[at] ^= 1 << self.below(8),
                1 if at < data.len() => data[at] = u8::try_from(self.below(256)).unwrap_or(0),
                2 => drop(data.drain(at..at + len)),
                3 => {
                    let piece = data[at..at + len].to_vec();
                    let to = self.below(data.len() + 1);
                    data.splice(to..to, piece);
                }
                4 => data.truncate(at),
                5 => {
                    let from = self.below(other.len() + 1);
                    let take = self.below(600).min(other.len() - from);
                    data.splice(at..at + len, other[from..from + take].iter().copied());
                }
                6 => {
                    let word = WORDS[self.below(WORDS.len())];
                    data.splice(at..at, word.iter().copied());
                }
                _ => {
                    let word = WORDS[self.below(WORDS.len())];
                    let end = (at + word.len()).min(data.len());
                    data.splice(at..end, word.iter().copied());
                }
            }
        }
        data
    }
}
