//! `cargo bench -p bench --bench transformations`: transformations of a program of ten thousand operations.

use std::hint::black_box;
use std::time::Duration;

use cotangent::autodiff::{
    batch, hvp, jvp, linearize, simplify, split, taylor, transpose, value_and_grad, vjp,
};
use cotangent::prelude::*;
use criterion::Criterion;

/// 2500 times y ↦ sin(y/2) + c y, and a sum.
fn chain() -> Graph {
    Graph::trace([[4]], |x| {
        let mut y = x[0];
        for i in 0..2500 {
            y = (y * 0.5).sin() + y.scale(0.25 + 1e-4 * f64::from(i % 7));
        }
        vec![y.sum_all()]
    })
}

fn transformations(criterion: &mut Criterion) {
    let f = chain();
    let both = jvp(&f, &[0]);
    let l = linearize(&f, &[0]);
    let gradient = value_and_grad(&f, &[0]);
    let mut bench = |name: &str, run: &dyn Fn()| {
        criterion.bench_function(name, |bencher| bencher.iter(run));
    };
    bench("jvp", &|| drop(black_box(jvp(&f, &[0]))));
    bench("simplify", &|| drop(black_box(simplify(&both))));
    bench("split", &|| drop(black_box(split(&both, &[true, false], 1, Default::default()))));
    bench("linearize", &|| drop(black_box(linearize(&f, &[0]))));
    bench("transpose", &|| drop(black_box(transpose(&l.tangent))));
    bench("batch", &|| drop(black_box(batch(&l.tangent, 3))));
    bench("taylor 2", &|| drop(black_box(taylor(&f, &[0], 2))));
    bench("vjp", &|| drop(black_box(vjp(&f, &[0]))));
    bench("value_and_grad", &|| drop(black_box(value_and_grad(&f, &[0]))));
    bench("hvp", &|| drop(black_box(hvp(&f, &[0]))));
    bench("plan", &|| drop(black_box(Plan::new(&gradient))));
}

fn main() {
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300));
    let mut criterion = criterion.measurement_time(Duration::from_secs(1)).configure_from_args();
    transformations(&mut criterion);
    criterion.final_summary();
}
