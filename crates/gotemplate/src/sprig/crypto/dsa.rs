//! DSA keys with 2,048 and 256 bits, and the arithmetic they need: nothing else here makes such keys.

use std::cmp::Ordering;

use super::super::sources::Sources;
use super::der;

const P_BITS: usize = 2_048;
const Q_BITS: usize = 256;

/// Rounds of Miller and Rabin's test, as many as Go makes.
const ROUNDS: usize = 64;

/// A number that is not negative, the least significant limb first, without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Nat(Vec<u64>);

impl Nat {
    fn small(n: u64) -> Self {
        Self(vec![n]).trimmed()
    }

    fn random(bits: usize, sources: &Sources) -> Self {
        let mut bytes = vec![0; bits / 8];
        sources.fill(&mut bytes);
        let limbs = bytes.chunks_exact(8).map(|b| b.iter().fold(0, |n, b| n << 8 | u64::from(*b)));
        Self(limbs.collect()).trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn bits(&self) -> usize {
        self.0.last().map_or(0, |top| self.0.len() * 64 - top.leading_zeros() as usize)
    }

    fn bit(&self, i: usize) -> bool {
        self.0.get(i / 64).is_some_and(|limb| limb >> (i % 64) & 1 == 1)
    }

    fn set_bit(&mut self, i: usize) {
        if self.0.len() <= i / 64 {
            self.0.resize(i / 64 + 1, 0);
        }
        self.0[i / 64] |= 1 << (i % 64);
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Subtracts a number that is not greater.
    fn sub(&self, other: &Self) -> Self {
        let mut borrow = false;
        let limbs = self.0.iter().enumerate().map(|(i, limb)| {
            let (value, first) = limb.overflowing_sub(*other.0.get(i).unwrap_or(&0));
            let (value, second) = value.overflowing_sub(u64::from(borrow));
            borrow = first || second;
            value
        });
        Self(limbs.collect()).trimmed()
    }

    fn double_plus(&self, bit: bool) -> Self {
        let mut carry = u64::from(bit);
        let mut limbs: Vec<u64> = self
            .0
            .iter()
            .map(|limb| {
                let value = limb << 1 | carry;
                carry = limb >> 63;
                value
            })
            .collect();
        limbs.push(carry);
        Self(limbs).trimmed()
    }

    fn half(&self) -> Self {
        let limbs = (0..self.0.len())
            .map(|i| self.0[i] >> 1 | self.0.get(i + 1).map_or(0, |next| next << 63));
        Self(limbs.collect()).trimmed()
    }

    fn div_rem(&self, by: &Self) -> (Self, Self) {
        let (mut quotient, mut rest) = (Self(Vec::new()), Self(Vec::new()));
        for i in (0..self.bits()).rev() {
            rest = rest.double_plus(self.bit(i));
            if rest.compare(by) != Ordering::Less {
                rest = rest.sub(by);
                quotient.set_bit(i);
            }
        }
        (quotient.trimmed(), rest)
    }

    fn rem_small(&self, by: u64) -> u64 {
        let rest = self
            .0
            .iter()
            .rev()
            .fold(0u128, |rest, limb| (rest << 64 | u128::from(*limb)) % u128::from(by));
        u64::try_from(rest).unwrap_or(0)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
    }
}

/// Arithmetic modulo an odd number, by Montgomery's method.
struct Modulus {
    n: Vec<u64>,
    /// The negative inverse of the lowest limb.
    inverse: u64,
    /// `2^(128 × limbs) mod n`.
    square: Vec<u64>,
}

impl Modulus {
    fn new(n: &Nat) -> Self {
        let low = n.0.first().copied().unwrap_or(1);
        let mut inverse = low;
        for _ in 0..6 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(low.wrapping_mul(inverse)));
        }
        let mut power = Nat::small(1);
        for _ in 0..n.0.len() * 128 {
            power = power.double_plus(false);
            if power.compare(n) != Ordering::Less {
                power = power.sub(n);
            }
        }
        let mut square = power.0;
        square.resize(n.0.len(), 0);
        Self { n: n.0.clone(), inverse: inverse.wrapping_neg(), square }
    }

    fn mul(&self, a: &[u64], b: &[u64]) -> Vec<u64> {
        let len = self.n.len();
        let mut t = vec![0u64; len + 2];
        let step = |t: &mut [u64], x: u64, y: &[u64]| {
            let mut carry = 0u128;
            for (slot, y) in t.iter_mut().zip(y) {
                let value = u128::from(*slot) + u128::from(x) * u128::from(*y) + carry;
                *slot = low(value);
                carry = value >> 64;
            }
            for slot in &mut t[len..] {
                let value = u128::from(*slot) + carry;
                *slot = low(value);
                carry = value >> 64;
            }
        };
        for x in a {
            step(&mut t, *x, b);
            let m = t[0].wrapping_mul(self.inverse);
            step(&mut t, m, &self.n);
            t.rotate_left(1);
            t[len + 1] = 0;
        }
        let (result, n) = (Nat(t).trimmed(), Nat(self.n.clone()).trimmed());
        let mut result = if result.compare(&n) == Ordering::Less { result } else { result.sub(&n) };
        result.0.resize(len, 0);
        result.0
    }

    fn pow(&self, base: &Nat, exponent: &Nat) -> Nat {
        let pad = |nat: &Nat| {
            let mut limbs = nat.0.clone();
            limbs.resize(self.n.len(), 0);
            limbs
        };
        let base = self.mul(&pad(base), &self.square);
        let one = pad(&Nat::small(1));
        let mut result = self.mul(&one, &self.square);
        for i in (0..exponent.bits()).rev() {
            result = self.mul(&result, &result);
            if exponent.bit(i) {
                result = self.mul(&result, &base);
            }
        }
        Nat(self.mul(&result, &one)).trimmed()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
fn low(value: u128) -> u64 {
    value as u64
}

/// Returns the primes that sort most candidates out.
fn small_primes() -> Vec<u64> {
    (3..2_000u64).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).collect()
}

fn probably_prime(n: &Nat, primes: &[u64], sources: &Sources) -> bool {
    if primes.iter().any(|prime| n.rem_small(*prime) == 0) {
        return false;
    }
    let one = Nat::small(1);
    let minus_one = n.sub(&one);
    let (mut odd, mut twos) = (minus_one.clone(), 0);
    while !odd.bit(0) {
        odd = odd.half();
        twos += 1;
    }
    let modulus = Modulus::new(n);
    (0..ROUNDS).all(|_| {
        let (_, base) = Nat::random(n.bits().next_multiple_of(64), sources).div_rem(n);
        let mut power = modulus.pow(&base, &odd);
        if base.bits() < 2 || power == one || power == minus_one {
            return true;
        }
        (1..twos).any(|_| {
            power = modulus.pow(&power, &Nat::small(2));
            power == minus_one
        })
    })
}

/// Makes a key and returns it as OpenSSL writes it.
#[expect(clippy::many_single_char_names, reason = "they are the names the standard gives")]
pub(super) fn generate(sources: &Sources) -> Vec<u8> {
    let primes = small_primes();
    let (p, q) = loop {
        let mut q = Nat::random(Q_BITS, sources);
        q.set_bit(0);
        q.set_bit(Q_BITS - 1);
        if !probably_prime(&q, &primes, sources) {
            continue;
        }
        let double = q.double_plus(false);
        let found = (0..4 * P_BITS).find_map(|_| {
            let mut p = Nat::random(P_BITS, sources);
            p.set_bit(0);
            p.set_bit(P_BITS - 1);
            // One more than a multiple of 2q.
            let (_, rest) = p.div_rem(&double);
            let p = p.sub(&rest.sub(&Nat::small(1)));
            (p.bits() == P_BITS && probably_prime(&p, &primes, sources)).then_some(p)
        });
        if let Some(p) = found {
            break (p, q);
        }
    };
    let modulus = Modulus::new(&p);
    let one = Nat::small(1);
    let (exponent, _) = p.sub(&one).div_rem(&q);
    let g = (2..1_000u64)
        .map(|h| modulus.pow(&Nat::small(h), &exponent))
        .find(|g| *g != one)
        .unwrap_or_else(|| one.clone());
    let x = loop {
        let x = Nat::random(Q_BITS, sources);
        if x.bits() > 0 && x.compare(&q) == Ordering::Less {
            break x;
        }
    };
    let y = modulus.pow(&g, &x);
    let parts: Vec<u8> =
        [&p, &q, &g, &y, &x].iter().flat_map(|n| der::integer(&n.bytes())).collect();
    der::sequence(&[&der::integer(&[]), &parts])
}

#[cfg(test)]
mod tests {
    use super::{Modulus, Nat, probably_prime, small_primes};
    use crate::sprig::Sources;

    #[test]
    fn powers_and_primes_are_right() {
        let sources = Sources::system();
        let prime = Nat(vec![u64::MAX - 58, 0]).trimmed();
        assert!(probably_prime(&prime, &small_primes(), &sources));
        let product = Nat(vec![1, 0, 2]);
        assert!(!probably_prime(&Nat(vec![u64::MAX]), &small_primes(), &sources));
        let modulus = Modulus::new(&product);
        assert_eq!(modulus.pow(&Nat::small(3), &Nat::small(5)), Nat::small(243));
        let fermat = Modulus::new(&prime);
        assert_eq!(fermat.pow(&Nat::small(7), &prime.sub(&Nat::small(1))), Nat::small(1));
        let (quotient, rest) = Nat(vec![5, 7]).div_rem(&Nat::small(10));
        assert_eq!((quotient.rem_small(10), rest), (1, Nat::small(7)));
    }
}
