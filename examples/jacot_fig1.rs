//! The tangent kernel on the circle, before and after training. (Jacot et al. 2018, Fig. 1; σ_w = 1, σ_b = 0.1.)
//!
//! Networks of three hidden relu layers learn f(x) = x₁ x₂ in 200 steps at rate 1. How far is Θ̂ at the beginning from the limit
//! Θ, and how far does it move? The paper draws ten networks of widths 500 and 10⁴; a reimplementation gives numbers for 50 to
//! 5000. Neither says on how many examples: here 32, either from N(0, 1) as in the paper, or on the circle.
#![allow(clippy::cast_precision_loss, reason = "counts are small")]

use std::f64::consts::TAU;
use std::process::ExitCode;

use cotangent::kernels::measures::relative_change;
use cotangent::kernels::{Infinite, Kernel};
use cotangent::prelude::*;
use examples::{Curves, Failure, Quantity, Study, Within, series};
use figure::{Axes, Panel, Style};
use serde::{Deserialize, Serialize};

/// Examples to train on, and points of the circle.
const N: usize = 32;
const GRID: usize = 64;
const WIDTHS: [usize; 5] = [50, 200, 500, 1000, 5000];
/// Of WIDTHS: ‖Θ̂ − Θ‖/‖Θ‖ and ‖Θ̂₂₀₀ − Θ̂‖/‖Θ̂‖; at width 500, Θ̂(x, x) grew by 19 %.
const PUBLISHED: [[Option<f64>; 5]; 2] = [
    [Some(0.229), Some(0.129), None, Some(0.075), Some(0.039)],
    [Some(0.38), Some(0.12), None, Some(0.027), Some(0.008)],
];

#[derive(Serialize, Deserialize)]
struct Found {
    error: f64,
    drift: f64,
    loss: f64,
    /// Θ̂ between the first point and all, before and after.
    rows: [Vec<f64>; 2],
}

fn network(width: usize) -> Network {
    Network::new(mlp(&[width; 3], 1, Activation::Relu, Scaling::ntk(1.0, 0.1)), [2])
}

fn circle() -> Vec<f32> {
    (0..GRID)
        .flat_map(|i| {
            let angle = TAU * i as f64 / GRID as f64;
            [angle.cos() as f32, angle.sin() as f32]
        })
        .collect()
}

fn train(
    inputs: &str,
    width: usize,
    seed: u64,
    limit: &Kernel<f32>,
    progress: &dyn Fn(f64),
) -> Result<Found, Failure> {
    let (threads, network) = (Threads::available(), network(width));
    // Weights of a linear layer are numbers from N(0, 1).
    let source = Network::new(Dense { width: N, scaling: Scaling::ntk(1.0, 0.0) }, [2]);
    let mut x = source.init::<f32>(1000 + seed)[..2 * N].to_vec();
    if inputs == "circle" {
        x.chunks_exact_mut(2).for_each(|x| {
            let norm = x[0].hypot(x[1]);
            x.iter_mut().for_each(|x| *x /= norm);
        });
    }
    let y = x.chunks_exact(2).map(|x| x[0] * x[1]).collect();
    let task = Task { train_x: x, train_y: y, test_x: vec![], test_y: vec![] };
    let theta = network.init(seed);
    let ntk = Empirical::ntk(&network);
    let kernel = |theta: &[f32]| ntk.kernel(Kind::Trace, theta, &circle(), None, &threads);
    let before = kernel(&theta);
    let settings = Settings { threads: threads.clone(), ..Settings::new(1.0, 200) };
    let mut model = Descent::network(&network, &theta, &task, &settings);
    drop(theta);
    let mut loss = 0.0;
    for step in 0..200 {
        loss = model.step(None).unwrap_or(f64::NAN);
        progress(f64::from(step) / 200.0);
    }
    let after = kernel(model.point());
    let row = |kernel: &Kernel<f32>| kernel.values()[..GRID].iter().map(|&k| f64::from(k)).collect();
    Ok(Found {
        error: relative_change(before.matrix(), limit.matrix()),
        drift: relative_change(after.matrix(), before.matrix()),
        loss,
        rows: [row(&before), row(&after)],
    })
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let widths = &WIDTHS[..study.either(5, 3)];
    let seeds = |width| if width < 5000 { 10 } else { 3 };
    let points: Vec<(&str, usize, u64)> = ["normal", "circle"]
        .into_iter()
        .flat_map(|inputs| {
            widths.iter().flat_map(move |&width| (0..seeds(width)).map(move |seed| (inputs, width, seed)))
        })
        .collect();
    let limit = Infinite::new(&network(1))?.kernels(&circle(), None, &Threads::available()).ntk;
    let cost = |&(_, width, _): &(&str, usize, u64)| (width * width) as f64;
    let found = study.measure(&points, cost, |&(inputs, width, seed), progress| {
        train(inputs, width, seed, &limit, progress)
    })?;

    let all: Vec<_> = points.iter().zip(&found).collect();
    let of = |inputs: &str, width: usize, what: &dyn Fn(&Found) -> f64| -> Vec<f64> {
        all.iter()
            .filter(|((i, w, _), _)| *i == inputs && *w == width)
            .map(|(_, found)| what(found))
            .collect()
    };
    let mut quantities = Vec::new();
    let mut add = |name: String, seeds, published| {
        quantities.push(Quantity { name, seeds, published, within: Within::Relative(0.3) });
    };
    for (i, &width) in widths.iter().enumerate() {
        add(format!("n = {width}: relative error of Θ̂"), of("normal", width, &|f| f.error), PUBLISHED[0][i]);
    }
    for inputs in ["normal", "circle"] {
        for (i, &width) in widths.iter().enumerate() {
            let published = PUBLISHED[1][i].filter(|_| inputs == "circle");
            add(format!("n = {width}: drift, {inputs} inputs"), of(inputs, width, &|f| f.drift), published);
        }
    }
    let growth = of("normal", 500, &|f| f.rows[1][0] / f.rows[0][0] - 1.0);
    add("n = 500: growth of Θ̂(x, x), normal inputs".into(), growth, Some(0.19));
    for &width in widths {
        add(format!("n = {width}: loss in the end, circle"), of("circle", width, &|f| f.loss), None);
    }
    let mean = |inputs: &str, what: &dyn Fn(&Found) -> f64| {
        Curves(vec![
            widths
                .iter()
                .map(|&w| {
                    let all = of(inputs, w, what);
                    (w as f64, all.iter().sum::<f64>() / all.len() as f64)
                })
                .collect(),
        ])
        .mean()
    };
    let paper =
        |i: usize| widths.iter().zip(PUBLISHED[i]).filter_map(|(&w, p)| Some((w as f64, p?))).collect();
    let angle = |i: usize| TAU * ((i + GRID / 2) % GRID) as f64 / GRID as f64 - TAU / 2.0;
    let curve = |row: &[f64]| {
        let mut points: Vec<_> = row.iter().enumerate().map(|(i, &k)| (angle(i), k)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let cloud = |i: usize| {
        let rows = all.iter().filter(|((inputs, width, _), _)| *inputs == "normal" && *width == 500);
        rows.flat_map(|(_, found)| curve(&found.rows[i])).collect::<Vec<_>>()
    };
    let mut circle = vec![
        series("n = 500, 200 steps", 1, Style::Points, cloud(1)),
        series("n = 500, at the beginning", 0, Style::Points, cloud(0)),
    ];
    let row: Vec<f64> = limit.values()[..GRID].iter().map(|&k| f64::from(k)).collect();
    circle.push(series("limit", 6, Style::Solid, curve(&row)));
    let panels = [
        Panel {
            axes: Axes::Linear,
            title: "Θ(x₀, x) on the circle".into(),
            x_label: "angle".into(),
            y_label: "Θ".into(),
            series: circle,
        },
        Panel {
            axes: Axes::Logarithmic,
            title: "Against width".into(),
            x_label: "width".into(),
            y_label: "relative change".into(),
            series: vec![
                series("from the limit", 0, Style::Solid, mean("normal", &|f| f.error)),
                series("published", 0, Style::Points, paper(0)),
                series("by training, N(0, 1)", 1, Style::Solid, mean("normal", &|f| f.drift)),
                series("by training, circle", 2, Style::Solid, mean("circle", &|f| f.drift)),
                series("published", 2, Style::Points, paper(1)),
            ],
        },
    ];
    study.finish(&panels, &quantities)
}

fn main() -> ExitCode {
    examples::run("jacot", "Jacot et al. 2018, Fig. 1: the tangent kernel on the circle", study)
}
