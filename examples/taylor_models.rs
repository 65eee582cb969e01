//! Taylor models of degrees 1 to 4 around θ₀: the error of degree k falls with order k + 1.
//!
//! `cargo run --release -p examples --example taylor_models` writes out/taylor_models.svg and .png.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::path::Path;

use cotangent::prelude::*;
use figure::{Axis, Panel, Series};

fn main() -> Result<(), Box<dyn Error>> {
    let threads = Threads::available();
    let x: Vec<f64> = (0..20).map(|i| f64::from(i).sin()).collect(); // ten points of the plane
    let steps: Vec<f64> = (0..13).map(|i| 0.5_f64.powf(0.5 * f64::from(i))).collect();

    let panels = [16, 256].map(|width| {
        let network = Network::new(mlp(&[width, width], 3, Activation::Tanh, Scaling::ntk(1.5, 0.05)), [2]);
        let (theta, delta): (Vec<f64>, Vec<f64>) = (network.init(0), network.init(1));

        // One run gives the coefficients y₁ … y₄ of f(θ₀ + h δ) = Σ hᵏ yₖ, and with them all four models at every h.
        let model = TaylorModel::new(&Linearized::of_network(&network, 10), 4, &theta);
        let remainders = model.remainders(&delta, &x, &steps, &threads);

        println!("width {width}\n{:>7} {:>24} {:>19}", "degree", "error at the farthest δ", "order");
        let mut series = Vec::new();
        for degree in 1..=4 {
            // Where δ is small, the next term is what the model lacks.
            let nearest = model.remainders(&delta, &x, &steps[6..], &threads);
            let order = nearest[degree].order.expect("errors above rounding");
            let (exponent, error) = (order.exponent, order.standard_error);
            println!("{degree:>7} {:>24.2e} {exponent:>12.3} ± {error:.3}", remainders[degree].points[0].1);
            let label = format!("degree {degree}, order {exponent:.2}");
            series.push(Series::line(label, degree - 1, remainders[degree].points.clone()));
        }
        let axes = ["‖δ‖", "‖f(θ₀ + δ) − model‖"].map(Axis::logarithmic);
        Panel::new(format!("2 × {width} tanh"), axes, series)
    });
    let stem = Path::new("out/taylor_models");
    std::fs::create_dir_all("out")?;
    figure::write("Taylor models of a network around θ₀", &panels, stem)?;
    println!("written to {}.svg and .png", stem.display());
    Ok(())
}
