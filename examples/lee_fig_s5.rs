//! How far a trained network is from its linear model, against width and depth. (Lee et al. 2019, Fig. S5, the pane of fully
//! connected networks.)
//!
//! One, two or four hidden layers learn 128 images of two classes of CIFAR-10 by gradient descent, σ_w² = 2, σ_b² = 0.1; beside
//! them their linear models in closed form, with the kernel of the network itself and with that of infinite width. Shown is the
//! root mean square of the difference on 128 other images, at the end of training.
//!
//! The paper leaves open the data, the activation, the rate and the number of steps. Here they are horses and planes, relu, a
//! quarter of the largest stable rate at infinite width, and 1024 steps. Widths end at 512 here, and at 4096 in the paper, whose curves
//! become steeper: published slopes are of the same widths.
//!
//! `cargo run --release -p examples --example lee_fig_s5 -- [--full --data FOLDER] [--out FOLDER]`
use std::ops::ControlFlow;
use std::process::ExitCode;

use cotangent::kernels::Infinite;
use cotangent::prelude::*;
use cotangent::train::{ClosedForm, Ridge, Training};
use examples::{Curves, Failure, Images, Quantity, Set, Study, Within, at_powers_of_two, series};
use faer::{Mat, MatRef};
use figure::{Axes, Panel, Style};
use serde::Serialize;

#[derive(Serialize)]
struct Point {
    depth: usize,
    width: usize,
    seed: u64,
    examples: usize,
    steps: u32,
}

/// Depths and their published distances for widths 2⁵ to 2¹².
const PUBLISHED: [(usize, [f64; 8]); 3] = [
    (1, [0.5723, 0.3998, 0.2455, 0.1373, 0.07644, 0.03657, 0.02079, 0.01209]),
    (2, [0.5348, 0.3604, 0.2319, 0.1254, 0.07186, 0.0353, 0.01941, 0.01052]),
    (4, [0.5306, 0.3256, 0.1899, 0.1139, 0.06066, 0.03224, 0.01655, 0.008749]),
];

fn main() -> ExitCode {
    examples::run("lee_fig_s5", "Networks and linear models after training: Lee et al. 2019, Fig. S5", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let threads = Threads::available();
    let (logs, seeds, examples, steps) = study.either((5..10, 3, 128, 1024), (5..8, 2, 32, 128));
    let widths: Vec<usize> = logs.map(|log| 1 << log).collect();
    let images = study.images(Set::Cifar10)?;
    let point = |depth, seed| widths.iter().map(move |&width| Point { depth, width, seed, examples, steps });
    let depths = PUBLISHED.iter().map(|published| published.0);
    let points: Vec<Point> =
        (0..seeds).flat_map(|seed| depths.clone().flat_map(move |depth| point(depth, seed))).collect();

    let cost =
        |point: &Point| (point.width * (images[0].size + (point.depth - 1) * point.width + 300)) as f64;
    let distances =
        study.measure(&points, cost, |&Point { depth, width, seed, examples, steps }, done| {
            let task: Task<f64> = Images::task(&images, &[7, 0], [examples; 2], seed)?;
            let network = |width| {
                let scaling = Scaling::ntk(2.0_f64.sqrt(), 0.1_f64.sqrt());
                Network::new(mlp(&vec![width; depth], 1, Activation::Relu, scaling), [images[0].size])
            };
            let limit = Infinite::new(&network(1))?;
            let (x, z) = (&task.train_x[..], &task.test_x[..]);
            let [own, cross] =
                [(x, None), (z, Some(x))].map(|(x, others)| limit.kernels(x, others, &threads).ntk);
            let infinite = ClosedForm::new(own.matrix(), Ridge::Absolute(0.0))?;
            // Of the loss 1/(2N) Σ (f − y)².
            let step = 0.25 * infinite.largest_stable_rate(0.0);

            let network = network(width);
            let theta: Vec<f64> = network.init(seed);
            let ntk = Empirical::ntk(&network);
            let [of_network, of_pairs] = [(x, None), (z, Some(x))]
                .map(|(x, others)| ntk.kernel(Kind::Trace, &theta, x, others, &threads));
            let finite = ClosedForm::new(of_network.matrix(), Ridge::Absolute(0.0))?;

            let narrow = |table: &[f64]| table.iter().map(|&value| value as f32).collect::<Vec<f32>>();
            let [train_x, train_y, test_x, test_y] = [x, &task.train_y, z, &task.test_y].map(narrow);
            let task32 = Task { train_x, train_y, test_x, test_y };
            let settings = Settings {
                threads: threads.clone(),
                ..Settings::new(step * examples as f64, steps as usize)
            };
            let mut model = Descent::network(&network, &narrow(&theta), &task32, &settings);
            let column = |values: &[f32]| Mat::from_fn(values.len(), 1, |i, _| f64::from(values[i]));
            let [f0, g0] = [Part::Train, Part::Test].map(|part| column(model.outputs(part)));
            let course = Course { steps: steps as usize, records: vec![], batches: None };
            let progress = |step| done(step as f64 / f64::from(steps));
            descend(&mut [&mut model], &course, |_, _| ControlFlow::Continue(()), progress)?;

            let f = column(model.outputs(Part::Test));
            let y = MatRef::from_row_major_slice(&task.train_y, examples, 1);
            let training = [Training::Steps { rate: step, momentum: 0.0, count: steps }];
            let distance = |form: &ClosedForm, cross: MatRef<'_, f64>| -> Result<f64, Failure> {
                let linear = form.elsewhere(cross, g0.as_ref(), f0.as_ref(), y, &training)?;
                Ok((&f - &linear[0]).norm_l2() / (examples as f64).sqrt())
            };
            Ok([distance(&finite, of_pairs.matrix())?, distance(&infinite, cross.matrix())?])
        })?;

    let (mut quantities, mut panels) = (Vec::new(), Vec::new());
    for (i, (depth, published)) in PUBLISHED.into_iter().enumerate() {
        let curves = [0, 1].map(|kernel| {
            let of_seed = |seed| {
                let all = points.iter().zip(&distances);
                let mine = all.filter(move |(point, _)| (point.depth, point.seed) == (depth, seed));
                mine.map(|(point, distances)| (point.width as f64, distances[kernel])).collect()
            };
            Curves((0..seeds).map(of_seed).collect())
        });
        let names = ["the network's own kernel", "the kernel of infinite width"];
        let published = at_powers_of_two(5, &published);
        // Of the widths that are measured here: over all, it is steeper.
        let slope = Curves(vec![published[..widths.len()].to_vec()]).slopes(0.0)[0];
        for ((curves, name), slope) in curves.iter().zip(names).zip([Some(slope), None]) {
            let name = format!("slope, depth {depth}, {name}");
            quantities.push(Quantity {
                name,
                seeds: curves.slopes(0.0),
                published: slope,
                within: Within::Absolute(0.15),
            });
        }
        panels.push(Panel {
            axes: Axes::Logarithmic,
            title: format!("hidden layers: {depth}"),
            x_label: "width".into(),
            y_label: "RMSE of f − f_lin at the end".into(),
            series: vec![
                series(names[0], i, Style::Solid, curves[0].mean()),
                series(names[1], i, Style::Dashed, curves[1].mean()),
                series("Lee et al. 2019", 6, Style::Points, published),
            ],
        });
    }
    study.finish(&panels, &quantities)
}
