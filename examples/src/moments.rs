//! What many networks predict: means and covariances, measured or of infinite width.

use cotangent::kernels::{Infinite, Which};
use cotangent::prelude::{Network, Task, Threads};
use cotangent::train::{ClosedForm, Ensemble, Ridge, Training};
use faer::{Mat, MatRef};

use crate::Failure;
use crate::linear::wide;

/// The mean and the covariance of one output at some points.
#[derive(Clone, Debug)]
pub struct Moments {
    mean: Vec<f64>,
    covariance: Mat<f64>,
}

impl Moments {
    /// Of networks, each of which says so at the points.
    pub fn of(outputs: &[&[f32]]) -> Self {
        let (count, points) = (outputs.len() as f64, outputs.first().map_or(0, |f| f.len()));
        let sum = |i: usize| outputs.iter().map(|f| f64::from(f[i])).sum::<f64>();
        let mean: Vec<f64> = (0..points).map(|i| sum(i) / count).collect();
        let centred = Mat::from_fn(points, outputs.len(), |i, k| f64::from(outputs[k][i]) - mean[i]);
        let covariance = &centred * centred.transpose() * (count - 1.0).recip();
        Self { mean, covariance }
    }

    /// Of networks of infinite width at the inputs to test on, after each training on those to train on, which follows the
    /// given kernel: the NTK if all parameters are trained, the NNGP if the readout is, or for the posterior of the Gaussian
    /// process. (Lee et al. 2019, Eqs 14 to 16.)
    ///
    /// # Errors
    /// If the network has no limit that is known, or steps diverge.
    pub fn of_limit(
        network: &Network,
        task: &Task<f32>,
        which: Which,
        trainings: &[Training],
        threads: &Threads,
    ) -> Result<Vec<Self>, Failure> {
        let [x, z, y] = [&task.train_x, &task.test_x, &task.train_y].map(|values| wide(values));
        let limit = Infinite::new(network)?;
        let [dd, td, tt] =
            [(&x, None), (&z, Some(&x[..])), (&z, None)].map(|(x, others)| limit.kernels(x, others, threads));
        let [own, cross] = [&dd, &td].map(|limits| match which {
            Which::Ntk => limits.ntk.matrix(),
            Which::Nngp => limits.nngp.matrix(),
        });
        let dynamics = ClosedForm::new(own, Ridge::Absolute(0.0))?;
        let ensemble = Ensemble::new(&dynamics, dd.nngp.matrix());
        let points = ensemble.at::<f64>(cross, td.nngp.matrix());
        let y = MatRef::from_column_major_slice(&y, y.len(), 1);
        let after = |&training: &Training| {
            let mean = points.mean(y, training)?.col(0).iter().copied().collect();
            Ok(Self { mean, covariance: points.covariance(tt.nngp.matrix(), training)? })
        };
        trainings.iter().map(after).collect()
    }

    /// The mean at point `i`, and so many standard deviations.
    pub fn at(&self, i: usize, deviations: f64) -> [f64; 2] {
        [self.mean[i], deviations * self.covariance[(i, i)].max(0.0).sqrt()]
    }

    /// The mean over `x`, which are as many as there are points, and so many standard deviations.
    pub fn curve(&self, x: &[f64], deviations: f64) -> Vec<(f64, f64)> {
        x.iter().enumerate().map(|(i, &x)| (x, self.at(i, deviations).iter().sum())).collect()
    }

    /// The outline of so many standard deviations around the mean.
    pub fn band(&self, x: &[f64], deviations: f64) -> Vec<(f64, f64)> {
        let upper = self.curve(x, deviations).into_iter().rev();
        self.curve(x, -deviations).into_iter().chain(upper).collect()
    }

    /// Root mean squares of z, the differences of these means, and of these covariances, from those of the `limit`, in units of the
    /// standard errors that so many normal variables have: both are about 1 if they are drawn from it. Points where it says
    /// that standard deviations are less than `least` do not count.
    pub fn scores(&self, limit: &Self, count: u64, least: f64) -> [f64; 2] {
        let (c, count) = (&limit.covariance, count as f64);
        let points: Vec<usize> = (0..self.mean.len()).filter(|&i| c[(i, i)] >= least * least).collect();
        let of_mean = |&i: &usize| (self.mean[i] - limit.mean[i]).powi(2) / (c[(i, i)] / count);
        let of_pair = |i: usize, j: usize| {
            let variance = (c[(i, i)] * c[(j, j)] + c[(i, j)].powi(2)) / count;
            (self.covariance[(i, j)] - c[(i, j)]).powi(2) / variance
        };
        let pairs = points.iter().flat_map(|&i| points.iter().map(move |&j| of_pair(i, j)));
        let [means, pairs] = [points.iter().map(of_mean).collect(), pairs.collect::<Vec<f64>>()];
        [means, pairs].map(|squares: Vec<f64>| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
    }
}
