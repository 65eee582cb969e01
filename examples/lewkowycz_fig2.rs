//! The catapult of relu networks: the tangent kernel after training, against the rate. (Lewkowycz et al. 2020, Fig. 2.)
//!
//! λ is the largest eigenvalue of Θ/N, and is measured when ηt is 40 times 2/λ₀. A linear model diverges from η = 2/λ₀ on;
//! networks of three relu layers withstand rates up to about 12/λ₀, and in the end λ is below 2/η.
//!
//! In place of all of MNIST, 2048 units and minibatches: 256 digits, 512 units, full batches, σ_w² = 2 and no biases. With few
//! steps at large rates, a network counts as diverged if its λ is above 2 λ₀ then.
//!
//! `cargo run --release -p examples --example lewkowycz_fig2 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::prelude::*;
use examples::catapult::Point;
use examples::{Failure, Images, Set, Study, TEN, Within};

fn study(study: &mut Study) -> Result<(), Failure> {
    let images = study.images(Set::Mnist)?;
    let (sizes, step) = study.either(([512, 256], 1), ([64, 64], 4));
    let steeps: Vec<f64> = (step..=32).step_by(step).map(|i| 0.5 * i as f64).collect();
    let points = Point::grid(3, &steeps, sizes, [80, 0]);
    let found = study.measure(
        points,
        |point| point.steep.recip(),
        |point, done| {
            let layers = mlp(&[point.width; 3], 10, Activation::Relu, Scaling::ntk(2_f64.sqrt(), 0.0));
            let task = Images::task(&images, &TEN, [point.examples, 10], point.seed)?;
            Ok(point.follow(&Network::new(layers, [images[0].size]), &task, done))
        },
    )?;
    let bounded = found.largest(|steep, run| run.end.map(|_| steep));
    study.hold("ηλ₀ up to which it does not diverge, about", bounded, 12.0, Within::Absolute(3.0));
    study.show(found.ends("Relu, three hidden layers", 16));
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lewkowycz_fig2", "Large learning rates: Lewkowycz et al. 2020, Fig. 2", study)
}
