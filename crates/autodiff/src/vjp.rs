//! vjp and gradients: compositions of linearize and transpose.

use crate::builder::{Builder, Var};
use crate::graph::Graph;
use crate::linearize::linearize;
use crate::simplify::simplify;
use crate::transpose::transpose;

/// The program (x, u) ↦ (y, x̄) with x̄ = Jᵀ u: inputs are those of `f`, then one cotangent for each output of
/// `f`; outputs are those of `f`, then one cotangent for each input listed in `wrt`.
///
/// # Panics
/// If `wrt` names an input that `f` lacks.
#[track_caller]
pub fn vjp(f: &Graph, wrt: &[usize]) -> Graph {
    let l = linearize(f, wrt);
    let pull = transpose(&l.tangent);
    let g = Builder::new();
    let x: Vec<Var<'_>> = f.inputs.iter().map(|shape| g.input(shape.clone())).collect();
    let u: Vec<Var<'_>> = f.output_shapes().map(|shape| g.input(shape.clone())).collect();
    let mut y = g.call(&l.primal, &x);
    let residuals = y.split_off(f.outputs.len());
    y.extend(g.call(pull.graph(), &[residuals, u].concat()));
    simplify(&g.finish(&y))
}

/// The program x ↦ (y, ∇y) of a scalar `f`: its value, then its gradient in each input listed in `wrt`.
///
/// # Panics
/// If `f` does not have one scalar output, or `wrt` names an input that it lacks.
#[track_caller]
pub fn value_and_grad(f: &Graph, wrt: &[usize]) -> Graph {
    let shapes: Vec<_> = f.output_shapes().collect();
    assert!(shapes.len() == 1 && shapes[0].rank() == 0, "the gradient of a program with outputs {shapes:?}");
    let vjp = vjp(f, wrt);
    let g = Builder::new();
    let mut x: Vec<Var<'_>> = f.inputs.iter().map(|shape| g.input(shape.clone())).collect();
    x.push(g.constant(1.0));
    simplify(&g.finish(&g.call(&vjp, &x)))
}
