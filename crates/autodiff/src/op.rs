//! The four kinds of operation, over arguments of any type.
//!
//! | kind | its one rule |
//! |---|---|
//! | [`Op::Add`] | none: the tangent of a sum is the sum of the tangents |
//! | [`Op::Linear`] | an adjoint ([`Linear::adjoint`]) |
//! | [`Op::Einsum`] | its label lists trade places ([`Einsum::adjoint_left`]) |
//! | [`Op::Nonlinear`] | each partial derivative is an einsum with a known factor ([`Nonlinear::partial`]) |

use std::fmt;
use std::slice;

use crate::einsum::Einsum;
use crate::linear::Linear;
use crate::nonlinear::Nonlinear;
use crate::shape::Shape;

/// One operation applied to arguments of type `A`: `Op<Id>` is syntax, `Op<&Shape>` is checked,
/// `Op<&Tensor<T>>` is evaluated.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op<A> {
    /// An input of the program, by position.
    Input(usize),
    /// A scalar literal.
    Constant(Literal),
    /// The sum of two tensors of one shape.
    Add([A; 2]),
    /// A linear operation.
    Linear(Linear, A),
    /// A product.
    Einsum(Einsum, [A; 2]),
    /// A nonlinear operation.
    Nonlinear(Nonlinear, Vec<A>),
}

impl<A> Op<A> {
    /// The arguments, in order.
    pub fn args(&self) -> &[A] {
        match self {
            Self::Input(_) | Self::Constant(_) => &[],
            Self::Add(args) | Self::Einsum(_, args) => args,
            Self::Linear(_, arg) => slice::from_ref(arg),
            Self::Nonlinear(_, args) => args,
        }
    }

    /// The same operation applied to other arguments.
    pub fn map<B>(&self, mut f: impl FnMut(&A) -> B) -> Op<B> {
        match self {
            Self::Input(i) => Op::Input(*i),
            Self::Constant(c) => Op::Constant(*c),
            Self::Add([a, b]) => Op::Add([f(a), f(b)]),
            Self::Linear(l, a) => Op::Linear(l.clone(), f(a)),
            Self::Einsum(e, [a, b]) => Op::Einsum(e.clone(), [f(a), f(b)]),
            Self::Nonlinear(g, args) => Op::Nonlinear(g.clone(), args.iter().map(f).collect()),
        }
    }
}

impl Op<&Shape> {
    /// The shape of the result, or what is wrong with the arguments.
    pub(crate) fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match self {
            Self::Input(i) => inputs.get(*i).cloned().ok_or_else(|| format!("there is no input {i}")),
            Self::Constant(_) => Ok(Shape::scalar()),
            Self::Add([a, b]) if a == b => Ok((*a).clone()),
            Self::Add([a, b]) => Err(format!("add does not apply to shapes {a} and {b}")),
            Self::Linear(l, a) => l.shape(a),
            Self::Einsum(e, [a, b]) => e.shape(a, b),
            Self::Nonlinear(g, args) => g.shape(args),
        }
    }
}

impl<A: fmt::Display> fmt::Display for Op<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(i) => write!(f, "input {i}"),
            Self::Constant(c) => write!(f, "{c}"),
            Self::Add([a, b]) => write!(f, "{a} + {b}"),
            Self::Linear(Linear::Scale(c), a) => write!(f, "{c} * {a}"),
            Self::Linear(l, a) => write!(f, "{l} ({a})"),
            Self::Einsum(e, [a, b]) if e.is_elementwise() => write!(f, "{a} * {b}"),
            Self::Einsum(e, [a, b]) => write!(f, "{e} ({a}, {b})"),
            Self::Nonlinear(g, args) => {
                let args: Vec<String> = args.iter().map(ToString::to_string).collect();
                write!(f, "{g}({})", args.join(", "))
            }
        }
    }
}

/// A number written in a program: an `f64` compared by its bits, so that programs can be compared and shared.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Literal(u64);

impl Literal {
    /// The number.
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for Literal {
    fn from(value: f64) -> Self {
        Self(value.to_bits())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
