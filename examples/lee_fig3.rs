//! A wide network and its linear models, all along training. (Lee et al. 2019, Figs 3 and S8.)
//!
//! Five hidden relu layers of 2048 units, σ_w² = 2, σ_b² = 0.1, learn 256 images of two classes of CIFAR-10 by gradient descent on
//! the mean square error: in NTK parameterization at rate 0.01 (Fig. 3) and in standard parameterization (Fig. S8). Linear models
//! in closed form start with the same outputs: with the tangent kernel of the network, and with that of infinite width. The paper
//! goes on to t = 330; nearly all of the shape is there at t = 20.
//!
//! Not stated in the paper, but in its curves: each channel of each image has mean 0 and variance 1 (`lee_images`), the gradient is
//! that of the square without ½, and t is 0.01 times the steps in both figures. The rate of Fig. S8 is 0.02/2048 by its curves,
//! by its caption 0.005/2048.
//!
//! Linear models follow gradient flow, as in Eqs 8 to 11, and networks make steps: the bump of the published curves at t < 0.3
//! is the difference of these two along the first eigenvector. With linear models that make steps too, it is not there.
//!
//! `cargo run --release -p examples --example lee_fig3 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::prelude::*;
use examples::{
    Each, Failure, HORSES_AND_PLANES, Images, Linear, Paper, Set, Study, Within, both_outputs, rms,
    train_until,
};
use figure::{Axis, Panel, Series};
use serde::{Deserialize, Serialize};

/// Time that passes in a step.
const UNIT: f64 = 0.01;

#[derive(Serialize)]
struct Point {
    standard: usize,
    width: usize,
    examples: usize,
    rate: f64,
    steps: usize,
    seed: u64,
}

/// At one time, of the network and, where there are two, of its own linear model.
#[derive(Serialize, Deserialize)]
struct Moment {
    t: f64,
    /// The root mean square of f − f_lin with its own kernel, and in NTK parameterization with that of infinite width.
    distances: Vec<f64>,
    test_loss: [f64; 2],
    /// A few outputs, and movements of a few parameters.
    outputs: [Vec<f64>; 2],
    moved: [Vec<f64>; 2],
}

fn follow(images: &[Images; 2], point: &Point, done: &dyn Fn(f64)) -> Result<Vec<Moment>, Failure> {
    let &Point { standard, width, examples, rate, steps, seed } = point;
    let threads = Threads::available();
    let task: Task<f32> = Images::task(images, &HORSES_AND_PLANES, [examples; 2], seed)?;
    let task = images[0].standardise(Each::Channel, task);
    let [w, b] = [2_f64.sqrt(), 0.1_f64.sqrt()];
    let scaling = [Scaling::ntk(w, b), Scaling::standard(w, b)][standard];
    let network = Network::new(mlp(&[width; 5], 1, Activation::Relu, scaling), [images[0].size]);
    let theta: Vec<f32> = network.init(seed);
    let mut linear = vec![Linear::of_network(&network, &theta, &task, &threads)?];
    if standard == 0 {
        linear.push(Linear::of_limit(&network, &task, &threads)?);
    }

    let records: Vec<usize> = (0..=steps.ilog2()).map(|log| 1 << log).collect();
    let settings = Settings { threads: threads.clone(), ..Settings::new(rate, 0) };
    let mut model = Descent::network(&network, &theta, &task, &settings);
    let start = both_outputs(&mut model);
    let flows: Vec<_> = records.iter().map(|&step| linear[0].flow(step as f64 * rate)).collect();
    let outputs = linear.iter().map(|linear| linear.outputs(Part::Test, &start, &flows));
    let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    let jacobian = Linearized::of_network(&network, examples).at(&theta, &task.train_x, &threads);
    let alphas = linear[0].dual(&start, &flows)?;

    // A weight of the first, the middle and the last layer.
    let tensors = network.parameters().tensors().iter();
    let weights: Vec<usize> = tensors.map(|tensor| tensor.range.start).step_by(4).collect();
    let of_weights = |moved: &dyn Fn(usize) -> f32| weights.iter().map(|&i| moved(i).into()).collect();
    let targets: Vec<f64> = task.test_y.iter().map(|&y| y.into()).collect();
    let mut delta = vec![0.0; theta.len()];
    let mut moments = Vec::<Moment>::new();
    train_until(&mut model, &records, done, |model| {
        let i = moments.len();
        let now = model.parameters().expect("a network has parameters");
        let moved = of_weights(&|i| now[i] - theta[i]);
        let alpha: Vec<f32> = alphas[i].iter().map(|&alpha| alpha as f32).collect();
        jacobian.apply_transpose(&alpha, &mut delta);
        let f = model.outputs(Part::Test);
        moments.push(Moment {
            t: records[i] as f64 * UNIT,
            distances: outputs.iter().map(|linear| rms(f, &linear[i])).collect(),
            test_loss: [rms(f, &targets), rms(&outputs[0][i], &targets)].map(|rms| 0.5 * rms * rms),
            outputs: [f[..4].iter().map(|&f| f.into()).collect(), outputs[0][i][..4].to_vec()],
            moved: [moved, of_weights(&|i| delta[i])],
        });
    })?;
    Ok(moments)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (width, examples, steps, seeds) =
        study.either((2048, 256, [2048, 512], [3, 3]), (128, 32, [256, 256], [2, 2]));
    let images = study.images(Set::Cifar10)?;
    // Rates on ½ the square, of which the paper's have no ½.
    let rates = [2.0 * 0.01, 2.0 * 0.02 / width as f64];
    let points = (0..2).flat_map(|standard| (0..seeds[standard]).map(move |seed| (standard, seed)));
    let points = points.map(|(standard, seed)| {
        let (rate, steps) = (rates[standard], steps[standard]);
        Point { standard, width, examples, rate, steps, seed }
    });
    let cost = |point: &Point| point.steps as f64;
    let found = study.measure(points, cost, |point, done| follow(&images, point, done))?;

    let first = &found.0[0].1;
    let mut pairs = |title, of: fn(&Moment) -> &[Vec<f64>; 2]| {
        let curve = |model: usize, k: usize| first.iter().map(|at| (at.t, of(at)[model][k])).collect();
        let label = |k, label| if k == 0 { label } else { "" };
        let pair = |k| {
            [
                Series::line(label(k, "network"), k, curve(0, k)),
                Series::dashed(label(k, "linear model"), k, curve(1, k)),
            ]
        };
        let all = (0..of(&first[0])[0].len()).flat_map(pair).collect();
        study.show(Panel::new(title, [Axis::logarithmic("t"), Axis::linear("")], all));
    };
    pairs("Four outputs on test examples", |at| &at.outputs);
    pairs("Movements of three weights", |at| &at.moved);
    for (standard, (figure, name)) in [("3", ""), ("S8", ", standard")].into_iter().enumerate() {
        let runs = found.of(|point| point.standard == standard);
        let curves = |of: &dyn Fn(&Moment) -> f64| {
            runs.curves(|point, run| run.iter().map(|at| (point.seed, at.t, of(at))).collect::<Vec<_>>())
        };
        let paper = |curve: &str| {
            let points = Paper::Lee.curve(figure, curve).into_iter();
            points.take_while(|point| point.0 < 1.01 * UNIT * steps[standard] as f64).collect::<Vec<_>>()
        };
        let losses = vec![
            Series::line("network", 0, curves(&|at| at.test_loss[0]).mean()),
            Series::dashed("linear model", 1, curves(&|at| at.test_loss[1]).mean()),
            Series::points("network, Lee et al.", 0, paper("test loss")),
        ];
        study.show(Panel::logarithmic(format!("Loss on test examples{name}"), ["t", ""], losses));
        let mut distances = Vec::new();
        for (kernel, of) in ["own kernel", "infinite width"].into_iter().enumerate().take(2 - standard) {
            let (found, paper) = (curves(&|at| at.distances[kernel]), paper(&format!("RMSE, {of}")));
            for (j, when) in [(3, "t = 0.08"), (6, "dip, t = 0.64"), (9, "t = 5.12"), (11, "t = 20.48")] {
                if let Some(&(_, published)) = paper.get(j) {
                    let seeds = found.0.iter().map(|curve| curve[j].1).collect();
                    study.hold(format!("RMSE{name}, {of}, {when}"), seeds, published, Within::Factor(1.5));
                }
            }
            distances.push(Series::line(of, kernel, found.mean()));
            distances.push(Series::points("Lee et al.", kernel, paper));
        }
        study.show(Panel::logarithmic(format!("RMSE of f − f_lin{name}"), ["t", ""], distances));
    }
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_fig3", "Networks and linear models in time: Lee et al. 2019, Figs 3 and S8", study)
}
