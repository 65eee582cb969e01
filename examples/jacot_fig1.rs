//! The tangent kernel on the circle, before and after training. (Jacot et al. 2018, Fig. 1.)
//!
//! Networks of three hidden relu layers, σ_w = 1, σ_b = 0.1, learn f(x) = x₁ x₂ in 200 steps at rate 1, from inputs from N(0, 1). How
//! far does Θ̂ move, how much does it differ between networks, and where is the limit Θ? The paper draws ten networks of 500
//! units, as here, and ten of 10⁴, here three. It does not say how many examples there are: here 32.
//!
//! `cargo run --release -p examples --example jacot_fig1 -- [--full] [--out FOLDER]`
use std::process::ExitCode;

use examples::circle::{Circle, Point, published_spread};
use examples::{Failure, Paper, Study, Within, mean};
use figure::{Panel, Series};

/// Their width, and how many there are.
const NETWORKS: [(usize, u64); 2] = [(500, 10), (10_000, 3)];

fn study(study: &mut Study) -> Result<(), Failure> {
    let circle = Circle::new()?;
    let networks = study.either(&NETWORKS[..], &[(500, 3)]);
    let point = |width, seed| Point { circle: false, width, seed, examples: 32, steps: 200 };
    let points = networks.iter().flat_map(|&(width, count)| (0..count).map(move |seed| point(width, seed)));
    let cost = |point: &Point| (point.width * point.width) as f64;
    let found = study.measure(points, cost, |point, done| circle.follow(point, done))?;

    let middle = circle.angles().len() / 2;
    let along = |row: &[f64]| circle.angles().iter().copied().zip(row.iter().copied()).collect();
    let mut rows = vec![Series::dashed("limit", 6, along(&circle.limit()))];
    for (i, &(width, count)) in networks.iter().enumerate() {
        let mine = found.of(|point| point.width == width);
        let mut published = Vec::new();
        for (when, name) in ["at first", "after 200 steps"].into_iter().enumerate() {
            let name = format!("n = {width}, {name}");
            let at = |i: usize| mine.values().map(|kernels| kernels.rows[when][i]).collect::<Vec<_>>();
            let means: Vec<f64> = (0..circle.angles().len()).map(|i| mean(&at(i))).collect();
            let points = Paper::Jacot.curve("1", &name);
            published.extend(points.iter().filter(|point| point.0 == 0.0).map(|point| point.1));
            rows.push(Series::line(name, 2 * i + when, along(&means)));
            rows.push(Series::points("", 2 * i + when, points));
        }
        let at = |when: usize| mine.values().map(move |kernels| kernels.rows[when][middle]);
        let growth = at(0).zip(at(1)).map(|(before, after)| 100.0 * (after / before - 1.0)).collect();
        let of_paper = 100.0 * (published[1] / published[0] - 1.0);
        study.hold(format!("n = {width}: growth of Θ̂(x₀, x₀) in %"), growth, of_paper, Within::Relative(0.3));
        // The standard deviation of ten values is known to a quarter, that of three to a half.
        let within = Within::Factor(if count < 10 { 2.0 } else { 1.5 });
        let name = format!("n = {width}: standard deviation of Θ̂(x₀, x) by its mean");
        study.hold(
            name,
            vec![circle.spread(&mine.values().copied().collect::<Vec<_>>())],
            published_spread(width),
            within,
        );
    }
    study.show(Panel::linear("Means; points: the paper's", ["angle", "Θ(x₀, x)"], rows));
    Ok(())
}

fn main() -> ExitCode {
    examples::run("jacot_fig1", "The tangent kernel on the circle: Jacot et al. 2018, Fig. 1", study)
}
