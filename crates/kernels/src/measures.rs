//! Measures of kernel matrices and of how far two are apart.
//!
//! All are of matrices (such as [`Kernel::matrix`](crate::Kernel::matrix)), and are computed in `f64` from entries of any
//! precision.

use std::fmt;

use autodiff::Real;
use faer::{Mat, MatRef, Side};

/// ‖A − B‖_F/‖B‖_F: the relative change of a kernel from B to A.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn relative_change<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> f64 {
    let difference = pairs(a, b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    (difference / inner(b, b)).sqrt()
}

/// 1 − ⟨A, B⟩/(‖A‖_F ‖B‖_F): the kernel distance of Fort et al. 2020, from 0 to 2, and to 1 for positive
/// semidefinite matrices. Scales do not count.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn cosine_distance<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> f64 {
    1.0 - cosine(a, b)
}

/// ⟨HAH, HBH⟩/(‖HAH‖_F ‖HBH‖_F) with H = 1 − 11ᵀ/N: the centred alignment of Cortes, Mohri, Rostamizadeh 2012 (CKA),
/// the cosine of the kernels of centred features; from 0 to 1 for positive semidefinite matrices.
///
/// # Panics
/// If the matrices are not square or the shapes differ.
#[track_caller]
pub fn centred_alignment<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> f64 {
    let (a, b) = (centred(a), centred(b));
    cosine(a.as_ref(), b.as_ref())
}

/// ⟨A, Y Yᵀ⟩/(‖A‖_F ‖Y Yᵀ‖_F): the alignment of a kernel with labels (Cristianini et al. 2001), one row of Y an example;
/// 1 if the kernel is a multiple of Y Yᵀ.
///
/// # Panics
/// If the matrix is not square or Y has not as many rows.
#[track_caller]
pub fn label_alignment<T: Real>(a: MatRef<'_, T>, y: MatRef<'_, T>) -> f64 {
    square(a);
    assert!(y.nrows() == a.nrows(), "labels of {} examples for {}", y.nrows(), a.nrows());
    let y = Mat::from_fn(y.nrows(), y.ncols(), |i, j| -> f64 { y[(i, j)].into() });
    let a = Mat::from_fn(a.nrows(), a.ncols(), |i, j| -> f64 { a[(i, j)].into() });
    cosine(a.as_ref(), (&y * y.transpose()).as_ref())
}

/// The largest rate η at which gradient descent f ← f − (η/N) Θ (f − y) of the mean loss (1/2N) Σ ‖f − y‖² over N =
/// `examples` converges: η < 2 N/λ_max. For the sum ½ Σ ‖f − y‖² it is 2/λ_max: say one example. (A loss of N O elements,
/// such as the mean over all of them, counts N O examples.)
pub fn largest_stable_rate(largest_eigenvalue: f64, examples: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "far fewer than 2⁵³ examples")]
    let examples = examples as f64;
    2.0 * examples / largest_eigenvalue
}

/// The eigenvalues of a symmetric matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Ascending.
    values: Vec<f64>,
}

impl Spectrum {
    /// Of a symmetric matrix, whose lower triangle is read. Takes O(N³).
    ///
    /// # Errors
    /// If an entry of the lower triangle is not finite, or the algorithm does not converge.
    ///
    /// # Panics
    /// If the matrix is not square.
    #[track_caller]
    pub fn new<T: Real>(matrix: MatRef<'_, T>) -> Result<Self, NoSpectrum> {
        square(matrix);
        let matrix = Mat::from_fn(matrix.nrows(), matrix.nrows(), |i, j| -> f64 { matrix[(i, j)].into() });
        for row in 0..matrix.nrows() {
            if let Some(column) = (0..=row).find(|&column| !matrix[(row, column)].is_finite()) {
                return Err(NoSpectrum::NotFinite { row, column, value: matrix[(row, column)] });
            }
        }
        let values = matrix.self_adjoint_eigenvalues(Side::Lower);
        let values = values.map_err(|_| NoSpectrum::NotConverged { size: matrix.nrows() })?;
        Ok(Self { values })
    }

    /// The eigenvalues, ascending.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// λ_min; NaN for a matrix of no rows.
    pub fn smallest(&self) -> f64 {
        self.values.first().copied().unwrap_or(f64::NAN)
    }

    /// λ_max; NaN for a matrix of no rows.
    pub fn largest(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }

    /// λ_max/λ_min: infinite if λ_min is 0, and negative if rounding made λ_min so.
    pub fn condition_number(&self) -> f64 {
        self.largest() / self.smallest()
    }

    /// exp(−Σ p log p) with p = |λ|/Σ|λ|: the number of eigenvalues that count (Roy, Vetterli 2007), from 1 to N.
    pub fn effective_rank(&self) -> f64 {
        let sum: f64 = self.values.iter().map(|value| value.abs()).sum();
        let shares = self.values.iter().map(|value| value.abs() / sum).filter(|&p| p > 0.0);
        shares.map(|p| -p * p.ln()).sum::<f64>().exp()
    }

    /// See [`largest_stable_rate`].
    pub fn largest_stable_rate(&self, examples: usize) -> f64 {
        largest_stable_rate(self.largest(), examples)
    }
}

/// Why a matrix has no computed spectrum.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NoSpectrum {
    /// An entry is infinite or NaN.
    NotFinite {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// What it is.
        value: f64,
    },
    /// The iterations did not converge.
    NotConverged {
        /// Rows of the matrix.
        size: usize,
    },
}

impl fmt::Display for NoSpectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite { row, column, value } => {
                write!(f, "entry ({row}, {column}) of the matrix is {value}")
            }
            Self::NotConverged { size } => {
                write!(f, "the eigenvalues of a matrix of {size} rows did not converge")
            }
        }
    }
}

impl std::error::Error for NoSpectrum {}

#[track_caller]
fn square<T>(a: MatRef<'_, T>) {
    assert!(a.nrows() == a.ncols(), "a matrix of {} × {} is not square", a.nrows(), a.ncols());
}

/// Entries of the same place.
#[track_caller]
fn pairs<'a, T: Real>(a: MatRef<'a, T>, b: MatRef<'a, T>) -> impl Iterator<Item = (f64, f64)> + 'a {
    let [first, second] = [a, b].map(|m| (m.nrows(), m.ncols()));
    assert!(first == second, "matrices of {} × {} and {} × {}", first.0, first.1, second.0, second.1);
    (0..first.0).flat_map(move |i| (0..first.1).map(move |j| (a[(i, j)].into(), b[(i, j)].into())))
}

#[track_caller]
fn inner<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> f64 {
    pairs(a, b).map(|(a, b)| a * b).sum()
}

#[track_caller]
fn cosine<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> f64 {
    // Roots before the product, so that neither overflows.
    inner(a, b) / (inner(a, a).sqrt() * inner(b, b).sqrt())
}

/// H A H.
#[track_caller]
fn centred<T: Real>(a: MatRef<'_, T>) -> Mat<f64> {
    square(a);
    let n = a.nrows();
    #[allow(clippy::cast_precision_loss, reason = "far fewer than 2⁵³ rows")]
    let count = n as f64;
    let at = |i: usize, j: usize| -> f64 { a[(i, j)].into() };
    let rows: Vec<f64> = (0..n).map(|i| (0..n).map(|j| at(i, j)).sum::<f64>() / count).collect();
    let columns: Vec<f64> = (0..n).map(|j| (0..n).map(|i| at(i, j)).sum::<f64>() / count).collect();
    let mean = rows.iter().sum::<f64>() / count;
    Mat::from_fn(n, n, |i, j| at(i, j) - rows[i] - columns[j] + mean)
}
