//! The programs of a model for one shape of x, and their plans.
//!
//! (θ, x) ↦ f is differentiated in the free tensors of θ. Residuals come in two parts: s, which depend on θ alone and
//! are the same for every batch, and r, which belong to this one. So there are θ ↦ s, (θ, x) ↦ (f, r),
//! (s, r, δ) ↦ J δ and (s, r, u) ↦ Jᵀ u.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use autodiff::{
    Builder, Graph, LinearGraph, Linearization, Op, Plan, Shape, Var, batch, linearize, simplify, taylor,
    transpose,
};

use crate::cache::Cache;

#[derive(Debug)]
pub(crate) struct Programs {
    /// (θ, x) ↦ (f, s, r) and (s, r, δ) ↦ J δ.
    pub(crate) linearization: Linearization,
    /// θ ↦ s
    pub(crate) shared: Plan,
    /// (θ, x) ↦ (f, r)
    pub(crate) primal: Plan,
    /// (s, r, δ) ↦ J δ
    pub(crate) tangent: Plan,
    /// (s, r, u) ↦ Jᵀ u
    pub(crate) pull: Plan,
    accumulate: OnceLock<Plan>,
    value: OnceLock<Plan>,
    many: Cache<Many>,
    taylor: Cache<Plan>,
    free: Vec<usize>,
    /// Elements of f.
    pub(crate) rows: usize,
    /// Elements of s and of r.
    pub(crate) kept: [usize; 2],
}

/// Products with several vectors at once.
#[derive(Debug)]
pub(crate) struct Many {
    /// (s, r, Δ) ↦ J Δ, of vectors one after another.
    pub(crate) tangent: Plan,
    /// (s, r, U) ↦ Jᵀ U, tensor by tensor: the part of one tensor in all vectors, then that of the next.
    pub(crate) pull: Plan,
}

impl Programs {
    /// Differentiates `f` in the inputs `free`, which are among the first `parameters`.
    pub(crate) fn new(f: &Graph, parameters: usize, free: &[usize]) -> Self {
        let linearization = linearize(f, free);
        let (linearization, shared) = shared_first(&linearization, parameters);
        let residuals = linearization.tangent.residuals();
        let Linearization { primal, tangent } = &linearization;
        Self {
            shared: Plan::new(&part(primal, parameters, 1..1 + shared)),
            primal: {
                let inputs = primal.inputs().len();
                let without = (0..1).chain(1 + shared..1 + residuals.len());
                Plan::new(&part(primal, inputs, without))
            },
            tangent: Plan::new(tangent.graph()),
            pull: Plan::new(transpose(tangent).graph()),
            accumulate: OnceLock::new(),
            value: OnceLock::new(),
            many: Cache::default(),
            taylor: Cache::default(),
            free: free.to_vec(),
            rows: f.output_shapes().map(Shape::size).sum(),
            kept: [&residuals[..shared], &residuals[shared..]].map(size),
            linearization,
        }
    }

    /// (s, r, u) ↦ g + Jᵀ u, where the output holds g before.
    pub(crate) fn accumulate(&self) -> &Plan {
        self.accumulate.get_or_init(|| {
            let pull = transpose(&self.linearization.tangent);
            let sums: Vec<Shape> = pull.graph().output_shapes().cloned().collect();
            let inputs = pull.graph().inputs().len();
            let overwritten: Vec<(usize, usize)> = (0..sums.len()).map(|i| (inputs + i, i)).collect();
            let program = Graph::trace([pull.graph().inputs(), &sums].concat(), |x| {
                // u, at least, is an input.
                let change = x[0].builder().call(pull.graph(), &x[..inputs]);
                change.iter().zip(&x[inputs..]).map(|(&change, &sum)| sum + change).collect()
            });
            Plan::in_place(&simplify(&program), &overwritten)
        })
    }

    /// (θ, x) ↦ f
    pub(crate) fn value(&self) -> &Plan {
        self.value.get_or_init(|| Plan::new(&self.function()))
    }

    /// Products with `k` vectors.
    pub(crate) fn many(&self, k: usize) -> Arc<Many> {
        self.many.get(k, || {
            let tangent = &self.linearization.tangent;
            let pull = batch(&transpose(tangent), k);
            Many { tangent: Plan::new(&flat(&batch(tangent, k), k)), pull: Plan::new(pull.graph()) }
        })
    }

    /// (θ, x, δ) ↦ the coefficients 0 to `degree` of t ↦ f(θ + t δ, x).
    pub(crate) fn taylor(&self, degree: usize) -> Arc<Plan> {
        self.taylor.get(degree, || Plan::new(&taylor(&self.function(), &self.free, degree)))
    }

    /// Elements of the workspaces in use at a time, for a batch that is one of `several` or not, whose r is made again for
    /// each product or before them.
    pub(crate) fn workspaces(&self, several: bool, again: bool) -> usize {
        let accumulate = if several { self.accumulate().workspace_size() } else { 0 };
        let products = self.tangent.workspace_size() + self.pull.workspace_size() + accumulate;
        let primal = self.primal.workspace_size();
        if again { products + primal } else { products.max(primal) }
    }

    fn function(&self) -> Graph {
        let primal = &self.linearization.primal;
        part(primal, primal.inputs().len(), 0..1)
    }
}

/// `f`, which reads `k` vectors tensor by tensor, for vectors that lie one after another.
fn flat(f: &LinearGraph, k: usize) -> Graph {
    let g = Builder::new();
    let mut inputs: Vec<Var<'_>> = f.residuals().iter().map(|shape| g.input(shape.clone())).collect();
    let columns = size(f.inputs()) / k;
    let vectors = (columns > 0).then(|| g.input([k, columns]));
    let mut start = 0;
    for (shape, vectors) in f.inputs().iter().zip(vectors.into_iter().cycle()) {
        let end = start + shape.size() / k;
        inputs.push(vectors.slice(1, start..end).reshape(shape.clone()));
        start = end;
    }
    let outputs = g.call(f.graph(), &inputs);
    g.finish(&outputs)
}

pub(crate) fn size(shapes: &[Shape]) -> usize {
    shapes.iter().map(Shape::size).sum()
}

/// The same linearization with the residuals that depend on the first `parameters` inputs alone before the others, and
/// how many these are.
fn shared_first(l: &Linearization, parameters: usize) -> (Linearization, usize) {
    let mut depends: Vec<bool> = Vec::with_capacity(l.primal.nodes().len());
    for (_, node) in l.primal.nodes() {
        depends.push(match node.op() {
            Op::Input(i) => *i >= parameters,
            op => op.args().iter().any(|a| depends[a.index()]),
        });
    }
    let belongs = |i: &usize| depends[l.primal.outputs()[1 + i].index()];
    let (shared, own): (Vec<usize>, Vec<usize>) = (0..l.tangent.residuals().len()).partition(|i| !belongs(i));
    let order: Vec<usize> = shared.iter().chain(&own).copied().collect();

    let g = Builder::new();
    let x: Vec<Var<'_>> = l.primal.inputs().iter().map(|shape| g.input(shape.clone())).collect();
    let y = g.call(&l.primal, &x);
    let outputs: Vec<Var<'_>> = [y[0]].into_iter().chain(order.iter().map(|i| y[1 + i])).collect();
    let primal = g.finish(&outputs);

    let g = Builder::new();
    let tangent = l.tangent.graph();
    let mut inputs: Vec<Option<Var<'_>>> = vec![None; tangent.inputs().len()];
    for i in order.iter().copied().chain(order.len()..tangent.inputs().len()) {
        inputs[i] = Some(g.input(tangent.inputs()[i].clone()));
    }
    let inputs: Vec<Var<'_>> = inputs.into_iter().flatten().collect();
    let outputs = g.call(tangent, &inputs);
    let tangent = LinearGraph::new(g.finish(&outputs), order.len());
    (Linearization { primal, tangent }, shared.len())
}

/// The program that returns the outputs `chosen` of `f`, which depend on its first `inputs` inputs alone.
fn part(f: &Graph, inputs: usize, chosen: impl Iterator<Item = usize>) -> Graph {
    let g = Builder::new();
    let read = f.inputs()[..inputs].iter().map(|shape| g.input(shape.clone()));
    let read: Vec<Var<'_>> = read.collect();
    let others = f.inputs()[inputs..].iter().map(|shape| g.fill(0.0, shape));
    let all: Vec<Var<'_>> = read.into_iter().chain(others).collect();
    let y = g.call(f, &all);
    simplify(&g.finish(&chosen.map(|i| y[i]).collect::<Vec<_>>()))
}

/// The elements of the `i`-th of some parts of equal size.
pub(crate) fn nth(i: usize, size: usize) -> Range<usize> {
    i * size..(i + 1) * size
}
