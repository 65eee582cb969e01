//! Laws across crates and reference values: see the files in `tests/`. Here is what several of them read.

use cotangent::prelude::*;
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
