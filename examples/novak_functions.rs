//! Losses of a network, trained by its weights, and of its linear model, trained by its kernel, beside those that a notebook of
//! neural-tangents prints. (Novak et al. 2020, `function_space_linearization.ipynb`.)
//!
//! One hidden layer of 512 erf units, ten outputs, σ_w = 1, σ_b = 0.05, learns 64 digits of MNIST at rate 1; losses are means over
//! examples and outputs, and the kernel is a mean over outputs. 1000 steps each are made on the squared loss, on cross-entropy,
//! and on this with momentum 0.9, *each from where the one before ended*, with the kernel of the beginning: so the notebook was
//! run, as its losses tell. Its linear model follows gradient flow, here it makes steps.
//!
//! `cargo run --release -p examples --example novak_functions -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;
use std::sync::Arc;

use cotangent::prelude::*;
use cotangent::train::KernelTask;
use examples::notebook::{self, Losses, Run};
use examples::{Failure, both_outputs};

/// How many losses are kept of each stage.
const KEPT: usize = 20;
const STAGES: [(Loss, Optimiser); 3] = [
    (Loss::Squared, Optimiser::Descent),
    (Loss::CrossEntropy, Optimiser::Descent),
    (Loss::CrossEntropy, Optimiser::HeavyBall { momentum: 0.9 }),
];

fn train(network: &Network, task: &Task<f32>, run: &Run, done: &dyn Fn(f64)) -> Result<Losses, Failure> {
    let mut theta: Vec<f32> = network.init(run.seed);
    let (ntk, x, threads) = (Empirical::ntk(network), &task.train_x, Threads::available());
    let [kernel, cross] = [(x, None), (&task.test_x, Some(&x[..]))]
        .map(|(x, others)| Arc::new(ntk.kernel(Kind::Trace, &theta, x, others, &threads).into_values()));
    let mut course = Losses::new();
    for (stage, (loss, optimiser)) in STAGES.into_iter().enumerate() {
        let settings = notebook::settings(loss, optimiser);
        let mut trained = Descent::network(network, &theta, task, &settings);
        let start = both_outputs(&mut trained).map(Arc::new);
        let (kernel, cross, targets) = (kernel.clone(), cross.clone(), Arc::new(task.train_y.clone()));
        let outputs = network.output().size();
        let mut linear =
            Descent::in_function_space(&KernelTask { kernel, cross, start, targets, outputs }, &settings);
        for step in 0..run.steps {
            let losses = notebook::finite([&mut trained, &mut linear].map(|model| model.step(None)))?;
            if step % (run.steps / KEPT) == 0 {
                course.push((stage * run.steps + step, losses));
                done(course.len() as f64 / (STAGES.len() * KEPT) as f64);
            }
        }
        theta = trained.point().to_vec();
    }
    Ok(course)
}

fn main() -> ExitCode {
    examples::run("novak_functions", "Losses in function space: a notebook of neural-tangents", |study| {
        let (seeds, steps) = study.either((3, 1000), (2, 100));
        let runs: Vec<Run> = (0..seeds).map(|seed| Run { seed, examples: 64, steps }).collect();
        notebook::reproduce(study, "function space", &runs, train)
    })
}
