//! The tangent kernel on the circle, before and after training. (Jacot et al. 2018, Fig. 1.)
//!
//! Networks of three hidden relu layers, σ_w = 1, σ_b = 0.1, learn f(x) = x₁ x₂ in 200 steps at rate 1, from inputs from N(0, 1). How
//! far does Θ̂ move, and where is the limit Θ? The paper draws ten networks of 500 units, as here, and of 10⁴. It does not say how
//! many examples there are: here 32.
//!
//! `cargo run --release -p examples --example jacot_fig1 -- [--full] [--out FOLDER]`
use std::process::ExitCode;

use examples::circle::{Circle, Point};
use examples::{Failure, Paper, Study, Within};
use figure::{Panel, Series};

fn study(study: &mut Study) -> Result<(), Failure> {
    let circle = Circle::new()?;
    let point = |seed| Point { circle: false, width: 500, seed, examples: 32, steps: 200 };
    let points: Vec<Point> = (0..study.either(10, 3)).map(point).collect();
    let found = study.measure(points, |_| 1.0, |point, done| circle.follow(point, done))?;

    let middle = circle.angles().len() / 2;
    let growth =
        found.values().map(|kernels| 100.0 * (kernels.rows[1][middle] / kernels.rows[0][middle] - 1.0));
    study.hold("growth of Θ̂(x₀, x₀) in %", growth.collect(), 18.9, Within::Relative(0.3));

    let along = |row: &[f64]| circle.angles().iter().copied().zip(row.iter().copied()).collect();
    let mut rows = vec![Series::dashed("limit", 6, along(&circle.limit()))];
    for (when, name) in ["at first", "after 200 steps"].into_iter().enumerate() {
        let networks = found.0.len() as f64;
        let mean = |i: usize| found.values().map(|kernels| kernels.rows[when][i]).sum::<f64>() / networks;
        let means: Vec<f64> = (0..circle.angles().len()).map(mean).collect();
        rows.push(Series::line(format!("n = 500, {name}"), when, along(&means)));
        rows.push(Series::points("", when, Paper::Jacot.curve("1", &format!("Θ̂(x₀, x), {name}"))));
    }
    study.show(Panel::linear("Means; points: the paper's", ["angle", "Θ(x₀, x)"], rows));
    Ok(())
}

fn main() -> ExitCode {
    examples::run("jacot_fig1", "The tangent kernel on the circle: Jacot et al. 2018, Fig. 1", study)
}
