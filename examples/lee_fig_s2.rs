//! A convolutional network and its linear model under momentum. (Lee et al. 2019, Fig. S2.)
//!
//! Three convolutions of 3 × 3 with tanh, the mean over all pixels, and a readout, σ_w² = 2, σ_b² = 0.1, learn 128 images of two
//! classes of CIFAR-10 by gradient descent on all of them at rate 0.1, momentum 0.9, on the mean of ½ (f − y)². Its linear model makes
//! the same steps. Shown are the root mean square of the difference of their outputs on 128 test images, and the losses of both.
//!
//! The paper has 512 channels and 4096 steps, which take 16 000 times the operations of 32 channels and 64 steps. `--full` has 32
//! to 128, and 64 steps, to show where they tend; one of 32 goes to the end in Fig. S5 (`lee_fig_s5_conv`). Published times are
//! 1.265 · 2ʲ = √η · 2ʲ⁺²: time is √η times the number of steps, as in the continuous limit of momentum, and the first point is
//! that after 4 steps.
//!
//! The paper leaves open the scale of the inputs (here that of Fig. 3), the padding (here zeros, so that the size is kept), and
//! whether the pooling is over all pixels, as here.
//!
//! `cargo run --release -p examples --example lee_fig_s2 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use examples::convolutional::Point;
use examples::{Failure, Paper, Set, Study, Within};
use figure::{Panel, Series};

fn main() -> ExitCode {
    examples::run("lee_fig_s2", "A convolutional network under momentum: Lee et al. 2019, Fig. S2", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (channels, steps) = study.either(([32, 64, 128], 64), ([4, 8, 16], 128));
    let (examples, image, seeds) = study.either((128, [32, 32, 3], 3), (32, [8, 8, 1], 2));
    let images = study.images(Set::Cifar10)?;
    let points = (0..seeds).flat_map(|seed| {
        let (residual, rate) = (false, 0.1);
        channels.map(|channels| Point { residual, channels, rate, steps, seed, image, examples })
    });
    let records: Vec<usize> = (2..=steps.ilog2()).map(|log| 1 << log).collect();
    let cost = |point: &Point| (point.channels * (point.channels + 16)) as f64;
    let found = study.measure(points, cost, |point, done| point.follow(&images, &records, done))?;

    let published =
        ["RMSE", "loss, network", "loss, linear model"].map(|curve| Paper::Lee.curve("S2", curve));
    let of_channels = |channels: usize, what: usize| {
        found
            .of(|p| p.channels == channels)
            .curves(|p, run| published[0].iter().zip(*run).map(move |((t, _), now)| (p.seed, *t, now[what])))
    };
    // Where they tend, and at 512 channels what the paper has.
    for record in [1, 3, 4] {
        let curves = found.curves(|p, run| [(p.seed, p.channels as f64, run[record][0])]);
        let (t, value) = published[0][record];
        let name = format!("RMSE at t = {t:.1}, extrapolated to 512 channels");
        study.hold(name, curves.extrapolated(512.0), value, Within::Factor(2.0));
        let name = format!("slope of RMSE against channels at t = {t:.1}");
        study.note(name, curves.slopes(0.0));
    }
    let mut distances: Vec<Series> = Vec::new();
    for (i, channels) in channels.into_iter().enumerate() {
        let curve = of_channels(channels, 0).mean();
        distances.push(Series::line(format!("{channels} channels"), i, curve));
    }
    distances.push(Series::points("512, Lee et al.", 6, published[0].clone()));
    let [network, linear] = [1, 2].map(|what| of_channels(channels[2], what));
    let losses = vec![
        Series::line("network", 0, network.mean()),
        Series::dashed("linear model", 1, linear.mean()),
        Series::points("network, Lee et al.", 0, published[1].clone()),
        Series::points("linear model, Lee et al.", 1, published[2].clone()),
    ];
    let title = format!("Learning, {} channels", channels[2]);
    study.show(Panel::logarithmic("Distance of the linear model", ["t", "RMSE on test images"], distances));
    study.show(Panel::logarithmic(title, ["t", "loss"], losses));
    Ok(())
}
