//! How far a trained network is from its linear model, against width, depth and the number of examples. (Lee et al. 2019, Fig. S5,
//! the panes of fully connected networks.)
//!
//! One, two or four hidden layers learn images of two classes of CIFAR-10 by gradient descent, σ_w² = 2, σ_b² = 0.1; beside
//! them their linear models in closed form, with the kernel of the network itself and with that of infinite width. Shown is the root
//! mean square of the difference on other images.
//!
//! The paper leaves open the data, the activation, the rate and how long is trained. Here they are horses and planes, tanh, a quarter
//! of the largest stable rate at infinite width, and 1024 steps, with distances after fewer beside them. In the paper, networks of one,
//! two and four layers are equally far off, as with tanh, and not with relu, which is shown for four layers.
//!
//! `cargo run --release -p examples --example lee_fig_s5 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::prelude::*;
use examples::{
    Failure, HORSES_AND_PLANES, Images, Linear, Paper, Set, Study, Within, both_outputs, exponent, rms,
    train_until,
};
use figure::{Panel, Series};
use serde::Serialize;

/// Activation, hidden layers, examples, and what the paper calls the curve; how many layers its networks for other numbers of
/// examples have, it does not say.
const PANES: [(&str, usize, usize, &str); 6] = [
    ("tanh", 1, 128, "1 layers"),
    ("tanh", 2, 128, "2 layers"),
    ("tanh", 4, 128, "4 layers"),
    ("tanh", 2, 32, "32 examples"),
    ("relu", 4, 128, "4 layers"),
    ("tanh", 2, 512, "512 examples"),
];
const STEPS: [usize; 4] = [16, 64, 256, 1024];

#[derive(Serialize)]
struct Point {
    activation: &'static str,
    depth: usize,
    examples: usize,
    width: usize,
    seed: u64,
    steps: usize,
}

fn main() -> ExitCode {
    examples::run("lee_fig_s5", "Networks and linear models after training: Lee et al. 2019, Fig. S5", study)
}

/// Distances after each number of steps: from the linear model with the network's own kernel, and with that of infinite width.
fn distances(images: &[Images; 2], point: &Point, done: &dyn Fn(f64)) -> Result<Vec<[f64; 2]>, Failure> {
    let &Point { activation, depth, examples, width, seed, steps } = point;
    let threads = Threads::available();
    let task: Task<f32> = Images::task(images, &HORSES_AND_PLANES, [examples, 128], seed)?;
    let scaling = Scaling::ntk(2.0_f64.sqrt(), 0.1_f64.sqrt());
    let layers = mlp(&vec![width; depth], 1, activation.parse()?, scaling);
    let network = Network::new(layers, [images[0].size]);
    let theta: Vec<f32> = network.init(seed);
    let limit = Linear::of_limit(&network, &task, &threads)?;
    let own = Linear::of_network(&network, &theta, &task, &threads)?;

    let rate = 0.25 * limit.stable_rate();
    let settings = Settings { threads, ..Settings::new(rate, steps) };
    let mut model = Descent::network(&network, &theta, &task, &settings);
    let start = both_outputs(&mut model);
    let records: Vec<usize> = STEPS.into_iter().take_while(|&record| record <= steps).collect();
    let mut outputs = Vec::new();
    train_until(&mut model, &records, done, |model| outputs.push(model.outputs(Part::Test).to_vec()))?;

    let linear = [own, limit].map(|linear| {
        let after: Vec<_> = records.iter().map(|&count| linear.steps(rate, count)).collect();
        linear.outputs(Part::Test, &start, &after)
    });
    let [own, limit] = linear;
    Ok(outputs
        .iter()
        .zip(own?.iter().zip(&limit?))
        .map(|(f, (own, limit))| [rms(f, own), rms(f, limit)])
        .collect())
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (logs, seeds, steps, part) = study.either((5..11, 3, 1024, 1), (5..8, 2, 64, 8));
    let images = study.images(Set::Cifar10)?;
    let points = (0..PANES.len())
        .flat_map(|pane| logs.clone().map(move |log| (pane, log)))
        // Many examples only up to a width of 512.
        .filter(|&(pane, log)| PANES[pane].2 <= 128 || log < 10)
        .flat_map(|(pane, log)| (0..seeds).map(move |seed| (pane, log, seed)))
        .map(|(pane, log, seed)| {
            let (activation, depth, examples, _) = PANES[pane];
            Point { activation, depth, examples: examples / part, width: 1 << log, seed, steps }
        });
    let cost = |&Point { depth, examples, width, .. }: &Point| {
        (examples * width * (images[0].size + (depth - 1) * width + 300)) as f64
    };
    let found = study.measure(points, cost, |point, done| distances(&images, point, done))?;

    let records = STEPS.into_iter().filter(|&record| record <= steps).count();
    for (activation, depth, examples, published) in PANES {
        let examples = examples / part;
        let mine = found.of(|p| (p.activation, p.depth, p.examples) == (activation, depth, examples));
        let curves = |record: usize, kernel: usize| {
            mine.curves(|p, found| [(p.seed, p.width as f64, found[record][kernel])])
        };
        let [own, limit] = [0, 1].map(|kernel| curves(records - 1, kernel));
        let published = Paper::Lee.curve("S5", published);
        // Of the widths that are measured here: over all of them, it is a little steeper.
        let slope = exponent(&published[..own.0[0].len()]);
        let title = format!("{depth} {activation}, {examples} examples");
        study.hold(format!("slope, {title}"), own.slopes(0.0), slope, Within::Absolute(0.15));
        let name = format!("slope, {title}, kernel of infinite width");
        study.note(name, limit.slopes(0.0));
        let of_steps = |i: usize| Series::line(format!("{} steps", STEPS[i]), i, curves(i, 0).mean());
        let mut shown: Vec<_> = (0..records).map(of_steps).collect();
        shown.push(Series::dashed("infinite width, at the end", 5, limit.mean()));
        shown.push(Series::points("Lee et al.", 6, published));
        study.show(Panel::logarithmic(title, ["width", "RMSE of f − f_lin"], shown));
    }
    Ok(())
}
