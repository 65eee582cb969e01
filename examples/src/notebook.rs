//! What two notebooks of neural-tangents have in common: the network, the rate, and the losses that they print. (Novak et al.
//! 2020.)

use cotangent::prelude::*;
use figure::{Axis, Panel, Series};
use serde::Serialize;

use crate::{Failure, Found, Images, Paper, Set, Study, TEN, Within};

/// Which digits, which network, and how far it is trained.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Run {
    /// Of the choice of digits and of the network.
    pub seed: u64,
    /// Digits to train on.
    pub examples: usize,
    /// Of training; of each part of it, if it has several.
    pub steps: usize,
}

/// The number of steps made, and the losses of network and linear model there.
pub type Losses = Vec<(usize, [f64; 2])>;

/// Rate 1 on a loss that is a mean over examples and outputs.
pub fn settings(loss: Loss, optimiser: Optimiser) -> Settings {
    let objective = Objective { loss, over: Over::Outputs };
    Settings { objective, optimiser, threads: Threads::available(), ..Settings::new(1.0, 0) }
}

/// Losses, if training has not diverged.
///
/// # Errors
/// If it has.
pub fn finite(losses: [Option<f64>; 2]) -> Result<[f64; 2], Failure> {
    match losses {
        [Some(a), Some(b)] if a.is_finite() && b.is_finite() => Ok([a, b]),
        _ => Err(format!("losses are {losses:?}").into()),
    }
}

/// Trains networks of one hidden layer of 512 erf units, ten outputs, σ_w = 1, σ_b = 0.05, on MNIST, as `train` says, and holds
/// their losses, and the gaps between them and those of their linear models, against the lines of the notebook.
///
/// # Errors
/// If there are no digits, or training fails.
pub fn reproduce(
    study: &mut Study,
    space: &str,
    runs: &[Run],
    train: impl Fn(&Network, &Task<f32>, &Run, &dyn Fn(f64)) -> Result<Losses, Failure>,
) -> Result<(), Failure> {
    let images = study.images(Set::Mnist)?;
    let layers = || mlp(&[512], 10, Activation::ERF, Scaling::ntk(1.0, 0.05));
    let network = Network::new(layers(), [images[0].size]);
    let found = study.measure(
        runs.iter().copied(),
        |_| 1.0,
        |run, done| {
            let task = Images::task(&images, &TEN, [run.examples, 64], run.seed)?;
            train(&network, &task, run, done)
        },
    )?;
    hold(study, space, &found);
    Ok(())
}

fn hold(study: &mut Study, space: &str, found: &Found<Run, Losses>) {
    let curves = |of: &dyn Fn([f64; 2]) -> f64| {
        found.curves(|run, losses| {
            losses.iter().map(|&(step, losses)| (run.seed, step as f64, of(losses))).collect::<Vec<_>>()
        })
    };
    let [network, linear, gap] =
        [curves(&|loss| loss[0]), curves(&|loss| loss[1]), curves(&|loss| 1e4 * (loss[0] - loss[1]))];
    let paper = ["network", "linear model"].map(|model| Paper::Novak.curve(space, model));
    for (&(step, loss), (_, of_linear)) in paper[0].iter().zip(&paper[1]) {
        let name = |what: &str| format!("{space}, step {step}: {what}");
        study.hold(name("loss of the network"), network.at(step), loss, Within::Relative(0.15));
        let printed = (1e4 * (loss - of_linear)).round();
        study.hold(name("10⁴ (network − linear)"), gap.at(step), printed, Within::Absolute(5.0));
    }
    let [of_network, of_linear] = paper;
    let all = vec![
        Series::line("network", 0, network.mean()),
        Series::dashed("linear model", 1, linear.mean()),
        Series::points("notebook, network", 0, of_network),
        Series::points("notebook, linear", 1, of_linear),
    ];
    let axes = [Axis::linear("steps"), Axis::logarithmic("loss")];
    study.show(Panel::new(format!("In {space}"), axes, all));
}
