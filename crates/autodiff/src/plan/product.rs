//! Products with summed labels: each is a batch of matrix products.
//!
//! Labels fall in four groups: batch (in all three lists), m (left and result), n (right and result) and k (summed).
//! faer multiplies; this file divides the result into blocks whose size depends on the shape alone and gives each
//! block to one thread, so the bits of the result do not depend on the number of threads.

use std::ops::RangeInclusive;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::memory::{Memory, Place, write};
use super::view::{View, offset};
use crate::real::Real;
use crate::threads::Threads;

/// Multiplications and additions of a block: a quarter of the whole, within these bounds.
const BLOCK_FLOPS: RangeInclusive<usize> = 1 << 21..=1 << 25;
/// Rows of blocks are multiples of this.
const BLOCK_ROWS: usize = 64;
/// Columns of blocks are multiples of this, which is how many faer's kernel for 512-bit registers handles at once.
const BLOCK_COLUMNS: usize = 96;

/// A sum of batched matrix products, written to one contiguous value of shape (batch, m, n).
#[derive(Debug)]
pub(super) struct Product {
    pub(super) value: usize,
    pub(super) batch: Vec<usize>,
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) terms: Vec<Term>,
}

/// alpha · left · right for every index of the batch.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) alpha: f64,
    pub(super) k: usize,
    pub(super) left: Factor,
    pub(super) right: Factor,
}

/// A batch of matrices: element (b, i, j) is at offset + Σ b·batch + i·row + j·column, where one of row and
/// column is 1.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    pub(super) value: usize,
    pub(super) offset: usize,
    pub(super) batch: Vec<usize>,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl Factor {
    /// The factor whose axes are those of `view`, batch first, then rows and columns; `None` if no stride is 1.
    pub(super) fn new(
        view: &View,
        batch: Vec<usize>,
        rows: (usize, usize),
        columns: (usize, usize),
    ) -> Option<Self> {
        let ((m, row), (n, column)) = (rows, columns);
        // An axis of extent 1 has no stride of its own: take the one that makes the storage regular.
        let (row, column) = match (m, n) {
            (1, 1) => (1, 1),
            (1, _) if column == 1 => (n, 1),
            (_, 1) if row == 1 => (1, m),
            (1, _) => (1, column),
            (_, 1) => (row, 1),
            _ => (row, column),
        };
        let regular = (column == 1 && row >= n) || (row == 1 && column >= m);
        regular.then_some(Self { value: view.value, offset: view.offset, batch, row, column })
    }

    /// Where the matrix of a batch index, flattened row-major, begins.
    fn at(&self, extents: &[usize], index: usize) -> usize {
        offset(extents.iter().copied().zip(self.batch.iter().copied()), index)
    }

    fn matrix<'a, T: Real>(&self, data: &'a [T], at: usize, rows: usize, columns: usize) -> MatRef<'a, T> {
        let data = &data[self.offset + at..];
        if self.column == 1 {
            let length = (rows - 1) * self.row + columns;
            MatRef::from_row_major_slice_with_stride(&data[..length], rows, columns, self.row)
        } else {
            let length = (columns - 1) * self.column + rows;
            MatRef::from_column_major_slice_with_stride(&data[..length], rows, columns, self.column)
        }
    }
}

impl Product {
    pub(super) fn run<T: Real>(
        &self,
        place: impl Fn(usize) -> Place + Sync,
        inputs: &[&[T]],
        buffers: &mut [&mut [T]],
        threads: &Threads,
    ) {
        let size = self.batch.iter().product::<usize>() * self.m * self.n;
        write(place(self.value), inputs, buffers, |out, memory| {
            self.batches(0, &mut out[..size], &place, memory, threads);
        });
    }

    /// Halves the batch while that is worth a thread.
    fn batches<T: Real>(
        &self,
        first: usize,
        out: &mut [T],
        place: &(impl Fn(usize) -> Place + Sync),
        memory: &Memory<'_, T>,
        threads: &Threads,
    ) {
        let each = self.m * self.n;
        let count = out.len() / each;
        let work: usize = self.terms.iter().map(|term| 2 * each * term.k).sum();
        if count > 1 && count * work > *BLOCK_FLOPS.start() {
            let (low, high) = out.split_at_mut(count / 2 * each);
            threads.join(
                || self.batches(first, low, place, memory, threads),
                || self.batches(first + count / 2, high, place, memory, threads),
            );
            return;
        }
        for (b, out) in out.chunks_exact_mut(each).enumerate() {
            for (t, term) in self.terms.iter().enumerate() {
                let left = term.left.at(&self.batch, first + b);
                let right = term.right.at(&self.batch, first + b);
                let left = term.left.matrix(memory.read(place(term.left.value)), left, self.m, term.k);
                let right = term.right.matrix(memory.read(place(term.right.value)), right, term.k, self.n);
                let accum = if t == 0 { Accum::Replace } else { Accum::Add };
                if self.m == 1 && self.n == 1 {
                    let dot =
                        (0..term.k).map(|k| left[(0, k)] * right[(k, 0)]).sum::<T>() * T::literal(term.alpha);
                    out[0] = if t == 0 { dot } else { out[0] + dot };
                } else {
                    let out = MatMut::from_row_major_slice_mut(out, self.m, self.n);
                    let block = (each * term.k / 2).clamp(*BLOCK_FLOPS.start(), *BLOCK_FLOPS.end());
                    multiply(out, accum, left, right, T::literal(term.alpha), block, threads);
                }
            }
        }
    }
}

/// `out` (+)= alpha · left · right, with `out` halved until blocks are small: its rows, unless it is much wider than
/// high, since rows divide more evenly.
fn multiply<T: Real>(
    out: MatMut<'_, T>,
    accum: Accum,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
    alpha: T,
    block: usize,
    threads: &Threads,
) {
    let (m, n, k) = (out.nrows(), out.ncols(), left.ncols());
    let (high, wide) = (m >= 2 * BLOCK_ROWS, n >= 2 * BLOCK_COLUMNS);
    if 2 * m * n * k <= block || !(high || wide) {
        matmul(out, accum, left, right, alpha, Par::Seq);
    } else if high && (2 * m >= n || !wide) {
        let middle = m.div_ceil(2 * BLOCK_ROWS) * BLOCK_ROWS;
        let (top, bottom) = out.split_at_row_mut(middle);
        let (above, below) = left.split_at_row(middle);
        threads.join(
            || multiply(top, accum, above, right, alpha, block, threads),
            || multiply(bottom, accum, below, right, alpha, block, threads),
        );
    } else {
        let middle = n.div_ceil(2 * BLOCK_COLUMNS) * BLOCK_COLUMNS;
        let (first, second) = out.split_at_col_mut(middle);
        let (before, after) = right.split_at_col(middle);
        threads.join(
            || multiply(first, accum, left, before, alpha, block, threads),
            || multiply(second, accum, left, after, alpha, block, threads),
        );
    }
}
