//! Straight-line tensor programs, their derivatives as programs, and an executor.
//!
//! A program ([`Graph`]) is a list of operations on tensors, checked for shapes and free of any scalar type. There
//! are four kinds of operation ([`Op`]), and each has one rule:
//!
//! | kind | its one rule | tangent ẏ | cotangents |
//! |---|---|---|---|
//! | a + b | none | ȧ + ḃ | a̅ += y̅, b̅ += y̅ |
//! | linear, L a | its adjoint, [`Linear::adjoint`] | L ȧ | a̅ += L* y̅ |
//! | product, E(a, b) | labels trade places, [`Einsum::adjoint_left`] | E(ȧ, b) + E(a, ḃ) | a̅ += E*₁(y̅, b) or b̅ += E*₂(a, y̅) |
//! | nonlinear, f(a) | its derivative, in the table of [`Function`] | E(f'(a), ȧ) | cannot occur |
//!
//! Transformations take programs to programs. Reverse mode is not one of them: it is [`transpose`] after [`split`]
//! after [`jvp`] (Radul et al., *You Only Linearize Once*, POPL 2023).
//!
//! # From an operation to a linearization
//!
//! Write a formula; [`Var`] records it:
//!
//! ```
//! use autodiff::{Graph, einsum};
//! let f = Graph::trace([[1, 3], [3, 2]], |x| {
//!     let [h, w] = x[..] else { unreachable!() };
//!     vec![einsum("ni,io->no", h, w).tanh()]
//! });
//! ```
//!
//! [`jvp`] gives the value and the derivative in a direction; here the second input moves and the first is held:
//!
//! ```
//! # use autodiff::{Graph, einsum, jvp, simplify};
//! # let f = Graph::trace([[1, 3], [3, 2]], |x| vec![einsum("ni,io->no", x[0], x[1]).tanh()]);
//! assert_eq!(simplify(&jvp(&f, &[1])).to_string(), "\
//! (x0:[1,3], x1:[3,2], x2:[3,2]) ->
//!   v3:[1,2] = ni,io->no (x0, x1)
//!   v4:[1,2] = ni,io->no (x0, x2)
//!   v5:[1,2] = tanh(v3)
//!   v6:[1,2] = v5 * v5
//!   v7:[1,2] = -1 * v6
//!   v8:[] = 1
//!   v9:[1,2] = broadcast 0:1,1:2 (v8)
//!   v10:[1,2] = v7 + v9
//!   v11:[1,2] = v10 * v4
//!   return v5, v11
//! ");
//! ```
//!
//! Nothing nonlinear touches the tangent `x2`. So the program can be [`split`] in two: what needs only the inputs,
//! which is computed once, and what needs the tangent, which is computed for every direction. That is
//! [`linearize`]; what the second part needs of the first are its *residuals*:
//!
//! ```
//! # use autodiff::{Graph, einsum, linearize};
//! # let f = Graph::trace([[1, 3], [3, 2]], |x| vec![einsum("ni,io->no", x[0], x[1]).tanh()]);
//! let l = linearize(&f, &[1]);
//! assert_eq!(l.tangent.to_string(), "\
//! (r0:[1,3], r1:[1,2], dx0:[3,2]) ->
//!   v3:[1,2] = ni,io->no (r0, dx0)
//!   v4:[1,2] = r1 * v3
//!   return v4
//! ");
//! ```
//!
//! The tangent program is J·v. Read backwards, by [`transpose`], it is Jᵀ·u:
//!
//! ```
//! # use autodiff::{Graph, einsum, linearize, transpose};
//! # let f = Graph::trace([[1, 3], [3, 2]], |x| vec![einsum("ni,io->no", x[0], x[1]).tanh()]);
//! # let l = linearize(&f, &[1]);
//! assert_eq!(transpose(&l.tangent).to_string(), "\
//! (r0:[1,3], r1:[1,2], dx0:[1,2]) ->
//!   v3:[1,2] = r1 * dx0
//!   v4:[3,2] = ni,no->io (r0, v3)
//!   return v4
//! ");
//! ```
//!
//! # Running
//!
//! [`Plan`] makes a program ready to run fast, at `f32` or `f64`, in memory set aside once, on any number of
//! [`Threads`] with the same bits. [`evaluate`] runs it plainly; it is the specification of the plan.
//!
//! ```
//! # use autodiff::{Graph, Plan, Tensor, Threads, einsum, evaluate};
//! # let f = Graph::trace([[1, 3], [3, 2]], |x| vec![einsum("ni,io->no", x[0], x[1]).tanh()]);
//! let x = Tensor::new([1, 3], [1.0_f64, 2.0, 3.0]);
//! let w = Tensor::new([3, 2], [0.1, -0.1, 0.2, 0.0, 0.3, 0.1]);
//! let fast = Plan::new(&f).call(&[x.clone(), w.clone()], &Threads::one());
//! let plain = evaluate(&f, &[x, w]);
//! assert!((fast[0].at(&[0, 1]) - plain[0].at(&[0, 1])).abs() < 1e-15);
//! ```
//!
//! # Conventions
//!
//! Tensors are never empty: every extent is at least 1. Storage is row-major. At a kink the derivative is the one the
//! table of [`Function`] states. Wrong shapes are the caller's mistake: they panic at the caller's line, with the
//! operation and the shapes.

mod batch;
mod builder;
mod compose;
mod einsum;
mod elementary;
mod evaluate;
mod graph;
mod jvp;
mod linear;
mod linearize;
mod nonlinear;
mod op;
mod plan;
mod real;
mod shape;
mod simplify;
mod split;
mod stats;
mod sum;
mod taylor;
mod tensor;
mod threads;
mod transpose;

pub use batch::{batch, vmap};
pub use builder::{Builder, Padding, Var, concat, einsum};
pub use compose::{grad, hessian, hvp, jacobian, value_and_grad, vjp};
pub use einsum::Einsum;
pub use evaluate::evaluate;
pub use graph::{Graph, Id, Node};
pub use jvp::jvp;
pub use linear::{Axes, Linear, Window, Windows};
pub use linearize::{LinearGraph, Linearization, linearize, linearize_with};
pub use nonlinear::{Binary, Function, Nonlinear};
pub use op::{Literal, Op};
pub use plan::{Plan, Workspace};
pub use real::Real;
pub use shape::Shape;
pub use simplify::simplify;
pub use split::{Rematerialise, split};
pub use stats::Stats;
pub use taylor::taylor;
pub use tensor::Tensor;
pub use threads::Threads;
pub use transpose::transpose;
