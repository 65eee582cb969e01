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
use cotangent::train::{Batches, KernelTask, Loss, Objective, Optimiser, Over};
use examples::{Curves, Failure, Images, Quantity, Set, Study, Within, both_outputs, panel, series};
use figure::{Axes, Style};

/// Steps, and the losses of network and linear model.
type Course = Vec<(usize, [f64; 2])>;
/// Space, seed, examples and steps.
type Point = (&'static str, u64, usize, usize);

const MOMENTUM: f64 = 0.9;
/// Steps, and losses of the network and of its linear model after them.
type Printed = (&'static str, &'static [usize], &'static [f64], &'static [f64]);
const PUBLISHED: [Printed; 2] = [
    (
        "weight space",
        &[0, 390, 780, 1170, 1560, 1950, 2340],
        &[0.2529, 0.0750, 0.0498, 0.0585, 0.0514, 0.0446, 0.0408],
        &[0.2529, 0.0759, 0.0513, 0.0595, 0.0530, 0.0467, 0.0423],
    ),
    (
        "function space",
        &[0, 100, 300, 500, 900, 1000, 1300, 1900, 2000, 2100, 2500, 2900],
        &[0.2444, 0.1231, 0.0652, 0.0434, 0.0239, 0.1696, 0.1204, 0.0728, 0.0680, 0.0399, 0.0120, 0.0067],
        &[0.2444, 0.1234, 0.0649, 0.0427, 0.0229, 0.1696, 0.1195, 0.0719, 0.0680, 0.0401, 0.0126, 0.0072],
    ),
];

fn main() -> ExitCode {
    examples::run("trajectories", "Losses in time: the notebooks of neural-tangents", study)
}

fn network(inputs: usize) -> Network {
    Network::new(mlp(&[512], 10, Activation::ERF, Scaling::ntk(1.0, 0.05)), [inputs])
}

fn settings(loss: Loss, optimiser: Optimiser) -> Settings {
    let objective = Objective { loss, over: Over::Outputs };
    Settings { objective, optimiser, threads: Threads::available(), ..Settings::new(1.0, 0) }
}

/// Both models by their weights, on batches: means over 39 steps, and the first.
fn in_weights(network: &Network, task: &Task<f32>, seed: u64, steps: usize, done: &dyn Fn(f64)) -> Course {
    let batches = Batches { size: 128, seed };
    let nesterov = settings(Loss::CrossEntropy, Optimiser::Nesterov { momentum: MOMENTUM });
    let settings = Settings { batches: Some(batches), ..nesterov };
    let theta: Vec<f32> = network.init(seed);
    let jacobian =
        |x: &[f32]| Linearized::of_network(network, network.examples(x)).at(&theta, x, &settings.threads);
    let [train, test] = [&task.train_x, &task.test_x].map(|x| jacobian(x));
    let mut models = [
        Descent::network(network, &theta, task, &settings),
        Descent::linear(network, [&train, &test], &theta, task, &settings),
    ];
    let mut next = batches.of(network.examples(&task.train_x));
    let losses: Vec<[f64; 2]> = (0..=steps)
        .map(|step| {
            done(step as f64 / steps as f64);
            let batch = next();
            models.each_mut().map(|model| model.step(Some(&batch)).unwrap_or(f64::NAN))
        })
        .collect();
    let mean = |part: &[[f64; 2]]| {
        [0, 1].map(|i| part.iter().map(|losses| losses[i]).sum::<f64>() / part.len() as f64)
    };
    let rest = losses[1..].chunks_exact(39).zip(1..).map(|(part, i)| (39 * i, mean(part)));
    [(0, losses[0])].into_iter().chain(rest).collect()
}

/// The network by its weights and the linear model by its kernel, on three losses.
fn in_functions(network: &Network, task: &Task<f32>, seed: u64, steps: usize, done: &dyn Fn(f64)) -> Course {
    let mut theta: Vec<f32> = network.init(seed);
    let (ntk, x) = (Empirical::ntk(network), &task.train_x);
    let kernel =
        |x: &[f32], others| ntk.kernel(Kind::Trace, &theta, x, others, &Threads::available()).into_values();
    let kernels = [kernel(x, None), kernel(&task.test_x, Some(x))].map(Arc::new);
    let mut course = Course::new();
    let stages = [
        (Loss::Squared, Optimiser::Descent),
        (Loss::CrossEntropy, Optimiser::Descent),
        (Loss::CrossEntropy, Optimiser::HeavyBall { momentum: MOMENTUM }),
    ];
    for (stage, (loss, optimiser)) in stages.into_iter().enumerate() {
        let settings = settings(loss, optimiser);
        let mut trained = Descent::network(network, &theta, task, &settings);
        let [kernel, cross] = kernels.clone();
        let start = both_outputs(&mut trained).map(Arc::new);
        let targets = Arc::new(task.train_y.clone());
        let mut linear =
            Descent::in_function_space(&KernelTask { kernel, cross, start, targets, outputs: 10 }, &settings);
        for step in 0..steps {
            let losses = [&mut trained, &mut linear].map(|model| model.step(None).unwrap_or(f64::NAN));
            if step % (steps / 20) == 0 {
                course.push((stage * steps + step, losses));
                done(course.len() as f64 / 60.0);
            }
        }
        theta = trained.point().to_vec();
    }
    course
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let images = study.images(Set::Mnist)?;
    let ([all, batches, steps], seeds) = study.either(([60_000, 2340, 1000], 3), ([1000, 78, 100], 2));
    let points: Vec<Point> = (0..seeds)
        .flat_map(|seed| [("weight space", seed, all, batches), ("function space", seed, 64, steps)])
        .collect();
    let cost = |&(_, _, examples, steps): &Point| (examples.min(128) * steps) as f64;
    let found = study.measure(&points, cost, |&(space, seed, examples, steps), done| {
        let classes: Vec<u8> = (0..10).collect();
        let task = Images::task(&images, &classes, [examples, 64], seed)?;
        let way = if space == "weight space" { in_weights } else { in_functions };
        Ok(way(&network(images[0].size), &task, seed, steps, done))
    })?;

    let (mut quantities, mut panels) = (Vec::new(), Vec::new());
    for (space, steps, network, linear) in PUBLISHED {
        let courses =
            || points.iter().zip(&found).filter(|(point, _)| point.0 == space).map(|(_, course)| course);
        for (i, step) in steps.iter().enumerate() {
            let mut add = |what: &str, printed, within, value: &dyn Fn([f64; 2]) -> f64| {
                let all = courses().filter_map(|course| course.iter().find(|at| at.0 == *step));
                let (values, name) =
                    (all.map(|at| value(at.1)).collect(), format!("{space}, step {step}: {what}"));
                quantities.push(Quantity::new(name, values, printed, within));
            };
            add("loss of the network", network[i], Within::Relative(0.15), &|losses| losses[0]);
            let printed = (1e4 * (network[i] - linear[i])).round();
            let gap = |losses: [f64; 2]| 1e4 * (losses[0] - losses[1]);
            add("10⁴ (network − linear)", printed, Within::Absolute(5.0), &gap);
        }
        let mean = |model: usize| {
            let all = (0..).zip(courses()).flat_map(|(seed, course)| {
                course.iter().map(move |(step, losses)| (seed, *step as f64, losses[model]))
            });
            Curves::of(all).mean().into_iter().map(|(step, loss)| (step, loss.log10())).collect::<Vec<_>>()
        };
        let paper = |losses: &[f64]| {
            steps.iter().zip(losses).map(|(step, loss)| (*step as f64, loss.log10())).collect::<Vec<_>>()
        };
        let all = vec![
            series("network", 0, Style::Solid, mean(0)),
            series("linear model", 1, Style::Dashed, mean(1)),
            series("notebook, network", 0, Style::Points, paper(network)),
            series("notebook, linear", 1, Style::Points, paper(linear)),
        ];
        panels.push(panel(Axes::Linear, [&format!("In {space}"), "steps", "log₁₀ of the loss"], all));
    }
    study.finish(&panels, &quantities)
}
