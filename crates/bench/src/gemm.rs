//! The GEMM limit: how fast matrices are multiplied on this machine at best.
//!
//! No row can be faster than its products are alone, so a row is measured by what they take at this speed.

use cotangent::prelude::*;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::timing::{Prepared, best_of_five, pattern};

/// A product of an m × k with a k × n matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gemm {
    m: usize,
    n: usize,
    k: usize,
}

/// The products that large workloads consist of, forwards and of the weights' gradients, and a large cube.
pub const GEMMS: [Gemm; 6] = [
    Gemm { m: 256, n: 512, k: 512 },
    Gemm { m: 512, n: 512, k: 256 },
    Gemm { m: 256, n: 2048, k: 2048 },
    Gemm { m: 2048, n: 2048, k: 256 },
    Gemm { m: 256, n: 2048, k: 3072 },
    Gemm { m: 2048, n: 2048, k: 2048 },
];

impl Gemm {
    /// Its name as a row.
    pub fn name(&self) -> String {
        format!("gemm.{}x{}x{}", self.m, self.n, self.k)
    }

    /// The floating-point operations of one product.
    pub fn flops(&self) -> usize {
        2 * self.m * self.n * self.k
    }

    /// Seconds that a product takes in the best of four divisions among `threads`: faer's own, rows, columns,
    /// and the blocks of a plan. To be called inside [`Threads::install`].
    pub fn seconds(&self, threads: &Threads) -> f64 {
        let &Self { m, n, k } = self;
        let (left, right, mut out) = (pattern(m * k), pattern(k * n), pattern(m * n));
        let left = MatRef::from_row_major_slice(&left, m, k);
        let right = MatRef::from_row_major_slice(&right, k, n);
        let parts = threads.count();
        let sequential = |out: MatMut<'_, f32>, left: MatRef<'_, f32>, right: MatRef<'_, f32>| {
            matmul(out, Accum::Replace, left, right, 1.0, Par::Seq);
        };
        let mut timing = |multiply: &dyn Fn(MatMut<'_, f32>)| {
            best_of_five(SECONDS, || multiply(MatMut::from_row_major_slice_mut(&mut out, m, n)))
        };
        let whole = timing(&|out| matmul(out, Accum::Replace, left, right, 1.0, Par::rayon(parts)));
        let rows = timing(&|out| {
            let parts = out.par_row_partition_mut(parts).zip(left.par_row_partition(parts));
            parts.for_each(|(out, left)| sequential(out, left, right));
        });
        let columns = timing(&|out| {
            let parts = out.par_col_partition_mut(parts).zip(right.par_col_partition(parts));
            parts.for_each(|(out, right)| sequential(out, left, right));
        });
        let product = Graph::trace([[m, k], [k, n]], |x| vec![einsum("mk,kn->mn", x[0], x[1])]);
        let mut plan = Prepared::new(&product, &[], threads);
        let blocks = best_of_five(SECONDS, || plan.run());
        [whole, rows, columns, blocks].into_iter().fold(f64::INFINITY, f64::min)
    }
}

/// The length of one timing: shorter than a row's, since a limit is the best of very many of them.
const SECONDS: f64 = 0.1;
