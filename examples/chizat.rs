//! Lazy training: a model α (h − h₀) whose loss is divided by α² becomes its linear model as α grows, whatever its width.
//! (Chizat, Oyallon, Bach 2019, Theorem 2.4.)
//!
//! Two hidden layers of 256 units, tanh or relu, σ_w² = 2, no biases, learn 128 fours (+1) and nines (−1) of MNIST by 300 steps of
//! gradient descent at a quarter of the largest stable rate. To subtract h₀ from the model is to add α h₀ to its targets, and to divide
//! the loss is to divide the rate. The tangent kernel of α h, times this rate, does not depend on α: one linear model, in closed
//! form, serves all.
//!
//! The theorem bounds ‖α h_T − α h̄_T‖ by a constant over α, for gradient flow and if h has a Lipschitz derivative, which relu has
//! not. The way of the weights, relative to where they began, is O(1/α) as well, and so is the change of the kernel. Data,
//! network and T are chosen here: those of the paper are much larger.
//!
//! `cargo run --release -p examples --example chizat -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::kernels::measures::relative_change;
use cotangent::prelude::*;
use cotangent::train::rmse;
use examples::{Failure, Images, Linear, Set, Study, Within, rms, train};
use figure::{Panel, Series};
use serde::Serialize;

#[derive(Serialize)]
struct Point {
    activation: &'static str,
    seed: u64,
    alpha: f64,
    width: usize,
    examples: usize,
    steps: usize,
}

const NAMES: [&str; 4] = ["outputs, trained on", "outputs, other images", "weights", "tangent kernel"];

fn main() -> ExitCode {
    examples::run("chizat", "Lazy training by the scale of the output: Chizat et al. 2019", study)
}

/// α h
fn network(point: &Point, alpha: f64, inputs: usize) -> Network {
    let activation = if point.activation == "tanh" { Activation::Tanh } else { Activation::Relu };
    let dense = |width, scale| Dense { width, scaling: Scaling::ntk(scale * 2_f64.sqrt(), 0.0) };
    let [first, second] =
        [0, 1].map(|_| Serial::new().then(dense(point.width, 1.0)).then(activation.clone()));
    Network::new(first.then(second).then(dense(1, alpha)), [inputs])
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let threads = Threads::available();
    let (seeds, [width, examples, steps]) = study.either((3, [256, 128, 300]), (2, [64, 32, 100]));
    let images = study.images(Set::Mnist)?;
    let mut points = Vec::new();
    let alphas = (-1..=6).map(f64::from).map(f64::exp2);
    for activation in ["tanh", "relu"] {
        let of_seed =
            |seed| alphas.clone().map(move |alpha| Point { activation, seed, alpha, width, examples, steps });
        points.extend((0..seeds).flat_map(of_seed));
    }
    let found = study.measure(
        points,
        |_| 1.0,
        |point, done| {
            let task: Task<f32> = Images::task(&images, &[4, 9], [point.examples; 2], point.seed)?;
            let unscaled = network(point, 1.0, images[0].size);
            let theta: Vec<f32> = unscaled.init(point.seed);
            let linear = Linear::of_network(&unscaled, &theta, &task, &threads)?;
            let rate = 0.25 * linear.stable_rate();
            let [x, z] = [&task.train_x, &task.test_x];
            let start = [x, z].map(|x| vec![0.0; unscaled.examples(x)]);
            let lazy = |part| linear.outputs(part, &start, &[linear.steps(rate, point.steps)]);

            // The way of the weights is too short for f32.
            let wide = |table: &[f32]| table.iter().map(|&value| value.into()).collect::<Vec<f64>>();
            let [theta, x, z, y] = [&theta, x, z, &task.train_y].map(|table| wide(table));
            let network = network(point, point.alpha, images[0].size);
            let before = [&x, &z]
                .map(|x| Linearized::of_network(&network, network.examples(x)).value(&theta, x, &threads));
            let train_y = y.iter().zip(&before[0]).map(|(y, f)| y + f).collect();
            let shifted = Task { train_x: x.clone(), train_y, test_x: z, test_y: vec![] };
            let settings = Settings {
                threads: threads.clone(),
                ..Settings::new(rate / point.alpha.powi(2), point.steps)
            };
            let mut model = Descent::network(&network, &theta, &shifted, &settings);
            train(&mut model, point.steps, done)?;
            let mut distance = |part: Part| -> Result<f64, Failure> {
                let moved: Vec<f64> =
                    model.outputs(part).iter().zip(&before[part as usize]).map(|(f, f0)| f - f0).collect();
                // Targets are ±1.
                Ok(rms(&moved, &lazy(part)?[0]))
            };
            let outputs = [distance(Part::Train)?, distance(Part::Test)?];
            let weights = rmse(model.point(), &theta) / rmse(&theta, &vec![0.0; theta.len()]);
            let ntk = Empirical::ntk(&network);
            let [after, kernel] =
                [model.point(), &theta].map(|theta| ntk.kernel(Kind::Trace, theta, &x, None, &threads));
            Ok([outputs[0], outputs[1], weights, relative_change(after.matrix(), kernel.matrix())])
        },
    )?;

    for activation in ["tanh", "relu"] {
        let mut all = Vec::new();
        for (i, name) in NAMES.into_iter().enumerate() {
            let mine = |p: &Point| p.activation == activation;
            let curves = found.curves(|p, distances| mine(p).then(|| (p.seed, p.alpha, distances[i])));
            let name = format!("{activation}: slope against α ≥ 4, {name}");
            match activation {
                "tanh" => study.hold(name, curves.slopes(4.0), -1.0, Within::Absolute(0.1)),
                _ => study.note(name, curves.slopes(4.0)),
            }
            all.push(Series::line(NAMES[i], i, curves.mean()));
        }
        let inverse = alphas.clone().map(|alpha| (alpha, 0.3 / alpha)).collect();
        all.push(Series::dashed("1/α", 6, inverse));
        let title = format!("Two layers of {width}, {activation}");
        study.show(Panel::logarithmic(title, ["α", "relative distance"], all));
    }
    Ok(())
}
