//! The catapult: what descent does at rates that are too large for the linear model. (Lewkowycz et al. 2020.)
//!
//! Section 2 solves the smallest network: f = v·u x/√n, one example x = 1 with target 0. Steps on f²/2 move f and its tangent
//! kernel λ = (‖u‖² + ‖v‖²)/n among themselves, exactly:
//!
//! > f ← (1 − ηλ + η²f²/n) f,  λ ← λ + (ηf²/n)(ηλ − 4).
//!
//! Below η = 2/λ₀ that is the linear model, and λ stays; from there to 4/λ₀ the loss grows to the order of n, by which λ falls
//! until it is below 2/η, and f converges after all; beyond, λ grows as well. Networks of relu layers stand about 12/λ₀; there
//! λ is the largest eigenvalue of Θ/N, and is measured when ηt is 40 times 2/λ₀ (Fig. 2).
//!
//! In place of all of MNIST, 2048 units and minibatches: 256 digits, 512 units, full batches, σ_w² = 2 and no biases. With few steps at
//! large rates, a network counts as diverged if its λ is above 2 λ₀ then.
//!
//! `cargo run --release -p examples --example lewkowycz -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::kernels::largest_eigenvalue;
use cotangent::prelude::*;
use examples::{Curves, Failure, Found, Images, Set, Study, TEN, Within, train_until};
use figure::{Axis, Panel, Series};
use serde::{Deserialize, Serialize};

/// Units of the linear network.
const LINEAR: usize = 512;

#[derive(Serialize)]
struct Point {
    relu: bool,
    seed: u64,
    /// ηλ₀
    steep: f64,
    width: usize,
    examples: usize,
    /// So many, divided by ηλ₀.
    steps: usize,
    /// So many of them are looked at.
    looks: usize,
}

/// What training at a rate came to.
#[derive(Serialize, Deserialize)]
struct Run {
    /// (f, λ) of the first example, where it was looked at.
    way: Vec<(f64, f64)>,
    /// Whether |f| was larger than |f₀| there.
    rises: bool,
    /// λ/λ₀ after the last step, unless training was diverging by then.
    end: Option<f64>,
}

fn follow(network: &Network, task: &Task<f64>, point: &Point, done: &dyn Fn(f64)) -> Run {
    let (theta, n, x) = (network.init(point.seed), network.examples(&task.train_x), &task.train_x);
    let threads = if n > 1 { Threads::available() } else { Threads::one() };
    let mut jacobian = Linearized::of_network(network, n).at(&theta, x, &threads);
    let mut lambda = |theta: &[f64]| {
        jacobian.relinearize(theta, x);
        largest_eigenvalue(jacobian.rows(), |v, out| jacobian.gram_apply(v, out), 1e-4, 100).value / n as f64
    };
    let first = lambda(&theta);
    let rate = point.steep / first;
    let (steps, looks) = ((point.steps as f64 / point.steep).ceil() as usize, point.looks);
    let settings = Settings { threads: threads.clone(), ..Settings::new(rate, steps) };
    let mut model = Descent::network(network, &theta, task, &settings);
    let records: Vec<usize> = (0..=looks.min(steps)).chain((looks < steps).then_some(steps)).collect();
    let mut way = Vec::new();
    let trained = train_until(&mut model, &records, done, |model| {
        let theta = model.parameters().expect("a network has parameters");
        let now = (model.outputs(Part::Train)[0], lambda(&theta));
        way.extend(Some(now).filter(|(f, lambda)| f.is_finite() && lambda.is_finite()));
    });
    let last = way.last().filter(|_| trained.is_ok() && way.len() == records.len());
    let end = last.map(|(_, lambda)| lambda / first).filter(|end| *end < 2.0);
    Run { rises: way.iter().any(|(f, _)| f.abs() > way[0].0.abs()), end, way }
}

/// How far a step was from the recursion, at most, relative to the terms of sums: f = v·u/√n is one of up to √n λ/2.
fn off(steep: f64, width: f64, way: &[(f64, f64)]) -> f64 {
    let rate = steep / way[0].1;
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
    let images = study.images(Set::Mnist)?;
    let ([width, examples], seeds, step) = study.either(([512, 256], 10, 1), ([64, 64], 3, 4));
    let grid = |relu, seeds, steeps: Vec<f64>, width, examples, [steps, looks]: [usize; 2]| {
        let at = move |seed, &steep: &f64| Point { relu, seed, steep, width, examples, steps, looks };
        (0..seeds)
            .flat_map(|seed| steeps.iter().map(move |steep| at(seed, steep)).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let linear = grid(false, seeds, (1..=90).map(|i| 0.05 * f64::from(i)).collect(), LINEAR, 1, [4000, 200]);
    let steeps = (step..=32).step_by(step).map(|i| 0.5 * i as f64).collect();
    let relu = grid(true, 3, steeps, width, examples, [80, 0]);
    let cost = |point: &Point| if point.relu { 50.0 / point.steep } else { 0.01 };
    let found = study.measure(linear.into_iter().chain(relu), cost, |point, done| {
        if point.relu {
            let layers = mlp(&[point.width; 3], 10, Activation::Relu, Scaling::ntk(2_f64.sqrt(), 0.0));
            let task = Images::task(&images, &TEN, [point.examples, 10], point.seed)?;
            return Ok(follow(&Network::new(layers, [images[0].size]), &task, point, done));
        }
        let layers = mlp(&[point.width], 1, Activation::Identity, Scaling::ntk(1.0, 0.0));
        let task = Task { train_x: vec![1.0], train_y: vec![0.0], test_x: vec![], test_y: vec![] };
        Ok(follow(&Network::new(layers, [1]), &task, point, done))
    })?;
    let [linear, relu] = [false, true].map(|relu| found.of(|point| point.relu == relu));

    // Of each seed, the largest over rates.
    let largest = |curves: Curves| -> Vec<f64> {
        curves.0.iter().map(|curve| curve.iter().map(|point| point.1).fold(0.0, f64::max)).collect()
    };
    let of = |runs: &Found<&Point, &Run>, of: &dyn Fn(f64, &Run) -> Option<f64>| {
        largest(runs.curves(|point, run| Some((point.seed, point.steep, of(point.steep, run)?))))
    };
    let difference =
        |steep, run: &Run| Some(1e15 * off(steep, LINEAR as f64, &run.way[..run.way.len().min(200)]));
    let change = |steep: f64, run: &Run| Some(LINEAR as f64 * (run.end.filter(|_| steep < 1.5)? - 1.0).abs());
    let caught = |steep: f64, run: &Run| Some(steep * run.end.filter(|_| run.rises)?);
    let converges = |steep, run: &Run| run.end.map(|_| steep);
    let to_recursion = of(&linear, &difference);
    study.hold(
        "10¹⁵ × largest relative difference to the recursion",
        to_recursion,
        0.0,
        Within::Absolute(100.0),
    );
    let steady = of(&linear, &|steep, run| (!run.rises).then_some(steep));
    study.hold("linear: ηλ₀ up to which |f| never exceeds |f₀|", steady, 2.0, Within::Absolute(0.1));
    study.note("linear: largest n |λ − λ₀|/λ₀ below ηλ₀ = 1.5, O(1)", of(&linear, &change));
    study.note("linear: largest ηλ after a catapult (theorem: at most 2)", of(&linear, &caught));
    let converging = of(&linear, &converges);
    study.hold("linear: ηλ₀ up to which it converges", converging, 4.0, Within::Absolute(0.1));
    let bounded = of(&relu, &converges);
    study.hold("relu: ηλ₀ up to which it does not diverge, about", bounded, 12.0, Within::Absolute(3.0));

    let ends = |runs: &Found<&Point, &Run>, last: i32| {
        let ends = runs.0.iter().filter_map(|(point, run)| Some((point.steep, run.end?)));
        let bound = (20..=10 * last).map(|i| 0.1 * f64::from(i)).map(|steep| (steep, 2.0 / steep));
        vec![Series::points("networks", 0, ends.collect()), Series::dashed("2/η", 3, bound.collect())]
    };
    let losses = (1..=4).map(|i| {
        let (Point { steep, .. }, run) = linear.0[20 * i - 2];
        let points = (0..40).zip(&run.way).map(|(t, (f, _))| (f64::from(t), (0.5 * f * f).max(1e-9)));
        Series::line(format!("ηλ₀ = {steep:.2}"), i - 1, points.collect())
    });
    let labels = ["ηλ₀", "λ/λ₀ in the end"];
    study.show(Panel::linear("Linear, one hidden layer of 512", labels, ends(&linear, 4)));
    let axes = [Axis::linear("steps"), Axis::logarithmic("loss")];
    study.show(Panel::new("The first of them", axes, losses.collect()));
    study.show(Panel::linear("Relu, three hidden layers", labels, ends(&relu, 16)));
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lewkowycz", "Large learning rates: Lewkowycz et al. 2020", study)
}
