//! The limit t = ∞ of training for more examples than can be decomposed: (Θ + ridge) α = y − f₀ by conjugate gradients.
//!
//! A step costs one product with Θ, for all outputs at once. Steps are few if the eigenvalues of P⁻¹ (Θ + ridge) lie close
//! together, so the largest ones of Θ are taken out by a *partial Cholesky decomposition with pivots* (Harbrecht, Peters,
//! Schneider 2012, Algorithm 1), Θ ≈ L Lᵀ with L of N × `rank`, made of the diagonal and of `rank` columns. The preconditioner is
//! P = L Lᵀ + s (Gardner, Pleiss, Bindel, Weinberger, Wilson 2018, section 4.1), where s is the ridge and the mean of what the
//! diagonal has left, so that P is definite without a ridge, too. With Q = L C⁻ᵀ and C Cᵀ = LᵀL + s (Woodbury),
//!
//! > P⁻¹ = (1 − Q Qᵀ)/s

use std::fmt;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Accum, Mat, MatRef, Par};

use crate::closed_form::{Ridge, count};
use crate::gram::Gram;

/// What cannot be told from 0, of a kernel's trace: the preconditioner is good to so much only.
const ROUNDING: f64 = 1e-12;

/// A kernel between training points, ready to be solved for what [`ClosedForm::dual`](crate::ClosedForm::dual) is for
/// [`Training::Converged`](crate::Training::Converged), without a decomposition: N need only be so small that products with the
/// kernel can be taken. Bits do not depend on the number of threads.
///
/// A rank of a few hundred costs little and saves most steps: of a relu network's limit on 800 examples of 8 numbers, with a relative
/// ridge of 1e-3, residuals of 1e-8 take 177 steps with rank 0, 71 with rank 50 and 34 with rank 200. Kernels in `f32` have
/// solutions with small residuals, too; they are those of the rounded kernel.
///
/// ```
/// use faer::mat;
/// use train::{ConjugateGradient, Ridge};
///
/// let kernel = mat![[2.0, 1.0], [1.0, 2.0]];
/// let (f0, y) = (mat![[0.0], [0.0]], mat![[1.0], [1.0]]);
/// let solver = ConjugateGradient::new(kernel.as_ref(), Ridge::Absolute(0.0), 1)?;
/// let solution = solver.dual(f0.as_ref(), y.as_ref(), 1e-12, 10)?;
/// assert!((solution.dual[(0, 0)] - 1.0 / 3.0).abs() < 1e-12);
/// assert!(solution.residuals[0] <= 1e-12 && solution.iterations <= 2);
/// # Ok::<(), train::NoSolution>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConjugateGradient<K> {
    kernel: K,
    ridge: f64,
    shift: f64,
    /// Qᵀ
    low_rank: Mat<f64>,
}

/// What conjugate gradients found.
#[derive(Clone, Debug)]
pub struct Solution {
    /// α, N × O: training moves the outputs at any x by Θ(x, X) α.
    pub dual: Mat<f64>,
    /// ‖y − f₀ − (Θ + ridge) α‖/‖y − f₀‖ for each output, taken of α itself; 0 where the error was 0.
    pub residuals: Vec<f64>,
    /// Steps, each of one product for all outputs that were not there yet.
    pub iterations: usize,
}

/// Why conjugate gradients found nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NoSolution {
    /// The kernel, or a product with it, is infinite or NaN.
    KernelNotFinite {
        /// A row where it is.
        row: usize,
    },
    /// Targets or outputs are infinite or NaN.
    ErrorNotFinite {
        /// The row.
        row: usize,
        /// The output.
        output: usize,
        /// y − f₀ there.
        value: f64,
    },
    /// There is a v with vᵀ(Θ + ridge) v ≤ 0: it is singular, to rounding, or has a negative eigenvalue.
    NotPositive {
        /// vᵀ(Θ + ridge) v/vᵀv.
        curvature: f64,
        /// Steps until it was found.
        iterations: usize,
    },
    /// It would take more steps, or more digits than products have.
    NotConverged {
        /// The largest residual, relatively.
        residual: f64,
        /// Steps taken.
        iterations: usize,
    },
}

impl fmt::Display for NoSolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::KernelNotFinite { row } => write!(f, "row {row} of the kernel is not finite"),
            Self::ErrorNotFinite { row, output, value } => {
                write!(f, "targets minus outputs are {value} in row {row}, output {output}")
            }
            Self::NotPositive { curvature, iterations } => write!(
                f,
                "the kernel is singular or not positive (a curvature of {curvature:e} after {iterations} steps): a larger ridge may help"
            ),
            Self::NotConverged { residual, iterations } => {
                write!(f, "a residual of {residual:e} is left after {iterations} steps")
            }
        }
    }
}

impl std::error::Error for NoSolution {}

impl<K: Gram> ConjugateGradient<K> {
    /// For Θ + ridge, with a preconditioner of this rank, or less where less is exact: the diagonal and `rank` columns of the
    /// kernel are computed, and N × `rank` numbers kept. A rank of 0 is none.
    ///
    /// # Errors
    /// If what is computed of the kernel is not finite, or an element of its diagonal negative.
    ///
    /// # Panics
    /// If the kernel has no rows.
    #[track_caller]
    pub fn new(kernel: K, ridge: Ridge, rank: usize) -> Result<Self, NoSolution> {
        let n = kernel.rows();
        assert!(n > 0, "a kernel of no rows");
        let mut left = kernel.diagonal();
        finite(&left)?;
        let trace: f64 = left.iter().sum();
        let ridge = ridge.value(trace / count(n));
        let least = left.iter().fold(f64::INFINITY, |a, &b| a.min(b)) + ridge;
        if least < 0.0 {
            return Err(NoSolution::NotPositive { curvature: least, iterations: 0 });
        }
        let factor = partial_cholesky(&kernel, &mut left, rank.min(n))?;
        let shift = (ridge + left.iter().sum::<f64>() / count(n)).max(ROUNDING * trace);
        let shift = if shift > 0.0 { shift } else { 1.0 };
        let low_rank = whitened(&factor, shift).ok_or(NoSolution::KernelNotFinite { row: 0 })?;
        Ok(Self { kernel, ridge, shift, low_rank })
    }

    /// α = (Θ + ridge)⁻¹ (y − f₀), for which each output's residual is at most `tolerance` times its error y − f₀, by at most
    /// `most` steps.
    ///
    /// # Errors
    /// If targets, outputs or products are not finite, or there is no such α within so many steps.
    ///
    /// # Panics
    /// If `f0` or `y` have other rows than the kernel, or differ in their shapes.
    #[track_caller]
    pub fn dual(
        &self,
        f0: MatRef<'_, f64>,
        y: MatRef<'_, f64>,
        tolerance: f64,
        most: usize,
    ) -> Result<Solution, NoSolution> {
        let (n, shape, other) = (self.kernel.rows(), (y.nrows(), y.ncols()), (f0.nrows(), f0.ncols()));
        assert!(
            shape == other && shape.0 == n,
            "targets {shape:?} and outputs {other:?} for a kernel of {n} rows"
        );
        let mut error = y - f0;
        for (output, error) in error.col_iter().enumerate() {
            if let Some((row, &value)) = error.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return Err(NoSolution::ErrorNotFinite { row, output, value });
            }
        }
        // As unit vectors, or 0.
        let norms: Vec<f64> = error.col_iter().map(|error| error.norm_l2()).collect();
        let scaled = |matrix: &mut Mat<f64>, scale: &dyn Fn(f64) -> f64| {
            for (j, &norm) in norms.iter().enumerate().filter(|(_, norm)| **norm > 0.0) {
                matrix.col_as_slice_mut(j).iter_mut().for_each(|x| *x *= scale(norm));
            }
        };
        scaled(&mut error, &f64::recip);
        let mut solution = self.solve(&error, tolerance, most)?;
        scaled(&mut solution.dual, &|norm| norm);
        Ok(solution)
    }

    /// For columns of `b` that are unit vectors, or 0.
    fn solve(&self, b: &Mat<f64>, tolerance: f64, most: usize) -> Result<Solution, NoSolution> {
        let (mut x, mut r) = (Mat::zeros(b.nrows(), b.ncols()), b.clone());
        let (mut iterations, mut before) = (0, f64::INFINITY);
        loop {
            // From here on r is what is left of α itself; what steps make of it strays from that by rounding.
            let residuals: Vec<f64> = r.col_iter().map(|r| r.norm_l2()).collect();
            let worst = residuals.iter().copied().fold(0.0, f64::max);
            if worst <= tolerance {
                return Ok(Solution { dual: x, residuals, iterations });
            }
            if iterations == most || worst > 0.5 * before {
                return Err(NoSolution::NotConverged { residual: worst, iterations });
            }
            before = worst;
            let mut columns: Vec<usize> = (0..b.ncols()).filter(|&j| residuals[j] > tolerance).collect();
            let mut p = self.preconditioned(&chosen(&r, &columns));
            let mut descent: Vec<f64> = (0..columns.len()).map(|k| dot(&r, columns[k], &p, k)).collect();
            while !columns.is_empty() && iterations < most {
                let product = self.product(&p)?;
                iterations += 1;
                for (k, &j) in columns.iter().enumerate() {
                    let curvature = dot(&p, k, &product, k);
                    if curvature <= 0.0 {
                        let curvature = curvature / dot(&p, k, &p, k);
                        return Err(NoSolution::NotPositive { curvature, iterations });
                    }
                    let step = descent[k] / curvature;
                    add(&mut x, j, step, &p, k);
                    add(&mut r, j, -step, &product, k);
                }
                let going: Vec<usize> =
                    (0..columns.len()).filter(|&k| r.col(columns[k]).norm_l2() > tolerance).collect();
                columns = going.iter().map(|&k| columns[k]).collect();
                let mut next = self.preconditioned(&chosen(&r, &columns));
                let new: Vec<f64> = (0..columns.len()).map(|k| dot(&r, columns[k], &next, k)).collect();
                for (k, &old) in going.iter().enumerate() {
                    add(&mut next, k, new[k] / descent[old], &p, old);
                }
                (p, descent) = (next, new);
            }
            r = b - self.product(&x)?;
        }
    }

    /// (Θ + ridge) v.
    fn product(&self, v: &Mat<f64>) -> Result<Mat<f64>, NoSolution> {
        let mut product = self.kernel.product(v.as_ref());
        for j in 0..v.ncols() {
            add(&mut product, j, self.ridge, v, j);
            finite(product.col_as_slice(j))?;
        }
        Ok(product)
    }

    /// P⁻¹ r.
    fn preconditioned(&self, r: &Mat<f64>) -> Mat<f64> {
        let mut z = r / faer::Scale(self.shift);
        let mut inner = Mat::zeros(self.low_rank.nrows(), r.ncols());
        matmul(inner.as_mut(), Accum::Replace, &self.low_rank, &z, 1.0, Par::Seq);
        matmul(z.as_mut(), Accum::Add, self.low_rank.transpose(), &inner, -1.0, Par::Seq);
        z
    }
}

/// L, N × `rank` at most, and in `left` the diagonal of Θ − L Lᵀ instead of that of Θ.
fn partial_cholesky(kernel: &impl Gram, left: &mut [f64], rank: usize) -> Result<Mat<f64>, NoSolution> {
    let mut factor = Mat::<f64>::zeros(left.len(), rank);
    let largest = left.iter().copied().fold(0.0, f64::max);
    for m in 0..rank {
        let (pivot, &value) =
            left.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("a kernel has rows");
        if value <= ROUNDING * largest {
            return Ok(factor.subcols(0, m).to_owned());
        }
        let mut column = kernel.column(pivot);
        finite(&column)?;
        for k in 0..m {
            let scale = factor[(pivot, k)];
            column.iter_mut().zip(factor.col_as_slice(k)).for_each(|(c, l)| *c -= scale * l);
        }
        column.iter_mut().for_each(|c| *c /= value.sqrt());
        // Of a positive kernel, no square of L's elements is larger than the diagonal. Steps will find out of others.
        if column.iter().any(|c| c * c > 2.0 * largest) {
            return Ok(factor.subcols(0, m).to_owned());
        }
        left.iter_mut().zip(&column).for_each(|(left, c)| *left = (*left - c * c).max(0.0));
        left[pivot] = 0.0;
        factor.col_as_slice_mut(m).copy_from_slice(&column);
    }
    Ok(factor)
}

/// Qᵀ = C⁻¹ Lᵀ with C Cᵀ = LᵀL + shift, unless that overflows.
fn whitened(factor: &Mat<f64>, shift: f64) -> Option<Mat<f64>> {
    let rank = factor.ncols();
    let mut inner = Mat::zeros(rank, rank);
    matmul(inner.as_mut(), Accum::Replace, factor.transpose(), factor, 1.0, Par::Seq);
    (0..rank).for_each(|i| inner[(i, i)] += shift);
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(rank, Par::Seq, Default::default()));
    let stack = MemStack::new(&mut memory);
    cholesky_in_place(inner.as_mut(), Default::default(), Par::Seq, stack, Default::default()).ok()?;
    let mut low_rank = factor.transpose().to_owned();
    solve_lower_triangular_in_place(inner.as_ref(), low_rank.as_mut(), Par::Seq);
    Some(low_rank)
}

fn finite(values: &[f64]) -> Result<(), NoSolution> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(NoSolution::KernelNotFinite { row }),
        None => Ok(()),
    }
}

fn chosen(matrix: &Mat<f64>, columns: &[usize]) -> Mat<f64> {
    Mat::from_fn(matrix.nrows(), columns.len(), |i, k| matrix[(i, columns[k])])
}

/// ⟨a_i, b_j⟩ of columns.
fn dot(a: &Mat<f64>, i: usize, b: &Mat<f64>, j: usize) -> f64 {
    a.col_as_slice(i).iter().zip(b.col_as_slice(j)).map(|(a, b)| a * b).sum()
}

/// a_i ← a_i + scale b_j of columns.
fn add(a: &mut Mat<f64>, i: usize, scale: f64, b: &Mat<f64>, j: usize) {
    a.col_as_slice_mut(i).iter_mut().zip(b.col_as_slice(j)).for_each(|(a, b)| *a += scale * b);
}
