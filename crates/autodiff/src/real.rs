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
    /// self · a + b, rounded once.
    #[must_use]
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// The square root, correctly rounded.
    #[must_use]
    fn sqrt(self) -> Self;
    /// e to this power.
    #[must_use]
    fn exp(self) -> Self;
    /// The natural logarithm.
    #[must_use]
    fn log(self) -> Self;
    /// The hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self;
    /// The error function.
    #[must_use]
    fn erf(self) -> Self;
    /// The sine.
    #[must_use]
    fn sin(self) -> Self;
    /// The cosine.
    #[must_use]
    fn cos(self) -> Self;
}

macro_rules! real {
    ($float:ident) => {
        impl Real for $float {
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, trivial_numeric_casts, reason = "a literal is rounded")]
            fn literal(value: f64) -> Self {
                value as Self
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
            fn exp(self) -> Self {
                crate::elementary::$float::exp(self)
            }
            #[inline(always)]
            fn log(self) -> Self {
                crate::elementary::$float::log(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                crate::elementary::$float::tanh(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                crate::elementary::$float::erf(self)
            }
            #[inline(always)]
            fn sin(self) -> Self {
                crate::elementary::$float::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> Self {
                crate::elementary::$float::cos(self)
            }
        }
    };
}

real!(f32);
real!(f64);
