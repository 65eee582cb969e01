//! batch: a linear program applied to many vectors at once.
//!
//! Only what depends on the vectors gets the new axis; residuals and what is computed from them are shared.

use crate::builder::{Builder, Var};
use crate::graph::Graph;
use crate::linear::Axes;
use crate::linearize::LinearGraph;
use crate::op::Op;
use crate::simplify::simplify;

/// The program (r, V) ↦ W where row `b` of each output is `f(r, row b of each input)`: linear inputs and all outputs
/// gain a first axis of extent `size`, residuals do not.
///
/// # Panics
/// If `size` is 0.
#[track_caller]
pub fn batch(f: &LinearGraph, size: usize) -> LinearGraph {
    assert!(size > 0, "a batch of no vectors");
    let graph: &Graph = f.graph();
    let linear = f.linear();
    let residuals = f.residuals().len();
    let g = Builder::new();
    let inputs: Vec<Var<'_>> = (graph.inputs.iter().enumerate())
        .map(|(i, shape)| {
            let rows = (i >= residuals).then_some(size);
            g.input(rows.into_iter().chain(shape.iter().copied()).collect::<Vec<_>>())
        })
        .collect();
    let mut values: Vec<Var<'_>> = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes() {
        let op = node.op.map(|a| values[a.index()].id());
        let touched = |i: usize| linear[node.op.args()[i].index()];
        values.push(match &op {
            Op::Input(i) => inputs[*i],
            op if !linear[id.index()] => g.record(op.clone()),
            Op::Linear(l, a) => g.record(Op::Linear(l.batched(size), *a)),
            Op::Einsum(e, args) => g.record(Op::Einsum(e.batched(touched(0)), *args)),
            op => g.record(op.clone()),
        });
    }
    let outputs: Vec<Var<'_>> = (graph.outputs.iter())
        .map(|id| {
            let value = values[id.index()];
            if linear[id.index()] { value } else { value.broadcast(Axes::new([(0, size)])) }
        })
        .collect();
    LinearGraph::new(simplify(&g.finish(&outputs)), residuals)
}
