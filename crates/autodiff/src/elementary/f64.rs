//! Elementary functions on `f64`, branch-free so that plain loops over them vectorise.
//!
//! A loop `for (y, x) in ys.iter_mut().zip(xs) { *y = f(*x) }` inlined into code compiled with FMA
//! (e.g. in `pulp::Arch::dispatch`) becomes straight SIMD; fused `mul_add`s and no reassociation
//! give the same bits in scalar code.  For `sin` and `cos` the loop is `sin_all`, `cos_all`.
//! Coefficients are minimax fits, see `fit.py`.
//!
//! Largest errors found, in units of the last place of the result, at 10^6 points each (by
//! `tests/elementary`): `log` 0.9, `exp`, `expm1` and `acos` 1.1, `erf` 1.3, `log1p` 1.4, `tanh`,
//! `sin` and `cos` 1.5, `softplus` 1.7, `sigmoid` 2.4, `silu` 2.8, `gelu` 3.7.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, LN_2, LOG2_E};

/// Adding it rounds to an integer, which is then in the low bits.
const SHIFT: f64 = 1.5 * (1u64 << 52) as f64;
const LN_2_LO: f64 = 2.3190468138462996e-17;
/// Adding it changes nothing, and costs nothing as the compiler knows that.
const NONE: f64 = -0.0;
const SIGN: u64 = 1 << 63;

#[inline(always)]
fn poly<const N: usize>(x: f64, c: [f64; N]) -> f64 {
    let mut s = c[N - 1];
    for i in (0..N - 1).rev() {
        s = s.mul_add(x, c[i]);
    }
    s
}

/// `(P, k, r, r_lo)` with `x + lo = k ln 2 + r + r_lo`, `|r| <= ln 2 / 2`, `e^r = 1 + r + r^2 P`.
#[inline(always)]
fn exp_core(x: f64, lo: f64) -> (f64, u64, f64, f64) {
    let t = x.mul_add(LOG2_E, SHIFT);
    let n = t - SHIFT;
    // The first step is exact: every bit of n LN_2 and of r is a multiple of 2^-54.
    let r0 = (-n).mul_add(LN_2, x) + lo;
    let r = (-n).mul_add(LN_2_LO, r0);
    #[rustfmt::skip]
    let p = poly(r, [
        0.5000000000000006, 0.16666666666666685, 0.04166666666657295, 0.008333333333314465,
        0.0013888888932614945, 0.00019841269903342083, 2.4801504146320548e-05,
        2.7557227647909324e-06, 2.7626451207495053e-07, 2.5114577542117724e-08,
    ]);
    let r_lo = (-n).mul_add(LN_2_LO, r0 - r);
    (p, t.to_bits().wrapping_sub(SHIFT.to_bits()), r, r_lo)
}

/// Two powers of two with the product `2^k`, which may be beyond the normal ones.
#[inline(always)]
fn pow2_halves(k: u64) -> (f64, f64) {
    // k >= -1097: this is positive, and a logical shift (AVX2 has no other for 64 bits) halves it.
    let biased = k.wrapping_add(2046);
    let half = biased >> 1;
    let rest = biased.wrapping_sub(half);
    (f64::from_bits(half << 52), f64::from_bits(rest << 52))
}

/// `e^(x + lo) = m s` with `m` near the square root of that: normal, so that `m s` rounds once.
#[inline(always)]
fn exp_parts(x: f64, lo: f64) -> (f64, f64) {
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -760.0 { -760.0 } else { x };
    let (p, k, r, _) = exp_core(x, lo);
    let (s0, s1) = pow2_halves(k);
    (((r * r).mul_add(p, r) + 1.0) * s0, s1)
}

/// `e^x` where it is a normal number.
#[inline(always)]
fn exp_mid(x: f64) -> f64 {
    let (p, k, r, _) = exp_core(x, NONE);
    let s = f64::from_bits(k.wrapping_add(1023) << 52);
    ((r * r).mul_add(p, r) + 1.0) * s
}

#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let (m, s) = exp_parts(x, NONE);
    m * s
}

/// `e^(a - b)` with the rounding error of the difference; 1 where `a == b`, be they infinite.
#[inline(always)]
pub(crate) fn exp_difference(a: f64, b: f64) -> f64 {
    let d = if a == b { 0.0 } else { a - b };
    // Two-sum (Knuth): d + lo = a - b exactly. Far out, where the result is 0 or infinite, lo could be anything.
    let t = d - a;
    let lo = (a - (d - t)) - (b + t);
    let (m, s) = exp_parts(d, if d.abs() < 1e3 { lo } else { NONE });
    m * s
}

#[inline(always)]
pub(crate) fn expm1(x: f64) -> f64 {
    let y = if x > 710.0 { 710.0 } else { x };
    let y = if y < -40.0 { -40.0 } else { y };
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
pub(crate) fn sigmoid(x: f64) -> f64 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// `x sigmoid(x)`.
#[inline(always)]
pub(crate) fn silu(x: f64) -> f64 {
    let x = if x < -800.0 { -800.0 } else { x };
    let (m, s) = exp_parts(-x.abs(), NONE);
    let d = 1.0 + m * s;
    // The product with s comes last, where it may underflow.
    (if x < 0.0 { x * m } else { x }) / d * if x < 0.0 { s } else { 1.0 }
}

/// `x Phi(x)` with the normal distribution function `Phi`.
#[inline(always)]
pub(crate) fn gelu(x: f64) -> f64 {
    let a = if x.abs() > 39.0 { 39.0 } else { x.abs() };
    // a^2 = h + l; the rounding of the square would be magnified.
    let h = a * a;
    let (m, s) = exp_parts(-0.5 * h, -0.5 * a.mul_add(a, -h));
    // a Phi(-a) = e^(-a^2/2) a Q / (sqrt(2 pi) a Q + P): for large a errors in a Q cancel and P
    // counts little.
    #[rustfmt::skip]
    let num = poly(a, [
        3.5, 4.335712054501662, 2.7464061337820547, 1.1293478044470735, 0.32742415290252364,
        0.06889370669917133, 0.010492203206692884, 0.0011166282192928143, 7.576859205811668e-05,
        2.5273972171603587e-06,
    ]);
    #[rustfmt::skip]
    let q = poly(a, [
        2.964857786147941, 2.4844023912133584, 1.333040453151614, 0.5028845469571902,
        0.13881347987828405, 0.028369505548001543, 0.004246237995841455, 0.00044748678068888905,
        3.022729488328821e-05, 1.0082856093738985e-06,
    ]);
    let den = h.mul_add(q, 1.75 * a);
    let w = (m * den / den.mul_add(2.5066282746310007, num) * s).copysign(x);
    if x > 0.0 { x - w } else { w }
}

#[inline(always)]
pub(crate) fn tanh(x: f64) -> f64 {
    let a = x.abs();
    // From 19.1 on the result is 1; the bound keeps 2^k a normal number.
    let y = if a > 20.0 { 40.0 } else { 2.0 * a };
    let e = exp_mid(y);
    // 1 - 2 / (e^2a + 1) cancels near 0: there a + a z P(z) / Q(z), with one division for both.
    let z = a * a;
    let small = a < 0.55;
    #[rustfmt::skip]
    let p = poly(z, [-0.3333333333333333, -0.020500428113898145, -0.00019925023226772962]);
    #[rustfmt::skip]
    let q = poly(z, [1.0, 0.4615012843416903, 0.023293502528809382, 0.00020661105896242036]);
    let num = if small { a * (z * p) } else { -2.0 };
    let den = if small { q } else { e + 1.0 };
    let base = if small { a } else { 1.0 };
    (base + num / den).copysign(x)
}

#[inline(always)]
pub(crate) fn erf(x: f64) -> f64 {
    let a = x.abs();
    #[rustfmt::skip]
    let p = poly(a * a, [
        0.12837916709551256, -0.3761263890318344, 0.1128379167093712, -0.026866170641128322,
        0.005223977579775208, -0.0008548323980737195, 0.0001205520636085455,
        -1.4922255737527513e-05, 1.6403319785871808e-06, -1.5726221047185602e-07,
        1.0761277878966937e-08,
    ]);
    let small = a.mul_add(p, a);
    // 1 - erfc; erfc < 0.24 here, so its error counts little.
    let b = if a > 6.0 { 6.0 } else { a };
    let e = exp_mid(-b * b);
    #[rustfmt::skip]
    let num = poly(b, [
        0.9999999586732617, 1.3686785524305753, 0.9225037371991215, 0.3575681024950402,
        0.07928043140054447, 0.008178207615699947,
    ]);
    #[rustfmt::skip]
    let den = poly(b, [
        1.0, 2.4970572432885807, 2.7401337103328287, 1.7046644402590847, 0.6410950046210642,
        0.14051582107715296, 0.014495662410898794,
    ]);
    let large = 1.0 - e * (num / den);
    (if a < 0.84 { small } else { large }).copysign(x)
}

/// `log(1 + f) + k ln 2` for `1 + f` in `[sqrt 1/2, sqrt 2]`, in the arrangement of fdlibm's `log`
/// with `s = f / (2 + f)`.
#[inline(always)]
fn log_core(f: f64, k: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    #[rustfmt::skip]
    let p = z * poly(z, [
        0.6666666666666735, 0.39999999999413144, 0.2857142874276217, 0.22222198531574072,
        0.1818356664422967, 0.1531398746102629, 0.147966171726715,
    ]);
    let h = 0.5 * f * f;
    let tail = s.mul_add(h + p, k * LN_2_LO);
    k.mul_add(LN_2, f - (h - tail))
}

/// Bits of 1.0 less those of `sqrt 1/2`: adding them carries into the exponent from `sqrt 2` on.
const HALF_OCTAVE: u64 = 0x3ff0_0000_0000_0000 - SQRT_HALF;
const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;

/// Biased exponent and mantissa bits of `x = 2^(e - 1023) m`, `m` in `[sqrt 1/2, sqrt 2)`.
#[inline(always)]
fn split(x: f64) -> (u64, f64) {
    let b = x.to_bits().wrapping_add(HALF_OCTAVE);
    let m = f64::from_bits((b & (u64::MAX >> 12)).wrapping_add(SQRT_HALF));
    (b >> 52, m)
}

/// The float `e - 1023`, by placing `e` in the mantissa of 2^52.
#[inline(always)]
fn unbias(e: u64) -> f64 {
    const TWO52: f64 = (1u64 << 52) as f64;
    f64::from_bits(e | TWO52.to_bits()) - (TWO52 + 1023.0)
}

#[inline(always)]
pub(crate) fn log(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let (e, m) = split(if tiny { x * (1u64 << 54) as f64 } else { x });
    let y = log_core(m - 1.0, unbias(e) - if tiny { 54.0 } else { 0.0 });
    let special = if x < 0.0 { f64::NAN } else { x };
    let special = if x == 0.0 { f64::NEG_INFINITY } else { special };
    // Positive and finite; LLVM would expand float comparisons for this into a slow classification.
    let regular = x.to_bits().wrapping_sub(1) < f64::INFINITY.to_bits() - 1;
    if regular { y } else { special }
}

#[inline(always)]
pub(crate) fn log1p(x: f64) -> f64 {
    let (e, m) = split(1.0 + x);
    // 2^-k (1 + x) - 1 with one rounding; where 2^-k would underflow, 1 no longer matters.
    let s = f64::from_bits((u64::wrapping_sub(2046, e)) << 52);
    let moderate = x < (1u64 << 60) as f64;
    let f = if moderate { x.mul_add(s, s - 1.0) } else { m - 1.0 };
    let y = log_core(f, unbias(e));
    let y = if x < f64::INFINITY { y.copysign(x) } else { x };
    let y = if x < -1.0 { f64::NAN } else { y };
    if x == -1.0 { f64::NEG_INFINITY } else { y }
}

/// `log(1 + e^x)`.
#[inline(always)]
pub(crate) fn softplus(x: f64) -> f64 {
    let e = exp(-x.abs());
    let upper = e > 0.41421356;
    let f = if upper { e.mul_add(0.5, -0.5) } else { e };
    let y = log_core(f, if upper { 1.0 } else { 0.0 });
    y + if x > 0.0 { x } else { 0.0 }
}

/// Up to here `reduce_small` is good.
const TRIG_SMALL: f64 = (1u64 << 32) as f64;

/// `(r, q)` with `x = q pi/2 + r`, `q` mod 4, for `|x| <= TRIG_SMALL`.
#[inline(always)]
fn reduce_small(x: f64) -> (f64, u64) {
    let t = x.mul_add(FRAC_2_PI, SHIFT);
    let n = SHIFT - t;
    // The first step is exact: a multiple of 2^-53 below 1.
    let r = n.mul_add(6.123233995736766e-17, n.mul_add(FRAC_PI_2, x));
    (n.mul_add(-1.4973849048591698e-33, r), t.to_bits())
}

/// The same for any `|x| >= 1`, by a fixed-point product with the relevant 192 bits of 2/pi (after
/// Payne and Hanek).
#[cold]
#[inline(never)]
pub(super) fn reduce_large(x: f64) -> (f64, u64) {
    /// 2/pi after 64 zero bits.
    #[rustfmt::skip]
    const TWO_OVER_PI: [u64; 21] = [
        0, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
        0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
        0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
        0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
        0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d,
    ];
    let e = (x.to_bits() >> 52) & 0x7ff;
    if e == 0x7ff {
        return (f64::NAN, 0);
    }
    let m = u128::from((x.to_bits() & (u64::MAX >> 12)) | (1 << 52));
    // |x| = m 2^(e - 1075); of 2^(e - 1075) 2/pi keep the bits from weight 2 downwards.
    let start = (e + 62 - 1075) as usize;
    let word = |i: usize| {
        let pair =
            u128::from(TWO_OVER_PI[start / 64 + i]) << 64 | u128::from(TWO_OVER_PI[start / 64 + i + 1]);
        (pair << (start % 64) >> 64) & u128::from(u64::MAX)
    };
    let low = m * word(1) + ((m * word(2)) >> 64);
    let turns = (m * word(0)).wrapping_shl(64).wrapping_add(low); // in units of 2^-128 turns
    let q = ((turns >> 125) + 1) >> 1;
    let fraction = (turns << 2) as i128; // of a quarter turn, rounded to nearest
    let magnitude = fraction.unsigned_abs();
    let hi = magnitude as f64;
    let lo = (magnitude.wrapping_sub(hi as u128) as i128) as f64;
    let r = hi.mul_add(FRAC_PI_2, hi.mul_add(6.123233995736766e-17, lo * FRAC_PI_2))
        / (1u128 << 127) as f64
        / 2.0;
    let r = if fraction < 0 { -r } else { r };
    if x < 0.0 { (-r, (q as u64).wrapping_neg()) } else { (r, q as u64) }
}

#[inline(always)]
fn reduce(x: f64) -> (f64, u64) {
    if x.abs() <= TRIG_SMALL { reduce_small(x) } else { reduce_large(x) }
}

/// `sin(r + q pi/2)` for `|r| <= pi/4`.
#[inline(always)]
fn trig(r: f64, q: u64) -> f64 {
    let z = r * r;
    #[rustfmt::skip]
    let s = poly(z, [
        -0.1666666666666663, 0.00833333333332177, -0.0001984126982927007, 2.755731349848162e-06,
        -2.5050726845443367e-08, 1.5894930751134974e-10,
    ]);
    let s = (r * z).mul_add(s, r);
    #[rustfmt::skip]
    let c = poly(z, [
        0.041666666666666595, -0.0013888888888873253, 2.480158728891427e-05,
        -2.755731418198104e-07, 2.0875699332153726e-09, -1.1358370624265446e-11,
    ]);
    let h = 0.5 * z;
    let w = 1.0 - h;
    let c = w + (z * z).mul_add(c, (1.0 - w) - h);
    let v = if q & 1 == 0 { s } else { c };
    f64::from_bits(v.to_bits() ^ ((q << 62) & SIGN))
}

/// `sin` of all arguments in a slice: without branches, so that it vectorises, where all are moderate.
#[inline(always)]
pub(crate) fn sin_all(x: &[f64], y: &mut [f64]) {
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
pub(crate) fn cos_all(x: &[f64], y: &mut [f64]) {
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
fn moderate(x: &[f64]) -> bool {
    x.iter().fold(true, |all, x| all & (x.abs() <= TRIG_SMALL))
}

#[inline(always)]
pub(crate) fn sin(x: f64) -> f64 {
    let (r, q) = reduce(x);
    let y = trig(r, q);
    if x == 0.0 { x } else { y }
}

#[inline(always)]
pub(crate) fn cos(x: f64) -> f64 {
    let (r, q) = reduce(x);
    trig(r, q.wrapping_add(1))
}

const PI_2_LO: f64 = 6.123233995736766e-17;

/// `pi/2 - x` for `|x| <= pi/2`.
#[inline(always)]
fn complement(x: f64) -> f64 {
    (PI_2_LO - x) + FRAC_PI_2
}

/// The angle of the point `(x, y)`.
#[inline(always)]
pub(crate) fn atan2(y: f64, x: f64) -> f64 {
    let (a, b) = (y.abs(), x.abs());
    let steep = a > b;
    let (low, high) = if steep { (b, a) } else { (a, b) };
    // Two zeros have the angle of the first one to the axis, two infinities that of the diagonal.
    let q = if high == 0.0 { 0.0 } else { low / high };
    let q = if low == f64::INFINITY { 1.0 } else { q };
    let z = q * q;
    #[rustfmt::skip]
    let p = poly(z, [
        -0.33333333333333093, 0.1999999999995544, -0.1428571428280239, 0.11111111013655352,
        -0.09090907119326071, 0.07692281187446774, -0.06666415002062165, 0.05880592576955412,
        -0.05253805637679655, 0.04723293605633681, -0.04221718342965715, 0.03669353480504403,
        -0.02998557667377022, 0.022085152382166705, -0.013994985372215961, 0.0072633565638464915,
        -0.0029193421234208804, 0.0008434851328369836, -0.00015479728803038977, 1.3489316215857556e-05,
    ]);
    let r = (q * z).mul_add(p, q);
    let behind = x.is_sign_negative();
    let flat = if behind { 2.0 * complement(0.5 * r) } else { r };
    let r = if steep { complement(if behind { -r } else { r }) } else { flat };
    let r = if x.is_nan() || y.is_nan() { f64::NAN } else { r };
    r.copysign(y)
}

/// The arc cosine, by the series of the arc sine at `x` or, from 1/2 on, at `sqrt((1 - |x|)/2)`.
#[inline(always)]
pub(crate) fn acos(x: f64) -> f64 {
    let a = x.abs();
    let far = a > 0.5;
    let z = if far { 0.5 * (1.0 - a) } else { x * x };
    let s = if far { z.sqrt() } else { a };
    #[rustfmt::skip]
    let p = poly(z, [
        0.16666666666666763, 0.07499999999970261, 0.044642857175121155, 0.03038194268360541,
        0.022372215660526967, 0.017351600089242834, 0.013980961470458514, 0.011397775897133887,
        0.010786529337314036, 0.003683041382211015, 0.021763499991432247, -0.021077292939368542,
        0.032676890004987524,
    ]);
    let r = (s * z).mul_add(p, s);
    // arccos |x| and arccos -|x|, both without cancellation.
    let near = complement(r.copysign(x));
    let beyond = if x < 0.0 { 2.0 * complement(r) } else { 2.0 * r };
    if far { beyond } else { near }
}
