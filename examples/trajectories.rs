//! Losses of a network and of its linear model in time, beside those that the notebooks of neural-tangents print. (Novak et al. 2020;
//! `weight_space_linearization.ipynb`, `function_space_linearization.ipynb`.)
//!
//! One hidden layer of 512 erf units, ten outputs, σ_w = 1, σ_b = 0.05, MNIST; losses are means over examples and outputs. In weight
//! space, both models learn all 60 000 digits in batches of 128 by Nesterov's method (momentum 0.9, rate 1) and cross-entropy; a
//! line is printed every 390 steps. In function space, the linear model has the kernel between 64 digits, a mean over outputs;
//! 1000 steps each are made on the squared loss, on cross-entropy, and on this with momentum, *each from where the one before
//! ended*, with the kernel of the beginning: so the notebook was run, as its losses tell.
//!
//! Printed losses in weight space are those of one batch; here they are means over 39. In function space the notebook's linear model
//! follows gradient flow, here it makes steps.
//!
//! `cargo run --release -p examples --example trajectories -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;
use std::sync::Arc;

use cotangent::prelude::*;
use cotangent::train::KernelTask;
use examples::{Failure, Images, Paper, Set, Study, TEN, Within, both_outputs};
use figure::{Axis, Panel, Series};

/// Space, seed, examples and steps.
type Point = (&'static str, u64, usize, usize);
/// Steps, and the losses of network and linear model.
type Losses = Vec<(usize, [f64; 2])>;

const SPACES: [&str; 2] = ["weight space", "function space"];
const MOMENTUM: f64 = 0.9;

fn network(inputs: usize) -> Network {
    Network::new(mlp(&[512], 10, Activation::ERF, Scaling::ntk(1.0, 0.05)), [inputs])
}

fn settings(loss: Loss, optimiser: Optimiser) -> Settings {
    let objective = Objective { loss, over: Over::Outputs };
    Settings { objective, optimiser, threads: Threads::available(), ..Settings::new(1.0, 0) }
}

/// Losses, if training has not diverged.
fn finite(losses: [Option<f64>; 2]) -> Result<[f64; 2], Failure> {
    match losses {
        [Some(a), Some(b)] if a.is_finite() && b.is_finite() => Ok([a, b]),
        _ => Err(format!("losses are {losses:?}").into()),
    }
}

/// Both models by their weights, on batches: means over 39 steps, and the first.
fn in_weights(
    network: &Network,
    task: &Task<f32>,
    point: &Point,
    done: &dyn Fn(f64),
) -> Result<Losses, Failure> {
    let &(_, seed, examples, steps) = point;
    let batches = Batches { size: 128, seed };
    let nesterov = settings(Loss::CrossEntropy, Optimiser::Nesterov { momentum: MOMENTUM });
    let settings = Settings { batches: Some(batches), ..nesterov };
    let theta: Vec<f32> = network.init(seed);
    // It stands for the one on the examples to train on, which would only be needed for their outputs.
    let test = Linearized::of_network(network, network.examples(&task.test_x)).at(
        &theta,
        &task.test_x,
        &settings.threads,
    );
    let mut models = [
        Descent::network(network, &theta, task, &settings),
        Descent::linear(network, [&test, &test], &theta, task, &settings),
    ];
    let mut next = batches.of(examples);
    let mut losses = Vec::new();
    for step in 0..=steps {
        let batch = next();
        losses.push(finite(models.each_mut().map(|model| model.step(Some(&batch))))?);
        done(step as f64 / steps as f64);
    }
    let mean = |part: &[[f64; 2]]| [0, 1].map(|i| part.iter().map(|losses| losses[i]).sum::<f64>() / 39.0);
    let rest = losses[1..].chunks_exact(39).zip(1..).map(|(part, i)| (39 * i, mean(part)));
    Ok([(0, losses[0])].into_iter().chain(rest).collect())
}

/// The network by its weights and the linear model by its kernel, on three losses.
fn in_functions(
    network: &Network,
    task: &Task<f32>,
    point: &Point,
    done: &dyn Fn(f64),
) -> Result<Losses, Failure> {
    let &(_, seed, _, steps) = point;
    let mut theta: Vec<f32> = network.init(seed);
    let (ntk, x, threads) = (Empirical::ntk(network), &task.train_x, Threads::available());
    let [kernel, cross] = [(x, None), (&task.test_x, Some(&x[..]))]
        .map(|(x, others)| Arc::new(ntk.kernel(Kind::Trace, &theta, x, others, &threads).into_values()));
    let mut course = Losses::new();
    for (stage, (loss, optimiser)) in [
        (Loss::Squared, Optimiser::Descent),
        (Loss::CrossEntropy, Optimiser::Descent),
        (Loss::CrossEntropy, Optimiser::HeavyBall { momentum: MOMENTUM }),
    ]
    .into_iter()
    .enumerate()
    {
        let settings = settings(loss, optimiser);
        let mut trained = Descent::network(network, &theta, task, &settings);
        let start = both_outputs(&mut trained).map(Arc::new);
        let (kernel, cross, targets) = (kernel.clone(), cross.clone(), Arc::new(task.train_y.clone()));
        let mut linear =
            Descent::in_function_space(&KernelTask { kernel, cross, start, targets, outputs: 10 }, &settings);
        for step in 0..steps {
            let losses = finite([&mut trained, &mut linear].map(|model| model.step(None)))?;
            if step % (steps / 20) == 0 {
                course.push((stage * steps + step, losses));
                done(course.len() as f64 / 60.0);
            }
        }
        theta = trained.point().to_vec();
    }
    Ok(course)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let images = study.images(Set::Mnist)?;
    let ([all, batches, steps], seeds) = study.either(([60_000, 2340, 1000], 3), ([1000, 78, 100], 2));
    let points: Vec<Point> = (0..seeds)
        .flat_map(|seed| [("weight space", seed, all, batches), ("function space", seed, 64, steps)])
        .collect();
    let cost = |&(space, .., steps): &Point| if space == SPACES[0] { 1.5 } else { 1.0 } * steps as f64;
    let found = study.measure(points, cost, |point, done| {
        let task = Images::task(&images, &TEN, [point.2, 64], point.1)?;
        let way = if point.0 == SPACES[0] { in_weights } else { in_functions };
        way(&network(images[0].size), &task, point, done)
    })?;

    for space in SPACES {
        let paper = ["network", "linear model"].map(|model| Paper::Novak.curve(space, model));
        let curves = |of: &dyn Fn([f64; 2]) -> f64| {
            found.of(|point| point.0 == space).curves(|point, course| {
                course.iter().map(|&(step, losses)| (point.1, step as f64, of(losses))).collect::<Vec<_>>()
            })
        };
        let [network, linear, gap] =
            [curves(&|loss| loss[0]), curves(&|loss| loss[1]), curves(&|loss| 1e4 * (loss[0] - loss[1]))];
        for (&(step, loss), (_, of_linear)) in paper[0].iter().zip(&paper[1]) {
            let name = format!("{space}, step {step}");
            study.hold(
                format!("{name}: loss of the network"),
                network.at(step),
                loss,
                Within::Relative(0.15),
            );
            let (name, printed) = (format!("{name}: 10⁴ (network − linear)"), 1e4 * (loss - of_linear));
            study.hold(name, gap.at(step), printed.round(), Within::Absolute(5.0));
        }
        let [of_network, of_linear] = paper;
        let all = vec![
            Series::line("network", 0, network.mean()),
            Series::dashed("linear model", 1, linear.mean()),
            Series::points("notebook, network", 0, of_network),
            Series::points("notebook, linear", 1, of_linear),
        ];
        study.show(Panel::new(
            format!("In {space}"),
            [Axis::linear("steps"), Axis::logarithmic("loss")],
            all,
        ));
    }
    Ok(())
}

fn main() -> ExitCode {
    examples::run("trajectories", "Losses in time: the notebooks of neural-tangents", study)
}
