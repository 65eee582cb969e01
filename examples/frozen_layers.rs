//! Frozen layers: J has the columns of the free tensors only, and the others cost nothing.
//!
//! `cargo run --release -p examples --example frozen_layers`
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cotangent::linearize::UnmatchedPattern;
use cotangent::prelude::*;

fn main() -> Result<(), UnmatchedPattern> {
    let network = Network::new(mlp(&[256, 256], 10, Activation::ERF, Scaling::ntk(1.5, 0.05)), [64]);
    let all = || Mask::new(network.parameters());
    // Tensors are named by layer: 0 is the first dense layer, 1 its activation, and so on; 4 is the readout.
    let masks = [
        ("nothing is frozen", all()),
        ("first layer frozen", all().freeze("0.*")?),
        ("biases alone", all().freeze("*")?.thaw("*.bias")?),
        ("readout alone", all().freeze("*")?.thaw("4.*")?),
    ];
    let (theta, threads) = (network.init::<f64>(0), Threads::available());
    let x: Vec<f64> = (0..32 * 64).map(|i| f64::from(i).sin()).collect();
    let forward = network.program(32).stats().flops as f64;

    println!("{:<20} {:>10} {:>12} {:>16} {:>14}", "", "columns", "kB kept", "J·v, forwards", "‖f − f_lin‖");
    for (name, mask) in masks {
        let linearized = Linearized::masked(&network, 32, &mask);
        let programs = linearized.linearization();
        let cost = programs.tangent.graph().stats().flops as f64 / forward;
        let kept = programs.residual_bytes::<f64>() as f64 / 1e3;

        // A step δ of length 1 over the free parameters. With the readout alone, f is linear in them, and f_lin is f.
        let model = LinearModel::new(linearized.at(&theta, &x, &threads), theta.clone());
        let mut delta = vec![0.0; mask.len()];
        mask.gather(&network.init(1), &mut delta);
        let length = delta.iter().map(|d| d * d).sum::<f64>().sqrt();
        let error = model.remainder(&delta, &x, &[1.0 / length]).points[0].1;
        println!("{name:<20} {:>10} {kept:>12.0} {cost:>16.2} {error:>14.1e}", mask.len());
    }
    match all().freeze("6.*") {
        Err(error) => println!("\n{error}"),
        Ok(_) => unreachable!("there is no seventh layer"),
    }
    Ok(())
}
