//! An ensemble of networks, trained one by one, against its limit of infinite width in closed form: means and deviations of
//! their predictions. (Lee et al. 2019, Fig. 2, on one-dimensional data.) The root mean squares of z are 1.2 of means and 1.5 of
//! covariances here, and 1.2 to 1.9 and 0.9 to 1.5 of three sets of networks; of width 2048, 0.5 to 0.9 and 1.3. With two
//! hidden layers of 128, 512 and 1024 units they are 6.7, 2.4 and 1.8, and 6.5, 1.9 and 1.4: what is more than chance is the width.
//!
//! `cargo run --release -p examples --example ensemble [FOLDER]`; with a folder, the figure is written there.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cotangent::kernels::Infinite;
use cotangent::prelude::*;
use cotangent::train::{ClosedForm, Ensemble, Ridge, Training};
use faer::Mat;
use figure::{Axes, Panel, Series, Style};

const NETWORKS: u64 = 200;
const STEPS: u32 = 200;
const RATE: f64 = 0.2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = Threads::available();
    let train_x = [-2.5, -1.4, -0.5, 0.9, 2.2];
    let train_y: Vec<f64> = train_x.iter().map(|x: &f64| x.sin()).collect();
    let test_x: Vec<f64> = (0..41).map(|i| 0.15 * f64::from(i) - 3.0).collect();
    let (n, m) = (train_x.len(), test_x.len());
    let network = Network::new(mlp(&[512], 1, Activation::ERF, Scaling::ntk(1.5, 0.3)), [1]);

    // In closed form: steps on the loss 1/(2N) Σ (f − y)².
    let limit = Infinite::new(&network)?;
    let [dd, td, tt] = [(&train_x[..], None), (&test_x, Some(&train_x[..])), (&test_x, None)]
        .map(|(x, others)| limit.kernels(x, others, &threads));
    let dynamics = ClosedForm::new(dd.ntk.matrix(), Ridge::Absolute(0.0))?;
    let ensemble = Ensemble::new(&dynamics, dd.nngp.matrix());
    let points = ensemble.at::<f64>(td.ntk.matrix(), td.nngp.matrix());
    let training = Training::Steps { rate: RATE / n as f64, momentum: 0.0, count: STEPS };
    let y = Mat::from_fn(n, 1, |i, _| train_y[i]);
    let (mean, covariance) =
        (points.mean(y.as_ref(), training)?, points.covariance(tt.nngp.matrix(), training)?);

    // One by one.
    let task = Task {
        train_x: train_x.to_vec(),
        train_y: train_y.clone(),
        test_x: test_x.clone(),
        test_y: vec![0.0; m],
    };
    let settings = Settings { threads: threads.clone(), ..Settings::new(RATE, STEPS as usize) };
    let trained = |seed| {
        let mut model = Descent::network(&network, &network.init(seed), &task, &settings);
        for _ in 0..STEPS {
            model.step(None);
        }
        model.outputs(Part::Test).to_vec()
    };
    let outputs: Vec<Vec<f64>> = threads.install(|| (0..NETWORKS).map(trained).collect());
    let count = NETWORKS as f64;
    let means: Vec<f64> = (0..m).map(|i| outputs.iter().map(|f| f[i]).sum::<f64>() / count).collect();
    let moment = |i: usize, j: usize| {
        outputs.iter().map(|f| (f[i] - means[i]) * (f[j] - means[j])).sum::<f64>() / (count - 1.0)
    };

    // Standard errors of means and covariances of normal variables.
    let z_mean = |i: usize| (means[i] - mean[(i, 0)]) / (covariance[(i, i)] / count).sqrt();
    let z_covariance = |i: usize, j: usize| {
        let (a, b, c) = (covariance[(i, i)], covariance[(j, j)], covariance[(i, j)]);
        (moment(i, j) - c) / ((a * b + c * c) / count).sqrt()
    };
    println!(
        "{:>6} {:>9} {:>9} {:>7} {:>10} {:>10} {:>7}",
        "x", "mean", "limit", "z", "deviation", "limit", "z"
    );
    for i in (0..m).step_by(4) {
        println!(
            "{:>6.2} {:>9.4} {:>9.4} {:>7.2} {:>10.4} {:>10.4} {:>7.2}",
            test_x[i],
            means[i],
            mean[(i, 0)],
            z_mean(i),
            moment(i, i).sqrt(),
            covariance[(i, i)].sqrt(),
            z_covariance(i, i)
        );
    }
    let squares = |z: Vec<f64>| (z.iter().map(|z| z * z).sum::<f64>() / z.len() as f64).sqrt();
    let all = (0..m).flat_map(|i| (0..=i).map(move |j| (i, j)));
    println!(
        "\nroot mean square of z: means {:.2}, covariances {:.2} (1 is chance)",
        squares((0..m).map(z_mean).collect()),
        squares(all.map(|(i, j)| z_covariance(i, j)).collect())
    );

    if let Some(folder) = std::env::args().nth(1) {
        let curve = |mean: &dyn Fn(usize) -> f64, deviation: &dyn Fn(usize) -> f64, side: f64| {
            (0..m).map(|i| (test_x[i], mean(i) + side * deviation(i))).collect::<Vec<_>>()
        };
        let (of_limit, spread) = (|i: usize| mean[(i, 0)], |i: usize| covariance[(i, i)].sqrt());
        let (of_networks, measured) = (|i: usize| means[i], |i: usize| moment(i, i).sqrt());
        let around = |mean: &dyn Fn(usize) -> f64, deviation: &dyn Fn(usize) -> f64| {
            let upper = curve(mean, deviation, 2.0).into_iter().rev();
            curve(mean, deviation, -2.0).into_iter().chain(upper).collect::<Vec<_>>()
        };
        let series = |label: &str, color, style, points| Series { label: label.into(), color, style, points };
        let panel = Panel {
            axes: Axes::Linear,
            title: format!("{NETWORKS} networks, 512 erf, {STEPS} steps"),
            x_label: "x".into(),
            y_label: "f(x)".into(),
            series: vec![
                series("infinite width, ± 2 deviations", 0, Style::Band, around(&of_limit, &spread)),
                series("infinite width, mean", 0, Style::Solid, curve(&of_limit, &spread, 0.0)),
                series("networks, ± 2 deviations", 6, Style::Dashed, around(&of_networks, &measured)),
                series("networks, mean", 1, Style::Dashed, curve(&of_networks, &measured, 0.0)),
                series("trained on", 3, Style::Points, train_x.into_iter().zip(train_y).collect()),
            ],
        };
        figure::write("", &[panel], &std::path::Path::new(&folder).join("ensemble"))?;
    }
    Ok(())
}
