//! Kernels averaged over random networks, against width and number of networks. (Lee et al. 2019, Fig. S10.)
//!
//! M relu networks with one hidden layer of n units, on inputs from N(0, 1) with 1024 components. Shown is the error of the mean of
//! their tangent kernels, ‖Θ(M, n) − Θ‖_F/‖Θ‖_F, and the same of K, the covariance of hidden units, for n and M up to 4096: it is
//! (nM)^{−1/2} times a constant.
//!
//! The paper leaves open σ_w, σ_b and the number of inputs. Here σ_w² = 2, σ_b = 0, and 20 inputs. To save time, n M ends at 2¹⁹, in the
//! paper at 2²⁴.
//!
//! `cargo run --release -p examples --example lee_fig_s10 -- [--full] [--out FOLDER]`
use std::process::ExitCode;

use examples::{Curves, Failure, KernelErrors, Paper, Study, Within, mean};
use figure::{Axis, Cell, Panel, Series};
use serde::Serialize;

/// A sequence of so many networks.
#[derive(Serialize)]
struct Point {
    width: usize,
    networks: usize,
    seed: u64,
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (last, budget, seeds) = study.either((12, 19, 3), (5, 9, 2));
    let networks = move |log: i32| 1 << last.min(budget - log);
    let of_seed = |seed| (0..=last).map(move |log| Point { width: 1 << log, networks: networks(log), seed });
    let points = (0..seeds).flat_map(of_seed);
    let found = study.measure(
        points,
        |point| (point.networks * (point.width + 20)) as f64,
        |point, done| KernelErrors::of_networks([1, point.width], point.networks, point.seed, done),
    )?;

    for (which, name) in ["Θ", "K"].into_iter().enumerate() {
        // Of one width, against M.
        let of_width = |width| {
            found.of(|p| p.width == width).curves(|p, errors| {
                let means = (0..).zip(&errors.means);
                means.map(|(log, error)| (p.seed, f64::from(1 << log), error[which])).collect::<Vec<_>>()
            })
        };
        let curves: Vec<(f64, Curves)> =
            (0..=last).map(|log| (f64::from(1 << log), of_width(1 << log))).collect();
        let each = |first: f64, of: &dyn Fn(f64, &Curves) -> Vec<f64>| -> Vec<f64> {
            let from_first = curves.iter().filter(|(n, _)| *n >= first);
            let of_widths: Vec<Vec<f64>> = from_first.map(|(n, curves)| of(*n, curves)).collect();
            let of_seed = |seed: usize| of_widths.iter().map(|seeds| seeds[seed]).collect::<Vec<_>>();
            (0..seeds as usize).map(|seed| mean(&of_seed(seed))).collect()
        };
        let slopes = each(1.0, &|_, curves| curves.slopes(0.0));
        study.hold(format!("slope in M: {name}"), slopes, -0.5, Within::Absolute(0.04));
        // Of all points of Fig. S9 with one hidden layer, whose widths begin with 8.
        let log = |n: f64, m: f64, error: f64| (error * (n * m).sqrt()).ln();
        let published = [1, 16, 256].into_iter().flat_map(|m| {
            let curve = Paper::Lee.curve("S9", &format!("{name}, L = 1, M = {m}"));
            curve.into_iter().map(move |(n, error)| log(n, f64::from(m), error))
        });
        let published = mean(&published.collect::<Vec<_>>()).exp();
        let scaled = each(8.0, &|n, curves| {
            let of_seed = |curve: &Vec<(f64, f64)>| {
                mean(&curve.iter().map(|&(m, error)| log(n, m, error)).collect::<Vec<_>>())
            };
            curves.0.iter().map(of_seed).collect()
        });
        let scaled = scaled.into_iter().map(f64::exp).collect();
        study.hold(format!("error √(nM): {name}"), scaled, published, Within::Relative(0.1));

        let around = |x: f64| x / 2_f64.sqrt()..x * 2_f64.sqrt();
        let cells = curves.iter().flat_map(|(n, curves)| {
            curves.mean().into_iter().map(|(m, value)| Cell { x: around(*n), y: around(m), value })
        });
        let equal = (2..=budget).step_by(4).map(|log| {
            let [a, b] = [(log - last).max(0), log.min(last)].map(|log| f64::from(1 << log));
            Series::dashed("", 6, vec![(a, b), (b, a)])
        });
        let title = format!("Error of {name}; dashed: n M is the same");
        let axes = ["width n", "networks M"].map(Axis::logarithmic);
        study.show(Panel { cells: cells.collect(), ..Panel::new(title, axes, equal.collect()) });
        let lines = curves.iter().step_by(4).enumerate();
        let mut lines: Vec<_> =
            lines.map(|(i, (n, curves))| Series::line(format!("n = {n}"), i, curves.mean())).collect();
        for (n, color) in [(1, 0), (4096, 3)].into_iter().filter(|_| which == 0) {
            let paper = Paper::Lee.curve("S10", &format!("Θ, n = {n}"));
            lines.push(Series::points(format!("n = {n}, paper"), color, paper));
        }
        study.show(Panel::logarithmic(format!("Error of {name}"), ["networks M", "relative error"], lines));
    }
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_fig_s10", "Kernels averaged over random networks: Lee et al. 2019, Fig. S10", study)
}
