//! `cargo bench -p bench`: rows of a small and a middle workload against the last run, to notice regressions.

use std::time::Duration;

use bench::timing::Prepared;
use bench::workloads::{Row, WORKLOADS};
use cotangent::prelude::*;
use criterion::Criterion;

fn rows(criterion: &mut Criterion) {
    let threads = Threads::available();
    for workload in WORKLOADS.iter().filter(|workload| ["s", "e"].contains(&workload.name)) {
        for row in Row::ALL {
            let mut prepared = Prepared::new(&workload.program(row), &workload.overwritten(row), &threads);
            criterion.bench_function(&workload.row_name(row), |bencher| {
                // Inside one call, as in a training loop, threads need not be woken between runs.
                threads.install(|| bencher.iter(|| prepared.run()));
            });
        }
    }
}

fn main() {
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300));
    let mut criterion = criterion.measurement_time(Duration::from_secs(1)).configure_from_args();
    rows(&mut criterion);
    criterion.final_summary();
}
