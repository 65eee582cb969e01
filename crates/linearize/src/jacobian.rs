//! The Jacobian of a model at a point, as an operator.
//!
//! f is evaluated once; J v, Jᵀ u and what is made of them read only the residuals kept from that. A batch in chunks is
//! a Jacobian in blocks of rows: J v is the blocks' products one below the other, Jᵀ u their sum.

use std::fmt;

use autodiff::{Plan, Real, Threads};

use crate::linearized::{Chunk, Linearized, Residuals};
use crate::pool::Pool;
use crate::programs::nth;

/// The Jacobian J of a model at one θ and x, an operator of [`rows`](Self::rows) × [`columns`](Self::columns): the
/// elements of f and the free parameters, each flat and row-major. Products allocate nothing after the first.
///
/// Products take `&self`, and several may run at the same time. It is an operator for faer, too: its
/// [`conjugate_gradient`](faer::matrix_free::conjugate_gradient) and [`lsmr`](faer::matrix_free::lsmr) run on it, and on
/// the symmetric [`gram`](Self::gram) and [`normal`](Self::normal).
pub struct Jacobian<T: Real> {
    linearized: Linearized,
    value: Vec<T>,
    /// Those that depend on θ alone, then those of one chunk after another, if they are kept.
    residuals: Vec<T>,
    /// θ and x, if the residuals of chunks are made for each product.
    point: Option<[Vec<T>; 2]>,
    pool: Pool<T>,
}

impl<T: Real> Jacobian<T> {
    #[track_caller]
    pub(crate) fn new(linearized: Linearized, theta: &[T], x: &[T], threads: &Threads) -> Self {
        let shared = linearized.chunks().next().map_or(0, |chunk| chunk.programs.kept[0]);
        let own: usize = linearized.chunks().map(|chunk| chunk.residuals.len()).sum();
        let kept = linearized.residuals() == Residuals::Kept;
        let mut jacobian = Self {
            value: vec![T::zero(); linearized.rows()],
            residuals: vec![T::zero(); shared + if kept { own } else { 0 }],
            point: (!kept).then(|| [theta.to_vec(), x.to_vec()]),
            pool: Pool::new(threads),
            linearized,
        };
        jacobian.relinearize(theta, x);
        jacobian
    }

    /// Moves to another θ and x, in the memory that is there.
    ///
    /// # Panics
    /// If θ has not one element a parameter, or x is not as many examples as before.
    #[track_caller]
    pub fn relinearize(&mut self, theta: &[T], x: &[T]) {
        self.linearized.check(theta.len(), x.len());
        let Self { linearized, value, residuals, point, pool } = self;
        // Where residuals are kept, the workspace of this evaluation is not wanted again.
        let once = Pool::new(pool.threads());
        let pool = if point.is_some() { &*pool } else { &once };
        if let Some([old_theta, old_x]) = point {
            old_theta.copy_from_slice(theta);
            old_x.copy_from_slice(x);
        }
        let shared = linearized.chunks().next().map_or(0, |chunk| chunk.programs.kept[0]);
        let (shared, kept) = residuals.split_at_mut(shared);
        for chunk in linearized.chunks() {
            if chunk.first {
                pool.run(&chunk.programs.shared, &[theta], &mut [shared]);
            }
            let (plan, inputs) = (&chunk.programs.primal, [theta, &x[chunk.x.clone()]]);
            let value = &mut value[chunk.rows.clone()];
            if point.is_some() {
                pool.lend(chunk.made(), |made| {
                    pool.run(plan, &inputs, &mut [made]);
                    value.copy_from_slice(&made[..value.len()]);
                });
            } else {
                pool.run(plan, &inputs, &mut [value, &mut kept[chunk.residuals]]);
            }
        }
    }

    /// The differentiated model.
    pub fn linearized(&self) -> &Linearized {
        &self.linearized
    }

    /// f(θ, x), flat.
    pub fn value(&self) -> &[T] {
        &self.value
    }

    /// What is kept for products with J and Jᵀ. For a batch in one piece, that is what the tangent program reads, in the
    /// order of its inputs; for one in chunks, the residuals that depend on θ alone and then those of each chunk.
    pub fn residuals(&self) -> &[T] {
        &self.residuals
    }

    /// The number of rows: elements of f.
    pub fn rows(&self) -> usize {
        self.value.len()
    }

    /// The number of columns: free parameters.
    pub fn columns(&self) -> usize {
        self.linearized.mask().len()
    }

    /// `out` = J v.
    ///
    /// # Panics
    /// If `v` has not one element a column, or `out` one a row.
    #[track_caller]
    pub fn apply(&self, v: &[T], out: &mut [T]) {
        self.check(1, v.len(), out.len());
        self.pool.threads().install(|| {
            for chunk in self.linearized.chunks() {
                self.product(&chunk, &chunk.programs.tangent, v, &mut out[chunk.rows.clone()]);
            }
        });
    }

    /// `out` = Jᵀ u.
    ///
    /// # Panics
    /// If `u` has not one element a row, or `out` one a column.
    #[track_caller]
    pub fn apply_transpose(&self, u: &[T], out: &mut [T]) {
        self.check(1, out.len(), u.len());
        self.pool.threads().install(|| {
            for chunk in self.linearized.chunks() {
                self.product(&chunk, pull(&chunk), &u[chunk.rows.clone()], out);
            }
        });
    }

    /// `out` = J Jᵀ u: the tangent kernel of this batch times u.
    ///
    /// # Panics
    /// If `u` or `out` has not one element a row.
    #[track_caller]
    pub fn gram_apply(&self, u: &[T], out: &mut [T]) {
        self.check(1, self.columns(), u.len());
        self.check(1, self.columns(), out.len());
        self.pool.lend(self.columns(), |v| {
            self.apply_transpose(u, v);
            self.apply(v, out);
        });
    }

    /// `out` = Jᵀ J v: the Gauss–Newton matrix of ½ ‖f‖² times v.
    ///
    /// # Panics
    /// If `v` or `out` has not one element a column.
    #[track_caller]
    pub fn normal_apply(&self, v: &[T], out: &mut [T]) {
        self.check(1, v.len(), self.rows());
        self.check(1, out.len(), self.rows());
        self.pool.threads().install(|| {
            for chunk in self.linearized.chunks() {
                self.pool.lend(chunk.rows.len(), |u| {
                    self.with_residuals(&chunk, |[shared, own]| {
                        self.pool.run(&chunk.programs.tangent, &[shared, own, v], &mut [u]);
                        self.pool.run(pull(&chunk), &[shared, own, u], &mut [out]);
                    });
                });
            }
        });
    }

    /// `out` = J V for `k` vectors, one after another in `v` and in `out`. Plans for `k` vectors are made when they are
    /// first asked for, and kept.
    ///
    /// # Panics
    /// If `v` has not `k` elements a column, or `out` `k` a row.
    #[track_caller]
    pub fn apply_many(&self, k: usize, v: &[T], out: &mut [T]) {
        self.check(k, v.len(), out.len());
        let rows = self.rows();
        match k {
            0 => {}
            1 => self.apply(v, out),
            _ => {
                for chunk in self.linearized.chunks() {
                    let (many, own) = (chunk.programs.many(k), chunk.rows.len());
                    self.pool.lend(k * own, |y| {
                        self.product(&chunk, &many.tangent, v, y);
                        for (j, y) in y.chunks_exact(own).enumerate() {
                            out[nth(j, rows)][chunk.rows.clone()].copy_from_slice(y);
                        }
                    });
                }
            }
        }
    }

    /// `out` = Jᵀ U for `k` vectors, one after another in `u` and in `out`; otherwise as
    /// [`apply_many`](Self::apply_many).
    ///
    /// # Panics
    /// If `u` has not `k` elements a row, or `out` `k` a column.
    #[track_caller]
    pub fn apply_transpose_many(&self, k: usize, u: &[T], out: &mut [T]) {
        self.check(k, out.len(), u.len());
        let (rows, columns) = (self.rows(), self.columns());
        match k {
            0 => {}
            1 => self.apply_transpose(u, out),
            _ => self.pool.lend(out.len(), |stacked| {
                for chunk in self.linearized.chunks() {
                    let (many, own) = (chunk.programs.many(k), chunk.rows.len());
                    self.pool.lend(k * own, |part| {
                        for (j, part) in part.chunks_exact_mut(own).enumerate() {
                            part.copy_from_slice(&u[nth(j, rows)][chunk.rows.clone()]);
                        }
                        self.product(&chunk, &many.pull, part, stacked);
                    });
                    // From tensor by tensor to vector by vector.
                    let (mut parts, mut start) = (&*stacked, 0);
                    for (_, range) in self.linearized.mask().free() {
                        for vector in out.chunks_exact_mut(columns) {
                            let (part, more) = parts.split_at(range.len());
                            let sums = &mut vector[start..start + range.len()];
                            if chunk.first {
                                sums.copy_from_slice(part);
                            } else {
                                sums.iter_mut().zip(part).for_each(|(sum, &part)| *sum += part);
                            }
                            parts = more;
                        }
                        start += range.len();
                    }
                }
            }),
        }
    }

    pub(crate) fn pool(&self) -> &Pool<T> {
        &self.pool
    }

    /// Runs a plan (s, r, `x`) ↦ `y` of a chunk.
    fn product(&self, chunk: &Chunk<'_>, plan: &Plan, x: &[T], y: &mut [T]) {
        self.with_residuals(chunk, |[shared, own]| self.pool.run(plan, &[shared, own, x], &mut [y]));
    }

    /// Calls `f` with the residuals that depend on θ alone, and with those of a chunk.
    fn with_residuals<R>(&self, chunk: &Chunk<'_>, f: impl FnOnce([&[T]; 2]) -> R) -> R {
        let (shared, kept) = self.residuals.split_at(chunk.programs.kept[0]);
        let Some([theta, x]) = &self.point else {
            return f([shared, &kept[chunk.residuals.clone()]]);
        };
        self.pool.lend(chunk.made(), |made| {
            self.pool.run(&chunk.programs.primal, &[theta, &x[chunk.x.clone()]], &mut [made]);
            f([shared, &made[chunk.rows.len()..]])
        })
    }

    #[track_caller]
    fn check(&self, k: usize, columns: usize, rows: usize) {
        let (all_rows, all_columns) = (k * self.rows(), k * self.columns());
        assert!(
            columns == all_columns && rows == all_rows,
            "products of a Jacobian of {} × {} with {k} vectors: {rows} elements over its rows, {columns} over its columns",
            self.rows(),
            self.columns(),
        );
    }
}

/// (s, r, u) ↦ Jᵀ u for the first chunk, added to what is there for the others.
fn pull<'a>(chunk: &Chunk<'a>) -> &'a Plan {
    if chunk.first { &chunk.programs.pull } else { chunk.programs.accumulate() }
}

/// The Euclidean norm, summed in `f64`.
pub(crate) fn norm<T: Real>(x: &[T]) -> f64 {
    x.iter().map(|&x| x.into() * x.into()).sum::<f64>().sqrt()
}

impl<T: Real> fmt::Debug for Jacobian<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jacobian({} × {}, {} residuals)", self.rows(), self.columns(), self.residuals.len())
    }
}
