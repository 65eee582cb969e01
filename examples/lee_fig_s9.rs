//! How kernels of random networks converge to those of infinite width. (Lee et al. 2019, Fig. S9.)
//!
//! Relu networks with one or three hidden layers of n units, on inputs from N(0, 1) with 1024 components. Kernels are averaged over
//! M networks: Θ, the tangent kernel of one output, and K, the covariance of the last hidden units. Shown are
//! ‖Θ(M, n) − Θ‖_F/‖Θ‖_F and the same of K, which fall like (nM)^{−1/2}. Averages over the first 1, 2, 4, … networks come from one
//! sequence of them; errors of a single network are geometric means over the first 16 of the sequence.
//!
//! The paper leaves open σ_w, σ_b and the number of inputs. Here σ_w² = 2, σ_b = 0, and 20 inputs. Drawing M networks of n units is what takes
//! time, so n M ends at 2¹⁸ (of three hidden layers, n² M at 2²⁹), in the paper at 2²⁰.
//!
//! `cargo run --release -p examples --example lee_fig_s9 -- [--full] [--out FOLDER]`
use std::process::ExitCode;

use examples::{Failure, KernelErrors, Paper, Study, Within, exponent};
use figure::{Panel, Series};
use serde::Serialize;

/// A sequence of so many networks.
#[derive(Serialize)]
struct Point {
    depth: usize,
    width: usize,
    networks: usize,
    seed: u64,
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (last, budget, seeds) = study.either((12, 18, 3), (5, 6, 2));
    let networks = |depth, log: u32| match depth {
        1 => 1 << (budget - log).min(8),
        _ => 1 << (budget + 11 - 2 * log).min(8),
    };
    let sequence = |depth, first: u32, seed| {
        (first..=last).map(move |log| Point { depth, width: 1 << log, networks: networks(depth, log), seed })
    };
    let points = (0..seeds).flat_map(|seed| sequence(1, 0, seed).chain(sequence(3, 3, seed)));
    let numbers = |point: &Point| point.width * (1024 + (point.depth - 1) * point.width);
    let cost = |point: &Point| (point.networks * (numbers(point) + 20_000)) as f64;
    let found = study.measure(points, cost, |&Point { depth, width, networks, seed }, done| {
        KernelErrors::of_networks([depth, width], networks, seed, done)
    })?;

    for (depth, which) in [(1, 0), (1, 1), (3, 0), (3, 1)] {
        let of = format!("{}, L = {depth}", ["Θ", "K"][which]);
        let mut curves = Vec::new();
        // Of single networks, or of the mean over 2^`log`, where there are so many.
        for (color, log) in [None, Some(4), Some(8)].into_iter().enumerate() {
            let m = log.map_or(1, |log| 1 << log);
            let theirs = Paper::Lee.curve("S9", &format!("{of}, M = {m}"));
            let mine = found.curves(|p, errors| {
                let error = log.map_or(Some(&errors.single), |log| errors.means.get(log))?;
                (p.depth == depth).then_some((p.seed, p.width as f64, error[which]))
            });
            let counted = mine.mean().iter().filter(|point| point.0 >= 8.0).count();
            if counted > 2 {
                let within = Within::Absolute(if depth == 1 { 0.04 } else { 0.1 });
                let slope = exponent(&theirs[..counted]);
                study.hold(format!("slope in n: {of}, M = {m}"), mine.slopes(8.0), slope, within);
                curves.push(Series::line(format!("M = {m}"), color, mine.mean()));
            }
            curves.push(Series::points(format!("M = {m}, paper"), color, theirs));
        }
        study.show(Panel::logarithmic(of, ["width n", "relative error"], curves));
    }
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_fig_s9", "Kernels of random networks: Lee et al. 2019, Fig. S9", study)
}
