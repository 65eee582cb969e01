//! Error and drift of the tangent kernel on the circle, against width. (After Jacot et al. 2018, Fig. 1.)
//!
//! A reimplementation in numpy gives numbers for widths 50 to 5000: how far Θ̂ is from the limit Θ at the beginning, and how far it
//! moves in 200 steps at rate 1, by which networks of three hidden relu layers, σ_w = 1, σ_b = 0.1, learn f(x) = x₁ x₂ from inputs on
//! the circle; here 32, and for comparison from N(0, 1).
//!
//! It does not say what its error of Θ̂ is, nor of how many networks. In the Frobenius norm, the mean error of ours is 1.2 to 1.8
//! times as large, and the share of networks with a smaller one than published is shown beside it; the median error of Θ̂(x, x) is
//! within 30 % of the published one at all widths. So is the standard deviation of Θ̂(x₀, x) of the one that the ten networks of the paper
//! itself have at n = 500, times √(500/n).
//!
//! `cargo run --release -p examples --example jacot_widths -- [--full] [--out FOLDER]`
use std::process::ExitCode;

use examples::circle::{Circle, Kernels, Point, median, published_spread};
use examples::{Failure, Paper, Study, Within, mean};
use figure::{Panel, Series};

/// Widths, and how many networks learn from N(0, 1) and on the circle.
const NETWORKS: [(usize, u64, u64); 4] = [(50, 10, 100), (200, 10, 100), (1000, 10, 40), (5000, 0, 12)];

fn study(study: &mut Study) -> Result<(), Failure> {
    let circle = Circle::new()?;
    let networks = study.either(NETWORKS.to_vec(), vec![(50, 3, 10), (200, 3, 10)]);
    let point = |circle, width, count| {
        (0..count).map(move |seed| Point { circle, width, seed, examples: 32, steps: 200 })
    };
    let points =
        networks.iter().flat_map(|&(w, normal, on)| point(false, w, normal).chain(point(true, w, on)));
    let cost = |point: &Point| (point.width * point.width + 10_000) as f64;
    let found = study.measure(points, cost, |point, done| circle.follow(point, done))?;

    let of = |circle: bool, width: usize, what: fn(&Kernels) -> f64| -> Vec<f64> {
        found.of(|point| (point.circle, point.width) == (circle, width)).values().map(|k| what(k)).collect()
    };
    let [errors, drifts] =
        ["error", "drift"].map(|what| Paper::Jacot.curve("1", &format!("in numpy, {what}")));
    let mut spreads = Vec::new();
    for (&(n, error), &(_, drift)) in errors.iter().zip(&drifts) {
        let of = |what| of(true, n as usize, what);
        let mut hold = |name: &str, values, published| {
            study.hold(format!("n = {n}: {name}"), values, published, Within::Relative(0.3));
        };
        hold("‖Θ̂ − Θ‖/‖Θ‖", of(|kernels| kernels.error), error);
        // For an interval, medians of groups of networks.
        let medians = of(|kernels| kernels.median).chunks_exact(4).map(median).collect();
        hold("median error of Θ̂(x, x)", medians, error);
        hold("drift", of(|kernels| kernels.drift), drift);
        let mine = found.of(|point| (point.circle, point.width) == (true, n as usize));
        let mine = Some(mine.values().copied().collect::<Vec<_>>()).filter(|mine| !mine.is_empty());
        let spread = mine.map(|mine| circle.spread(&mine));
        spreads.extend(spread.map(|spread| (n, spread)));
        let of_paper = published_spread(500) * (500.0 / n).sqrt();
        hold("standard deviation of Θ̂(x₀, x)", spread.into_iter().collect(), of_paper);
        let below = of(|kernels| kernels.error).into_iter().map(|mine| f64::from(mine < error));
        study.note(format!("n = {n}: share of networks below the published ‖Θ̂ − Θ‖/‖Θ‖"), below.collect());
    }

    let curve = |label: &str, color, circle, of_all: &dyn Fn(&[f64]) -> f64, what| {
        let all = networks.iter().map(|&(width, ..)| (width as f64, of(circle, width, what)));
        let points = all.filter(|(_, all)| !all.is_empty()).map(|(width, all)| (width, of_all(&all)));
        Series::line(label, color, points.collect())
    };
    let of_paper = [500, 10_000].map(|width| (width as f64, published_spread(width))).to_vec();
    let against_width = vec![
        Series::line("standard deviation of the kernel", 4, spreads),
        Series::points("of the paper's networks", 4, of_paper),
        curve("error of the kernel", 0, true, &mean, |kernels| kernels.error),
        curve("median error of Θ(x, x)", 5, true, &median, |kernels| kernels.median),
        Series::points("in numpy, error", 0, errors),
        curve("drift, circle", 1, true, &mean, |kernels| kernels.drift),
        curve("drift, N(0, 1)", 3, false, &mean, |kernels| kernels.drift),
        Series::points("in numpy, drift, circle", 1, drifts),
    ];
    study.show(Panel::logarithmic("Against width", ["width", "relative"], against_width));
    Ok(())
}

fn main() -> ExitCode {
    let about = "The tangent kernel on the circle against width: after Jacot et al. 2018, Fig. 1";
    examples::run("jacot_widths", about, study)
}
