//! A convolutional network and its linear model, trained side by side on a few digits.
//!
//! `cargo run --release -p examples --example cnn` and, for any network and more digits,
//! `cargo run --release -- compare --net examples/networks/cnn.toml`
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cotangent::autodiff::Padding;
use cotangent::data;
use cotangent::nets::{Conv, Flatten, Windows};
use cotangent::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scaling = Scaling::ntk(1.5, 0.05);
    let conv = || Conv { channels: 16, windows: Windows::new([3, 3], Padding::Same), scaling };
    let net = Serial::new().then(conv()).then(Activation::Relu).then(conv()).then(Activation::Relu);
    let net = net.then(Flatten::ChannelsLast).then(Dense { width: 10, scaling });
    let network = Network::new(net, [8, 8, 1]);

    let digits = data::digits();
    let [train, test] = data::split(digits.labels.len(), [64, 64], 0)?;
    let (x, y) = (data::standardised(digits.images.bytes(), 64), data::one_hot(&digits.labels, 10, 0.1));
    let rows = |table: &[f64], columns, rows: &[usize]| -> Vec<f32> {
        data::select(table, columns, rows).into_iter().map(f32::literal).collect()
    };
    let task = Task {
        train_x: rows(&x, 64, &train),
        train_y: rows(&y, 10, &train),
        test_x: rows(&x, 64, &test),
        test_y: rows(&y, 10, &test),
    };
    let settings = Settings { threads: Threads::available(), ..Settings::new(0.2, 60) };
    let comparison = compare(&network, &network.init(0), &task, &settings, |_| ())?;
    println!(
        "{:>5} {:>12} {:>12} {:>14} {:>14}",
        "step", "loss, f", "loss, f_lin", "rms(f − f_lin)", "change of J·v"
    );
    for record in comparison.records.iter().step_by(3) {
        let (loss, rmse, change) = (record.loss_train, record.rmse_test, record.tangent_change);
        let step = record.step;
        println!("{step:>5} {:>12.4} {:>12.4} {rmse:>14.4} {change:>14.4}", loss.network, loss.linear);
    }
    println!("\nlargest stable learning rate of the linear model: {:.3}", comparison.stable_rate);
    Ok(())
}
