//! A network and its linear model on MNIST, by stochastic gradient descent. (Lee et al. 2019, Fig. S3.)
//!
//! Two hidden relu layers of 2048 units, σ_w² = 2, σ_b² = 0.1, learn the ten classes of 50 000 images under softmax cross-entropy:
//! batches of 64, rate 1, momentum 0.9. Beside the network, its linear model makes steps on the same batches. Shown are the root
//! mean square of the difference of their outputs on 512 test images, and the losses of both on these and on 512 of the images
//! that they learn: the paper's accuracies are multiples of 1/512.
//!
//! The loss is a mean over examples *and* outputs, as published losses show: they start at 0.286, where log 10 is 2.30. The paper
//! leaves open the scale of the inputs (here ‖x‖² is about the number of pixels) and the kind of momentum (here the heavy ball). It
//! makes 2¹⁸ steps, and `--full` 2¹⁰.
//!
//! `cargo run --release -p examples --example lee_fig_s3 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::prelude::*;
use cotangent::train::rmse;
use examples::{Failure, Images, Paper, Set, Study, TEN, Within, loss, side_by_side};
use figure::{Panel, Series};
use serde::Serialize;

/// The root mean square of f − f_lin on test images, and the losses on images that are learned and on test images.
const CURVES: [&str; 5] =
    ["RMSE", "loss, network", "loss, linear model", "test loss, network", "test loss, linear model"];

#[derive(Serialize)]
struct Point {
    width: usize,
    examples: usize,
    watched: usize,
    steps: usize,
    seed: u64,
}

fn main() -> ExitCode {
    examples::run("lee_fig_s3", "MNIST by stochastic gradient descent: Lee et al. 2019, Fig. S3", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (width, examples, watched, last) = study.either((2048, 50_000, 512, 10), (256, 900, 128, 7));
    let records: Vec<usize> = (0..=last).map(|j| 1 << j).collect();
    let images = study.images(Set::Mnist)?;
    let point = |seed| Point { width, examples, watched, steps: 1 << last, seed };
    let points: Vec<Point> = (0..study.either(3, 2)).map(point).collect();

    let found = study.measure(
        points,
        |_| 1.0,
        |point, done| {
            let mut task: Task<f32> = Images::task(&images, &TEN, [examples, watched], point.seed)?;
            // What is looked at: some of the images that are learned, and then those to test on.
            let [x, y] = [watched * images[0].size, watched * 10];
            task.test_x = [&task.train_x[..x], &task.test_x].concat();
            task.test_y = [&task.train_y[..y], &task.test_y].concat();
            let scaling = Scaling::ntk(2.0_f64.sqrt(), 0.1_f64.sqrt());
            let network = Network::new(mlp(&[width; 2], 10, Activation::Relu, scaling), [images[0].size]);
            let settings = Settings {
                objective: Objective { loss: Loss::CrossEntropy, over: Over::Outputs },
                optimiser: Optimiser::HeavyBall { momentum: 0.9 },
                batches: Some(Batches { size: 64, seed: point.seed }),
                threads: Threads::available(),
                ..Settings::new(1.0, point.steps)
            };
            let mut seen = Vec::<[f64; 5]>::new();
            let look = |models: &mut [&mut dyn Model<f32>]| {
                let [f, l] = [0, 1].map(|i: usize| models[i].outputs(Part::Test).to_vec());
                let [learned, tested] = [0..y, y..2 * y].map(|part| {
                    [&f, &l]
                        .map(|f| loss(&settings.objective, 10, &f[part.clone()], &task.test_y[part.clone()]))
                });
                seen.push([rmse(&f[y..], &l[y..]), learned[0], learned[1], tested[0], tested[1]]);
            };
            side_by_side(&network, &network.init(point.seed), &task, &settings, &records, done, look)?;
            Ok(seen)
        },
    )?;

    let curves: [_; 5] = std::array::from_fn(|which| {
        let of_row = |point: &Point, (&step, row): (&usize, &[f64; 5])| (point.seed, step as f64, row[which]);
        found.curves(|point, rows| records.iter().zip(rows).map(move |row| of_row(point, row)))
    });
    let published = CURVES.map(|curve| Paper::Lee.curve("S3", curve));
    for (which, within) in [(0, 1.5), (3, 1.2), (4, 1.2)] {
        for log in (3..=last).step_by(2) {
            let (step, theirs) = published[which][log];
            let name = format!("{}, {step} steps", CURVES[which]);
            study.hold(name, curves[which].at(step), theirs, Within::Factor(within));
        }
    }
    let both = |which: usize| {
        vec![
            Series::line("network", 0, curves[which].mean()),
            Series::dashed("linear model", 1, curves[which + 1].mean()),
            Series::points("network, Lee et al.", 0, published[which].clone()),
            Series::points("linear model, Lee et al.", 1, published[which + 1].clone()),
        ]
    };
    let distance = vec![
        Series::line("here", 2, curves[0].mean()),
        Series::points("Lee et al. 2019", 2, published[0].clone()),
    ];
    study.show(Panel::logarithmic(
        "Distance of the linear model",
        ["steps", "RMSE on test images"],
        distance,
    ));
    study.show(Panel::logarithmic("Images that are learned", ["steps", "loss"], both(1)));
    study.show(Panel::logarithmic("Test images", ["steps", "loss"], both(3)));
    Ok(())
}
