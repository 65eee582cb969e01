//! `bench growth`: how a training step grows with the network and with the batch.

use std::fmt;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::PathBuf;

use bench::timing::{Prepared, best_of_five};
use bench::workloads::{Row, Workload};
use clap::Args;
use cotangent::prelude::*;
use figure::{FigureError, Panel, Series};

/// Time training steps against the numbers of parameters and of examples, and draw them.
///
/// A step is one of gradient descent of a relu perceptron with 3 hidden layers, in f32. Prints "name seconds"
/// a line; the last one is what lowering the step of a network with 20 hidden layers takes.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The figure, to which .svg and .png are appended
    #[arg(long, value_name = "STEM", default_value = "docs/growth")]
    pub(crate) out: PathBuf,
}

/// Why there is no figure.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The figure cannot be written there.
    File { path: PathBuf, error: io::Error },
    /// It cannot be drawn.
    Figure(FigureError),
    /// Timings cannot be printed.
    Print(io::Error),
}

impl Failure {
    /// The exit status: 2 for what was asked wrongly, 1 for what went wrong.
    pub(crate) fn status(&self) -> u8 {
        if matches!(self, Self::File { .. }) { 2 } else { 1 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "cannot write {}: {error}", path.display()),
            Self::Figure(failure) => failure.fmt(f),
            Self::Print(error) => error.fmt(f),
        }
    }
}

/// From which width and number of examples vary.
const BASE: Workload = Workload {
    name: "growth",
    activation: Activation::Relu,
    examples: 256,
    inputs: 784,
    width: 512,
    depth: 3,
    outputs: 10,
};

/// A network so deep that its program, not its matrices, is large.
const DEEP: Workload = Workload { examples: 128, width: 128, depth: 20, ..BASE };

/// The length of one timing.
const SECONDS: f64 = 0.1;

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let [svg, png] = ["svg", "png"].map(|kind| arguments.out.with_added_extension(kind));
    for path in [&svg, &png] {
        // Before the work, not after it; a figure that is there stays until the new one is drawn.
        let opened = OpenOptions::new().append(true).create(true).open(path);
        opened.map_err(|error| Failure::File { path: path.clone(), error })?;
    }

    let threads = Threads::available();
    let mut by_width = Vec::new();
    for width in (6..=12).map(|i| 1 << i) {
        let workload = Workload { width, ..BASE };
        let seconds = step_seconds(&workload, &threads);
        print(&format!("growth.width.{width}"), seconds)?;
        by_width.push((parameters(&workload) as f64, 1e3 * seconds));
    }
    let mut by_examples = Vec::new();
    for examples in (5..=12).map(|i| 1 << i) {
        let seconds = step_seconds(&Workload { examples, ..BASE }, &threads);
        print(&format!("growth.examples.{examples}"), seconds)?;
        by_examples.push((examples as f64, 1e3 * seconds));
    }
    let deep = DEEP.program(Row::TrainStep);
    let seconds = best_of_five(SECONDS, || _ = black_box(Plan::new(black_box(&deep))));
    print(&format!("plan.{}_layers", DEEP.depth), seconds)?;

    let panels = [
        panel(format!("Widths 64 to 4096, {} examples", BASE.examples), "parameters", by_width),
        panel(format!("32 to 4096 examples, width {}", BASE.width), "examples", by_examples),
    ];
    figure::write("One training step", &panels, &arguments.out).map_err(Failure::Figure)
}

/// Measured points, and a line of slope 1 through the last one.
fn panel(title: String, x_label: &str, points: Vec<(f64, f64)>) -> Panel {
    let &(x, y) = points.last().expect("something was measured");
    let linear = points.iter().map(|&(at, _)| (at, y * at / x)).collect();
    let series = vec![Series::dashed("linear growth", 6, linear), Series::points("measured", 0, points)];
    Panel::logarithmic(title, [x_label, "milliseconds"], series)
}

/// Seconds of one training step.
fn step_seconds(workload: &Workload, threads: &Threads) -> f64 {
    let row = Row::TrainStep;
    let mut step = Prepared::new(&workload.program(row), &workload.overwritten(row), threads);
    threads.install(|| best_of_five(SECONDS, || step.run()))
}

/// The number of parameters: the size of what a step moves.
fn parameters(workload: &Workload) -> usize {
    let step = workload.program(Row::TrainStep);
    let moved = workload.overwritten(Row::TrainStep);
    moved.iter().map(|&(input, _)| step.inputs()[input].size()).sum()
}

fn print(name: &str, seconds: f64) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{name} {seconds:.9}").map_err(Failure::Print)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_weights_and_biases() {
        assert_eq!(parameters(&BASE), 785 * 512 + 2 * 513 * 512 + 513 * 10);
    }
}
