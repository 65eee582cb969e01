//! Wide networks and regression with their kernel. (Arora et al. 2019, Theorems 3.1 and 3.2.)
//!
//! Relu layers without biases, ‖x‖ = 1. Theorem 3.1: at the beginning, ⟨∂f(x), ∂f(x')⟩ is near Θ(x, x'). Theorem 3.2: κ f, trained, is
//! near regression with Θ from zero on, if κ is small and the width at least a power of 1/κ. What κ is for, and why width must
//! follow: κ f₀(x), which regression does not know, is of the order of κ, while the weights go a way of the order of 1/κ, and
//! the further they go, the less is the kernel what it was. So κ varies at one width, and the width at one κ.
//!
//! The theorems give no rates to hold this against. Chosen here: two hidden layers, 128 zeros and ones of MNIST to train on and
//! 128 to test on, and 500 steps at η = 1/λ_max of both training and regression, not to the end.
//!
//! `cargo run --release -p examples --example arora -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::kernels::Infinite;
use cotangent::kernels::measures::relative_change;
use cotangent::prelude::*;
use examples::{Failure, Images, Linear, Set, Study, rms, train};
use figure::{Panel, Series};
use serde::Serialize;

#[derive(Serialize)]
struct Point {
    /// What varies: the width or κ.
    varied: &'static str,
    seed: u64,
    width: usize,
    kappa: f64,
    examples: usize,
    steps: usize,
}

const NAMES: [&str; 3] = ["kernel before training", "regression, exact kernel", "regression, own kernel"];

fn main() -> ExitCode {
    examples::run("arora", "Networks and regression with their kernel: Arora et al. 2019", study)
}

/// κ f, with two hidden layers.
fn network(point: &Point, inputs: usize) -> Network {
    let root = 2_f64.sqrt();
    let dense = |width, scale| Dense { width, scaling: Scaling::ntk(scale * root, 0.0) };
    let hidden = || Serial::new().then(dense(point.width, 1.0)).then(Activation::Relu);
    Network::new(hidden().then(hidden()).then(dense(1, point.kappa)), [inputs])
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let threads = Threads::available();
    let (seeds, logs, middle) = study.either((3, 6..=11, 512), (2, 5..=7, 64));
    let (examples, steps) = study.either((128, 500), (16, 100));
    let images = study.images(Set::Mnist)?;
    let size = images[0].size;
    let kappas = (-6..=0).map(f64::from).map(f64::exp2);
    let mut points = Vec::new();
    for seed in 0..seeds {
        let point = |varied, width, kappa| Point { varied, seed, width, kappa, examples, steps };
        points.extend(logs.clone().map(|log| point("width", 1 << log, 0.125)));
        points.extend(kappas.clone().map(|kappa| point("kappa", middle, kappa)));
    }
    let cost = |point: &Point| (point.width * (point.width + size)) as f64;
    let found = study.measure(points, cost, |point, done| {
        let mut task: Task<f32> = Images::task(&images, &[0, 1], [point.examples; 2], point.seed)?;
        // ‖x‖ = 1 in the paper is ‖x‖² = n₀ where weights are multiplied by n₀^{−1/2}.
        for x in task.train_x.chunks_exact_mut(size).chain(task.test_x.chunks_exact_mut(size)) {
            x.copy_from_slice(&Images::normalised(x));
        }
        let network = network(point, size);
        let theta: Vec<f32> = network.init(point.seed);
        let exact = Infinite::new(&network)?.kernels(&task.train_x, None, &threads).ntk;
        let own = Empirical::ntk(&network).kernel(Kind::Trace, &theta, &task.train_x, None, &threads);
        let limit = Linear::of_limit(&network, &task, &threads)?;
        let linear = Linear::of_network(&network, &theta, &task, &threads)?;

        let rate = 0.5 * limit.stable_rate();
        let settings = Settings { threads: threads.clone(), ..Settings::new(rate, point.steps) };
        let mut model = Descent::network(&network, &theta, &task, &settings);
        train(&mut model, point.steps, done)?;
        let trained = model.outputs(Part::Test);
        let zero = [vec![0.0; point.examples], vec![0.0; point.examples]];
        let distance = |model: &Linear| -> Result<f64, Failure> {
            let regression = model.outputs(Part::Test, &zero, &[model.steps(rate, point.steps)])?;
            Ok(rms(trained, &regression[0]))
        };
        Ok([relative_change(own.matrix(), exact.matrix()), distance(&limit)?, distance(&linear)?])
    })?;

    let curves = |varied: &str, what: usize| {
        let x = |p: &Point| if varied == "width" { p.width as f64 } else { p.kappa };
        found.curves(|p, found| (p.varied == varied).then(|| (p.seed, x(p), found[what])))
    };
    let mut against_width = Vec::new();
    for (i, name) in NAMES.into_iter().enumerate() {
        let curves = curves("width", i);
        study.note(format!("slope against width: {name}"), curves.slopes(0.0));
        against_width.push(Series::line(name, i, curves.mean()));
    }
    let against_kappa =
        [1, 2].map(|i| Series::line(NAMES[i], i, curves("kappa", i).mean())).into_iter().collect();
    for (i, name) in NAMES.into_iter().enumerate().skip(1) {
        let best = |curve: &Vec<(f64, f64)>| {
            curve.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(f64::NAN, |p| p.0)
        };
        let best = curves("kappa", i).0.iter().map(best).collect();
        study.note(format!("κ of the least distance: {name}"), best);
    }
    study.show(Panel::logarithmic("κ = 1/8", ["width", "difference"], against_width));
    study.show(Panel::logarithmic(format!("Width {middle}"), ["κ", "difference"], against_kappa));
    Ok(())
}
