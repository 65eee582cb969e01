//! Lowering: from the operations of a program to the instructions of a plan.
//!
//! First, every value is described: either as a *view* of another one (scaled, permuted, repeated, reshaped,
//! sliced), which costs nothing, or as a *root* that an instruction computes. A sum of products used nowhere else is
//! one root, as is a scaled product, since matrix multiplication scales and accumulates for free.
//!
//! Then `emit` turns roots into instructions and `memory` gives values their buffers.

use super::emit::emit;
use super::kernel::{Calc, Kernel, Load};
use super::memory::{Place, assign};
use super::product::{Factor, Product, Term};
use super::reduce::{Folding, Reduction};
use super::scatter::{Onto, Scatter};
use super::view::{View, merge};
use super::{Instruction, Plan};
use crate::einsum::Einsum;
use crate::graph::{Graph, Id};
use crate::linear::{Axes, Linear};
use crate::nonlinear::Nonlinear;
use crate::op::Op;
use crate::shape::{Shape, row_major};
use crate::simplify::simplify;

/// Elements of a matrix from which on a product with each of several is faster than one with a copy of all.
const LEAST_MATRIX: usize = 1 << 8;

pub(super) fn lower(graph: &Graph, overwritten: &[(usize, usize)]) -> Plan {
    let graph = simplify(graph);
    let mut roots = Roots::default();
    let views = describe(&graph, &mut roots);

    // Inputs are passed in order, but for those that outputs overwrite.
    let output_of = |i: usize| overwritten.iter().find(|(input, _)| *input == i).map(|&(_, output)| output);
    let passed: Vec<usize> = (0..graph.inputs.len()).filter(|&i| output_of(i).is_none()).collect();
    let mut places: Vec<Option<Place>> = vec![None; roots.list.len()];
    let mut inputs = vec![0; graph.inputs.len()];
    for (value, root) in roots.list.iter().enumerate() {
        if let Root::Input(i) = *root {
            inputs[i] = value;
            places[value] = match output_of(i) {
                Some(output) => Some(Place::Buffer(output)),
                None => passed.iter().position(|&p| p == i).map(Place::Input),
            };
        }
    }
    // Outputs live where the caller wants them; one that is not a whole value of its own is copied there.
    let mut returned = Vec::with_capacity(graph.outputs.len());
    for (k, id) in graph.outputs.iter().enumerate() {
        let (shape, view) = (&graph.node(*id).shape, &views[id.index()]);
        let whole = view.scale == 1.0
            && view.offset == 0
            && view.is_contiguous(shape)
            && roots.sizes[view.value] == shape.size()
            && !matches!(roots.list[view.value], Root::Literal(_));
        let value =
            if whole && places[view.value].is_none() { view.value } else { roots.copy(view, shape).value };
        places.resize(roots.list.len(), None);
        places[value] = Some(Place::Buffer(k));
        returned.push(value);
    }

    let mut wanted = vec![false; roots.list.len()];
    returned.iter().for_each(|&value| wanted[value] = true);
    let mut code = emit(&mut roots, &wanted);
    let mut sizes = roots.sizes;
    for &(i, o) in overwritten {
        let (input, output) = (inputs[i], returned[o]);
        if !may_overwrite(&code, input, output) {
            // Somebody reads the input later, or out of order: the output is put there at the end.
            let size = sizes[output];
            places[output] = None;
            places.push(Some(Place::Buffer(o)));
            code.push(Instruction::Kernel(Kernel::copy(output, sizes.len(), size)));
            sizes.push(size);
        }
    }
    let slots = assign(&mut code, &sizes, graph.outputs.len(), &mut places);
    code.iter_mut().for_each(|instruction| instruction.settle(|value| places[value]));
    let inputs = passed.iter().map(|&i| graph.inputs[i].clone()).collect();
    Plan { inputs, outputs: graph.output_shapes().cloned().collect(), code, places, slots }
}

/// Whether nobody reads `input` after `output` is written, and who writes it reads it in place.
fn may_overwrite(code: &[Instruction], input: usize, output: usize) -> bool {
    let writer = code.iter().position(|instruction| instruction.writes().any(|value| value == output));
    let writer = writer.expect("outputs are written");
    let read_by = |instruction: &Instruction| instruction.reads().any(|value| value == input);
    code[writer + 1..].iter().all(|instruction| !read_by(instruction))
        && (!read_by(&code[writer]) || code[writer].overwrites(input, output))
}

/// Elements of a value that are worth an instruction of their own to be put in order.
const LARGE: usize = 1 << 10;

/// What computes a value.
pub(super) enum Root {
    Input(usize),
    Literal(f64),
    Elementwise {
        extents: Vec<usize>,
        calc: Calc,
        operands: Vec<View>,
    },
    Product(Product),
    Reduction(Reduction),
    Scatter(Scatter),
    /// A term of another product, or never wanted.
    Absorbed,
}

/// The values that instructions compute, by number, in the order in which they are computed.
#[derive(Default)]
pub(super) struct Roots {
    pub(super) list: Vec<Root>,
    pub(super) sizes: Vec<usize>,
}

impl Roots {
    /// A new value, stored row-major.
    fn add(&mut self, root: Root, extents: &[usize]) -> View {
        self.list.push(root);
        self.sizes.push(extents.iter().product());
        View::new(self.list.len() - 1, row_major(extents))
    }

    fn elementwise(&mut self, calc: Calc, extents: &[usize], mut operands: Vec<View>) -> View {
        // What is stored in another order is put into this one first, if it is large.
        for view in &mut operands {
            let last = extents.iter().zip(&view.strides).rfind(|(n, _)| **n > 1);
            let steps = last.is_some_and(|(_, &stride)| stride > 1) && view.strides.contains(&1);
            if steps && extents.iter().product::<usize>() >= LARGE {
                *view = self.scatter(view, extents, extents, (0, &row_major(extents)), Onto::All);
            }
        }
        self.add(Root::Elementwise { extents: extents.to_vec(), calc, operands }, extents)
    }

    /// A value of extents `to`, to which element `i` of a view of extents `from` goes at start + Σ i·strides.
    fn scatter(
        &mut self,
        view: &View,
        from: &[usize],
        to: &[usize],
        places: (usize, &[usize]),
        onto: Onto,
    ) -> View {
        let view = self.stored(view, from);
        let size = to.iter().product();
        self.add(Root::Scatter(Scatter::new(self.list.len(), size, (&view, from), places, onto)), to)
    }

    /// The elements of a view, stored row-major.
    fn copy(&mut self, view: &View, extents: &[usize]) -> View {
        self.elementwise(Calc::Copy, extents, vec![view.clone()])
    }

    /// Takes the product behind a view, scaled as the view is, out of the list, to become a part of another value.
    fn absorb(&mut self, view: &View) -> Product {
        match std::mem::replace(&mut self.list[view.value], Root::Absorbed) {
            Root::Product(mut product) => {
                product.scale(view.scale);
                product
            }
            _ => unreachable!("only products are absorbed"),
        }
    }

    /// A product as a new value, read with the given strides.
    fn product(&mut self, product: Product, strides: &[usize], extents: &[usize]) -> View {
        let value = self.list.len();
        let view = self.add(Root::Product(Product { value, ..product }), extents);
        View { strides: strides.to_vec(), ..view }
    }

    /// Whether a view of the given extents reads what lies in memory anyhow, in order: what repeats is better added by
    /// an elementwise step, and so is what another such step computes for this one only.
    fn lies_in_order(&self, view: &View, extents: &[usize], sole: bool) -> bool {
        let stored = match self.list[view.value] {
            Root::Literal(_) => false,
            Root::Elementwise { .. } => !sole,
            _ => true,
        };
        stored && view.is_contiguous(extents)
    }

    /// The view itself if it reads memory, otherwise a copy that does.
    fn stored(&mut self, view: &View, extents: &[usize]) -> View {
        match self.list[view.value] {
            Root::Literal(_) => self.copy(view, extents),
            _ => view.clone(),
        }
    }
}

/// Describes every value of the program as a view of a root.
fn describe(graph: &Graph, roots: &mut Roots) -> Vec<View> {
    let uses = graph.uses();
    let mut views: Vec<View> = Vec::with_capacity(graph.nodes.len());
    // Whether a value's root is read through this value only, and that only once.
    let mut sole: Vec<bool> = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes() {
        let shape = &node.shape;
        let values = roots.list.len();
        let view = match &node.op {
            Op::Input(i) => roots.add(Root::Input(*i), shape),
            Op::Constant(c) => roots.add(Root::Literal(c.value()), shape),
            Op::Add([a, b]) => {
                let operands = [&views[a.index()], &views[b.index()]];
                sum_of_products(roots, operands, [sole[a.index()], sole[b.index()]], shape).unwrap_or_else(
                    || roots.elementwise(Calc::Add, shape, operands.map(View::clone).to_vec()),
                )
            }
            Op::Linear(l, a) => {
                linear(roots, l, &views[a.index()], sole[a.index()], graph.node(*a).shape(), shape)
            }
            Op::Einsum(e, [a, b]) => {
                let operands = [&views[a.index()], &views[b.index()]];
                product(roots, e, operands, [graph.node(*a).shape(), graph.node(*b).shape()], shape)
            }
            Op::Nonlinear(f, args) => {
                let operands: Vec<View> = args.iter().map(|a| views[a.index()].clone()).collect();
                let from = graph.node(args[0]).shape();
                match f {
                    Nonlinear::Map(f) => roots.elementwise(Calc::Map(*f), shape, operands),
                    Nonlinear::Zip(f) => roots.elementwise(Calc::Zip(*f), shape, operands),
                    Nonlinear::Maximum(axes) => {
                        reduction(roots, Folding::Max, &operands[0], axes, from, shape)
                    }
                }
            }
        };
        let seen_through = |a: &Id| sole[a.index()];
        sole.push(uses[id.index()] == 1 && (view.value >= values || node.op.args().iter().all(seen_through)));
        views.push(view);
    }
    views
}

fn linear(roots: &mut Roots, l: &Linear, view: &View, sole: bool, from: &Shape, to: &Shape) -> View {
    // A product wanted only in one multiple of itself is computed so.
    if let (Linear::Scale(c), Root::Product(product), true) = (l, &mut roots.list[view.value], sole) {
        product.scale(c.value());
        return view.clone();
    }
    if let Some(view) = view.after(l, from) {
        return view;
    }
    match l {
        Linear::Sum(axes) => reduction(roots, Folding::Sum, view, axes, from, to),
        Linear::Pad(w) => {
            let strides = to.strides();
            roots.scatter(view, from, to, (w.start * strides[w.axis], &strides), Onto::Zeros)
        }
        Linear::Fold(w) => roots.scatter(view, from, to, (0, &w.split_strides(&to.strides())), Onto::Sums),
        // A reshape of elements that are not evenly spaced: make them so.
        _ => {
            let copy = roots.copy(view, from);
            View { strides: to.strides(), ..copy }
        }
    }
}

/// A view folded over axes.
fn reduction(
    roots: &mut Roots,
    folding: Folding,
    view: &View,
    axes: &Axes,
    from: &Shape,
    to: &Shape,
) -> View {
    // Only sums commute with scales.
    let view = if folding == Folding::Sum || view.scale == 1.0 {
        roots.stored(view, from)
    } else {
        roots.copy(view, from)
    };
    let axes = |folded: bool| {
        let chosen = (0..from.rank()).filter(|&axis| axes.contains(axis) == folded);
        let (extents, strides): (Vec<_>, Vec<_>) =
            chosen.map(|axis| (from[axis], view.strides[axis])).unzip();
        merge(&extents, &[&strides]).into_iter().map(|(extent, strides)| (extent, strides[0])).collect()
    };
    let (kept, folded) = (axes(false), axes(true));
    let value = roots.list.len();
    roots.add(Root::Reduction(Reduction { folding, value, view, kept, folded }), to)
}

/// One root for a product that is used nowhere else (`sole`) and another one or a value that it is added to.
fn sum_of_products(roots: &mut Roots, [a, b]: [&View; 2], sole: [bool; 2], shape: &Shape) -> Option<View> {
    let product = |view: &View, sole: bool| match &roots.list[view.value] {
        Root::Product(product) if sole && roots.sizes[view.value] == shape.size() => Some(product),
        _ => None,
    };
    let (p, q) = (product(a, sole[0]), product(b, sole[1]));
    if let (Some(p), Some(q)) = (p, q)
        && (&p.batch, p.m, p.n) == (&q.batch, q.m, q.n)
        && a.strides == b.strides
        && a.value != b.value
        && (p.base.is_none() || q.base.is_none())
    {
        let (mut sum, other) = (roots.absorb(a), roots.absorb(b));
        sum.terms.extend(other.terms);
        sum.base = sum.base.or(other.base);
        return Some(roots.product(sum, &a.strides, shape));
    }
    let fits = |product: Option<&Product>, view: &View| {
        product.is_some_and(|product| product.base.is_none()) && view.is_contiguous(shape)
    };
    let (view, base) = if fits(p, a) && roots.lies_in_order(b, shape, sole[1]) {
        (a, b)
    } else if fits(q, b) && roots.lies_in_order(a, shape, sole[0]) {
        (b, a)
    } else {
        return None;
    };
    let sum = Product { base: Some(Load::new(base, shape)), ..roots.absorb(view) };
    Some(roots.product(sum, &view.strides, shape))
}

/// A product: elementwise if no label is summed, otherwise a batch of matrix products.
fn product(roots: &mut Roots, e: &Einsum, operands: [&View; 2], from: [&Shape; 2], shape: &Shape) -> View {
    let [a, b] = operands;
    if e.contracted().next().is_none() {
        let operands = vec![a.relabelled(e.left(), e.out()), b.relabelled(e.right(), e.out())];
        return roots.elementwise(Calc::Multiply, shape, operands);
    }
    let extent = |label: u8| e.extent(label, from[0], from[1]);
    let chosen = |keep: &dyn Fn(&u8) -> bool| -> Vec<u8> { e.out().iter().copied().filter(keep).collect() };
    let mut batch = chosen(&|label| e.left().contains(label) && e.right().contains(label));
    let mut free = [chosen(&|label| !e.right().contains(label)), chosen(&|label| !e.left().contains(label))];
    let mut factors = [(a, e.left(), from[0]), (b, e.right(), from[1])];
    let summed: Vec<u8> = e.contracted().collect();
    let size = |labels: &[u8]| labels.iter().map(|&label| extent(label)).product::<usize>();
    // The operand whose labels come first in the result gives the rows.
    let place = |label: &u8| e.out().iter().position(|l| l == label);
    let order = |free: &mut [Vec<u8>; 2], factors: &mut [_; 2]| {
        if let (Some(n), Some(m)) = (free[1].first(), free[0].first())
            && place(n) < place(m)
        {
            free.swap(0, 1);
            factors.swap(0, 1);
        }
    };
    order(&mut free, &mut factors);
    // If its rows do not lie evenly, but would without the first of their labels, these are labels of the batch: then
    // nothing is copied. (Many products of small matrices would cost more.)
    let (view, labels, shape) = factors[0];
    let regular = |batch: &[u8], rows: &[u8]| factor(view, labels, shape, batch, rows, &summed).is_some();
    let first = free[0].iter().take_while(|&m| free[1].first().is_none_or(|n| place(m) < place(n))).count();
    if !regular(&batch, &free[0])
        && let Some(moved) = (1..free[0].len().min(first + 1))
            .find(|&moved| regular(&[&batch[..], &free[0][..moved]].concat(), &free[0][moved..]))
        && size(&free[0][moved..]) * size(&summed) >= LEAST_MATRIX
    {
        batch.extend(free[0].drain(..moved));
        order(&mut free, &mut factors);
    }
    let mut matrix = |side: usize| {
        let (view, labels, shape) = factors[side];
        let (rows, columns) = if side == 0 { (&free[0], &summed) } else { (&summed, &free[1]) };
        matrix(roots, view, labels, shape, &batch, [rows, columns], side == 0)
    };
    let ((left, c), (right, d)) = (matrix(0), matrix(1));
    let term = Term { alpha: c * d, k: size(&summed), left, right };
    let product = Product {
        value: roots.list.len(),
        base: None,
        epilogue: None,
        batch: batch.iter().map(|&label| extent(label)).collect(),
        m: size(&free[0]),
        n: size(&free[1]),
        terms: vec![term],
    };
    // Stored as (batch, m, n); read in the order of the result's labels.
    let stored: Vec<u8> = [&batch[..], &free[0], &free[1]].concat();
    let extents: Vec<usize> = stored.iter().map(|&label| extent(label)).collect();
    roots.add(Root::Product(product), &extents).relabelled(&stored, e.out())
}

/// A view as a batch of matrices, and its scale; copied first if its axes do not merge into rows and columns.
fn matrix(
    roots: &mut Roots,
    view: &View,
    labels: &[u8],
    shape: &Shape,
    batch: &[u8],
    [rows, columns]: [&[u8]; 2],
    left: bool,
) -> (Factor, f64) {
    let stored = roots.stored(view, shape);
    if let Some(factor) = factor(&stored, labels, shape, batch, rows, columns) {
        return (factor, stored.scale);
    }
    let extents =
        |order: &[u8]| order.iter().map(|&label| extent_of(labels, shape, label)).collect::<Vec<_>>();
    let size = |labels: &[u8]| extents(labels).iter().product::<usize>();
    if left && batch.is_empty() && shape.size() > roots.sizes[stored.value] {
        // Windows: parts are laid out where they are multiplied, in the order in which more lies together.
        let innermost =
            |group: &[u8]| group.last().is_some_and(|&label| stored.stride_of(labels, label) == 1);
        let by_rows = !innermost(rows) || innermost(columns);
        let order = if by_rows { [rows, columns].concat() } else { [columns, rows].concat() };
        let view = View { scale: 1.0, ..stored.relabelled(labels, &order) };
        return (
            Factor::windows(&view, &extents(&order), (size(rows), size(columns)), by_rows),
            stored.scale,
        );
    }
    let order: Vec<u8> =
        [batch, rows, columns].concat().into_iter().filter(|label| labels.contains(label)).collect();
    let extents = extents(&order);
    let copy = roots.copy(&view.relabelled(labels, &order), &extents);
    let copied = factor(&copy, &order, &Shape::from(extents), batch, rows, columns);
    (copied.expect("contiguous storage is regular"), 1.0)
}

/// A view as a batch of matrices, if its axes merge into rows and columns. It is the same for all batch labels that it
/// lacks.
fn factor(
    view: &View,
    labels: &[u8],
    shape: &Shape,
    batch: &[u8],
    rows: &[u8],
    columns: &[u8],
) -> Option<Factor> {
    let axis = |group: &[u8]| {
        let extents: Vec<usize> = group.iter().map(|&label| extent_of(labels, shape, label)).collect();
        let strides: Vec<usize> = group.iter().map(|&label| view.stride_of(labels, label)).collect();
        match &merge(&extents, &[&strides])[..] {
            [] => Some((1, 1)),
            [(extent, strides)] => Some((*extent, strides[0])),
            _ => None,
        }
    };
    let steps = batch.iter().map(|&label| view.stride_of(labels, label)).collect();
    Factor::new(view, steps, axis(rows)?, axis(columns)?)
}

fn extent_of(labels: &[u8], shape: &Shape, label: u8) -> usize {
    shape[labels.iter().position(|&l| l == label).expect("a label of this operand")]
}
