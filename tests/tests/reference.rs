//! Values computed by other programs, with their origin in the files.

use cotangent::autodiff::einsum;
use cotangent::prelude::*;
use serde_json::Value;
use tests::{finite_network, numbers};

/// Dense(4)-Erf-Dense(4)-Relu-Dense(2) with σ_w = 1.3, σ_b = 0.2: f and f_lin at a finite distance from θ₀.
#[test]
fn finite_network_and_its_linear_model() {
    let reference: Value =
        serde_json::from_str(include_str!("../reference/finite.json")).expect("valid JSON");
    let network = finite_network();
    let flat = |name: &str| numbers(&reference[name]);
    let (theta, delta) = (flat("params"), flat("delta"));
    let x = numbers(&reference["x"]);
    let threads = Threads::one();
    let jacobian = Linearized::of_network(&network, 5).at(&theta, &x, &threads);
    let close = |ours: &[f64], name: &str| {
        for (a, b) in ours.iter().zip(numbers(&reference[name])) {
            assert!((a - b).abs() <= 1e-10 * (1.0 + b.abs()), "{name}: {a} against {b}");
        }
    };
    close(jacobian.value(), "f(x)");
    let moved: Vec<f64> = theta.iter().zip(&delta).map(|(t, d)| t + d).collect();
    let mut y = [0.0; 10];
    LinearModel::new(jacobian, theta).predict(&moved, &mut y);
    close(&y, "f_lin(x)");
    let plan = Plan::new(&network.program(5));
    plan.run(&[&moved, &x], &mut [&mut y], &mut plan.workspace(&threads));
    close(&y, "f(params+delta,x)");
}

/// The kernels of that network between x_test and x_train.
#[test]
fn finite_kernels() {
    let parse = |text: &str| -> Value { serde_json::from_str(text).expect("valid JSON") };
    let parameters = parse(include_str!("../reference/finite.json"));
    let reference = parse(include_str!("../reference/kernels.json"));
    let network = finite_network();
    let theta = numbers(&parameters["params"]);
    let [train, test] = ["x_train", "x_test"].map(|name| numbers(&reference[name]));
    let close = |ours: &[f64], name: &str| {
        let theirs = numbers(&reference[name]);
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= 1e-10 * (1.0 + b.abs()), "{name}: {a} against {b}");
        }
    };
    let threads = Threads::one();
    for method in [Method::Factored, Method::JacobianContraction, Method::VectorProducts] {
        let ntk = Empirical::ntk(&network).by(method);
        let full = ntk.kernel(Kind::Full, &theta, &test, Some(&train), &threads);
        // Theirs is (N₁, N₂, O, O).
        let axes = (0..3).flat_map(|n| (0..5).flat_map(move |m| (0..4).map(move |i| (n, m, i / 2, i % 2))));
        let theirs: Vec<f64> = axes.map(|(n, m, o, p)| full.matrix()[(n * 2 + o, m * 2 + p)]).collect();
        close(&theirs, "entk x_test,x_train trace_axes=()");
        let trace = ntk.kernel(Kind::Trace, &theta, &test, Some(&train), &threads);
        close(trace.values(), "entk x_test,x_train trace_axes=(-1,)");
        let diagonal = ntk.kernel(Kind::Diagonal, &theta, &train, None, &threads);
        close(diagonal.values(), "entk diag_axes=(0,) trace_axes=(-1,) x_train");
        let nngp = Empirical::nngp(&network).by(method).kernel(Kind::Trace, &theta, &train, None, &threads);
        close(nngp.values(), "enngp x_train trace (-1,)");
    }
}

/// A product in blocks on several threads has small residuals, at a size that older releases of the multiplication
/// behind faer got wrong in parallel. (2 · 1500³ operations; the slow suite goes to 5000.)
#[test]
fn large_products_have_small_residuals() {
    residual(1500);
}

/// As above at n = 5000. Run by hand: `cargo test --release -p tests -- --ignored`.
#[test]
#[ignore = "slow: 250 GFLOP"]
fn very_large_products_have_small_residuals() {
    residual(5000);
}

/// (A B) v against A (B v) for n × n matrices.
fn residual(n: usize) {
    let product = Graph::trace([[n, n], [n, n]], |x| vec![einsum("ik,kj->ij", x[0], x[1])]);
    let numbers = |salt: usize| -> Vec<f64> {
        (0..n * n).map(|i| (((i + salt) * 7919) % 2003) as f64 / 1001.5 - 1.0).collect()
    };
    let (a, b, mut c) = (numbers(1), numbers(2), vec![0.0; n * n]);
    let plan = Plan::new(&product);
    plan.run(&[&a, &b], &mut [&mut c], &mut plan.workspace(&Threads::available()));
    let times = |m: &[f64], v: &[f64]| -> Vec<f64> {
        m.chunks_exact(n).map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum()).collect()
    };
    let v: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
    let (left, right) = (times(&c, &v), times(&a, &times(&b, &v)));
    let size: f64 = right.iter().map(|x| x.abs()).fold(0.0, f64::max);
    let error = left.iter().zip(&right).map(|(l, r)| (l - r).abs()).fold(0.0, f64::max);
    assert!(error <= 1e-13 * n as f64 * size, "residual {error:e} of {size:e}");
}
