//! Scatters: the elements of a view, each to a place of its own or added up where several meet. So are pads, folds of
//! windows, and copies in another order.

use std::ops::Range;

use super::memory::Memory;
use super::view::{View, merge, offset};
use crate::real::Real;
use crate::threads::Threads;

/// Elements below which a scatter stays on one thread.
const SHARE: usize = 1 << 15;
/// Rows and columns of the tiles in which data is transposed, so that lines of the cache are used whole.
const TILE: usize = 16;

/// What becomes of the places that elements go to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Onto {
    /// Each is written once.
    All,
    /// Each is written at most once; the others are zeros.
    Zeros,
    /// Elements are added up in zeros.
    Sums,
}

/// The elements of a view moved to their places in a value.
#[derive(Debug)]
pub(super) struct Scatter {
    pub(super) value: usize,
    pub(super) view: View,
    onto: Onto,
    /// Elements of the value.
    size: usize,
    /// Where the first element goes.
    start: usize,
    /// The axes of the view: (extent, stride in the view, stride in the value), merged, outermost first.
    axes: Vec<(usize, usize, usize)>,
}

impl Scatter {
    /// Element `i` of a view of the given extents goes to `start` + Σ i·strides of a value of `size` elements.
    pub(super) fn new(
        value: usize,
        size: usize,
        (view, extents): (&View, &[usize]),
        (start, strides): (usize, &[usize]),
        onto: Onto,
    ) -> Self {
        let axes = merge(extents, &[&view.strides, strides]);
        let axes = axes.into_iter().map(|(extent, strides)| (extent, strides[0], strides[1])).collect();
        Self { value, view: view.clone(), onto, size, start, axes }
    }

    pub(super) fn run<T: Real>(&self, memory: &mut Memory<'_, '_, T>) {
        memory.write(&[self.value], |stores, memory| {
            let data = &memory.read(self.view.value)[self.view.offset..];
            let rows = self.axes.first().map_or(1, |&(extent, ..)| extent);
            self.divide(0..rows, &mut stores[0][..self.size], data, memory.threads);
        });
    }

    /// Shares the outermost axis among threads, where its rows do not overlap.
    fn divide<T: Real>(&self, rows: Range<usize>, out: &mut [T], data: &[T], threads: &Threads) {
        if let Some(&(_, _, apart)) = self.axes.first()
            && rows.len() > 1
            && out.len() > SHARE
            && self.start + self.axes[1..].iter().map(|(extent, _, to)| (extent - 1) * to).sum::<usize>()
                < apart
        {
            let middle = rows.start + rows.len() / 2;
            let (low, high) = out.split_at_mut(rows.len() / 2 * apart);
            let (low_rows, high_rows) = (rows.start..middle, middle..rows.end);
            return threads.join(
                || self.divide(low_rows, low, data, threads),
                || self.divide(high_rows, high, data, threads),
            );
        }
        let scale = T::literal(self.view.scale);
        match self.onto {
            Onto::All => self.put(rows, out, data, |y, x| *y = scale * x),
            Onto::Zeros => {
                out.fill(T::zero());
                self.put(rows, out, data, |y, x| *y = scale * x);
            }
            Onto::Sums => {
                out.fill(T::zero());
                self.put(rows, out, data, |y, x| *y += scale * x);
            }
        }
    }

    /// Puts the given rows into `out`, which begins with the first of them.
    fn put<T: Real>(&self, rows: Range<usize>, out: &mut [T], data: &[T], f: impl Fn(&mut T, T)) {
        let Some(inner) = self.axes.len().checked_sub(1) else {
            return f(&mut out[self.start], data[0]);
        };
        let extent = |axis: usize| if axis == 0 { rows.len() } else { self.axes[axis].0 };
        let (_, from, to) = self.axes[inner];
        // The axis along which the view is contiguous, if the value is so along another one.
        let across = if from > 1 && to == 1 { self.axes.iter().position(|axis| axis.1 == 1) } else { None };
        let outer = (0..inner).filter(|&axis| across != Some(axis));
        let data = &data[rows.start * self.axes[0].1..];
        for index in 0..outer.clone().map(extent).product() {
            let place = |step: fn(&(usize, usize, usize)) -> usize| {
                offset(outer.clone().map(|axis| (extent(axis), step(&self.axes[axis]))), index)
            };
            let (x, y) = (&data[place(|axis| axis.1)..], &mut out[self.start + place(|axis| axis.2)..]);
            let width = extent(inner);
            match (across, from, to) {
                (Some(axis), ..) => transpose(x, y, (extent(axis), width), (from, self.axes[axis].2), &f),
                (None, 1, 1) => y.iter_mut().zip(x).take(width).for_each(|(y, &x)| f(y, x)),
                (None, 0, _) => y.iter_mut().step_by(to).take(width).for_each(|y| f(y, x[0])),
                _ => {
                    let pairs = y.iter_mut().step_by(to).zip(x.iter().step_by(from));
                    pairs.take(width).for_each(|(y, &x)| f(y, x));
                }
            }
        }
    }
}

/// Element (i, j) of `extents` goes from x[i + j·from] to y[i·to + j]: by tiles that are read and written in whole lines
/// of the cache, since lines a power of two apart push each other out.
fn transpose<T: Real>(
    x: &[T],
    y: &mut [T],
    (height, width): (usize, usize),
    (from, to): (usize, usize),
    f: &impl Fn(&mut T, T),
) {
    let mut tile = [[T::zero(); TILE]; TILE];
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            let (high, wide) = (TILE.min(height - top), TILE.min(width - left));
            for (j, line) in tile.iter_mut().take(wide).enumerate() {
                line[..high].copy_from_slice(&x[top + (left + j) * from..][..high]);
            }
            for i in 0..high {
                let line = y[(top + i) * to + left..][..wide].iter_mut();
                line.zip(&tile).for_each(|(y, column)| f(y, column[i]));
            }
        }
    }
}
