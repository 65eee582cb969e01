//! Choosing kernels and ridges by what the training set alone says of them.

use std::fmt;

use faer::mat::AsMatRef;
use faer::{Mat, MatRef};

use crate::closed_form::{ClosedForm, NoClosedForm, Ridge, count, not_finite};
use crate::regression::{left_out, log_density};

/// What makes one kernel better than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criterion {
    /// The mean square, over points and outputs, of what leave-one-out predictions miss: the smaller, the better. It asks nothing
    /// of the scale of the kernel.
    LeaveOneOut,
    /// The log marginal likelihood, the ridge being noise: the larger, the better. It judges the scale too, and so the error
    /// bars.
    MarginalLikelihood,
}

/// The scores of all candidates, and the best of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// For each kernel, that of each ridge. Where a kernel with its ridge is singular, NaN by leave-one-out, and a likelihood of
    /// −∞.
    pub scores: Vec<Vec<f64>>,
    /// The number of the best kernel.
    pub kernel: usize,
    /// The number of its ridge.
    pub ridge: usize,
}

/// Why nothing was selected.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NoSelection {
    /// One of the kernels is none.
    Kernel {
        /// Its number.
        index: usize,
        /// Why.
        why: NoClosedForm,
    },
    /// A target is infinite or NaN.
    Target {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// What it is.
        value: f64,
    },
    /// No score is finite.
    Nothing {
        /// How many there are.
        scores: usize,
    },
}

impl fmt::Display for NoSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel { index, why } => write!(f, "kernel {index}: {why}"),
            Self::Target { row, column, value } => write!(f, "the target ({row}, {column}) is {value}"),
            Self::Nothing { scores } => write!(f, "none of {scores} scores is finite"),
        }
    }
}

impl std::error::Error for NoSelection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Kernel { why, .. } => Some(why),
            _ => None,
        }
    }
}

/// Scores kernel regression on the targets `y`, N × O, with each of the kernels and each of the ridges. All ridges of a kernel
/// follow from one eigendecomposition in O(N²) each, and kernels are made and dropped one by one.
///
/// Depth, σ_w and σ_b of infinitely wide networks:
///
/// ```
/// use autodiff::Threads;
/// use faer::Mat;
/// use kernels::{Infinite, Which};
/// use nets::{Activation, Network, Scaling, mlp};
/// use train::{Criterion, Ridge, select};
///
/// let x: Vec<f64> = (0..20).map(|i| 0.2 * f64::from(i) - 2.0).collect();
/// let y = Mat::from_fn(20, 1, |i, _| (3.0 * x[i]).sin());
/// let mut candidates = Vec::new();
/// for depth in 1..=2 {
///     for sigma_w in [1.0, 2.0, 4.0] {
///         for sigma_b in [0.1, 1.0] {
///             candidates.push((depth, sigma_w, sigma_b));
///         }
///     }
/// }
/// let kernel = |&(depth, sigma_w, sigma_b)| {
///     let layers = mlp(&vec![1; depth], 1, Activation::ERF, Scaling::ntk(sigma_w, sigma_b));
///     let limit = Infinite::new(&Network::new(layers, [1])).expect("a limit");
///     limit.kernel::<f64>(Which::Nngp, &x, None, &Threads::one()).matrix().to_owned()
/// };
/// let ridges = [1e-4, 1e-2, 1.0].map(Ridge::Relative);
/// let found = select(candidates.iter().map(kernel), &ridges, y.as_ref(), Criterion::MarginalLikelihood)?;
/// assert!(candidates[found.kernel].1 > 1.0);              // small weights make functions too smooth for this one
/// let best = found.scores[found.kernel][found.ridge];
/// assert!(found.scores.iter().flatten().all(|&score| score <= best));
/// # Ok::<(), train::NoSelection>(())
/// ```
///
/// # Errors
/// If a target or an entry of a kernel is not finite, a kernel has negative eigenvalues, or no score is finite.
///
/// # Panics
/// If a kernel is not N × N, or there are no targets.
#[track_caller]
pub fn select<K: AsMatRef<T = f64, Rows = usize, Cols = usize>>(
    kernels: impl IntoIterator<Item = K>,
    ridges: &[Ridge],
    y: MatRef<'_, f64>,
    criterion: Criterion,
) -> Result<Selection, NoSelection> {
    let n = y.nrows();
    assert!(n > 0 && y.ncols() > 0, "targets {} × {}", n, y.ncols());
    if let Some((row, column, value)) = not_finite(y, |_| y.ncols()) {
        return Err(NoSelection::Target { row, column, value });
    }
    let (mut scores, mut best): (Vec<Vec<f64>>, Option<(f64, usize, usize)>) = (Vec::new(), None);
    for (index, kernel) in kernels.into_iter().enumerate() {
        let kernel = kernel.as_mat_ref();
        let shape = (kernel.nrows(), kernel.ncols());
        assert!(shape == (n, n), "kernel {index} of {shape:?} for {n} targets");
        let model = ClosedForm::new(kernel, Ridge::Absolute(0.0))
            .map_err(|why| NoSelection::Kernel { index, why })?;
        let coordinates = model.vectors.transpose() * y;
        let of_kernel =
            ridges.iter().map(|ridge| score(&model, coordinates.as_ref(), y, ridge.of(kernel), criterion));
        let of_kernel: Vec<f64> = of_kernel.collect();
        for (ridge, &score) in of_kernel.iter().enumerate() {
            let gain = match criterion {
                Criterion::LeaveOneOut => -score,
                Criterion::MarginalLikelihood => score,
            };
            if gain.is_finite() && best.is_none_or(|(best, ..)| gain > best) {
                best = Some((gain, index, ridge));
            }
        }
        scores.push(of_kernel);
    }
    match best {
        Some((_, kernel, ridge)) => Ok(Selection { scores, kernel, ridge }),
        None => Err(NoSelection::Nothing { scores: scores.iter().map(Vec::len).sum() }),
    }
}

/// Of the kernel that `model` has decomposed, with a ridge; `coordinates` are those of y in its eigenvectors.
fn score(
    model: &ClosedForm,
    coordinates: MatRef<'_, f64>,
    y: MatRef<'_, f64>,
    ridge: f64,
    criterion: Criterion,
) -> f64 {
    let values: Vec<f64> = model.values.iter().map(|value| value + ridge).collect();
    let singular = values[0] <= model.rounding;
    let scaled =
        Mat::from_fn(coordinates.nrows(), coordinates.ncols(), |i, o| coordinates[(i, o)] / values[i]);
    let alpha = &model.vectors * scaled;
    match criterion {
        Criterion::LeaveOneOut if singular => f64::NAN,
        Criterion::LeaveOneOut => {
            let mut inverse = vec![0.0; values.len()];
            for (vector, value) in model.vectors.col_iter().zip(&values) {
                inverse.iter_mut().zip(vector.iter()).for_each(|(sum, v)| *sum += v * v / value);
            }
            let missed = y - left_out(y, alpha.as_ref(), &inverse);
            missed.squared_norm_l2() / (count(y.nrows()) * count(y.ncols()))
        }
        Criterion::MarginalLikelihood if singular => f64::NEG_INFINITY,
        Criterion::MarginalLikelihood => {
            log_density(y, alpha.as_ref(), values.iter().map(|value| value.ln()).sum())
        }
    }
}
