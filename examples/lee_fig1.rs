//! How little wide networks change while they learn. (Lee et al. 2019, Figs 1 and S6.)
//!
//! Three hidden layers, relu or tanh, learn 128 digits of MNIST, and one hidden relu layer learns 128 images of two classes of
//! CIFAR-10, by gradient descent on all of them at rate 1. Relative to where they began, input and output weights change like
//! width^{−1/2}, others like 1/width, and the tangent kernel Θ̂ and the covariance K of the last hidden layer nearly like 1/width.
//! The paper trains for 2¹⁷ steps; its exponents of Θ̂ are there after 256 (tanh: 16). To its end three relu layers come here
//! by momentum, where weights and K are compared.
//!
//! The paper leaves open σ_w, σ_b, the number of outputs, and what the loss is a mean over. Here σ_w = 1, σ_b = 0.05, ten outputs of
//! targets 0 and 1 for MNIST and one of ±1 for two classes, and a mean over examples and outputs: with these, the four layers move as
//! far at infinite width as they do in the paper at width 4096, and Θ̂ changes by as much after 1, 16 and 256 steps.
//!
//! `cargo run --release -p examples --example lee_fig1 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::kernels::measures::relative_change;
use cotangent::linearize::layer_change;
use cotangent::prelude::*;
use examples::{Curves, Failure, HORSES_AND_PLANES, Images, Paper, Set, Study, TEN, Within, train};
use figure::{Panel, Series};
use serde::{Deserialize, Serialize};

/// A network of `RUNS`, and the stages of its training: steps and momentum.
#[derive(Serialize)]
struct Point {
    net: usize,
    width: usize,
    seed: u64,
    stages: Vec<(usize, f64)>,
}

/// ‖· − ·₀‖/‖·₀‖ at the end, of the parameters of each layer and of both kernels.
#[derive(Serialize, Deserialize)]
struct Changes {
    layers: Vec<f64>,
    ntk: f64,
    nngp: f64,
}

/// Steps and momentum, one after another.
type Stages = &'static [(usize, f64)];

const NAMES: [&str; 3] = ["3 relu layers", "3 tanh layers", "1 relu layer"];
/// Networks, how many steps they make with which momentum, and slopes that the paper has for Θ̂ and K. What is slow to learn is
/// learned by momentum: the last stages do to a linear model what 2¹⁵ steps and more without momentum do. (From the beginning
/// on, it would throw networks about.)
const RUNS: [(usize, &str, Stages, [Option<f64>; 2]); 4] = [
    (0, "256 steps", &[(256, 0.0)], [Some(-0.80), None]),
    (1, "16 steps", &[(16, 0.0)], [Some(-1.00), None]),
    (2, "256 steps", &[(256, 0.0)], [Some(-0.89), Some(-0.95)]),
    (0, "end", &[(256, 0.0), (256, 0.95), (384, 0.99)], [Some(-0.80), Some(-0.82)]),
];
const LAYERS: [(&str, f64); 4] = [("input", -0.52), ("2", -1.02), ("3", -1.04), ("output", -0.56)];

/// Trains a network, and measures what it has changed.
fn changes(images: &[Images; 2], point: &Point, done: &dyn Fn(f64)) -> Result<Changes, Failure> {
    let &Point { net, width, seed, ref stages } = point;
    let threads = Threads::available();
    let (depth, classes, outputs) = [(3, &TEN[..], 10), (3, &TEN, 10), (1, &HORSES_AND_PLANES, 1)][net];
    let task: Task<f32> = Images::task(images, classes, [128, 1], seed)?;
    let activation = [Activation::Relu, Activation::Tanh, Activation::Relu][net].clone();
    let scaling = Scaling::ntk(1.0, 0.05);
    let layer = |body: Serial, _| body.then(Dense { width, scaling }).then(activation.clone());
    let body = || (0..depth).fold(Serial::new(), layer);
    let network = Network::new(body().then(Dense { width: outputs, scaling }), [images[0].size]);
    let units = Network::new(body(), [images[0].size]);
    let kernels = |theta: &[f32]| {
        let of_units = &theta[..units.parameters().len()];
        [(Empirical::ntk(&network), theta), (Empirical::nngp(&units), of_units)]
            .map(|(kernel, theta)| kernel.kernel(Kind::Trace, theta, &task.train_x, None, &threads))
    };

    let theta: Vec<f32> = network.init(seed);
    let mut trained = theta.clone();
    for (i, &(steps, momentum)) in stages.iter().enumerate() {
        let optimiser = if momentum == 0.0 { Optimiser::Descent } else { Optimiser::HeavyBall { momentum } };
        let objective = Objective { loss: Loss::Squared, over: Over::Outputs };
        let settings =
            Settings { objective, optimiser, threads: threads.clone(), ..Settings::new(1.0, steps) };
        let mut model = Descent::network(&network, &trained, &task, &settings);
        train(&mut model, steps, &|part| done((i as f64 + part) / stages.len() as f64))?;
        trained = model.point().to_vec();
    }

    let (before, after) = (kernels(&theta), kernels(&trained));
    let [ntk, nngp] = [0, 1].map(|i| relative_change(after[i].matrix(), before[i].matrix()));
    let layers = layer_change(network.parameters(), &theta, &trained);
    Ok(Changes { layers: layers.into_iter().map(|(_, change)| change).collect(), ntk, nngp })
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (logs, seeds, most) = study.either((4..13, 3, usize::MAX), (4..8, 2, 16));
    let (mnist, cifar) = (study.images(Set::Mnist)?, study.images(Set::Cifar10)?);
    let sets = [&mnist, &mnist, &cifar];
    let points = RUNS.iter().flat_map(|run| (0..seeds).map(move |seed| (run, seed)));
    let points = points.flat_map(|(&(net, _, stages, _), seed)| {
        let stages: Vec<_> = stages.iter().map(|&(steps, momentum)| (steps.min(most), momentum)).collect();
        logs.clone().map(move |log| Point { net, width: 1 << log, seed, stages: stages.clone() })
    });
    let steps = |point: &Point| point.stages.iter().map(|stage| stage.0).sum::<usize>();
    let cost = |point: &Point| ((steps(point) + 8) * point.width * (point.width + 1000)) as f64;
    let found = study.measure(points, cost, |point, done| changes(sets[point.net], point, done))?;

    let curves = |run: usize, of: &dyn Fn(&Changes) -> f64| {
        let mine = |p: &Point| (p.net, p.stages.len()) == (RUNS[run].0, RUNS[run].2.len());
        found.curves(|p, changes| mine(p).then(|| (p.seed, p.width as f64, of(changes))))
    };
    let mut shown = [vec![], vec![], vec![]];
    let mut add = |place: usize, label: &str, color, curves: &Curves, paper: Option<[&str; 2]>| {
        shown[place].push(Series::line(label, color, curves.mean()));
        let points = paper.map(|[figure, curve]| Paper::Lee.curve(figure, curve));
        shown[place].extend(points.map(|points| Series::points("", color, points)));
    };
    for (l, (name, slope)) in LAYERS.into_iter().enumerate() {
        let curves = curves(3, &|changes| changes.layers[l]);
        let what = format!("slope, layer {name}, {}, end, n ≥ 256", NAMES[0]);
        study.hold(what, curves.slopes(study.either(256.0, 0.0)), slope, Within::Absolute(0.08));
        add(0, name, l, &curves, Some(["1", &format!("layer {name}")]));
    }
    for (run, (net, when, _, slopes)) in RUNS.into_iter().enumerate() {
        let label = format!("{}, {when}", NAMES[net]);
        let kernels = [curves(run, &|changes| changes.ntk), curves(run, &|changes| changes.nngp)];
        for ((name, curves), slope) in ["Θ̂", "K"].into_iter().zip(&kernels).zip(slopes) {
            let what = format!("slope of {name}, {label}, n ≥ 64");
            let slopes = curves.slopes(study.either(64.0, 0.0));
            match slope {
                Some(slope) => study.hold(what, slopes, slope, Within::Absolute(0.1)),
                None => study.note(what, slopes),
            }
        }
        let figure = if net == 0 { "1" } else { "S6" };
        add(1, &label, run, &kernels[0], Some([figure, &format!("Θ̂, {label}")]));
        add(2, &label, run, &kernels[1], (run == 3).then_some([figure, "K, 3 relu layers, end"]));
    }
    let titles = ["Layers of 3 relu layers, end", "Tangent kernel Θ", "Covariance K"];
    for (title, shown) in titles.into_iter().zip(shown) {
        let title = format!("{title} (points: paper)");
        study.show(Panel::logarithmic(title, ["width n", "relative change"], shown));
    }
    Ok(())
}

fn main() -> ExitCode {
    examples::run(
        "lee_fig1",
        "Changes of weights and kernels in training: Lee et al. 2019, Figs 1 and S6",
        study,
    )
}
