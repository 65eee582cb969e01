//! Folds along axes, and dot products.

use pulp::{Arch, Simd, WithSimd};

use super::memory::Memory;
use super::view::{View, offset};
use crate::nonlinear::larger;
use crate::real::Real;
use crate::sum;
use crate::threads::Threads;

/// Results along a kept axis that are folded together.
const RUN: usize = 1024;
/// Elements below which a fold stays on one thread.
const BLOCK: usize = 1 << 15;

/// How the elements along an axis become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Folding {
    Sum,
    Max,
}

/// A view folded over some of its axes; the others remain, in order, contiguous. Its scale is 1 unless it is summed.
#[derive(Debug)]
pub(super) struct Reduction {
    pub(super) folding: Folding,
    pub(super) value: usize,
    pub(super) view: View,
    /// The axes that remain: (extent, stride), merged, outermost first.
    pub(super) kept: Vec<(usize, usize)>,
    /// The axes that disappear, likewise.
    pub(super) folded: Vec<(usize, usize)>,
}

impl Reduction {
    pub(super) fn run<T: Real>(&self, memory: &mut Memory<'_, '_, T>) {
        let size = self.kept.iter().map(|(extent, _)| extent).product();
        memory.write(&[self.value], |stores, memory| {
            let data = &memory.read(self.view.value)[self.view.offset..];
            self.divide(0, &mut stores[0][..size], data, memory.threads);
        });
    }

    fn divide<T: Real>(&self, start: usize, out: &mut [T], data: &[T], threads: &Threads) {
        if out.len() > 1 && out.len() * self.terms() > BLOCK {
            let (low, high) = out.split_at_mut(out.len() / 2);
            let middle = start + low.len();
            threads
                .join(|| self.divide(start, low, data, threads), || self.divide(middle, high, data, threads));
            return;
        }
        match self.folding {
            Folding::Sum => {
                self.fold(start, out, data, T::zero(), sum::add, sum::total);
                if self.view.scale != 1.0 {
                    out.iter_mut().for_each(|sum| *sum *= T::literal(self.view.scale));
                }
            }
            Folding::Max => {
                let step = |largest: &mut T, _: &mut T, x| *largest = larger(*largest, x);
                self.fold(start, out, data, T::neg_infinity(), step, |largest, _| largest);
            }
        }
    }

    /// How many elements become one.
    fn terms(&self) -> usize {
        self.folded.iter().map(|(extent, _)| extent).product()
    }

    /// Folds into the results `start..start + out.len()`: `step` takes an element into a result and what it carries
    /// along, and `finish` makes one number of both.
    fn fold<T: Real>(
        &self,
        start: usize,
        out: &mut [T],
        data: &[T],
        first: T,
        step: impl Fn(&mut T, &mut T, T),
        finish: impl Fn(T, T) -> T,
    ) {
        Arch::new().dispatch(Fold { reduction: self, start, out, data, first, step, finish });
    }
}

/// Results computed side by side where one is wanted.
const LANES: usize = 32;

/// A fold at work.
struct Fold<'a, T, F, G> {
    reduction: &'a Reduction,
    start: usize,
    out: &'a mut [T],
    data: &'a [T],
    first: T,
    step: F,
    finish: G,
}

impl<T: Real, F: Fn(&mut T, &mut T, T), G: Fn(T, T) -> T> WithSimd for Fold<'_, T, F, G> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let kept_apart = self.reduction.kept.last().is_none_or(|&(_, stride)| stride != 1);
        match self.reduction.folded.last() {
            Some(&(inner, 1)) if inner >= LANES && kept_apart => self.along_folded(inner),
            _ => self.along_kept(),
        }
    }
}

impl<T: Real, F: Fn(&mut T, &mut T, T), G: Fn(T, T) -> T> Fold<'_, T, F, G> {
    /// Runs along the innermost axis that remains are folded together, so that loops are over slices.
    #[inline(always)]
    fn along_kept(self) {
        let Self { reduction, start, out, data, first, step, finish } = self;
        let &(inner, stride) = reduction.kept.last().unwrap_or(&(1, 1));
        let mut carried = [T::zero(); RUN];
        let mut done = 0;
        while done < out.len() {
            let at = start + done;
            let length = (out.len() - done).min(inner - at % inner).min(RUN);
            let (run, carried) = (&mut out[done..done + length], &mut carried[..length]);
            run.fill(first);
            carried.fill(T::zero());
            let from = offset(reduction.kept.iter().copied(), at);
            for term in 0..reduction.terms() {
                let row = &data[from + offset(reduction.folded.iter().copied(), term)..];
                let run = run.iter_mut().zip(carried.iter_mut());
                match stride {
                    0 => run.for_each(|(y, c)| step(y, c, row[0])),
                    1 => run.zip(row).for_each(|((y, c), &x)| step(y, c, x)),
                    _ => run.zip(row.iter().step_by(stride)).for_each(|((y, c), &x)| step(y, c, x)),
                }
            }
            run.iter_mut().zip(carried).for_each(|(y, c)| *y = finish(*y, *c));
            done += length;
        }
    }

    /// Where `inner` elements that are folded lie next to each other: each result for itself, in lanes.
    #[inline(always)]
    fn along_folded(self, inner: usize) {
        let Self { reduction, start, out, data, first, step, finish } = self;
        let outer = &reduction.folded[..reduction.folded.len() - 1];
        for (i, y) in out.iter_mut().enumerate() {
            let from = offset(reduction.kept.iter().copied(), start + i);
            let (mut lanes, mut carried) = ([first; LANES], [T::zero(); LANES]);
            let mut take = |x: &[T]| {
                let lanes = lanes.iter_mut().zip(&mut carried);
                lanes.zip(x).for_each(|((y, c), &x)| step(y, c, x));
            };
            for term in 0..outer.iter().map(|(extent, _)| extent).product() {
                let row = &data[from + offset(outer.iter().copied(), term)..][..inner];
                let (chunks, rest) = row.as_chunks::<LANES>();
                chunks.iter().for_each(|chunk| take(chunk));
                take(rest);
            }
            let (mut result, mut rest) = (first, T::zero());
            for (lane, carried) in lanes.into_iter().zip(carried) {
                step(&mut result, &mut rest, lane);
                rest += carried;
            }
            *y = finish(result, rest);
        }
    }
}

/// Σ aᵢ bᵢ.
pub(super) struct Dot<'a, T>(pub(super) &'a [T], pub(super) &'a [T]);

impl<T: Real> WithSimd for Dot<'_, T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> T {
        let mut lanes = [T::zero(); LANES];
        let ((a, a_rest), (b, b_rest)) = (self.0.as_chunks::<LANES>(), self.1.as_chunks::<LANES>());
        let mut add = |a: &[T], b: &[T]| {
            let pairs = a.iter().zip(b);
            lanes.iter_mut().zip(pairs).for_each(|(lane, (&a, &b))| *lane = Real::mul_add(a, b, *lane));
        };
        a.iter().zip(b).for_each(|(a, b)| add(a, b));
        add(a_rest, b_rest);
        lanes.into_iter().sum()
    }
}
