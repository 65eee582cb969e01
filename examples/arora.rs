//! Wide networks and regression with their kernel. (Arora et al. 2019, Theorems 3.1 and 3.2: relu layers without biases, ‖x‖ = 1.)
//!
//! Theorem 3.1: at the beginning ⟨∂f(x), ∂f(x')⟩ is near Θ(x, x'). Theorem 3.2: κ f, trained, is near regression with Θ, where
//! κ makes small what the network says before training. Here κ = width^{−1/2}, 16 examples of the embedded digits 0 and 1, and
//! as many steps of regression in closed form as of training, with the exact and with the empirical kernel.
#![allow(clippy::cast_precision_loss, reason = "counts are small")]

use std::process::ExitCode;

use cotangent::kernels::measures::relative_change;
use cotangent::kernels::{Infinite, Spectrum};
use cotangent::prelude::*;
use cotangent::train::{ClosedForm, Ridge, Training};
use examples::{Curves, Failure, Images, Quantity, Study, Within, series};
use faer::{Mat, MatRef};
use figure::{Axes, Panel, Style};

const N: usize = 16;
const STEPS: u32 = 2000;

/// κ f, with two hidden layers.
fn network(width: usize, kappa: f64) -> Network {
    let root = 2_f64.sqrt();
    let hidden = |layers: Serial| {
        layers.then(Dense { width, scaling: Scaling::ntk(root, 0.0) }).then(Activation::Relu)
    };
    let readout = Dense { width: 1, scaling: Scaling::ntk(kappa * root, 0.0) };
    Network::new(hidden(hidden(Serial::new())).then(readout), [64])
}

/// ‖Θ̂ − Θ‖/‖Θ‖ before training; root mean squares over test examples of what training gives less regression with Θ, and with Θ̂.
fn errors(task: &Task<f64>, seed: u64, width: usize) -> Result<[f64; 3], Failure> {
    let (threads, kappa) = (Threads::available(), (width as f64).powf(-0.5));
    let network = network(width, kappa);
    let (x, z) = (&task.train_x[..], &task.test_x[..]);
    let limit = Infinite::new(&network)?;
    let [exact, cross] = [(x, None), (z, Some(x))].map(|(x, others)| limit.kernels(x, others, &threads).ntk);
    let theta = network.init(seed);
    let ntk = Empirical::ntk(&network);
    let [empirical, beside] =
        [(x, None), (z, Some(x))].map(|(x, others)| ntk.kernel(Kind::Trace, &theta, x, others, &threads));
    let rate = 1.0 / Spectrum::new(exact.matrix())?.largest();

    let settings = Settings { threads: threads.clone(), ..Settings::new(rate * N as f64, STEPS as usize) };
    let mut model = Descent::network(&network, &theta, task, &settings);
    for _ in 0..STEPS {
        model.step(None);
    }
    let trained = model.outputs(Part::Test);
    let y = Mat::from_fn(N, 1, |i, _| task.train_y[i]);
    let training = Training::Steps { rate, momentum: 0.0, count: STEPS };
    let regression = |kernel: MatRef<'_, f64>, cross: MatRef<'_, f64>| -> Result<f64, Failure> {
        let (f0, g0) = (Mat::zeros(N, 1), Mat::zeros(trained.len(), 1));
        let dynamics = ClosedForm::new(kernel, Ridge::Absolute(0.0))?;
        let predicted =
            dynamics.elsewhere(cross, g0.as_ref(), f0.as_ref(), y.as_ref(), &[training])?.remove(0);
        let squares = trained.iter().enumerate().map(|(i, f)| (f - predicted[(i, 0)]).powi(2)).sum::<f64>();
        Ok((squares / trained.len() as f64).sqrt())
    };
    Ok([
        relative_change(empirical.matrix(), exact.matrix()),
        regression(exact.matrix(), cross.matrix())?,
        regression(empirical.matrix(), beside.matrix())?,
    ])
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (seeds, logs) = (study.either(5, 3), 5..=study.either(10, 7));
    let points: Vec<(u64, u32)> =
        (0..seeds).flat_map(|seed| logs.clone().map(move |log| (seed, log))).collect();
    let cost = |&(_, log): &(u64, u32)| 2_f64.powi(log.cast_signed());
    let found = study.measure(&points, cost, |&(seed, log), _| {
        let mut task: Task<f64> = Images::task(&Images::digits(), &[0, 1], [N, 32], seed)?;
        // ‖x‖ = 1 in the paper is ‖x‖² = 64 where weights are multiplied by 64^{−1/2}.
        for x in task.train_x.chunks_exact_mut(64).chain(task.test_x.chunks_exact_mut(64)) {
            let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
            x.iter_mut().for_each(|x| *x *= 8.0 / norm);
        }
        errors(&task, seed, 1 << log)
    })?;
    let curves = [0, 1, 2].map(|what| {
        let all: Vec<_> =
            points.iter().zip(&found).map(|((_, log), e)| (f64::from(*log).exp2(), e[what])).collect();
        Curves(all.chunks_exact(logs.clone().count()).map(<[_]>::to_vec).collect())
    });
    let names = [
        "kernel before training",
        "regression with the exact kernel",
        "regression with the empirical kernel",
    ];
    let slope = |i: usize, published| Quantity {
        name: format!("slope against width: {}", names[i]),
        seeds: curves[i].slopes(0.0),
        published,
        within: Within::Absolute(0.1),
    };
    let quantities = [slope(0, None), slope(1, None), slope(2, None)];
    let panel = Panel {
        axes: Axes::Logarithmic,
        title: "Two hidden relu layers, κ = width^{−1/2}".into(),
        x_label: "width".into(),
        y_label: "difference".into(),
        series: (0..3).map(|i| series(names[i], i, Style::Solid, curves[i].mean())).collect(),
    };
    study.finish(&[panel], &quantities)
}

fn main() -> ExitCode {
    examples::run("arora", "Arora et al. 2019: networks and their kernels", study)
}
