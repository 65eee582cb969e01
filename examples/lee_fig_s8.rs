//! A wide network in standard parameterization and its linear model, all along training. (Lee et al. 2019, Fig. S8.)
//!
//! The network and the images of Fig. 3 (`lee_fig3`), with the linear model that has the network's own kernel. The paper goes on to
//! t = 330, here t = 5.12 is the end. Its rate is 0.02/2048 by its curves, by its caption 0.005/2048; t is 0.01 times the steps.
//!
//! `cargo run --release -p examples --example lee_fig_s8 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use examples::flow::Point;
use examples::{Failure, Set, Study};

fn study(study: &mut Study) -> Result<(), Failure> {
    let (width, examples, steps, seeds) = study.either((2048, 256, 512, 3), (128, 32, 256, 2));
    let images = study.images(Set::Cifar10)?;
    // On ½ the square: the paper's have no ½.
    let rate = 2.0 * 0.02 / width as f64;
    let points = (0..seeds).map(|seed| Point { standard: true, width, examples, rate, steps, seed });
    let found = study.measure(points, |_| 1.0, |point, done| point.follow(&images, done))?;
    found.against(study, "S8");
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_fig_s8", "In standard parameterization: Lee et al. 2019, Fig. S8", study)
}
