//! A wide network and its linear models, all along training. (Lee et al. 2019, Fig. 3, its fourth panel and its third.)
//!
//! Five hidden relu layers of 2048 units, σ_w² = 2, σ_b² = 0.1, learn 256 images of two classes of CIFAR-10 by gradient descent at
//! rate 0.01 on the mean loss. Beside it are linear models in closed form, with the kernel of the network itself and with that of
//! infinite width, from the same outputs on. Time is rate times steps; 2048 steps, to t = 20.48, show the whole shape.
//!
//! The linear models follow gradient flow, as in Eqs 8 to 11, and the network makes steps: the bump of the published curves at
//! t < 0.3 is the difference of these two along the first eigenvector. With linear models that make steps too, it is not there.
//!
//! The paper leaves open the scale of the inputs: here ‖x‖² is about the number of pixels.
//!
//! `cargo run --release -p examples --example lee_fig3 -- [--full --data FOLDER] [--out FOLDER]`
use std::ops::ControlFlow;
use std::process::ExitCode;

use cotangent::kernels::Infinite;
use cotangent::prelude::*;
use cotangent::train::{ClosedForm, Ridge, Training};
use examples::{Curves, Failure, Images, Quantity, Set, Study, Within, series};
use faer::{Mat, MatRef};
use figure::{Axes, Panel, Style};
use serde::Serialize;

const RATE: f64 = 0.01;
/// At t = 0.01 · 2ʲ: the root mean square of f − f_lin by the kernel of the network, and by that of infinite width, and the loss
/// on test examples of the network.
const PUBLISHED: [[f64; 12]; 3] = [
    [0.00967, 0.017, 0.0263, 0.0318, 0.0237, 0.00844, 0.00602, 0.00903, 0.017, 0.0338, 0.0583, 0.0859],
    [0.0318, 0.0566, 0.0902, 0.115, 0.099, 0.0595, 0.0554, 0.0629, 0.0817, 0.116, 0.161, 0.204],
    [1.437, 1.289, 1.092, 0.918, 0.854, 0.851, 0.834, 0.799, 0.748, 0.684, 0.624, 0.586],
];

#[derive(Serialize)]
struct Point {
    width: usize,
    examples: usize,
    seed: u64,
}

fn main() -> ExitCode {
    examples::run("lee_fig3", "A network and its linear models in time: Lee et al. 2019, Fig. 3", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let threads = Threads::available();
    let (width, examples, seeds) = study.either((2048, 256, 3), (128, 32, 2));
    let times: Vec<u32> = (0..study.either(12, 9)).map(|j| 1 << j).collect();
    let steps = times[times.len() - 1];
    let images = study.images(Set::Cifar10)?;
    let points: Vec<Point> = (0..seeds).map(|seed| Point { width, examples, seed }).collect();
    // For each time, both distances and the losses of the network and of its own linear model.
    let found: Vec<Vec<[f64; 4]>> = study.measure(
        &points,
        |_| 1.0,
        |&Point { width, examples, seed }, done| {
            let task: Task<f32> = Images::task(&images, &[7, 0], [examples; 2], seed)?;
            let scaling = Scaling::ntk(2.0_f64.sqrt(), 0.1_f64.sqrt());
            let network = Network::new(mlp(&[width; 5], 1, Activation::Relu, scaling), [images[0].size]);
            let theta: Vec<f32> = network.init(seed);
            let (x, z) = (&task.train_x[..], &task.test_x[..]);
            let wide = |kernel: MatRef<'_, f32>| {
                Mat::from_fn(kernel.nrows(), kernel.ncols(), |i, j| f64::from(kernel[(i, j)]))
            };
            let (ntk, limit) = (Empirical::ntk(&network), Infinite::new(&network)?);
            let [own, own_cross] = [(x, None), (z, Some(x))]
                .map(|(x, others)| wide(ntk.kernel(Kind::Trace, &theta, x, others, &threads).matrix()));
            let [limit, limit_cross] = [(x, None), (z, Some(x))]
                .map(|(x, others)| wide(limit.kernels(x, others, &threads).ntk.matrix()));

            let settings = Settings { threads: threads.clone(), ..Settings::new(RATE, steps as usize) };
            let mut model = Descent::network(&network, &theta, &task, &settings);
            let column = |values: &[f32]| Mat::from_fn(values.len(), 1, |i, _| f64::from(values[i]));
            let [f0, g0] = [Part::Train, Part::Test].map(|part| column(model.outputs(part)));
            let mut outputs = Vec::new();
            let course = Course {
                steps: steps as usize,
                records: times.iter().map(|&t| t as usize).collect(),
                batches: None,
            };
            let look = |_, models: &mut [&mut dyn Model<f32>]| {
                outputs.push(column(models[0].outputs(Part::Test)));
                ControlFlow::Continue(())
            };
            descend(&mut [&mut model], &course, look, |step| done(step as f64 / f64::from(steps)))?;

            let (y, w) = (column(&task.train_y), column(&task.test_y));
            let rate = RATE / examples as f64;
            let trainings: Vec<_> =
                times.iter().map(|&count| Training::Flow(rate * f64::from(count))).collect();
            let linear = |kernel: &Mat<f64>, cross: &Mat<f64>| {
                let form = ClosedForm::new(kernel.as_ref(), Ridge::Absolute(0.0))?;
                form.elsewhere(cross.as_ref(), g0.as_ref(), f0.as_ref(), y.as_ref(), &trainings)
            };
            let (own, limit) = (linear(&own, &own_cross)?, linear(&limit, &limit_cross)?);
            let square = |a: &Mat<f64>, b: &Mat<f64>| (a - b).squared_norm_l2() / examples as f64;
            let at = |i: usize| {
                let f = &outputs[i];
                [
                    square(f, &own[i]).sqrt(),
                    square(f, &limit[i]).sqrt(),
                    0.5 * square(f, &w),
                    0.5 * square(&own[i], &w),
                ]
            };
            Ok((0..times.len()).map(at).collect())
        },
    )?;

    let time = |i: usize| RATE * f64::from(times[i]);
    let curves = |which: usize| {
        Curves(
            found
                .iter()
                .map(|run| run.iter().enumerate().map(|(i, at)| (time(i), at[which])).collect())
                .collect(),
        )
    };
    let published = |which: usize| {
        PUBLISHED[which]
            .iter()
            .enumerate()
            .map(|(j, &value)| (RATE * f64::from(1_u32 << j), value))
            .collect::<Vec<_>>()
    };
    let least =
        |run: &Vec<[f64; 4]>, which: usize| run[3..].iter().map(|at| at[which]).fold(f64::INFINITY, f64::min);
    let mut quantities = Vec::new();
    for (which, kernel) in ["network", "infinite width"].into_iter().enumerate() {
        let all = [
            (
                "before the dip, t = 0.08",
                found.iter().map(|run| run[3][which]).collect(),
                PUBLISHED[which][3],
            ),
            ("in the dip", found.iter().map(|run| least(run, which)).collect(), PUBLISHED[which][6]),
            (
                "at the end (--full: t = 20.48)",
                found.iter().map(|run| run[run.len() - 1][which]).collect(),
                PUBLISHED[which][times.len() - 1],
            ),
        ];
        for (name, seeds, published) in all {
            let name = format!("RMSE by the kernel of {kernel}, {name}");
            quantities.push(Quantity {
                name,
                seeds,
                published: Some(published),
                within: Within::Factor(1.5),
            });
        }
    }
    let panel = |title: &str, y_label: &str, series| Panel {
        axes: Axes::Logarithmic,
        title: title.into(),
        x_label: "t".into(),
        y_label: y_label.into(),
        series,
    };
    let panels = [
        panel(
            "Distance of linear models from the network",
            "RMSE on test examples",
            vec![
                series("its own kernel", 0, Style::Solid, curves(0).mean()),
                series("the same, Lee et al.", 0, Style::Points, published(0)),
                series("infinite width", 1, Style::Dashed, curves(1).mean()),
                series("the same, Lee et al.", 1, Style::Points, published(1)),
            ],
        ),
        panel(
            "Loss",
            "½ mean square error on test examples",
            vec![
                series("network", 2, Style::Solid, curves(2).mean()),
                series("linear model", 3, Style::Dashed, curves(3).mean()),
                series("network, Lee et al.", 2, Style::Points, published(2)),
            ],
        ),
    ];
    study.finish(&panels, &quantities)
}
