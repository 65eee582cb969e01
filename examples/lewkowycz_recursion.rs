//! The catapult of the smallest network, beside its exact recursion. (Lewkowycz et al. 2020, Section 2.)
//!
//! That network is f = v·u x/√n, with n = 512, one example x = 1 and target 0. Steps on f²/2 move f and its tangent kernel
//! λ = (‖u‖² + ‖v‖²)/n among themselves, exactly:
//!
//! > f ← (1 − ηλ + η²f²/n) f,  λ ← λ + (ηf²/n)(ηλ − 4).
//!
//! Below η = 2/λ₀ that is the linear model, and λ stays; from there to 4/λ₀ the loss grows to the order of n, by which λ falls
//! until it is below 2/η, and f converges after all; beyond, λ grows as well.
//!
//! `cargo run --release -p examples --example lewkowycz_recursion -- [--full] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::prelude::*;
use examples::catapult::{Outcome, Point};
use examples::{Failure, Study, Within};
use figure::{Axis, Panel, Series};

const WIDTH: usize = 512;
/// Steps that are compared with the recursion.
const LOOKS: usize = 200;

/// How far a step was from the recursion, at most, relative to the terms of sums: f = v·u/√n is one of up to √n λ/2.
fn off(steep: f64, way: &[(f64, f64)]) -> f64 {
    let (rate, width) = (steep / way[0].1, WIDTH as f64);
    let off = way.windows(2).map(|step| {
        let [(f, l), (f_next, l_next)] = [step[0], step[1]];
        let (a, b) = (rate * l, rate * f * f / width);
        let (next, change) = ((1.0 - a + rate * b) * f, b * (a - 4.0));
        let terms = [(1.0 + a + rate * b) * (f.abs() + width.sqrt() * l / 2.0), l + b * (a + 4.0)];
        ((f_next - next).abs() / terms[0]).max((l_next - l - change).abs() / terms[1])
    });
    off.fold(0.0, f64::max)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let steeps: Vec<f64> = (1..=90).map(|i| 0.05 * f64::from(i)).collect();
    let points = Point::grid(study.either(10, 3), &steeps, [WIDTH, 1], [4000, LOOKS]);
    let layers = || mlp(&[WIDTH], 1, Activation::Identity, Scaling::ntk(1.0, 0.0));
    let network = Network::new(layers(), [1]);
    let task = Task { train_x: vec![1.0], train_y: vec![0.0], test_x: vec![], test_y: vec![] };
    let found = study.measure(
        points,
        |point| point.steep.recip(),
        |point, done| Ok(point.follow(&network, &task, done)),
    )?;

    let difference = |steep, run: &Outcome| Some(1e15 * off(steep, &run.way[..run.way.len().min(LOOKS + 1)]));
    let name = "10¹⁵ × largest relative difference to the recursion";
    study.hold(name, found.largest(difference), 0.0, Within::Absolute(100.0));
    let steady = found.largest(|steep, run| (!run.rises).then_some(steep));
    study.hold("ηλ₀ up to which |f| never exceeds |f₀|", steady, 2.0, Within::Absolute(0.1));
    let change =
        |steep: f64, run: &Outcome| Some(WIDTH as f64 * (run.end.filter(|_| steep < 1.5)? - 1.0).abs());
    study.note("largest n |λ − λ₀|/λ₀ below ηλ₀ = 1.5, O(1)", found.largest(change));
    let caught = |steep: f64, run: &Outcome| Some(steep * run.end.filter(|_| run.rises)?);
    study.note("largest ηλ after a catapult (theorem: at most 2)", found.largest(caught));
    let converging = found.largest(|steep, run| run.end.map(|_| steep));
    study.hold("ηλ₀ up to which it converges", converging, 4.0, Within::Absolute(0.1));

    let losses = (1..=4).map(|i| {
        let (Point { steep, .. }, run) = &found.0[20 * i - 2];
        let points = (0..40).zip(&run.way).map(|(t, (f, _))| (f64::from(t), (0.5 * f * f).max(1e-9)));
        Series::line(format!("ηλ₀ = {steep:.2}"), i - 1, points.collect())
    });
    study.show(found.ends("Linear, one hidden layer of 512", 4));
    let axes = [Axis::linear("steps"), Axis::logarithmic("loss")];
    study.show(Panel::new("The first of them", axes, losses.collect()));
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lewkowycz_recursion", "The exact catapult: Lewkowycz et al. 2020, Section 2", study)
}
