//! A network and its linear model at growing distance from θ₀: the error is of second order.
//!
//! `cargo run --release -p examples --example linearize_mlp`
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cotangent::prelude::*;

fn main() {
    // Two hidden layers of 256 units on the plane, three outputs; five points to look at.
    let network = Network::new(mlp(&[256, 256], 3, Activation::ERF, Scaling::ntk(1.5, 0.05)), [2]);
    let theta: Vec<f64> = network.init(0);
    let x: Vec<f64> = (0..10).map(|i| f64::from(i).sin()).collect();
    let threads = Threads::available();

    // f is evaluated and differentiated once, here; J·v and Jᵀ·u only read what is kept.
    let jacobian = Linearized::of_network(&network, 5).at(&theta, &x, &threads);
    println!("{jacobian:?}");
    let model = LinearModel::new(jacobian, theta.clone());

    let plan = Plan::new(&network.program(5));
    let mut workspace = plan.workspace(&threads);
    let direction: Vec<f64> = network.init(1);
    let (mut f, mut f_lin) = (vec![0.0; 15], vec![0.0; 15]);
    let mut before: Option<f64> = None;
    println!("{:>12} {:>14} {:>7}", "‖δ‖/‖θ₀‖", "rms(f − f_lin)", "order");
    for halvings in 0..8 {
        let h = 0.5_f64.powi(halvings);
        let moved: Vec<f64> = theta.iter().zip(&direction).map(|(t, d)| t + h * d).collect();
        plan.run(&[&moved, &x], &mut [&mut f], &mut workspace);
        model.predict(&moved, &mut f_lin);
        let error = (f.iter().zip(&f_lin).map(|(f, l)| (f - l).powi(2)).sum::<f64>() / 15.0).sqrt();
        let order = before.map_or(String::new(), |before| format!("{:.2}", (before / error).log2()));
        println!("{h:>12.5} {error:>14.3e} {order:>7}");
        before = Some(error);
    }
}
