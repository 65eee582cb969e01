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
use examples::{Curves, Failure, Found, Images, Set, Study, Within, train_until};
use figure::{Axis, Panel, Series};
use serde::{Deserialize, Serialize};

/// Network, seed and ηλ₀.
type Point = (&'static str, u64, f64);

/// What training at a rate came to.
#[derive(Serialize, Deserialize)]
struct Run {
    /// (f, λ) of the first example, where it was looked at.
    way: Vec<(f64, f64)>,
    /// λ/λ₀ after the last step, if it was made.
    end: Option<f64>,
}

impl Run {
    /// λ/λ₀ in the end, unless it was diverging by then.
    fn end(&self) -> Option<f64> {
        self.end.filter(|&end| end < 2.0)
    }

    fn rises(&self) -> bool {
        self.way.iter().any(|(f, _)| f.abs() > self.way[0].0.abs())
    }
}

/// Descent at ηλ₀ = `steep`, with as many steps as that takes, looking at each of the first `looks`.
fn follow(network: &Network, task: &Task<f64>, seed: u64, steep: f64, steps: f64, looks: usize) -> Run {
    let (theta, n, x) = (network.init(seed), network.examples(&task.train_x), &task.train_x);
    let threads = if n > 1 { Threads::available() } else { Threads::one() };
    let mut jacobian = Linearized::of_network(network, n).at(&theta, x, &threads);
    let mut lambda = |theta: &[f64]| {
        jacobian.relinearize(theta, x);
        largest_eigenvalue(jacobian.rows(), |v, out| jacobian.gram_apply(v, out), 1e-4, 100).value / n as f64
    };
    let first = lambda(&theta);
    let (rate, steps) = (steep / first, (steps / steep).ceil() as usize);
    let settings = Settings { threads: threads.clone(), ..Settings::new(rate, steps) };
    let mut model = Descent::network(network, &theta, task, &settings);
    let records: Vec<usize> = (0..=looks.min(steps)).chain((looks < steps).then_some(steps)).collect();
    let mut way = Vec::new();
    let trained = train_until(&mut model, &records, &|_| {}, |model| {
        let theta = model.parameters().expect("a network has parameters");
        let now = (model.outputs(Part::Train)[0], lambda(&theta));
        way.extend(Some(now).filter(|(f, lambda)| f.is_finite() && lambda.is_finite()));
    });
    let end = way.last().filter(|_| trained.is_ok() && way.len() == records.len());
    Run { end: end.map(|(_, lambda)| lambda / first), way }
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
    let (images, classes) = (study.images(Set::Mnist)?, (0..10).collect::<Vec<u8>>());
    let ([width, examples], seeds, step) = study.either(([512, 256], 10, 1), ([64, 64], 3, 4));
    let grid = |name, seeds: u64, rates: Vec<f64>| -> Vec<Point> {
        (0..seeds).flat_map(|seed| rates.iter().map(move |&rate| (name, seed, rate))).collect()
    };
    let small = Network::new(mlp(&[512], 1, Activation::Identity, Scaling::ntk(1.0, 0.0)), [1]);
    let example = Task { train_x: vec![1.0], train_y: vec![0.0], test_x: vec![], test_y: vec![] };
    let points = grid("linear", seeds, (1..=90).map(|i| 0.05 * f64::from(i)).collect());
    let linear = study.measure(
        points,
        |_| 1.0,
        |&(_, seed, steep), _| Ok(follow(&small, &example, seed, steep, 4000.0, 200)),
    )?;
    let layers = mlp(&[width; 3], 10, Activation::Relu, Scaling::ntk(2_f64.sqrt(), 0.0));
    let wide = Network::new(layers, [images[0].size]);
    let points = grid("relu", 3, (step..=32).step_by(step).map(|i| 0.5 * i as f64).collect());
    let relu = study.measure(
        points,
        |point| 1.0 / point.2,
        |&(_, seed, steep), _| {
            let task = Images::task(&images, &classes, [examples, 10], seed)?;
            Ok(follow(&wide, &task, seed, steep, 80.0, 0))
        },
    )?;

    // Of each seed, the largest over rates.
    let largest = |curves: Curves| -> Vec<f64> {
        curves.0.iter().map(|curve| curve.iter().map(|point| point.1).fold(0.0, f64::max)).collect()
    };
    let of = |of: &dyn Fn(f64, &Run) -> Option<f64>| {
        largest(linear.curves(|&(_, seed, rate), run| Some((seed, rate, of(rate, run)?))))
    };
    let difference = of(&|rate, run| Some(1e15 * off(rate, 512.0, &run.way[..run.way.len().min(200)])));
    let steady = of(&|rate, run| (!run.rises()).then_some(rate));
    let change = of(&|rate, run| Some(512.0 * (run.end().filter(|_| rate < 1.5)? - 1.0).abs()));
    let caught = of(&|rate, run| Some(rate * run.end().filter(|_| run.rises())?));
    let converges = of(&|rate, run| run.end().map(|_| rate));
    let bounded = largest(relu.curves(|&(_, seed, rate), run| Some((seed, rate, run.end().map(|_| rate)?))));
    for (name, seeds, published, within) in [
        ("10¹⁵ × largest relative difference to the recursion", difference, Some(0.0), 100.0),
        ("linear: ηλ₀ up to which |f| never exceeds |f₀|", steady, Some(2.0), 0.1),
        ("linear: largest n |λ − λ₀|/λ₀ below ηλ₀ = 1.5, O(1)", change, None, 0.0),
        ("linear: largest ηλ after a catapult (theorem: at most 2)", caught, None, 0.0),
        ("linear: ηλ₀ up to which it converges", converges, Some(4.0), 0.1),
        ("relu: ηλ₀ up to which it does not diverge, about", bounded, Some(12.0), 3.0),
    ] {
        study.hold(name, seeds, published, Within::Absolute(within));
    }

    let ends = |found: &Found<Point, Run>, last: i32| {
        let ends = found.0.iter().filter_map(|((.., rate), run)| Some((*rate, run.end()?)));
        let bound = (20..=10 * last).map(|i| 0.1 * f64::from(i)).map(|rate| (rate, 2.0 / rate));
        let ends = Series::points("networks", 0, ends.collect());
        vec![ends, Series::dashed("2/η", 3, bound.collect())]
    };
    let losses = (1..=4).map(|i| {
        let ((.., rate), run) = &linear.0[20 * i - 2];
        let points = (0..40).zip(&run.way).map(|(t, (f, _))| (f64::from(t), (0.5 * f * f).max(1e-9)));
        Series::line(format!("ηλ₀ = {rate:.2}"), i - 1, points.collect())
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
