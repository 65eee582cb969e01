//! The program `cotangent`.

mod compare;
mod describe;
mod failure;
mod kernel;
mod method;
mod predict;
mod report;
mod subject;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

/// Linearized neural networks: a network and its first-order Taylor model, side by side.
#[derive(Debug, Parser)]
#[command(name = "cotangent", version, arg_required_else_help = true)]
enum Command {
    Compare(Box<compare::Arguments>),
    Describe(describe::Arguments),
    Kernel(Box<kernel::Arguments>),
    Predict(Box<predict::Arguments>),
}

fn main() -> ExitCode {
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return if error.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            return ExitCode::from(2);
        }
        Err(error) => return failure::usage(&error).report(),
    };
    let done = match command {
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Describe(arguments) => describe::run(&arguments),
        Command::Kernel(arguments) => kernel::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
