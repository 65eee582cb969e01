//! batch and vmap: a program applied to many arguments at once.
//!
//! Only what depends on the arguments that differ gets the new axis; what is computed from the others is shared.

use crate::builder::{Builder, Var};
use crate::graph::Graph;
use crate::linear::Axes;
use crate::linearize::LinearGraph;
use crate::nonlinear::Nonlinear;
use crate::op::Op;
use crate::simplify::simplify;

/// The program (r, V) ↦ W where row `b` of each output is `f(r, row b of each input)`: linear inputs and all outputs
/// gain a first axis of extent `size`, residuals do not.
///
/// # Panics
/// If `size` is 0.
#[track_caller]
pub fn batch(f: &LinearGraph, size: usize) -> LinearGraph {
    let residuals = f.residuals().len();
    let mapped: Vec<bool> = (0..f.graph().inputs.len()).map(|i| i >= residuals).collect();
    LinearGraph::new(rows(f.graph(), &mapped, size, true), residuals)
}

/// The program that applies `f` to each row of the inputs flagged `mapped`, which gain a first axis of extent `size`; the
/// others are the same for all rows. Outputs that depend on mapped inputs gain a first axis, too, and others do not.
///
/// ```
/// use autodiff::{Graph, einsum, vmap};
/// let layer = Graph::trace([[3], [3]], |x| vec![einsum("i,i->", x[0], x[1]).tanh(), x[1].exp()]);
/// assert_eq!(vmap(&layer, &[true, false], 5).to_string(), "\
/// (x0:[5,3], x1:[3]) ->
///   v2:[5] = ai,i->a (x0, x1)
///   v3:[5] = tanh(v2)
///   v4:[3] = exp(x1)
///   return v3, v4
/// ");
/// ```
///
/// # Panics
/// If `size` is 0, or `mapped` has not one flag an input.
#[track_caller]
pub fn vmap(f: &Graph, mapped: &[bool], size: usize) -> Graph {
    assert!(mapped.len() == f.inputs.len(), "{} flags for {} inputs", mapped.len(), f.inputs.len());
    rows(f, mapped, size, false)
}

/// As [`vmap`]; with `all`, outputs that are the same for all rows are repeated.
#[track_caller]
fn rows(f: &Graph, mapped: &[bool], size: usize, all: bool) -> Graph {
    assert!(size > 0, "a batch of no rows");
    let depends = f.depends_on(|i| mapped[i]);
    let g = Builder::new();
    let first = || Axes::new([(0, size)]);
    let inputs: Vec<Var<'_>> = (f.inputs.iter().zip(mapped))
        .map(|(shape, &mapped)| {
            let rows = mapped.then_some(size);
            g.input(rows.into_iter().chain(shape.iter().copied()).collect::<Vec<_>>())
        })
        .collect();
    let mut values: Vec<Var<'_>> = Vec::with_capacity(f.nodes.len());
    for (id, node) in f.nodes() {
        let args = node.op.args();
        let own = |i: usize| depends[args[i].index()];
        let op = node.op.map(|a| values[a.index()].id());
        values.push(match op {
            Op::Input(i) => inputs[i],
            op if !depends[id.index()] => g.record(op),
            Op::Linear(l, a) => g.record(Op::Linear(l.batched(size), a)),
            Op::Einsum(e, args) => g.record(Op::Einsum(e.batched(own(0), own(1)), args)),
            Op::Nonlinear(Nonlinear::Maximum(axes), x) => {
                g.record(Op::Nonlinear(Nonlinear::Maximum(axes.later()), x))
            }
            // Arguments that must have one shape all have the new axis.
            Op::Constant(_) | Op::Add(_) | Op::Nonlinear(..) => g.record(node.op.map(|a| {
                let value = values[a.index()];
                if depends[a.index()] { value.id() } else { value.broadcast(first()).id() }
            })),
        });
    }
    let outputs: Vec<Var<'_>> = (f.outputs.iter())
        .map(|id| {
            let value = values[id.index()];
            if depends[id.index()] || !all { value } else { value.broadcast(first()) }
        })
        .collect();
    simplify(&g.finish(&outputs))
}
