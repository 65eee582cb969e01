//! How far networks of finite width go from where infinite width would have gone. (After Lee et al. 2019, Fig. 2.)
//!
//! The networks of Fig. 2 (`lee_fig2`), each beside what infinite width would have learned had it begun with the same outputs. The
//! mean square of the distance falls as 1/width (Theorem 2.1 of the paper), and is what the variance of their outputs is larger by:
//! the paper's have 8192 units. It is given in units of the variance of the limit.
//!
//! `cargo run --release -p examples --example lee_fig2_widths -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::kernels::Which;
use examples::ensemble::{Choice, Point, TIMES, alphas};
use examples::{Curves, Failure, Set, Study, Within};
use figure::{Panel, Series};

fn study(study: &mut Study) -> Result<(), Failure> {
    let (logs, choices, networks) = study.either((6..10, 3, 40), (3..6, 2, 10));
    let images = study.images(Set::Cifar10)?;
    let choices = (0..choices).map(|seed| Choice::new(&images, seed)).collect::<Result<Vec<_>, _>>()?;
    let widths: Vec<usize> = logs.map(|log| 1 << log).collect();
    let points =
        (0..choices.len() as u64).flat_map(|images| widths.iter().map(move |&width| (images, width)));
    let points =
        points.flat_map(|(images, width)| (0..networks).map(move |network| Point { images, width, network }));
    let cost = |point: &Point| (point.width * (point.width + 100)) as f64;
    let found =
        study.measure(points, cost, |point, done| choices[point.images as usize].follow(point, done))?;

    let mean = |squares: Vec<f64>| squares.iter().sum::<f64>() / squares.len() as f64;
    let mut shown = Vec::new();
    // All begin with no distance.
    for (time, (when, training)) in TIMES.into_iter().enumerate().skip(1) {
        let curve = |(choice, images): (&Choice, u64)| {
            let limit = choice.limit(Which::Ntk, training)?;
            let variance = mean((0..alphas().len()).map(|i| limit.at(i, 1.0)[1].powi(2)).collect());
            let square = |&width: &usize| {
                let mine = found.of(|point| (point.images, point.width) == (images, width));
                let squares = mine.values().map(|seen| seen.distances[time].powi(2)).collect();
                (width as f64, mean(squares) / variance)
            };
            Ok(widths.iter().map(square).collect())
        };
        let curves = Curves(choices.iter().zip(0..).map(curve).collect::<Result<_, Failure>>()?);
        study.hold(format!("{when}: slope"), curves.slopes(0.0), -1.0, Within::Absolute(0.2));
        study.note(format!("{when}: continued to width 8192"), curves.extrapolated(8192.0));
        shown.push(Series::line(when, time, curves.mean()));
    }
    let axes = ["width", "square distance from the limit, by its variance"];
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
