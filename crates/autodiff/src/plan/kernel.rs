//! Elementwise kernels: any number of elementwise operations over one index space, in one pass over memory.
//!
//! A kernel is a short list of steps on blocks of [`BLOCK`] elements that stay in the first-level cache. Each
//! step is one slice loop, which the compiler vectorises for the processor at hand (`pulp` chooses at run time).

use std::array;
use std::mem::take;

use pulp::Arch;

use super::memory::{Memory, Place};
use super::view::{View, offset};
use crate::nonlinear::{Binary, Function};
use crate::real::Real;
use crate::threads::Threads;

/// Elements a step handles at a time.
const BLOCK: usize = 512;
/// Elements one task handles: the unit in which threads share work.
const TASK: usize = 16 * BLOCK;
/// Limits of one kernel; longer chains become several.
pub(super) const MAX_STEPS: usize = 20;
pub(super) const MAX_STORES: usize = 6;
const MAX_CELLS: usize = MAX_STEPS + MAX_STORES;

/// A list of elementwise steps over an index space, flattened row-major.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) size: usize,
    pub(super) loads: Vec<Load>,
    pub(super) steps: Vec<Step>,
    /// The values kept, each contiguous over the index space.
    pub(super) stores: Vec<usize>,
}

/// An argument read from memory, as a view with merged axes.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) view: View,
    pub(super) extents: Vec<usize>,
}

/// One operation on blocks. Step `i` writes register `i`, or store `s` if `to` says so.
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
    /// x
    Copy,
    /// c · x
    Scale(f64),
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
    pub(super) fn run<T: Real>(
        &self,
        place: impl Fn(usize) -> Place + Sync,
        inputs: &[&[T]],
        buffers: &mut [&mut [T]],
        threads: &Threads,
    ) {
        let targets: [Option<usize>; MAX_STORES] = array::from_fn(|s| match place(*self.stores.get(s)?) {
            Place::Buffer(i) => Some(i),
            Place::Input(_) => unreachable!("inputs are not written"),
        });
        let mut stores: [&mut [T]; MAX_STORES] =
            targets.map(|i| i.map(|i| take(&mut buffers[i])).unwrap_or_default());
        let memory = Memory { inputs, buffers };
        let whole = stores.each_mut().map(|store| {
            let size = store.len().min(self.size);
            &mut store[..size]
        });
        self.divide(0, self.size, whole, &place, &memory, threads);
        for (target, store) in targets.iter().zip(stores) {
            if let Some(i) = target {
                buffers[*i] = store;
            }
        }
    }

    /// Halves the index space at multiples of `TASK` down to tasks.
    fn divide<T: Real>(
        &self,
        start: usize,
        end: usize,
        stores: [&mut [T]; MAX_STORES],
        place: &(impl Fn(usize) -> Place + Sync),
        memory: &Memory<'_, T>,
        threads: &Threads,
    ) {
        if end - start <= TASK {
            Arch::new().dispatch(
                #[inline(always)]
                || self.task(start, end, stores, place, memory),
            );
            return;
        }
        let half = (end - start).div_ceil(2 * TASK) * TASK;
        let mut low: [&mut [T]; MAX_STORES] = array::from_fn(|_| Default::default());
        let mut high: [&mut [T]; MAX_STORES] = array::from_fn(|_| Default::default());
        for (s, store) in stores.into_iter().enumerate() {
            let middle = half.min(store.len());
            (low[s], high[s]) = store.split_at_mut(middle);
        }
        threads.join(
            || self.divide(start, start + half, low, place, memory, threads),
            || self.divide(start + half, end, high, place, memory, threads),
        );
    }

    #[inline(always)]
    fn task<T: Real>(
        &self,
        start: usize,
        end: usize,
        mut stores: [&mut [T]; MAX_STORES],
        place: &impl Fn(usize) -> Place,
        memory: &Memory<'_, T>,
    ) {
        #[allow(clippy::large_stack_arrays, reason = "the first-level cache is what it is sized for")]
        let mut scratch = [T::zero(); MAX_STEPS * BLOCK];
        let mut cells: [&mut [T]; MAX_CELLS] = array::from_fn(|_| Default::default());
        for (cell, block) in cells.iter_mut().zip(scratch.chunks_exact_mut(BLOCK)) {
            *cell = block;
        }
        let mut at = start;
        while at < end {
            let n = BLOCK.min(end - at);
            for (s, store) in stores.iter_mut().enumerate().take(self.stores.len()) {
                let (block, rest) = take(store).split_at_mut(n);
                (cells[MAX_STEPS + s], *store) = (block, rest);
            }
            for (i, step) in self.steps.iter().enumerate() {
                let target = step.to.map_or(i, |s| MAX_STEPS + s);
                let cell = take(&mut cells[target]);
                let source = |k: usize| match step.from[k] {
                    Source::Step(i) => &cells[self.steps[i].to.map_or(i, |s| MAX_STEPS + s)][..n],
                    Source::Load(l) => {
                        let view = &self.loads[l].view;
                        &memory.read(place(view.value))[view.offset + at..][..n]
                    }
                };
                let y = &mut cell[..n];
                match step.calc {
                    Calc::Literal(c) => y.fill(T::literal(c)),
                    Calc::Gather(l) => {
                        let load = &self.loads[l];
                        load.gather(memory.read(place(load.view.value)), at, y);
                    }
                    Calc::Copy => y.copy_from_slice(source(0)),
                    Calc::Scale(c) => {
                        let c = T::literal(c);
                        y.iter_mut().zip(source(0)).for_each(|(y, &a)| *y = c * a);
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
            at += n;
        }
    }
}

impl Load {
    /// Writes the elements `at..at + y.len()` of the flattened index space into `y`, run by run along the
    /// innermost axis.
    fn gather<T: Real>(&self, data: &[T], at: usize, y: &mut [T]) {
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
