//! How were the images scaled? What published losses say of it. (Lee et al. 2019, Figs 3 and S8.)
//!
//! The paper does not state it, but draws the losses of linear models that learn 256 horses and planes of CIFAR-10 by gradient
//! flow. Here such models have the kernel of infinite width, and start with the outputs of networks, of 512 units, for several
//! choices of images and networks, and three ways to scale pixels. By how many standard deviations over choices, z, are the
//! published losses off, once the mean of the outputs is learned, at t = 0.32, and later?
//!
//! Fig. S8 is of networks in standard parameterization, of which the kernel is the same but for the shares of biases and of the
//! first layer; it is held against the same models.
//!
//! `cargo run --release -p examples --example lee_images -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::prelude::*;
use examples::{
    Each, Failure, HORSES_AND_PLANES, Images, Linear, Paper, Set, Study, both_outputs, flow, mean, rms,
};
use figure::{Panel, Series};
use serde::Serialize;

const WAYS: [(&str, Option<Each>); 3] =
    [("all pixels alike", None), ("each image", Some(Each::Image)), ("each channel", Some(Each::Channel))];
const TIMES: [f64; 4] = [0.32, 1.28, 5.12, 20.48];
/// Of gradient flow on ½ the square in units of t: the paper's square has no ½.
const RATE: f64 = 2.0;

#[derive(Serialize)]
struct Point {
    each: Option<Each>,
    width: usize,
    examples: usize,
    choice: u64,
    networks: u64,
}

/// Of each network, its losses in training and on test examples at all times.
fn losses(images: &[Images; 2], point: &Point) -> Result<Vec<[Vec<f64>; 2]>, Failure> {
    let &Point { each, width, examples, choice, networks } = point;
    let threads = Threads::available();
    let task: Task<f32> = Images::task(images, &HORSES_AND_PLANES, [examples; 2], choice)?;
    let task = match each {
        Some(each) => images[0].standardise(each, task),
        None => task,
    };
    let network = flow::network(false, width, images[0].size);
    let linear = Linear::of_limit(&network, &task, &threads)?;
    let flows = TIMES.map(|t| linear.flow(RATE * t));
    let targets =
        [&task.train_y, &task.test_y].map(|y| y.iter().map(|&y| f64::from(y)).collect::<Vec<f64>>());
    let settings = Settings { threads, ..Settings::new(RATE, 0) };
    let of_network = |seed| {
        let theta = network.init(networks * choice + seed);
        let start = both_outputs(&mut Descent::network(&network, &theta, &task, &settings));
        let loss = |f: &Vec<f64>, y| 0.5 * rms(f, y).powi(2);
        let of_part = |part, y| -> Result<Vec<f64>, Failure> {
            Ok(linear.outputs(part, &start, &flows)?.iter().map(|f| loss(f, y)).collect())
        };
        Ok([of_part(Part::Train, &targets[0])?, of_part(Part::Test, &targets[1])?])
    };
    (0..networks).map(of_network).collect()
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let (width, examples, choices, networks) = study.either((512, 256, 20, 5), (64, 32, 3, 4));
    let images = study.images(Set::Cifar10)?;
    let point = |each, choice| Point { each, width, examples, choice, networks };
    let points = WAYS.iter().flat_map(|&(_, each)| (0..choices).map(move |choice| point(each, choice)));
    let found = study.measure(points, |_| 1.0, |point, _| losses(&images, point))?;

    let parts = ["training loss", "test loss"];
    let published = |figure, part: usize| Paper::Lee.curve(figure, &format!("{}, linear model", parts[part]));
    let mut panels = parts.map(|_| Vec::new());
    for (color, (way, each)) in WAYS.into_iter().enumerate() {
        let runs = found.of(|point| point.each == each);
        // Logarithms of the loss of a part at a time: their mean and standard deviation.
        let spread = |part: usize, time: usize| {
            let all: Vec<f64> =
                runs.values().flat_map(|runs| runs.iter().map(|run| run[part][time].ln())).collect();
            let mean = mean(&all);
            (mean, rms(&all, &vec![mean; all.len()]))
        };
        for figure in ["3", "S8"] {
            let mut squares = Vec::new();
            for part in 0..2 {
                for (time, t) in TIMES.into_iter().enumerate() {
                    let (mean, deviation) = spread(part, time);
                    let at = published(figure, part).into_iter().find(|point| point.0 == t);
                    squares.extend(at.map(|(_, loss)| ((loss.ln() - mean) / deviation).powi(2)));
                }
            }
            study.note(format!("Fig. {figure}, {way}: rms of z"), vec![mean(&squares).sqrt()]);
        }
        for (part, series) in panels.iter_mut().enumerate() {
            let mean = TIMES.into_iter().enumerate().map(|(time, t)| (t, spread(part, time).0.exp()));
            series.push(Series::line(way, color, mean.collect()));
        }
    }
    for (part, mut series) in panels.into_iter().enumerate() {
        for (color, figure) in [(5, "3"), (6, "S8")] {
            let points = published(figure, part).into_iter().filter(|&(t, _)| (0.3..21.0).contains(&t));
            series.push(Series::points(format!("Lee et al., Fig. {figure}"), color, points.collect()));
        }
        study.show(Panel::logarithmic(format!("Linear model, {}", parts[part]), ["t", ""], series));
    }
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_images", "How images were scaled: losses of Lee et al. 2019, Figs 3 and S8", study)
}
