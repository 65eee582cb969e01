//! Gradient descent on the squared loss ½ Σ ‖f(xₙ) − yₙ‖² in closed form, from kernels alone.
//!
//! If the tangent kernel Θ stays as it is, the outputs on the training set move by ḟ = −Θ (f − y), each eigenvector of Θ by
//! itself. After training, what is left of the error along an eigenvector of eigenvalue λ is a *decay* d(λ), and the outputs
//! elsewhere have moved by Θ(x, X) α with α = q(Θ) (y − f₀), the *response* q(λ) = (1 − d(λ))/λ. For gradient flow of length t
//! that is d = e^{−λt} (Lee et al. 2019, Eqs. 9 to 11), for k steps of rate η it is d = (1 − ηλ)ᵏ (where the paper
//! prints 1 − (1 − ηλ)ᵏ).
//!
//! A loss that is a mean over n examples, or over n = N·O outputs, is this one with time and rates divided by n.

use std::fmt;

use autodiff::Real;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Col, Mat, MatRef, Par, Spec};

/// How long is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Training {
    /// By gradient flow, for this time, from 0 up.
    Flow(f64),
    /// By steps of gradient descent, θ ← θ − η g + β (θ − θ_before).
    Steps {
        /// η
        rate: f64,
        /// β, 0 without momentum. (Polyak 1964.)
        momentum: f64,
        /// How many.
        count: u32,
    },
    /// Until nothing changes.
    Converged,
}

impl Training {
    /// d(λ), for an eigenvalue from 0 up.
    pub fn decay(self, eigenvalue: f64) -> f64 {
        match self {
            Self::Flow(time) => (-eigenvalue * time).exp(),
            Self::Steps { rate, momentum, count } => power(rate * eigenvalue, momentum, count).0,
            Self::Converged => f64::from(eigenvalue == 0.0),
        }
    }

    /// q(λ) = (1 − d(λ))/λ, for an eigenvalue from 0 up; of the digits that λ has, none is lost. Where nothing is ever
    /// learned, at λ = 0, the limit `Converged` is 0.
    pub fn response(self, eigenvalue: f64) -> f64 {
        match self {
            Self::Flow(time) if eigenvalue * time == 0.0 => time,
            Self::Flow(time) => -(-eigenvalue * time).exp_m1() / eigenvalue,
            Self::Steps { rate, momentum, count } => rate * power(rate * eigenvalue, momentum, count).1,
            Self::Converged if eigenvalue == 0.0 => 0.0,
            Self::Converged => eigenvalue.recip(),
        }
    }
}

/// The error p after `count` steps, for a rate times eigenvalue of `h`, if it was 1 before; and (1 − p)/h.
///
/// Both follow p ← (1 + β − h) p − β p_before, and r ← (1 + β − h) r − β r_before + 1: a matrix raised to a power.
fn power(h: f64, momentum: f64, count: u32) -> (f64, f64) {
    type Matrix = [[f64; 3]; 3];
    let product = |a: &Matrix, b: &Matrix| -> Matrix {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
    };
    let mut base = [[1.0 + momentum - h, -momentum, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
    let mut result = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let mut left = count;
    while left > 0 {
        if left % 2 == 1 {
            result = product(&base, &result);
        }
        base = product(&base, &base);
        left /= 2;
    }
    (result[0][0] + result[0][1], result[0][2])
}

/// What is added to the diagonal of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ridge {
    /// This.
    Absolute(f64),
    /// This, times the mean of the diagonal.
    Relative(f64),
}

impl Ridge {
    /// What it is for a kernel.
    pub(crate) fn of<T: Real>(self, kernel: MatRef<'_, T>) -> f64 {
        let n = kernel.nrows();
        self.value((0..n).map(|i| kernel[(i, i)].into()).sum::<f64>() / count(n))
    }

    /// A kernel with it.
    ///
    /// # Panics
    /// If the kernel is not square.
    #[track_caller]
    pub fn added_to<T: Real>(self, kernel: MatRef<'_, T>) -> Mat<T> {
        let n = kernel.nrows();
        assert!(n == kernel.ncols(), "a kernel of {} × {}", n, kernel.ncols());
        let (ridge, mut kernel) = (self.of(kernel), kernel.to_owned());
        (0..n).for_each(|i| kernel[(i, i)] += T::literal(ridge));
        kernel
    }

    /// It as a number, for a kernel whose diagonal has this mean.
    pub(crate) fn value(self, mean: f64) -> f64 {
        match self {
            Self::Absolute(ridge) => ridge,
            Self::Relative(ridge) => ridge * mean,
        }
    }
}

/// Why there is no closed form.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NoClosedForm {
    /// An entry of the kernel is infinite or NaN.
    NotFinite {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// What it is.
        value: f64,
    },
    /// The kernel has an eigenvalue that is negative beyond rounding, so that training diverges.
    Negative {
        /// The least eigenvalue.
        smallest: f64,
        /// The largest.
        largest: f64,
    },
    /// The kernel is singular, or not positive, within rounding.
    Singular {
        /// The row that depends on those before it.
        row: usize,
    },
    /// The eigenvalues could not be computed.
    NotConverged {
        /// The number of rows.
        size: usize,
    },
    /// Steps of this rate diverge.
    Unstable {
        /// The rate.
        rate: f64,
        /// The largest that does not: 2 (1 + β)/λ_max.
        largest: f64,
    },
}

impl fmt::Display for NoClosedForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotFinite { row, column, value } => {
                write!(f, "the kernel's entry ({row}, {column}) is {value}")
            }
            Self::Negative { smallest, largest } => write!(
                f,
                "the kernel has eigenvalues from {smallest:e} to {largest:e}, and none may be negative"
            ),
            Self::Singular { row } => write!(
                f,
                "the kernel is singular: its row {row} depends on those before it (are there points twice? add a ridge)"
            ),
            Self::NotConverged { size } => {
                write!(f, "the eigenvalues of a kernel of {size} rows could not be computed")
            }
            Self::Unstable { rate, largest } => {
                write!(f, "steps diverge with the rate {rate}: the largest that is stable is {largest}")
            }
        }
    }
}

impl std::error::Error for NoClosedForm {}

/// A kernel between training points, decomposed: training on it for any time costs products of matrices. Decompositions and
/// products are faer's, on the threads of [`Threads::install`](autodiff::Threads::install), or of rayon's global pool.
///
/// Rows are training points if all outputs share the kernel, as they do at infinite width (targets are N × O then), or points
/// and outputs for a full kernel (N O × N O; targets are a column). In f32 a decomposition takes half of the time; eigenvalues
/// below 10⁻⁷ times their number, relative to the largest, are 0 then.
///
/// ```
/// use faer::mat;
/// use train::{ClosedForm, Ridge, Training};
///
/// let kernel = mat![[2.0, 1.0], [1.0, 2.0]];              // eigenvalues 1 and 3
/// let model = ClosedForm::new(kernel.as_ref(), Ridge::Absolute(0.0))?;
/// let (f0, y) = (mat![[0.0], [0.0]], mat![[1.0], [1.0]]);  // along the eigenvector of 3
/// let f = model.outputs(f0.as_ref(), y.as_ref(), &[Training::Flow(0.5), Training::Converged])?;
/// assert!((f[0][(0, 0)] - (1.0 - (-1.5_f64).exp())).abs() < 1e-15);
/// let steps = Training::Steps { rate: 1.0, momentum: 0.0, count: 10 };
/// let error = model.outputs(f0.as_ref(), y.as_ref(), &[steps]).unwrap_err();
/// assert_eq!(error.to_string(), "steps diverge with the rate 1: the largest that is stable is 0.6666666666666666");
/// # Ok::<(), train::NoClosedForm>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClosedForm<T: Real = f64> {
    pub(crate) vectors: Mat<T>,
    /// Ascending; 0 where they cannot be told from it.
    pub(crate) values: Vec<f64>,
    /// From here on they can.
    pub(crate) rounding: f64,
}

impl<T: Real> ClosedForm<T> {
    /// Decomposes Θ + ridge, of which the lower triangle is read. Takes O(N³).
    ///
    /// # Errors
    /// If an entry is not finite, or an eigenvalue negative.
    ///
    /// # Panics
    /// If the matrix is not square, or has no rows.
    #[track_caller]
    pub fn new(kernel: MatRef<'_, T>, ridge: Ridge) -> Result<Self, NoClosedForm> {
        let n = kernel.nrows();
        assert!(n > 0 && n == kernel.ncols(), "a kernel of {} × {}", n, kernel.ncols());
        let kernel = ridge.added_to(kernel);
        if let Some((row, column, value)) = not_finite(kernel.as_ref(), |row| row + 1) {
            return Err(NoClosedForm::NotFinite { row, column, value });
        }
        let (vectors, mut values) =
            decomposed(kernel.as_ref()).ok_or(NoClosedForm::NotConverged { size: n })?;
        let (smallest, largest) = (values[0], values[n - 1]);
        let rounding = rounding::<T>(n) * largest.max(-smallest);
        if smallest < -rounding {
            return Err(NoClosedForm::Negative { smallest, largest });
        }
        // What cannot be told from 0 is not learned.
        values.iter_mut().filter(|value| **value <= rounding).for_each(|value| *value = 0.0);
        Ok(Self { vectors, values, rounding })
    }

    /// The eigenvalues of Θ + ridge, ascending; 0 where they cannot be told from it.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.values
    }

    /// λ_max/λ_min, infinite if the kernel is singular.
    pub fn condition_number(&self) -> f64 {
        self.values[self.values.len() - 1] / self.values[0]
    }

    /// The rate beyond which steps with this momentum, |β| < 1, diverge: 2 (1 + β)/λ_max.
    pub fn largest_stable_rate(&self, momentum: f64) -> f64 {
        2.0 * (1.0 + momentum) / self.values[self.values.len() - 1]
    }

    /// The outputs on the training points, N × O, from `f0` on, once trained each way of `trainings`.
    ///
    /// # Errors
    /// If steps diverge.
    ///
    /// # Panics
    /// If `f0` or `y` have other rows than the kernel, or differ in their shapes.
    #[track_caller]
    pub fn outputs(
        &self,
        f0: MatRef<'_, T>,
        y: MatRef<'_, T>,
        trainings: &[Training],
    ) -> Result<Vec<Mat<T>>, NoClosedForm> {
        self.check(trainings)?;
        let left = self.filtered(self.error(f0, y).as_ref(), trainings, Training::decay);
        Ok(columns(left.as_ref(), y.ncols()).map(|left| y - left).collect())
    }

    /// α = q(Θ) (y − f₀), N × O: training moves the outputs at any x by Θ(x, X) α, and the parameters of a network's linear
    /// model by Jᵀ α.
    ///
    /// # Errors
    /// If steps diverge.
    ///
    /// # Panics
    /// If `f0` or `y` have other rows than the kernel, or differ in their shapes.
    #[track_caller]
    pub fn dual(
        &self,
        f0: MatRef<'_, T>,
        y: MatRef<'_, T>,
        trainings: &[Training],
    ) -> Result<Vec<Mat<T>>, NoClosedForm> {
        self.check(trainings)?;
        let alpha = self.filtered(self.error(f0, y).as_ref(), trainings, |training, value| {
            self.response(training, value)
        });
        Ok(columns(alpha.as_ref(), y.ncols()).map(|alpha| alpha.to_owned()).collect())
    }

    /// The outputs at M other points, M × O, from `g0` on: `cross` is the kernel between them and the training points, M × N.
    ///
    /// # Errors
    /// If steps diverge.
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn elsewhere(
        &self,
        cross: MatRef<'_, T>,
        g0: MatRef<'_, T>,
        f0: MatRef<'_, T>,
        y: MatRef<'_, T>,
        trainings: &[Training],
    ) -> Result<Vec<Mat<T>>, NoClosedForm> {
        let (shape, points) = ((cross.nrows(), cross.ncols()), (g0.nrows(), g0.ncols()));
        let expected = ((points.0, self.values.len()), (shape.0, y.ncols()));
        assert!(
            (shape, points) == expected,
            "a kernel {shape:?} and outputs {points:?}, expected {expected:?}"
        );
        self.check(trainings)?;
        let alpha = self.filtered(self.error(f0, y).as_ref(), trainings, |training, value| {
            self.response(training, value)
        });
        let moved = cross * alpha;
        Ok(columns(moved.as_ref(), y.ncols()).map(|moved| g0 + moved).collect())
    }

    /// q(λ). Where λ cannot be told from 0, but Θ(x, X) may have something of it, not more than where it can.
    pub(crate) fn response(&self, training: Training, value: f64) -> f64 {
        let response = training.response(value);
        if value == 0.0 { response.min(self.rounding.recip()) } else { response }
    }

    /// y − f₀.
    #[track_caller]
    pub(crate) fn error(&self, f0: MatRef<'_, T>, y: MatRef<'_, T>) -> Mat<T> {
        let (n, shape, other) = (self.values.len(), (y.nrows(), y.ncols()), (f0.nrows(), f0.ncols()));
        assert!(
            shape == other && shape.0 == n,
            "targets {shape:?} and outputs {other:?} for a kernel of {n} rows"
        );
        y - f0
    }

    /// g(Θ) x for each way of training, next to each other.
    fn filtered(&self, x: MatRef<'_, T>, trainings: &[Training], g: impl Fn(Training, f64) -> f64) -> Mat<T> {
        let (coordinates, o) = (self.vectors.transpose() * x, x.ncols());
        let mut all = Mat::zeros(x.nrows(), trainings.len() * o);
        for (k, &training) in trainings.iter().enumerate() {
            for (i, &value) in self.values.iter().enumerate() {
                let g = g(training, value);
                (0..o).for_each(|j| all[(i, k * o + j)] = T::literal(g) * coordinates[(i, j)]);
            }
        }
        &self.vectors * all
    }

    #[track_caller]
    pub(crate) fn check(&self, trainings: &[Training]) -> Result<(), NoClosedForm> {
        trainings.iter().try_for_each(|&training| match training {
            Training::Steps { rate, momentum, .. } => {
                let largest = if momentum.abs() < 1.0 { self.largest_stable_rate(momentum) } else { 0.0 };
                let stable = (0.0..=largest).contains(&rate);
                if stable { Ok(()) } else { Err(NoClosedForm::Unstable { rate, largest }) }
            }
            Training::Flow(time) => {
                assert!(time >= 0.0, "gradient flow for the time {time}");
                Ok(())
            }
            Training::Converged => Ok(()),
        })
    }
}

/// Eigenvectors and eigenvalues, ascending. The work is divided into a fixed number of parts, since its bits depend on that, and
/// not on how many threads there are for them.
fn decomposed<T: Real>(kernel: MatRef<'_, T>) -> Option<(Mat<T>, Vec<f64>)> {
    let (n, par) = (kernel.nrows(), Par::rayon(4));
    let scratch = self_adjoint_evd_scratch::<T>(n, ComputeEigenvectors::Yes, par, Spec::default());
    let (mut vectors, mut values) = (Mat::zeros(n, n), Col::zeros(n));
    let (u, s) = (vectors.as_mut(), values.as_diagonal_mut());
    let mut memory = MemBuffer::new(scratch);
    self_adjoint_evd(kernel, s, Some(u), par, MemStack::new(&mut memory), Spec::default()).ok()?;
    Some((vectors, values.iter().map(|&value| value.into()).collect()))
}

/// The matrices of `width` columns that stand next to each other.
fn columns<T>(matrix: MatRef<'_, T>, width: usize) -> impl Iterator<Item = MatRef<'_, T>> {
    (0..matrix.ncols() / width.max(1)).map(move |k| matrix.subcols(k * width, width))
}

/// The first number that is not finite among the first `columns` of each row: its row, its column, and what it is.
pub(crate) fn not_finite<T: Real>(
    matrix: MatRef<'_, T>,
    columns: impl Fn(usize) -> usize,
) -> Option<(usize, usize, f64)> {
    let entries = |i| (0..columns(i)).map(move |j| (i, j));
    let found = (0..matrix.nrows()).flat_map(entries).find(|&at| !Into::<f64>::into(matrix[at]).is_finite());
    found.map(|(i, j)| (i, j, matrix[(i, j)].into()))
}

/// The relative rounding of a decomposition of `n` rows, and of a kernel that was made of a few dozen operations.
pub(crate) fn rounding<T: Real>(n: usize) -> f64 {
    count(n.max(64)) * T::epsilon().into()
}

#[allow(clippy::cast_precision_loss, reason = "numbers of examples are far below 2⁵³")]
pub(crate) fn count(n: usize) -> f64 {
    n as f64
}
