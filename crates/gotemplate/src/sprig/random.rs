//! What is different each time.

use super::args::{check_size, int, string, text};
use super::sources::Sources;
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::types::Type::{Int, String as Text};
use crate::utf8;
use crate::value::Value;

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BOTH: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub(super) fn register(to: &mut Registry, sources: &Sources) {
    let ascii: &'static [u8] = &ASCII;
    for (name, alphabet) in [
        ("randAlphaNum", BOTH),
        ("randAlpha", LETTERS),
        ("randNumeric", DIGITS),
        ("randAscii", ascii),
    ] {
        let sources = sources.clone();
        to.typed(name, &[Int], move |a| random_text(&sources, alphabet, int(a, 0)));
    }
    let from = sources.clone();
    to.typed("randBytes", &[Int], move |a| {
        let Ok(count) = usize::try_from(int(a, 0)) else {
            return Err("runtime error: makeslice: len out of range".into());
        };
        check_size(count)?;
        let mut bytes = vec![0; count];
        from.fill(&mut bytes);
        string(super::encoding::base64(&bytes))
    });
    let from = sources.clone();
    to.typed("randInt", &[Int, Int], move |a| {
        let (min, max) = (int(a, 0), int(a, 1));
        let Some(n) = u64::try_from(max.wrapping_sub(min)).ok().filter(|n| *n > 0) else {
            return Err("invalid argument to Intn".into());
        };
        Ok(Value::Int(min.wrapping_add(i64::try_from(from.below(n)).unwrap_or(0))))
    });
    let from = sources.clone();
    to.typed("shuffle", &[Text], move |a| {
        let mut runes: Vec<char> = utf8::runes(text(a, 0)).map(|(_, r)| r).collect();
        for i in (1..runes.len()).rev() {
            let n = u64::try_from(i + 1).unwrap_or(1);
            runes.swap(i, usize::try_from(from.below(n)).unwrap_or(0));
        }
        string(runes.into_iter().collect::<String>())
    });
    let from = sources.clone();
    to.typed("uuidv4", &[], move |_| {
        let mut bytes = [0; 16];
        from.fill(&mut bytes);
        string(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    });
}

/// The printable characters of ASCII.
static ASCII: [u8; 95] = {
    let mut all = [0; 95];
    let mut i = 0;
    while i < 95 {
        #[expect(clippy::cast_possible_truncation, reason = "95 fits")]
        {
            all[i] = b' ' + i as u8;
        }
        i += 1;
    }
    all
};

fn random_text(sources: &Sources, alphabet: &[u8], count: i64) -> Answer {
    let Ok(count) = usize::try_from(count) else {
        return string("");
    };
    check_size(count)?;
    if count > MAX_RANDOM {
        return Err(FuncError(format!("more than {MAX_RANDOM} random characters")));
    }
    let n = u64::try_from(alphabet.len()).unwrap_or(1);
    let text: Vec<u8> =
        (0..count).map(|_| alphabet[usize::try_from(sources.below(n)).unwrap_or(0)]).collect();
    string(text)
}

/// Randomness costs time: nobody needs more in one go.
const MAX_RANDOM: usize = 4 << 20;
