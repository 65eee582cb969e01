//! linearize: a program and its derivative at a point, as two programs that share residuals.

use std::fmt;

use crate::graph::Graph;
use crate::jvp::jvp;
use crate::op::Op;
use crate::shape::Shape;
use crate::simplify::simplify;
use crate::split::{Rematerialise, split};

/// A program (r, ẋ) ↦ ẏ, linear in ẋ at every r: only additions, linear operations, and products with a known
/// factor touch ẋ. The first inputs are the residuals r.
#[derive(Clone, PartialEq, Debug)]
pub struct LinearGraph {
    graph: Graph,
    residuals: usize,
}

/// The value and the derivative of a program: `primal` is x ↦ (y, r), `tangent` is (r, ẋ) ↦ ẏ.
#[derive(Clone, PartialEq, Debug)]
pub struct Linearization {
    /// x ↦ (y, r): the outputs of the program, then the residuals.
    pub primal: Graph,
    /// (r, ẋ) ↦ ẏ, the product with the Jacobian.
    pub tangent: LinearGraph,
}

/// Linearizes `f` in the inputs listed in `wrt`, in that order: simplify ∘ split ∘ jvp.
///
/// # Panics
/// If `wrt` names an input that `f` lacks.
#[track_caller]
pub fn linearize(f: &Graph, wrt: &[usize]) -> Linearization {
    linearize_with(f, wrt, Rematerialise::default())
}

/// As [`linearize`], with a choice of what is kept between the two programs.
///
/// # Panics
/// If `wrt` names an input that `f` lacks.
#[track_caller]
pub fn linearize_with(f: &Graph, wrt: &[usize], rematerialise: Rematerialise) -> Linearization {
    let both = simplify(&jvp(f, wrt));
    let known: Vec<bool> = (0..both.inputs.len()).map(|i| i < f.inputs.len()).collect();
    let (primal, tangent) = split(&both, &known, f.outputs.len(), rematerialise);
    let residuals = primal.outputs.len() - f.outputs.len();
    Linearization { primal: simplify(&primal), tangent: LinearGraph::new(simplify(&tangent), residuals) }
}

impl LinearGraph {
    /// Takes `graph` as linear in all inputs but the first `residuals`.
    ///
    /// # Panics
    /// If an operation does not keep to that: a nonlinear operation or a product of two such inputs, or a sum
    /// with a value that does not depend on them.
    #[track_caller]
    pub fn new(graph: Graph, residuals: usize) -> Self {
        let linear = graph.depends_on(|i| i >= residuals);
        for (id, node) in graph.nodes() {
            let touched = node.op.args().iter().filter(|a| linear[a.index()]).count();
            let allowed = match &node.op {
                Op::Input(_) | Op::Constant(_) | Op::Linear(..) => true,
                Op::Add(_) => touched != 1,
                Op::Einsum(..) => touched <= 1,
                Op::Nonlinear(..) => touched == 0,
            };
            assert!(allowed, "{id} = {} is not linear in the inputs after the first {residuals}", node.op);
        }
        Self { graph, residuals }
    }

    /// The program.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The shapes of the residuals.
    pub fn residuals(&self) -> &[Shape] {
        &self.graph.inputs[..self.residuals]
    }

    /// The shapes of the inputs in which it is linear.
    pub fn inputs(&self) -> &[Shape] {
        &self.graph.inputs[self.residuals..]
    }

    /// For each value, whether it depends on an input in which the program is linear.
    pub(crate) fn linear(&self) -> Vec<bool> {
        self.graph.depends_on(|i| i >= self.residuals)
    }
}

/// As [`Graph`], with residuals named `r0`, `r1`, … and tangents `dx0`, `dx1`, ….
impl fmt::Display for LinearGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.graph.print(f, |i| match i.checked_sub(self.residuals) {
            None => format!("r{i}"),
            Some(k) => format!("dx{k}"),
        })
    }
}
