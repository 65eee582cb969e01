//! A network and its linearization, trained side by side.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use autodiff::{Plan, Real, Threads, Workspace};
use kernels::measures::relative_change;
use kernels::{Empirical, Kernel, Kind, Tiles, largest_eigenvalue};
use linearize::{Jacobian, LinearModel, Linearized, Remainder, tangent_change, weight_change};
use nets::Network;

use crate::descend::{Course, Exploded, descend};
use crate::expected::expected_losses;
use crate::linear::Way;
use crate::model::{Descent, Model, Part};
use crate::schedule::log_spaced;
use crate::settings::{Settings, Task};

/// A figure for the network and for its linear model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The network's.
    pub network: f64,
    /// The linear model's.
    pub linear: f64,
}

/// What is known after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// How many steps were made.
    pub step: usize,
    /// The objective over the training examples.
    pub loss_train: Pair,
    /// The same over the test examples.
    pub loss_test: Pair,
    /// The objective that networks of infinite width are expected to have, over the training and the test examples, where that
    /// is known: see [`expected_losses`](crate::expected_losses).
    pub loss_infinite: Option<[f64; 2]>,
    /// The fraction of training examples whose largest output is that of their class.
    pub accuracy_train: Pair,
    /// The same over the test examples.
    pub accuracy_test: Pair,
    /// The root mean square of f − f_lin over all outputs of the training examples.
    pub rmse_train: f64,
    /// The same over the test examples.
    pub rmse_test: f64,
    /// ‖θ_t − θ₀‖/‖θ₀‖ of each parameter tensor of the network.
    pub weight_change: Vec<f64>,
    /// ‖J(θ_t) v − J(θ₀) v‖/‖J(θ₀) v‖ on the training examples, for one v that is drawn as θ₀ is.
    pub tangent_change: f64,
    /// ‖Θ_t − Θ₀‖_F/‖Θ₀‖_F of the network's tangent kernel (its mean over outputs) between the first 32 training
    /// examples, or all if they are fewer.
    pub kernel_change: f64,
}

/// How many examples the tangent kernel is watched on, at most.
const WATCHED: usize = 32;

/// A finished comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Records at log-spaced steps, from 0 to the last.
    pub records: Vec<Record>,
    /// How the linear model was trained.
    pub linear: Way,
    /// The learning rate at the first step.
    pub rate: f64,
    /// The largest learning rate at which the linear model converges: see [`Settings::stable_rate`].
    pub stable_rate: f64,
    /// ‖f − f_lin‖ over the training examples on the way from θ₀ straight to where the network was trained to.
    pub remainder: Remainder,
}

/// Training diverged: a loss was not finite, or exceeded a million times the initial one.
#[derive(Clone, Debug)]
pub struct Diverged {
    /// After how many steps.
    pub step: usize,
    /// The learning rate at the first step.
    pub rate: f64,
    /// The largest learning rate at which the linear model converges.
    pub stable_rate: f64,
    /// What was recorded before.
    pub records: Vec<Record>,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, rate, stable_rate, .. } = self;
        write!(
            f,
            "training diverged at step {step} with learning rate {rate}: the largest stable one is {stable_rate:.4}"
        )
    }
}

impl std::error::Error for Diverged {}

/// Trains `network` and its linearization at `theta` side by side, as `settings` say, and calls `progress` with the number of
/// steps made from time to time.
///
/// # Errors
/// If either diverges.
///
/// # Panics
/// If the tables of `task` do not divide into examples of the network, or `theta` is not its parameters.
pub fn compare<T: Real>(
    network: &Network,
    theta: &[T],
    task: &Task<T>,
    settings: &Settings,
    progress: impl FnMut(usize) + Send,
) -> Result<Comparison, Diverged> {
    let threads = settings.threads.clone();
    threads.install(|| Run::new(network, theta, task, settings).train(progress))
}

/// The seed of the direction in which changes of the Jacobian are watched.
const DIRECTION: u64 = u64::MAX;

/// Both models and what they are measured with.
struct Run<'a, T: Real> {
    network: &'a Network,
    origin: &'a [T],
    task: &'a Task<T>,
    settings: Settings,
    stable_rate: f64,
    jacobians: [Arc<Jacobian<T>>; 2],
    /// The Jacobian where the network was last recorded.
    now: Jacobian<T>,
    ntk: TangentKernel<'a, T>,
    direction: Vec<T>,
    /// J(θ₀) times the direction.
    along: Vec<T>,
    losses: [Loss<T>; 2],
}

impl<'a, T: Real> Run<'a, T> {
    fn new(network: &'a Network, theta: &'a [T], task: &'a Task<T>, settings: &Settings) -> Self {
        let threads = &settings.threads;
        let example = network.example().size();
        let linearized =
            [&task.train_x, &task.test_x].map(|x| (Linearized::of_network(network, network.examples(x)), x));
        let jacobians = [0, 1].map(|part: usize| {
            let (linearized, x) = &linearized[part];
            Arc::new(linearized.at(theta, x, threads))
        });
        let (examples, outputs) = (network.examples(&task.train_x), network.output().size());
        let gram = |u: &[T], out: &mut [T]| jacobians[0].gram_apply(u, out);
        // The error of the eigenvalue is of the second order in that of the eigenvector.
        let largest = largest_eigenvalue(jacobians[0].rows(), gram, 1e-2, 100).value;
        let stable_rate = settings.stable_rate(largest, examples, outputs);
        let direction = network.init(DIRECTION);
        let mut along = vec![T::zero(); jacobians[0].rows()];
        jacobians[0].apply(&direction, &mut along);
        let watched = &task.train_x[..examples.min(WATCHED) * example];
        let losses = [&task.train_y, &task.test_y].map(|y| Loss::new(settings, y, outputs));
        Self {
            ntk: TangentKernel::new(network, theta, watched, threads),
            now: linearized[0].0.at(theta, &task.train_x, threads),
            direction,
            along,
            settings: settings.clone().with_rate(stable_rate),
            network,
            origin: theta,
            task,
            stable_rate,
            jacobians,
            losses,
        }
    }

    /// The linear model, and how it is trained.
    fn linear(&self) -> (Box<dyn Model<T> + Send>, Way) {
        let way =
            self.settings.linear.unwrap_or_else(|| Way::cheapest(self.network, self.task, &self.settings));
        let jacobians = self.jacobians.each_ref();
        let model = |way: Way| way.model(self.network, jacobians, self.origin, self.task, &self.settings);
        match model(way) {
            Ok(model) => (model, way),
            // Steps will tell when they diverge.
            Err(_) => (model(Way::Function).expect("steps need no closed form"), Way::Function),
        }
    }

    fn train(mut self, progress: impl FnMut(usize)) -> Result<Comparison, Diverged> {
        let (mut linear, way) = self.linear();
        let mut network = Descent::network(self.network, self.origin, self.task, &self.settings);
        let examples = self.network.examples(&self.task.train_x);
        let course = Course {
            steps: self.settings.steps,
            records: log_spaced(self.settings.steps),
            batches: self.settings.batches.map(|batches| (batches, examples)),
        };
        let rate = self.settings.rate.at(0);
        let expected = expected_losses(self.network, self.task, &self.settings, &course.records);
        let mut expected = expected.and_then(Result::ok).unwrap_or_default().into_iter();
        let mut records: Vec<Record> = Vec::new();
        let mut broken = None;
        let look = |step: usize, models: &mut [&mut dyn Model<T>]| {
            let record = self.record(step, models, expected.next());
            let losses = record.loss_train;
            let (largest, enough) = (losses.network.max(losses.linear), self.settings.enough);
            // What grows without bound is seen by the loop, and what was never finite here.
            if !(losses.network.is_finite() && losses.linear.is_finite()) {
                broken = Some(step);
                return ControlFlow::Break(());
            }
            records.push(record);
            if enough.is_some_and(|enough| largest <= enough) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let outcome = descend(&mut [&mut network, &mut *linear], &course, look, progress);
        let broken = broken.or(outcome.err().map(|Exploded { step, .. }| step));
        let stable_rate = self.stable_rate;
        if let Some(step) = broken {
            return Err(Diverged { step, rate, stable_rate, records });
        }
        let delta: Vec<T> =
            network.point().iter().zip(self.origin).map(|(&theta, &origin)| theta - origin).collect();
        drop((linear, network));
        let remainder = self.remainder(&delta);
        Ok(Comparison { records, linear: way, rate, stable_rate, remainder })
    }

    /// The first model is the network.
    fn record(
        &mut self,
        step: usize,
        models: &mut [&mut dyn Model<T>],
        expected: Option<[f64; 2]>,
    ) -> Record {
        let [network, linear] = models else { unreachable!("there are two models") };
        let theta = network.parameters().expect("a network has parameters");
        let kernel_change = self.ntk.change(&theta);
        self.now.relinearize(&theta, &self.task.train_x);
        let outputs = self.network.output().size();
        let mut at = |part: Part, y: &[T]| {
            let (f, l) = (network.outputs(part), linear.outputs(part));
            let loss = &mut self.losses[part as usize];
            let losses = Pair { network: loss.of(f, y), linear: loss.of(l, y) };
            let accuracies = Pair { network: accuracy(f, y, outputs), linear: accuracy(l, y, outputs) };
            (losses, accuracies, rmse(f, l))
        };
        let (loss_train, accuracy_train, rmse_train) = at(Part::Train, &self.task.train_y);
        let (loss_test, accuracy_test, rmse_test) = at(Part::Test, &self.task.test_y);
        Record {
            step,
            loss_train,
            loss_test,
            loss_infinite: expected,
            accuracy_train,
            accuracy_test,
            rmse_train,
            rmse_test,
            weight_change: weight_change(self.network.parameters(), self.origin, &theta),
            tangent_change: tangent_change(&self.along, &self.now, &self.direction),
            kernel_change,
        }
    }

    fn remainder(self, delta: &[T]) -> Remainder {
        // The whole way, and shorter and shorter parts of it down to 1/64.
        let steps: Vec<f64> = (0..=12).map(|k| (-0.5 * f64::from(k)).exp2()).collect();
        let [train, _] = self.jacobians;
        let jacobian = Arc::into_inner(train).expect("the models are gone");
        LinearModel::new(jacobian, self.origin.to_vec()).remainder(delta, &self.task.train_x, &steps)
    }
}

/// The tangent kernel of the network between some examples, at the beginning and later.
struct TangentKernel<'a, T: Real> {
    tiles: Tiles<T>,
    x: &'a [T],
    origin: Kernel<T>,
    now: [Kernel<T>; 1],
}

impl<'a, T: Real> TangentKernel<'a, T> {
    fn new(network: &Network, theta: &[T], x: &'a [T], threads: &Threads) -> Self {
        let examples = x.len() / network.example().size();
        let mut tiles = Empirical::ntk(network).tiles(Kind::Trace, examples, None, threads);
        let mut now = [tiles.zeros()];
        tiles.run(theta, x, None, &mut now, &mut |_, _| {});
        let origin = now[0].clone();
        Self { tiles, x, origin, now }
    }

    /// ‖Θ − Θ₀‖_F/‖Θ₀‖_F at θ.
    fn change(&mut self, theta: &[T]) -> f64 {
        self.tiles.run(theta, self.x, None, &mut self.now, &mut |_, _| {});
        relative_change(self.now[0].matrix(), self.origin.matrix())
    }
}

/// The objective on all examples of a part.
struct Loss<T: Real> {
    plan: Plan,
    workspace: Workspace<T>,
}

impl<T: Real> Loss<T> {
    fn new(settings: &Settings, targets: &[T], outputs: usize) -> Self {
        let plan = Plan::new(&settings.objective.program(&[targets.len() / outputs, outputs].into()));
        Self { workspace: plan.workspace(&settings.threads), plan }
    }

    fn of(&mut self, f: &[T], y: &[T]) -> f64 {
        let mut loss = [T::zero()];
        self.plan.run(&[f, y], &mut [&mut loss], &mut self.workspace);
        loss[0].into()
    }
}

/// The root mean square of a − b over all entries of two tables of outputs, summed in `f64`.
#[allow(clippy::cast_precision_loss, reason = "tables have fewer than 2⁵³ entries")]
pub fn rmse<T: Real>(a: &[T], b: &[T]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(&a, &b)| (a.into() - b.into()).powi(2)).sum();
    (squares / a.len() as f64).sqrt()
}

/// The fraction of examples, of so many `outputs` each, whose largest output in `f` is that in the targets `y`.
///
/// # Panics
/// If there are no outputs.
#[allow(clippy::cast_precision_loss, reason = "tables have fewer than 2⁵³ entries")]
pub fn accuracy<T: Real>(f: &[T], y: &[T], outputs: usize) -> f64 {
    let class = |row: &[T]| (0..row.len()).reduce(|best, i| if row[i] > row[best] { i } else { best });
    let rows = f.chunks_exact(outputs).zip(y.chunks_exact(outputs));
    let right = rows.clone().filter(|(f, y)| class(f) == class(y)).count();
    right as f64 / rows.count() as f64
}
