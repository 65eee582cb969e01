//! How little wide networks change while they learn. (Lee et al. 2019, Figs 1 and S6.)

use std::fmt;

use cotangent::kernels::measures::relative_change;
use cotangent::linearize::layer_change;
use cotangent::prelude::*;
use figure::{Panel, Series};
use serde::{Deserialize, Serialize};

use crate::{Curves, Failure, Found, HORSES_AND_PLANES, Images, Paper, Study, TEN, Within};
use crate::{exponent, train, train_until};

/// A network that learns 128 images, by gradient descent on all of them at rate 1.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Of its hidden layers.
    pub activation: &'static str,
    /// How many these are.
    pub depth: usize,
    /// σ_w², and σ_b = 0.05.
    pub variance: f64,
    /// Ten, with targets 0 and 1, for ten classes, or one, ±1, for two.
    pub outputs: usize,
    /// Of its layers.
    pub width: usize,
    /// Of the network, and of the choice of images.
    pub seed: u64,
    /// Without momentum. As many with momentum 0.95 follow and half as many again with 0.99, which are the end.
    pub steps: usize,
}

/// ‖· − ·₀‖/‖·₀‖
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changes {
    /// Of the parameters of each layer.
    pub layers: Vec<f64>,
    /// Of the tangent kernel Θ̂.
    pub ntk: f64,
    /// Of the covariance K of the last hidden layer.
    pub nngp: f64,
}

/// After how many steps they are looked at; and in the end.
fn records(steps: usize) -> impl Iterator<Item = usize> {
    [1, 16, 256].into_iter().filter(move |&count| count <= steps)
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

    /// Trains the network, and measures what it has changed after each of the records, and in the end. Half of the loss is the
    /// mean square over examples and outputs.
    ///
    /// # Errors
    /// If there are not so many images, or training diverges.
    pub fn changes(&self, images: &[Images; 2], done: &dyn Fn(f64)) -> Result<Vec<Changes>, Failure> {
        let &Self { activation, depth, variance, outputs, width, seed, steps } = self;
        let threads = Threads::available();
        let classes = if outputs == 1 { &HORSES_AND_PLANES[..] } else { &TEN };
        let task: Task<f32> = Images::task(images, classes, [128, 1], seed)?;
        let activation: Activation = activation.parse()?;
        let scaling = Scaling::ntk(variance.sqrt(), 0.05);
        let layer = |body: Serial, _| body.then(Dense { width, scaling }).then(activation.clone());
        let body = || (0..depth).fold(Serial::new(), layer);
        let network = Network::new(body().then(Dense { width: outputs, scaling }), [images[0].size]);
        let units = Network::new(body(), [images[0].size]);
        let kernels = |theta: &[f32]| {
            let of_units = &theta[..units.parameters().len()];
            [(Empirical::ntk(&network), theta), (Empirical::nngp(&units), of_units)]
                .map(|(kernel, theta)| kernel.kernel(Kind::Trace, theta, &task.train_x, None, &threads))
        };

        let theta: Vec<f32> = network.init(seed);
        let before = kernels(&theta);
        let changes = |trained: &[f32]| {
            let after = kernels(trained);
            let [ntk, nngp] = [0, 1].map(|i| relative_change(after[i].matrix(), before[i].matrix()));
            let layers = layer_change(network.parameters(), &theta, trained);
            Changes { layers: layers.into_iter().map(|(_, change)| change).collect(), ntk, nngp }
        };
        let objective = Objective { loss: Loss::Squared, over: Over::Outputs };
        let settings = Settings { objective, threads: threads.clone(), ..Settings::new(1.0, steps) };
        let mut model = Descent::network(&network, &theta, &task, &settings);
        let mut found = Vec::new();
        train_until(&mut model, &records(steps).collect::<Vec<_>>(), &|part| done(part / 3.0), |model| {
            found.push(changes(&model.parameters().expect("a network has parameters")));
        })?;
        // From the beginning on, momentum would throw networks about. What is left to learn now is slow.
        let mut trained = model.point().to_vec();
        for (stage, steps, momentum) in [(1.0, steps, 0.95), (2.0, steps + steps / 2, 0.99)] {
            let settings = Settings { optimiser: Optimiser::HeavyBall { momentum }, ..settings.clone() };
            let mut model = Descent::network(&network, &trained, &task, &settings);
            train(&mut model, steps, &|part| done((stage + part) / 3.0))?;
            trained = model.point().to_vec();
        }
        found.push(changes(&trained));
        Ok(found)
    }
}

impl Found<Point, Vec<Changes>> {
    /// Holds slopes of a network against those of the published points: of layers from a width of `layers` up, of kernels from
    /// `kernels` up. Shows how they change.
    pub fn against(&self, study: &mut Study, figure: &str, network: &str, [layers, kernels]: [f64; 2]) {
        let mine = self.of(|point| point.to_string() == network);
        let Some(&(&Point { depth, steps, .. }, _)) = mine.0.first() else { return };
        let ends = records(steps).count();
        let mut panel = |what: &str, first: f64, near: f64, curves: Vec<(String, Curves)>| {
            let mut shown = Vec::new();
            for (color, (name, curves)) in curves.into_iter().enumerate() {
                let paper = Paper::Lee.curve(figure, &format!("{name}, {network}"));
                let mean = curves.mean();
                let last = mean.last().map_or(0.0, |point| point.0);
                let same = paper.iter().copied().filter(|point| (first..=last).contains(&point.0));
                let slope = exponent(&same.collect::<Vec<_>>());
                let what = format!("slope, {network}, n ≥ {first}: {name}");
                study.hold(what, curves.slopes(first), slope, Within::Absolute(near));
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
            (name, curves(ends, &|changes| changes.layers[l]))
        };
        let times = records(steps).map(|count| format!("Θ̂ at step {count}")).chain(["Θ̂ at the end".into()]);
        let ntk = times.enumerate().map(|(time, name)| (name, curves(time, &|changes| changes.ntk)));
        panel("Layers", layers, 0.08, (0..=depth).map(layer).collect());
        panel("Tangent kernel", kernels, 0.1, ntk.collect());
        panel(
            "Covariance",
            kernels,
            0.1,
            vec![("K at the end".into(), curves(ends, &|changes| changes.nngp))],
        );
    }
}
