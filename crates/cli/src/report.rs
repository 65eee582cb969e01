//! What `compare` leaves behind: a table or JSON on stdout, summary.json, curves.csv and the figure.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;

use cotangent::linearize::{PowerLaw, Remainder};
use cotangent::train::{Pair, Record, Way};
use serde::Serialize;

use crate::compare::{Arguments, Precision, print};
use crate::failure::Failure;
use crate::method::LearningRate;
use figure::{Panel, Series, Style};

/// One network's training, as far as it came.
pub(crate) struct Run {
    pub(crate) name: String,
    /// Of a multilayer perceptron.
    pub(crate) width: Option<usize>,
    /// The names of the parameter tensors.
    pub(crate) names: Vec<String>,
    pub(crate) records: Vec<Record>,
    /// The learning rate at the first step, and the largest stable one.
    pub(crate) rate: f64,
    pub(crate) stable_rate: f64,
    /// How the linear model was trained, in a run that came to its end.
    pub(crate) linear: Option<Way>,
    /// Of a run that came to its end.
    pub(crate) remainder: Option<Remainder>,
    pub(crate) seconds: f64,
}

impl Run {
    /// The width, or the name of the network.
    fn label(&self) -> String {
        self.width.map_or_else(|| self.name.clone(), |width| width.to_string())
    }

    /// The law of ‖f − f_lin‖ against ‖δ‖.
    fn order(&self) -> Option<PowerLaw> {
        self.remainder.as_ref()?.order
    }
}

/// One object of summary.json.
#[derive(Serialize)]
struct Summary<'a> {
    #[serde(flatten)]
    network: Subject,
    train: usize,
    test: usize,
    steps: usize,
    loss: String,
    linear: Option<String>,
    learning_rate: f64,
    largest_stable_learning_rate: f64,
    seed: u64,
    dtype: &'a str,
    rmse_train: f64,
    rmse_test: f64,
    loss_train: Figures,
    loss_test: Figures,
    loss_infinite: Option<[f64; 2]>,
    accuracy_train: Figures,
    accuracy_test: Figures,
    parameters: &'a [String],
    weight_change: &'a [f64],
    tangent_change: f64,
    kernel_change: f64,
    remainder_order: Option<f64>,
    remainder_order_error: Option<f64>,
    seconds: f64,
}

/// What was trained.
#[derive(Serialize)]
#[serde(untagged)]
enum Subject {
    Perceptron { width: usize, depth: usize, activation: String, sigma_w: f64, sigma_b: f64 },
    Described { net: String },
}

#[derive(Serialize)]
struct Figures {
    network: f64,
    linear: f64,
}

impl From<Pair> for Figures {
    fn from(Pair { network, linear }: Pair) -> Self {
        Self { network, linear }
    }
}

/// Writes everything that the runs call for.
pub(crate) fn write(arguments: &Arguments, runs: &[Run], curves: File) -> Result<(), Failure> {
    let out = &arguments.out;
    write_curves(runs, curves).map_err(|error| Failure::unwritable(&out.join("curves.csv"), error))?;
    let summaries: Vec<Summary<'_>> = runs.iter().filter_map(|run| summary(arguments, run)).collect();
    // One width gives an object, a sweep an array.
    let json = match (&summaries[..], sweeps(arguments)) {
        ([one], false) => serde_json::to_string_pretty(one),
        (all, _) => serde_json::to_string_pretty(all),
    };
    let json = json.map_err(Failure::run)? + "\n";
    let path = out.join("summary.json");
    fs::write(&path, &json).map_err(|error| Failure::unwritable(&path, error))?;
    let stem = out.join("figure");
    figure::write(&title(arguments, runs), &panels(arguments, runs), &stem)
        .map_err(|error| Failure::unwritable(&stem, error))?;
    if arguments.json {
        print(&json)?;
    } else if !arguments.quiet {
        print(&table(arguments, runs, out))?;
    }
    Ok(())
}

/// Whether several widths were asked for.
fn sweeps(arguments: &Arguments) -> bool {
    arguments.net.is_none() && arguments.width.len() > 1
}

fn precision(arguments: &Arguments) -> &'static str {
    match arguments.dtype {
        Precision::F32 => "f32",
        Precision::F64 => "f64",
    }
}

fn summary<'a>(arguments: &'a Arguments, run: &'a Run) -> Option<Summary<'a>> {
    let last = run.records.last()?;
    let Arguments { depth, ref activation, sigma_w, sigma_b, .. } = *arguments;
    let network = match run.width {
        Some(width) => {
            Subject::Perceptron { width, depth, activation: activation.to_string(), sigma_w, sigma_b }
        }
        None => Subject::Described { net: run.name.clone() },
    };
    Some(Summary {
        network,
        train: arguments.train.get(),
        test: arguments.test.get(),
        steps: last.step,
        loss: format!("{:?}", arguments.method.loss),
        linear: run.linear.map(|way| way.to_string()),
        learning_rate: run.rate,
        largest_stable_learning_rate: run.stable_rate,
        seed: arguments.seed,
        dtype: precision(arguments),
        rmse_train: last.rmse_train,
        rmse_test: last.rmse_test,
        loss_train: last.loss_train.into(),
        loss_test: last.loss_test.into(),
        loss_infinite: last.loss_infinite,
        accuracy_train: last.accuracy_train.into(),
        accuracy_test: last.accuracy_test.into(),
        parameters: &run.names,
        weight_change: &last.weight_change,
        tangent_change: last.tangent_change,
        kernel_change: last.kernel_change,
        remainder_order: run.order().map(|law| law.exponent),
        remainder_order_error: run.order().map(|law| law.standard_error).filter(|error| error.is_finite()),
        seconds: run.seconds,
    })
}

/// One row a record; all widths under one header, since their networks have the same tensors.
fn write_curves(runs: &[Run], file: File) -> Result<(), csv::Error> {
    let mut csv = csv::Writer::from_writer(file);
    let pairs = ["loss_train", "loss_test", "accuracy_train", "accuracy_test"];
    let pairs = pairs.iter().flat_map(|name| ["network", "linear"].map(|model| format!("{name}.{model}")));
    let infinite = ["loss_train.infinite", "loss_test.infinite"].map(String::from);
    let names = runs.first().map_or(&[][..], |run| &run.names);
    let changes = names.iter().map(|name| format!("weight_change.{name}"));
    let network = if runs.iter().any(|run| run.width.is_some()) { "width" } else { "net" };
    let fixed = [network, "step", "rmse_train", "rmse_test"].map(String::from);
    let derivatives = ["tangent_change", "kernel_change"].map(String::from);
    csv.write_record(fixed.into_iter().chain(pairs).chain(infinite).chain(changes).chain(derivatives))?;
    for run in runs {
        for r in &run.records {
            let pairs = [r.loss_train, r.loss_test, r.accuracy_train, r.accuracy_test];
            let text = |x: f64| x.to_string();
            let distances = [r.rmse_train, r.rmse_test].map(text);
            let pairs = pairs.iter().flat_map(|pair| [pair.network, pair.linear]).map(text);
            let infinite =
                [0, 1].map(|part: usize| r.loss_infinite.map_or_else(String::new, |loss| text(loss[part])));
            let changes =
                r.weight_change.iter().copied().chain([r.tangent_change, r.kernel_change]).map(text);
            let row = [run.label(), r.step.to_string()].into_iter().chain(distances);
            csv.write_record(row.chain(pairs).chain(infinite).chain(changes))?;
        }
    }
    csv.flush()?;
    Ok(())
}

fn title(arguments: &Arguments, runs: &[Run]) -> String {
    let Arguments { depth, activation, train, net, .. } = arguments;
    let labels: Vec<String> = runs.iter().map(Run::label).collect();
    let labels = labels.join(", ");
    let rate = match (arguments.method.lr, runs) {
        (LearningRate::Auto, [.., run]) => format!("{:.3}", run.rate),
        (LearningRate::Auto, []) => "auto".into(),
        (LearningRate::Constant(rate), _) => rate.to_string(),
    };
    let network = if net.is_some() { labels } else { format!("{depth} × {labels} {activation}") };
    format!("A network and its linearization: {network}, {train} digits, learning rate {rate}")
}

fn table(arguments: &Arguments, runs: &[Run], out: &Path) -> String {
    let mut text = format!(
        "{}, {} steps, {}, seed {}\n\n",
        title(arguments, runs),
        arguments.method.steps,
        precision(arguments),
        arguments.seed
    );
    let header = [
        if arguments.net.is_some() { "net" } else { "width" },
        "RMSE test",
        "loss train",
        "(linear)",
        "loss test",
        "(linear)",
        "acc test",
        "(linear)",
        "seconds",
    ];
    let row = |cells: [String; 9]| cells.map(|cell| format!("{cell:>11}")).concat() + "\n";
    text += &row(header.map(String::from));
    for (run, last) in runs.iter().filter_map(|run| Some((run, run.records.last()?))) {
        let short = |x: f64| if x < 1e4 { format!("{x:.4}") } else { format!("{x:.1e}") };
        let percent = |x: f64| format!("{:.1} %", 100.0 * x);
        text += &row([
            run.label(),
            short(last.rmse_test),
            short(last.loss_train.network),
            short(last.loss_train.linear),
            short(last.loss_test.network),
            short(last.loss_test.linear),
            percent(last.accuracy_test.network),
            percent(last.accuracy_test.linear),
            format!("{:.2}", run.seconds),
        ]);
    }
    if let Some(law) = PowerLaw::fit(&final_rmse(runs)) {
        let _ = writeln!(text, "\nRMSE ∝ width^{:.3}", law.exponent);
    }
    if let Some(way) = runs.iter().find_map(|run| run.linear) {
        let _ = writeln!(text, "\nthe linear model was trained {way}");
    }
    let rates: Vec<String> = runs.iter().map(|run| format!("{:.3}", run.stable_rate)).collect();
    let _ = writeln!(text, "\nlargest stable learning rate of the linear model: {}", rates.join(", "));
    let orders = runs.iter().filter_map(Run::order);
    let orders: Vec<String> =
        orders.map(|law| format!("{:.3} ± {:.3}", law.exponent, law.standard_error)).collect();
    if !orders.is_empty() {
        let _ =
            writeln!(text, "order of ‖f − f_lin‖ in ‖δ‖, towards the trained weights: {}", orders.join(", "));
    }
    let changes = runs.iter().filter_map(|run| run.records.last());
    let [tangents, kernels]: [Vec<String>; 2] = [|r: &Record| r.tangent_change, |r: &Record| r.kernel_change]
        .map(|change| changes.clone().map(|r| format!("{:.2} %", 100.0 * change(r))).collect());
    let _ = writeln!(
        text,
        "change of J·v: {}; of the tangent kernel: {}",
        tangents.join(", "),
        kernels.join(", ")
    );
    let _ = writeln!(text, "written to {}: summary.json, curves.csv, figure.svg, figure.png", out.display());
    text
}

/// Losses and weight changes of the last width, the RMSE of every width, and against width.
fn panels(arguments: &Arguments, runs: &[Run]) -> Vec<Panel> {
    let panel = |title: String, x: &str, y: &str, series| Panel::logarithmic(title, [x, y], series);
    #[allow(clippy::cast_precision_loss, reason = "steps are far below 2⁵³")]
    let curve = |run: &Run, label: &str, color, style, value: &dyn Fn(&Record) -> f64| {
        let points = run.records.iter().map(|record| (record.step as f64, value(record)));
        Series::new(label, color, style, points.collect())
    };
    let Some(main) = runs.last() else {
        return Vec::new();
    };
    let of = |title: &str| {
        if runs.len() > 1 { format!("{title}, {}", main.name) } else { title.into() }
    };
    let mut losses = vec![
        curve(main, "network, train", 0, Style::Solid, &|r| r.loss_train.network),
        curve(main, "network, test", 1, Style::Solid, &|r| r.loss_test.network),
        curve(main, "linear, train", 0, Style::Dashed, &|r| r.loss_train.linear),
        curve(main, "linear, test", 1, Style::Dashed, &|r| r.loss_test.linear),
    ];
    if main.records.iter().all(|record| record.loss_infinite.is_some()) {
        let infinite = |part: usize| move |r: &Record| r.loss_infinite.map_or(f64::NAN, |loss| loss[part]);
        losses.push(curve(main, "infinite width, train", 0, Style::Points, &infinite(0)));
        losses.push(curve(main, "infinite width, test", 1, Style::Points, &infinite(1)));
    }
    let rmse = if runs.len() > 1 {
        let test = |(color, run): (usize, &Run)| curve(run, &run.name, color, Style::Solid, &|r| r.rmse_test);
        runs.iter().enumerate().map(test).collect()
    } else {
        vec![
            curve(main, "train", 0, Style::Solid, &|r| r.rmse_train),
            curve(main, "test", 1, Style::Solid, &|r| r.rmse_test),
        ]
    };
    let changes = main.names.iter().enumerate().map(|(i, name)| {
        let style = if name.ends_with("bias") { Style::Dashed } else { Style::Solid };
        curve(main, name, i / 2, style, &|r| r.weight_change[i])
    });
    let tangent = curve(main, "J·v", 6, Style::Dashed, &|r| r.tangent_change);
    let kernel = curve(main, "NTK", 5, Style::Solid, &|r| r.kernel_change);
    let mut panels = vec![
        panel(of("Loss"), "step", arguments.method.label(), losses),
        panel("Distance of the models".into(), "step", "RMSE of f − f_lin", rmse),
        panel(
            of("Relative change"),
            "step",
            "relative distance from the value at θ₀",
            changes.chain([tangent, kernel]).collect(),
        ),
    ];
    if let Some(remainder) = &main.remainder {
        let series = with_law("training examples", &remainder.points, remainder.order);
        let (x, y) = ("‖δ‖, on the way to the trained weights", "‖f − f_lin‖");
        panels.push(panel(of("Remainder"), x, y, series));
    }
    if runs.len() > 1 {
        let points = final_rmse(runs);
        let series = with_law("test", &points, PowerLaw::fit(&points));
        panels.push(panel("Final distance".into(), "width", "RMSE of f − f_lin", series));
    }
    panels
}

/// Points, and the power law through them.
fn with_law(label: &str, points: &[(f64, f64)], law: Option<PowerLaw>) -> Vec<Series> {
    let points = points.to_vec();
    let mut series = Vec::new();
    if let Some(law) = law {
        let fit = points.iter().map(|&(x, _)| (x, law.factor * x.powf(law.exponent))).collect();
        let label = format!("slope {:.2}", law.exponent);
        series.push(Series::dashed(label, 0, fit));
    }
    series.insert(0, Series::points(label, 1, points));
    series
}

#[allow(clippy::cast_precision_loss, reason = "widths are far below 2⁵³")]
fn final_rmse(runs: &[Run]) -> Vec<(f64, f64)> {
    runs.iter().filter_map(|run| Some((run.width? as f64, run.records.last()?.rmse_test))).collect()
}
