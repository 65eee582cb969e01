//! A kernel tile by tile, within a budget of memory.
//!
//! Examples are divided into *panels*, for which the values that the kernel is made of are computed and kept, as many at a
//! time as the budget bears. A pair of panels is divided into *strips* of rows. If both batches are the same, only strips
//! of one triangle are computed, each from the diagonal on; the other triangle is what they mirror.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use autodiff::{Plan, Real, Shape, Threads, Workspace, vmap};

use crate::contract::{Sizes, choose, program, values};
use crate::jacobians::count;
use crate::kernel::Kernel;
use crate::kind::Kind;
use crate::terms::{Term, Terms, Value};

/// Kernels of one kind and of given numbers of examples, made ready to be computed again and again: plans and memory.
pub struct Tiles<T: Real> {
    kind: Kind,
    parameters: usize,
    example: usize,
    examples: [usize; 2],
    symmetric: bool,
    outputs: usize,
    groups: usize,
    values: Vec<Value>,
    cotangents: Vec<T>,
    /// Examples of a panel, at most.
    panel: usize,
    /// Rows of a strip, at most.
    strip: usize,
    /// (θ, x, u) ↦ values, by the number of examples.
    making: BTreeMap<usize, Plan>,
    /// (values, values) ↦ tiles, by the numbers of examples.
    contracting: BTreeMap<[usize; 2], Plan>,
    workspace: Workspace<T>,
    panels: [Vec<Vec<T>>; 2],
    tile: Vec<T>,
}

/// Rows of a matrix product that a strip is to have at least.
const NARROW: usize = 64;

/// What is asked for.
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) examples: [usize; 2],
    /// The same batch on both sides.
    pub(crate) symmetric: bool,
    /// Elements of θ, of one example, and of f for it.
    pub(crate) parameters: usize,
    pub(crate) example: usize,
    pub(crate) output: usize,
    /// Which tensors are summed in each kernel.
    pub(crate) groups: Vec<Vec<usize>>,
    /// In bytes.
    pub(crate) budget: usize,
}

impl<T: Real> Tiles<T> {
    pub(crate) fn new(terms: &Terms, request: &Request, threads: &Threads) -> Self {
        let &Request { kind, examples, symmetric, output: outputs, budget, .. } = request;
        let cotangents = kind.cotangents(outputs);
        let sizes = |examples| Sizes { kind, examples, cotangents };
        let asked: Vec<usize> = request.groups.concat();
        let asked: Vec<&Term> = terms.terms.iter().filter(|term| asked.contains(&term.tensor)).collect();
        // Beyond some number of examples, more of them change no comparison.
        let contractions = choose(&asked, sizes(examples.map(|n| n.min(1 << 10))));
        let of_group = |group: &Vec<usize>| {
            let belongs = |&i: &usize| group.contains(&contractions[i].tensor);
            (0..contractions.len()).filter(belongs).collect::<Vec<_>>()
        };
        let groups: Vec<Vec<usize>> = request.groups.iter().map(of_group).collect();
        let values = values(&contractions);

        let one = vmap(&terms.program(&values), &flags(terms.inputs(), 1), cotangents);
        let make = |n: usize| Plan::new(&vmap(&one, &flags(terms.inputs(), 2), n));
        let contract = |n: [usize; 2]| Plan::new(&program(&contractions, &groups, sizes(n)));

        let budget = budget / size_of::<T>();
        let longest = examples[0].max(examples[1]);
        let mut panel = longest;
        loop {
            let held: usize = values.iter().map(|value| value.batched(panel, cotangents).size()).sum();
            let panels = if symmetric && panel >= longest { 1 } else { 2 };
            if panel == 1 || panels * held + make(panel).workspace_size() <= budget / 2 {
                break;
            }
            panel = panel.div_ceil(2);
        }
        let rows = panel.min(examples[0]);
        let mut strip = if symmetric && kind != Kind::Diagonal {
            // A triangle of k strips costs (k + 1)/2k of the square, but products of few rows are slow.
            let each = if kind == Kind::Full { outputs } else { 1 };
            rows.div_ceil((rows * each / NARROW).clamp(1, 8))
        } else {
            rows
        };
        let width = panel.min(examples[1]);
        let tile = |strip: usize| groups.len() * kind.shape(strip, width, outputs).iter().product::<usize>();
        while strip > 1 && contract([strip, width]).workspace_size() + tile(strip) > budget / 2 {
            strip = strip.div_ceil(2);
        }

        let mut tiles = Self {
            kind,
            parameters: request.parameters,
            example: request.example,
            examples,
            symmetric,
            outputs,
            groups: groups.len(),
            values,
            cotangents: basis(kind, outputs),
            panel,
            strip,
            making: BTreeMap::new(),
            contracting: BTreeMap::new(),
            workspace: make(1).workspace(threads),
            panels: [Vec::new(), Vec::new()],
            tile: Vec::new(),
        };
        for panel in tiles.panels_of(0).into_iter().chain(tiles.panels_of(1)) {
            tiles.making.entry(panel.len()).or_insert_with(|| make(panel.len()));
        }
        for [rows, columns] in tiles.plan() {
            let n = [rows.len(), columns.len()];
            tiles.contracting.entry(n).or_insert_with(|| contract(n));
        }
        tiles.making.values().chain(tiles.contracting.values()).for_each(|plan| tiles.workspace.extend(plan));
        tiles
    }

    fn zeros_shape(&self) -> Vec<usize> {
        self.kind.shape(self.examples[0], self.examples[1], self.outputs)
    }

    fn panels_of(&self, side: usize) -> Vec<Range<usize>> {
        let n = self.examples[side];
        (0..n).step_by(self.panel).map(|start| start..n.min(start + self.panel)).collect()
    }

    /// The tiles, as examples of the rows and of the columns.
    fn plan(&self) -> Vec<[Range<usize>; 2]> {
        let mut tiles = Vec::new();
        for rows in self.panels_of(0) {
            for columns in self.panels_of(1) {
                let same = rows == columns;
                if self.kind == Kind::Diagonal && !same || self.symmetric && columns.end <= rows.start {
                    continue;
                }
                for start in rows.clone().step_by(self.strip) {
                    let strip = start..rows.end.min(start + self.strip);
                    let columns = match self.kind {
                        Kind::Diagonal => strip.clone(),
                        _ if self.symmetric && same => start..columns.end,
                        _ => columns.clone(),
                    };
                    tiles.push([strip, columns]);
                }
            }
        }
        tiles
    }

    /// A kernel to be filled.
    pub fn zeros(&self) -> Kernel<T> {
        Kernel::zeros(self.kind, self.examples, self.outputs)
    }

    /// Fills `kernels`, one or one for each tensor, at θ, between the examples `x` and `others`, or of `x` with itself.
    /// `progress` is called after each tile with the pairs of examples done and all there are. Nothing is allocated but a
    /// few short lists.
    ///
    /// # Panics
    /// If lengths or kernels are not those this was made for.
    #[track_caller]
    pub fn run(
        &mut self,
        theta: &[T],
        x: &[T],
        others: Option<&[T]>,
        kernels: &mut [Kernel<T>],
        progress: &mut dyn FnMut(usize, usize),
    ) {
        let (lengths, expected) =
            ([x.len(), others.unwrap_or(x).len()], self.examples.map(|n| n * self.example));
        assert!(theta.len() == self.parameters, "{} parameters, got {}", self.parameters, theta.len());
        assert!(lengths == expected, "{expected:?} elements of x, got {lengths:?}");
        assert!(others.is_none() == self.symmetric, "others where there are none, or none where there are");
        let (count, size) = (self.groups, self.zeros_shape());
        let fit =
            kernels.len() == count && kernels.iter().all(|k| k.kind() == self.kind && k.shape() == size);
        assert!(fit, "{} kernels that are not {count} of shape {size:?}", kernels.len());
        let x = [x, others.unwrap_or(x)];
        let tiles = self.plan();
        let all: usize = tiles.iter().map(|[rows, columns]| rows.len() * columns.len()).sum();
        let (mut done, mut held) = (0, [0..0, 0..0]);
        for tile in &tiles {
            let panels = [0, 1].map(|side| self.panel_of(side, tile[side].start));
            // Both sides of one panel of one batch are the same.
            let last = usize::from(!(self.symmetric && panels[0] == panels[1]));
            for side in 0..=last {
                if held[side] != panels[side] {
                    self.make(side, theta, x[side], panels[side].clone());
                    held[side] = panels[side].clone();
                }
            }
            self.contract(tile, &panels, last, kernels);
            done += tile[0].len() * tile[1].len();
            progress(done, all);
        }
    }

    fn panel_of(&self, side: usize, example: usize) -> Range<usize> {
        let start = example / self.panel * self.panel;
        start..self.examples[side].min(start + self.panel)
    }

    fn make(&mut self, side: usize, theta: &[T], x: &[T], panel: Range<usize>) {
        let plan = self.making.get(&panel.len()).expect("a plan for each size");
        let buffers = &mut self.panels[side];
        let sizes = plan.outputs().iter().map(Shape::size);
        if !buffers.iter().map(Vec::len).eq(sizes.clone()) {
            *buffers = sizes.map(|size| vec![T::zero(); size]).collect();
        }
        let example = self.example;
        let mut outputs: Vec<&mut [T]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
        let x = &x[panel.start * example..panel.end * example];
        plan.run(&[theta, x, &self.cotangents], &mut outputs, &mut self.workspace);
    }

    fn contract(
        &mut self,
        tile: &[Range<usize>; 2],
        panels: &[Range<usize>; 2],
        column_side: usize,
        kernels: &mut [Kernel<T>],
    ) {
        let n = [tile[0].len(), tile[1].len()];
        let plan = self.contracting.get(&n).expect("a plan for each size");
        let mut inputs: Vec<&[T]> = Vec::new();
        for (side, buffers) in [&self.panels[0], &self.panels[column_side]].into_iter().enumerate() {
            for (value, buffer) in self.values.iter().zip(buffers) {
                let example = if value.example { buffer.len() / panels[side].len() } else { 0 };
                let start = (tile[side].start - panels[side].start) * example;
                let length = if value.example { n[side] * example } else { buffer.len() };
                inputs.push(&buffer[start..start + length]);
            }
        }
        let size = self.kind.shape(n[0], n[1], self.outputs).iter().product::<usize>();
        self.tile.resize(self.groups * size, T::zero());
        plan.run(&inputs, &mut [&mut self.tile], &mut self.workspace);
        for (tile_values, kernel) in self.tile.chunks_exact(size.max(1)).zip(kernels) {
            place(self.kind, self.examples, self.outputs, tile, tile_values, kernel.values_mut());
            if self.symmetric && self.kind != Kind::Diagonal {
                mirror(self.kind, self.examples, self.outputs, tile, tile_values, kernel.values_mut());
            }
        }
    }
}

/// Copies a tile to its place.
fn place<T: Real>(
    kind: Kind,
    examples: [usize; 2],
    outputs: usize,
    tile: &[Range<usize>; 2],
    values: &[T],
    all: &mut [T],
) {
    if kind == Kind::Diagonal {
        return all[tile[0].clone()].copy_from_slice(values);
    }
    let (each, wide) = kind.units(outputs);
    let width = tile[1].len() * wide;
    for (i, row) in values.chunks_exact(width).enumerate() {
        let (layer, row_of_layer) = (i / (tile[0].len() * wide), i % (tile[0].len() * wide));
        debug_assert!(layer < each);
        let start = ((layer * examples[0] + tile[0].start) * wide + row_of_layer) * examples[1] * wide
            + tile[1].start * wide;
        all[start..start + width].copy_from_slice(row);
    }
}

/// Copies a tile, transposed, to the place that mirrors its own.
fn mirror<T: Real>(
    kind: Kind,
    examples: [usize; 2],
    outputs: usize,
    tile: &[Range<usize>; 2],
    values: &[T],
    all: &mut [T],
) {
    /// Rows and columns of a block that stays in the first-level cache.
    const BLOCK: usize = 32;
    let (layers, wide) = kind.units(outputs);
    let (rows, columns, pitch) = (tile[0].len() * wide, tile[1].len() * wide, examples[1] * wide);
    for layer in 0..layers {
        let values = &values[layer * rows * columns..][..rows * columns];
        let all = &mut all[layer * examples[0] * examples[1]..];
        for first in (0..columns).step_by(BLOCK) {
            for start in (0..rows).step_by(BLOCK) {
                for column in first..columns.min(first + BLOCK) {
                    // Of what mirrors itself, one triangle is taken.
                    let above = (tile[1].start * wide + column).saturating_sub(tile[0].start * wide);
                    let end = rows.min(start + BLOCK).min(above).max(start);
                    let to = (tile[1].start * wide + column) * pitch + tile[0].start * wide;
                    for (row, entry) in (start..end).zip(&mut all[to + start..to + end]) {
                        *entry = values[row * columns + column];
                    }
                }
            }
        }
    }
}

/// The cotangents of one example's output: unit vectors, or the one that stands for a mean.
fn basis<T: Real>(kind: Kind, outputs: usize) -> Vec<T> {
    if kind == Kind::SumOfLogits {
        return vec![T::literal(1.0 / count(outputs).sqrt()); outputs];
    }
    let unit = |i: usize| if i.is_multiple_of(outputs + 1) { T::one() } else { T::zero() };
    (0..outputs * outputs).map(unit).collect()
}

/// Flags for the `last`-th input from the end alone.
fn flags(inputs: usize, last: usize) -> Vec<bool> {
    (0..inputs).map(|i| i + last == inputs).collect()
}

impl<T: Real> fmt::Debug for Tiles<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Tiles({:?}, {:?} examples, panels of {}, strips of {})",
            self.kind, self.examples, self.panel, self.strip
        )
    }
}
