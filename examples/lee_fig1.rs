//! How little wide networks change while they learn. (Lee et al. 2019, Figs 1 and S6.)
//!
//! Three hidden layers, relu or tanh, learn 128 digits of MNIST, and one hidden relu layer learns 128 images of two classes of
//! CIFAR-10, by gradient descent on all of them at rate 1. Relative to where they began, input and output weights change like
//! width^{−1/2}, others like 1/width, and the tangent kernel Θ̂ and the covariance K of the last hidden layer nearly like 1/width.
//! The paper trains for 2¹⁷ steps; its exponents of Θ̂ are there after 256 (tanh: 16), which is what is done here.
//!
//! The paper leaves open σ_w, σ_b, the number of outputs, and what the loss is a mean over. Here σ_w² = 1.5, σ_b² = 0.1, ten outputs
//! for MNIST, and a mean over examples and outputs: of what was tried, nearest to the heights of its curves of Θ̂ at n = 256 and 512.
//!
//! `cargo run --release -p examples --example lee_fig1 -- [--full --data FOLDER] [--out FOLDER]`
use std::ops::ControlFlow;
use std::process::ExitCode;

use cotangent::kernels::measures::relative_change;
use cotangent::linearize::layer_change;
use cotangent::prelude::*;
use examples::{Curves, Failure, Images, Quantity, Set, Study, Within, at_powers_of_two, series};
use figure::{Axes, Panel, Style};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Point {
    net: usize,
    width: usize,
    seed: u64,
    steps: usize,
}

/// ‖· − ·₀‖/‖·₀‖ at the end, of the parameters of each layer and of both kernels.
#[derive(Serialize, Deserialize)]
struct Changes {
    layers: Vec<f64>,
    ntk: f64,
    nngp: f64,
}

const NAMES: [&str; 3] = ["3 relu layers", "3 tanh layers", "1 relu layer"];
const STEPS: [usize; 3] = [256, 16, 256];
/// Θ̂ after so many steps, from width 2⁴, 2⁴ and 2⁶ on.
const FIRST: [i32; 3] = [4, 4, 6];
const THETA: [&[f64]; 3] = [
    &[0.7357, 0.5917, 0.4199, 0.2423, 0.147, 0.08792, 0.04506, 0.02595, 0.01589],
    &[0.1189, 0.05989, 0.03582, 0.01802, 0.00873, 0.004568, 0.002323, 0.001081, 0.000545],
    &[0.2304, 0.1189, 0.06086, 0.03294, 0.01771, 0.009295, 0.004997],
];
/// The layers of three relu layers after 2¹⁷ steps, for widths 2⁴ to 2¹².
const LAYERS: [[f64; 9]; 4] = [
    [0.1602, 0.09898, 0.06324, 0.0418, 0.02848, 0.0196, 0.01352, 0.009508, 0.006784],
    [0.5959, 0.3267, 0.1753, 0.08864, 0.04365, 0.02154, 0.01048, 0.005171, 0.002567],
    [0.6389, 0.3255, 0.1639, 0.08053, 0.03957, 0.01948, 0.009364, 0.004562, 0.002255],
    [1.09, 0.6665, 0.4015, 0.2649, 0.1758, 0.1183, 0.07936, 0.05377, 0.03808],
];

fn main() -> ExitCode {
    examples::run(
        "lee_fig1",
        "Changes of weights and kernels in training: Lee et al. 2019, Figs 1 and S6",
        study,
    )
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let threads = Threads::available();
    let (logs, seeds) = study.either((4..13, 3), (4..8, 2));
    let widths: Vec<usize> = logs.map(|log| 1 << log).collect();
    let (mnist, cifar) = (study.images(Set::Mnist)?, study.images(Set::Cifar10)?);
    let digits: Vec<u8> = (0..10).collect();
    // Horses and planes of CIFAR-10, as in the paper.
    let sets = [(&mnist, &digits[..]), (&mnist, &digits), (&cifar, &[7, 0])];

    let full = study.full();
    let steps = |net: usize| if full { STEPS[net] } else { 16 };
    let point = |net, seed| widths.iter().map(move |&width| Point { net, width, seed, steps: steps(net) });
    let points: Vec<Point> =
        (0..3).flat_map(|net| (0..seeds).flat_map(move |seed| point(net, seed))).collect();
    let cost = |point: &Point| ((point.steps + 8) * point.width * (point.width + 1000)) as f64;
    let changes = study.measure(&points, cost, |&Point { net, width, seed, steps }, done| {
        let (images, classes) = sets[net];
        let task: Task<f32> = Images::task(images, classes, [128, 1], seed)?;
        let (depth, outputs) = ([3, 3, 1][net], if classes.len() == 2 { 1 } else { classes.len() });
        let (activation, scaling) = (
            [Activation::Relu, Activation::Tanh, Activation::Relu][net].clone(),
            Scaling::ntk(1.5_f64.sqrt(), 0.1_f64.sqrt()),
        );
        let layer = |body: Serial| body.then(Dense { width, scaling }).then(activation.clone());
        let body = || (0..depth).fold(Serial::new(), |body, _| layer(body));
        let network = Network::new(body().then(Dense { width: outputs, scaling }), [images[0].size]);
        let units = Network::new(body(), [images[0].size]);

        let theta: Vec<f32> = network.init(seed);
        let kernels = |theta: &[f32]| {
            let kernel = |of: &Empirical, theta| of.kernel(Kind::Trace, theta, &task.train_x, None, &threads);
            let of_units = &theta[..units.parameters().len()];
            [kernel(&Empirical::ntk(&network), theta), kernel(&Empirical::nngp(&units), of_units)]
        };
        let objective = Objective { loss: Loss::Squared, over: Over::Outputs };
        let settings = Settings { objective, threads: threads.clone(), ..Settings::new(1.0, steps) };
        let mut model = Descent::network(&network, &theta, &task, &settings);
        let course = Course { steps, records: vec![], batches: None };
        descend(
            &mut [&mut model],
            &course,
            |_, _| ControlFlow::Continue(()),
            |step| done(step as f64 / steps as f64),
        )?;

        let (before, after) = (kernels(&theta), kernels(model.point()));
        let [ntk, nngp] = [0, 1].map(|i| relative_change(after[i].matrix(), before[i].matrix()));
        let layers = layer_change(network.parameters(), &theta, model.point());
        Ok(Changes { layers: layers.into_iter().map(|(_, change)| change).collect(), ntk, nngp })
    })?;

    let curves = |net: usize, of: &dyn Fn(&Changes) -> f64| {
        let of_seed = |seed| {
            let mine =
                points.iter().zip(&changes).filter(move |(point, _)| point.net == net && point.seed == seed);
            mine.map(|(point, changes)| (point.width as f64, of(changes))).collect()
        };
        Curves((0..seeds).map(of_seed).collect())
    };
    let mut quantities = Vec::new();
    let mut hold = |name: String, curves: &Curves, first: f64, published, within| {
        let seeds = curves.slopes(first);
        quantities.push(Quantity {
            name,
            seeds,
            published: Some(published),
            within: Within::Absolute(within),
        });
    };
    let mut panels =
        ["Layers of 3 relu layers", "Tangent kernel Θ̂", "Covariance K of the last units"].map(|title| {
            Panel {
                axes: Axes::Logarithmic,
                title: title.into(),
                x_label: "width n".into(),
                y_label: "relative change".into(),
                series: vec![],
            }
        });
    for (l, (name, slope)) in
        [("input", -0.52), ("2", -1.02), ("3", -1.04), ("output", -0.56)].into_iter().enumerate()
    {
        let of_layer = curves(0, &|changes| changes.layers[l]);
        hold(
            format!("slope, layer {name}, {}, n ≥ 256", NAMES[0]),
            &of_layer,
            study.either(256.0, 0.0),
            slope,
            0.08,
        );
        panels[0].series.push(series(format!("{name}, 256 steps"), l, Style::Solid, of_layer.mean()));
        panels[0].series.push(series(
            format!("{name}, paper, 2¹⁷"),
            l,
            Style::Points,
            at_powers_of_two(4, &LAYERS[l]),
        ));
    }
    for (net, slopes) in [[-0.80, -0.80], [-1.00, -0.82], [-0.89, -0.95]].into_iter().enumerate() {
        let label = format!("{}, {} steps", NAMES[net], steps(net));
        let (ntk, nngp) = (curves(net, &|changes| changes.ntk), curves(net, &|changes| changes.nngp));
        let first = study.either(64.0, 0.0);
        hold(format!("slope of Θ̂, {label}, n ≥ 64"), &ntk, first, slopes[0], 0.1);
        hold(format!("slope of K, {label}, n ≥ 64 (paper: end)"), &nngp, first, slopes[1], 0.1);
        panels[1].series.push(series(label.clone(), net, Style::Solid, ntk.mean()));
        panels[1].series.push(series(
            "the same, paper",
            net,
            Style::Points,
            at_powers_of_two(FIRST[net], THETA[net]),
        ));
        panels[2].series.push(series(label, net, Style::Solid, nngp.mean()));
    }
    study.finish(&panels, &quantities)
}
