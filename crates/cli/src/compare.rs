//! `cotangent compare`: a network and its linearization, trained side by side on the embedded digits.

use std::fs::{self, File};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use cotangent::data;
use cotangent::prelude::*;
use cotangent::train::{Comparison, Diverged};
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;
use crate::method::Method;
use crate::report::{self, Run};
use crate::subject::{Subject, subjects};

/// Train a network and its linearization side by side on handwritten digits.
///
/// Both start at the same θ₀ and descend on the squared loss 1/(2N) Σ ‖f(x) − y‖² over all training examples, or as told; the
/// linearization is f_lin(θ) = f(θ₀) + J(θ₀) (θ − θ₀). Writes summary.json, curves.csv and a figure (SVG, PNG).
#[derive(Args, Debug)]
#[command(args_override_self = true, allow_negative_numbers = true)]
pub(crate) struct Arguments {
    /// Number of training examples
    #[arg(long, default_value = "256")]
    pub(crate) train: NonZeroUsize,
    /// Number of test examples
    #[arg(long, default_value = "128")]
    pub(crate) test: NonZeroUsize,
    /// A network described in TOML, instead of a multilayer perceptron; it maps [64] or [8,8,1] to [10]
    #[arg(long, conflicts_with_all = ["width", "depth", "activation", "sigma_w", "sigma_b"])]
    pub(crate) net: Option<PathBuf>,
    /// Units in each hidden layer; several widths, separated by commas, make a sweep
    #[arg(long, default_value = "512", value_delimiter = ',', required = false)]
    pub(crate) width: Vec<NonZeroUsize>,
    /// Number of hidden layers
    #[arg(long, default_value = "3")]
    pub(crate) depth: usize,
    /// erf, relu, tanh, gelu, leaky_relu(0.1), …: any other word lists them
    #[arg(long, default_value = "erf")]
    pub(crate) activation: Activation,
    /// Standard deviation of the weights, times √inputs
    #[arg(long, default_value = "1.5", value_parser = not_negative)]
    pub(crate) sigma_w: f64,
    /// Standard deviation of the biases
    #[arg(long, default_value = "0.05", value_parser = not_negative)]
    pub(crate) sigma_b: f64,
    #[command(flatten)]
    pub(crate) method: Method,
    /// Seed of the initial parameters and of the choice of examples
    #[arg(long, default_value = "0")]
    pub(crate) seed: u64,
    /// Precision
    #[arg(long, default_value = "f32")]
    pub(crate) dtype: Precision,
    /// Number of threads [default: as many as the machine runs at once]
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Folder for the results
    #[arg(long, default_value = "out")]
    pub(crate) out: PathBuf,
    /// Print the summary as JSON on stdout, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no table and show no progress
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Precision {
    F32,
    F64,
}

pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|x: &f64| x.is_finite() && *x >= 0.0)
        .ok_or_else(|| "not a number from 0 up".into())
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.dtype {
        Precision::F32 => sweep::<f32>(arguments),
        Precision::F64 => sweep::<f64>(arguments),
    }
}

fn sweep<T: Real>(arguments: &Arguments) -> Result<(), Failure> {
    let task: Task<T> = task(arguments)?;
    let threads = arguments.threads.map_or_else(Threads::available, Threads::new);
    let settings =
        arguments.method.settings(arguments.train.get(), arguments.seed, threads).map_err(Failure::usage)?;
    let subjects = subjects(arguments, size_of::<T>())?;
    // Before the work, not after it: what cannot be written is said at once.
    fs::create_dir_all(&arguments.out).map_err(|error| Failure::unwritable(&arguments.out, error))?;
    let curves = arguments.out.join("curves.csv");
    let file = File::create(&curves).map_err(|error| Failure::unwritable(&curves, error))?;
    let mut runs: Vec<Run> = Vec::new();
    let mut failed = None;
    for Subject { name, width, network } in subjects {
        let start = Instant::now();
        let bar = progress_bar(arguments, &name);
        let theta: Vec<T> = network.init(arguments.seed);
        let outcome = compare(&network, &theta, &task, &settings, |step| {
            bar.set_position(step as u64);
        });
        bar.finish_and_clear();
        let (records, rates, linear, remainder) = match outcome {
            Ok(Comparison { records, linear, rate, stable_rate, remainder }) => {
                (records, [rate, stable_rate], Some(linear), Some(remainder))
            }
            Err(diverged) => {
                let Diverged { records, rate, stable_rate, .. } = diverged.clone();
                failed = Some(Failure::run(format!("{name}: {diverged}")));
                (records, [rate, stable_rate], None, None)
            }
        };
        let names = network.parameters().tensors().iter().map(|tensor| tensor.name.clone()).collect();
        let seconds = start.elapsed().as_secs_f64();
        let [rate, stable_rate] = rates;
        runs.push(Run { name, width, names, records, rate, stable_rate, linear, remainder, seconds });
        if failed.is_some() {
            break;
        }
    }
    // What was recorded before a run diverged is written all the same.
    report::write(arguments, &runs, file)?;
    failed.map_or(Ok(()), Err)
}

/// The digits: standardised pixels, and targets.
fn task<T: Real>(arguments: &Arguments) -> Result<Task<T>, Failure> {
    let digits = data::digits();
    let parts = [arguments.train.get(), arguments.test.get()];
    let [train, test] = data::split(digits.labels.len(), parts, arguments.seed).map_err(Failure::usage)?;
    let (x, y) =
        (data::standardised(digits.images.bytes(), 64), one_hot(&digits.labels, arguments.method.targets()));
    let rows = |table: &[f64], columns: usize, rows: &[usize]| -> Vec<T> {
        data::select(table, columns, rows).into_iter().map(T::literal).collect()
    };
    Ok(Task {
        train_x: rows(&x, 64, &train),
        train_y: rows(&y, 10, &train),
        test_x: rows(&x, 64, &test),
        test_y: rows(&y, 10, &test),
    })
}

/// The target `of_class` for the class of an example, and the other one for the other classes.
fn one_hot(labels: &[u8], [of_class, of_others]: [f64; 2]) -> Vec<f64> {
    let scale = of_class - of_others;
    data::one_hot(labels, 10, 0.0).into_iter().map(|y| scale * y + of_others).collect()
}

/// A bar on stderr, if that is a terminal.
fn progress_bar(arguments: &Arguments, name: &str) -> ProgressBar {
    if arguments.quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix} [{wide_bar:.cyan}] {pos}/{len} steps, {eta} left");
    let bar = ProgressBar::new(arguments.method.steps as u64).with_prefix(name.to_owned());
    style.map(|style| bar.clone().with_style(style.progress_chars("━╸ "))).unwrap_or(bar)
}

/// Writes to stdout.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::run(error)),
        _ => Ok(()),
    }
}
