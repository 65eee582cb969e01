//! Elementwise kernels: any number of elementwise operations over one index space, in one pass over memory.
//!
//! A kernel is a short list of steps on blocks of [`BLOCK`] elements that stay in the first-level cache. Each
//! step is one slice loop, which the compiler vectorises for the processor at hand (`pulp` chooses at run time).

use std::array;
use std::mem::take;

use pulp::{Arch, Simd, WithSimd};

use super::block::{Block, MAX_STORES};
use super::memory::{Memory, Place};
use super::view::{View, merge, offset};
use crate::nonlinear::{Binary, Function};
use crate::real::Real;

/// Elements a step handles at a time.
const BLOCK: usize = 512;
/// Elements one task handles: the unit in which threads share work.
const TASK: usize = 16 * BLOCK;
/// Results of steps that are held at a time. Longer chains become several kernels.
pub(super) const MAX_HELD: usize = 8;
/// As many more may be what stores held before.
pub(super) const MAX_OVERWRITTEN: usize = 4;
pub(super) const MAX_STEPS: usize = 20;
/// Where results are while a block is computed: in stores, or held.
const CELLS: usize = MAX_STORES + MAX_HELD + MAX_OVERWRITTEN;
/// Elements of scratch memory for the results that are held.
pub(super) const SCRATCH: usize = (CELLS - MAX_STORES) * BLOCK;

/// A list of elementwise steps over an index space, flattened row-major.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) size: usize,
    pub(super) loads: Vec<Load>,
    pub(super) steps: Vec<Step>,
    /// The values kept, each contiguous over the index space.
    pub(super) stores: Vec<usize>,
    /// Where the result of each step is held while a block is computed: in a cell, of which the first are the stores'.
    cells: Vec<usize>,
}

/// An argument read from memory, as a view with merged axes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Load {
    pub(super) view: View,
    extents: Vec<usize>,
    /// Whether neighbours in the index space are neighbours in memory.
    pub(super) contiguous: bool,
}

/// One operation on blocks. Its result is stored if `to` says where.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) calc: Calc,
    pub(super) from: [Source; 2],
    pub(super) to: Option<usize>,
}

/// Where a step reads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Source {
    /// The result of an earlier step.
    Step(usize),
    /// A load whose elements are contiguous in the order of the index space.
    Load(usize),
}

/// What a step computes of its sources x, y.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Calc {
    /// A literal.
    Literal(f64),
    /// A load whose elements are not contiguous.
    Gather(usize),
    /// What a store holds before it is written.
    Previous(usize),
    /// x
    Copy,
    /// c · x
    Scale(f64),
    /// c · x + d, rounded once.
    Affine(f64, f64),
    /// x + y
    Add,
    /// c · x + y, rounded once.
    ScaleAdd(f64),
    /// x · y
    Multiply,
    /// f(x)
    Map(Function),
    /// f(x, y)
    Zip(Binary),
}

impl Kernel {
    pub(super) fn new(size: usize, loads: Vec<Load>, steps: Vec<Step>, stores: Vec<usize>) -> Self {
        let mut kernel = Self { size, loads, steps, stores, cells: Vec::new() };
        kernel.hold();
        kernel
    }

    /// Copies a value of `size` elements to another one.
    pub(super) fn copy(from: usize, to: usize, size: usize) -> Self {
        let load = Load::new(&View::new(from, vec![1]), &[size]);
        let step = Step { calc: Calc::Copy, from: [Source::Load(0); 2], to: Some(0) };
        Self::new(size, vec![load], vec![step], vec![to])
    }

    /// The most results held at a time, besides what is stored.
    pub(super) fn held(&self) -> usize {
        self.cells.iter().max().map_or(0, |cell| (cell + 1).saturating_sub(MAX_STORES))
    }

    /// Gives each step's result a cell: its store's, or one that is free again after the last step that reads it.
    fn hold(&mut self) {
        let mut last = vec![0; self.steps.len()];
        for (i, step) in self.steps.iter().enumerate() {
            for source in step.sources() {
                if let Source::Step(from) = source {
                    last[*from] = i;
                }
            }
        }
        let mut free: Vec<usize> = Vec::new();
        let mut count = MAX_STORES;
        self.cells.clear();
        for (i, step) in self.steps.iter().enumerate() {
            self.cells.push(step.to.unwrap_or_else(|| {
                free.pop().unwrap_or_else(|| {
                    count += 1;
                    count - 1
                })
            }));
            for source in step.sources() {
                if let Source::Step(from) = *source
                    && last[from] == i
                    && self.steps[from].to.is_none()
                    && !free.contains(&self.cells[from])
                {
                    free.push(self.cells[from]);
                }
            }
        }
    }

    /// The values it reads.
    pub(super) fn reads(&self) -> impl Iterator<Item = usize> {
        self.loads.iter().map(|load| load.view.value)
    }

    /// Whether all that is read of `value` is what lies where the result goes, element by element.
    pub(super) fn reads_in_place(&self, value: usize) -> bool {
        self.loads.iter().filter(|load| load.view.value == value).all(|load| load.in_order(self.size))
    }

    /// Once values have places: what is read from where a store goes is taken from there before it is overwritten.
    pub(super) fn settle(&mut self, place: impl Fn(usize) -> Option<Place>) {
        let store_of = |load: &Load| {
            let from = place(load.view.value);
            self.stores.iter().position(|&store| place(store) == from)
        };
        let store_of: Vec<Option<usize>> = self.loads.iter().map(store_of).collect();
        let overwritten: Vec<usize> =
            (0..self.stores.len()).filter(|&s| store_of.contains(&Some(s))).collect();
        let before = |store: usize| overwritten.iter().position(|&s| s == store);
        let moved = |source: &Source| match *source {
            Source::Step(i) => Source::Step(i + overwritten.len()),
            Source::Load(l) => store_of[l].and_then(before).map_or(Source::Load(l), Source::Step),
        };
        let nothing = [Source::Step(0); 2];
        let previous = |&s: &usize| Step { calc: Calc::Previous(s), from: nothing, to: None };
        let first = overwritten.iter().map(previous);
        let steps = self.steps.iter().map(|step| Step { from: step.from.each_ref().map(moved), ..*step });
        self.steps = first.chain(steps).collect();
        self.hold();
    }

    pub(super) fn run<T: Real>(&self, memory: &mut Memory<'_, '_, T>) {
        memory.write(&self.stores, |stores, memory| self.divide(Block::whole(self.size, stores), memory));
    }

    /// Halves the index space at multiples of `TASK` down to tasks.
    pub(super) fn divide<T: Real>(&self, block: Block<'_, T>, memory: &Memory<'_, '_, T>) {
        if block.length <= TASK {
            return self.apply(block, memory);
        }
        let half = block.length.div_ceil(2 * TASK) * TASK;
        let (low, high) = block.split(half);
        memory.threads.join(|| self.divide(low, memory), || self.divide(high, memory));
    }

    /// Computes what is stored in `block`.
    pub(super) fn apply<T: Real>(&self, block: Block<'_, T>, memory: &Memory<'_, '_, T>) {
        let mut scratch = memory.scratch();
        Arch::new().dispatch(Sweep { kernel: self, block, scratch: &mut scratch[..SCRATCH], memory });
    }

    #[inline(always)]
    fn sweep<T: Real>(&self, block: Block<'_, T>, scratch: &mut [T], memory: &Memory<'_, '_, T>) {
        let mut cells: [&mut [T]; CELLS] = array::from_fn(|_| Default::default());
        let held = cells[MAX_STORES..].iter_mut();
        held.zip(scratch.chunks_exact_mut(BLOCK)).for_each(|(cell, chunk)| *cell = chunk);
        let (mut at, end, mut stores) = (block.first, block.first + block.length, block.stores);
        while at < end {
            let n = BLOCK.min(end - at);
            for (cell, store) in cells.iter_mut().zip(&mut stores).take(self.stores.len()) {
                (*cell, *store) = take(store).split_at_mut(n);
            }
            self.steps(at, n, &mut cells, memory);
            at += n;
        }
    }

    /// Runs the steps on the `n` elements from `at` on.
    #[inline(always)]
    fn steps<T: Real>(&self, at: usize, n: usize, cells: &mut [&mut [T]; CELLS], memory: &Memory<'_, '_, T>) {
        for (step, &target) in self.steps.iter().zip(&self.cells) {
            let cell = take(&mut cells[target]);
            let source = |k: usize| match step.from[k] {
                Source::Step(i) => &cells[self.cells[i]][..n],
                Source::Load(l) => {
                    let view = &self.loads[l].view;
                    &memory.read(view.value)[view.offset + at..][..n]
                }
            };
            let y = &mut cell[..n];
            match step.calc {
                Calc::Literal(c) => y.fill(T::literal(c)),
                Calc::Gather(l) => {
                    let load = &self.loads[l];
                    load.gather(memory.read(load.view.value), at, y);
                }
                Calc::Previous(s) => y.copy_from_slice(&cells[s][..n]),
                Calc::Copy => y.copy_from_slice(source(0)),
                Calc::Scale(c) => {
                    let c = T::literal(c);
                    y.iter_mut().zip(source(0)).for_each(|(y, &a)| *y = c * a);
                }
                Calc::Affine(c, d) => {
                    let (c, d) = (T::literal(c), T::literal(d));
                    y.iter_mut().zip(source(0)).for_each(|(y, &a)| *y = Real::mul_add(c, a, d));
                }
                Calc::Add => {
                    let sources = source(0).iter().zip(source(1));
                    y.iter_mut().zip(sources).for_each(|(y, (&a, &b))| *y = a + b);
                }
                Calc::ScaleAdd(c) => {
                    let c = T::literal(c);
                    let sources = source(0).iter().zip(source(1));
                    y.iter_mut().zip(sources).for_each(|(y, (&a, &b))| *y = Real::mul_add(c, a, b));
                }
                Calc::Multiply => {
                    let sources = source(0).iter().zip(source(1));
                    y.iter_mut().zip(sources).for_each(|(y, (&a, &b))| *y = a * b);
                }
                Calc::Map(f) => f.values(source(0), y),
                Calc::Zip(f) => f.values(source(0), source(1), y),
            }
            cells[target] = cell;
        }
    }
}

/// A kernel at work on a block. (As a struct and not a closure, since only so is it sure to be compiled as a whole for
/// each instruction set.)
struct Sweep<'a, 'b, 'r, 'm, T: Real> {
    kernel: &'a Kernel,
    block: Block<'b, T>,
    scratch: &'a mut [T],
    memory: &'a Memory<'r, 'm, T>,
}

impl<T: Real> WithSimd for Sweep<'_, '_, '_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.kernel.sweep(self.block, self.scratch, self.memory);
    }
}

impl Step {
    /// What it reads.
    fn sources(&self) -> &[Source] {
        match self.calc {
            Calc::Literal(_) | Calc::Gather(_) | Calc::Previous(_) => &[],
            Calc::Copy | Calc::Scale(_) | Calc::Affine(..) | Calc::Map(_) => &self.from[..1],
            Calc::Add | Calc::ScaleAdd(_) | Calc::Multiply | Calc::Zip(_) => &self.from,
        }
    }
}

impl Load {
    /// Reads a view of the given extents.
    pub(super) fn new(view: &View, extents: &[usize]) -> Self {
        let merged = merge(extents, &[&view.strides]);
        let (extents, strides): (Vec<_>, _) =
            merged.into_iter().map(|(extent, strides)| (extent, strides[0])).unzip();
        let view = View { strides, ..view.clone() };
        Self { contiguous: view.is_contiguous(&extents), view, extents }
    }

    /// Whether it reads all elements in the order in which they are stored.
    pub(super) fn in_order(&self, size: usize) -> bool {
        self.view.offset == 0 && self.contiguous && self.extents.iter().product::<usize>() == size
    }

    /// Writes the elements `at..at + y.len()` of the flattened index space into `y`, run by run along the
    /// innermost axis.
    pub(super) fn gather<T: Real>(&self, data: &[T], at: usize, y: &mut [T]) {
        let Some((&inner, outer)) = self.extents.split_last() else {
            y.fill(data[self.view.offset]);
            return;
        };
        let step = self.view.strides[outer.len()];
        let (mut row, mut column) = (at / inner, at % inner);
        let mut rest = y;
        while !rest.is_empty() {
            let (run, more) = rest.split_at_mut(rest.len().min(inner - column));
            let axes = outer.iter().copied().zip(self.view.strides.iter().copied());
            let from = self.view.offset + column * step + offset(axes, row);
            match step {
                0 => run.fill(data[from]),
                1 => run.copy_from_slice(&data[from..][..run.len()]),
                _ => run.iter_mut().zip(data[from..].iter().step_by(step)).for_each(|(y, &x)| *y = x),
            }
            (row, column, rest) = (row + 1, 0, more);
        }
    }
}
