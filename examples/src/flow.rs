//! A network and its linear models, all along training. (Lee et al. 2019, Figs 3 and S8.)

use cotangent::prelude::*;
use figure::{Panel, Series};
use serde::{Deserialize, Serialize};

use crate::{Each, Failure, Found, HORSES_AND_PLANES, Images, Linear, Paper, Study, Within};
use crate::{both_outputs, rms, train_until};

/// Time that passes in a step.
const UNIT: f64 = 0.01;

/// A network of five hidden relu layers, σ_w² = 2, σ_b² = 0.1, and how it is trained.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Its parameterization: standard or NTK.
    pub standard: bool,
    /// Of its layers.
    pub width: usize,
    /// Images of two classes, and as many to test on.
    pub examples: usize,
    /// Of gradient descent on ½ the mean square error.
    pub rate: f64,
    /// Of that.
    pub steps: usize,
    /// Of the network, and of the choice of images.
    pub seed: u64,
}

/// What they are at one time: first the network and then the linear model with its own kernel, where there are two.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// The time.
    pub t: f64,
    /// The root mean square of f − f_lin with its own kernel, and in NTK parameterization with that of infinite width.
    pub distances: Vec<f64>,
    /// ½ the mean square error.
    pub test_loss: [f64; 2],
    /// A few outputs on test examples.
    pub outputs: [Vec<f64>; 2],
    /// How far a weight of the first, the middle and the last layer has moved.
    pub moved: [Vec<f64>; 2],
}

/// Such a network.
pub fn network(standard: bool, width: usize, inputs: usize) -> Network {
    let [w, b] = [2_f64.sqrt(), 0.1_f64.sqrt()];
    let scaling = if standard { Scaling::standard(w, b) } else { Scaling::ntk(w, b) };
    Network::new(mlp(&[width; 5], 1, Activation::Relu, scaling), [inputs])
}

impl Point {
    /// Trains the network by steps, and linear models that start with the same outputs by gradient flow, as in Eqs 8 to 11; at 1, 2, 4, …
    /// steps.
    ///
    /// # Errors
    /// If there are not so many images, or training diverges.
    pub fn follow(&self, images: &[Images; 2], done: &dyn Fn(f64)) -> Result<Vec<Moment>, Failure> {
        let &Self { standard, width, examples, rate, steps, seed } = self;
        let threads = Threads::available();
        let task: Task<f32> = Images::task(images, &HORSES_AND_PLANES, [examples; 2], seed)?;
        let task = images[0].standardise(Each::Channel, task);
        let network = network(standard, width, images[0].size);
        let theta: Vec<f32> = network.init(seed);
        let mut linear = vec![Linear::of_network(&network, &theta, &task, &threads)?];
        if !standard {
            linear.push(Linear::of_limit(&network, &task, &threads)?);
        }

        let records: Vec<usize> = (0..=steps.ilog2()).map(|log| 1 << log).collect();
        let settings = Settings { threads: threads.clone(), ..Settings::new(rate, 0) };
        let mut model = Descent::network(&network, &theta, &task, &settings);
        let start = both_outputs(&mut model);
        let flows: Vec<_> = records.iter().map(|&step| linear[0].flow(step as f64 * rate)).collect();
        let outputs = linear.iter().map(|linear| linear.outputs(Part::Test, &start, &flows));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        let jacobian = Linearized::of_network(&network, examples).at(&theta, &task.train_x, &threads);
        let alphas = linear[0].dual(&start, &flows)?;

        let tensors = network.parameters().tensors().iter();
        let weights: Vec<usize> = tensors.map(|tensor| tensor.range.start).step_by(4).collect();
        let of_weights = |moved: &dyn Fn(usize) -> f32| weights.iter().map(|&i| moved(i).into()).collect();
        let targets: Vec<f64> = task.test_y.iter().map(|&y| y.into()).collect();
        let mut delta = vec![0.0; theta.len()];
        let mut moments = Vec::<Moment>::new();
        train_until(&mut model, &records, done, |model| {
            let i = moments.len();
            let now = model.parameters().expect("a network has parameters");
            let moved = of_weights(&|i| now[i] - theta[i]);
            let alpha: Vec<f32> = alphas[i].iter().map(|&alpha| alpha as f32).collect();
            jacobian.apply_transpose(&alpha, &mut delta);
            let f = model.outputs(Part::Test);
            moments.push(Moment {
                t: records[i] as f64 * UNIT,
                distances: outputs.iter().map(|linear| rms(f, &linear[i])).collect(),
                test_loss: [rms(f, &targets), rms(&outputs[0][i], &targets)].map(|rms| 0.5 * rms * rms),
                outputs: [f[..4].iter().map(|&f| f.into()).collect(), outputs[0][i][..4].to_vec()],
                moved: [moved, of_weights(&|i| delta[i])],
            });
        })?;
        Ok(moments)
    }
}

impl Found<Point, Vec<Moment>> {
    /// Holds distances against the figure of this name, and shows them and losses.
    pub fn against(&self, study: &mut Study, figure: &str) {
        let last = self.0.iter().map(|(point, _)| point.steps).max().unwrap_or(0) as f64 * UNIT;
        let curves = |of: &dyn Fn(&Moment) -> f64| {
            self.curves(|point, run| run.iter().map(|at| (point.seed, at.t, of(at))).collect::<Vec<_>>())
        };
        let paper = |curve: &str| {
            let points = Paper::Lee.curve(figure, curve).into_iter();
            points.take_while(|point| point.0 < 1.01 * last).collect::<Vec<_>>()
        };
        let losses = vec![
            Series::line("network", 0, curves(&|at| at.test_loss[0]).mean()),
            Series::dashed("linear model", 1, curves(&|at| at.test_loss[1]).mean()),
            Series::points("network, Lee et al.", 0, paper("test loss")),
        ];
        study.show(Panel::logarithmic("Loss on test examples", ["t", ""], losses));
        let mut distances = Vec::new();
        let kernels = self.0.iter().flat_map(|(_, run)| run).map(|at| at.distances.len()).min().unwrap_or(0);
        for (kernel, of) in ["own kernel", "infinite width"].into_iter().enumerate().take(kernels) {
            let (found, paper) = (curves(&|at| at.distances[kernel]), paper(&format!("RMSE, {of}")));
            for (j, when) in [(3, "t = 0.08"), (6, "dip, t = 0.64"), (9, "t = 5.12"), (11, "t = 20.48")] {
                if let Some(&(_, published)) = paper.get(j) {
                    let seeds = found.0.iter().map(|curve| curve[j].1).collect();
                    study.hold(format!("RMSE, {of}, {when}"), seeds, published, Within::Factor(1.5));
                }
            }
            distances.push(Series::line(of, kernel, found.mean()));
            distances.push(Series::points("Lee et al.", kernel, paper));
        }
        study.show(Panel::logarithmic("RMSE of f − f_lin", ["t", ""], distances));
    }
}
