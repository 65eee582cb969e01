//! Numbers of 128 bits and any magnitude, on integers alone: what the oracle calculates with.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// ± mantissa · 2^(exponent − 127), where the top bit of the mantissa is set unless the number is 0.
///
/// Operations cut off what lies beyond their 128 bits: sums err by a unit of 2⁻¹²⁷ of the larger argument,
/// products and quotients by a few units of 2⁻¹²⁷ of the result. What has fewer bits is exact, so the product
/// of two `f64`s is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide {
    negative: bool,
    exponent: i32,
    mantissa: u128,
}

impl Wide {
    /// 0 is less than every power of two.
    pub(crate) const ZERO: Self = Self { negative: false, exponent: i32::MIN / 4, mantissa: 0 };

    /// ± mantissa · 2^(exponent − 127), for any mantissa.
    pub(crate) fn new(negative: bool, exponent: i32, mantissa: u128) -> Self {
        match mantissa.leading_zeros() {
            128 => Self::ZERO,
            shift => Self { negative, exponent: exponent - shift as i32, mantissa: mantissa << shift },
        }
    }

    /// The integer e with 2^e ≤ |x| < 2^(e+1).
    pub(crate) fn exponent(self) -> i32 {
        self.exponent
    }

    pub(crate) fn is_negative(self) -> bool {
        self.negative
    }

    pub(crate) fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    pub(crate) fn abs(self) -> Self {
        Self { negative: false, ..self }
    }

    /// ±x, with the sign of the other number.
    pub(crate) fn copysign(self, sign: Self) -> Self {
        Self { negative: sign.negative, ..self }
    }

    /// x · 2^k.
    pub(crate) fn scale(self, k: i32) -> Self {
        if self.is_zero() { self } else { Self { exponent: self.exponent + k, ..self } }
    }

    /// x / n: quicker than by a [`Wide`], and good to the bits that n has fewer than 128.
    pub(crate) fn over(self, n: u32) -> Self {
        Self::new(self.negative, self.exponent, self.mantissa / u128::from(n))
    }

    pub(crate) fn recip(self) -> Self {
        Self::from(1.0) / self
    }

    /// √x for x ≥ 0, by Newton's method: 52 bits of the first guess double twice.
    pub(crate) fn sqrt(self) -> Self {
        if self.is_zero() {
            return self;
        }
        let half = self.exponent >> 1;
        let x = self.scale(-2 * half);
        (0..2).fold(Self::from(x.to_f64().sqrt()), |y, _| (y + x / y).scale(-1)).scale(half)
    }

    /// Rounded.
    pub(crate) fn to_f64(self) -> f64 {
        let significand = self.mantissa as f64 / 2.0_f64.powi(127);
        (if self.negative { -significand } else { significand }) * 2.0_f64.powi(self.exponent)
    }
}

/// Exactly the same number, which must be finite.
impl From<f64> for Wide {
    fn from(x: f64) -> Self {
        assert!(x.is_finite(), "{x} is no number");
        let (mantissa, exponent) = parts(x);
        Self::new(x < 0.0, exponent + 127, u128::from(mantissa))
    }
}

/// The integers with |x| = mantissa · 2^exponent, from the bits of x.
pub(crate) fn parts(x: f64) -> (u64, i32) {
    let fraction = x.to_bits() & (u64::MAX >> 12);
    match (x.to_bits() >> 52) & 0x7ff {
        0 => (fraction, -1074),
        biased => (fraction | 1 << 52, biased as i32 - 1075),
    }
}

impl Neg for Wide {
    type Output = Self;
    fn neg(self) -> Self {
        Self { negative: !self.negative, ..self }
    }
}

impl<T: Into<Self>> Add<T> for Wide {
    type Output = Self;
    fn add(self, y: T) -> Self {
        let y = y.into();
        let (large, small) = if self.exponent < y.exponent { (y, self) } else { (self, y) };
        let shift = (large.exponent - small.exponent).unsigned_abs();
        let addend = small.mantissa.checked_shr(shift).unwrap_or(0);
        if large.negative == small.negative {
            match large.mantissa.overflowing_add(addend) {
                (sum, false) => Self::new(large.negative, large.exponent, sum),
                (sum, true) => Self::new(large.negative, large.exponent + 1, sum >> 1 | 1 << 127),
            }
        } else if large.mantissa >= addend {
            Self::new(large.negative, large.exponent, large.mantissa - addend)
        } else {
            Self::new(small.negative, large.exponent, addend - large.mantissa)
        }
    }
}

impl<T: Into<Self>> Sub<T> for Wide {
    type Output = Self;
    fn sub(self, y: T) -> Self {
        self + -y.into()
    }
}

impl<T: Into<Self>> Mul<T> for Wide {
    type Output = Self;
    fn mul(self, y: T) -> Self {
        let y = y.into();
        let halves = |m: u128| (m >> 64, m & u128::from(u64::MAX));
        let ((a, b), (c, d)) = (halves(self.mantissa), halves(y.mantissa));
        // The product of the low halves would change the last two bits at most.
        let product = a * c + ((a * d) >> 64) + ((b * c) >> 64);
        Self::new(self.negative != y.negative, self.exponent + y.exponent + 1, product)
    }
}

impl<T: Into<Self>> Div<T> for Wide {
    type Output = Self;
    /// By Newton's method for 1/y: 52 bits of the first guess double twice.
    fn div(self, y: T) -> Self {
        let y = y.into();
        assert!(!y.is_zero(), "division by 0");
        let d = Self { negative: false, exponent: 0, ..y };
        let inverse = (0..2).fold(Self::from(d.to_f64().recip()), |r, _| r + r * (Self::from(1.0) - d * r));
        let quotient = (self * inverse).scale(-y.exponent);
        if y.negative { -quotient } else { quotient }
    }
}

/// A fixed-point number: 64 bits before the point, 1216 after it. An error in the last bit of π grows to 1024
/// bits in the remainder of the largest `f64`, and a remainder may begin 62 bits after the point; 130 are
/// left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Fixed([u64; 20]);

impl Fixed {
    /// whole + fraction · 2⁻⁶⁴.
    pub(crate) fn new(whole: u64, fraction: u64) -> Self {
        let mut words = [0; 20];
        words[..2].copy_from_slice(&[whole, fraction]);
        Self(words)
    }

    pub(crate) fn plus(mut self, y: &Self) -> Self {
        let mut carry = false;
        for (a, &b) in self.0.iter_mut().zip(&y.0).rev() {
            (*a, carry) = a.carrying_add(b, carry);
        }
        self
    }

    pub(crate) fn minus(mut self, y: &Self) -> Self {
        let mut borrow = false;
        for (a, &b) in self.0.iter_mut().zip(&y.0).rev() {
            (*a, borrow) = a.borrowing_sub(b, borrow);
        }
        self
    }

    pub(crate) fn over(mut self, n: u64) -> Self {
        let mut rest = 0;
        for word in &mut self.0 {
            let dividend = u128::from(rest) << 64 | u128::from(*word);
            *word = (dividend / u128::from(n)) as u64;
            rest = (dividend % u128::from(n)) as u64;
        }
        self
    }

    pub(crate) fn to_wide(self) -> Wide {
        let words = self.0.iter().zip((0..).step_by(64));
        words.fold(Wide::ZERO, |sum, (&word, below)| sum + Wide::new(false, 127 - below, u128::from(word)))
    }
}
