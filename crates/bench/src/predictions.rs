//! Predictions in closed form, at 100 times from 0.01 to 10⁴: of ensembles with
//! kernels and decompositions in f64 and the products for covariances in f32, of the squared loss in f32.

use std::hint::black_box;

use cotangent::kernels::{Infinite, Limits};
use cotangent::prelude::*;
use cotangent::train::{ClosedForm, Ensemble, Ridge, Training};
use faer::Mat;

use crate::timing::best_of_five;

/// Predictions for as many test examples as there are training examples, of 64 numbers each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predictions {
    name: &'static str,
    examples: usize,
    ensemble: bool,
}

/// All of them.
pub const PREDICTIONS: [Predictions; 4] = [
    Predictions { name: "pred.ens.256", examples: 256, ensemble: true },
    Predictions { name: "pred.mse.256", examples: 256, ensemble: false },
    Predictions { name: "pred.ens.1024", examples: 1024, ensemble: true },
    Predictions { name: "pred.mse.1024", examples: 1024, ensemble: false },
];

const INPUTS: usize = 64;

impl Predictions {
    /// Its name as a row.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Seconds of all times: of `ens` with the kernels of three hidden erf layers, means and full covariances of networks
    /// trained from random parameters; of `mse` given the kernels, outputs on both sets. To be called inside
    /// [`Threads::install`].
    ///
    /// # Panics
    /// Never: these kernels are positive definite.
    pub fn seconds(&self, threads: &Threads) -> f64 {
        let net = mlp(&[512; 3], 1, Activation::ERF, Scaling::ntk(1.5, 0.05));
        let network = Network::new(net, [INPUTS]);
        let limit = Infinite::new(&network).expect("a limit");
        // A wide linear layer's parameters are independent normal numbers.
        let source =
            Network::new(Dense { width: 2 * self.examples, scaling: Scaling::ntk(1.0, 0.0) }, [INPUTS]);
        let all: Vec<f64> = source.init(0);
        let (x, rest) = all.split_at(self.examples * INPUTS);
        let z = &rest[..self.examples * INPUTS];
        let y = Mat::from_fn(self.examples, 1, |i, _| all[i]);
        let kernels = || -> [Limits<f64>; 3] {
            [(x, None), (z, Some(x)), (z, None)].map(|(x, others)| limit.kernels(x, others, threads))
        };
        let n = f64::from(u32::try_from(self.examples).expect("a few thousand"));
        let times: Vec<Training> =
            (0..100).map(|i| Training::Flow(10_f64.powf(-2.0 + 6.0 * f64::from(i) / 99.0) / n)).collect();
        if self.ensemble {
            return best_of_five(0.3, || {
                let [dd, td, tt] = kernels();
                let model = ClosedForm::new(dd.ntk.matrix(), Ridge::Relative(1e-4)).expect("a closed form");
                let ensemble = Ensemble::new(&model, dd.nngp.matrix());
                let points = ensemble.at::<f32>(td.ntk.matrix(), td.nngp.matrix());
                let before = single(&tt.nngp.matrix().to_owned());
                for &time in &times {
                    black_box(points.mean(y.as_ref(), time).expect("stable"));
                    black_box(points.covariance(before.as_ref(), time).expect("stable"));
                }
            });
        }
        let [dd, td] = [(x, None), (z, Some(x))].map(|(x, others)| {
            let kernel: Mat<f64> = limit.kernels(x, others, threads).ntk.matrix().to_owned();
            single(&kernel)
        });
        let (zero, y) = (Mat::zeros(self.examples, 1), single(&y));
        best_of_five(0.3, || {
            let model = ClosedForm::new(dd.as_ref(), Ridge::Absolute(0.0)).expect("a closed form");
            black_box(model.outputs(zero.as_ref(), y.as_ref(), &times).expect("stable"));
            let cross = td.as_ref();
            black_box(
                model.elsewhere(cross, zero.as_ref(), zero.as_ref(), y.as_ref(), &times).expect("stable"),
            );
        })
    }
}

/// In single precision.
fn single(matrix: &Mat<f64>) -> Mat<f32> {
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| f32::literal(matrix[(i, j)]))
}
