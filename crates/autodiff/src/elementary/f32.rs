//! Elementary functions on `f32`, branch-free so that plain loops over them vectorise.
//!
//! The same arrangements as in the `f64` sibling, see there; coefficients from `fit.py`.
//!
//! Largest errors over all arguments, in units of the last place of the result: `exp` 1.05,
//! `acos` 1.07, `expm1` 1.13, `log` 1.17, `erf` 1.3, `tanh` 1.5, `sin` and `cos` 1.6, `log1p` 1.8,
//! `softplus` 2.01, `sigmoid` 2.5, `silu` 3.4, `gelu` 3.9.

use super::f64::reduce_large;
use std::f32::consts::{FRAC_2_PI, FRAC_PI_2, LN_2, LOG2_E};

/// Adding it rounds to an integer, which is then in the low bits.
const SHIFT: f32 = 1.5 * (1u32 << 23) as f32;
const LN_2_LO: f32 = -1.9046542e-9;
/// Adding it changes nothing, and costs nothing as the compiler knows that.
const NONE: f32 = -0.0;
const SIGN: u32 = 1 << 31;

#[inline(always)]
fn poly<const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut s = c[N - 1];
    for i in (0..N - 1).rev() {
        s = s.mul_add(x, c[i]);
    }
    s
}

/// `(P, k, r, r_lo)` with `x + lo = k ln 2 + r + r_lo`, `|r| <= ln 2 / 2`, `e^r = 1 + r + r^2 P`.
#[inline(always)]
fn exp_core(x: f32, lo: f32) -> (f32, u32, f32, f32) {
    let t = x.mul_add(LOG2_E, SHIFT);
    let n = t - SHIFT;
    // The first step is exact: every bit of n LN_2 and of r is a multiple of 2^-25.
    let r0 = (-n).mul_add(LN_2, x) + lo;
    let r = (-n).mul_add(LN_2_LO, r0);
    let p = poly(r, [0.5, 0.16666542, 0.04166628, 0.008366643, 0.0013946553]);
    let r_lo = (-n).mul_add(LN_2_LO, r0 - r);
    (p, t.to_bits().wrapping_sub(SHIFT.to_bits()), r, r_lo)
}

/// Two powers of two with the product `2^k`, which may be beyond the normal ones.
#[inline(always)]
fn pow2_halves(k: u32) -> (f32, f32) {
    // k >= -166: this is positive, and a logical shift (AVX2 has no other for 64 bits) halves it.
    let biased = k.wrapping_add(254);
    let half = biased >> 1;
    let rest = biased.wrapping_sub(half);
    (f32::from_bits(half << 23), f32::from_bits(rest << 23))
}

/// `e^(x + lo) = m s` with `m` near the square root of that: normal, so that `m s` rounds once.
#[inline(always)]
fn exp_parts(x: f32, lo: f32) -> (f32, f32) {
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -115.0 { -115.0 } else { x };
    let (p, k, r, _) = exp_core(x, lo);
    let (s0, s1) = pow2_halves(k);
    (((r * r).mul_add(p, r) + 1.0) * s0, s1)
}

/// `e^x` where it is a normal number.
#[inline(always)]
fn exp_mid(x: f32) -> f32 {
    let (p, k, r, _) = exp_core(x, NONE);
    let s = f32::from_bits(k.wrapping_add(127) << 23);
    ((r * r).mul_add(p, r) + 1.0) * s
}

#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let (m, s) = exp_parts(x, NONE);
    m * s
}

/// `e^(a - b)` with the rounding error of the difference; 1 where `a == b`, be they infinite.
#[inline(always)]
pub(crate) fn exp_difference(a: f32, b: f32) -> f32 {
    let d = if a == b { 0.0 } else { a - b };
    // Two-sum (Knuth): d + lo = a - b exactly. Far out, where the result is 0 or infinite, lo could be anything.
    let t = d - a;
    let lo = (a - (d - t)) - (b + t);
    let (m, s) = exp_parts(d, if d.abs() < 1e3 { lo } else { NONE });
    m * s
}

#[inline(always)]
pub(crate) fn expm1(x: f32) -> f32 {
    let y = if x > 89.0 { 89.0 } else { x };
    let y = if y < -20.0 { -20.0 } else { y };
    let (p, k, r, r_lo) = exp_core(y, NONE);
    let (s0, s1) = pow2_halves(k);
    let (d0, d1) = pow2_halves(k.wrapping_neg());
    // 2^k ((1 - 2^-k) + r + ...), the sum of the first two kept exactly as hi + lo.
    let c = 1.0 - d0 * d1;
    let hi = c + r;
    let lo = (c - hi) + r;
    let tail = (r * r).mul_add(p, r_lo.mul_add(r, r_lo));
    ((hi + (lo + tail)) * s0 * s1).copysign(x)
}

#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// `x sigmoid(x)`.
#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    let x = if x < -120.0 { -120.0 } else { x };
    let (m, s) = exp_parts(-x.abs(), NONE);
    let d = 1.0 + m * s;
    // The product with s comes last, where it may underflow.
    (if x < 0.0 { x * m } else { x }) / d * if x < 0.0 { s } else { 1.0 }
}

/// `x Phi(x)` with the normal distribution function `Phi`.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    let a = if x.abs() > 15.0 { 15.0 } else { x.abs() };
    // a^2 = h + l; the rounding of the square would be magnified.
    let h = a * a;
    let (m, s) = exp_parts(-0.5 * h, -0.5 * a.mul_add(a, -h));
    // a Phi(-a) = e^(-a^2/2) a Q / (sqrt(2 pi) a Q + P): for large a errors in a Q cancel and P
    // counts little.
    let num = poly(a, [3.5, 2.212008, 0.73185277, 0.13173085, 0.011044404]);
    let q = poly(a, [1.9030058, 0.9935256, 0.30031896, 0.052573785, 0.0044056717]);
    let den = h.mul_add(q, 1.75 * a);
    let w = (m * den / den.mul_add(2.5066283, num) * s).copysign(x);
    if x > 0.0 { x - w } else { w }
}

#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    // From 9.1 on the result is 1; the bound keeps 2^k a normal number.
    let y = if a > 10.0 { 20.0 } else { 2.0 * a };
    let e = exp_mid(y);
    // 1 - 2 / (e^2a + 1) cancels near 0: there a + a z P(z) / Q(z), with one division for both.
    let z = a * a;
    let small = a < 0.55;
    let p = poly(z, [-0.33333322, -0.0015518279]);
    let q = poly(z, [1.0, 0.40464807]);
    let num = if small { a * (z * p) } else { -2.0 };
    let den = if small { q } else { e + 1.0 };
    let base = if small { a } else { 1.0 };
    (base + num / den).copysign(x)
}

#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let a = x.abs();
    #[rustfmt::skip]
    let p = poly(a * a, [
        0.12837917, -0.37612584, 0.11282857, -0.026808456, 0.005061287, -0.0006376392,
    ]);
    let small = a.mul_add(p, a);
    // 1 - erfc; erfc < 0.24 here, so its error counts little.
    let b = if a > 4.0 { 4.0 } else { a };
    let e = exp_mid(-b * b);
    let num = poly(b, [1.0005999, 0.7407664, 0.23177098]);
    let den = poly(b, [1.0, 1.8733507, 1.3320298, 0.40924305]);
    let large = 1.0 - e * (num / den);
    (if a < 0.84 { small } else { large }).copysign(x)
}

/// `log(1 + f) + k ln 2` for `1 + f` in `[sqrt 1/2, sqrt 2]`.
#[inline(always)]
fn log_core(f: f32, k: f32) -> f32 {
    #[rustfmt::skip]
    let p = poly(f, [
        -0.5, 0.3333386, -0.25001752, 0.19965357, -0.16565444, 0.14877269, -0.14351918, 0.08919122,
    ]);
    k.mul_add(LN_2, k.mul_add(LN_2_LO, (f * f).mul_add(p, f)))
}

/// Bits of 1.0 less those of `sqrt 1/2`: adding them carries into the exponent from `sqrt 2` on.
const HALF_OCTAVE: u32 = 0x3f80_0000 - SQRT_HALF;
const SQRT_HALF: u32 = 0x3f35_04f3;

/// Biased exponent and mantissa bits of `x = 2^(e - 127) m`, `m` in `[sqrt 1/2, sqrt 2)`.
#[inline(always)]
fn split(x: f32) -> (u32, f32) {
    let b = x.to_bits().wrapping_add(HALF_OCTAVE);
    let m = f32::from_bits((b & (u32::MAX >> 9)).wrapping_add(SQRT_HALF));
    (b >> 23, m)
}

/// The float `e - 127`, by placing `e` in the mantissa of 2^23.
#[inline(always)]
fn unbias(e: u32) -> f32 {
    const TWO23: f32 = (1u32 << 23) as f32;
    f32::from_bits(e | TWO23.to_bits()) - (TWO23 + 127.0)
}

#[inline(always)]
pub(crate) fn log(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let (e, m) = split(if tiny { x * (1u32 << 24) as f32 } else { x });
    let y = log_core(m - 1.0, unbias(e) - if tiny { 24.0 } else { 0.0 });
    let special = if x < 0.0 { f32::NAN } else { x };
    let special = if x == 0.0 { f32::NEG_INFINITY } else { special };
    // Positive and finite; LLVM would expand float comparisons for this into a slow classification.
    let regular = x.to_bits().wrapping_sub(1) < f32::INFINITY.to_bits() - 1;
    if regular { y } else { special }
}

#[inline(always)]
pub(crate) fn log1p(x: f32) -> f32 {
    let (e, m) = split(1.0 + x);
    // 2^-k (1 + x) - 1 with one rounding; where 2^-k would underflow, 1 no longer matters.
    let s = f32::from_bits((u32::wrapping_sub(254, e)) << 23);
    let moderate = x < (1u32 << 30) as f32;
    let f = if moderate { x.mul_add(s, s - 1.0) } else { m - 1.0 };
    let y = log_core(f, unbias(e));
    let y = if x < f32::INFINITY { y.copysign(x) } else { x };
    let y = if x < -1.0 { f32::NAN } else { y };
    if x == -1.0 { f32::NEG_INFINITY } else { y }
}

/// `log(1 + e^x)`.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    let e = exp(-x.abs());
    let upper = e > 0.41421356;
    let f = if upper { e.mul_add(0.5, -0.5) } else { e };
    let y = log_core(f, if upper { 1.0 } else { 0.0 });
    y + if x > 0.0 { x } else { 0.0 }
}

/// Up to here `reduce_small` is good.
const TRIG_SMALL: f32 = (1u32 << 16) as f32;

/// `(r, q)` with `x = q pi/2 + r`, `q` mod 4, for `|x| <= TRIG_SMALL`.
#[inline(always)]
fn reduce_small(x: f32) -> (f32, u32) {
    let t = x.mul_add(FRAC_2_PI, SHIFT);
    let n = SHIFT - t;
    // The first step is exact: a multiple of 2^-24 below 1.
    let r = n.mul_add(-4.371139e-8, n.mul_add(FRAC_PI_2, x));
    (n.mul_add(-1.7151245e-15, r), t.to_bits())
}

/// The same for any `x`.
#[inline(always)]
fn reduce(x: f32) -> (f32, u32) {
    if x.abs() <= TRIG_SMALL {
        return reduce_small(x);
    }
    let (r, q) = reduce_large(f64::from(x));
    (r as f32, q as u32)
}

/// `sin(r + q pi/2)` for `|r| <= pi/4`.
#[inline(always)]
fn trig(r: f32, q: u32) -> f32 {
    let z = r * r;
    let s = (r * z).mul_add(poly(z, [-0.16666654, 0.00833209, -0.0001950524]), r);
    let c = (z * z).mul_add(poly(z, [0.041666646, -0.0013887251, 2.4424924e-5]), z.mul_add(-0.5, 1.0));
    let v = if q & 1 == 0 { s } else { c };
    f32::from_bits(v.to_bits() ^ ((q << 30) & SIGN))
}

/// `sin` of all arguments in a slice: without branches, so that it vectorises, where all are moderate.
#[inline(always)]
pub(crate) fn sin_all(x: &[f32], y: &mut [f32]) {
    if moderate(x) {
        for (y, &x) in y.iter_mut().zip(x) {
            let (r, q) = reduce_small(x);
            *y = if x == 0.0 { x } else { trig(r, q) };
        }
    } else {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = sin(x));
    }
}

/// As `sin_all`.
#[inline(always)]
pub(crate) fn cos_all(x: &[f32], y: &mut [f32]) {
    if moderate(x) {
        for (y, &x) in y.iter_mut().zip(x) {
            let (r, q) = reduce_small(x);
            *y = trig(r, q.wrapping_add(1));
        }
    } else {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = cos(x));
    }
}

#[inline(always)]
fn moderate(x: &[f32]) -> bool {
    x.iter().fold(true, |all, x| all & (x.abs() <= TRIG_SMALL))
}

#[inline(always)]
pub(crate) fn sin(x: f32) -> f32 {
    let (r, q) = reduce(x);
    let y = trig(r, q);
    if x == 0.0 { x } else { y }
}

#[inline(always)]
pub(crate) fn cos(x: f32) -> f32 {
    let (r, q) = reduce(x);
    trig(r, q.wrapping_add(1))
}

const PI_2_LO: f32 = -4.371139e-8;

/// `pi/2 - x` for `|x| <= pi/2`.
#[inline(always)]
fn complement(x: f32) -> f32 {
    (PI_2_LO - x) + FRAC_PI_2
}

/// The angle of the point `(x, y)`.
#[inline(always)]
pub(crate) fn atan2(y: f32, x: f32) -> f32 {
    let (a, b) = (y.abs(), x.abs());
    let steep = a > b;
    let (low, high) = if steep { (b, a) } else { (a, b) };
    // Two zeros have the angle of the first one to the axis, two infinities that of the diagonal.
    let q = if high == 0.0 { 0.0 } else { low / high };
    let q = if low == f32::INFINITY { 1.0 } else { q };
    let z = q * q;
    #[rustfmt::skip]
    let p = poly(z, [
        -0.33333302, 0.19998638, -0.14265245, 0.10957577, -0.084194615, 0.058234587, -0.031455737,
        0.01106446, -0.0018272169,
    ]);
    let r = (q * z).mul_add(p, q);
    let behind = x.is_sign_negative();
    let flat = if behind { 2.0 * complement(0.5 * r) } else { r };
    let r = if steep { complement(if behind { -r } else { r }) } else { flat };
    let r = if x.is_nan() || y.is_nan() { f32::NAN } else { r };
    r.copysign(y)
}

/// The arc cosine, by the series of the arc sine at `x` or, from 1/2 on, at `sqrt((1 - |x|)/2)`.
#[inline(always)]
pub(crate) fn acos(x: f32) -> f32 {
    let a = x.abs();
    let far = a > 0.5;
    let z = if far { 0.5 * (1.0 - a) } else { x * x };
    let s = if far { z.sqrt() } else { a };
    #[rustfmt::skip]
    let p = poly(z, [
        0.1666666, 0.07500511, 0.04451572, 0.03181761, 0.014402605, 0.037565205,
    ]);
    let r = (s * z).mul_add(p, s);
    // arccos |x| and arccos -|x|, both without cancellation.
    let near = complement(r.copysign(x));
    let beyond = if x < 0.0 { 2.0 * complement(r) } else { 2.0 * r };
    if far { beyond } else { near }
}
