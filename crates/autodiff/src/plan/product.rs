//! Products with summed labels: each is a batch of matrix products.
//!
//! Labels fall in four groups: batch (in all three lists), m (left and result), n (right and result) and k (summed).
//! faer multiplies; this file divides the result into blocks whose size depends on the shape alone and gives each
//! block to one thread, so the bits of the result do not depend on the number of threads.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::Arch;

use super::block::Block;
use super::kernel::{Kernel, Load};
use super::memory::Memory;
use super::reduce::Dot;
use super::view::{View, offset};
use crate::real::Real;

/// Multiplications and additions that are worth a thread.
const LEAST_WORK: usize = 1 << 19;
/// Blocks have at least so many rows and columns.
const LEAST: usize = 64;
/// But small blocks of more multiplications and additions than these are divided once more.
const LONG: usize = 1 << 23;
/// Elements of a right factor that is near enough to be read, or packed, again for each block of rows.
const NEAR: usize = 1 << 15;
/// Elements that are worth a thread where they are only copied.
const SHARE: usize = 1 << 15;
/// Blocks begin at multiples of this, so that few of the multiplication's tiles are ragged.
const STEP: usize = 32;
/// Elements of windows that are laid out at a time, and how many of them are summed over.
pub(super) const PATCH: usize = 1 << 16;
const DEPTH: usize = 256;

/// A sum of batched matrix products, one contiguous value of shape (batch, m, n), and what is made of it at once.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) value: usize,
    /// What is added to it, as it lies in that shape.
    pub(super) base: Option<Load>,
    pub(super) batch: Vec<usize>,
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) terms: Vec<Term>,
    /// Elementwise steps on the product, run on each block while it is warm.
    pub(super) epilogue: Option<Kernel>,
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
    /// A matrix of windows, which repeats the elements of the value: its elements are then what this loads, and only
    /// parts of it are ever laid out.
    pub(super) windows: Option<Load>,
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
        let (value, offset, windows) = (view.value, view.offset, None);
        regular.then_some(Self { value, offset, batch, row, column, windows })
    }

    /// One matrix whose elements repeat those of a value, laid out along its rows or, if not `by_rows`, its columns:
    /// `view` has the axes of that layout.
    pub(super) fn windows(view: &View, extents: &[usize], (m, n): (usize, usize), by_rows: bool) -> Self {
        let (row, column) = if by_rows { (n, 1) } else { (1, m) };
        let windows = Some(Load::new(view, extents));
        Self { value: view.value, offset: 0, batch: Vec::new(), row, column, windows }
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
    /// The values it reads in another order than that of its result.
    pub(super) fn factors(&self) -> impl Iterator<Item = usize> {
        self.terms.iter().flat_map(|term| [term.left.value, term.right.value])
    }

    /// Makes it `c` times what it was.
    pub(super) fn scale(&mut self, c: f64) {
        self.terms.iter_mut().for_each(|term| term.alpha *= c);
        self.base.iter_mut().for_each(|base| base.view.scale *= c);
    }

    /// The elements of the result.
    pub(super) fn size(&self) -> usize {
        self.batch.iter().product::<usize>() * self.m * self.n
    }

    /// The values written: what the epilogue stores and, where it is wanted itself, the product.
    pub(super) fn stores(&self) -> &[usize] {
        match &self.epilogue {
            Some(kernel) => &kernel.stores,
            None => std::slice::from_ref(&self.value),
        }
    }

    pub(super) fn run<T: Real>(&self, memory: &mut Memory<'_, '_, T>) {
        // The product is written where it stays, or else where it will be overwritten by what is made of it.
        let home = memory.place(self.value);
        let target = self.stores().iter().position(|&store| memory.place(store) == home);
        let target = target.expect("products are written to one of the stores");
        let overwrites = self.base.as_ref().is_some_and(|base| memory.place(base.view.value) == home);
        memory.write(self.stores(), |stores, memory| {
            let run = Run { product: self, target, overwrites, memory };
            let block = Block::whole(self.size(), stores);
            if self.by_rows() {
                run.rows(block);
            } else {
                run.whole(block);
            }
        });
    }

    /// Whether work is divided by rows of the result, which are contiguous, and not by columns: unless rows are few, or
    /// the right factor is too large to be read again for each block of rows.
    pub(super) fn by_rows(&self) -> bool {
        let near = |term: &Term| term.k * self.n <= NEAR;
        let (high, wide) = (self.m >= 2 * LEAST, self.n >= 2 * LEAST);
        !wide || !self.batch.is_empty() || high && self.terms.iter().all(near)
    }
}

/// A product being computed.
struct Run<'a, 'r, 'm, T: Real> {
    product: &'a Product,
    /// Which store holds the product.
    target: usize,
    /// Whether the product is added to what that store holds.
    overwrites: bool,
    memory: &'a Memory<'r, 'm, T>,
}

impl<T: Real> Run<'_, '_, '_, T> {
    /// Halves a block of whole rows until its work is moderate; then computes it and what is made of it.
    fn rows(&self, block: Block<'_, T>) {
        let &Product { m, n, .. } = self.product;
        let rows = block.length / n;
        let many = self.work(rows, n) > self.limit();
        if rows > m || many && rows >= 2 * self.least(rows, n) {
            let half = if rows > m { rows / m / 2 * m } else { half(rows) };
            let (above, below) = block.split(half * n);
            if many {
                return self.memory.threads.join(|| self.rows(above), || self.rows(below));
            }
            self.rows(above);
            return self.rows(below);
        }
        let first = block.first;
        self.begin(first, block.stores[self.target]);
        let out = MatMut::from_row_major_slice_mut(block.stores[self.target], rows, n);
        self.multiply(first / (m * n), (first / n % m, 0), out);
        if let Some(epilogue) = &self.product.epilogue {
            epilogue.apply(block, self.memory);
        }
    }

    /// Computes all of a matrix, then what is made of it.
    fn whole(&self, block: Block<'_, T>) {
        let &Product { m, n, .. } = self.product;
        self.begin(0, block.stores[self.target]);
        self.columns((0, 0), MatMut::from_row_major_slice_mut(block.stores[self.target], m, n));
        if let Some(epilogue) = &self.product.epilogue {
            epilogue.divide(block, self.memory);
        }
    }

    /// Halves a matrix, by columns as long as they are many, until its work is moderate.
    fn columns(&self, (row, column): (usize, usize), out: MatMut<'_, T>) {
        let (rows, columns) = (out.nrows(), out.ncols());
        let least = self.least(rows, columns);
        if self.work(rows, columns) <= self.limit() || rows.max(columns) < 2 * least {
            self.multiply(0, (row, column), out);
        } else if columns >= 2 * least {
            let half = half(columns);
            let (left, right) = out.split_at_col_mut(half);
            let (left, right) =
                (|| self.columns((row, column), left), || self.columns((row, column + half), right));
            self.memory.threads.join(left, right);
        } else {
            let half = half(rows);
            let (above, below) = out.split_at_row_mut(half);
            let (above, below) =
                (|| self.columns((row, column), above), || self.columns((row + half, column), below));
            self.memory.threads.join(above, below);
        }
    }

    /// How many rows or columns parts of a block have at least: half as many as usual where very much is summed.
    fn least(&self, rows: usize, columns: usize) -> usize {
        if self.work(rows, columns) > LONG { LEAST / 2 } else { LEAST }
    }

    /// Multiplications and additions of a block.
    fn work(&self, rows: usize, columns: usize) -> usize {
        2 * rows * columns * self.product.terms.iter().map(|term| term.k).sum::<usize>()
    }

    /// Those that a block may have: a quarter of a matrix, so that threads which are delayed can leave some to others.
    /// More blocks would read the factors more often.
    fn limit(&self) -> usize {
        (self.work(self.product.m, self.product.n) / 4).max(LEAST_WORK)
    }

    /// Writes what the product is added to, from element `first` on.
    fn begin(&self, first: usize, out: &mut [T]) {
        if let Some(base) = &self.product.base {
            if self.overwrites && base.view.scale == 1.0 {
                return;
            }
            if out.len() > SHARE {
                let (low, high) = out.split_at_mut(out.len() / 2);
                let middle = first + low.len();
                return self.memory.threads.join(|| self.begin(first, low), || self.begin(middle, high));
            }
            if !self.overwrites {
                base.gather(self.memory.read(base.view.value), first, out);
            }
            if base.view.scale != 1.0 {
                let scale = T::literal(base.view.scale);
                out.iter_mut().for_each(|x| *x *= scale);
            }
        }
    }

    /// Computes a block of one matrix of the batch, given where it begins.
    fn multiply(&self, b: usize, (row, column): (usize, usize), mut out: MatMut<'_, T>) {
        let &Product { m, n, ref batch, ref terms, ref base, .. } = self.product;
        let mut accum = if base.is_some() { Accum::Add } else { Accum::Replace };
        for term in terms {
            let right = self.memory.read(term.right.value);
            let right = term.right.matrix(right, term.right.at(batch, b), term.k, n);
            let right = right.subcols(column, out.ncols());
            let alpha = T::literal(term.alpha);
            let left = self.memory.read(term.left.value);
            if let Some(windows) = &term.left.windows {
                let left = Windows { load: windows, data: left, factor: &term.left, first: row };
                left.multiply(out.as_mut(), accum, right, alpha, &mut self.memory.scratch());
                accum = Accum::Add;
                continue;
            }
            let left = term.left.matrix(left, term.left.at(batch, b), m, term.k);
            let left = left.subrows(row, out.nrows());
            if m == 1 && n == 1 {
                let (row, column) = (left.row(0).try_as_row_major(), right.col(0).try_as_col_major());
                let dot = match (row, column) {
                    (Some(a), Some(b)) => Arch::new().dispatch(Dot(a.as_slice(), b.as_slice())),
                    _ => (0..term.k).map(|k| left[(0, k)] * right[(k, 0)]).sum(),
                };
                let dot = dot * alpha;
                out[(0, 0)] = if accum == Accum::Replace { dot } else { out[(0, 0)] + dot };
            } else {
                matmul(out.as_mut(), accum, left, right, alpha, Par::Seq);
            }
            accum = Accum::Add;
        }
    }
}

/// Rows of a matrix of windows, from `first` on.
struct Windows<'a, T> {
    load: &'a Load,
    data: &'a [T],
    factor: &'a Factor,
    first: usize,
}

impl<T: Real> Windows<'_, T> {
    /// Multiplies part after part, each laid out in `patch`, which stays in the second-level cache.
    fn multiply(
        &self,
        mut out: MatMut<'_, T>,
        accum: Accum,
        right: MatRef<'_, T>,
        alpha: T,
        patch: &mut [T],
    ) {
        let (depth, high) = (right.nrows().min(DEPTH), PATCH / DEPTH);
        for row in (0..out.nrows()).step_by(high) {
            let rows = high.min(out.nrows() - row);
            for k in (0..right.nrows()).step_by(depth) {
                let columns = depth.min(right.nrows() - k);
                let left = self.part((self.first + row, rows), (k, columns), patch);
                let accum = if k == 0 { accum } else { Accum::Add };
                let (out, right) = (out.as_mut().subrows_mut(row, rows), right.subrows(k, columns));
                matmul(out, accum, left, right, alpha, Par::Seq);
            }
        }
    }

    /// Lays out a part of the matrix, line by line.
    fn part<'p>(
        &self,
        (row, rows): (usize, usize),
        (column, columns): (usize, usize),
        patch: &'p mut [T],
    ) -> MatRef<'p, T> {
        let patch = &mut patch[..rows * columns];
        let &Factor { row: r, column: c, .. } = self.factor;
        if c == 1 {
            for (i, line) in patch.chunks_exact_mut(columns).enumerate() {
                self.load.gather(self.data, (row + i) * r + column, line);
            }
            MatRef::from_row_major_slice(patch, rows, columns)
        } else {
            for (j, line) in patch.chunks_exact_mut(rows).enumerate() {
                self.load.gather(self.data, (column + j) * c + row, line);
            }
            MatRef::from_column_major_slice(patch, rows, columns)
        }
    }
}

/// About half, a multiple of `STEP`.
fn half(extent: usize) -> usize {
    extent.div_ceil(2 * STEP) * STEP
}
