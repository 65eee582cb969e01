//! How `compare` trains.

use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use cotangent::prelude::*;

/// Losses, optimisers and all that belongs to them.
#[derive(Args, Debug)]
pub(crate) struct Method {
    /// Learning rate, or auto: half of the largest at which the linear model is stable
    #[arg(long, default_value = "1.0")]
    pub(crate) lr: LearningRate,
    /// Number of steps
    #[arg(long, default_value = "1000")]
    pub(crate) steps: usize,
    /// Loss, its mean over examples; targets are one-hot minus 0.1, or 0 and 1 for cross-entropy, or −1 and 1 for logistic
    #[arg(long, default_value = "squared")]
    pub(crate) loss: LossName,
    /// Error from which on the Huber loss is linear
    #[arg(long, default_value = "0.5", value_parser = positive)]
    threshold: f64,
    /// Optimiser; with Adam, the linear model is trained by it too
    #[arg(long, default_value = "descent")]
    optimiser: OptimiserName,
    /// Momentum of heavy-ball and Nesterov
    #[arg(long, default_value = "0.9", value_parser = below_1)]
    momentum: f64,
    /// Examples in a batch, the same for both models [default: all]
    #[arg(long)]
    pub(crate) batch: Option<NonZeroUsize>,
    /// Weight decay
    #[arg(long, value_parser = crate::compare::not_negative)]
    decay: Option<f64>,
    /// Where weights decay to
    #[arg(long, default_value = "zero", requires = "decay")]
    decay_towards: Anchor,
    /// How the linear model is trained [default: in the way that is cheapest]
    #[arg(long)]
    linear: Option<WayName>,
    /// End when both losses on the training examples are at most this
    #[arg(long, value_parser = crate::compare::not_negative)]
    enough: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LearningRate {
    Auto,
    Constant(f64),
}

impl FromStr for LearningRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Auto) } else { positive(text).map(Self::Constant) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LossName {
    Squared,
    CrossEntropy,
    Logistic,
    Huber,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OptimiserName {
    Descent,
    HeavyBall,
    Nesterov,
    Adam,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Anchor {
    Zero,
    Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WayName {
    Weights,
    Function,
    ClosedForm,
}

impl Method {
    /// What it says of training on so many examples, with the given seed of batches.
    pub(crate) fn settings(&self, train: usize, seed: u64, threads: Threads) -> Result<Settings, String> {
        if let Some(batch) = self.batch.filter(|batch| batch.get() > train) {
            return Err(format!("batches of {batch} of {train} examples"));
        }
        let loss = match self.loss {
            LossName::Squared => Loss::Squared,
            LossName::CrossEntropy => Loss::CrossEntropy,
            LossName::Logistic => Loss::Logistic,
            LossName::Huber => Loss::Huber { threshold: self.threshold },
        };
        let momentum = self.momentum;
        let optimiser = match self.optimiser {
            OptimiserName::Descent => Optimiser::Descent,
            OptimiserName::HeavyBall => Optimiser::HeavyBall { momentum },
            OptimiserName::Nesterov => Optimiser::Nesterov { momentum },
            OptimiserName::Adam => Optimiser::ADAM,
        };
        let towards = match self.decay_towards {
            Anchor::Zero => Towards::Zero,
            Anchor::Origin => Towards::Origin,
        };
        let linear = self.linear.map(|way| match way {
            WayName::Weights => Way::Weights,
            WayName::Function => Way::Function,
            WayName::ClosedForm => Way::ClosedForm,
        });
        let settings = Settings {
            objective: Objective { loss, over: Over::Examples },
            optimiser,
            decay: self.decay.map(|rate| Decay { rate, towards }),
            rate: match self.lr {
                LearningRate::Auto => Rate::Auto,
                LearningRate::Constant(rate) => Rate::Constant(rate),
            },
            batches: self.batch.map(|size| Batches { size: size.get(), seed }),
            linear,
            enough: self.enough,
            threads,
            ..Settings::new(0.0, self.steps)
        };
        match linear {
            Some(way) if !way.serves(&settings) => Err(format!("these settings cannot be trained {way}")),
            _ => Ok(settings),
        }
    }

    /// The targets of an example's class and of the others.
    pub(crate) fn targets(&self) -> [f64; 2] {
        match self.loss {
            LossName::Squared | LossName::Huber => [0.9, -0.1],
            LossName::CrossEntropy => [1.0, 0.0],
            LossName::Logistic => [1.0, -1.0],
        }
    }

    /// What is minimised, as the label of an axis.
    pub(crate) fn label(&self) -> &'static str {
        match self.loss {
            LossName::Squared => "½ mean ‖f − y‖²",
            LossName::CrossEntropy => "mean cross-entropy, nats",
            LossName::Logistic => "mean logistic loss, nats",
            LossName::Huber => "mean Huber loss",
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|x: &f64| x.is_finite() && *x > 0.0)
        .ok_or_else(|| "not a positive number".into())
}

fn below_1(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|x: &f64| (0.0..1.0).contains(x))
        .ok_or_else(|| "not a number from 0 up and below 1".into())
}
