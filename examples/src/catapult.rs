//! What training comes to at rates that are too large for the linear model. (Lewkowycz et al. 2020.)

use cotangent::kernels::largest_eigenvalue;
use cotangent::prelude::*;
use figure::{Panel, Series};
use serde::{Deserialize, Serialize};

use crate::{Found, train_until};

/// A network, and the rate that it is trained at.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Of the network, and of the choice of examples.
    pub seed: u64,
    /// Of its layers.
    pub width: usize,
    /// Examples to train on.
    pub examples: usize,
    /// ηλ₀, where λ is the largest eigenvalue of Θ/N: the linear model diverges from 2 on.
    pub steep: f64,
    /// So many, divided by ηλ₀.
    pub steps: usize,
    /// So many of them are looked at.
    pub looks: usize,
}

/// What that came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// (f, λ) of the first example, where it was looked at.
    pub way: Vec<(f64, f64)>,
    /// Whether |f| was larger than |f₀| there.
    pub rises: bool,
    /// λ/λ₀ after the last step, unless training was diverging by then. With few steps at large rates, it counts as that if λ is
    /// above 2 λ₀.
    pub end: Option<f64>,
}

impl Point {
    /// One after another: each seed at each of the rates.
    pub fn grid(
        seeds: u64,
        steeps: &[f64],
        [width, examples]: [usize; 2],
        [steps, looks]: [usize; 2],
    ) -> Vec<Self> {
        let of = |seed| steeps.iter().map(move |&steep| Self { seed, width, examples, steep, steps, looks });
        (0..seeds).flat_map(of).collect()
    }

    /// Trains the network by gradient descent on ½ the mean square error.
    pub fn follow(&self, network: &Network, task: &Task<f64>, done: &dyn Fn(f64)) -> Outcome {
        let (theta, n, x) = (network.init(self.seed), network.examples(&task.train_x), &task.train_x);
        let threads = if n > 1 { Threads::available() } else { Threads::one() };
        let mut jacobian = Linearized::of_network(network, n).at(&theta, x, &threads);
        let mut lambda = |theta: &[f64]| {
            jacobian.relinearize(theta, x);
            let gram = |v: &[f64], out: &mut [f64]| jacobian.gram_apply(v, out);
            largest_eigenvalue(jacobian.rows(), gram, 1e-4, 100).value / n as f64
        };
        let first = lambda(&theta);
        let rate = self.steep / first;
        let (steps, looks) = ((self.steps as f64 / self.steep).ceil() as usize, self.looks);
        let settings = Settings { threads: threads.clone(), ..Settings::new(rate, steps) };
        let mut model = Descent::network(network, &theta, task, &settings);
        let records: Vec<usize> = (0..=looks.min(steps)).chain((looks < steps).then_some(steps)).collect();
        let mut way = Vec::new();
        let trained = train_until(&mut model, &records, done, |model| {
            let theta = model.parameters().expect("a network has parameters");
            let now = (model.outputs(Part::Train)[0], lambda(&theta));
            way.extend(Some(now).filter(|(f, lambda)| f.is_finite() && lambda.is_finite()));
        });
        let last = way.last().filter(|_| trained.is_ok() && way.len() == records.len());
        let end = last.map(|(_, lambda)| lambda / first).filter(|end| *end < 2.0);
        Outcome { rises: way.iter().any(|(f, _)| f.abs() > way[0].0.abs()), end, way }
    }
}

impl Found<Point, Outcome> {
    /// Of each seed, the largest of what `of` says, over the rates that it says something of.
    pub fn largest(&self, of: impl Fn(f64, &Outcome) -> Option<f64>) -> Vec<f64> {
        let curves = self.curves(|at, outcome| Some((at.seed, at.steep, of(at.steep, outcome)?)));
        curves.0.iter().map(|curve| curve.iter().map(|point| point.1).fold(0.0, f64::max)).collect()
    }

    /// λ/λ₀ in the end against ηλ₀, up to `last`, and 2/(ηλ₀), above which λ cannot stay.
    pub fn ends(&self, title: &str, last: i32) -> Panel {
        let ends = self.0.iter().filter_map(|(at, outcome)| Some((at.steep, outcome.end?)));
        let bound = (20..=10 * last).map(|i| 0.1 * f64::from(i)).map(|steep| (steep, 2.0 / steep));
        let series = vec![
            Series::points("networks", 0, ends.collect()),
            Series::dashed("2/(ηλ₀)", 3, bound.collect()),
        ];
        Panel::linear(title, ["ηλ₀", "λ/λ₀ in the end"], series)
    }
}
