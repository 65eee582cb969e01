//! Sums over axes and pads: the two linear operations that are neither views nor products.

use std::mem::take;

use super::memory::{Memory, Place};
use super::view::View;
use crate::real::Real;
use crate::threads::Threads;

/// Additions below which a sum stays on one thread.
const BLOCK: usize = 1 << 15;

/// The sum of a view over some of its axes; the others remain, in order, contiguous.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) value: usize,
    pub(super) view: View,
    /// The axes that remain: (extent, stride), merged, outermost first.
    pub(super) kept: Vec<(usize, usize)>,
    /// The axes that are summed, likewise.
    pub(super) summed: Vec<(usize, usize)>,
}

impl Sum {
    pub(super) fn run<T: Real>(
        &self,
        place: impl Fn(usize) -> Place + Sync,
        inputs: &[&[T]],
        buffers: &mut [&mut [T]],
        threads: &Threads,
    ) {
        let Place::Buffer(target) = place(self.value) else { unreachable!("inputs are not written") };
        let out = take(&mut buffers[target]);
        let memory = Memory { inputs, buffers };
        let data = &memory.read(place(self.view.value))[self.view.offset..];
        let size = self.kept.iter().map(|(extent, _)| extent).product();
        self.divide(0, &mut out[..size], data, threads);
        buffers[target] = out;
    }

    fn divide<T: Real>(&self, start: usize, out: &mut [T], data: &[T], threads: &Threads) {
        let terms: usize = self.summed.iter().map(|(extent, _)| extent).product();
        if out.len() > 1 && out.len() * terms > BLOCK {
            let (low, high) = out.split_at_mut(out.len() / 2);
            let middle = start + low.len();
            threads
                .join(|| self.divide(start, low, data, threads), || self.divide(middle, high, data, threads));
            return;
        }
        // Runs along the innermost axis that remains are summed together, so that loops are over slices.
        let &(inner, step) = self.kept.last().unwrap_or(&(1, 1));
        let mut at = start;
        let mut rest = out;
        while !rest.is_empty() {
            let length = rest.len().min(inner - at % inner);
            let (run, more) = rest.split_at_mut(length);
            run.fill(T::zero());
            let from = offset(&self.kept, at);
            for term in 0..terms {
                let row = &data[from + offset(&self.summed, term)..];
                if step == 1 {
                    run.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
                } else {
                    run.iter_mut().zip(row.iter().step_by(step.max(1))).for_each(|(sum, &x)| *sum += x);
                }
            }
            if self.view.scale != 1.0 {
                run.iter_mut().for_each(|sum| *sum *= T::literal(self.view.scale));
            }
            (at, rest) = (at + length, more);
        }
    }
}

/// A view placed in a window of zeros.
#[derive(Debug)]
pub(super) struct Pad {
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

impl Pad {
    pub(super) fn run<T: Real>(
        &self,
        place: impl Fn(usize) -> Place,
        inputs: &[&[T]],
        buffers: &mut [&mut [T]],
    ) {
        let Place::Buffer(target) = place(self.value) else { unreachable!("inputs are not written") };
        let out = take(&mut buffers[target]);
        let memory = Memory { inputs, buffers };
        let data = &memory.read(place(self.view.value))[self.view.offset..];
        out[..self.size].fill(T::zero());
        let scale = T::literal(self.view.scale);
        for index in 0..self.from.iter().map(|(extent, _)| extent).product() {
            out[self.start + offset(&self.to, index)] = scale * data[offset(&self.from, index)];
        }
        buffers[target] = out;
    }
}

/// Where the element of a flattened row-major index lies.
fn offset(axes: &[(usize, usize)], mut index: usize) -> usize {
    let mut at = 0;
    for &(extent, stride) in axes.iter().rev() {
        at += index % extent * stride;
        index /= extent;
    }
    at
}
