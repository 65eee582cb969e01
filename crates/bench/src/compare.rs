//! `bench compare`: the rows here and in other libraries, in one sitting.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::slice;

use bench::gemm::{GEMMS, Gemm};
use bench::workloads::{Row, WORKLOADS, Workload};
use clap::Args;

use crate::program::{self, Program};
use crate::report::{self, Report, Round};

/// Time the rows here and in other libraries, in one sitting, and write a table.
///
/// Every round runs this program and the peers one after another on each workload, and multiplies matrices
/// alone, so that what else the machine does meets all of them. Figures are medians over the rounds.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Number of rounds
    #[arg(long, default_value = "5")]
    pub(crate) rounds: NonZeroUsize,
    /// A Python that has JAX
    #[arg(long, value_name = "PYTHON")]
    pub(crate) jax: Option<PathBuf>,
    /// A Python that has JAX 0.4
    #[arg(long = "jax-0.4", value_name = "PYTHON")]
    pub(crate) jax_0_4: Option<PathBuf>,
    /// A Python that has PyTorch
    #[arg(long, value_name = "PYTHON")]
    pub(crate) torch: Option<PathBuf>,
    /// The file for the table, between the lines <!-- table --> and <!-- /table -->
    #[arg(long, default_value = "docs/benchmarks.md")]
    pub(crate) out: PathBuf,
    /// Rows, "m.vjp", or all rows of a workload, "m" [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// Why there is no table.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A peer that was asked for cannot be run.
    Peer(program::Failure),
    /// A program failed on the way.
    Program(program::Failure),
    /// This name is no row's.
    Unknown(String),
    /// The file cannot be read or written.
    File { path: PathBuf, error: io::Error },
    /// The file has no place for the table.
    Markers(PathBuf),
}

impl Failure {
    /// The exit status: 2 for what was asked wrongly, 1 for what went wrong.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Peer(_) | Self::Unknown(_) | Self::File { .. } | Self::Markers(_) => 2,
            Self::Program(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(failure) | Self::Program(failure) => failure.fmt(f),
            Self::Unknown(name) => write!(f, "there is no row \"{name}\""),
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Markers(path) => {
                write!(f, "{} lacks the lines {} and {}", path.display(), report::BEGIN, report::END)
            }
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Before the work, not after it: what cannot be done is said at once.
    if let Some(name) = arguments.names.iter().find(|name| chosen(slice::from_ref(name)).is_empty()) {
        return Err(Failure::Unknown(name.clone()));
    }
    let groups = chosen(&arguments.names);
    write_table(&arguments.out, None)?;
    let programs = programs(arguments).map_err(Failure::Peer)?;

    let rounds = (1..=arguments.rounds.get()).map(|number| round(number, &groups, &programs));
    let rows = groups.iter().flatten().map(|(workload, row)| (workload.row_name(*row), workload.flops(*row)));
    let report = Report {
        rows: rows.collect(),
        titles: programs.iter().map(|program| program.title.clone()).collect(),
        rounds: rounds.collect::<Result<_, _>>().map_err(Failure::Program)?,
        command: command(arguments),
    };
    write_table(&arguments.out, Some(&report))
}

/// The rows named, one list a workload.
fn chosen(names: &[String]) -> Vec<Vec<(&'static Workload, Row)>> {
    let rows = |workload: &'static Workload| -> Vec<_> {
        workload.chosen(names).map(|row| (workload, row)).collect()
    };
    WORKLOADS.iter().map(rows).filter(|rows| !rows.is_empty()).collect()
}

/// This program, then the peers asked for.
fn programs(arguments: &Arguments) -> Result<Vec<Program>, program::Failure> {
    let peers = [
        (&arguments.jax, "jax_rows.py"),
        (&arguments.jax_0_4, "jax_rows.py"),
        (&arguments.torch, "torch_rows.py"),
    ];
    let peers =
        peers.into_iter().filter_map(|(python, script)| Some(Program::peer(python.as_deref()?, script)));
    [Program::ours()].into_iter().chain(peers).collect()
}

/// One round: on each workload all programs after one another, each going first in turn.
fn round(
    number: usize,
    groups: &[Vec<(&Workload, Row)>],
    programs: &[Program],
) -> Result<Round, program::Failure> {
    // Progress is not worth failing for.
    let say = |what: &str, title: &str| _ = writeln!(io::stderr(), "round {number}: {what}, {title}");
    say("gemm", &programs[0].title);
    let names: Vec<String> = GEMMS.iter().map(Gemm::name).collect();
    let speeds = GEMMS.iter().zip(programs[0].seconds(&names)?).map(|(gemm, s)| gemm.flops() as f64 / s);
    let limit = speeds.fold(0.0, f64::max);

    let mut seconds = vec![Vec::new(); programs.len()];
    for rows in groups {
        let names: Vec<String> = rows.iter().map(|(workload, row)| workload.row_name(*row)).collect();
        for i in (0..programs.len()).map(|i| (i + number) % programs.len()) {
            say(rows[0].0.name, &programs[i].title);
            seconds[i].extend(programs[i].seconds(&names)?);
        }
    }
    Ok(Round { limit, seconds })
}

/// Puts the report in its place on the page; without one, only looks whether there is such a place.
fn write_table(out: &Path, report: Option<&Report>) -> Result<(), Failure> {
    let failure = |error| Failure::File { path: out.into(), error };
    let page = fs::read_to_string(out).map_err(failure)?;
    let text = report.map(ToString::to_string).unwrap_or_default();
    let page = report::splice(&page, &text).ok_or_else(|| Failure::Markers(out.into()))?;
    if report.is_some() { fs::write(out, page).map_err(failure) } else { Ok(()) }
}

/// How to do it again: paths differ from one machine to the next and are left out.
fn command(arguments: &Arguments) -> String {
    let mut command = format!("cargo run --release -p bench -- compare --rounds {}", arguments.rounds);
    let peers = [("jax", &arguments.jax), ("jax-0.4", &arguments.jax_0_4), ("torch", &arguments.torch)];
    for (name, _) in peers.iter().filter(|(_, python)| python.is_some()) {
        command += &format!(" --{name} PYTHON");
    }
    arguments.names.iter().fold(command, |command, name| command + " " + name)
}
