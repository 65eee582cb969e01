//! What many networks predict: means and covariances, measured or of infinite width.

use cotangent::kernels::{Infinite, Which};
use cotangent::prelude::{Network, Task, Threads};
use cotangent::train::{ClosedForm, Ensemble, Ridge, Training};
use faer::{Mat, MatRef};
use figure::{Panel, Series, Style};

use crate::Failure;
use crate::linear::wide;

/// The mean and the covariance of one output at some points.
#[derive(Clone, Debug)]
pub struct Moments {
    mean: Vec<f64>,
    covariance: Mat<f64>,
    /// Of how many networks: infinite for those of infinite width.
    count: f64,
}

impl Moments {
    /// Of networks, whose outputs at the points these are.
    pub fn of(outputs: &[&[f32]]) -> Self {
        let (count, points) = (outputs.len() as f64, outputs.first().map_or(0, |f| f.len()));
        let sum = |i: usize| outputs.iter().map(|f| f64::from(f[i])).sum::<f64>();
        let mean: Vec<f64> = (0..points).map(|i| sum(i) / count).collect();
        let centred = Mat::from_fn(points, outputs.len(), |i, k| f64::from(outputs[k][i]) - mean[i]);
        let covariance = &centred * centred.transpose() * (count - 1.0).recip();
        Self { mean, covariance, count }
    }

    /// Of networks of infinite width at the inputs to test on, after training on those to train on, which follows the
    /// given kernel: the NTK if all parameters are trained, the NNGP if the readout is, or for the posterior of the Gaussian
    /// process. (Lee et al. 2019, Eqs 14 to 16.)
    ///
    /// # Errors
    /// If the network has no limit that is known, or steps diverge.
    pub fn of_limit(
        network: &Network,
        task: &Task<f32>,
        which: Which,
        training: Training,
        threads: &Threads,
    ) -> Result<Self, Failure> {
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
        let mean = points.mean(y, training)?.col(0).iter().copied().collect();
        let covariance = points.covariance(tt.nngp.matrix(), training)?;
        Ok(Self { mean, covariance, count: f64::INFINITY })
    }

    /// The mean at point `i`, and so many standard deviations.
    pub fn at(&self, i: usize, deviations: f64) -> [f64; 2] {
        [self.mean[i], deviations * self.covariance[(i, i)].max(0.0).sqrt()]
    }

    /// The limit, and an ensemble if there is one, over x: means and two standard deviations, beside published ones.
    pub fn panel(
        &self,
        title: &str,
        label: &str,
        x: &[f64],
        networks: Option<&Self>,
        [means, bands]: [&[(f64, f64)]; 2],
    ) -> Panel {
        let published = means
            .iter()
            .zip(bands)
            .flat_map(|(&(x, mean), &(_, two))| [-1.0, 0.0, 1.0].map(|side| (x, mean + side * two)));
        let mut series = vec![
            Series::new("limit, ± 2 sd", 0, Style::Band, self.band(x)),
            Series::line("limit", 0, self.curve(x, 0.0)),
            Series::points("published", 2, published.collect()),
        ];
        if let Some(networks) = networks {
            series.push(Series::dashed("networks, ± 2 sd", 6, networks.band(x)));
            series.push(Series::dashed("their mean", 3, networks.curve(x, 0.0)));
        }
        Panel::linear(title, [label, "f"], series)
    }

    /// The mean, and so many standard deviations.
    fn curve(&self, x: &[f64], deviations: f64) -> Vec<(f64, f64)> {
        x.iter().enumerate().map(|(i, &x)| (x, self.at(i, deviations).iter().sum())).collect()
    }

    /// The outline of two of them.
    fn band(&self, x: &[f64]) -> Vec<(f64, f64)> {
        let upper = self.curve(x, 2.0).into_iter().rev();
        self.curve(x, -2.0).into_iter().chain(upper).collect()
    }

    /// Root mean squares of z, of means and of covariances of networks: their differences from these of the limit in units of the
    /// standard errors that as many draws from it have, which are normal variables. Both are about 1 if networks are such draws.
    /// Points with a standard deviation of less than `least` do not count.
    pub fn scores(&self, networks: &Self, least: f64) -> [f64; 2] {
        let points: Vec<usize> = (0..self.mean.len()).filter(|&i| self.at(i, 1.0)[1] >= least).collect();
        let (mine, theirs, count) = (&self.covariance, &networks.covariance, networks.count);
        let of_mean = |&i: &usize| (networks.mean[i] - self.mean[i]).powi(2) / (mine[(i, i)] / count);
        let of_pair = |(i, j): (usize, usize)| {
            let variance = (mine[(i, i)] * mine[(j, j)] + mine[(i, j)].powi(2)) / (count - 1.0);
            (theirs[(i, j)] - mine[(i, j)]).powi(2) / variance
        };
        let pairs = points.iter().flat_map(|&i| points.iter().map(move |&j| (i, j)));
        [points.iter().map(of_mean).collect::<Vec<f64>>(), pairs.map(of_pair).collect()]
            .map(|squares| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
    }
}
