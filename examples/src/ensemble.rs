//! Networks that learn images of two classes, and what they say between two of these. (Lee et al. 2019, Fig. 2.)

use cotangent::kernels::Which;
use cotangent::prelude::*;
use cotangent::train::Training;
use serde::{Deserialize, Serialize};

use crate::{Each, Failure, HORSES_AND_PLANES, Images, Linear, Moments};
use crate::{both_outputs, rms, train, train_until};

/// Images to train on.
const EXAMPLES: usize = 128;
/// The rate 0.5 on the mean square error is this one on the half of it.
const RATE: f64 = 1.0;
/// When networks are looked at.
pub const TIMES: [(&str, Training); 4] = [
    ("0 steps", descent(0)),
    ("16 steps", descent(16)),
    ("256 steps", descent(256)),
    ("65536 steps", descent(65536)),
];

const fn descent(count: u32) -> Training {
    Training::Steps { rate: RATE / EXAMPLES as f64, momentum: 0.0, count }
}

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
    /// The seed of the choice of images.
    pub images: u64,
    /// Of its layers.
    pub width: usize,
    /// Its seed, among those for these images.
    pub network: u64,
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
    /// Each channel of each image has mean 0 and variance 1.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn new(images: &[Images; 2], seed: u64) -> Result<Self, Failure> {
        let task = Images::task(images, &HORSES_AND_PLANES, [EXAMPLES, 1], seed)?;
        let task = Images::between(images[0].standardise(Each::Channel, task), &alphas())?;
        let linear = Linear::of_limit(&network(1), &task, &Threads::available())?;
        Ok(Self { task, linear })
    }

    /// What networks of infinite width say of x(α) after training.
    ///
    /// # Errors
    /// If steps diverge.
    pub fn limit(&self, which: Which, training: Training) -> Result<Moments, Failure> {
        Moments::of_limit(&network(1), &self.task, which, training, &Threads::available())
    }

    /// Trains a network. Its last 65280 steps are 200 with momentum 0.95, after which as little is left to learn.
    ///
    /// # Errors
    /// If it diverges.
    pub fn follow(&self, point: &Point, done: &dyn Fn(f64)) -> Result<Seen, Failure> {
        let (task, network) = (&self.task, network(point.width));
        let theta = network.init(1000 * point.images + point.network);
        let settings = Settings { threads: Threads::available(), ..Settings::new(RATE, 256) };
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

        let linear = self.linear.outputs(Part::Test, &start, &TIMES.map(|(_, training)| training))?;
        let distances = outputs.iter().zip(&linear).map(|(f, linear)| rms(f, linear)).collect();
        Ok(Seen { outputs, distances })
    }
}
