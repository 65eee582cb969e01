//! Laws across crates and reference values: see the files in `tests/`. Here is what several of them read.

use cotangent::kernels::{Infinite, Limits};
use cotangent::prelude::*;
use faer::{Mat, MatRef};
use serde_json::Value;

/// The numbers of a nested list, in order.
///
/// # Panics
/// If it holds anything else.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

/// The network of `reference/finite.json`: Dense(4)-Erf-Dense(4)-Relu-Dense(2) with σ_w = 1.3, σ_b = 0.2 on 3 inputs.
pub fn finite_network() -> Network {
    let dense = |width| Dense { width, scaling: Scaling::ntk(1.3, 0.2) };
    let net = Serial::new().then(dense(4)).then(Activation::ERF).then(dense(4)).then(Activation::Relu);
    Network::new(net.then(dense(2)), [3])
}

/// A table as a matrix.
pub fn matrix(value: &Value) -> Mat<f64> {
    let rows = value.as_array().expect("rows");
    let values = numbers(value);
    let columns = values.len() / rows.len();
    Mat::from_fn(rows.len(), columns, |i, j| values[i * columns + j])
}

/// Entries may differ by the tolerance, times their size where it is beyond 1.
#[track_caller]
pub fn close(ours: MatRef<'_, f64>, theirs: MatRef<'_, f64>, tolerance: f64, what: &str) {
    assert_eq!((ours.nrows(), ours.ncols()), (theirs.nrows(), theirs.ncols()), "{what}");
    for i in 0..ours.nrows() {
        for j in 0..ours.ncols() {
            let (a, b) = (ours[(i, j)], theirs[(i, j)]);
            assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what} ({i}, {j}): {a} against {b}");
        }
    }
}

/// Predictions of another program.
pub fn prediction_reference() -> Value {
    serde_json::from_str(include_str!("../reference/predict.json")).expect("valid JSON")
}

/// The kernels of that reference between training points, test and training points, and test points.
pub fn prediction_kernels(reference: &Value) -> [Limits<f64>; 3] {
    let [train, test] = ["x_train", "x_test"].map(|name| numbers(&reference[name]));
    let network = Network::new(mlp(&[5, 5], 2, Activation::ERF, Scaling::ntk(1.5, 0.1)), [3]);
    let (limit, threads) = (Infinite::new(&network).expect("a limit"), Threads::one());
    [
        limit.kernels(&train, None, &threads),
        limit.kernels(&test, Some(&train), &threads),
        limit.kernels(&test, None, &threads),
    ]
}
