//! A wide network and its linear models, all along training. (Lee et al. 2019, Figs 3 and S8.)
//!
//! Five hidden relu layers of 2048 units, σ_w² = 2, σ_b² = 0.1, learn 256 images of two classes of CIFAR-10 by gradient descent on
//! ½ the mean square error: in NTK parameterization at rate 0.01 (Fig. 3) and in standard parameterization at 0.005/2048 (Fig. S8),
//! where t is 0.005 times steps. Linear models in closed form start with the same outputs: with the tangent kernel of the network,
//! and with that of infinite width. The paper goes on to t = 330; nearly all of the shape is there at t = 20.
//!
//! Linear models follow gradient flow, as in Eqs 8 to 11, and networks make steps: the bump of the published curves at t < 0.3
//! is the difference of these two along the first eigenvector. With linear models that make steps too, it is not there.
//!
//! `cargo run --release -p examples --example lee_fig3 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::prelude::*;
use examples::{
    Curves, Failure, Images, Linear, Quantity, Set, Study, Within, both_outputs, panel, rms, series,
    train_until,
};
use figure::{Axes, Style};
use serde::{Deserialize, Serialize};

/// At t = 0.01 · 2ʲ: the root mean square of f − f_lin with the kernel of the network, in both parameterizations, and with that of
/// infinite width; the loss on test examples of the network, in both.
const PUBLISHED: [[f64; 12]; 5] = [
    [0.00967, 0.017, 0.0263, 0.0318, 0.0237, 0.00844, 0.00602, 0.00903, 0.017, 0.0338, 0.0583, 0.0859],
    [0.00258, 0.00468, 0.00769, 0.0103, 0.00932, 0.00389, 0.00187, 0.00358, 0.00811, 0.0183, 0.0347, 0.0548],
    [0.0318, 0.0566, 0.0902, 0.115, 0.099, 0.0595, 0.0554, 0.0629, 0.0817, 0.116, 0.161, 0.204],
    [1.437, 1.289, 1.092, 0.918, 0.854, 0.851, 0.834, 0.799, 0.748, 0.684, 0.624, 0.586],
    [0.9197, 0.8868, 0.8361, 0.7742, 0.7235, 0.6975, 0.6817, 0.6599, 0.6258, 0.5812, 0.5377, 0.5097],
];
#[derive(Serialize)]
struct Point {
    standard: usize,
    width: usize,
    examples: usize,
    last: f64,
    seed: u64,
}

/// At one time, of the network and, where there are two, of its own linear model.
#[derive(Serialize, Deserialize)]
struct Moment {
    t: f64,
    /// The root mean square of f − f_lin, also with the kernel of infinite width.
    distances: [f64; 2],
    test_loss: [f64; 2],
    /// A few outputs, and movements of a few parameters.
    outputs: [Vec<f64>; 2],
    moved: [Vec<f64>; 2],
}

fn follow(images: &[Images; 2], point: &Point, done: &dyn Fn(f64)) -> Result<Vec<Moment>, Failure> {
    let &Point { standard, width, examples, last, seed } = point;
    let threads = Threads::available();
    let task: Task<f32> = Images::task(images, &[7, 0], [examples; 2], seed)?;
    let task = Images::each_alike(task, images[0].size);
    let [w, b] = [2_f64.sqrt(), 0.1_f64.sqrt()];
    let scaling = [Scaling::ntk(w, b), Scaling::standard(w, b)][standard];
    let network = Network::new(mlp(&[width; 5], 1, Activation::Relu, scaling), [images[0].size]);
    let theta: Vec<f32> = network.init(seed);
    let mut linear = vec![Linear::of_network(&network, &theta, &task, &threads)?];
    if standard == 0 {
        linear.push(Linear::of_limit(&network, &task, &threads)?);
    }

    // Time passes by `unit` each step; the gradient is that of the mean square error, without ½.
    let (unit, scale) = ([0.01, 0.005][standard], [1.0, width as f64][standard]);
    let rate = 2.0 * unit / scale;
    let times = (0..).map(|j| 0.01 * f64::from(j).exp2()).take_while(|t| *t < 1.01 * last);
    let times: Vec<f64> = times.collect();
    let records: Vec<usize> = times.iter().map(|t| (t / unit).round() as usize).collect();
    let settings = Settings { threads: threads.clone(), ..Settings::new(rate, 0) };
    let mut model = Descent::network(&network, &theta, &task, &settings);
    let start = both_outputs(&mut model);
    let tensors = network.parameters().tensors().iter();
    // A weight of the first, the middle and the last layer.
    let weights: Vec<usize> = tensors.map(|tensor| tensor.range.start).step_by(4).collect();
    let of_weights = |moved: &dyn Fn(usize) -> f32| weights.iter().map(|&i| moved(i).into()).collect();
    let mut states: Vec<(Vec<f32>, Vec<f64>)> = Vec::new();
    train_until(&mut model, &records, done, |model| {
        let now = model.parameters().expect("a network has parameters");
        states.push((model.outputs(Part::Test).to_vec(), of_weights(&|i| now[i] - theta[i])));
    })?;

    let flows: Vec<_> = times.iter().map(|t| linear[0].flow(t / unit * rate)).collect();
    let outputs = linear.iter().map(|linear| linear.outputs(Part::Test, &start, &flows));
    let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    let jacobian = Linearized::of_network(&network, examples).at(&theta, &task.train_x, &threads);
    let alphas = linear[0].dual(&start, &flows)?;
    let targets: Vec<f64> = task.test_y.iter().map(|&y| y.into()).collect();
    Ok((0..times.len())
        .map(|i| {
            let (f, moved) = &states[i];
            let mut delta = vec![0.0; theta.len()];
            let alpha: Vec<f32> = alphas[i].iter().map(|&alpha| alpha as f32).collect();
            jacobian.apply_transpose(&alpha, &mut delta);
            Moment {
                t: times[i],
                distances: [&outputs[0][i], &outputs[outputs.len() - 1][i]].map(|linear| rms(f, linear)),
                test_loss: [rms(f, &targets), rms(&outputs[0][i], &targets)].map(|rms| 0.5 * rms * rms),
                outputs: [f[..4].iter().map(|&f| f.into()).collect(), outputs[0][i][..4].to_vec()],
                moved: [moved.clone(), of_weights(&|i| delta[i])],
            }
        })
        .collect())
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (width, examples, lasts, seeds) =
        study.either((2048, 256, [20.48, 5.12], 3), (128, 32, [2.56, 2.56], 2));
    let images = study.images(Set::Cifar10)?;
    let points: Vec<Point> = (0..2)
        .flat_map(|standard| (0..seeds).map(move |seed| (standard, seed)))
        .map(|(standard, seed)| Point { standard, width, examples, last: lasts[standard], seed })
        .collect();
    let cost = |point: &Point| point.last * [1.0, 2.0][point.standard];
    let found = study.measure(&points, cost, |point, done| follow(&images, point, done))?;

    let curves = |standard: usize, of: &dyn Fn(&Moment) -> f64| {
        let mine = points.iter().zip(&found).filter(move |(point, _)| point.standard == standard);
        Curves::of(mine.flat_map(|(point, run)| run.iter().map(move |at| (point.seed, at.t, of(at)))))
    };
    let published = |row: usize, last: f64| {
        let all = PUBLISHED[row].iter().enumerate().map(|(j, &y)| (0.01 * (j as f64).exp2(), y));
        all.take_while(|point| point.0 < 1.01 * last).collect::<Vec<_>>()
    };
    let (mut quantities, mut panels) = (Vec::new(), Vec::new());
    let kernels = ["own kernel", "own kernel, standard", "infinite width"];
    let distances = [(0, 0), (1, 0), (0, 1)].map(|(p, kernel)| curves(p, &|at| at.distances[kernel]));
    for ((row, name), of) in kernels.into_iter().enumerate().zip(&distances) {
        for (j, when) in [(3, "t = 0.08"), (6, "the dip, t = 0.64"), (9, "t = 5.12"), (11, "t = 20.48")] {
            let seeds: Vec<f64> = of.0.iter().filter_map(|curve| Some(curve.get(j)?.1)).collect();
            if !seeds.is_empty() {
                let name = format!("RMSE, {name}, {when}");
                quantities.push(Quantity::new(name, seeds, PUBLISHED[row][j], Within::Factor(1.5)));
            }
        }
    }
    let shown = |values: &dyn Fn(&Moment) -> &[Vec<f64>; 2], title: &str| {
        let curve =
            |model: usize, k: usize| found[0].iter().map(move |at| (at.t.log2(), values(at)[model][k]));
        let count = values(&found[0][0])[0].len();
        let labels = |model: usize| ["network", "linear model"][model];
        let both = |k| {
            [(0, Style::Solid), (1, Style::Dashed)].map(|(m, style)| {
                series(if k == 0 { labels(m) } else { "" }, k, style, curve(m, k).collect())
            })
        };
        panel(Axes::Linear, [title, "log₂ t", ""], (0..count).flat_map(both).collect())
    };
    panels.push(shown(&|at| &at.outputs, "Four outputs on test examples"));
    panels.push(shown(&|at| &at.moved, "Movements of three weights"));
    for standard in 0..2 {
        let [f, linear] = [0, 1].map(|model| curves(standard, &|at| at.test_loss[model]).mean());
        let curves = vec![
            series("network", 0, Style::Solid, f),
            series("linear model", 1, Style::Dashed, linear),
            series("network, Lee et al.", 0, Style::Points, published(3 + standard, lasts[standard])),
        ];
        panels.push(panel(
            Axes::Logarithmic,
            [["Loss on test examples", "Loss, standard parameterization"][standard], "t", ""],
            curves,
        ));
    }
    panels.push(panel(
        Axes::Logarithmic,
        ["RMSE of f − f_lin, test", "t", ""],
        [0, 2]
            .into_iter()
            .flat_map(|row| {
                [
                    series(kernels[row], row, Style::Solid, distances[row].mean()),
                    series("Lee et al.", row, Style::Points, published(row, lasts[0])),
                ]
            })
            .collect(),
    ));
    panels.push(panel(
        Axes::Logarithmic,
        ["RMSE, standard parameterization", "t", ""],
        vec![
            series("own kernel", 1, Style::Solid, distances[1].mean()),
            series("Lee et al.", 1, Style::Points, published(1, lasts[1])),
        ],
    ));
    study.finish(&panels, &quantities)
}

fn main() -> ExitCode {
    examples::run("lee_fig3", "Networks and linear models in time: Lee et al. 2019, Figs 3 and S8", study)
}
