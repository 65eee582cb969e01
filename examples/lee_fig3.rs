//! A wide network and its linear models, all along training. (Lee et al. 2019, Fig. 3.)
//!
//! Five hidden relu layers of 2048 units, σ_w² = 2, σ_b² = 0.1, learn 256 images of two classes of CIFAR-10 by gradient descent at rate
//! 0.01 on the mean square error, in NTK parameterization. Linear models in closed form start with the same outputs: with the
//! tangent kernel of the network, and with that of infinite width. The paper goes on to t = 330; nearly all of the shape is there
//! at t = 20.
//!
//! Not stated in the paper, but in its curves: each channel of each image has mean 0 and variance 1 (`lee_images`), the gradient is
//! that of the square without ½, and t is 0.01 times the steps.
//!
//! Linear models follow gradient flow, as in Eqs 8 to 11, and networks make steps: the bump of the published curves at t < 0.3
//! is the difference of these two along the first eigenvector. With linear models that make steps too, it is not there.
//!
//! `cargo run --release -p examples --example lee_fig3 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use examples::flow::{Moment, Point};
use examples::{Failure, Set, Study};
use figure::{Axis, Panel, Series};

fn study(study: &mut Study) -> Result<(), Failure> {
    let (width, examples, steps, seeds) = study.either((2048, 256, 2048, 3), (128, 32, 256, 2));
    let images = study.images(Set::Cifar10)?;
    // On ½ the square: the paper's have no ½.
    let rate = 2.0 * 0.01;
    let points = (0..seeds).map(|seed| Point { standard: false, width, examples, rate, steps, seed });
    let found = study.measure(points, |_| 1.0, |point, done| point.follow(&images, done))?;

    let first = &found.0[0].1;
    let mut pairs = |title, of: fn(&Moment) -> &[Vec<f64>; 2]| {
        let curve = |model: usize, k: usize| first.iter().map(|at| (at.t, of(at)[model][k])).collect();
        let label = |k, label| if k == 0 { label } else { "" };
        let pair = |k| {
            [
                Series::line(label(k, "network"), k, curve(0, k)),
                Series::dashed(label(k, "linear model"), k, curve(1, k)),
            ]
        };
        let all = (0..of(&first[0])[0].len()).flat_map(pair).collect();
        study.show(Panel::new(title, [Axis::logarithmic("t"), Axis::linear("")], all));
    };
    pairs("Four outputs on test examples", |at| &at.outputs);
    pairs("Movements of three weights", |at| &at.moved);
    found.against(study, "3");
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_fig3", "A network and its linear models in time: Lee et al. 2019, Fig. 3", study)
}
