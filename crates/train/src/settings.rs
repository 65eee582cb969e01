//! What is trained on, and how.

use autodiff::Threads;

use crate::linear::Way;
use crate::loss::Objective;
use crate::schedule::{Batches, Rate};
use crate::step::{Decay, Optimiser};

/// What to learn and what to test on. Tables are row-major, one example a row; the index of the largest target is
/// the class of an example.
#[derive(Clone, Debug)]
pub struct Task<T> {
    /// Inputs to train on.
    pub train_x: Vec<T>,
    /// Targets to train on.
    pub train_y: Vec<T>,
    /// Inputs to test on.
    pub test_x: Vec<T>,
    /// Targets to test on.
    pub test_y: Vec<T>,
}

/// How to train.
///
/// ```
/// use train::{Batches, Optimiser, Rate, Settings};
/// let settings = Settings {
///     optimiser: Optimiser::HeavyBall { momentum: 0.9 },
///     rate: Rate::Auto,
///     batches: Some(Batches { size: 32, seed: 0 }),
///     ..Settings::new(1.0, 500)                                // full-batch gradient descent on the squared loss
/// };
/// # assert_eq!(settings.steps, 500);
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is minimised.
    pub objective: Objective,
    /// By which method.
    pub optimiser: Optimiser,
    /// The penalty on parameters.
    pub decay: Option<Decay>,
    /// The learning rate.
    pub rate: Rate,
    /// All examples at each step, or a few.
    pub batches: Option<Batches>,
    /// The number of steps.
    pub steps: usize,
    /// How the linear model is trained: in the way that is cheapest, unless one is chosen.
    pub linear: Option<Way>,
    /// Training ends when no model's loss on the training examples is larger than this, where it is recorded.
    pub enough: Option<f64>,
    /// Where to compute. Results do not depend on it.
    pub threads: Threads,
}

impl Settings {
    /// Full-batch gradient descent on 1/(2N) Σₙ ‖f(xₙ) − yₙ‖² at a constant rate, on one thread.
    pub fn new(rate: f64, steps: usize) -> Self {
        Self {
            objective: Objective::default(),
            optimiser: Optimiser::Descent,
            decay: None,
            rate: Rate::Constant(rate),
            batches: None,
            steps,
            linear: None,
            enough: None,
            threads: Threads::one(),
        }
    }

    /// The largest rate at which a linear model of the squared loss is stable, if `largest_eigenvalue` is that of its kernel
    /// between N examples of O outputs: 2 (1 + β) n/λ_max for an objective that is a mean over n. Of losses whose curvature is
    /// bounded by κ, it is divided by it.
    pub fn stable_rate(&self, largest_eigenvalue: f64, examples: usize, outputs: usize) -> f64 {
        let mean = self.objective.divisor(examples, outputs) / self.objective.loss.curvature();
        // Nesterov's method looks ahead: (1 − h)(1 + β) − β must stay above −1.
        let momentum = match self.optimiser {
            Optimiser::Nesterov { momentum } => (1.0 + momentum) / (1.0 + 2.0 * momentum),
            optimiser => 1.0 + optimiser.momentum(),
        };
        2.0 * momentum * mean / largest_eigenvalue
    }

    /// With a rate in place of [`Rate::Auto`]: half of a stable one.
    #[must_use]
    pub fn with_rate(self, stable_rate: f64) -> Self {
        match self.rate {
            Rate::Auto => Self { rate: Rate::Constant(0.5 * stable_rate), ..self },
            _ => self,
        }
    }
}
