//! How far networks of finite width go from where infinite width would have gone. (After Lee et al. 2019, Fig. 2.)
//!
//! The networks of Fig. 2 (`lee_fig2`), each beside what infinite width would have learned had it begun with the same outputs. By
//! Theorem 2.1 of the paper, and as the kernel of a network is that near to its limit, the mean square of the distance is at most of order
//! 1/width. It is given in units of the variance of the limit, and continued to the networks of Fig. 2 here, and to those of the
//! paper.
//!
//! `cargo run --release -p examples --example lee_fig2_widths -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use examples::ensemble::{Choice, Point, TIMES, alphas};
use examples::{Curves, Failure, Set, Study, mean};
use figure::{Panel, Series};

fn study(study: &mut Study) -> Result<(), Failure> {
    let (logs, choices, networks) = study.either((6..10, 3, 40), (3..6, 2, 10));
    let images = study.images(Set::Cifar10)?;
    let choices = (0..choices).map(|seed| Choice::new(&images, seed)).collect::<Result<Vec<_>, _>>()?;
    let widths: Vec<usize> = logs.map(|log| 1 << log).collect();
    let points = Point::all(choices.len() as u64, &widths, networks);
    let cost = |point: &Point| (point.width * (point.width + 100)) as f64;
    let found =
        study.measure(points, cost, |point, done| choices[point.images as usize].follow(point, done))?;

    let mut shown = Vec::new();
    // All begin with no distance.
    for (time, count) in TIMES.into_iter().enumerate().skip(1) {
        let curve = |(choice, images): (&Choice, u64)| {
            let limit = choice.limit(count)?;
            let variances: Vec<f64> = (0..alphas().len()).map(|i| limit.at(i, 1.0)[1].powi(2)).collect();
            let square = |&width: &usize| {
                let mine = found.of(|point| (point.images, point.width) == (images, width));
                let squares: Vec<f64> = mine.values().map(|seen| seen.distances[time].powi(2)).collect();
                (width as f64, mean(&squares) / mean(&variances))
            };
            Ok(widths.iter().map(square).collect())
        };
        let curves = Curves(choices.iter().zip(0..).map(curve).collect::<Result<_, Failure>>()?);
        study.note(format!("{count} steps: slope"), curves.slopes(0.0));
        for width in [768.0, 8192.0] {
            study.note(format!("{count} steps: continued to width {width}"), curves.extrapolated(width));
        }
        shown.push(Series::line(format!("{count} steps"), time, curves.mean()));
    }
    let axes = ["width", "mean square distance, by the variance of the limit"];
    study.show(Panel::logarithmic("Networks and infinite width", axes, shown));
    Ok(())
}

fn main() -> ExitCode {
    examples::run(
        "lee_fig2_widths",
        "Networks and their limit against width: after Lee et al. 2019, Fig. 2",
        study,
    )
}
