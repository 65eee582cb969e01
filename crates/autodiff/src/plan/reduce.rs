//! Folds along axes, and scatters: what is neither a view, nor elementwise, nor a product.

use super::memory::Memory;
use super::view::{View, offset};
use crate::nonlinear::larger;
use crate::real::Real;
use crate::threads::Threads;

/// Elements below which a fold stays on one thread.
const BLOCK: usize = 1 << 15;

/// How the elements along an axis become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fold {
    Sum,
    Max,
}

/// A view folded over some of its axes; the others remain, in order, contiguous. Its scale is 1 unless it is summed.
#[derive(Debug)]
pub(super) struct Reduction {
    pub(super) fold: Fold,
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
        match self.fold {
            Fold::Sum => {
                self.fold(start, out, data, T::zero(), |sum, x| sum + x);
                if self.view.scale != 1.0 {
                    out.iter_mut().for_each(|sum| *sum *= T::literal(self.view.scale));
                }
            }
            Fold::Max => self.fold(start, out, data, T::neg_infinity(), |largest, x| larger(largest, x)),
        }
    }

    /// How many elements become one.
    fn terms(&self) -> usize {
        self.folded.iter().map(|(extent, _)| extent).product()
    }

    /// Folds into the results `start..start + out.len()` by `f(result so far, element)`. Runs along
    /// the innermost axis that remains are folded together, so that loops are over slices.
    fn fold<T: Real>(&self, start: usize, out: &mut [T], data: &[T], first: T, f: impl Fn(T, T) -> T) {
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
                let mut fold = |i: usize, x: T| run[i] = f(run[i], x);
                match step {
                    0 => (0..length).for_each(|i| fold(i, row[0])),
                    1 => row[..length].iter().enumerate().for_each(|(i, &x)| fold(i, x)),
                    _ => (0..length).for_each(|i| fold(i, row[i * step])),
                }
            }
            done += length;
        }
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
