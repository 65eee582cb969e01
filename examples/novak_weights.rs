//! Losses of a network and of its linear model, both trained by their weights, beside those that a notebook of neural-tangents
//! prints. (Novak et al. 2020, `weight_space_linearization.ipynb`.)
//!
//! One hidden layer of 512 erf units, ten outputs, σ_w = 1, σ_b = 0.05, learns all 60 000 digits of MNIST in batches of 128 by
//! Nesterov's method (momentum 0.9, rate 1) and cross-entropy, a mean over examples and outputs, and so does its linear model. The
//! notebook prints a line every 390 steps, with the losses of one batch; here they are means over 39 but for the first.
//!
//! `cargo run --release -p examples --example novak_weights -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::prelude::*;
use examples::Failure;
use examples::notebook::{self, Losses, Run};

/// Steps whose losses are averaged.
const AVERAGED: usize = 39;

fn train(network: &Network, task: &Task<f32>, run: &Run, done: &dyn Fn(f64)) -> Result<Losses, Failure> {
    let batches = Batches { size: 128, seed: run.seed };
    let nesterov = notebook::settings(Loss::CrossEntropy, Optimiser::Nesterov { momentum: 0.9 });
    let settings = Settings { batches: Some(batches), ..nesterov };
    let theta: Vec<f32> = network.init(run.seed);
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
    let mut next = batches.of(run.examples);
    let mut losses = Vec::new();
    for step in 0..=run.steps {
        let batch = next();
        losses.push(notebook::finite(models.each_mut().map(|model| model.step(Some(&batch))))?);
        done(step as f64 / run.steps as f64);
    }
    let mean =
        |part: &[[f64; 2]], i: usize| part.iter().map(|losses| losses[i]).sum::<f64>() / AVERAGED as f64;
    let parts = losses[1..].chunks_exact(AVERAGED).enumerate();
    let rest = parts.map(|(i, part)| (AVERAGED * (i + 1), [0, 1].map(|i| mean(part, i))));
    Ok([(0, losses[0])].into_iter().chain(rest).collect())
}

fn main() -> ExitCode {
    examples::run("novak_weights", "Losses in weight space: a notebook of neural-tangents", |study| {
        let (seeds, examples, steps) = study.either((3, 60_000, 2340), (2, 1000, 78));
        let runs: Vec<Run> = (0..seeds).map(|seed| Run { seed, examples, steps }).collect();
        notebook::reproduce(study, "weight space", &runs, train)
    })
}
