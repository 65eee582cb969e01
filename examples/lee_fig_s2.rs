//! A convolutional network and its linear model under momentum. (Lee et al. 2019, Fig. S2.)
//!
//! Three convolutions of 3 × 3 with tanh, the mean over all pixels, and a readout, σ_w² = 2, σ_b² = 0.1, learn 128 images of two
//! classes of CIFAR-10 by gradient descent on all of them at rate 0.1, momentum 0.9, on the mean of ½ (f − y)². Its linear model makes
//! the same steps. Shown are the root mean square of the difference of their outputs on 128 test images, and the losses of both.
//!
//! The paper has 512 channels, which take 250 times the operations of 32: here are 16, 32 and 64, to show where they tend. Its times are
//! 1.265 · 2ʲ = √η · 2ʲ⁺²: a time is √η times the number of steps, as in the continuous limit of momentum, and the first point is that
//! after 4 steps.
//!
//! The paper leaves open the scale of the inputs (here ‖x‖² is about the number of them), the padding (here zeros, so that the size is
//! kept), and whether the pooling is over all pixels, as here.
//!
//! `cargo run --release -p examples --example lee_fig_s2 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::autodiff::Padding;
use cotangent::nets::{Conv, GlobalAvgPool, Windows};
use cotangent::prelude::*;
use cotangent::train::rmse;
use examples::{both_outputs, Curves, Failure, Images, Quantity, Set, Study, Within, loss, panel, series, side_by_side};
use figure::{Axes, Series, Style};
use serde::Serialize;

const RATE: f64 = 0.1;
/// After 2², 2³, … steps: the root mean square of f − f_lin on test images; losses of the network and of its linear model on images to
/// train on, and on test images.
const PUBLISHED: [[f64; 11]; 5] = [
    [5.02e-5, 2.38e-4, 5.88e-4, 1.29e-3, 1.62e-3, 2.73e-3, 5.79e-3, 1.45e-2, 3.72e-2, 0.117, 0.238],
    [0.540, 0.522, 0.469, 0.449, 0.431, 0.410, 0.378, 0.331, 0.262, 0.177, 0.098],
    [0.540, 0.522, 0.469, 0.450, 0.431, 0.411, 0.380, 0.335, 0.279, 0.219, 0.165],
    [0.554, 0.505, 0.476, 0.464, 0.458, 0.454, 0.447, 0.435, 0.420, 0.398, 0.394],
    [0.554, 0.505, 0.476, 0.465, 0.458, 0.454, 0.447, 0.437, 0.421, 0.401, 0.385],
];

#[derive(Serialize)]
struct Point {
    channels: usize,
    steps: usize,
    seed: u64,
    examples: usize,
}

fn main() -> ExitCode {
    examples::run("lee_fig_s2", "A convolutional network under momentum: Lee et al. 2019, Fig. S2", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (channels, examples, side, depth) = study.either(([16, 32, 64], 128, 32, 3), ([2, 4, 8], 16, 8, 1));
    let channels = std::env::var("CH").map_or(channels, |c| [c.parse().unwrap(); 3]);
    let last: usize = std::env::var("LAST").map_or(6, |l| l.parse().unwrap());
    let records: Vec<usize> = (2..=last).map(|j| 1 << j).collect();
    let images = study.images(Set::Cifar10)?;
    let points: Vec<Point> = vec![Point { channels: channels[0], steps: 1 << last, seed: 0, examples }];
    let found: Vec<Vec<[f64; 5]>> = study.measure(&points, |_| 1.0, |point, done| {
        let task: Task<f32> = Images::task(&images, &[7, 0], [point.examples; 2], point.seed)?;
        let scaling = Scaling::ntk(2.0_f64.sqrt(), 0.1_f64.sqrt());
        let mut net = Serial::new();
        for _ in 0..3 {
            net = net
                .then(Conv { channels: point.channels, windows: Windows::new([3, 3], Padding::Same), scaling })
                .then(Activation::Tanh);
        }
        let net = net.then(GlobalAvgPool).then(Dense { width: 1, scaling });
        let network = Network::new(net, [side, side, depth]);
        let settings = Settings {
            optimiser: Optimiser::HeavyBall { momentum: 0.9 },
            threads: Threads::available(),
            ..Settings::new(RATE, point.steps)
        };
        let mut seen = Vec::new();
        let look = |models: &mut [&mut dyn Model<f32>]| {
            let [f, l] = [0, 1].map(|i: usize| both_outputs(models[i]));
            let of = |f: &[f32], y: &[f32]| loss(&settings.objective, 1, f, y);
            let [learned, tested] = [&task.train_y, &task.test_y];
            seen.push([rmse(&f[1], &l[1]), of(&f[0], learned), of(&l[0], learned), of(&f[1], tested), of(&l[1], tested)]);
        };
        let start = std::time::Instant::now();
        side_by_side(&network, &network.init(point.seed), &task, &settings, &records, &|x| {eprint!("{x:.3} {:.1}\r", start.elapsed().as_secs_f64()); done(x)}, look)?;
        Ok(seen)
    })?;
    for (r, f) in records.iter().zip(&found[0]) { println!("{r} {f:.4?} {:.4?}", PUBLISHED.map(|p| p[(r.ilog2() - 2) as usize])); }
    Ok(())
}
