//! How little other wide networks change while they learn. (Lee et al. 2019, Fig. S6.)
//!
//! As Fig. 1 (`lee_fig1`): one hidden relu layer learns 128 images of two classes of CIFAR-10, and three hidden tanh layers learn 128
//! digits of MNIST. In the paper, one layer goes to a width of 2¹⁴ and 2¹⁶ steps, here 2¹²; three layers to 2¹², here 2¹¹.
//!
//! The paper leaves open the classes, here horses and planes with one output, and for one relu layer σ_w², here 1.5: with it, at
//! infinite width, both of its layers move as far as they do in the paper at width 2¹⁴.
//!
//! `cargo run --release -p examples --example lee_fig_s6 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use examples::changes::Point;
use examples::{Failure, Set, Study};

fn study(study: &mut Study) -> Result<(), Failure> {
    let (widths, seeds, steps) = study.either(([4..13, 4..12], 3, 256), ([4..8, 4..8], 2, 16));
    let images = [study.images(Set::Cifar10)?, study.images(Set::Mnist)?];
    let networks = [(Set::Cifar10, "relu", 1, 1.5), (Set::Mnist, "tanh", 3, 1.0)];
    let points = networks.into_iter().zip(widths).flat_map(|((set, activation, depth, variance), logs)| {
        let point =
            move |seed, log: i32| Point { set, activation, depth, variance, width: 1 << log, seed, steps };
        (0..seeds).flat_map(move |seed| logs.clone().map(move |log| point(seed, log)))
    });
    let found = study.measure(points, Point::cost, |point, done| {
        let of_set = match point.set {
            Set::Cifar10 => &images[0],
            Set::Mnist => &images[1],
        };
        point.changes(of_set, done)
    })?;
    found.against(study, "S6", ("relu", 1), [16.0; 2]);
    found.against(study, "S6", ("tanh", 3), study.either([256.0, 64.0], [16.0; 2]));
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_fig_s6", "Changes of other networks in training: Lee et al. 2019, Fig. S6", study)
}
