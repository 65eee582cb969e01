//! How little wide networks change while they learn. (Lee et al. 2019, Fig. 1.)
//!
//! Three hidden relu layers learn 128 digits of MNIST by gradient descent on all of them at rate 1. Relative to where they began,
//! input and output weights change like width^{−1/2}, others like 1/width, and the tangent kernel Θ̂ and the covariance K of the last
//! hidden layer nearly like 1/width.
//!
//! The paper trains for 2¹⁷ steps. Here networks come near its end by momentum: 256 steps without it, 256 with 0.95 and 384 with 0.99
//! do to a linear model about what 2¹⁵ to 2¹⁶ steps do.
//!
//! The paper leaves open σ_w, σ_b, the number of outputs, and what the loss is a mean over. Here σ_w = 1, σ_b = 0.05, ten outputs of
//! targets 0 and 1, and a mean over examples and outputs: with these, the four layers move as far at infinite width as they do in the
//! paper at width 4096. Θ̂ is the matrix between all outputs: it changes by as much as the paper's, its mean over outputs by less.
//!
//! `cargo run --release -p examples --example lee_fig1 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use examples::changes::Point;
use examples::{Failure, Set, Study};

fn study(study: &mut Study) -> Result<(), Failure> {
    let (widths, seeds, steps) = study.either((4..13, 3, 256), (4..8, 2, 16));
    let images = study.images(Set::Mnist)?;
    let points = (0..seeds).flat_map(|seed| {
        widths.clone().map(move |log| Point {
            set: Set::Mnist,
            activation: "relu",
            depth: 3,
            variance: 1.0,
            width: 1 << log,
            seed,
            steps,
        })
    });
    let found = study.measure(points, Point::cost, |point, done| point.changes(&images, done))?;
    found.against(study, "1", ("relu", 3), study.either([256.0, 64.0], [16.0; 2]));
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_fig1", "Changes of weights and kernels in training: Lee et al. 2019, Fig. 1", study)
}
