//! Derivatives as compositions: vjp, gradients, Hessian products, whole Jacobians and Hessians.

use crate::batch::batch;
use crate::builder::{Builder, Var};
use crate::graph::Graph;
use crate::jvp::jvp;
use crate::linear::Axes;
use crate::linearize::linearize;
use crate::shape::Shape;
use crate::simplify::simplify;
use crate::transpose::transpose;

/// The program (x, u) ↦ (y, x̄) with x̄ = Jᵀ u: inputs are those of `f`, then one cotangent for each output of
/// `f`; outputs are those of `f`, then one cotangent for each input listed in `wrt`.
///
/// # Panics
/// If `wrt` names an input that `f` lacks.
#[track_caller]
pub fn vjp(f: &Graph, wrt: &[usize]) -> Graph {
    simplify(&primal_then_pull(f, wrt))
}

/// [`vjp`], not yet simplified.
#[track_caller]
fn primal_then_pull(f: &Graph, wrt: &[usize]) -> Graph {
    let l = linearize(f, wrt);
    let pull = transpose(&l.tangent);
    let g = Builder::new();
    let x = inputs(&g, f);
    let u: Vec<Var<'_>> = f.output_shapes().map(|shape| g.input(shape.clone())).collect();
    let mut y = g.call(&l.primal, &x);
    let residuals = y.split_off(f.outputs.len());
    y.extend(g.call(pull.graph(), &[residuals, u].concat()));
    g.finish(&y)
}

/// The program x ↦ (y, ∇y) of a scalar `f`: its value, then its gradient in each input listed in `wrt`.
///
/// # Panics
/// If `f` does not have one scalar output, or `wrt` names an input that it lacks.
#[track_caller]
pub fn value_and_grad(f: &Graph, wrt: &[usize]) -> Graph {
    let shapes: Vec<_> = f.output_shapes().collect();
    assert!(shapes.len() == 1 && shapes[0].rank() == 0, "the gradient of a program with outputs {shapes:?}");
    let pull = primal_then_pull(f, wrt);
    let g = Builder::new();
    let mut x = inputs(&g, f);
    x.push(g.constant(1.0));
    simplify(&g.finish(&g.call(&pull, &x)))
}

/// The program x ↦ ∇y of a scalar `f`: its gradient in each input listed in `wrt`.
///
/// # Panics
/// As [`value_and_grad`].
#[track_caller]
pub fn grad(f: &Graph, wrt: &[usize]) -> Graph {
    let mut both = value_and_grad(f, wrt);
    both.outputs.remove(0);
    simplify(&both)
}

/// The program (x, v) ↦ H v of a scalar `f`, with H its Hessian in the inputs listed in `wrt`: the derivative of the
/// gradient in the direction v. Inputs are those of `f`, then one direction an input listed.
///
/// # Panics
/// As [`value_and_grad`].
#[track_caller]
pub fn hvp(f: &Graph, wrt: &[usize]) -> Graph {
    let mut both = jvp(&grad(f, wrt), wrt);
    both.outputs.drain(..wrt.len());
    simplify(&both)
}

/// The program x ↦ ∂y/∂xᵢ, of shape (output shape, input shape), of a program of one output: row by row or column by
/// column, whichever are fewer.
///
/// # Panics
/// If `f` has not one output, or no input `i`.
#[track_caller]
pub fn jacobian(f: &Graph, i: usize) -> Graph {
    assert!(f.outputs.len() == 1, "the Jacobian of a program with {} outputs", f.outputs.len());
    let l = linearize(f, &[i]);
    let (output, input) = (f.node(f.outputs[0]).shape.clone(), f.inputs[i].clone());
    let (rows, columns) = (output.size(), input.size());
    let forward = columns <= rows;
    let linear = if forward { batch(&l.tangent, columns) } else { batch(&transpose(&l.tangent), rows) };

    let g = Builder::new();
    let mut arguments = g.call(&l.primal, &inputs(&g, f)).split_off(1);
    let side = if forward { &input } else { &output };
    let basis = identity(&g, side.size()).reshape(joined(&[&[side.size()], side]));
    arguments.push(basis);
    let result = g.call(linear.graph(), &arguments)[0];
    let result = if forward {
        let last: Vec<usize> = (1..=output.rank()).chain([0]).collect();
        result.permute(&last)
    } else {
        result
    };
    simplify(&g.finish(&[result.reshape(joined(&[&output, &input]))]))
}

/// The program x ↦ ∂²y/∂xᵢ², of shape (input shape, input shape), of a scalar `f`.
///
/// # Panics
/// As [`value_and_grad`].
#[track_caller]
pub fn hessian(f: &Graph, i: usize) -> Graph {
    jacobian(&grad(f, &[i]), i)
}

fn inputs<'g>(g: &'g Builder, f: &Graph) -> Vec<Var<'g>> {
    f.inputs.iter().map(|shape| g.input(shape.clone())).collect()
}

fn joined(shapes: &[&[usize]]) -> Shape {
    shapes.concat().into()
}

/// The identity matrix: rows of n + 1 that begin with a 1, read as rows of n.
fn identity(g: &Builder, n: usize) -> Var<'_> {
    let ones = g.constant(1.0).broadcast(Axes::new([(0, n), (1, 1)]));
    ones.pad(1, 0, n + 1).reshape([n * (n + 1)]).slice(0, 0..n * n).reshape([n, n])
}
