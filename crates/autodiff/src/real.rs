//! The scalar types programs run on.

use std::fmt;
use std::iter::Sum;

use num_traits::float::FloatCore;

/// A real scalar: `f32` or `f64`.
///
/// The elementary functions are this crate's own, in plain arithmetic without branches or table look-ups: they
/// give the same bits on every machine, and loops over them vectorise. (`num_traits::Float` would call the
/// platform's library, one element at a time.)
pub trait Real:
    FloatCore + faer::traits::RealField + Into<f64> + Sum + fmt::Display + Default + 'static
{
    /// The literal, rounded to this type.
    fn literal(value: f64) -> Self;
    /// Appends its bytes, least significant first.
    fn extend_le_bytes(self, bytes: &mut Vec<u8>);
    /// self · a + b, rounded once.
    #[must_use]
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// The square root, correctly rounded.
    #[must_use]
    fn sqrt(self) -> Self;
    /// e to this power.
    #[must_use]
    fn exp(self) -> Self;
    /// e^{self − b}, as if the difference were not rounded; 1 where both are equal, be they infinite.
    #[must_use]
    fn exp_difference(self, b: Self) -> Self;
    /// eˣ − 1, accurate near 0.
    #[must_use]
    fn expm1(self) -> Self;
    /// The natural logarithm.
    #[must_use]
    fn log(self) -> Self;
    /// log(1 + x), accurate near 0.
    #[must_use]
    fn log1p(self) -> Self;
    /// The hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self;
    /// 1/(1 + e⁻ˣ).
    #[must_use]
    fn sigmoid(self) -> Self;
    /// log(1 + eˣ).
    #[must_use]
    fn softplus(self) -> Self;
    /// x/(1 + e⁻ˣ).
    #[must_use]
    fn silu(self) -> Self;
    /// x Φ(x) with the normal distribution function Φ.
    #[must_use]
    fn gelu(self) -> Self;
    /// The error function.
    #[must_use]
    fn erf(self) -> Self;
    /// The sine.
    #[must_use]
    fn sin(self) -> Self;
    /// The cosine.
    #[must_use]
    fn cos(self) -> Self;
    /// The arc cosine.
    #[must_use]
    fn acos(self) -> Self;
    /// The angle of the point (x, self) in the plane, from −π to π.
    #[must_use]
    fn atan2(self, x: Self) -> Self;
    /// Writes the sines of `x` into `y`: as [`Real::sin`], vectorised where no argument is huge.
    fn sin_all(x: &[Self], y: &mut [Self]);
    /// Writes the cosines of `x` into `y`, likewise.
    fn cos_all(x: &[Self], y: &mut [Self]);
}

/// The functions of `elementary`, as methods.
macro_rules! real {
    ($float:ident, $($function:ident)*) => {
        impl Real for $float {
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, trivial_numeric_casts, reason = "a literal is rounded")]
            fn literal(value: f64) -> Self {
                value as Self
            }
            #[inline(always)]
            fn extend_le_bytes(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                $float::mul_add(self, a, b)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            #[inline(always)]
            fn exp_difference(self, b: Self) -> Self {
                crate::elementary::$float::exp_difference(self, b)
            }
            #[inline(always)]
            fn atan2(self, x: Self) -> Self {
                crate::elementary::$float::atan2(self, x)
            }
            #[inline(always)]
            fn sin_all(x: &[Self], y: &mut [Self]) {
                crate::elementary::$float::sin_all(x, y);
            }
            #[inline(always)]
            fn cos_all(x: &[Self], y: &mut [Self]) {
                crate::elementary::$float::cos_all(x, y);
            }
            $(
                #[inline(always)]
                fn $function(self) -> Self {
                    crate::elementary::$float::$function(self)
                }
            )*
        }
    };
}

real!(f32, exp expm1 log log1p tanh sigmoid softplus silu gelu erf sin cos acos);
real!(f64, exp expm1 log log1p tanh sigmoid softplus silu gelu erf sin cos acos);
