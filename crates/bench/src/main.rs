//! `cargo run --release -p bench -- [NAME...]`: prints `name seconds` a line, best of five, warm.
//!
//! `compare` runs the same rows in other libraries too and writes a table; `growth` draws how a training step
//! grows.

mod compare;
mod growth;
mod machine;
mod program;
mod report;

use std::io::{self, Write};
use std::process::ExitCode;

use bench::entk::ENTKS;
use bench::function::FUNCTIONS;
use bench::gemm::GEMMS;
use bench::infinite::INFS;
use bench::predictions::PREDICTIONS;
use bench::timing::{Prepared, best_of_five};
use bench::workloads::WORKLOADS;
use clap::{Parser, Subcommand};
use cotangent::prelude::*;

/// Timings: `name seconds` a line, best of five, warm.
#[derive(Debug, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Rows, "m.vjp", or all rows of a workload, "m" [default: all workloads]; "entk": tangent kernels; "inf": those of infinite width; "pred": predictions in closed form; "fun": linear models in function space; "gemm": matrix products alone
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::Arguments),
    Growth(growth::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (error, status) = match arguments.command {
        None => match time(&arguments.names) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error.to_string(), 1),
        },
        Some(Command::Compare(arguments)) => match compare::run(&arguments) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => (failure.to_string(), failure.status()),
        },
        Some(Command::Growth(arguments)) => match growth::run(&arguments) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => (failure.to_string(), failure.status()),
        },
    };
    // Nothing is left to do if even this cannot be written.
    let _ = writeln!(io::stderr(), "bench: {error}");
    ExitCode::from(status)
}

/// Prints the rows named, or those of all workloads.
fn time(names: &[String]) -> io::Result<()> {
    let threads = Threads::available();
    for workload in &WORKLOADS {
        for row in workload.chosen(names) {
            let mut prepared = Prepared::new(&workload.program(row), &workload.overwritten(row), &threads);
            let seconds = threads.install(|| best_of_five(0.3, || prepared.run()));
            writeln!(io::stdout().lock(), "{} {seconds:.9}", workload.row_name(row))?;
        }
    }
    let kernels = |name: &str| names.iter().any(|chosen| chosen == "entk" || chosen == name);
    for entk in ENTKS.iter().filter(|entk| kernels(entk.name())) {
        let seconds = threads.install(|| entk.seconds(&threads));
        writeln!(io::stdout().lock(), "{} {seconds:.9}", entk.name())?;
    }
    let limits = |name: &str| names.iter().any(|chosen| chosen == "inf" || chosen == name);
    for inf in INFS.iter().filter(|inf| limits(&inf.name())) {
        let seconds = threads.install(|| inf.seconds(&threads));
        writeln!(io::stdout().lock(), "{} {seconds:.9}", inf.name())?;
    }
    let predicted = |name: &str| names.iter().any(|chosen| chosen == "pred" || chosen == name);
    for row in PREDICTIONS.iter().filter(|row| predicted(row.name())) {
        let seconds = threads.install(|| row.seconds(&threads));
        writeln!(io::stdout().lock(), "{} {seconds:.9}", row.name())?;
    }
    let functions = |name: &str| names.iter().any(|chosen| chosen == "fun" || chosen == name);
    for row in FUNCTIONS.iter().filter(|row| functions(row.name())) {
        let seconds = threads.install(|| row.seconds(&threads));
        writeln!(io::stdout().lock(), "{} {seconds:.9}", row.name())?;
    }
    for gemm in GEMMS.iter().filter(|gemm| names.iter().any(|name| name == "gemm" || *name == gemm.name())) {
        let seconds = threads.install(|| gemm.seconds(&threads));
        writeln!(io::stdout().lock(), "{} {seconds:.9}", gemm.name())?;
    }
    Ok(())
}
