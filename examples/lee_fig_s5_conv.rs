//! How far trained convolutional and residual networks are from their linear models. (Lee et al. 2019, Fig. S5, the other panes.)
//!
//! The network of Fig. S2, four layers with the readout, and a wide residual network of depth 10 (Table S1) learn 128 images of two
//! classes of CIFAR-10 by gradient descent on all of them with momentum 0.9; their linear models make the same steps. Shown is the
//! root mean square of the difference on other images, after some steps.
//!
//! The paper leaves open the data, the activation, the rate and how long is trained, and does not speak of momentum here. That its
//! convolutional networks of four layers are those of Fig. S2 is what their curve says: at 512 channels it is 0.2385, and Fig. S2
//! ends with 0.238. Here the rate is 0.4, four times that of Fig. S2, and a fourth of its steps are made, by which slow
//! directions get as far. Residual networks make an eighth of that, to save time. In place of batch normalisation, each image is
//! normalised by itself, so that outputs are functions of one image.
//!
//! `cargo run --release -p examples --example lee_fig_s5_conv -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use examples::convolutional::Point;
use examples::{Failure, Paper, Set, Study, Within, exponent};
use figure::{Panel, Series};

fn main() -> ExitCode {
    examples::run("lee_fig_s5_conv", "Convolutional networks after training: Lee et al. 2019, Fig. S5", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (channels, steps, examples, image, seeds) =
        study.either(([8, 32], [1024, 128], 128, [32, 32, 3], 3), ([4, 8], [64, 64], 32, [8, 8, 1], 2));
    let images = study.images(Set::Cifar10)?;
    let points = (0..seeds).flat_map(|seed| {
        let of = move |(residual, steps)| {
            channels.map(|channels| Point { residual, channels, rate: 0.4, steps, seed, image, examples })
        };
        [false, true].into_iter().zip(steps).flat_map(of)
    });
    let records = |steps: usize| [steps / 16, steps / 4, steps];
    let cost = |point: &Point| (point.steps * (point.channels + 8)) as f64;
    let follow = |point: &Point, done: &dyn Fn(f64)| point.follow(&images, &records(point.steps), done);
    let found = study.measure(points, cost, follow)?;

    for (residual, name) in [(false, "CNN, 4 layers"), (true, "WRN, depth 10")] {
        let mine = found.of(|point| point.residual == residual);
        let after = |record: usize| mine.curves(|p, run| [(p.seed, p.channels as f64, run[record][0])]);
        let published = Paper::Lee.curve("S5", name);
        let (least, value) = published[0];
        let title = format!("{name}: RMSE with {least} channels");
        study.hold(title, after(2).at(least), value, Within::Factor(2.0));
        let title = format!("{name}: slope");
        study.hold(title, after(2).slopes(0.0), exponent(&published), Within::Absolute(0.15));
        let of = |(i, count)| Series::line(format!("{count} steps"), i, after(i).mean());
        let records = records(steps[usize::from(residual)]);
        let mut curves: Vec<Series> = records.into_iter().enumerate().map(of).collect();
        curves.push(Series::points("Lee et al.", 6, published));
        study.show(Panel::logarithmic(name, ["channels", "RMSE of f − f_lin"], curves));
    }
    Ok(())
}
