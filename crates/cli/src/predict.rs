//! `cotangent predict`: what networks predict once they are trained, in closed form.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use cotangent::data::{Array, NpzWriter};
use cotangent::kernels::Infinite;
use cotangent::prelude::*;
use cotangent::train::{ClosedForm, Ensemble, NoClosedForm, Ridge, Training};
use faer::Mat;
use figure::{Panel, Series, Style};

use crate::compare::{not_negative, print};
use crate::failure::Failure;
use crate::kernel::examples;
use crate::subject::{Given, room};

/// Predict what networks make of test examples once they are trained, without training any.
///
/// At infinite width networks are a Gaussian process, also after gradient flow on the squared loss 1/(2N) Σ ‖f(x) − y‖²: its
/// means and covariances are written for each time. With --params or --seed the linear model of one network is trained instead,
/// which has no spread. Writes predictions.npz and predictions.csv and, if inputs are single numbers, a figure.
#[derive(Args, Debug)]
#[command(args_override_self = true, allow_negative_numbers = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    given: Given,
    /// Examples to train on: .npy, .npz (FILE.npz:NAME, if there are several arrays), .csv or IDX
    #[arg(long, value_name = "FILE")]
    train_x: PathBuf,
    /// Their targets
    #[arg(long, value_name = "FILE")]
    train_y: PathBuf,
    /// Examples to predict
    #[arg(long, value_name = "FILE")]
    test_x: PathBuf,
    /// For how long they are trained, learning rate times steps; several times, separated by commas
    #[arg(long, default_value = "inf", value_delimiter = ',')]
    time: Vec<Time>,
    /// What is trained
    #[arg(long, value_enum, default_value = "ntk", conflicts_with_all = ["params", "seed"])]
    get: Get,
    /// Which covariances are written
    #[arg(long, value_enum, default_value = "diag", conflicts_with_all = ["params", "seed"])]
    cov: Covariance,
    /// What is added to the kernel's diagonal, times its mean
    #[arg(long, default_value = "0", value_parser = not_negative)]
    ridge: f64,
    /// Number of threads [default: as many as the machine runs at once]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Folder for the results
    #[arg(long, default_value = "out")]
    out: PathBuf,
}

/// A time from 0 to infinity.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Time(f64);

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = text.trim().parse().ok().filter(|time: &f64| *time >= 0.0);
        time.map(Self).ok_or("not a number from 0 up, or inf")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Get {
    /// All parameters: the tangent kernel
    Ntk,
    /// The readout alone: the covariance kernel, Bayesian inference at infinite time
    Nngp,
    /// A Gaussian process whose covariance is the tangent kernel
    Ntkgp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Covariance {
    /// Between all test examples
    Full,
    /// Variances
    Diag,
    /// None
    None,
}

/// What is known at one time.
struct Prediction {
    time: f64,
    /// Test examples × outputs.
    mean: Mat<f64>,
    /// Of each output.
    variance: Option<Vec<f64>>,
    covariance: Option<Mat<f64>>,
}

/// What there is to predict from.
struct Task {
    network: Network,
    train_x: Vec<f64>,
    train_y: Mat<f64>,
    test_x: Vec<f64>,
    threads: Threads,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let given = &arguments.given;
    let network = given.network()?;
    let [train_x, test_x] = [&arguments.train_x, &arguments.test_x].map(|path| examples(path, &network));
    let (train_x, test_x) = (train_x?, test_x?);
    let rows = train_x.len() / network.example().size();
    let train_y = targets(&arguments.train_y, rows, network.output().size())?;
    let threads = arguments.threads.map_or_else(Threads::available, Threads::new);
    fs::create_dir_all(&arguments.out).map_err(|error| Failure::unwritable(&arguments.out, error))?;
    let task = Task { network, train_x, train_y, test_x, threads };
    let predictions = if given.infinite {
        let limit = Infinite::new(&task.network).map_err(|refused| given.refused(&refused))?;
        of_ensemble(arguments, &task, &limit).map_err(Failure::usage)?
    } else {
        let theta: Vec<f64> = given.parameters(&task.network)?;
        let rows = |x: &[f64]| task.network.examples(x).saturating_mul(task.network.output().size());
        let (train, test) = (rows(&task.train_x), rows(&task.test_x));
        let entries = train.saturating_mul(train.saturating_mul(4).saturating_add(test));
        room("the kernels of all examples and outputs", entries.saturating_mul(8))?;
        of_linear_model(arguments, &task, &theta).map_err(Failure::usage)?
    };
    write(arguments, &task, &predictions)
}

/// The targets in a file, a row for each of the examples.
fn targets(path: &Path, rows: usize, outputs: usize) -> Result<Mat<f64>, Failure> {
    let array = Array::read(path).map_err(Failure::usage)?;
    let each: usize = array.shape()[1..].iter().product();
    if array.shape()[0] != rows || each != outputs {
        return Err(Failure::usage(format!(
            "{}: an array of shape {}, where {rows} examples have {outputs} targets each",
            path.display(),
            Shape::from(array.shape())
        )));
    }
    Ok(Mat::from_fn(rows, outputs, |i, o| array.values()[i * outputs + o]))
}

#[allow(clippy::cast_precision_loss, reason = "N is far below 2⁵³")]
fn training(Time(time): Time, task: &Task) -> Training {
    // The loss is a mean over examples.
    if time.is_infinite() { Training::Converged } else { Training::Flow(time / task.train_y.nrows() as f64) }
}

/// Of wide networks, over their initial parameters.
fn of_ensemble(
    arguments: &Arguments,
    task: &Task,
    limit: &Infinite,
) -> Result<Vec<Prediction>, NoClosedForm> {
    let Task { train_x, train_y, test_x, threads, .. } = task;
    let [dd, td, tt] = [(train_x, None), (test_x, Some(train_x)), (test_x, None)]
        .map(|(x, others)| limit.kernels(x, others.map(Vec::as_slice), threads));
    let trained = |limits: &cotangent::kernels::Limits<f64>| match arguments.get {
        Get::Nngp => limits.nngp.matrix().to_owned(),
        Get::Ntk | Get::Ntkgp => limits.ntk.matrix().to_owned(),
    };
    let spread = |limits: &cotangent::kernels::Limits<f64>| match arguments.get {
        Get::Ntkgp => limits.ntk.matrix().to_owned(),
        Get::Ntk | Get::Nngp => limits.nngp.matrix().to_owned(),
    };
    let error = [&dd, &td, &tt].map(|limits| limits.error).into_iter().fold(0.0, f64::max);
    if error > 1e-6 {
        // Nothing is left to do if even this cannot be written.
        let _ = writeln!(io::stderr(), "cotangent: expansions of activations leave a part of {error:.0e}");
    }
    let model = ClosedForm::new(trained(&dd).as_ref(), Ridge::Relative(arguments.ridge))?;
    let before = match arguments.get {
        Get::Ntk => spread(&dd),
        // Of a Gaussian process, the ridge is noise of the targets.
        Get::Nngp | Get::Ntkgp => Ridge::Relative(arguments.ridge).added_to(spread(&dd).as_ref()),
    };
    let ensemble = Ensemble::new(&model, before.as_ref());
    let points = ensemble.at::<f64>(trained(&td).as_ref(), spread(&td).as_ref());
    let own = spread(&tt);
    let at = |&time: &Time| {
        let training = training(time, task);
        let covariance = match arguments.cov {
            Covariance::Full => Some(points.covariance(own.as_ref(), training)?),
            Covariance::Diag | Covariance::None => None,
        };
        let variance = match (&covariance, arguments.cov) {
            (Some(full), _) => Some((0..full.nrows()).map(|i| full[(i, i)]).collect()),
            (None, Covariance::None) => None,
            (None, _) => {
                let before: Vec<f64> = (0..own.nrows()).map(|i| own[(i, i)]).collect();
                Some(points.variance(&before, training)?)
            }
        };
        Ok(Prediction { time: time.0, mean: points.mean(train_y.as_ref(), training)?, variance, covariance })
    };
    arguments.time.iter().map(at).collect()
}

/// Of the linear model of one network.
fn of_linear_model(
    arguments: &Arguments,
    task: &Task,
    theta: &[f64],
) -> Result<Vec<Prediction>, NoClosedForm> {
    let Task { network, train_x, train_y, test_x, threads } = task;
    let outputs = network.output().size();
    let value = |x: &[f64]| {
        let examples = x.len() / network.example().size();
        let mut f = vec![0.0; examples * outputs];
        let plan = Plan::new(&network.program(examples));
        plan.run(&[theta, x], &mut [&mut f], &mut plan.workspace(threads));
        // One column: a full kernel has a row for each example and output.
        Mat::from_fn(f.len(), 1, |i, _| f[i])
    };
    let ntk = Empirical::ntk(network);
    let kernel = ntk.kernel(Kind::Full, theta, train_x, None, threads);
    let cross = ntk.kernel(Kind::Full, theta, test_x, Some(train_x), threads);
    let model = ClosedForm::new(kernel.matrix(), Ridge::Relative(arguments.ridge))?;
    let (f0, g0) = (value(train_x), value(test_x));
    let y = Mat::from_fn(f0.nrows(), 1, |i, _| train_y[(i / outputs, i % outputs)]);
    let trainings: Vec<Training> = arguments.time.iter().map(|&time| training(time, task)).collect();
    let cross = cross.matrix();
    let all = model.elsewhere(cross, g0.as_ref(), f0.as_ref(), y.as_ref(), &trainings)?;
    let prediction = |(time, f): (&Time, Mat<f64>)| {
        let mean = Mat::from_fn(f.nrows() / outputs, outputs, |i, o| f[(i * outputs + o, 0)]);
        Prediction { time: time.0, mean, variance: None, covariance: None }
    };
    Ok(arguments.time.iter().zip(all).map(prediction).collect())
}

fn write(arguments: &Arguments, task: &Task, predictions: &[Prediction]) -> Result<(), Failure> {
    let [npz, csv, stem] =
        ["predictions.npz", "predictions.csv", "figure"].map(|name| arguments.out.join(name));
    write_npz(predictions, &npz).map_err(|error| Failure::unwritable(&npz, error))?;
    write_csv(predictions, &csv).map_err(|error| Failure::unwritable(&csv, error))?;
    let mut written = "predictions.npz, predictions.csv".to_owned();
    if task.network.example().size() == 1 {
        figure::write("Predictions in closed form", &panels(task, predictions), &stem)
            .map_err(|error| Failure::unwritable(&stem, error))?;
        written += ", figure.svg, figure.png";
    }
    print(&format!("written to {}: {written}\n", arguments.out.display()))
}

/// `time` (T), `mean` (T, M, O) and, if they were asked for, `variance` (T, M) and `covariance` (T, M, M).
fn write_npz(predictions: &[Prediction], path: &Path) -> io::Result<()> {
    let mut arrays = NpzWriter::new(BufWriter::new(File::create(path)?));
    let (m, o) = predictions.first().map_or((0, 0), |first| (first.mean.nrows(), first.mean.ncols()));
    let mut array = |name: &str, shape: &[usize], values: Vec<f64>| {
        let shape: Vec<usize> = [predictions.len()].iter().chain(shape).copied().collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        arrays.array(name, &shape, 8, |to| to.write_all(&bytes))
    };
    let entries = |matrix: &Mat<f64>| {
        let by_rows = |i: usize| (0..matrix.ncols()).map(move |j| matrix[(i, j)]);
        (0..matrix.nrows()).flat_map(by_rows).collect::<Vec<f64>>()
    };
    array("time", &[], predictions.iter().map(|p| p.time).collect())?;
    array("mean", &[m, o], predictions.iter().flat_map(|p| entries(&p.mean)).collect())?;
    let variances: Option<Vec<&Vec<f64>>> = predictions.iter().map(|p| p.variance.as_ref()).collect();
    if let Some(variances) = variances {
        array("variance", &[m], variances.into_iter().flatten().copied().collect())?;
    }
    let covariances: Option<Vec<&Mat<f64>>> = predictions.iter().map(|p| p.covariance.as_ref()).collect();
    if let Some(covariances) = covariances {
        array("covariance", &[m, m], covariances.into_iter().flat_map(entries).collect())?;
    }
    arrays.finish()
}

/// A row for each time and test example: the means of the outputs and, if there is one, the standard deviation.
fn write_csv(predictions: &[Prediction], path: &Path) -> Result<(), csv::Error> {
    let mut csv = csv::Writer::from_path(path)?;
    let outputs = predictions.first().map_or(0, |first| first.mean.ncols());
    let spread = predictions.iter().all(|p| p.variance.is_some());
    let names = (0..outputs).map(|o| format!("mean.{o}")).chain(spread.then(|| "deviation".into()));
    csv.write_record(["time".to_owned(), "example".into()].into_iter().chain(names))?;
    for p in predictions {
        for i in 0..p.mean.nrows() {
            let means = (0..outputs).map(|o| p.mean[(i, o)]);
            let spread = p.variance.as_ref().map(|variance| deviation(variance[i]));
            let numbers = means.chain(spread).map(|x| x.to_string());
            csv.write_record([p.time.to_string(), i.to_string()].into_iter().chain(numbers))?;
        }
    }
    csv.flush()?;
    Ok(())
}

/// The root of a variance, which rounding may have made negative.
fn deviation(variance: f64) -> f64 {
    if variance < 0.0 { 0.0 } else { variance.sqrt() }
}

/// For each time, means with bands of two deviations, and what was trained on; of the first output.
fn panels(task: &Task, predictions: &[Prediction]) -> Vec<Panel> {
    let mut order: Vec<usize> = (0..task.test_x.len()).collect();
    order.sort_by(|&i, &j| task.test_x[i].total_cmp(&task.test_x[j]));
    let train = task.train_x.iter().enumerate().map(|(i, &x)| (x, task.train_y[(i, 0)]));
    let train: Vec<(f64, f64)> = train.collect();
    let panel = |p: &Prediction| {
        let at = |deviations: f64| {
            let shift = |i: usize| p.variance.as_ref().map_or(0.0, |v| deviations * deviation(v[i]));
            order.iter().map(|&i| (task.test_x[i], p.mean[(i, 0)] + shift(i))).collect::<Vec<_>>()
        };
        let outline: Vec<(f64, f64)> = at(-2.0).into_iter().chain(at(2.0).into_iter().rev()).collect();
        let band = p.variance.is_some().then(|| Series::new("± 2 deviations", 0, Style::Band, outline));
        let curves = [Series::line("mean", 0, at(0.0)), Series::points("trained on", 3, train.clone())];
        let title = if p.time.is_finite() { format!("time {}", p.time) } else { "time ∞".into() };
        Panel::linear(title, ["x", "f(x)"], band.into_iter().chain(curves).collect())
    };
    predictions.iter().map(panel).collect()
}
