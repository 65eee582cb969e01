//! Jacobians as operators of faer, whose iterative solvers run on them unchanged.
//!
//! faer's vectors are columns of matrices; ours are slices. A single column that is contiguous is used as it is, others
//! are copied. Memory comes from the Jacobian, so faer's scratch and its choice of threads are not used.

use autodiff::Real;
use faer::dyn_stack::{MemStack, StackReq};
use faer::linalg::temp_mat_scratch;
use faer::matrix_free::{BiLinOp, LinOp};
use faer::{MatMut, MatRef, Par};

use crate::jacobian::Jacobian;
use crate::pool::Pool;

/// J Jᵀ + λ I or Jᵀ J + λ I of a [`Jacobian`]: symmetric, and positive definite if λ > 0.
///
/// With f the residuals of a least-squares problem, (Jᵀ J + λ I) δ = −Jᵀ f is the step of Levenberg and Marquardt, and
/// of Gauss and Newton for λ = 0. J Jᵀ is the tangent kernel of the batch.
#[derive(Debug)]
pub struct Symmetric<'a, T: Real> {
    jacobian: &'a Jacobian<T>,
    side: Side,
    shift: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Rows,
    Columns,
}

impl<T: Real> Jacobian<T> {
    /// J Jᵀ + λ I.
    pub fn gram(&self, lambda: T) -> Symmetric<'_, T> {
        Symmetric { jacobian: self, side: Side::Rows, shift: lambda }
    }

    /// Jᵀ J + λ I.
    pub fn normal(&self, lambda: T) -> Symmetric<'_, T> {
        Symmetric { jacobian: self, side: Side::Columns, shift: lambda }
    }
}

impl<T: Real> Symmetric<'_, T> {
    /// The number of rows, which is that of columns.
    pub fn size(&self) -> usize {
        match self.side {
            Side::Rows => self.jacobian.rows(),
            Side::Columns => self.jacobian.columns(),
        }
    }

    /// `out` = the operator times `k` vectors, one after another in `v` and in `out`.
    ///
    /// # Panics
    /// If `v` or `out` has not `k` elements a row.
    #[track_caller]
    pub fn apply_many(&self, k: usize, v: &[T], out: &mut [T]) {
        let jacobian = self.jacobian;
        match (self.side, k) {
            (Side::Rows, 1) => jacobian.gram_apply(v, out),
            (Side::Columns, 1) => jacobian.normal_apply(v, out),
            (Side::Rows, _) => jacobian.pool().lend(k * jacobian.columns(), |between| {
                jacobian.apply_transpose_many(k, v, between);
                jacobian.apply_many(k, between, out);
            }),
            (Side::Columns, _) => jacobian.pool().lend(k * jacobian.rows(), |between| {
                jacobian.apply_many(k, v, between);
                jacobian.apply_transpose_many(k, between, out);
            }),
        }
        if self.shift != T::zero() {
            out.iter_mut().zip(v).for_each(|(out, &v)| *out += self.shift * v);
        }
    }
}

/// Calls `f` with the number of columns and their elements, one column after another.
fn by_columns<T: Real>(
    mut out: MatMut<'_, T>,
    rhs: MatRef<'_, T>,
    pool: &Pool<T>,
    f: impl FnOnce(usize, &[T], &mut [T]),
) {
    let k = rhs.ncols();
    if k == 1
        && let Some(rhs) = rhs.col(0).try_as_col_major()
        && let Some(out) = out.as_mut().col_mut(0).try_as_col_major_mut()
    {
        return f(1, rhs.as_slice(), out.as_slice_mut());
    }
    pool.lend(k * rhs.nrows(), |from| {
        for (j, from) in from.chunks_exact_mut(rhs.nrows().max(1)).enumerate() {
            from.iter_mut().enumerate().for_each(|(i, x)| *x = rhs[(i, j)]);
        }
        pool.lend(k * out.nrows(), |to| {
            f(k, from, to);
            for (j, to) in to.chunks_exact(out.nrows().max(1)).enumerate() {
                to.iter().enumerate().for_each(|(i, &x)| out[(i, j)] = x);
            }
        });
    });
}

/// What faer 0.24 forgets in `lsmr_scratch`: two vectors over the columns, which are missed where there are more columns
/// than rows. It asks us how much we need, and we need nothing.
fn missing<T: Real>(columns: usize, k: usize) -> StackReq {
    let vectors = temp_mat_scratch::<T>(columns, k);
    vectors.and(vectors)
}

impl<T: Real> LinOp<T> for Jacobian<T> {
    fn apply_scratch(&self, k: usize, _: Par) -> StackReq {
        missing::<T>(self.columns(), k)
    }

    fn nrows(&self) -> usize {
        self.rows()
    }

    fn ncols(&self) -> usize {
        self.columns()
    }

    fn apply(&self, out: MatMut<'_, T>, rhs: MatRef<'_, T>, _: Par, _: &mut MemStack) {
        by_columns(out, rhs, self.pool(), |k, v, out| self.apply_many(k, v, out));
    }

    fn conj_apply(&self, out: MatMut<'_, T>, rhs: MatRef<'_, T>, par: Par, stack: &mut MemStack) {
        LinOp::apply(self, out, rhs, par, stack);
    }
}

impl<T: Real> BiLinOp<T> for Jacobian<T> {
    fn transpose_apply_scratch(&self, k: usize, _: Par) -> StackReq {
        missing::<T>(self.columns(), k)
    }

    fn transpose_apply(&self, out: MatMut<'_, T>, rhs: MatRef<'_, T>, _: Par, _: &mut MemStack) {
        by_columns(out, rhs, self.pool(), |k, u, out| self.apply_transpose_many(k, u, out));
    }

    fn adjoint_apply(&self, out: MatMut<'_, T>, rhs: MatRef<'_, T>, par: Par, stack: &mut MemStack) {
        self.transpose_apply(out, rhs, par, stack);
    }
}

impl<T: Real> LinOp<T> for Symmetric<'_, T> {
    fn apply_scratch(&self, _: usize, _: Par) -> StackReq {
        StackReq::EMPTY
    }

    fn nrows(&self) -> usize {
        self.size()
    }

    fn ncols(&self) -> usize {
        self.size()
    }

    fn apply(&self, out: MatMut<'_, T>, rhs: MatRef<'_, T>, _: Par, _: &mut MemStack) {
        by_columns(out, rhs, self.jacobian.pool(), |k, v, out| self.apply_many(k, v, out));
    }

    fn conj_apply(&self, out: MatMut<'_, T>, rhs: MatRef<'_, T>, par: Par, stack: &mut MemStack) {
        LinOp::apply(self, out, rhs, par, stack);
    }
}

impl<T: Real> BiLinOp<T> for Symmetric<'_, T> {
    fn transpose_apply_scratch(&self, _: usize, _: Par) -> StackReq {
        StackReq::EMPTY
    }

    fn transpose_apply(&self, out: MatMut<'_, T>, rhs: MatRef<'_, T>, par: Par, stack: &mut MemStack) {
        LinOp::apply(self, out, rhs, par, stack);
    }

    fn adjoint_apply(&self, out: MatMut<'_, T>, rhs: MatRef<'_, T>, par: Par, stack: &mut MemStack) {
        LinOp::apply(self, out, rhs, par, stack);
    }
}
