//! Decimal numbers of any length: `addf 0.1 0.2` is 0.3 here, as in sprig.

use std::cmp::Ordering;

use crate::error::FuncError;
use crate::strconv::format_float;

/// Numbers with more digits are refused: a template could multiply without end.
const MAX_DIGITS: usize = 8_000;

/// How many digits after the point a division gives.
const DIVISION_PLACES: i64 = 16;

/// `digits × 10^exponent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// From the last to the first, without leading zeros; none for zero.
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    pub(super) fn from_float(f: f64) -> Result<Self, FuncError> {
        if !f.is_finite() {
            let shown = format_float(f, b'g', None);
            return Err(FuncError(format!("Cannot create a Decimal from {shown}")));
        }
        let text = format!("{:e}", f.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits = mantissa.bytes().rev().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
        Ok(Self {
            negative: f < 0.0,
            digits: trimmed(digits),
            exponent: exponent.parse::<i64>().unwrap_or(0) - i64::try_from(fraction).unwrap_or(0),
        })
    }

    /// Returns the nearest float.
    pub(super) fn to_float(&self) -> f64 {
        if self.digits.is_empty() {
            return 0.0;
        }
        let digits: String = self.digits.iter().rev().map(|d| char::from(b'0' + d)).collect();
        let value: f64 = format!("{digits}e{}", self.exponent).parse().unwrap_or(0.0);
        if self.negative { -value } else { value }
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        let (a, b) = (self.scaled(exponent), other.scaled(exponent));
        if self.negative == other.negative {
            return Self { negative: self.negative, digits: sum(&a, &b), exponent };
        }
        match compare(&a, &b) {
            Ordering::Less => {
                Self { negative: other.negative, digits: difference(&b, &a), exponent }
            }
            _ => Self { negative: self.negative, digits: difference(&a, &b), exponent },
        }
    }

    pub(super) fn sub(&self, other: &Self) -> Self {
        self.add(&Self { negative: !other.negative, ..other.clone() })
    }

    pub(super) fn mul(&self, other: &Self) -> Self {
        let mut digits = vec![0u8; self.digits.len() + other.digits.len() + 1];
        for (i, a) in self.digits.iter().enumerate() {
            let mut carry = 0;
            for (j, b) in other.digits.iter().enumerate() {
                let value = digits[i + j] + a * b + carry;
                digits[i + j] = value % 10;
                carry = value / 10;
            }
            let mut at = i + other.digits.len();
            while carry > 0 {
                let value = digits[at] + carry;
                digits[at] = value % 10;
                carry = value / 10;
                at += 1;
            }
        }
        Self {
            negative: self.negative != other.negative,
            digits: trimmed(digits),
            exponent: self.exponent + other.exponent,
        }
    }

    /// Divides to 16 places, rounding halves away from zero.
    pub(super) fn div(&self, other: &Self) -> Result<Self, FuncError> {
        if other.digits.is_empty() {
            return Err("decimal division by 0".into());
        }
        let shift = self.exponent - other.exponent + DIVISION_PLACES;
        let (mut a, mut b) = (self.digits.clone(), other.digits.clone());
        let zeros = usize::try_from(shift.abs()).unwrap_or(0);
        if shift < 0 { &mut b } else { &mut a }.splice(0..0, std::iter::repeat_n(0, zeros));
        let (a, b) = (trimmed(a), trimmed(b));
        let (mut quotient, rest) = divide(&a, &b);
        if compare(&sum(&rest, &rest), &b) != Ordering::Less {
            quotient = sum(&quotient, &[1]);
        }
        Ok(Self {
            negative: self.negative != other.negative,
            digits: quotient,
            exponent: -DIVISION_PLACES,
        })
    }

    /// Refuses a number that has grown too long.
    pub(super) fn checked(self) -> Result<Self, FuncError> {
        if self.digits.len() > MAX_DIGITS {
            return Err(FuncError(format!("a number of more than {MAX_DIGITS} digits")));
        }
        Ok(self)
    }

    fn scaled(&self, exponent: i64) -> Vec<u8> {
        if self.digits.is_empty() {
            return Vec::new();
        }
        let zeros = usize::try_from(self.exponent - exponent).unwrap_or(0);
        let mut digits = vec![0; zeros];
        digits.extend_from_slice(&self.digits);
        digits
    }
}

fn trimmed(mut digits: Vec<u8>) -> Vec<u8> {
    while digits.last() == Some(&0) {
        digits.pop();
    }
    digits
}

fn compare(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    for i in 0..a.len().max(b.len()) {
        let value = a.get(i).unwrap_or(&0) + b.get(i).unwrap_or(&0) + carry;
        out.push(value % 10);
        carry = value / 10;
    }
    out.push(carry);
    trimmed(out)
}

/// Returns `a - b`, where `a` is not less.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(a.len());
    let mut borrow = 0;
    for (i, digit) in a.iter().enumerate() {
        let take = b.get(i).unwrap_or(&0) + borrow;
        borrow = u8::from(*digit < take);
        out.push(digit + 10 * borrow - take);
    }
    trimmed(out)
}

fn divide(a: &[u8], b: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut quotient = Vec::with_capacity(a.len());
    let mut rest: Vec<u8> = Vec::new();
    for digit in a.iter().rev() {
        rest.insert(0, *digit);
        rest = trimmed(rest);
        let mut times = 0;
        while compare(&rest, b) != Ordering::Less {
            rest = difference(&rest, b);
            times += 1;
        }
        quotient.push(times);
    }
    quotient.reverse();
    (trimmed(quotient), rest)
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn decimals_add_and_divide_exactly() {
        let decimal = |f| Decimal::from_float(f).expect("it is finite");
        #[expect(clippy::float_cmp, reason = "exactness is the point")]
        let check = |got: Decimal, want: f64| assert_eq!(got.to_float(), want);
        check(decimal(0.1).add(&decimal(0.2)), 0.3);
        check(decimal(1.0).sub(&decimal(0.9)), 0.1);
        check(decimal(-1.5).mul(&decimal(4.0)), -6.0);
        check(decimal(1.0).div(&decimal(3.0)).expect("not by zero"), 0.333_333_333_333_333_3);
        assert!(decimal(1.0).div(&decimal(0.0)).is_err());
        assert!(Decimal::from_float(f64::NAN).is_err());
    }
}
