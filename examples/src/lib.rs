//! Short programs a newcomer can read: the files beside this folder, run by `cargo run -p examples --example NAME`.
//!
//! Those that reproduce figures of papers share this library, so that each of them reads like the section on methods of its
//! paper. A [`Study`] knows whether the paper's setting or a quick one is wanted, and where data are and results go. It
//! [measures](Study::measure) one point after another, shows the time left, and keeps each point in a file of JSON lines, so
//! that a run that was killed goes on where it was. It [holds](Study::hold) what was found against what was published, and
//! [shows](Study::show) it in panels of a figure.

pub mod catapult;
pub mod changes;
pub mod circle;
pub mod convolutional;
pub mod ensemble;
mod errors;
pub mod flow;
mod found;
mod hidden;
mod images;
mod linear;
mod moments;
pub mod notebook;
mod pair;
mod published;
mod quantity;

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use cotangent::prelude::{Course, Model, Part, Real, descend};
use figure::Panel;
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use errors::KernelErrors;
pub use found::{Curves, Found, exponent};
pub use images::{Each, HORSES_AND_PLANES, Images, Set, TEN};
pub use linear::Linear;
pub use moments::Moments;
pub use pair::{loss, side_by_side};
pub use published::Paper;
pub use quantity::{Within, mean, variance};

use quantity::Quantity;

/// What examples fail with: something that the user or the data did wrong.
pub type Failure = Box<dyn Error>;

#[derive(Parser)]
struct Options {
    /// In a few seconds, on data that the program holds; otherwise the default
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// In the setting of the paper
    #[arg(long)]
    full: bool,
    /// Where MNIST (IDX files) and CIFAR-10 (binary batches, or strips as PNG) are, for --full
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Where to write NAME.svg, .png, .csv, .json and, while it is running, .jsonl; otherwise nothing is written
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// One reproduction: how it is run and what it has taken.
#[derive(Debug)]
pub struct Study {
    name: &'static str,
    about: &'static str,
    full: bool,
    data: Option<PathBuf>,
    out: Option<PathBuf>,
    seconds: f64,
    quantities: Vec<Quantity>,
    panels: Vec<Panel>,
}

/// A measurement that was made, as a line of a file.
#[derive(Serialize, Deserialize)]
struct Line<K, V> {
    full: bool,
    of: K,
    seconds: f64,
    found: V,
}

/// Runs an example, called `name`: the `main` of each. Prints what was found beside what was published, and writes the figure,
/// its curves and the quantities. A failure is said, and the exit code is 2 then.
#[allow(clippy::print_stderr, reason = "programs say what went wrong")]
pub fn run(
    name: &'static str,
    about: &'static str,
    study: impl FnOnce(&mut Study) -> Result<(), Failure>,
) -> ExitCode {
    let command = <Options as clap::CommandFactory>::command().name(name).about(about);
    let matches = command.get_matches();
    let options = <Options as clap::FromArgMatches>::from_arg_matches(&matches);
    let Options { quick: _, full, data, out } = options.unwrap_or_else(|error| error.exit());
    let (quantities, panels) = (Vec::new(), Vec::new());
    let mut made = Study { name, about, full, data, out, seconds: 0.0, quantities, panels };
    match study(&mut made).and_then(|()| made.finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

impl Study {
    /// The first in the paper's setting, and otherwise the second.
    pub fn either<T>(&self, full: T, quick: T) -> T {
        if self.full { full } else { quick }
    }

    /// The images of a set, in the paper's setting, and otherwise the embedded digits.
    ///
    /// # Errors
    /// If no folder was given, or they are not there.
    pub fn images(&self, set: Set) -> Result<[Images; 2], Failure> {
        match (&self.data, self.full) {
            (Some(folder), true) => set.read(folder),
            (None, true) => Err(format!("--full needs --data FOLDER, where {set} is").into()),
            (_, false) => Ok(Images::digits()),
        }
    }

    /// Measures each of `points`, the description of which must hold all that the result depends on, unless a run before this
    /// one has done so. `cost` says how long it takes, in any unit; `measure` calls what it is given with the fraction of its
    /// work that is done.
    ///
    /// # Errors
    /// If the file of measurements cannot be written, or a measurement fails.
    pub fn measure<K: Serialize, V: Serialize + DeserializeOwned>(
        &mut self,
        points: impl IntoIterator<Item = K>,
        cost: impl Fn(&K) -> f64,
        mut measure: impl FnMut(&K, &dyn Fn(f64)) -> Result<V, Failure>,
    ) -> Result<Found<K, V>, Failure> {
        let points: Vec<K> = points.into_iter().collect();
        let (mut known, mut file) = (HashMap::new(), None);
        if let Some(out) = &self.out {
            let path = out.join(self.name).with_extension("jsonl");
            let told = |error| format!("{}: {error}", path.display());
            fs::create_dir_all(out).map_err(told)?;
            // A line that was being written when the program was killed may end within a character.
            let text = match fs::read(&path) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
                Err(error) => return Err(told(error).into()),
            };
            // It cannot be read, and is measured again.
            let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
            let lines = lines.filter(|line: &Line<serde_json::Value, V>| line.full == self.full);
            known = lines.map(|line| (line.of.to_string(), (line.seconds, line.found))).collect();
            let mut lines = OpenOptions::new().create(true).append(true).open(&path).map_err(told)?;
            if !text.is_empty() && !text.ends_with('\n') {
                writeln!(lines)?;
            }
            file = Some(lines);
        }
        let keys: Vec<String> = points
            .iter()
            .map(|point| serde_json::to_value(point).map(|v| v.to_string()))
            .collect::<Result<_, _>>()?;
        let left = points.iter().zip(&keys).filter(|(_, key)| !known.contains_key(*key));
        let whole: f64 = left.map(|(point, _)| cost(point)).sum();
        let bar = ProgressBar::new(10_000);
        bar.set_style(ProgressStyle::with_template("{wide_bar} {percent:>3} %, {eta} left: {msg}")?);
        let mut done = 0.0;
        let mut found = Vec::new();
        for (point, key) in points.into_iter().zip(keys) {
            if let Some((seconds, value)) = known.remove(&key) {
                self.seconds += seconds;
                found.push((point, value));
                continue;
            }
            bar.set_message(key);
            let (start, share) = (Instant::now(), cost(&point) / whole);
            let value =
                measure(&point, &|fraction| bar.set_position(((done + share * fraction) * 1e4) as u64))?;
            let seconds = start.elapsed().as_secs_f64();
            done += share;
            self.seconds += seconds;
            let line = Line { full: self.full, of: point, seconds, found: value };
            if let Some(file) = &mut file {
                writeln!(file, "{}", serde_json::to_string(&line)?)?;
            }
            found.push((line.of, line.found));
        }
        bar.finish_and_clear();
        Ok(Found(found))
    }

    /// Takes what was found of a quantity, by each seed, to be held against the number of the paper: they should be that near.
    pub fn hold(&mut self, name: impl Into<String>, seeds: Vec<f64>, published: f64, within: Within) {
        self.quantities.push(Quantity { name: name.into(), seeds, published: Some((published, within)) });
    }

    /// Takes a quantity that the paper has no number of.
    pub fn note(&mut self, name: impl Into<String>, seeds: Vec<f64>) {
        self.quantities.push(Quantity { name: name.into(), seeds, published: None });
    }

    /// Takes a panel of the figure.
    pub fn show(&mut self, panel: Panel) {
        self.panels.push(panel);
    }

    /// Prints what was found, and writes it: also if nobody reads what is printed.
    fn finish(&self) -> Result<(), Failure> {
        let mut lines = vec![
            self.about.to_owned(),
            format!("{:<58} {:>20} {:>10}  verdict", "", "found (95 %)", "published"),
        ];
        // A quick run does not measure all of them.
        let measured = self.quantities.iter().filter(|quantity| !quantity.seeds.is_empty());
        lines.extend(measured.map(|quantity| format!("{quantity}  {}", quantity.verdict(self.full))));
        lines.push(format!("measured in {:.0} s\n", self.seconds));
        let printed = io::stdout().write_all(lines.join("\n").as_bytes());
        self.write()?;
        match printed {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn write(&self) -> Result<(), Failure> {
        let Self { quantities, panels, .. } = self;
        let Some(out) = &self.out else { return Ok(()) };
        let stem = out.join(self.name);
        let told = |error: &dyn Error| format!("{}: {error}", stem.display());
        fs::create_dir_all(out).map_err(|error| told(&error))?;
        figure::write(self.about, panels, &stem).map_err(|error| told(&error))?;

        let mut curves = csv::Writer::from_path(stem.with_extension("csv"))?;
        // A value is that of a cell of a heat map, which begins at x and y.
        curves.write_record(["panel", "curve", "x", "y", "value"])?;
        for panel in panels {
            let mut write = |curve: &str, [x, y]: [f64; 2], value: &str| {
                curves.write_record([&panel.title, curve, &x.to_string(), &y.to_string(), value])
            };
            for series in &panel.series {
                series.points.iter().try_for_each(|&(x, y)| write(&series.label, [x, y], ""))?;
            }
            for cell in &panel.cells {
                write("", [cell.x.start, cell.y.start], &cell.value.to_string())?;
            }
        }
        curves.flush()?;
        let report = serde_json::json!({
            "example": self.name,
            "about": self.about,
            "full": self.full,
            "seconds": self.seconds,
            "quantities": quantities.iter().map(|quantity| quantity.report(self.full)).collect::<Vec<_>>(),
        });
        serde_json::to_writer_pretty(File::create(stem.with_extension("json"))?, &report)?;
        Ok(())
    }
}

/// Makes so many steps of a model on all examples, and calls `progress` with the fraction of them that is done.
///
/// # Errors
/// If it diverges.
pub fn train<T: Real>(model: &mut dyn Model<T>, steps: usize, progress: &dyn Fn(f64)) -> Result<(), Failure> {
    train_until(model, &[steps], progress, |_| ())
}

/// The same with as many steps as the last of `records`, ascending, and calls `look` after each of these.
///
/// # Errors
/// If it diverges.
pub fn train_until<T: Real>(
    model: &mut dyn Model<T>,
    records: &[usize],
    progress: &dyn Fn(f64),
    mut look: impl FnMut(&mut dyn Model<T>),
) -> Result<(), Failure> {
    let steps = records.last().copied().unwrap_or(0);
    let course = Course { steps, records: records.to_vec(), batches: None };
    let look = |_: usize, models: &mut [&mut dyn Model<T>]| {
        look(models[0]);
        ControlFlow::Continue(())
    };
    descend(&mut [model], &course, look, |step| progress(step as f64 / steps as f64))?;
    Ok(())
}

/// Outputs of a model now: on the examples to train on, and on those to test on.
pub fn both_outputs<T: Real>(model: &mut dyn Model<T>) -> [Vec<T>; 2] {
    [Part::Train, Part::Test].map(|part| model.outputs(part).to_vec())
}

/// The root mean square of the differences.
pub fn rms<T: Real>(a: &[T], b: &[f64]) -> f64 {
    let squares = a.iter().zip(b).map(|(&a, b)| (a.into() - b).powi(2));
    (squares.sum::<f64>() / a.len() as f64).sqrt()
}
