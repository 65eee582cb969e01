//! Networks that learn images of two classes, and what they say between two of these. (Lee et al. 2019, Fig. 2.)

use cotangent::kernels::Which;
use cotangent::prelude::*;
use cotangent::train::Training;
use serde::{Deserialize, Serialize};

use crate::{Each, Failure, HORSES_AND_PLANES, Images, Linear, Moments};
use crate::{both_outputs, rms, train, train_until};

/// Images to train on.
const EXAMPLES: usize = 128;
const EACH: Each = Each::Channel;
/// 0.5 on the mean square error without ½.
const RATE: f64 = 1.0;
/// After how many steps networks are looked at, which make the last of them by momentum.
pub const TIMES: [usize; 4] = [0, 16, 256, 65536];

/// Where x(α) are, from −2 to 3. The two images of different class are at 0 and 1; points 40 and 60 are near them, where the paper
/// is read.
pub fn alphas() -> Vec<f64> {
    let mut alphas: Vec<f64> = (0..101).map(|i| 0.05 * f64::from(i) - 2.0).collect();
    (alphas[40], alphas[60]) = (0.02, 0.98);
    alphas
}

/// A network of three hidden tanh layers, σ_w² = 1.5, without biases.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// What is shifted and scaled of images.
    pub each: Each,
    /// The seed of their choice.
    pub images: u64,
    /// Of its layers.
    pub width: usize,
    /// Its seed, among those for these images.
    pub network: u64,
    /// Of gradient descent on ½ the mean square error.
    pub rate: f64,
}

impl Point {
    /// So many networks of each width for each of so many choices of images.
    pub fn all(choices: u64, widths: &[usize], networks: u64) -> Vec<Self> {
        let of = |images, width| {
            (0..networks).map(move |network| Self { each: EACH, images, width, network, rate: RATE })
        };
        (0..choices).flat_map(|images| widths.iter().flat_map(move |&width| of(images, width))).collect()
    }
}

fn network(width: usize) -> Network {
    Network::new(mlp(&[width; 3], 1, Activation::Tanh, Scaling::ntk(1.5_f64.sqrt(), 0.0)), [EXAMPLES])
}

/// What it says at each time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// Of x(α).
    pub outputs: Vec<Vec<f32>>,
    /// Root mean square distances from what infinite width would have said, had it begun with the same outputs.
    pub distances: Vec<f64>,
}

/// A choice of images, and what infinite width learns from them.
#[derive(Debug)]
pub struct Choice {
    task: Task<f32>,
    linear: Linear,
}

impl Choice {
    /// Of this seed. Each channel of each image has mean 0 and variance 1.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn new(images: &[Images; 2], seed: u64) -> Result<Self, Failure> {
        let task = Images::task(images, &HORSES_AND_PLANES, [EXAMPLES, 1], seed)?;
        let task = Images::between(images[0].standardise(EACH, task), &alphas())?;
        let linear = Linear::of_limit(&network(1), &task, &Threads::available())?;
        Ok(Self { task, linear })
    }

    /// What networks of infinite width say of x(α) after so many steps.
    ///
    /// # Errors
    /// If they diverge.
    pub fn limit(&self, steps: usize) -> Result<Moments, Failure> {
        self.moments(Which::Ntk, self.linear.steps(RATE, steps))
    }

    /// The posterior of the Gaussian process that has the covariance of such networks before training.
    ///
    /// # Errors
    /// Never: x and x(α) have one.
    pub fn posterior(&self) -> Result<Moments, Failure> {
        self.moments(Which::Nngp, Training::Converged)
    }

    fn moments(&self, which: Which, training: Training) -> Result<Moments, Failure> {
        Moments::of_limit(&network(1), &self.task, which, training, &Threads::available())
    }

    /// Trains a network. Its last 65280 steps are 200 with momentum 0.95, after which as little is left to learn.
    ///
    /// # Errors
    /// If it diverges.
    pub fn follow(&self, point: &Point, done: &dyn Fn(f64)) -> Result<Seen, Failure> {
        let (task, network) = (&self.task, network(point.width));
        let theta = network.init(1000 * point.images + point.network);
        let settings = Settings { threads: Threads::available(), ..Settings::new(point.rate, 256) };
        let mut model = Descent::network(&network, &theta, task, &settings);
        let start = both_outputs(&mut model);
        let mut outputs = Vec::new();
        train_until(&mut model, &[0, 16, 256], &|part| done(0.5 * part), |model| {
            outputs.push(model.outputs(Part::Test).to_vec());
        })?;
        let faster = Settings { optimiser: Optimiser::HeavyBall { momentum: 0.95 }, ..settings };
        let mut model = Descent::network(&network, model.point(), task, &faster);
        train(&mut model, 200, &|part| done(0.5 + 0.5 * part))?;
        outputs.push(model.outputs(Part::Test).to_vec());

        let steps = TIMES.map(|count| self.linear.steps(point.rate, count));
        let linear = self.linear.outputs(Part::Test, &start, &steps)?;
        let distances = outputs.iter().zip(&linear).map(|(f, linear)| rms(f, linear)).collect();
        Ok(Seen { outputs, distances })
    }
}
