//! A network and its linearization, trained side by side.

use std::fmt;

use autodiff::{Graph, Plan, Real, Threads, Workspace};
use kernels::measures::relative_change;
use kernels::{Empirical, Kernel, Kind, Tiles};
use linearize::{
    Jacobian, LinearModel, Linearized, Remainder, linear_program, tangent_change, weight_change,
};
use nets::{Network, Parameters};

use crate::loss::squared_loss;
use crate::schedule::log_spaced;
use crate::step::descent_step;

/// What to learn and what to test on. Tables are row-major, one example a row; the index of the largest target is
/// the class of an example.
#[derive(Clone, Debug)]
pub struct Task<T> {
    /// Inputs to train on.
    pub train_x: Vec<T>,
    /// Targets to train on.
    pub train_y: Vec<T>,
    /// Inputs to test on.
    pub test_x: Vec<T>,
    /// Targets to test on.
    pub test_y: Vec<T>,
}

/// How to train.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The learning rate η of full-batch gradient descent on 1/(2N) Σₙ ‖f(xₙ) − yₙ‖².
    pub rate: f64,
    /// The number of steps.
    pub steps: usize,
    /// Where to compute. Results do not depend on it.
    pub threads: Threads,
}

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
    /// 1/(2N) Σₙ ‖f(xₙ) − yₙ‖² over the training examples.
    pub loss_train: Pair,
    /// The same over the test examples.
    pub loss_test: Pair,
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
    /// ‖Θ_t − Θ₀‖_F/‖Θ₀‖_F of the network's tangent kernel (its mean over outputs) between the first 64 training
    /// examples, or all if they are fewer.
    pub kernel_change: f64,
}

/// How many examples the tangent kernel is watched on, at most.
const WATCHED: usize = 64;

/// A finished comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Records at log-spaced steps, from 0 to the last.
    pub records: Vec<Record>,
    /// The largest learning rate at which the linear model converges, 2N/λ_max(J Jᵀ).
    pub stable_rate: f64,
    /// ‖f − f_lin‖ over the training examples on the way from θ₀ straight to where the network was trained to.
    pub remainder: Remainder,
}

/// Training diverged: a loss was not finite, or exceeded a million times the initial one.
#[derive(Clone, Debug)]
pub struct Diverged {
    /// After how many steps.
    pub step: usize,
    /// The learning rate.
    pub rate: f64,
    /// The largest learning rate at which the linear model converges, 2N/λ_max(J Jᵀ).
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

/// Trains `network` and its linearization at `theta` by full-batch gradient descent, side by side, and calls
/// `progress` with the number of steps made from time to time.
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
    mut progress: impl FnMut(usize) + Send,
) -> Result<Comparison, Diverged> {
    let threads = settings.threads.clone();
    threads.install(|| {
        let mut run = Run::new(network, theta, task, settings);
        let mut records = Vec::new();
        let schedule = log_spaced(settings.steps);
        let mut due = schedule.iter().peekable();
        let mut bound = f64::INFINITY;
        for step in 0..=settings.steps {
            if due.next_if_eq(&&step).is_some() {
                let record = run.record(step);
                let loss = record.loss_train;
                if step == 0 {
                    bound = 1e6 * loss.network.max(loss.linear);
                }
                if [loss.network, loss.linear].iter().any(|&loss| exceeds(loss, bound)) {
                    return Err(run.diverged(step, records));
                }
                records.push(record);
                progress(step);
            }
            if step < settings.steps {
                let losses = [run.network.step(), run.linear.step()];
                if losses.iter().any(|&loss| exceeds(loss, bound)) {
                    return Err(run.diverged(step, records));
                }
                if step.is_multiple_of(16) {
                    progress(step);
                }
            }
        }
        Ok(run.finish(records))
    })
}

/// The seed of the direction in which changes of the Jacobian are watched.
const DIRECTION: u64 = u64::MAX;

/// Whether a loss tells of divergence: NaN does.
fn exceeds(loss: f64, bound: f64) -> bool {
    loss.is_nan() || loss > bound
}

/// Both models on their way.
struct Run<'a, T: Real> {
    settings: &'a Settings,
    task: &'a Task<T>,
    parameters: &'a Parameters,
    outputs: usize,
    origin: Vec<T>,
    jacobian_train: Jacobian<T>,
    /// The Jacobian where the network was last recorded.
    jacobian_now: Jacobian<T>,
    ntk: TangentKernel<'a, T>,
    direction: Vec<T>,
    network: Descent<T>,
    linear: Descent<T>,
    network_train: Function<T>,
    network_test: Function<T>,
    linear_train: Function<T>,
    linear_test: Function<T>,
}

impl<'a, T: Real> Run<'a, T> {
    fn new(network: &'a Network, theta: &[T], task: &'a Task<T>, settings: &'a Settings) -> Self {
        let threads = &settings.threads;
        let tensors = network.parameters().tensors();
        let example = network.example().size();
        let (train, test) = (task.train_x.len() / example, task.test_x.len() / example);
        let (program, test_program) = (network.program(train), network.program(test));
        let loss = squared_loss(program.output_shapes().next().expect("a network has one output"));
        let step = |model: &Graph| descent_step(model, &loss, &vec![settings.rate; tensors.len()]);

        let linearized = Linearized::new(&program, tensors.len());
        let jacobian_train = linearized.at(theta, &task.train_x, threads);
        let fixed_train = [jacobian_train.value(), jacobian_train.residuals()].concat();
        let linearized_test = Linearized::new(&test_program, tensors.len());
        let jacobian_test = linearized_test.at(theta, &task.test_x, threads);
        let fixed_test = [jacobian_test.value(), jacobian_test.residuals()].concat();
        let (linear, linear_test) =
            (linear_program(linearized.linearization()), linear_program(linearized_test.linearization()));

        let with_targets = |fixed: &[T]| [fixed, &task.train_y].concat();
        let origin = theta.to_vec();
        let zero = vec![T::zero(); theta.len()];
        Self {
            parameters: network.parameters(),
            outputs: network.output().size(),
            network: Descent::new(&step(&program), origin.clone(), with_targets(&task.train_x), threads),
            linear: Descent::new(&step(&linear), zero, with_targets(&fixed_train), threads),
            network_train: Function::new(&program, task.train_x.clone(), threads),
            network_test: Function::new(&test_program, task.test_x.clone(), threads),
            linear_train: Function::new(&linear, fixed_train, threads),
            linear_test: Function::new(&linear_test, fixed_test, threads),
            ntk: TangentKernel::new(network, theta, &task.train_x[..train.min(WATCHED) * example], threads),
            jacobian_now: linearized.at(theta, &task.train_x, threads),
            direction: network.init(DIRECTION),
            jacobian_train,
            origin,
            task,
            settings,
        }
    }

    fn record(&mut self, step: usize) -> Record {
        let (theta, delta) = (&self.network.theta, &self.linear.theta);
        let (f_train, f_test) = (self.network_train.at(theta), self.network_test.at(theta));
        let (l_train, l_test) = (self.linear_train.at(delta), self.linear_test.at(delta));
        let kernel_change = self.ntk.change(theta);
        self.jacobian_now.relinearize(theta, &self.task.train_x);
        let outputs = self.outputs;
        let pair = |measure: &dyn Fn(&[T], &[T], usize) -> f64, network: &[T], linear: &[T], y: &[T]| Pair {
            network: measure(network, y, outputs),
            linear: measure(linear, y, outputs),
        };
        let (train_y, test_y) = (&self.task.train_y, &self.task.test_y);
        Record {
            step,
            loss_train: pair(&loss, f_train, l_train, train_y),
            loss_test: pair(&loss, f_test, l_test, test_y),
            accuracy_train: pair(&accuracy, f_train, l_train, train_y),
            accuracy_test: pair(&accuracy, f_test, l_test, test_y),
            rmse_train: rmse(f_train, l_train),
            rmse_test: rmse(f_test, l_test),
            weight_change: weight_change(self.parameters, &self.origin, theta),
            tangent_change: tangent_change(&self.jacobian_train, &self.jacobian_now, &self.direction),
            kernel_change,
        }
    }

    fn finish(self, records: Vec<Record>) -> Comparison {
        let stable_rate = self.stable_rate();
        let moved = self.network.theta.iter().zip(&self.origin);
        let delta: Vec<T> = moved.map(|(&theta, &origin)| theta - origin).collect();
        // The whole way, and shorter and shorter parts of it down to 1/64.
        let steps: Vec<f64> = (0..=12).map(|k| (-0.5 * f64::from(k)).exp2()).collect();
        let model = LinearModel::new(self.jacobian_train, self.origin);
        let remainder = model.remainder(&delta, &self.task.train_x, &steps);
        Comparison { records, stable_rate, remainder }
    }

    fn stable_rate(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "N is far below 2⁵³")]
        let examples = (self.task.train_y.len() / self.outputs) as f64;
        2.0 * examples / self.jacobian_train.largest_eigenvalue(1e-5)
    }

    fn diverged(&self, step: usize, records: Vec<Record>) -> Diverged {
        Diverged { step, rate: self.settings.rate, stable_rate: self.stable_rate(), records }
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

/// Gradient descent on one model.
struct Descent<T: Real> {
    plan: Plan,
    workspace: Workspace<T>,
    theta: Vec<T>,
    fixed: Vec<T>,
    output: Vec<T>,
}

impl<T: Real> Descent<T> {
    fn new(step: &Graph, theta: Vec<T>, fixed: Vec<T>, threads: &Threads) -> Self {
        let [parameters @ .., output, _] = step.outputs() else {
            unreachable!("a step returns θ, the output and the loss")
        };
        let output = vec![T::zero(); step.node(*output).shape().size() + 1];
        let overwritten: Vec<(usize, usize)> = (0..parameters.len()).map(|i| (i, i)).collect();
        let plan = Plan::in_place(step, &overwritten);
        Self { workspace: plan.workspace(threads), theta, fixed, output, plan }
    }

    /// Makes one step and returns the loss before it.
    fn step(&mut self) -> f64 {
        let outputs = &mut [&mut self.theta[..], &mut self.output];
        self.plan.run(&[&self.fixed], outputs, &mut self.workspace);
        self.output[self.output.len() - 1].into()
    }
}

/// A model to be evaluated at many θ.
struct Function<T: Real> {
    plan: Plan,
    workspace: Workspace<T>,
    fixed: Vec<T>,
    output: Vec<T>,
}

impl<T: Real> Function<T> {
    fn new(model: &Graph, fixed: Vec<T>, threads: &Threads) -> Self {
        let plan = Plan::new(model);
        let output = vec![T::zero(); plan.outputs()[0].size()];
        Self { workspace: plan.workspace(threads), fixed, output, plan }
    }

    fn at(&mut self, theta: &[T]) -> &[T] {
        self.plan.run(&[theta, &self.fixed], &mut [&mut self.output], &mut self.workspace);
        &self.output
    }
}

/// Σ (a − b)², summed in `f64`.
fn squares<T: Real>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (a.into() - b.into()).powi(2)).sum()
}

#[allow(clippy::cast_precision_loss, reason = "tables have fewer than 2⁵³ entries")]
fn rmse<T: Real>(a: &[T], b: &[T]) -> f64 {
    (squares(a, b) / a.len() as f64).sqrt()
}

#[allow(clippy::cast_precision_loss, reason = "tables have fewer than 2⁵³ entries")]
fn loss<T: Real>(f: &[T], y: &[T], outputs: usize) -> f64 {
    0.5 * squares(f, y) / (f.len() / outputs) as f64
}

#[allow(clippy::cast_precision_loss, reason = "tables have fewer than 2⁵³ entries")]
fn accuracy<T: Real>(f: &[T], y: &[T], outputs: usize) -> f64 {
    let class = |row: &[T]| (0..row.len()).reduce(|best, i| if row[i] > row[best] { i } else { best });
    let rows = f.chunks_exact(outputs).zip(y.chunks_exact(outputs));
    let right = rows.clone().filter(|(f, y)| class(f) == class(y)).count();
    right as f64 / rows.count() as f64
}
