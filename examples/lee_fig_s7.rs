//! Networks in NTK and in standard parameterization learn alike, at rates that differ by the width. (Lee et al. 2019, Fig. S7.)
//!
//! Two hidden layers, relu or tanh, learn MNIST with cross-entropy or the squared loss by steps on minibatches. Shown is the accuracy
//! on test images against η, the rate in NTK parameterization; in standard parameterization it is η/n for all layers. Effective
//! weights of fan-in n move by η σ_w²/n in the first and by η/n in the second, biases by η σ_b² and η/n: the two agree but for
//! factors σ_w², the input layer, whose fan-in is not n, and biases.
//!
//! The paper leaves open depth, width, σ_w, σ_b, what losses are means over, and how long is trained. Here n = 256, σ_w² = 2, σ_b² = 0.1,
//! means over examples and outputs (with means over examples alone, the squared loss would not be stable at its rate of 2⁴),
//! 10 000 images in batches of 100, and 1000 steps: fewer than in the paper, whose accuracies at small rates are higher.
//!
//! `cargo run --release -p examples --example lee_fig_s7 -- [--full --data FOLDER] [--out FOLDER]`
use std::ops::ControlFlow;
use std::process::ExitCode;

use cotangent::prelude::*;
use cotangent::train::accuracy;
use examples::{Failure, Images, Paper, Set, Study, TEN, Within};
use figure::{Axis, Panel, Series};
use serde::Serialize;

#[derive(Serialize)]
struct Point {
    case: usize,
    standard: bool,
    log_rate: i32,
    width: usize,
    examples: [usize; 2],
    steps: usize,
    seed: u64,
}

const CASES: [&str; 4] =
    ["relu, cross-entropy", "relu, squared loss", "tanh, cross-entropy", "tanh, squared loss"];

fn main() -> ExitCode {
    examples::run("lee_fig_s7", "NTK and standard parameterization: Lee et al. 2019, Fig. S7", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let threads = Threads::available();
    let ([width, steps], sizes, seeds) =
        study.either(([256, 1000], [10_000, 10_000], 3), ([64, 60], [1000, 700], 2));
    let images = study.images(Set::Mnist)?;
    let tasks =
        (0..seeds).map(|seed| Images::task(&images, &TEN, sizes, seed)).collect::<Result<Vec<_>, _>>()?;

    let rates = |case| if case % 2 == 0 { (-3..=7).step_by(2) } else { (-5..=3).step_by(2) };
    let of_rate = |case, log_rate, seed| {
        [false, true].map(|standard| Point { case, standard, log_rate, width, examples: sizes, steps, seed })
    };
    let of_case =
        |case| rates(case).flat_map(move |rate| (0..seeds).flat_map(move |seed| of_rate(case, rate, seed)));
    let found = study.measure(
        (0..4).flat_map(of_case),
        |_| 1.0,
        |point, done| {
            let (relu, cross) = (point.case < 2, point.case % 2 == 0);
            let kind = if point.standard { Scaling::standard } else { Scaling::ntk };
            let activation = if relu { Activation::Relu } else { Activation::Tanh };
            let body = mlp(&[width; 2], 10, activation, kind(2.0_f64.sqrt(), 0.1_f64.sqrt()));
            let (network, task) = (Network::new(body, [images[0].size]), &tasks[point.seed as usize]);
            let rate = f64::from(point.log_rate).exp2() / if point.standard { width as f64 } else { 1.0 };
            let batches = Batches { size: 100, seed: point.seed };
            let settings = Settings {
                objective: Objective {
                    loss: if cross { Loss::CrossEntropy } else { Loss::Squared },
                    over: Over::Outputs,
                },
                batches: Some(batches),
                threads: threads.clone(),
                ..Settings::new(rate, steps)
            };
            let mut model = Descent::<f32>::network(&network, &network.init(point.seed), task, &settings);
            let course = Course { steps, records: vec![], batches: Some((batches, sizes[0])) };
            let progress = |step| done(step as f64 / steps as f64);
            let trained = descend(&mut [&mut model], &course, |_, _| ControlFlow::Continue(()), progress);
            // One that diverged knows nothing.
            Ok(trained.map_or(0.1, |_| accuracy(model.outputs(Part::Test), &task.test_y, 10)))
        },
    )?;

    for (case, name) in CASES.into_iter().enumerate() {
        let [ntk, standard] = [false, true].map(|standard| {
            let mine = found.of(|p| (p.case, p.standard) == (case, standard));
            mine.curves(|p, &&accuracy| [(p.seed, f64::from(p.log_rate).exp2(), accuracy)])
        });
        let (mut differences, mut octaves) = (Vec::new(), Vec::new());
        for (ntk, standard) in ntk.0.iter().zip(&standard.0) {
            let difference = ntk.iter().zip(standard).map(|(a, b)| b.1 - a.1).sum::<f64>() / ntk.len() as f64;
            // What the accuracy gains from doubling the rate, on the mean.
            let (first, last) = (ntk[0], ntk[ntk.len() - 1]);
            differences.push(difference);
            octaves.push(difference * (last.0 / first.0).log2() / (last.1 - first.1));
        }
        let mut hold = |what: &str, seeds, within| {
            study.hold(format!("{name}: {what}"), seeds, 0.0, Within::Absolute(within));
        };
        hold("accuracy, standard − NTK", differences, 0.02);
        hold("the same in octaves of the rate", octaves, 0.5);
        // Medians over both parameterizations.
        let published = Paper::Lee.curve("S7", &format!("MNIST, {name}"));
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
