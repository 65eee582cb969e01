//! `cotangent kernel`: the kernel of a network between examples from files, written to a file.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cotangent::data::Array;
use cotangent::kernels::{Infinite, Which};
use cotangent::prelude::*;
use indicatif::{ProgressBar, ProgressStyle};

use crate::compare::Precision;
use crate::failure::Failure;
use crate::subject::{Given, room};

/// Compute a kernel of a network between examples, and write it to a file.
///
/// The tangent kernel (NTK) or the covariance kernel of the outputs (NNGP), at infinite width or of the network as it is, with
/// parameters from a file or drawn at random. Examples come from .npy, .npz (FILE.npz:NAME, if there are several arrays), .csv
/// or IDX files, one for each row; without --x2 the kernel is that of the examples with themselves. A kernel in a .npy file is
/// written in parts, and what was killed goes on where it was.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    given: Given,
    /// Which kernel
    #[arg(long, value_enum, default_value = "ntk")]
    kind: Choice,
    /// Which entries of the finite network's kernel
    #[arg(long, value_enum, default_value = "trace", conflicts_with = "infinite")]
    entries: Entries,
    /// Examples: the rows of the kernel
    #[arg(long, value_name = "FILE")]
    x1: PathBuf,
    /// Other examples: the columns of the kernel
    #[arg(long, value_name = "FILE")]
    x2: Option<PathBuf>,
    /// The file to write: .npy or .csv
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Precision
    #[arg(long, default_value = "f64")]
    dtype: Precision,
    /// Megabytes of memory for the part of the kernel that is computed at a time
    #[arg(long, default_value = "512")]
    memory: NonZeroUsize,
    /// Number of threads [default: as many as the machine runs at once]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// The tangent kernel
    Ntk,
    /// The covariance kernel of the outputs
    Nngp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Entries {
    /// The mean over outputs, (N₁, N₂)
    Trace,
    /// All, (N₁, O, N₂, O)
    Full,
    /// A kernel for each output, (O, N₁, N₂)
    PerOutput,
    /// Of the sum of outputs over √O, (N₁, N₂)
    SumOfLogits,
}

impl From<Entries> for Kind {
    fn from(entries: Entries) -> Self {
        match entries {
            Entries::Trace => Self::Trace,
            Entries::Full => Self::Full,
            Entries::PerOutput => Self::PerOutput,
            Entries::SumOfLogits => Self::SumOfLogits,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.dtype {
        Precision::F32 => compute::<f32>(arguments),
        Precision::F64 => compute::<f64>(arguments),
    }
}

fn compute<T: Real>(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { given, out, x1, x2, .. } = arguments;
    let csv = match out.extension().and_then(OsStr::to_str) {
        Some("npy") => false,
        Some("csv") => true,
        _ => {
            return Err(Failure::usage(format!(
                "{}: kernels are written to .npy and .csv files",
                out.display()
            )));
        }
    };
    let network = given.network()?;
    let subject = Subject::<T>::new(arguments, &network)?;
    let x = examples::<T>(x1, &network)?;
    let others = x2.as_ref().map(|path| examples::<T>(path, &network)).transpose()?;
    let threads = arguments.threads.map_or_else(Threads::available, Threads::new);
    // Before the work, not after it.
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Failure::unwritable(out, format!("there is no folder {}", folder.display())));
    }
    if out.is_dir() {
        return Err(Failure::unwritable(out, "it is a folder"));
    }
    let unwritable = |error: &dyn std::fmt::Display| Failure::unwritable(out, error);
    if csv {
        let columns = others.as_ref().map_or(x.len(), Vec::len) / network.example().size();
        let kind = if given.infinite { Kind::Trace } else { arguments.entries.into() };
        let shape = kind.shape(network.examples(&x), columns, network.output().size());
        let entries = shape.iter().fold(size_of::<T>(), |all, &extent| all.saturating_mul(extent));
        room("the entries of the kernel (.npy files are written in parts)", entries)?;
        let kernel = subject.kernel(&x, others.as_deref(), &threads);
        return write_csv(&kernel, out).map_err(|error| unwritable(&error));
    }
    let bar = progress_bar(arguments);
    let budget = arguments.memory.get().saturating_mul(1 << 20);
    let written = subject.write(&x, others.as_deref(), out, budget, &threads, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    written.map_err(|error| unwritable(&error))
}

/// What the kernel is of.
enum Subject<T> {
    Infinite(Infinite, Which),
    Finite(Box<Empirical>, Kind, Vec<T>),
}

impl<T: Real> Subject<T> {
    fn new(arguments: &Arguments, network: &Network) -> Result<Self, Failure> {
        let Arguments { kind, given, .. } = arguments;
        if given.infinite {
            let which = if *kind == Choice::Ntk { Which::Ntk } else { Which::Nngp };
            let limit = Infinite::new(network).map_err(|refused| given.refused(&refused))?;
            return Ok(Self::Infinite(limit, which));
        }
        let empirical = if *kind == Choice::Ntk { Empirical::ntk(network) } else { Empirical::nngp(network) };
        let theta = given.parameters(network)?;
        Ok(Self::Finite(Box::new(empirical), arguments.entries.into(), theta))
    }

    fn kernel(&self, x: &[T], others: Option<&[T]>, threads: &Threads) -> Kernel<T> {
        match self {
            Self::Infinite(limit, which) => limit.kernel(*which, x, others, threads),
            Self::Finite(empirical, kind, theta) => empirical.kernel(*kind, theta, x, others, threads),
        }
    }

    fn write(
        &self,
        x: &[T],
        others: Option<&[T]>,
        out: &Path,
        budget: usize,
        threads: &Threads,
        progress: &mut dyn FnMut(usize, usize),
    ) -> std::io::Result<()> {
        match self {
            Self::Infinite(limit, which) => limit.write(*which, x, others, out, budget, threads, progress),
            Self::Finite(empirical, kind, theta) => {
                empirical.write(*kind, theta, x, others, out, budget, threads, progress)
            }
        }
    }
}

/// The examples in a file, if they are the network's: of its shape, but for axes of extent 1, or flat.
pub(crate) fn examples<T: Real>(path: &Path, network: &Network) -> Result<Vec<T>, Failure> {
    let array = Array::read(path).map_err(Failure::usage)?;
    let [_, example @ ..] = array.shape() else { unreachable!("arrays have an axis") };
    let long = |extents: &[usize]| extents.iter().copied().filter(|&extent| extent != 1).collect::<Vec<_>>();
    let (expected, size) = (network.example(), network.example().size());
    if long(example) != long(expected) && example != [size] {
        let found = Shape::from(array.shape());
        return Err(Failure::usage(format!(
            "{}: an array of shape {found}, where rows are examples and those of the network have the shape {expected}",
            path.display()
        )));
    }
    let rounded = |(i, value): (usize, f64)| {
        let x = T::literal(value);
        let error =
            || Failure::usage(format!("{}: element {i} is {value}, too large for f32", path.display()));
        if x.is_finite() { Ok(x) } else { Err(error()) }
    };
    array.into_values().into_iter().enumerate().map(rounded).collect()
}

/// The kernel as a matrix, a line for each row.
fn write_csv<T: Real>(kernel: &Kernel<T>, out: &Path) -> Result<(), csv::Error> {
    let mut csv = csv::Writer::from_path(out)?;
    for row in kernel.matrix().row_iter() {
        csv.write_record(row.iter().map(ToString::to_string))?;
    }
    csv.flush()?;
    Ok(())
}

/// A bar on stderr, if that is a terminal.
fn progress_bar(arguments: &Arguments) -> ProgressBar {
    if arguments.quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("[{wide_bar:.cyan}] {pos}/{len} rows, {eta} left");
    let bar = ProgressBar::new(1);
    style.map(|style| bar.clone().with_style(style.progress_chars("━╸ "))).unwrap_or(bar)
}
