//! One output in place of many: the pseudo-NTK tends to the tangent kernel as width^{−1/2}. (Mohamadi, Bae, Sutherland 2023.)
//!
//! The pseudo-NTK p is that of Σ_o f_o/√O. With the full kernel Θ of N O × N O elements, the error is ‖Θ − p ⊗ 1_O‖_F/‖Θ‖_F: at the
//! beginning, and after 100 steps at rate 0.5. The exponent is that of the theorem; of the paper's experiments, no numbers
//! were at hand. Two hidden relu layers, σ_w² = 2, no biases, 10 outputs and 32 digits of MNIST are chosen here.
//!
//! `cargo run --release -p examples --example mohamadi -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::kernels::Spectrum;
use cotangent::kernels::measures::relative_change;
use cotangent::prelude::*;
use examples::{Failure, Images, Set, Study, TEN, Within, train};
use faer::Mat;
use figure::{Panel, Series, Style};

const OUTPUTS: usize = 10;

fn main() -> ExitCode {
    examples::run("mohamadi", "The pseudo-NTK tends to the NTK: Mohamadi et al. 2023", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let threads = Threads::available();
    let (seeds, logs, first) = study.either((5, 5..=12, 64.0), (3, 5..=8, 0.0));
    // Seed, logarithm of the width, examples and steps.
    let of_seed = |seed| logs.clone().map(move |log| (seed, log, 32, 100));
    let points: Vec<(u64, u32, usize, usize)> = (0..seeds).flat_map(of_seed).collect();
    let images = study.images(Set::Mnist)?;
    let cost = |point: &(u64, u32, usize, usize)| f64::from(2 * point.1).exp2();
    // At the beginning and in the end: relative differences of the kernels, and of their largest eigenvalues.
    let found =
        study.measure(points, cost, |&(seed, log, n, steps), done| -> Result<[[f64; 2]; 2], Failure> {
            let layers = mlp(&[1 << log; 2], OUTPUTS, Activation::Relu, Scaling::ntk(2_f64.sqrt(), 0.0));
            let network = Network::new(layers, [images[0].size]);
            let task: Task<f32> = Images::task(&images, &TEN, [n, 10], seed)?;
            let ntk = Empirical::ntk(&network);
            let difference = |theta: &[f32]| -> Result<[f64; 2], Failure> {
                let kernel = |kind| ntk.kernel(kind, theta, &task.train_x, None, &threads);
                let (whole, pseudo) = (kernel(Kind::Full), kernel(Kind::SumOfLogits));
                let p = pseudo.matrix();
                let same = |i: usize, j: usize| if i % OUTPUTS == j % OUTPUTS { 1.0 } else { 0.0 };
                let wide =
                    Mat::from_fn(n * OUTPUTS, n * OUTPUTS, |i, j| same(i, j) * p[(i / OUTPUTS, j / OUTPUTS)]);
                let [a, b] = [whole.matrix(), p].map(|kernel| Spectrum::new(kernel).map(|s| s.largest()));
                Ok([relative_change(wide.as_ref(), whole.matrix()), (b? / a? - 1.0).abs()])
            };
            let theta = network.init(seed);
            let before = difference(&theta)?;
            let settings = Settings { threads: threads.clone(), ..Settings::new(0.5, steps) };
            let mut model = Descent::network(&network, &theta, &task, &settings);
            train(&mut model, steps, done)?;
            Ok([before, difference(model.point())?])
        })?;

    let curves = |when: usize, what: usize| {
        found.curves(|point, found| [(point.0, f64::from(point.1).exp2(), found[when][what])])
    };
    let shown = [
        ("kernels, at the beginning", curves(0, 0), Style::Solid),
        ("kernels, after 100 steps", curves(1, 0), Style::Dashed),
        ("λ_max, at the beginning", curves(0, 1), Style::Solid),
    ];
    let mut all = Vec::new();
    for (i, (name, curves, style)) in shown.iter().enumerate() {
        study.hold(format!("slope: {name}"), curves.slopes(first), -0.5, Within::Absolute(0.1));
        all.push(Series::new(*name, i, *style, curves.mean()));
    }
    let root = shown[0].1.mean().iter().map(|p| (p.0, p.0.powf(-0.5))).collect();
    all.push(Series::dashed("width^{−1/2}", 6, root));
    study.show(Panel::logarithmic("Two hidden relu layers", ["width", "relative difference"], all));
    Ok(())
}
