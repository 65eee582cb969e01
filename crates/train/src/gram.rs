//! Kernels between examples that need not be stored.
//!
//! A symmetric kernel K is seen through its diagonal, single columns, and products with a few vectors at once. Stored ones, and
//! those that are computed again for each product, are read in panels of rows, of which the part below the diagonal serves
//! twice: K v = (D + B + Bᵀ) v.

use autodiff::{Real, Threads};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use kernels::{Empirical, Infinite, Kind, Which};
use linearize::Jacobian;
use nets::Network;

/// A symmetric kernel of N rows.
pub trait Gram {
    /// N.
    fn rows(&self) -> usize;

    /// Its diagonal.
    fn diagonal(&self) -> Vec<f64>;

    /// K v, N × k as `v` is, the sums taken in `f64`.
    fn product(&self, v: MatRef<'_, f64>) -> Mat<f64>;

    /// Its column `j`.
    fn column(&self, j: usize) -> Vec<f64> {
        let unit = Mat::from_fn(self.rows(), 1, |i, _| f64::from(i == j));
        self.product(unit.as_ref()).col(0).iter().copied().collect()
    }
}

impl<K: Gram> Gram for &K {
    fn rows(&self) -> usize {
        (**self).rows()
    }

    fn diagonal(&self) -> Vec<f64> {
        (**self).diagonal()
    }

    fn product(&self, v: MatRef<'_, f64>) -> Mat<f64> {
        (**self).product(v)
    }

    fn column(&self, j: usize) -> Vec<f64> {
        (**self).column(j)
    }
}

/// A kernel in memory, of which the lower triangle is read.
impl<T: Real> Gram for MatRef<'_, T> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn diagonal(&self) -> Vec<f64> {
        (0..self.nrows()).map(|i| self[(i, i)].into()).collect()
    }

    fn product(&self, v: MatRef<'_, f64>) -> Mat<f64> {
        let mut out = Mat::zeros(v.nrows(), v.ncols());
        for start in (0..self.nrows()).step_by(PANEL) {
            let rows = PANEL.min(self.nrows() - start);
            let own = self.submatrix(start, start, rows, rows);
            let own = Mat::from_fn(rows, rows, |i, j| own[(i.max(j), i.min(j))]);
            add_block(own.as_ref(), [start, start], v, &mut out);
            add_block(self.submatrix(start, 0, rows, start), [start, 0], v, &mut out);
        }
        out
    }

    fn column(&self, j: usize) -> Vec<f64> {
        (0..self.nrows()).map(|i| self[(i.max(j), i.min(j))].into()).collect()
    }
}

/// The tangent kernel Θ = J Jᵀ of a network on a batch, through products with J and Jᵀ. Its rows are the elements of f, N O of
/// them.
#[derive(Debug)]
pub struct Tangent<'a, T: Real> {
    jacobian: &'a Jacobian<T>,
    diagonal: Vec<f64>,
}

impl<'a, T: Real> Tangent<'a, T> {
    /// Of the Jacobian of `network` at θ and on the examples `x`. The diagonal, which a Jacobian does not tell, is computed at
    /// once: from kernels of a few examples at a time.
    ///
    /// # Panics
    /// If the Jacobian is not of that network and so many examples, or θ has not one element a parameter.
    #[track_caller]
    pub fn new(
        jacobian: &'a Jacobian<T>,
        network: &Network,
        theta: &[T],
        x: &[T],
        threads: &Threads,
    ) -> Self {
        /// Of their kernel, all is computed to read the diagonal.
        const EXAMPLES: usize = 16;
        let (examples, outputs) = (network.examples(x), network.output().size());
        let (rows, expected) = (jacobian.rows(), examples * outputs);
        assert!(rows == expected, "a Jacobian of {rows} rows for {examples} examples of {outputs} outputs");
        let empirical = Empirical::masked(network, jacobian.linearized().mask());
        let mut diagonal = Vec::new();
        let mut append = |some: usize, values: &[T]| {
            let entries = (0..some * outputs).map(|row| (row / outputs, row % outputs));
            diagonal.extend(entries.map(|(n, o)| values[(o * some + n) * some + n].into()));
        };
        let chunks = x.chunks_exact(EXAMPLES * network.example().size());
        let rest = chunks.remainder();
        if chunks.len() > 0 {
            let mut tiles = empirical.tiles(Kind::PerOutput, EXAMPLES, None, threads);
            let mut kernel = tiles.zeros();
            for chunk in chunks {
                tiles.run(theta, chunk, None, std::slice::from_mut(&mut kernel), &mut |_, _| {});
                append(EXAMPLES, kernel.values());
            }
        }
        if !rest.is_empty() {
            let kernel = empirical.kernel(Kind::PerOutput, theta, rest, None, threads);
            append(kernel.examples()[0], kernel.values());
        }
        Self { jacobian, diagonal }
    }
}

impl<T: Real> Gram for Tangent<'_, T> {
    fn rows(&self) -> usize {
        self.jacobian.rows()
    }

    fn diagonal(&self) -> Vec<f64> {
        self.diagonal.clone()
    }

    fn product(&self, v: MatRef<'_, f64>) -> Mat<f64> {
        let (n, k) = (v.nrows(), v.ncols());
        let vectors: Vec<T> = v.col_iter().flat_map(|v| v.iter().map(|&v| T::literal(v))).collect();
        let mut products = vec![T::zero(); n * k];
        self.jacobian.gram(T::zero()).apply_many(k, &vectors, &mut products);
        Mat::from_fn(n, k, |i, j| products[j * n + i].into())
    }
}

/// A kernel at infinite width between examples with themselves, computed again for each product, in panels of rows: half of N²
/// entries each time, and never more than a panel in memory.
#[derive(Clone, Debug)]
pub struct Streamed<'a, T> {
    limit: &'a Infinite,
    which: Which,
    x: &'a [T],
    panel: usize,
    threads: &'a Threads,
}

impl<'a, T: Real> Streamed<'a, T> {
    /// The kernel of the examples `x`, flat, within about `budget` bytes of memory besides these.
    ///
    /// # Panics
    /// If `x` does not divide into examples.
    #[track_caller]
    pub fn new(limit: &'a Infinite, which: Which, x: &'a [T], budget: usize, threads: &'a Threads) -> Self {
        let row = limit.network().examples(x) * size_of::<T>();
        // Panels of whole tiles are computed fastest.
        let panel = (budget / row.max(1) / PANEL).max(1) * PANEL;
        Self { limit, which, x, panel, threads }
    }

    fn example(&self) -> usize {
        self.limit.network().example().size()
    }
}

impl<T: Real> Gram for Streamed<'_, T> {
    fn rows(&self) -> usize {
        self.x.len() / self.example()
    }

    fn diagonal(&self) -> Vec<f64> {
        let mut diagonal = Vec::new();
        for some in self.x.chunks(PANEL * self.example()) {
            let kernel = self.limit.kernel(self.which, some, None, self.threads);
            diagonal.extend(kernel.matrix().diagonal().column_vector().iter().map(|&entry| entry.into()));
        }
        diagonal
    }

    fn product(&self, v: MatRef<'_, f64>) -> Mat<f64> {
        let mut out = Mat::zeros(v.nrows(), v.ncols());
        for (start, own) in (0..).step_by(self.panel).zip(self.x.chunks(self.panel * self.example())) {
            let block = self.limit.kernel(self.which, own, None, self.threads);
            add_block(block.matrix(), [start, start], v, &mut out);
            if start > 0 {
                let before = &self.x[..start * self.example()];
                let block = self.limit.kernel(self.which, own, Some(before), self.threads);
                add_block(block.matrix(), [start, 0], v, &mut out);
            }
        }
        out
    }

    fn column(&self, j: usize) -> Vec<f64> {
        let other = &self.x[j * self.example()..][..self.example()];
        let column = self.limit.kernel(self.which, self.x, Some(other), self.threads);
        column.values().iter().map(|&entry| entry.into()).collect()
    }
}

/// Rows of a panel of a stored kernel; those of others are multiples.
const PANEL: usize = 256;

/// Adds to `out` what a block of K, its first row and column being those given, gives of K v: itself and, if it is not on the
/// diagonal, its transpose.
fn add_block<T: Real>(
    block: MatRef<'_, T>,
    [row, column]: [usize; 2],
    v: MatRef<'_, f64>,
    out: &mut Mat<f64>,
) {
    /// So many stay in cache as `f64`.
    const ROWS: usize = 32;
    let width = block.ncols();
    for start in (0..block.nrows()).step_by(ROWS) {
        let rows = ROWS.min(block.nrows() - start);
        let part = Mat::from_fn(rows, width, |i, j| block[(start + i, j)].into());
        let mut add = |to: usize, part: MatRef<'_, f64>, from: usize| {
            let (out, v) = (out.as_mut().subrows_mut(to, part.nrows()), v.subrows(from, part.ncols()));
            matmul(out, Accum::Add, part, v, 1.0, Par::Seq);
        };
        add(row + start, part.as_ref(), column);
        if row != column {
            add(column, part.transpose(), row + start);
        }
    }
}
