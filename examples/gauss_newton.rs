//! Gauss–Newton: each step goes to the minimum of ½ ‖f(θ) + J(θ) δ − y‖², found by LSMR from products with J alone.
//!
//! `cargo run --release -p examples --example gauss_newton`
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cotangent::data;
use cotangent::prelude::*;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::matrix_free::lsmr::{LsmrParams, lsmr, lsmr_scratch};
use faer::matrix_free::{IdentityPrecond, InitialGuessStatus};
use faer::{Mat, Par};

/// The least-squares solution of J δ = `rhs` and the number of iterations. faer solves; a Jacobian is one of its operators.
fn least_squares(jacobian: &Jacobian<f64>, rhs: &[f64]) -> (Vec<f64>, usize) {
    let (rows, columns) = (jacobian.rows(), jacobian.columns());
    let rhs = Mat::from_fn(rows, 1, |i, _| rhs[i]);
    let mut delta = Mat::zeros(columns, 1);
    let precond = IdentityPrecond { dim: columns };
    let mut memory = MemBuffer::new(lsmr_scratch(precond, jacobian, 1, Par::Seq));
    let params = LsmrParams {
        initial_guess: InitialGuessStatus::Zero,
        rel_tolerance: 1e-4,
        max_iters: 200,
        ..LsmrParams::default()
    };
    let stack = MemStack::new(&mut memory);
    let mut iterations = 0;
    // What it has after so many iterations is a step as well.
    let _ =
        lsmr(delta.as_mut(), precond, jacobian, rhs.as_ref(), params, |_| iterations += 1, Par::Seq, stack);
    (delta.col(0).iter().copied().collect(), iterations)
}

fn main() {
    // The first hundred handwritten digits; the targets are one-hot, minus 0.1.
    let digits = data::digits();
    let x = data::standardised(digits.images.bytes(), 64)[..100 * 64].to_vec();
    let y = data::one_hot(&digits.labels, 10, 0.1)[..100 * 10].to_vec();
    let network = Network::new(mlp(&[128, 128], 10, Activation::ERF, Scaling::ntk(1.5, 0.05)), [64]);
    let mut theta: Vec<f64> = network.init(0);
    let mut jacobian = Linearized::of_network(&network, 100).at(&theta, &x, &Threads::available());
    println!("{jacobian:?}\n{:>5} {:>12} {:>16}", "step", "½ ‖f − y‖²", "LSMR iterations");
    for step in 0..6 {
        let error: Vec<f64> = y.iter().zip(jacobian.value()).map(|(y, f)| y - f).collect();
        let loss = 0.5 * error.iter().map(|e| e * e).sum::<f64>();
        let (delta, iterations) = least_squares(&jacobian, &error);
        println!("{step:>5} {loss:>12.3e} {iterations:>16}");
        theta.iter_mut().zip(&delta).for_each(|(theta, delta)| *theta += delta);
        // The same programs and the same memory at the next θ.
        jacobian.relinearize(&theta, &x);
    }
}
