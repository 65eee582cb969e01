//! transpose: (r, ẋ) ↦ ẏ becomes (r, y̅) ↦ x̅. This is reverse mode.
//!
//! Only three kinds of operation can touch a tangent, and each hands its cotangent on by one line.

use crate::builder::{Builder, Var};
use crate::graph::Id;
use crate::linearize::LinearGraph;
use crate::op::Op;
use crate::simplify::simplify;

/// The adjoint of a linear program at every residual: ⟨u, f(r, v)⟩ = ⟨transpose(f)(r, u), v⟩.
///
/// Inputs are the residuals, then one cotangent for each output of `f`; outputs are one cotangent for each
/// linear input of `f`.
pub fn transpose(f: &LinearGraph) -> LinearGraph {
    let graph = f.graph();
    let linear = f.linear();
    let g = Builder::new();
    let residuals: Vec<Var<'_>> = f.residuals().iter().map(|shape| g.input(shape.clone())).collect();
    let outputs: Vec<Var<'_>> = graph.output_shapes().map(|shape| g.input(shape.clone())).collect();

    let mut known: Vec<Option<Var<'_>>> = vec![None; graph.nodes.len()];
    for (id, node) in graph.nodes().filter(|(id, _)| !linear[id.index()]) {
        known[id.index()] = Some(match &node.op {
            Op::Input(i) => residuals[*i],
            op => g.record(op.map(|a| known[a.index()].expect("known values use known values").id())),
        });
    }

    let mut cotangents: Vec<Option<Var<'_>>> = vec![None; graph.nodes.len()];
    let mut inputs: Vec<Option<Var<'_>>> = vec![None; f.inputs().len()];
    for (id, u) in graph.outputs.iter().zip(outputs) {
        give(&mut cotangents, *id, u);
    }
    for (id, node) in graph.nodes().rev().filter(|(id, _)| linear[id.index()]) {
        let Some(u) = cotangents[id.index()].take() else {
            continue;
        };
        match &node.op {
            Op::Input(i) => inputs[i - residuals.len()] = Some(u),
            Op::Add([a, b]) => {
                give(&mut cotangents, *a, u);
                give(&mut cotangents, *b, u);
            }
            Op::Linear(l, a) => give(&mut cotangents, *a, u.linear(l.adjoint())),
            Op::Einsum(e, [a, b]) => match (known[a.index()], known[b.index()]) {
                (None, Some(right)) => give(&mut cotangents, *a, u.einsum(e.adjoint_left(), right)),
                (Some(left), None) => give(&mut cotangents, *b, left.einsum(e.adjoint_right(), u)),
                _ => unreachable!("a LinearGraph multiplies by known factors only"),
            },
            Op::Constant(_) | Op::Nonlinear(..) => unreachable!("a LinearGraph is linear"),
        }
    }
    let outputs: Vec<Var<'_>> =
        inputs.iter().zip(f.inputs()).map(|(x, shape)| x.unwrap_or_else(|| g.fill(0.0, shape))).collect();
    LinearGraph::new(simplify(&g.finish(&outputs)), residuals.len())
}

/// Adds `u` to the cotangent of `id`.
fn give<'g>(cotangents: &mut [Option<Var<'g>>], id: Id, u: Var<'g>) {
    let sum = u.plus(cotangents[id.index()]);
    cotangents[id.index()] = Some(sum);
}
