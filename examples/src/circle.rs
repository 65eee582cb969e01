//! The tangent kernel between points of the circle, before and after training. (Jacot et al. 2018, Fig. 1.)

use std::f64::consts::TAU;

use cotangent::kernels::Infinite;
use cotangent::kernels::measures::relative_change;
use cotangent::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, Paper, mean, train, variance};

/// How many points there are, from −π on.
const GRID: usize = 64;

/// A network of three hidden relu layers, σ_w = 1, σ_b = 0.1, and how it learns f(x) = x₁ x₂.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Whether the inputs that it learns from are on the circle too, or from N(0, 1).
    pub circle: bool,
    /// Of its layers.
    pub width: usize,
    /// Of the network and of the inputs.
    pub seed: u64,
    /// Of these.
    pub examples: usize,
    /// Of gradient descent at rate 1.
    pub steps: usize,
}

/// What was found of its kernel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kernels {
    /// ‖Θ̂ − Θ‖/‖Θ‖ before training.
    pub error: f64,
    /// The median of |Θ̂(x, x)/Θ(x, x) − 1|.
    pub median: f64,
    /// How far training moves it, ‖Θ̂₂₀₀ − Θ̂‖/‖Θ̂‖ after 200 steps.
    pub drift: f64,
    /// Θ̂ between the point at angle 0 and all, before and after.
    pub rows: [Vec<f64>; 2],
}

/// The circle, and the kernel of infinite width on it.
#[derive(Debug)]
pub struct Circle {
    angles: Vec<f64>,
    points: Vec<f32>,
    limit: Kernel<f32>,
}

fn network(width: usize) -> Network {
    Network::new(mlp(&[width; 3], 1, Activation::Relu, Scaling::ntk(1.0, 0.1)), [2])
}

/// Between the point at angle 0 and all.
fn row(kernel: &Kernel<f32>) -> Vec<f64> {
    kernel.values()[GRID / 2 * GRID..][..GRID].iter().map(|&k| k.into()).collect()
}

/// Of values in the order of size, the one in the middle, or the mean of two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    0.5 * (sorted[sorted.len() / 2] + sorted[(sorted.len() - 1) / 2])
}

/// What the ten networks of the paper have of so many units, 500 or 10⁴, for that of [`Circle::spread`].
pub fn published_spread(width: usize) -> f64 {
    let [means, deviations] = ["at first", "standard deviation at first"]
        .map(|what| Paper::Jacot.curve("1", &format!("n = {width}, {what}")));
    mean(&means.iter().zip(&deviations).map(|(mean, deviation)| deviation.1 / mean.1).collect::<Vec<_>>())
}

impl Circle {
    /// Of 64 points.
    ///
    /// # Errors
    /// Never: these networks have a limit.
    pub fn new() -> Result<Self, Failure> {
        let angles: Vec<f64> = (0..GRID).map(|i| TAU * (i as f64 / GRID as f64 - 0.5)).collect();
        let points: Vec<f32> =
            angles.iter().flat_map(|angle| [angle.cos() as f32, angle.sin() as f32]).collect();
        let limit = Infinite::new(&network(1))?.kernels(&points, None, &Threads::available()).ntk;
        Ok(Self { angles, points, limit })
    }

    /// Of the points.
    pub fn angles(&self) -> &[f64] {
        &self.angles
    }

    /// Θ between the point at angle 0 and all.
    pub fn limit(&self) -> Vec<f64> {
        row(&self.limit)
    }

    /// The standard deviation of Θ̂(x₀, x) between networks, by its mean, before training: on average over the five angles at which
    /// the paper is read.
    pub fn spread(&self, networks: &[&Kernels]) -> f64 {
        let relative = |angle: f64| {
            let i = ((angle / TAU + 0.5) * GRID as f64).round() as usize;
            let values: Vec<f64> = networks.iter().map(|kernels| kernels.rows[0][i]).collect();
            variance(&values).sqrt() / mean(&values)
        };
        mean(&[-1.0, 0.0, 1.0, 2.0, 3.0].map(relative))
    }

    /// Trains a network, and sees its kernel before and after.
    ///
    /// # Errors
    /// If it diverges.
    pub fn follow(&self, point: &Point, done: &dyn Fn(f64)) -> Result<Kernels, Failure> {
        let &Point { circle, width, seed, examples, steps } = point;
        let threads = Threads::available();
        // Weights of a linear layer are numbers from N(0, 1).
        let source = Network::new(Dense { width: examples, scaling: Scaling::ntk(1.0, 0.0) }, [2]);
        let mut x = source.init::<f32>(1000 + seed)[..2 * examples].to_vec();
        x.chunks_exact_mut(2).filter(|_| circle).for_each(|x| {
            let norm = x[0].hypot(x[1]);
            x.iter_mut().for_each(|x| *x /= norm);
        });
        let y = x.chunks_exact(2).map(|x| x[0] * x[1]).collect();
        let task = Task { train_x: x, train_y: y, test_x: vec![], test_y: vec![] };

        let settings = Settings { threads: threads.clone(), ..Settings::new(1.0, steps) };
        let network = network(width);
        let theta = network.init(seed);
        let ntk = Empirical::ntk(&network);
        let kernel = |theta: &[f32]| ntk.kernel(Kind::Trace, theta, &self.points, None, &threads);
        let before = kernel(&theta);
        let mut model = Descent::network(&network, &theta, &task, &settings);
        drop(theta);
        train(&mut model, steps, done)?;
        let after = kernel(model.point());
        let diagonal = before.values().iter().zip(self.limit.values()).step_by(GRID + 1);
        let errors: Vec<f64> = diagonal.map(|(&k, &limit)| (f64::from(k / limit) - 1.0).abs()).collect();
        Ok(Kernels {
            error: relative_change(before.matrix(), self.limit.matrix()),
            median: median(&errors),
            drift: relative_change(after.matrix(), before.matrix()),
            rows: [row(&before), row(&after)],
        })
    }
}
