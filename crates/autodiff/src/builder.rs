//! Recording programs: `Var` is a handle that writes formulas into a `Builder`.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

use crate::einsum::Einsum;
use crate::graph::{Graph, Id, Node};
use crate::linear::{Axes, Linear, Window, Windows};
use crate::nonlinear::{Binary, Function, Nonlinear};
use crate::op::Op;
use crate::shape::Shape;

/// A program being recorded.
#[derive(Debug, Default)]
pub struct Builder {
    graph: RefCell<Graph>,
}

impl Builder {
    /// An empty program.
    pub fn new() -> Self {
        Self::default()
    }

    /// A further input of the given shape.
    pub fn input(&self, shape: impl Into<Shape>) -> Var<'_> {
        let i = {
            let mut graph = self.graph.borrow_mut();
            graph.inputs.push(shape.into());
            graph.inputs.len() - 1
        };
        self.record(Op::Input(i))
    }

    /// A scalar literal.
    pub fn constant(&self, value: f64) -> Var<'_> {
        self.record(Op::Constant(value.into()))
    }

    /// A literal repeated over a shape.
    pub fn fill(&self, value: f64, shape: &[usize]) -> Var<'_> {
        self.constant(value).broadcast(Axes::new(shape.iter().copied().enumerate()))
    }

    /// Appends one operation.
    ///
    /// # Panics
    /// If the shapes of its arguments do not fit, with the operation and the shapes.
    #[track_caller]
    pub fn record(&self, op: Op<Id>) -> Var<'_> {
        let graph = &mut *self.graph.borrow_mut();
        let shape = match op.map(|&a| &graph.nodes[a.index()].shape).shape(&graph.inputs) {
            Ok(shape) => shape,
            Err(error) => panic!("{error}"),
        };
        assert!(!shape.contains(&0), "{op:?} has shape {shape}, and tensors are never empty");
        graph.nodes.push(Node { op, shape });
        Var { builder: self, id: Id::new(graph.nodes.len() - 1) }
    }

    /// Appends a whole program, applied to `args`, and returns its outputs.
    ///
    /// # Panics
    /// If the number of arguments or a shape differs from the program's inputs.
    #[track_caller]
    pub fn call<'g>(&'g self, f: &Graph, args: &[Var<'g>]) -> Vec<Var<'g>> {
        let shapes: Vec<Shape> = args.iter().map(Var::shape).collect();
        assert!(shapes == f.inputs, "a program of inputs {:?} was called with {shapes:?}", f.inputs);
        let mut values: Vec<Var<'g>> = Vec::with_capacity(f.nodes.len());
        for node in &f.nodes {
            values.push(match &node.op {
                Op::Input(i) => args[*i],
                op => self.record(op.map(|a| values[a.index()].id)),
            });
        }
        f.outputs.iter().map(|id| values[id.index()]).collect()
    }

    /// The program that returns `outputs`. It is taken out: the builder is empty afterwards, and its variables
    /// must not be used again.
    pub fn finish(&self, outputs: &[Var<'_>]) -> Graph {
        let outputs = outputs.iter().map(|v| v.id).collect();
        Graph { outputs, ..self.graph.take() }
    }

    pub(crate) fn var(&self, id: Id) -> Var<'_> {
        Var { builder: self, id }
    }

    pub(crate) fn op(&self, id: Id) -> Op<Id> {
        self.graph.borrow().nodes[id.index()].op.clone()
    }
}

/// A value of a program being recorded: a small handle that can be copied, so that formulas read as formulas.
///
/// Operators work element by element and want equal shapes; numbers combine with tensors of any shape.
#[derive(Clone, Copy)]
pub struct Var<'g> {
    builder: &'g Builder,
    id: Id,
}

impl<'g> Var<'g> {
    /// The program this value belongs to.
    pub fn builder(&self) -> &'g Builder {
        self.builder
    }

    /// Its name there.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Its shape.
    pub fn shape(&self) -> Shape {
        self.builder.graph.borrow().nodes[self.id.index()].shape.clone()
    }

    /// Applies a linear operation.
    ///
    /// # Panics
    /// If it does not apply to this shape.
    #[must_use]
    #[track_caller]
    pub fn linear(self, linear: Linear) -> Self {
        self.builder.record(Op::Linear(linear, self.id))
    }

    /// Applies a function element by element.
    #[must_use]
    pub fn map(self, function: Function) -> Self {
        self.builder.record(Op::Nonlinear(Nonlinear::Map(function), vec![self.id]))
    }

    /// The product `einsum` of this value (left) and `right`.
    ///
    /// # Panics
    /// If the shapes do not fit the labels.
    #[must_use]
    #[track_caller]
    pub fn einsum(self, einsum: Einsum, right: Self) -> Self {
        self.builder.record(Op::Einsum(einsum, [self.id, right.id]))
    }

    /// Multiplies by a number.
    #[must_use]
    pub fn scale(self, c: f64) -> Self {
        self.linear(Linear::Scale(c.into()))
    }

    /// Repeats along new axes, given by their position in the result and their extent.
    ///
    /// # Panics
    /// If a position lies beyond the result's rank.
    #[must_use]
    #[track_caller]
    pub fn broadcast(self, axes: Axes) -> Self {
        self.linear(Linear::Broadcast(axes))
    }

    /// Sums over the given axes, ascending.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn sum(self, axes: &[usize]) -> Self {
        self.linear(Linear::Sum(self.axes(axes)))
    }

    /// Sums over all axes.
    #[must_use]
    pub fn sum_all(self) -> Self {
        self.linear(Linear::Sum(Axes::new(self.shape().iter().copied().enumerate())))
    }

    /// Sliding windows along `axis`, which becomes two axes: the window, and the place in it. With `Same` and
    /// `Circular` there are ⌈n/stride⌉ windows; the elements they need beyond the ends, half of them (rounded down)
    /// before the first, are zeros or wrap around.
    ///
    /// # Panics
    /// If there is no such axis, `size` or `stride` is 0, or no window fits.
    #[must_use]
    #[track_caller]
    pub fn windows(self, axis: usize, size: usize, stride: usize, padding: Padding) -> Self {
        let padded = self.padded(axis, size, stride, padding);
        let extent = padded.shape()[axis];
        padded.linear(Linear::Unfold(Windows { axis, size, stride, extent }))
    }

    /// With the elements beyond the ends of `axis` that [`windows`](Self::windows) see: valid windows of the result are
    /// those of this value. Windows along several axes are best padded along all of them first: what is padded is small.
    ///
    /// # Panics
    /// As [`windows`](Self::windows).
    #[must_use]
    #[track_caller]
    pub fn padded(self, axis: usize, size: usize, stride: usize, padding: Padding) -> Self {
        let shape = self.shape();
        assert!(
            axis < shape.rank() && size > 0 && stride > 0,
            "windows of {size} by {stride} on axis {axis} of {shape}"
        );
        let n = shape[axis];
        let beyond = ((n.div_ceil(stride) - 1) * stride + size).saturating_sub(n);
        let (before, after) = (beyond / 2, beyond - beyond / 2);
        match padding {
            Padding::Valid => self,
            Padding::Same => self.pad(axis, before, n + beyond),
            Padding::Circular => {
                assert!(before <= n && after <= n, "circular windows of {size} on axis {axis} of {shape}");
                let ends = [(n - before, n), (0, n), (0, after)].into_iter().filter(|(from, to)| from < to);
                concat(axis, &ends.map(|(from, to)| self.slice(axis, from..to)).collect::<Vec<_>>())
            }
        }
    }

    /// Applies a function of two arguments, element by element.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn zip(self, function: Binary, other: Self) -> Self {
        self.builder.record(Op::Nonlinear(Nonlinear::Zip(function), vec![self.id, other.id]))
    }

    /// The larger of this and another value, element by element; half of the derivative each where they are equal.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn max(self, other: Self) -> Self {
        self.zip(Binary::Max, other)
    }

    /// The smaller of this and another value; otherwise as [`Var::max`].
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn min(self, other: Self) -> Self {
        -(-self).max(-other)
    }

    /// The largest element along the given axes, ascending, which disappear.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn maximum(self, axes: &[usize]) -> Self {
        let axes = self.axes(axes);
        self.builder.record(Op::Nonlinear(Nonlinear::Maximum(axes), vec![self.id]))
    }

    /// log Σ eˣ along the given axes, ascending, which disappear; without overflow, and right where elements are
    /// infinite. Its derivative is the softmax.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn log_sum_exp(self, axes: &[usize]) -> Self {
        let (largest, _, sum) = self.exponentials(axes);
        largest + sum.log()
    }

    /// eˣ / Σ eˣ, the sums along the given axes, ascending; without overflow.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn softmax(self, axes: &[usize]) -> Self {
        let (_, exponentials, sum) = self.exponentials(axes);
        exponentials * sum.recip().broadcast(self.axes(axes))
    }

    /// The largest element m along axes, e^{x − m}, and its sum. What is made of these depends on m in form only, so
    /// m is held.
    #[track_caller]
    fn exponentials(self, axes: &[usize]) -> (Self, Self, Self) {
        let largest = self.maximum(axes).hold();
        let exponentials = self.zip(Binary::ExpDifference, largest.broadcast(self.axes(axes)));
        (largest, exponentials, exponentials.sum(axes))
    }

    /// xⁿ by repeated squaring; x⁰ is 1.
    #[must_use]
    pub fn powi(self, n: u32) -> Self {
        match n {
            0 => self.builder.fill(1.0, &self.shape()),
            1 => self,
            n if n.is_multiple_of(2) => (self * self).powi(n / 2),
            n => self * self.powi(n - 1),
        }
    }

    /// Reorders the axes: axis `i` of the result is axis `permutation[i]` of this value.
    ///
    /// # Panics
    /// If `permutation` is not one of this value's axes.
    #[must_use]
    #[track_caller]
    pub fn permute(self, permutation: &[usize]) -> Self {
        self.linear(Linear::Permute(permutation.into()))
    }

    /// The same elements under another shape.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[must_use]
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Self {
        self.linear(Linear::Reshape { from: self.shape(), to: shape.into() })
    }

    /// The elements `range` along `axis`.
    ///
    /// # Panics
    /// If the range exceeds the axis.
    #[must_use]
    #[track_caller]
    pub fn slice(self, axis: usize, range: std::ops::Range<usize>) -> Self {
        let extent = self.shape().get(axis).copied().unwrap_or(0);
        self.linear(Linear::Slice(Window { axis, start: range.start, length: range.len(), extent }))
    }

    /// Places this value at `start` among `extent` elements along `axis`, zeros elsewhere.
    ///
    /// # Panics
    /// If it does not fit there.
    #[must_use]
    #[track_caller]
    pub fn pad(self, axis: usize, start: usize, extent: usize) -> Self {
        let length = self.shape().get(axis).copied().unwrap_or(0);
        self.linear(Linear::Pad(Window { axis, start, length, extent }))
    }

    /// Axes of this value with their extents.
    #[track_caller]
    fn axes(&self, axes: &[usize]) -> Axes {
        let shape = self.shape();
        assert!(axes.iter().all(|&axis| axis < shape.rank()), "axes {axes:?} of shape {shape}");
        Axes::new(axes.iter().map(|&axis| (axis, shape[axis])))
    }

    /// The sum with another value, where `None` stands for zero.
    #[must_use]
    pub(crate) fn plus(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| other + self)
    }
}

/// What windows see beyond the ends of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Nothing: they keep inside.
    Valid,
    /// Zeros.
    Same,
    /// The other end.
    Circular,
}

/// Values one after another along `axis`, as a sum of paddings.
///
/// # Panics
/// If there are none, or they differ in another axis.
#[track_caller]
pub fn concat<'g>(axis: usize, values: &[Var<'g>]) -> Var<'g> {
    let lengths: Vec<usize> = values.iter().map(|v| v.shape().get(axis).copied().unwrap_or(0)).collect();
    let extent = lengths.iter().sum();
    let mut start = 0;
    let mut result: Option<Var<'g>> = None;
    for (value, length) in values.iter().zip(lengths) {
        let placed = value.pad(axis, start, extent);
        // No closure: the caller's line would be lost.
        result = match result {
            Some(sum) => Some(sum + placed),
            None => Some(placed),
        };
        start += length;
    }
    result.expect("something to put together")
}

/// The product of two values by its labels, such as `einsum("ni,io->no", h, w)`.
///
/// # Panics
/// If the text is not an einsum (see [`Einsum::new`]) or the shapes do not fit the labels.
#[track_caller]
pub fn einsum<'g>(labels: &str, left: Var<'g>, right: Var<'g>) -> Var<'g> {
    left.einsum(Einsum::new(labels), right)
}

impl Add for Var<'_> {
    type Output = Self;

    #[track_caller]
    fn add(self, other: Self) -> Self {
        self.builder.record(Op::Add([self.id, other.id]))
    }
}

impl Neg for Var<'_> {
    type Output = Self;

    fn neg(self) -> Self {
        self.scale(-1.0)
    }
}

impl Sub for Var<'_> {
    type Output = Self;

    #[track_caller]
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Var<'_> {
    type Output = Self;

    #[track_caller]
    fn mul(self, other: Self) -> Self {
        self.einsum(Einsum::elementwise(self.shape().rank()), other)
    }
}

impl Add<f64> for Var<'_> {
    type Output = Self;

    fn add(self, c: f64) -> Self {
        self + self.builder.fill(c, &self.shape())
    }
}

impl Sub<f64> for Var<'_> {
    type Output = Self;

    fn sub(self, c: f64) -> Self {
        self + -c
    }
}

impl Mul<f64> for Var<'_> {
    type Output = Self;

    fn mul(self, c: f64) -> Self {
        self.scale(c)
    }
}

impl<'g> Add<Var<'g>> for f64 {
    type Output = Var<'g>;

    fn add(self, x: Var<'g>) -> Var<'g> {
        x + self
    }
}

impl<'g> Sub<Var<'g>> for f64 {
    type Output = Var<'g>;

    fn sub(self, x: Var<'g>) -> Var<'g> {
        -x + self
    }
}

impl<'g> Mul<Var<'g>> for f64 {
    type Output = Var<'g>;

    fn mul(self, x: Var<'g>) -> Var<'g> {
        x.scale(self)
    }
}

impl fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.shape())
    }
}
