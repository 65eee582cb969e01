//! stats: what a program costs.

use std::fmt;

use crate::graph::Graph;
use crate::linear::Linear;
use crate::linearize::Linearization;
use crate::op::Op;
use crate::real::Real;
use crate::shape::Shape;

/// The size of a program and the work of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Operations, inputs and literals apart.
    pub operations: usize,
    /// Arithmetic operations: an addition, a multiplication, or one value of a function counts 1; moving data counts
    /// nothing.
    pub flops: usize,
    /// Elements of all results, each written once.
    pub elements: usize,
}

impl Stats {
    /// Bytes of all results in scalars of type `T`.
    pub fn bytes<T: Real>(&self) -> usize {
        self.elements * size_of::<T>()
    }
}

impl Graph {
    /// What the program costs, dead operations included; what cannot be counted is `usize::MAX`.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for node in &self.nodes {
            let shape = |id: &crate::graph::Id| &self.node(*id).shape;
            let size = node.shape.size();
            let flops = match &node.op {
                Op::Input(_) | Op::Constant(_) => continue,
                Op::Add(_) | Op::Linear(Linear::Scale(_), _) => size,
                Op::Nonlinear(_, args) => shape(&args[0]).size(),
                Op::Linear(Linear::Sum(_), a) => shape(a).size(),
                Op::Linear(..) => 0,
                Op::Einsum(e, [a, b]) => {
                    let extents = e.contracted().map(|label| e.extent(label, shape(a), shape(b)));
                    let terms = if e.contracted().next().is_some() { 2 } else { 1 };
                    extents.fold(size.saturating_mul(terms), usize::saturating_mul)
                }
            };
            stats.operations += 1;
            stats.flops = stats.flops.saturating_add(flops);
            stats.elements = stats.elements.saturating_add(size);
        }
        stats
    }
}

impl Linearization {
    /// Bytes kept between `primal` and `tangent` in scalars of type `T`.
    pub fn residual_bytes<T: Real>(&self) -> usize {
        self.tangent.residuals().iter().map(Shape::size).sum::<usize>() * size_of::<T>()
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, flops, elements } = self;
        write!(f, "{operations} operations, {flops} flops, {elements} elements")
    }
}
