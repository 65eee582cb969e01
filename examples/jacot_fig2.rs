//! Regression with the tangent kernel on four points of a circle: trained networks, and the Gaussian process that they are drawn
//! from at infinite width. (Jacot et al. 2018, Fig. 2.)
//!
//! Networks of three hidden relu layers, of 50 and of 1000 units, σ_w = 1, σ_b = 0.1, make 1000 steps at rate 1 on the
//! squared loss; beside them are the percentiles 10, 50 and 90 of infinitely many, trained to the end.
//!
//! The four points are not stated: they were read off the figure, at the angles −2.2, −1, 1 and 2.2 with targets −0.4, −0.2, 0.3 and
//! 0.3. The paper's percentiles are those with the kernels of one network of 10⁴ units, here of the limit.
//!
//! `cargo run --release -p examples --example jacot_fig2 -- [--full] [--out FOLDER]`
use std::f64::consts::PI;
use std::process::ExitCode;

use cotangent::kernels::Which;
use cotangent::prelude::*;
use cotangent::train::Training;
use examples::{Failure, Moments, Paper, Study, Within, train};
use figure::{Panel, Series, Style};
use serde::Serialize;

#[derive(Serialize)]
struct Point {
    width: usize,
    seed: u64,
    steps: usize,
}

const DATA: [(f64, f64); 4] = [(-2.2, -0.4), (-1.0, -0.2), (1.0, 0.3), (2.2, 0.3)];
/// Widths, and how many networks are measured here, in place of ten.
const NETWORKS: [(usize, u64); 2] = [(50, 100), (1000, 30)];
/// Where the published curves were read off.
const ANGLES: [f64; 5] = [-3.0, -1.6, 0.0, 1.6, 3.0];
/// Of a normal variable: P90 is so many standard deviations above the mean.
const P90: f64 = 1.281_551_565_5;

fn main() -> ExitCode {
    examples::run("jacot_fig2", "Regression with the tangent kernel: Jacot et al. 2018, Fig. 2", study)
}

fn network(width: usize) -> Network {
    Network::new(mlp(&[width; 3], 1, Activation::Relu, Scaling::ntk(1.0, 0.1)), [2])
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (threads, steps) = (Threads::available(), study.either(1000, 200));
    // Points of the circle: first those where there are published values.
    let grid: Vec<f64> = (0..=96).map(|i| f64::from(i - 48) * PI / 48.0).collect();
    let circle = |angles: &[f64]| angles.iter().flat_map(|x| [x.cos() as f32, x.sin() as f32]).collect();
    let task = Task {
        train_x: circle(&DATA.map(|(angle, _)| angle)),
        train_y: DATA.iter().map(|&(_, target)| target as f32).collect(),
        test_x: circle(&[&ANGLES[..], &grid].concat()),
        test_y: vec![0.0; ANGLES.len() + grid.len()],
    };

    let networks = study.either(NETWORKS, NETWORKS.map(|(width, _)| (width.min(200), 3)));
    let points = networks
        .into_iter()
        .flat_map(|(width, count)| (0..count).map(move |seed| Point { width, seed, steps }));
    let cost = |point: &Point| (point.width * point.width + 10_000) as f64;
    let trained = study.measure(points, cost, |&Point { width, seed, steps }, done| {
        let (network, settings) =
            (network(width), Settings { threads: threads.clone(), ..Settings::new(1.0, steps) });
        let mut model = Descent::network(&network, &network.init(seed), &task, &settings);
        train(&mut model, steps, done)?;
        Ok(model.outputs(Part::Test).iter().map(|&f| f.into()).collect::<Vec<f64>>())
    })?;

    let limit = Moments::of_limit(&network(1), &task, Which::Ntk, Training::Converged, &threads)?;
    // Which, and of which angle.
    let percentile = |p: usize, i: usize| limit.at(i, (p as f64 - 1.0) * P90).iter().sum::<f64>();

    let percentiles = ["P10", "P50", "P90"].map(|name| (name, Paper::Jacot.curve("2", name)));
    for (p, (name, published)) in percentiles.iter().enumerate() {
        for (i, &(angle, published)) in published.iter().enumerate() {
            let name = format!("limit, γ = {angle}: {name}");
            study.hold(name, vec![percentile(p, i)], published, Within::Absolute(0.02));
        }
    }
    for ((width, count), (of_paper, _)) in networks.into_iter().zip(NETWORKS) {
        let [means, deviations] =
            ["mean", "deviation"].map(|what| Paper::Jacot.curve("2", &format!("{what}, n = {of_paper}")));
        for (i, (&(angle, mean), &(_, deviation))) in means.iter().zip(&deviations).enumerate() {
            // Ours are the mean of so many networks and theirs of ten: two standard deviations of the difference.
            let chance = 2.0 * deviation * (0.1 + 1.0 / count as f64).sqrt();
            let name = format!("networks, n = {width}, γ = {angle}: mean");
            let outputs = trained.of(|point| point.width == width).values().map(|f| f[i]).collect();
            study.hold(name, outputs, mean, Within::Absolute(chance));
        }
        let curve = |label: &str, color, style, f: &dyn Fn(usize) -> f64| {
            Series::new(label, color, style, (0..grid.len()).map(|i| (grid[i], f(5 + i))).collect())
        };
        let of_width = trained.of(|point| point.width == width);
        let drawn =
            of_width.values().take(10).enumerate().map(|(seed, f)| {
                curve(if seed == 0 { "ten networks" } else { "" }, 2, Style::Solid, &|i| f[i])
            });
        let labels = ["limit: P10, P50, P90", "", ""].into_iter().enumerate();
        let limits = labels.map(|(p, label)| curve(label, 3, Style::Dashed, &|i| percentile(p, i)));
        let paper = percentiles.iter().flat_map(|(_, points)| points.clone()).collect();
        let paper = Series::points("Jacot et al. 2018", 6, paper);
        let title = format!("{width} units in each of 3 layers");
        let curves = drawn.chain(limits).chain([paper]).collect();
        study.show(Panel::linear(title, ["angle γ", "f"], curves));
    }
    Ok(())
}
