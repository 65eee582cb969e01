//! `cargo run --release -p bench -- [NAME...]`: prints `name seconds` a line, best of five, warm.

use std::io::{self, Write};

use bench::gemm::GEMMS;
use bench::timing::{Prepared, best_of_five};
use bench::workloads::WORKLOADS;
use cotangent::prelude::*;

fn main() -> io::Result<()> {
    time(&std::env::args().skip(1).collect::<Vec<_>>())
}

/// Prints the rows named, or those of all workloads.
fn time(names: &[String]) -> io::Result<()> {
    let threads = Threads::available();
    for workload in &WORKLOADS {
        for row in workload.chosen(names) {
            let mut prepared = Prepared::new(&workload.program(row), &threads);
            let seconds = threads.install(|| best_of_five(0.3, || prepared.run()));
            writeln!(io::stdout().lock(), "{} {seconds:.9}", workload.row_name(row))?;
        }
    }
    for gemm in GEMMS.iter().filter(|gemm| names.iter().any(|name| name == "gemm" || *name == gemm.name())) {
        let seconds = threads.install(|| gemm.seconds(&threads));
        writeln!(io::stdout().lock(), "{} {seconds:.9}", gemm.name())?;
    }
    Ok(())
}
