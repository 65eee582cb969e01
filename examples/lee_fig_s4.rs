//! Logits of networks and of their linear models drift apart under cross-entropy. (Lee et al. 2019, Fig. S4.)
//!
//! Four hidden tanh layers learn two classes of CIFAR-10 under cross-entropy. Shown is the root mean square of f − f_lin over test
//! images: in time for each width, and against width, at the end and by when it first exceeds 0.5.
//!
//! The paper shows five logits at widths 32 to 4096 for 8 · 10⁴ steps, and leaves open nearly all else. Here the classes are horses
//! and planes, with one output and the logistic loss, |D| = 128, σ_w² = 2, σ_b² = 0.1, all pixels are shifted and scaled
//! alike to mean 0 and variance 1, and the rate of gradient descent on all examples is 1. `--full` has widths up to 1024 and 2048 steps; the
//! published values at the end are those of the same widths, after the paper's steps.
//!
//! `cargo run --release -p examples --example lee_fig_s4 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::prelude::*;
use cotangent::train::{log_spaced, rmse};
use examples::{
    Curves, Failure, HORSES_AND_PLANES, Images, Paper, Set, Study, Within, exponent, side_by_side,
};
use figure::{Panel, Series};
use serde::Serialize;

#[derive(Serialize)]
struct Point {
    width: usize,
    seed: u64,
    examples: usize,
    rate: f64,
    steps: usize,
}

fn main() -> ExitCode {
    examples::run("lee_fig_s4", "Logits under cross-entropy against width: Lee et al. 2019, Fig. S4", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (logs, examples, steps, seeds) = study.either((5..11, 128, 2048, 3), (5..8, 32, 256, 2));
    let widths: Vec<usize> = logs.map(|log| 1 << log).collect();
    let images = study.images(Set::Cifar10)?;
    let point = |seed, width| Point { width, seed, examples, rate: 1.0, steps };
    let points: Vec<Point> =
        (0..seeds).flat_map(|seed| widths.iter().map(move |&width| point(seed, width))).collect();

    let cost = |point: &Point| (point.width * (images[0].size + 3 * point.width) + 200_000) as f64;
    // The distance of the outputs on test images after each of some steps.
    let found = study.measure(points, cost, |point, done| {
        let task: Task<f32> = Images::task(&images, &HORSES_AND_PLANES, [point.examples; 2], point.seed)?;
        let scaling = Scaling::ntk(2.0_f64.sqrt(), 0.1_f64.sqrt());
        let network = mlp(&[point.width; 4], 1, Activation::Tanh, scaling);
        let network = Network::new(network, [images[0].size]);
        let settings = Settings {
            objective: Objective { loss: Loss::Logistic, over: Over::Examples },
            threads: Threads::available(),
            ..Settings::new(point.rate, point.steps)
        };
        let records = log_spaced(point.steps);
        let mut distances = Vec::new();
        let look = |models: &mut [&mut dyn Model<f32>]| {
            let [f, l] = [0, 1].map(|i: usize| models[i].outputs(Part::Test).to_vec());
            distances.push(rmse(&f, &l));
        };
        side_by_side(&network, &network.init(point.seed), &task, &settings, &records, done, look)?;
        Ok(records.iter().map(|&step| step as f64).zip(distances).collect::<Vec<(f64, f64)>>())
    })?;

    let last = found.curves(|p, curve| [(p.seed, p.width as f64, curve[curve.len() - 1].1)]);
    let first = found.curves(|p, curve| {
        Some((p.seed, p.width as f64, curve.iter().find(|(_, distance)| *distance > 0.5)?.0))
    });
    // Of the widths that are measured here.
    let published = ["RMS at the end", "steps until 0.5"]
        .map(|curve| Paper::Lee.curve("S4", curve)[..widths.len()].to_vec());
    for &(width, steps) in &published[1] {
        let name = format!("steps until it is above 0.5, width {width}");
        study.hold(name, first.at(width), steps, Within::Factor(2.0));
    }
    let of_width = |(i, &width): (usize, &usize)| {
        let curves = Curves(found.of(|p| p.width == width).values().map(|curve| curve.to_vec()).collect());
        Series::line(format!("width {width}"), i, curves.mean())
    };
    let mut curves: Vec<Series> = widths.iter().enumerate().map(of_width).collect();
    let passed = published[1].iter().map(|point| (point.1, 0.5)).collect();
    curves.push(Series::points("0.5 is passed, Lee et al.", 6, passed));
    study.show(Panel::logarithmic("Distance in time", ["steps", "RMS of f − f_lin"], curves));
    let names = ["RMS of f − f_lin at the end", "steps until it is above 0.5"];
    for ((name, curves), published) in names.into_iter().zip([last, first]).zip(published) {
        let slope = exponent(&published);
        study.hold(format!("slope of {name}"), curves.slopes(0.0), slope, Within::Absolute(0.25));
        let here = Series::line("here", 0, curves.mean());
        let theirs = Series::points("Lee et al. 2019", 6, published);
        study.show(Panel::logarithmic(name, ["width", name], vec![here, theirs]));
    }
    Ok(())
}
