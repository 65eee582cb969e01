//! Nonlinear operations: the table of functions, with their derivatives.
//!
//! A nonlinear operation has one rule: its partial derivative in each argument is an [`Einsum`] with a known
//! factor. For a function applied element by element that factor is f'(x), written once in the table below,
//! in terms of the argument x and the value y.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use std::fmt;

use crate::builder::Var;
use crate::einsum::{Einsum, alphabet};
use crate::linear::{Axes, Linear};
use crate::real::Real;
use crate::shape::Shape;

/// A nonlinear operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Nonlinear {
    /// A function of one argument, element by element.
    Map(Function),
    /// A function of two arguments of one shape, element by element.
    Zip(Binary),
    /// The largest element along axes, which disappear. Where several are largest, they share the derivative evenly.
    Maximum(Axes),
}

impl Nonlinear {
    /// The partial derivative in argument `i` at arguments `x` with result `y`: the tangent of the result is
    /// the sum over `i` of `einsum(factor, tangent of x[i])`; `None` where it vanishes.
    pub fn partial<'g>(&self, i: usize, x: &[Var<'g>], y: Var<'g>) -> Option<(Einsum, Var<'g>)> {
        match self {
            Self::Map(f) => Some((Einsum::elementwise(y.shape().rank()), f.derivative(x[i], y)?)),
            Self::Zip(f) => Some((Einsum::elementwise(y.shape().rank()), f.derivative(i, x[0], x[1], y))),
            Self::Maximum(axes) => {
                let largest = 1.0 - (x[0] - y.broadcast(axes.clone())).sign().abs();
                let count = largest.linear(Linear::Sum(axes.clone()));
                Some((along(axes, &x[0].shape()), largest * count.recip().broadcast(axes.clone())))
            }
        }
    }

    pub(crate) fn shape(&self, args: &[&Shape]) -> Result<Shape, String> {
        match (self, args) {
            (Self::Map(_), [x]) => Some((*x).clone()),
            (Self::Zip(_), [a, b]) if a == b => Some((*a).clone()),
            (Self::Maximum(axes), [x]) => axes.remove(x),
            _ => None,
        }
        .ok_or_else(|| format!("{self} does not apply to shapes {args:?}"))
    }
}

/// The product element by element, summed over `axes` of both arguments.
fn along(axes: &Axes, shape: &Shape) -> Einsum {
    let labels: Vec<u8> = alphabet().take(shape.rank()).collect();
    let kept = (0..shape.rank()).filter(|&axis| !axes.contains(axis)).map(|axis| labels[axis]);
    Einsum::from_labels(labels.clone(), labels.clone(), kept.collect::<Vec<_>>())
}

/// The larger of two numbers; NaN if either is.
#[inline(always)]
pub(crate) fn larger<T: Real>(a: T, b: T) -> T {
    if a > b || a.is_nan() { a } else { b }
}

impl fmt::Display for Nonlinear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(function) => f.write_str(function.name()),
            Self::Zip(function) => f.write_str(function.name()),
            Self::Maximum(axes) => write!(f, "maximum {axes} "),
        }
    }
}

/// A function of two real arguments, applied element by element.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Binary {
    /// The larger of two numbers. Where they are equal, each has half of the derivative.
    Max,
    /// e^{a − b}, as if the difference were not rounded; 1 where a = b, be they infinite. With b the largest of many
    /// a, what softmax and log Σ eˣ are made of.
    ExpDifference,
    /// The angle of the point (b, a) in the plane, from −π to π. The derivative is infinite or NaN at (0, 0).
    Atan2,
}

impl Binary {
    /// Every function there is.
    pub const ALL: &[Self] = &[Self::Max, Self::ExpDifference, Self::Atan2];

    /// The name in printed programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::ExpDifference => "exp_difference",
            Self::Atan2 => "atan2",
        }
    }

    /// The value at (a, b).
    #[inline(always)]
    pub fn value<T: Real>(self, a: T, b: T) -> T {
        match self {
            Self::Max => larger(a, b),
            Self::ExpDifference => a.exp_difference(b),
            Self::Atan2 => a.atan2(b),
        }
    }

    /// The derivative in the first (`i` = 0) or second argument at (a, b), where the value is `y`.
    pub fn derivative<'g>(self, i: usize, a: Var<'g>, b: Var<'g>, y: Var<'g>) -> Var<'g> {
        match self {
            Self::Max if i == 0 => 0.5 + 0.5 * (a - b).sign(),
            Self::Max => 0.5 - 0.5 * (a - b).sign(),
            Self::ExpDifference if i == 0 => y,
            Self::ExpDifference => -y,
            Self::Atan2 => (if i == 0 { b } else { -a }) * (a * a + b * b).recip(),
        }
    }

    /// Writes the values at (a, b) into `y`, as [`Function::values`].
    #[inline(always)]
    pub(crate) fn values<T: Real>(self, a: &[T], b: &[T], y: &mut [T]) {
        let pairs = y.iter_mut().zip(a.iter().zip(b));
        match self {
            Self::Max => pairs.for_each(|(y, (&a, &b))| *y = larger(a, b)),
            Self::ExpDifference => pairs.for_each(|(y, (&a, &b))| *y = a.exp_difference(b)),
            Self::Atan2 => pairs.for_each(|(y, (&a, &b))| *y = a.atan2(b)),
        }
    }
}

/// One row a function: its name, its value at x, and its derivative in terms of x and the value y, which may
/// be `None` where it vanishes identically.
macro_rules! functions {
    ($($(#[$doc:meta])* $function:ident $name:ident:
       |$at:ident| $value:expr, |$x:ident, $y:ident| $derivative:expr;)*) => {
        /// A function of one real argument, applied element by element.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Function { $($(#[$doc])* $function,)* }

        impl Function {
            /// Every function there is.
            pub const ALL: &[Self] = &[$(Self::$function,)*];

            /// The name in printed programs.
            pub fn name(self) -> &'static str {
                match self { $(Self::$function => stringify!($name),)* }
            }

            /// The value at `x`.
            #[inline(always)]
            pub fn value<T: Real>(self, x: T) -> T {
                match self { $(Self::$function => { let $at = x; $value })* }
            }

            /// Writes the values at `x` into `y`: one loop a function, which the compiler vectorises.
            #[inline(always)]
            pub(crate) fn values<T: Real>(self, x: &[T], y: &mut [T]) {
                match self {
                    // Huge angles are reduced by another method, which does not vectorise.
                    Self::Sin => return T::sin_all(x, y),
                    Self::Cos => return T::cos_all(x, y),
                    _ => {}
                }
                match self { $(Self::$function => {
                    for (y, &$at) in y.iter_mut().zip(x) {
                        *y = $value;
                    }
                })* }
            }

            /// The derivative at `x`, where the value is `y`; `None` if it vanishes identically.
            pub fn derivative<'g>(self, x: Var<'g>, y: Var<'g>) -> Option<Var<'g>> {
                match self { $(Self::$function => { let ($x, $y) = (x, y); Into::into($derivative) })* }
            }
        }

        impl Var<'_> {
            $($(#[$doc])* #[must_use] pub fn $name(self) -> Self { self.map(Function::$function) })*
        }
    };
}

functions! {
    /// eˣ
    Exp exp: |x| x.exp(), |_x, y| y;
    /// eˣ − 1, accurate near 0.
    Expm1 expm1: |x| x.expm1(), |_x, y| y + 1.0;
    /// The natural logarithm.
    Log log: |x| x.log(), |x, _y| x.recip();
    /// log(1 + x), accurate near 0.
    Log1p log1p: |x| x.log1p(), |x, _y| (x + 1.0).recip();
    /// √x
    Sqrt sqrt: |x| x.sqrt(), |_x, y| 0.5 * y.recip();
    /// 1/√x
    Rsqrt rsqrt: |x| x.sqrt().recip(), |_x, y| -0.5 * (y * y * y);
    /// 1/x
    Recip recip: |x| x.recip(), |_x, y| -(y * y);
    /// The hyperbolic tangent.
    Tanh tanh: |x| x.tanh(), |_x, y| 1.0 - y * y;
    /// 1/(1 + e⁻ˣ)
    Sigmoid sigmoid: |x| x.sigmoid(), |x, y| y * (-x).sigmoid();
    /// log(1 + eˣ)
    Softplus softplus: |x| x.softplus(), |x, _y| x.sigmoid();
    /// x/(1 + e⁻ˣ), also called swish.
    Silu silu: |x| x.silu(), |x, y| x.sigmoid() + y * (-x).sigmoid();
    /// x Φ(x) with the normal distribution function Φ: the exact form, not the one with tanh.
    Gelu gelu: |x| x.gelu(), |x, _y| 0.5 * (FRAC_1_SQRT_2 * x).erf() + 0.5
        + x * (0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI * (-0.5 * (x * x)).exp());
    /// x/(1 + |x|)
    Softsign softsign: |x| if x.is_infinite() { x.signum() } else { x / (T::one() + x.abs()) },
        |x, _y| (x.abs() + 1.0).powi(2).recip();
    /// The error function, 2/√π ∫₀ˣ e^{−t²} dt.
    Erf erf: |x| x.erf(), |x, _y| FRAC_2_SQRT_PI * (-(x * x)).exp();
    /// max(x, 0), with derivative 0 at 0.
    Relu relu: |x| if x <= T::zero() { T::zero() } else { x }, |_x, y| y.step();
    /// |x|, with derivative 0 at 0.
    Abs abs: |x| x.abs(), |x, _y| x.sign();
    /// 1 where x > 0, otherwise 0; its derivative is 0 by convention, at 0 too.
    Step step: |x| if x > T::zero() { T::one() } else { T::zero() }, |_x, _y| None;
    /// −1, 0 or 1, as x is negative, 0 or positive; its derivative is 0 by convention, at 0 too.
    Sign sign: |x| if x > T::zero() { T::one() } else if x < T::zero() { -T::one() } else { x }, |_x, _y| None;
    /// x, held: its derivative is 0 by decree. For what a result does not depend on, or shall not be followed into.
    Hold hold: |x| x, |_x, _y| None;
    /// The sine.
    Sin sin: |x| x.sin(), |x, _y| x.cos();
    /// The cosine.
    Cos cos: |x| x.cos(), |x, _y| -x.sin();
    /// The arc cosine, from 0 to π; NaN outside of [−1, 1].
    Acos acos: |x| x.acos(), |x, _y| -((1.0 - x) * (x + 1.0)).rsqrt();
}
