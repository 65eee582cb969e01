//! What an ensemble of networks predicts while it learns, beside its limit of infinite width in closed form. (Lee et al. 2019,
//! Fig. 2.)
//!
//! Three hidden tanh layers, σ_w² = 1.5, no biases, learn 128 images of two classes, ±1, by gradient descent on all of them at rate
//! 0.5 on the mean square error. Shown is what 100 networks say between and beyond two images of different class, x(α) = α x₁ +
//! (1 − α) x₂, before training and after 16, 256 and 65536 steps: mean and two standard deviations, of networks and in the limit
//! (Eqs 14 to 16); in the end also the posterior of the Gaussian process whose covariance is that of the networks before training.
//! Whether networks are draws from the limit is judged by z, differences of their means and covariances in units of their
//! standard errors.
//!
//! The paper leaves open the data and their scale. Here they are horses and planes of CIFAR-10, its other task of two classes, as
//! in Fig. 3; all x and x(α) have ‖x‖² = their length, without which the published band would not be flat before training, and the
//! square has no ½, without which it would be twice as wide after 256 steps at examples that are trained on. Networks have 512
//! units in each layer, in the paper 8192, and their last 65280 steps are 200 with momentum 0.95, after which as little is left.
//!
//! `cargo run --release -p examples --example lee_fig2 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::kernels::Which;
use cotangent::prelude::*;
use cotangent::train::Training;
use examples::{
    Each, Failure, HORSES_AND_PLANES, Images, Moments, Paper, Set, Study, Within, train, train_until,
};
use figure::{Panel, Series, Style};
use serde::Serialize;

/// A network: its seed, that of the choice of images, and how these are scaled.
#[derive(Serialize)]
struct Point {
    each: Each,
    rate: f64,
    images: u64,
    width: usize,
    network: u64,
}

const EXAMPLES: usize = 128;
const EACH: Each = Each::Channel;
/// The rate 0.5 on the mean square error is this one on the half of it.
const RATE: f64 = 1.0;
const ALPHAS: usize = 101;
const TIMES: [u32; 4] = [0, 16, 256, 65536];
/// Where the paper is read: on both sides, places of ours and points of its curves.
const PLACES: [(&str, [usize; 2], [usize; 2]); 3] = [
    ("at the ends", [1, 99], [0, 6]),
    ("near the images", [40, 60], [2, 4]),
    ("at α = 0.5", [50; 2], [3; 2]),
];

/// From −2 to 3; near the two images of different class, which are at 0 and 1, where the paper is read.
fn alpha(i: usize) -> f64 {
    match i {
        40 => 0.02,
        60 => 0.98,
        _ => 0.05 * i as f64 - 2.0,
    }
}

/// Images to train on, and x(α) to test on.
fn task(images: &[Images; 2], seed: u64) -> Result<Task<f32>, Failure> {
    let task = Images::task(images, &HORSES_AND_PLANES, [EXAMPLES, 1], seed)?;
    let Task { train_x, train_y, .. } = images[0].standardise(EACH, task);
    let rows = Images::in_span(&train_x, EXAMPLES)?;
    let first = |class| train_y.iter().position(|&y| y == class).ok_or("all images are of one class");
    let (x1, x2) = (&rows[first(-1.0)?], &rows[first(1.0)?]);
    let mixed = |t: f32| x1.iter().zip(x2).map(move |(a, b)| t * a + (1.0 - t) * b).collect::<Vec<f32>>();
    let test_x = (0..ALPHAS).flat_map(|i| Images::normalised(&mixed(alpha(i) as f32))).collect();
    Ok(Task { train_x: rows.concat(), train_y, test_x, test_y: vec![0.0; ALPHAS] })
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let threads = Threads::available();
    let ([narrow, wide], [choices, trained], networks) =
        study.either(([128, 512], [10, 3], 100), ([16, 32], [3, 2], 20));
    let images = study.images(Set::Cifar10)?;
    let tasks = (0..choices).map(|seed| task(&images, seed)).collect::<Result<Vec<_>, _>>()?;
    let tanh = |width| {
        let scaling = Scaling::ntk(1.5_f64.sqrt(), 0.0);
        Network::new(mlp(&[width; 3], 1, Activation::Tanh, scaling), [EXAMPLES])
    };

    let steps = TIMES.map(|count| Training::Steps { rate: RATE / EXAMPLES as f64, momentum: 0.0, count });
    let mut limits = Vec::new();
    for task in &tasks {
        let limit = |which, trainings| Moments::of_limit(&tanh(1), task, which, trainings, &threads);
        limits.push([limit(Which::Ntk, &steps)?, limit(Which::Nngp, &[Training::Converged])?].concat());
    }

    let of = |images, width| {
        (0..networks).map(move |network| Point { each: EACH, rate: RATE, images, width, network })
    };
    let points = (0..trained).flat_map(|images| of(images, narrow).chain(of(images, wide)));
    let cost = |point: &Point| (point.width * (point.width + 100)) as f64;
    let found = study.measure(points, cost, |point, done| -> Result<Vec<Vec<f32>>, Failure> {
        let task = &tasks[point.images as usize];
        let network = tanh(point.width);
        let theta = network.init(1000 * point.images + point.network);
        let settings = Settings { threads: threads.clone(), ..Settings::new(RATE, 256) };
        let mut seen = Vec::new();
        let mut model = Descent::network(&network, &theta, task, &settings);
        train_until(&mut model, &[0, 16, 256], &|part| done(0.5 * part), |model| {
            seen.push(model.outputs(Part::Test).to_vec());
        })?;
        let faster = Settings { optimiser: Optimiser::HeavyBall { momentum: 0.95 }, ..settings };
        let mut model = Descent::network(&network, model.point(), task, &faster);
        train(&mut model, 200, &|part| done(0.5 + 0.5 * part))?;
        seen.push(model.outputs(Part::Test).to_vec());
        Ok(seen)
    })?;

    let when = |time: usize| TIMES.get(time).map_or("posterior".into(), |steps| format!("{steps} steps"));
    let published =
        |time| ["mean", "2 sd"].map(|what| Paper::Lee.curve("2", &format!("{what}, {}", when(time))));
    for time in 0..=TIMES.len() {
        let [means, widths] = published(time);
        let mut hold = |what: &str, seeds: Vec<f64>, published| {
            study.hold(format!("{}: {what}", when(time)), seeds, published, Within::Factor(1.25));
        };
        let each = |of: &dyn Fn(&Moments) -> f64| limits.iter().map(|limit| of(&limit[time])).collect();
        if time > 0 {
            let mean = each(&|m| 0.5 * (m.at(1, 0.0)[0] - m.at(99, 0.0)[0]));
            hold("±mean at the ends", mean, 0.5 * (means[0].1 - means[6].1));
        }
        for (place, ours, [i, j]) in PLACES {
            let both = each(&|m| ours.map(|i| m.at(i, 1.0)[1]).iter().sum());
            hold(&format!("2 sd {place}"), both, 0.5 * (widths[i].1 + widths[j].1));
        }
    }

    let alphas: Vec<f64> = (0..ALPHAS).map(alpha).collect();
    for time in 0..TIMES.len() {
        let of = |width, images| {
            let mine = found.of(|point| (point.width, point.images) == (width, images));
            Moments::of(&mine.values().map(|seen| &seen[time][..]).collect::<Vec<_>>())
        };
        for width in [narrow, wide] {
            let score = |images| of(width, images).scores(&limits[images as usize][time], networks, 0.05);
            let scores: Vec<[f64; 2]> = (0..trained).map(score).collect();
            for (i, name) in ["means", "covariances"].into_iter().enumerate() {
                let name = format!("{}: rms z of {name}, n = {width}", when(time));
                study.note(name, scores.iter().map(|z| z[i]).collect());
            }
        }

        let (limit, mine, [means, widths]) = (&limits[0][time], of(wide, 0), published(time));
        let marks = means.iter().zip(&widths).flat_map(|(&(alpha, mean), &(_, width))| {
            [-1.0, 0.0, 1.0].map(|side| (alpha, mean + side * width))
        });
        let mut curves = vec![
            Series::new("limit, ± 2 sd", 0, Style::Band, limit.band(&alphas, 2.0)),
            Series::line("limit", 0, limit.curve(&alphas, 0.0)),
            Series::dashed(format!("{networks} networks, ± 2 sd"), 6, mine.band(&alphas, 2.0)),
            Series::dashed("their mean", 3, mine.curve(&alphas, 0.0)),
            Series::points("limit, Lee et al.", 2, marks.collect()),
        ];
        if time + 1 == TIMES.len() {
            curves.push(Series::line("posterior", 4, limits[0][TIMES.len()].curve(&alphas, 0.0)));
        }
        study.show(Panel::linear(when(time), ["α", "f(x(α))"], curves));
    }
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_fig2", "An ensemble of networks and its limit: Lee et al. 2019, Fig. 2", study)
}
