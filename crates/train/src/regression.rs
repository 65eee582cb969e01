//! Kernel regression: f(x) = K(x, X) α with (K + ridge) α = y, from a Cholesky factor of K + ridge.
//!
//! The minimum of Σ ‖f(xₙ) − yₙ‖² + ridge ‖f‖² over functions of the kernel (kernel ridge regression), and the mean of a Gaussian
//! process of covariance K given targets with noise of variance ridge. (Rasmussen and Williams 2006, chapter 2.) What to say of a
//! kernel before there is a test set follows from the same factor: leave-one-out predictions, the marginal likelihood, and its
//! gradient. The factor grows and shrinks with the training set.

use faer::linalg::cholesky::llt::update::rank_r_update_clobber;
use faer::linalg::solvers::LltError;
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Col, Mat, MatRef, Side, get_global_parallelism};

use crate::closed_form::{NoClosedForm, Ridge, count, not_finite, rounding};

/// Kernel regression on N training points, with targets N × O.
///
/// ```
/// use faer::mat;
/// use train::{Regression, Ridge};
///
/// let kernel = mat![[2.0, 1.0, 0.5], [1.0, 2.0, 1.0], [0.5, 1.0, 2.0]];
/// let y = mat![[1.0], [-1.0], [0.5]];
/// let all = Regression::new(kernel.as_ref(), Ridge::Absolute(0.1))?;
/// let left_out = all.leave_one_out(y.as_ref());
///
/// // What the last point is predicted to be by the others, after it is taken away.
/// let mut others = all.clone();
/// others.remove(&[2]);
/// let prediction = others.mean(mat![[0.5, 1.0]].as_ref(), y.as_ref().subrows(0, 2));
/// assert!((prediction[(0, 0)] - left_out[(2, 0)]).abs() < 1e-14);
/// others.add(mat![[0.5, 1.0]].as_ref(), mat![[2.0]].as_ref())?;
/// assert!((others.log_marginal_likelihood(y.as_ref()) - all.log_marginal_likelihood(y.as_ref())).abs() < 1e-14);
/// # Ok::<(), train::NoClosedForm>(())
/// ```
///
/// Factors and products are faer's, on as many threads as its global setting says.
#[derive(Clone, Debug)]
pub struct Regression {
    /// L, lower triangular, with L Lᵀ = K + ridge.
    factor: Mat<f64>,
    ridge: f64,
}

impl Regression {
    /// Of a kernel between training points, of which the lower triangle is read. Takes N³/3 multiplications.
    ///
    /// # Errors
    /// If an entry is not finite, or the kernel with its ridge is singular within rounding or has negative eigenvalues.
    ///
    /// # Panics
    /// If the matrix is not square, or has no rows.
    #[track_caller]
    pub fn new(kernel: MatRef<'_, f64>, ridge: Ridge) -> Result<Self, NoClosedForm> {
        let n = kernel.nrows();
        assert!(n > 0 && n == kernel.ncols(), "a kernel of {} × {}", n, kernel.ncols());
        let mut this = Self { factor: Mat::new(), ridge: ridge.of(kernel) };
        this.add(Mat::zeros(n, 0).as_ref(), kernel)?;
        Ok(this)
    }

    /// The number of training points, N.
    pub fn points(&self) -> usize {
        self.factor.nrows()
    }

    /// What was added to the diagonal. It stays when points come and go, if it was relative to the first ones too.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// Adds M training points after the others: `cross` is the kernel of the new ones with the old ones, M × N, and `between`
    /// that between the new ones, of which the lower triangle is read. Takes O(N² M) multiplications, with M ≤ N.
    ///
    /// # Errors
    /// As [`Regression::new`]; nothing is added then.
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn add(&mut self, cross: MatRef<'_, f64>, between: MatRef<'_, f64>) -> Result<(), NoClosedForm> {
        let (n, m) = (self.points(), between.nrows());
        let (shape, own) = ((cross.nrows(), cross.ncols()), (m, between.ncols()));
        assert!(
            shape == (m, n) && own == (m, m),
            "kernels {shape:?} with {n} points and {own:?} between new ones"
        );
        let mut corner = Ridge::Absolute(self.ridge).added_to(between);
        let in_corner = || {
            not_finite(corner.as_ref(), |row| row + 1).map(|(row, column, value)| (row, n + column, value))
        };
        if let Some((row, column, value)) = not_finite(cross, |_| n).or_else(in_corner) {
            return Err(NoClosedForm::NotFinite { row: n + row, column, value });
        }
        // K₂₁ = L₂₁ L₁₁ᵀ, and L₂₂ L₂₂ᵀ is what is left of K₂₂.
        let side = self.halved(cross.transpose());
        let diagonal: Vec<f64> = (0..m).map(|i| corner[(i, i)]).collect();
        corner -= side.transpose() * &side;
        let corner = corner.llt(Side::Lower);
        let corner = corner
            .map_err(|LltError::NonPositivePivot { index }| NoClosedForm::Singular { row: n + index })?;
        let corner = corner.L();
        let pivot = |i: usize| corner[(i, i)].powi(2);
        if let Some(i) = (0..m).find(|&i| pivot(i) <= rounding::<f64>(n + m) * diagonal[i]) {
            return Err(NoClosedForm::Singular { row: n + i });
        }
        let mut factor = Mat::zeros(n + m, n + m);
        factor.submatrix_mut(0, 0, n, n).copy_from_triangular_lower(&self.factor);
        factor.submatrix_mut(n, 0, m, n).copy_from(side.transpose());
        factor.submatrix_mut(n, n, m, m).copy_from_triangular_lower(corner);
        self.factor = factor;
        Ok(())
    }

    /// Removes training points; the others keep their order. Takes O(N²) multiplications for each.
    ///
    /// # Panics
    /// If there is no such point, one is named twice, or none would be left.
    #[track_caller]
    pub fn remove(&mut self, points: &[usize]) {
        let n = self.points();
        let mut kept = vec![true; n];
        for &i in points {
            assert!(i < n && kept[i], "point {i} of {n} to be removed (once)");
            kept[i] = false;
        }
        assert!(points.len() < n, "all of {n} points to be removed");
        let rest: Vec<usize> = (0..n).filter(|&i| kept[i]).collect();
        let entry = |i: usize, j: usize| if j <= i { self.factor[(rest[i], rest[j])] } else { 0.0 };
        let mut factor = Mat::from_fn(rest.len(), rest.len(), entry);
        // Without a row, its column of L is missing in the product.
        for &i in points {
            let start = rest.partition_point(|&kept| kept < i);
            let below = rest.len() - start;
            let mut column = Mat::from_fn(below, 1, |k, _| self.factor[(rest[start + k], i)]);
            let block = factor.submatrix_mut(start, start, below, below);
            let updated = rank_r_update_clobber(block, column.as_mut(), Col::ones(1).as_diagonal_mut());
            updated.expect("a square is added to what is positive");
        }
        self.factor = factor;
    }

    /// α = (K + ridge)⁻¹ y, N × O: the prediction at any x is K(x, X) α.
    ///
    /// # Panics
    /// If `y` has other rows than there are training points.
    #[track_caller]
    pub fn dual(&self, y: MatRef<'_, f64>) -> Mat<f64> {
        assert!(y.nrows() == self.points(), "{} rows of targets for {} points", y.nrows(), self.points());
        let mut alpha = self.halved(y);
        let upper = self.factor.transpose();
        solve_upper_triangular_in_place(upper, alpha.as_mut(), get_global_parallelism());
        alpha
    }

    /// The predictions at M points, M × O: `cross` is the kernel of these with the training points, M × N. (Rasmussen and Williams
    /// 2006, Eq. 2.25.)
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn mean(&self, cross: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Mat<f64> {
        self.check_cross(cross);
        cross * self.dual(y)
    }

    /// The covariance of the Gaussian process at M points given the targets, without noise, if it is `before` without them, M × M.
    /// (Rasmussen and Williams 2006, Eq. 2.26.)
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn covariance(&self, cross: MatRef<'_, f64>, before: MatRef<'_, f64>) -> Mat<f64> {
        self.check_cross(cross);
        let (m, shape) = (cross.nrows(), (before.nrows(), before.ncols()));
        assert!(shape == (m, m), "a covariance of {shape:?} between {m} points");
        let half = self.halved(cross.transpose());
        before - half.transpose() * &half
    }

    /// The diagonal of [`covariance`](Self::covariance), given that of `before`.
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn variance(&self, cross: MatRef<'_, f64>, before: &[f64]) -> Vec<f64> {
        self.check_cross(cross);
        assert!(before.len() == cross.nrows(), "{} variances of {} points", before.len(), cross.nrows());
        let half = self.halved(cross.transpose());
        before.iter().zip(half.col_iter()).map(|(before, half)| before - half.squared_norm_l2()).collect()
    }

    /// What each training point would be predicted by all the others, N × O, exactly.
    ///
    /// # Panics
    /// If `y` has other rows than there are training points.
    #[track_caller]
    pub fn leave_one_out(&self, y: MatRef<'_, f64>) -> Mat<f64> {
        let inverse: Vec<f64> =
            self.inverse_factor().col_iter().map(|column| column.squared_norm_l2()).collect();
        left_out(y, self.dual(y).as_ref(), &inverse)
    }

    /// log p(y) of a Gaussian process with this kernel, the ridge being noise, summed over outputs.
    ///
    /// # Panics
    /// If `y` has other rows than there are training points.
    #[track_caller]
    pub fn log_marginal_likelihood(&self, y: MatRef<'_, f64>) -> f64 {
        let log_determinant = 2.0 * (0..self.points()).map(|i| self.factor[(i, i)].ln()).sum::<f64>();
        log_density(y, self.dual(y).as_ref(), log_determinant)
    }

    /// The gradient of [`log_marginal_likelihood`](Self::log_marginal_likelihood) by the kernel and the ridge. Takes about N³
    /// multiplications.
    ///
    /// # Panics
    /// If `y` has other rows than there are training points.
    #[track_caller]
    pub fn likelihood_gradient(&self, y: MatRef<'_, f64>) -> LikelihoodGradient {
        let (alpha, inverse) = (self.dual(y), self.inverse_factor());
        let inverse = inverse.transpose() * &inverse;
        let fit = &alpha * alpha.transpose();
        let outputs = count(y.ncols());
        let entry = |i, j| 0.5 * (fit[(i, j)] - outputs * inverse[(i, j)]);
        LikelihoodGradient { by_kernel: Mat::from_fn(self.points(), self.points(), entry) }
    }

    /// L⁻¹ x.
    fn halved(&self, x: MatRef<'_, f64>) -> Mat<f64> {
        let mut x = x.to_owned();
        solve_lower_triangular_in_place(self.factor.as_ref(), x.as_mut(), get_global_parallelism());
        x
    }

    /// L⁻¹.
    fn inverse_factor(&self) -> Mat<f64> {
        let mut inverse = Mat::zeros(self.points(), self.points());
        invert_lower_triangular(inverse.as_mut(), self.factor.as_ref(), get_global_parallelism());
        inverse
    }

    #[track_caller]
    fn check_cross(&self, cross: MatRef<'_, f64>) {
        let (shape, n) = ((cross.nrows(), cross.ncols()), self.points());
        assert!(shape.1 == n, "a kernel {shape:?} with {n} training points");
    }
}

/// How a log marginal likelihood depends on the kernel: from this, the derivative by any hyperparameter is a sum over entries.
#[derive(Clone, Debug)]
pub struct LikelihoodGradient {
    /// G = ½ (α αᵀ − O (K + ridge)⁻¹), N × N.
    by_kernel: Mat<f64>,
}

impl LikelihoodGradient {
    /// The derivative where the kernel's is `derivative`, symmetric, N × N: ½ tr((α αᵀ − O (K + ridge)⁻¹) ∂K). (Rasmussen and
    /// Williams 2006, Eq. 5.9.) A relative ridge has no part in it.
    ///
    /// # Panics
    /// If shapes differ.
    #[track_caller]
    pub fn along(&self, derivative: MatRef<'_, f64>) -> f64 {
        let n = self.by_kernel.nrows();
        let shape = (derivative.nrows(), derivative.ncols());
        assert!(shape == (n, n), "the derivative {shape:?} of a kernel of {n} rows");
        let entries = |j| (0..n).map(move |i| (i, j));
        (0..n).flat_map(entries).map(|at| self.by_kernel[at] * derivative[at]).sum()
    }

    /// The derivative by the ridge, which is noise: tr G. That by its logarithm is this, times it.
    pub fn by_ridge(&self) -> f64 {
        (0..self.by_kernel.nrows()).map(|i| self.by_kernel[(i, i)]).sum()
    }

    /// G: the derivative by each entry of the kernel, as if it were not symmetric.
    pub fn by_kernel(&self) -> MatRef<'_, f64> {
        self.by_kernel.as_ref()
    }
}

/// What each point is predicted by all the others: y − α/diag((K + ridge)⁻¹). (Rasmussen and Williams 2006, Eq. 5.12.)
pub(crate) fn left_out(y: MatRef<'_, f64>, alpha: MatRef<'_, f64>, inverse_diagonal: &[f64]) -> Mat<f64> {
    Mat::from_fn(y.nrows(), y.ncols(), |i, o| y[(i, o)] - alpha[(i, o)] / inverse_diagonal[i])
}

/// −½ yᵀα − ½ log det(K + ridge) − N/2 log 2π, summed over outputs. (Rasmussen and Williams 2006, Eq. 5.8.)
pub(crate) fn log_density(y: MatRef<'_, f64>, alpha: MatRef<'_, f64>, log_determinant: f64) -> f64 {
    let fit: f64 =
        (0..y.ncols()).map(|o| (0..y.nrows()).map(|i| y[(i, o)] * alpha[(i, o)]).sum::<f64>()).sum();
    let volume = log_determinant + count(y.nrows()) * std::f64::consts::TAU.ln();
    -0.5 * (fit + count(y.ncols()) * volume)
}
