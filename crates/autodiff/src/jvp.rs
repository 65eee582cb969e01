//! jvp: (x, ẋ) ↦ (y, ẏ), the value of a program and its derivative in a direction.
//!
//! One line a kind of operation. A tangent that vanishes identically is `None`, never a tensor of zeros, so
//! nothing is computed for inputs that are held fixed and no rule such as `0 · x = 0` is needed.

use crate::builder::{Builder, Var};
use crate::graph::Graph;
use crate::op::Op;

/// The program (x, ẋ) ↦ (y, ẏ): inputs are those of `f`, then one tangent for each input listed in `wrt`;
/// outputs are those of `f`, then their tangents. Inputs not listed are held fixed and cost nothing.
///
/// # Panics
/// If `wrt` names an input that `f` lacks.
#[track_caller]
pub fn jvp(f: &Graph, wrt: &[usize]) -> Graph {
    assert!(wrt.iter().all(|&i| i < f.inputs.len()), "jvp in inputs {wrt:?} of {}", f.inputs.len());
    let g = Builder::new();
    let x: Vec<Var<'_>> = f.inputs.iter().map(|shape| g.input(shape.clone())).collect();
    let dx: Vec<Var<'_>> = wrt.iter().map(|&i| g.input(f.inputs[i].clone())).collect();

    let mut primals: Vec<Var<'_>> = Vec::with_capacity(f.nodes.len());
    let mut tangents: Vec<Option<Var<'_>>> = Vec::with_capacity(f.nodes.len());
    for node in &f.nodes {
        let op = node.op.map(|a| primals[a.index()]);
        let tangent = |i: usize| tangents[node.op.args()[i].index()];
        let y = match &op {
            Op::Input(i) => x[*i],
            op => g.record(op.map(Var::id)),
        };
        let dy = match &op {
            Op::Input(i) => wrt.iter().position(|w| w == i).map(|k| dx[k]),
            Op::Constant(_) => None,
            Op::Add(_) => sum(tangent(0), tangent(1)),
            Op::Linear(linear, _) => tangent(0).map(|da| da.linear(linear.clone())),
            Op::Einsum(e, [a, b]) => sum(
                tangent(0).map(|da| da.einsum(e.clone(), *b)),
                tangent(1).map(|db| a.einsum(e.clone(), db)),
            ),
            Op::Nonlinear(function, args) => (0..args.len())
                .filter_map(|i| {
                    let da = tangent(i)?;
                    let (e, factor) = function.partial(i, args, y)?;
                    Some(factor.einsum(e, da))
                })
                .reduce(|a, b| a + b),
        };
        primals.push(y);
        tangents.push(dy);
    }

    let y = f.outputs.iter().map(|id| primals[id.index()]);
    let dy =
        f.outputs.iter().map(|id| tangents[id.index()].unwrap_or_else(|| g.fill(0.0, &f.node(*id).shape)));
    let outputs: Vec<Var<'_>> = y.chain(dy).collect();
    g.finish(&outputs)
}

fn sum<'g>(a: Option<Var<'g>>, b: Option<Var<'g>>) -> Option<Var<'g>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}
