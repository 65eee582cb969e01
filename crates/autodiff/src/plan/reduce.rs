//! Folds along axes, and scatters: what is neither a view, nor elementwise, nor a product.

use pulp::{Arch, Simd, WithSimd};

use super::memory::Memory;
use super::view::{View, offset};
use crate::nonlinear::larger;
use crate::real::Real;
use crate::threads::Threads;

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
                self.fold(start, out, data, T::zero(), |sum, x| sum + x);
                if self.view.scale != 1.0 {
                    out.iter_mut().for_each(|sum| *sum *= T::literal(self.view.scale));
                }
            }
            Folding::Max => self.fold(start, out, data, T::neg_infinity(), |largest, x| larger(largest, x)),
        }
    }

    /// How many elements become one.
    fn terms(&self) -> usize {
        self.folded.iter().map(|(extent, _)| extent).product()
    }

    /// Folds into the results `start..start + out.len()` by `f(result so far, element)`, which must be associative.
    fn fold<T: Real>(&self, start: usize, out: &mut [T], data: &[T], first: T, f: impl Fn(T, T) -> T) {
        Arch::new().dispatch(Fold { reduction: self, start, out, data, first, f });
    }

    /// Runs along the innermost axis that remains are folded together, so that loops are over slices.
    #[inline(always)]
    fn along_kept<T: Real>(&self, start: usize, out: &mut [T], data: &[T], first: T, f: impl Fn(T, T) -> T) {
        let &(inner, step) = self.kept.last().unwrap_or(&(1, 1));
        let terms = self.terms();
        let mut done = 0;
        while done < out.len() {
            let at = start + done;
            let length = (out.len() - done).min(inner - at % inner);
            let run = &mut out[done..done + length];
            run.fill(first);
            let from = offset(self.kept.iter().copied(), at);
            for term in 0..terms {
                let row = &data[from + offset(self.folded.iter().copied(), term)..];
                match step {
                    0 => run.iter_mut().for_each(|y| *y = f(*y, row[0])),
                    1 => run.iter_mut().zip(row).for_each(|(y, &x)| *y = f(*y, x)),
                    _ => run.iter_mut().zip(row.iter().step_by(step)).for_each(|(y, &x)| *y = f(*y, x)),
                }
            }
            done += length;
        }
    }

    /// Where elements that are folded lie next to each other: each result for itself, in lanes.
    #[inline(always)]
    fn along_folded<T: Real>(
        &self,
        start: usize,
        out: &mut [T],
        data: &[T],
        first: T,
        f: impl Fn(T, T) -> T,
    ) {
        let (&(inner, _), outer) = self.folded.split_last().expect("an axis is folded");
        for (i, y) in out.iter_mut().enumerate() {
            let from = offset(self.kept.iter().copied(), start + i);
            let mut lanes = [first; LANES];
            for term in 0..outer.iter().map(|(extent, _)| extent).product() {
                let row = &data[from + offset(outer.iter().copied(), term)..][..inner];
                let (chunks, rest) = row.as_chunks::<LANES>();
                for chunk in chunks {
                    lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane = f(*lane, x));
                }
                lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = f(*lane, x));
            }
            *y = lanes.into_iter().fold(first, &f);
        }
    }
}

/// Results computed side by side where one is wanted.
const LANES: usize = 32;

/// A fold at work.
struct Fold<'a, T, F> {
    reduction: &'a Reduction,
    start: usize,
    out: &'a mut [T],
    data: &'a [T],
    first: T,
    f: F,
}

impl<T: Real, F: Fn(T, T) -> T> WithSimd for Fold<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { reduction, start, out, data, first, f } = self;
        let apart = reduction.kept.last().is_none_or(|&(_, step)| step != 1);
        if apart && matches!(reduction.folded.last(), Some(&(inner, 1)) if inner >= LANES) {
            reduction.along_folded(start, out, data, first, f);
        } else {
            reduction.along_kept(start, out, data, first, f);
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

/// The elements of a view added up in zeros: those of a pad each at a place of their own, those of a fold where windows
/// overlap.
#[derive(Debug)]
pub(super) struct Scatter {
    pub(super) value: usize,
    pub(super) size: usize,
    pub(super) view: View,
    /// Where the first element goes.
    pub(super) start: usize,
    /// The axes of the view: (extent, stride in the view).
    pub(super) from: Vec<(usize, usize)>,
    /// The same axes in the result: (extent, stride in the result).
    pub(super) to: Vec<(usize, usize)>,
}

impl Scatter {
    pub(super) fn run<T: Real>(&self, memory: &mut Memory<'_, '_, T>) {
        memory.write(&[self.value], |stores, memory| {
            let data = &memory.read(self.view.value)[self.view.offset..];
            let out = &mut stores[0][..self.size];
            out.fill(T::zero());
            let scale = T::literal(self.view.scale);
            for index in 0..self.from.iter().map(|(extent, _)| extent).product() {
                out[self.start + offset(self.to.iter().copied(), index)] +=
                    scale * data[offset(self.from.iter().copied(), index)];
            }
        });
    }
}
