//! Networks in NTK and in standard parameterization learn alike, at rates that differ by the width. (Lee et al. 2019, Fig. S7.)
//!
//! Two hidden layers, relu or tanh, learn MNIST or CIFAR-10 with cross-entropy or the squared loss by steps on minibatches. Shown is
//! the accuracy on test images against η, the rate in NTK parameterization; in standard parameterization it is η/n for all layers.
//! Effective weights of fan-in n move by η σ_w²/n in the first and by η/n in the second, biases by η σ_b² and η/n: the two agree but
//! for factors σ_w², the input layer, whose fan-in is not n, and biases.
//!
//! The paper leaves open depth, width, σ_w, σ_b, what losses are means over, and how long is trained. Here n is a third of the
//! number of inputs (on the digits of quick runs, as many), so that input layers move alike on both sets, σ_w² = 2, σ_b² = 0.1,
//! means over examples and outputs (with means over examples alone, the squared loss would not be stable at its rate of 2⁴), 10 000
//! images in batches of 100, and 1000 or 400 steps: fewer than in the paper, whose accuracies are higher.
//!
//! `cargo run --release -p examples --example lee_fig_s7 -- [--full --data FOLDER] [--out FOLDER]`
use std::ops::ControlFlow;
use std::process::ExitCode;

use cotangent::prelude::*;
use cotangent::train::accuracy;
use examples::{Failure, Images, Paper, Set, Study, TEN, Within, mean};
use figure::{Axis, Panel, Series};
use serde::Serialize;

#[derive(Serialize)]
struct Point {
    set: Set,
    case: usize,
    standard: bool,
    log_rate: i32,
    width: usize,
    examples: [usize; 2],
    steps: usize,
    seed: u64,
}

/// Name, activation, loss, and binary logarithms of rates.
const CASES: [(&str, &str, Loss, [i32; 3]); 4] = [
    ("relu, cross-entropy", "relu", Loss::CrossEntropy, [0, 3, 6]),
    ("relu, squared loss", "relu", Loss::Squared, [-1, 1, 3]),
    ("tanh, cross-entropy", "tanh", Loss::CrossEntropy, [0, 3, 6]),
    ("tanh, squared loss", "tanh", Loss::Squared, [-1, 1, 3]),
];

fn main() -> ExitCode {
    examples::run("lee_fig_s7", "NTK and standard parameterization: Lee et al. 2019, Fig. S7", study)
}

/// The share of test images that are known after training.
fn known(images: &[Images; 2], point: &Point, done: &dyn Fn(f64)) -> Result<f64, Failure> {
    let &Point { case, standard, log_rate, width, examples, steps, seed, .. } = point;
    let (_, activation, loss, _) = CASES[case].clone();
    let task = Images::task(images, &TEN, examples, seed)?;
    let scaling = if standard { Scaling::standard } else { Scaling::ntk };
    let layers = mlp(&[width; 2], 10, activation.parse()?, scaling(2.0_f64.sqrt(), 0.1_f64.sqrt()));
    let network = Network::new(layers, [images[0].size]);
    let rate = f64::from(log_rate).exp2() / if standard { width as f64 } else { 1.0 };
    let batches = Batches { size: 100, seed };
    let settings = Settings {
        objective: Objective { loss, over: Over::Outputs },
        batches: Some(batches),
        threads: Threads::available(),
        ..Settings::new(rate, steps)
    };
    let mut model = Descent::<f32>::network(&network, &network.init(seed), &task, &settings);
    let course = Course { steps, records: vec![], batches: Some((batches, examples[0])) };
    let progress = |step| done(step as f64 / steps as f64);
    let trained = descend(&mut [&mut model], &course, |_, _| ControlFlow::Continue(()), progress);
    // One that diverged knows nothing.
    Ok(trained.map_or(0.1, |_| accuracy(model.outputs(Part::Test), &task.test_y, 10)))
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (sets, examples, seeds) = study.either(
        (&[(Set::Mnist, 256, 1000), (Set::Cifar10, 1024, 400)][..], [10_000, 2000], 3),
        (&[(Set::Mnist, 64, 60)], [1000, 700], 2),
    );
    let images = sets.iter().map(|&(set, ..)| study.images(set)).collect::<Result<Vec<_>, _>>()?;
    let images = |of: Set| &images[sets.iter().position(|&(set, ..)| set == of).unwrap_or(0)];
    let panes = || sets.iter().flat_map(|&set| (0..CASES.len()).map(move |case| (set, case)));
    let mut points = Vec::new();
    for ((set, width, steps), case) in panes() {
        for log_rate in CASES[case].3 {
            for (seed, standard) in (0..seeds).flat_map(|seed| [(seed, false), (seed, true)]) {
                points.push(Point { set, case, standard, log_rate, width, examples, steps, seed });
            }
        }
    }
    let cost = |point: &Point| (point.steps * point.width * images(point.set)[0].size) as f64;
    let found = study.measure(points, cost, |point, done| known(images(point.set), point, done))?;

    for ((set, ..), case) in panes() {
        let name = format!("{set}, {}", CASES[case].0);
        let [ntk, standard] = [false, true].map(|standard| {
            let mine = found.of(|p| (p.set, p.case, p.standard) == (set, case, standard));
            mine.curves(|p, &&accuracy| [(p.seed, f64::from(p.log_rate).exp2(), accuracy)])
        });
        let compare = |(ntk, standard): (&Vec<(f64, f64)>, &Vec<(f64, f64)>)| {
            let differences: Vec<f64> = ntk.iter().zip(standard).map(|(a, b)| b.1 - a.1).collect();
            // What the accuracy gains from doubling the rate, on the mean.
            let (first, last) = (ntk[0], ntk[ntk.len() - 1]);
            let gain = (last.1 - first.1) / (last.0 / first.0).log2();
            (mean(&differences), mean(&differences) / gain)
        };
        let (differences, octaves) = ntk.0.iter().zip(&standard.0).map(compare).unzip();
        let title = format!("{name}: accuracy, standard − NTK");
        study.hold(title, differences, 0.0, Within::Absolute(0.02));
        study.hold(format!("{name}: in octaves of the rate"), octaves, 0.0, Within::Absolute(0.5));
        // Medians over both parameterizations.
        let published = Paper::Lee.curve("S7", &name);
        let curves = vec![
            Series::line("NTK", 0, ntk.mean()),
            Series::dashed("standard", 1, standard.mean()),
            Series::points("Lee et al. 2019, both", 6, published),
        ];
        let axes = [Axis::logarithmic("η, n times the standard rate"), Axis::linear("test accuracy")];
        study.show(Panel::new(name, axes, curves));
    }
    Ok(())
}
