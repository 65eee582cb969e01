//! One output in place of many: the pseudo-NTK, of Σ_o f_o/√O, tends to the tangent kernel as width^{−1/2}. (Mohamadi, Bae,
//! Sutherland 2023.) With the full kernel Θ of N O × N O elements, the error is ‖Θ − p ⊗ 1_O‖_F/‖Θ‖_F.
#![allow(clippy::cast_precision_loss, reason = "counts are small")]

use std::process::ExitCode;

use cotangent::kernels::Spectrum;
use cotangent::kernels::measures::relative_change;
use cotangent::prelude::*;
use examples::{Curves, Failure, Images, Quantity, Set, Study, Within, series};
use faer::Mat;
use figure::{Axes, Panel, Style};

const OUTPUTS: usize = 10;

fn study(study: &mut Study) -> Result<(), Failure> {
    let (n, full) = (32, study.full());
    let (seeds, logs) = (study.either(5, 3), 5..=study.either(12, 8));
    let points: Vec<(u64, u32)> =
        (0..seeds).flat_map(|seed| logs.clone().map(move |log| (seed, log))).collect();
    let (images, classes) = (study.images(Set::Mnist)?, (0..10).collect::<Vec<u8>>());
    let size = images[0].size;
    let cost = |&(_, log): &(u64, u32)| 4_f64.powi(log.cast_signed());
    // At the beginning and after 100 steps: relative differences of the kernels, and of their largest eigenvalues.
    let found = study.measure(&points, cost, |&(seed, log), progress| -> Result<[[f64; 2]; 2], Failure> {
        let layers = mlp(&[1 << log; 2], OUTPUTS, Activation::Relu, Scaling::ntk(2_f64.sqrt(), 0.0));
        let (network, threads) = (Network::new(layers, [size]), Threads::available());
        let task: Task<f32> = Images::task(&images, &classes, [n, 10], seed)?;
        let ntk = Empirical::ntk(&network);
        let difference = |theta: &[f32]| -> Result<[f64; 2], Failure> {
            let kernel = |kind| ntk.kernel(kind, theta, &task.train_x, None, &threads);
            let (whole, pseudo) = (kernel(Kind::Full), kernel(Kind::SumOfLogits));
            let p = pseudo.matrix();
            let same = |i: usize, j: usize| if i % OUTPUTS == j % OUTPUTS { 1.0 } else { 0.0 };
            let wide =
                Mat::from_fn(n * OUTPUTS, n * OUTPUTS, |i, j| same(i, j) * p[(i / OUTPUTS, j / OUTPUTS)]);
            let largest = [whole.matrix(), p].map(|kernel| Spectrum::new(kernel).map(|s| s.largest()));
            let [a, b] = largest;
            Ok([relative_change(wide.as_ref(), whole.matrix()), (b? / a? - 1.0).abs()])
        };
        let theta = network.init(seed);
        let before = difference(&theta)?;
        let settings = Settings { threads: threads.clone(), ..Settings::new(0.5, 100) };
        let mut model = Descent::network(&network, &theta, &task, &settings);
        for step in 0..100 {
            model.step(None);
            progress(f64::from(step) / 100.0);
        }
        Ok([before, difference(model.point())?])
    })?;

    let curves = |when: usize, what: usize| {
        let point =
            |((_, log), found): (&(u64, u32), &[[f64; 2]; 2])| (f64::from(*log).exp2(), found[when][what]);
        let all: Vec<_> = points.iter().zip(&found).map(point).collect();
        Curves(all.chunks_exact(all.len() / seeds as usize).map(<[_]>::to_vec).collect())
    };
    let slope = |name: &str, curves: &Curves, published| Quantity {
        name: name.into(),
        seeds: curves.slopes(if full { 64.0 } else { 0.0 }),
        published,
        within: Within::Absolute(0.1),
    };
    let [start, end] = [0, 1].map(|when| [0, 1].map(|what| curves(when, what)));
    let quantities = [
        slope("slope of ‖Θ − p ⊗ 1‖/‖Θ‖ against width, at the beginning", &start[0], Some(-0.5)),
        slope("the same after 100 steps", &end[0], Some(-0.5)),
        slope("slope of |λ_max(p)/λ_max(Θ) − 1|, at the beginning", &start[1], Some(-0.5)),
    ];
    let curve = |label, color, style, curves: &Curves| series(label, color, style, curves.mean());
    let panel = Panel {
        axes: Axes::Logarithmic,
        title: "Two hidden relu layers, 10 outputs, 32 examples".into(),
        x_label: "width".into(),
        y_label: "relative difference".into(),
        series: vec![
            curve("kernels, at the beginning", 0, Style::Solid, &start[0]),
            curve("kernels, after 100 steps", 1, Style::Dashed, &end[0]),
            curve("λ_max, at the beginning", 2, Style::Solid, &start[1]),
            series(
                "width^{−1/2}",
                6,
                Style::Dashed,
                start[0].mean().iter().map(|p| (p.0, p.0.powf(-0.5))).collect(),
            ),
        ],
    };
    study.finish(&[panel], &quantities)
}

fn main() -> ExitCode {
    examples::run("mohamadi", "Mohamadi et al. 2023: the pseudo-NTK tends to the NTK", study)
}
