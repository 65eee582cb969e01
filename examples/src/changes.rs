//! How little wide networks change while they learn. (Lee et al. 2019, Figs 1 and S6.)

use std::fmt;

use cotangent::kernels::measures::relative_change;
use cotangent::linearize::layer_change;
use cotangent::prelude::*;
use figure::{Panel, Series};
use serde::{Deserialize, Serialize};

use crate::hidden::Hidden;
use crate::{Curves, Failure, Found, HORSES_AND_PLANES, Images, Paper, Set, Study, TEN, Within};
use crate::{exponent, train, train_until};

/// A network that learns 128 images, by gradient descent on all of them at rate 1.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Of the images: ten classes of MNIST, with an output each and targets 0 and 1, or horses and planes of CIFAR-10, with one
    /// output and ±1.
    pub set: Set,
    /// Of its hidden layers.
    pub activation: &'static str,
    /// How many these are.
    pub depth: usize,
    /// σ_w², and σ_b = 0.05.
    pub variance: f64,
    /// Of its layers.
    pub width: usize,
    /// Of the network, and of the choice of images.
    pub seed: u64,
    /// Without momentum; then as many with momentum 0.95, and half as many again with 0.99: the end.
    pub steps: usize,
}

/// ‖· − ·₀‖/‖·₀‖
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changes {
    /// Of the parameters of each layer.
    pub layers: Vec<f64>,
    /// Of the tangent kernel Θ̂, between all outputs: a mean over them changes 0.3 to 0.6 times as much.
    pub ntk: f64,
    /// Of the covariance K of the last hidden layer.
    pub nngp: f64,
}

/// After how many steps without momentum they are looked at.
fn records(steps: usize) -> Vec<usize> {
    [1, 16, 256].into_iter().filter(|&count| count < steps).chain([steps]).collect()
}

/// "3 relu layers"
impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { activation, depth, .. } = self;
        write!(f, "{depth} {activation} layer{}", if *depth == 1 { "" } else { "s" })
    }
}

impl Point {
    /// What it takes: operations but for a factor.
    pub fn cost(&self) -> f64 {
        (self.width * ((self.depth - 1) * self.width + 2000)) as f64
    }

    /// Trains the network, and measures what it has changed after 1, 16 and 256 steps, and in the end. The loss is half the mean
    /// square over examples and outputs.
    ///
    /// # Errors
    /// If there are not so many images, or training diverges.
    pub fn changes(&self, images: &[Images; 2], done: &dyn Fn(f64)) -> Result<Vec<Changes>, Failure> {
        let &Self { set, activation, depth, variance, width, seed, steps } = self;
        let threads = Threads::available();
        let (classes, outputs) = match set {
            Set::Mnist => (&TEN[..], 10),
            Set::Cifar10 => (&HORSES_AND_PLANES[..], 1),
        };
        let task: Task<f32> = Images::task(images, classes, [128, 1], seed)?;
        let scaling = Scaling::ntk(variance.sqrt(), 0.05);
        let hidden = Hidden::new(images[0].size, [depth, width], outputs, &activation.parse()?, scaling);
        let network = &hidden.network;
        let theta: Vec<f32> = network.init(seed);
        let before = hidden.kernels(&theta, &task.train_x, &threads);
        let changes = |trained: &[f32]| {
            let after = hidden.kernels(trained, &task.train_x, &threads);
            let [ntk, nngp] = [0, 1].map(|i| relative_change(after[i].matrix(), before[i].matrix()));
            let layers = layer_change(network.parameters(), &theta, trained);
            Changes { layers: layers.into_iter().map(|(_, change)| change).collect(), ntk, nngp }
        };
        let objective = Objective { loss: Loss::Squared, over: Over::Outputs };
        let settings = Settings { objective, threads: threads.clone(), ..Settings::new(1.0, steps) };
        let mut model = Descent::network(network, &theta, &task, &settings);
        let mut found = Vec::new();
        train_until(&mut model, &records(steps), &|part| done(part / 3.0), |model| {
            found.push(changes(&model.parameters().expect("a network has parameters")));
        })?;
        // From the beginning on, momentum would throw networks about. What is left to learn now is slow.
        let mut trained = model.point().to_vec();
        for (stage, steps, momentum) in [(1.0, steps, 0.95), (2.0, steps + steps / 2, 0.99)] {
            let settings = Settings { optimiser: Optimiser::HeavyBall { momentum }, ..settings.clone() };
            let mut model = Descent::network(network, &trained, &task, &settings);
            train(&mut model, steps, &|part| done((stage + part) / 3.0))?;
            trained = model.point().to_vec();
        }
        found.push(changes(&trained));
        Ok(found)
    }
}

impl Found<Point, Vec<Changes>> {
    /// Holds slopes of so many layers of an activation against those of the published points of the same widths: of layers from
    /// the first width up, of kernels from the second; and shows how they change.
    ///
    /// # Panics
    /// If there is no such network.
    #[track_caller]
    pub fn against(
        &self,
        study: &mut Study,
        figure: &str,
        (activation, depth): (&str, usize),
        [layers, kernels]: [f64; 2],
    ) {
        let mine = self.of(|point| (point.activation, point.depth) == (activation, depth));
        let (network, steps) =
            mine.0.first().map(|(of, _)| (of.to_string(), of.steps)).expect("such a network");
        let times = records(steps);
        let mut panel = |what: &str, first: f64, near: f64, curves: Vec<(String, Curves)>| {
            let mut shown = Vec::new();
            for (color, (name, curves)) in curves.into_iter().enumerate() {
                let paper = Paper::Lee.curve(figure, &format!("{name}, {network}"));
                let mean = curves.mean();
                let widths = |curve: &[(f64, f64)]| [curve[0].0, curve[curve.len() - 1].0];
                let ([ours, last], [theirs, _]) = (widths(&mean), widths(&paper));
                let first = first.max(ours).max(theirs);
                let same = paper.iter().copied().filter(|point| (first..=last).contains(&point.0));
                let slope = exponent(&same.collect::<Vec<_>>());
                let what = format!("slope, {network}, n ≥ {first}: {name}");
                study.hold(what, curves.slopes(first), slope, Within::Absolute(near));
                let height = paper.iter().filter(|point| point.0 == last).map(|point| point.1);
                let what = format!("{network}, n = {last}: {name}");
                height.for_each(|height| study.hold(&what, curves.at(last), height, Within::Factor(1.5)));
                shown.push(Series::line(name, color, mean));
                shown.push(Series::points("", color, paper));
            }
            let title = format!("{what}, {network} (points: paper)");
            study.show(Panel::logarithmic(title, ["width n", "relative change"], shown));
        };

        let curves = |time: usize, of: &dyn Fn(&Changes) -> f64| {
            mine.curves(|point, changes| [(point.seed, point.width as f64, of(&changes[time]))])
        };
        let layer = |l: usize| {
            let name = match l {
                0 => "layer input".into(),
                l if l == depth => "layer output".into(),
                l => format!("layer {}", l + 1),
            };
            (name, curves(times.len(), &|changes| changes.layers[l]))
        };
        let names = times.iter().map(|count| format!("Θ̂ at step {count}")).chain(["Θ̂ at the end".into()]);
        let ntk = names.enumerate().map(|(time, name)| (name, curves(time, &|changes| changes.ntk)));
        panel("Layers", layers, 0.08, (0..=depth).map(layer).collect());
        panel("Tangent kernel", kernels, 0.1, ntk.collect());
        let nngp = ("K at the end".into(), curves(times.len(), &|changes| changes.nngp));
        panel("Covariance", kernels, 0.1, vec![nngp]);
    }
}
