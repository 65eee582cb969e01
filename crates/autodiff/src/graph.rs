//! Programs: straight-line lists of operations, shape-checked and single-assignment.

use std::fmt;

use crate::builder::{Builder, Var};
use crate::op::Op;
use crate::shape::Shape;

/// The name of a value in one program: its position in program order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(u32);

impl Id {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("a program has fewer than 2³² operations"))
    }

    /// The position in program order.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// One equation of a program: an operation on earlier values, and the shape of its result.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    pub(crate) op: Op<Id>,
    pub(crate) shape: Shape,
}

impl Node {
    /// The operation.
    pub fn op(&self) -> &Op<Id> {
        &self.op
    }

    /// The shape of its result.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }
}

/// A program: inputs ↦ outputs, as a list of equations in which every value is defined before it is used.
///
/// A program has no scalar type: the same one runs at `f32` and at `f64`. It is made by [`Graph::trace`] or by
/// a transformation of another, runs through [`Plan`](crate::Plan) (fast) or [`evaluate`](crate::evaluate)
/// (plain), and prints as equations:
///
/// ```
/// use autodiff::{Graph, einsum};
/// let layer = Graph::trace([[2, 3], [3, 4]], |x| vec![einsum("ni,io->no", x[0], x[1]).tanh()]);
/// assert_eq!(layer.to_string(), "\
/// (x0:[2,3], x1:[3,4]) ->
///   v2:[2,4] = ni,io->no (x0, x1)
///   v3:[2,4] = tanh(v2)
///   return v3
/// ");
/// ```
#[derive(Clone, PartialEq, Default)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) inputs: Vec<Shape>,
    pub(crate) outputs: Vec<Id>,
}

impl Graph {
    /// Records what `f` does to variables of the given shapes.
    ///
    /// # Panics
    /// If `f` panics, as it does on shapes that do not fit.
    pub fn trace<S: Into<Shape>>(
        inputs: impl IntoIterator<Item = S>,
        f: impl for<'g> FnOnce(&[Var<'g>]) -> Vec<Var<'g>>,
    ) -> Self {
        let builder = Builder::new();
        let inputs: Vec<Var<'_>> = inputs.into_iter().map(|shape| builder.input(shape)).collect();
        let outputs = f(&inputs);
        builder.finish(&outputs)
    }

    /// The equations, in program order, with the names of their results.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (Id, &Node)> + ExactSizeIterator {
        self.nodes.iter().enumerate().map(|(i, node)| (Id::new(i), node))
    }

    /// The equation that defines a value.
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.index()]
    }

    /// The shapes of the inputs.
    pub fn inputs(&self) -> &[Shape] {
        &self.inputs
    }

    /// The values returned.
    pub fn outputs(&self) -> &[Id] {
        &self.outputs
    }

    /// The shapes of the outputs.
    pub fn output_shapes(&self) -> impl ExactSizeIterator<Item = &Shape> {
        self.outputs.iter().map(|&id| &self.node(id).shape)
    }

    /// For each value, how often it is used: as an argument of a value that is itself used, or as an output.
    pub(crate) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        self.outputs.iter().for_each(|id| uses[id.index()] += 1);
        for (id, node) in self.nodes().rev() {
            if uses[id.index()] > 0 {
                node.op.args().iter().for_each(|a| uses[a.index()] += 1);
            }
        }
        uses
    }

    /// For each value, whether it depends on any of the inputs that `inputs` flags.
    pub fn depends_on(&self, inputs: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut depends: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            depends.push(match &node.op {
                Op::Input(i) => inputs(*i),
                op => op.args().iter().any(|a| depends[a.index()]),
            });
        }
        depends
    }
}

/// One equation a line; inputs are `x0`, `x1`, …, other values are named by their position.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, |i| format!("x{i}"))
    }
}

/// As printed, so that a test that fails shows the program.
impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Graph {
    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, input: impl Fn(usize) -> String) -> fmt::Result {
        let name = |id: Id| match self.node(id).op {
            Op::Input(i) => input(i),
            _ => id.to_string(),
        };
        let inputs: Vec<String> =
            self.inputs.iter().enumerate().map(|(i, shape)| format!("{}:{shape}", input(i))).collect();
        writeln!(f, "({}) ->", inputs.join(", "))?;
        for (id, node) in self.nodes() {
            if !matches!(node.op, Op::Input(_)) {
                writeln!(f, "  {id}:{} = {}", node.shape, node.op.map(|&a| name(a)))?;
            }
        }
        let outputs: Vec<String> = self.outputs.iter().map(|&id| name(id)).collect();
        writeln!(f, "  return {}", outputs.join(", "))
    }
}
