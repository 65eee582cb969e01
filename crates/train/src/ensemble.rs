//! Networks drawn at random and trained: means and covariances of their outputs at infinite width.

use autodiff::Real;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

use crate::closed_form::{ClosedForm, NoClosedForm, Training};

/// The outputs of many wide networks, drawn at random and trained: a Gaussian process before and after. (Lee et al. 2019,
/// Eqs. 14 to 16.)
///
/// `dynamics` is of the kernel that training follows, and the covariance is that of the outputs before:
/// - the NTK and the NNGP: networks of which all parameters are trained;
/// - the NNGP and the NNGP: only the readout is trained; for [`Training::Converged`] that is the posterior of the Gaussian
///   process, Bayesian inference;
/// - the NTK and the NTK: a Gaussian process whose kernel is the NTK.
#[derive(Debug)]
pub struct Ensemble<'a> {
    dynamics: &'a ClosedForm,
    /// The covariance between training points, in the eigenvectors of the dynamics.
    covariance: Mat<f64>,
}

impl<'a> Ensemble<'a> {
    /// Of networks whose outputs on the training points have the given covariance before training, N × N.
    ///
    /// # Panics
    /// If it is not of the size of the dynamics' kernel.
    #[track_caller]
    pub fn new(dynamics: &'a ClosedForm, covariance: MatRef<'_, f64>) -> Self {
        let (n, shape) = (dynamics.values.len(), (covariance.nrows(), covariance.ncols()));
        assert!(shape == (n, n), "a covariance of {shape:?} for a kernel of {n} rows");
        let covariance = dynamics.vectors.transpose() * covariance * &dynamics.vectors;
        Self { dynamics, covariance }
    }

    /// The ensemble at M other points: `cross` is the dynamics' kernel between them and the training points, M × N, and
    /// `covariance` that of the outputs before, likewise. What follows is computed as `T`: in f32 it takes half of the time, and
    /// decompositions are in f64 all the same.
    ///
    /// # Panics
    /// If shapes differ.
    #[track_caller]
    pub fn at<T: Real>(&self, cross: MatRef<'_, f64>, covariance: MatRef<'_, f64>) -> Points<'_, T> {
        let (n, shapes) = (self.dynamics.values.len(), [cross, covariance].map(|k| (k.nrows(), k.ncols())));
        assert!(shapes[0] == shapes[1] && shapes[0].1 == n, "kernels {shapes:?} with {n} training points");
        let vectors = &self.dynamics.vectors;
        let [cross, covariance] = [cross, covariance].map(|k| rounded(&(k * vectors)));
        Points { dynamics: self.dynamics, before: rounded(&self.covariance), cross, covariance }
    }
}

/// An [`Ensemble`] at some points.
#[derive(Debug)]
pub struct Points<'a, T> {
    dynamics: &'a ClosedForm,
    /// All in the eigenvectors of the dynamics: covariances between training points, and of points with training points.
    before: Mat<T>,
    cross: Mat<T>,
    covariance: Mat<T>,
}

impl<T: Real> Points<'_, T> {
    /// The mean over networks, M × O, for targets `y`: before training it is 0.
    ///
    /// # Errors
    /// If steps diverge.
    ///
    /// # Panics
    /// If `y` has another number of rows than there are training points.
    #[track_caller]
    pub fn mean(&self, y: MatRef<'_, f64>, training: Training) -> Result<Mat<T>, NoClosedForm> {
        self.dynamics.check(&[training])?;
        let zero = Mat::zeros(y.nrows(), y.ncols());
        let mut coordinates = self.dynamics.vectors.transpose() * self.dynamics.error(zero.as_ref(), y);
        for (i, &value) in self.dynamics.values.iter().enumerate() {
            let response = self.dynamics.response(training, value);
            coordinates.row_mut(i).iter_mut().for_each(|x| *x *= response);
        }
        Ok(&self.cross * rounded::<T>(&coordinates))
    }

    /// The covariance over networks of an output at these points, M × M, if it is `before` before training.
    ///
    /// # Errors
    /// If steps diverge.
    ///
    /// # Panics
    /// If `before` is not M × M.
    #[track_caller]
    pub fn covariance(&self, before: MatRef<'_, T>, training: Training) -> Result<Mat<T>, NoClosedForm> {
        let (m, shape) = (self.cross.nrows(), (before.nrows(), before.ncols()));
        assert!(shape == (m, m), "a covariance of {shape:?} between {m} points");
        self.dynamics.check(&[training])?;
        // K + P K Pᵀ − P C − (P C)ᵀ is K + X Pᵀ + (X Pᵀ)ᵀ with X = ½ P K − C.
        let (p, x) = self.halves(training);
        let moved = x * p.transpose();
        let mut result = before + &moved;
        for j in 0..m {
            let row = moved.row(j);
            result.col_mut(j).iter_mut().zip(row.iter()).for_each(|(result, &moved)| *result += moved);
        }
        Ok(result)
    }

    /// The diagonal of [`covariance`](Self::covariance), given that of `before`: cheaper by a product of matrices.
    ///
    /// # Errors
    /// If steps diverge.
    ///
    /// # Panics
    /// If `before` has another length.
    #[track_caller]
    pub fn variance(&self, before: &[T], training: Training) -> Result<Vec<T>, NoClosedForm> {
        let m = self.cross.nrows();
        assert!(before.len() == m, "{} variances of {m} points", before.len());
        self.dynamics.check(&[training])?;
        let (p, x) = self.halves(training);
        let moved = |i: usize| p.row(i).iter().zip(x.row(i).iter()).map(|(&p, &x)| p * x).sum::<T>();
        Ok(before.iter().enumerate().map(|(i, &before)| before + moved(i) + moved(i)).collect())
    }

    /// P = Θ(x, X) q(Θ), in eigenvectors, and ½ P K − C.
    fn halves(&self, training: Training) -> (Mat<T>, Mat<T>) {
        let mut p = self.cross.clone();
        for (j, &value) in self.dynamics.values.iter().enumerate() {
            let response = T::literal(self.dynamics.response(training, value));
            p.col_mut(j).iter_mut().for_each(|p| *p *= response);
        }
        let mut x = -&self.covariance;
        matmul(x.as_mut(), Accum::Add, &p, &self.before, T::literal(0.5), Par::rayon(0));
        (p, x)
    }
}

/// The same numbers as `T`.
fn rounded<T: Real>(matrix: &Mat<f64>) -> Mat<T> {
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| T::literal(matrix[(i, j)]))
}
