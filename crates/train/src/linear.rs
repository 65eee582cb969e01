//! The linear model, trained in the way that is cheapest.

use std::fmt;
use std::sync::Arc;

use autodiff::{Real, Shape};
use faer::{Mat, MatRef};
use kernels::{Empirical, Kind};
use linearize::Jacobian;
use nets::Network;

use crate::closed_form::{ClosedForm, NoClosedForm, Ridge, Training};
use crate::function_space::{KernelTask, Origin};
use crate::loss::Loss;
use crate::model::{Descent, Model, Part};
use crate::schedule::Rate;
use crate::settings::{Settings, Task};
use crate::step::{Optimiser, Towards};

/// How a linear model is trained. All ways lead to the same, apart from rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By its weights: a product with J and one with Jᵀ each step, about 8 N P operations for N examples and P parameters.
    Weights,
    /// By dual coefficients: the kernel once, and then 2 (N O)² operations a step, for O outputs.
    Function,
    /// By the eigenvalues of the kernel, for all steps at once: the squared loss at a constant rate on all examples, by gradient
    /// descent with or without momentum.
    ClosedForm,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weights => "in weight space",
            Self::Function => "in function space",
            Self::ClosedForm => "in closed form",
        })
    }
}

/// Bytes that kernels between examples may take.
const MOST: usize = 1 << 31;

impl Way {
    /// Whether a linear model can be trained this way with such settings.
    pub fn serves(self, settings: &Settings) -> bool {
        match self {
            Self::Weights => true,
            Self::Function => settings.optimiser.is_linear(),
            Self::ClosedForm => is_closed(settings),
        }
    }

    /// The way with the fewest operations that does what `settings` say, where reading a number of a kernel counts as eight of
    /// them, and each elementary operation of a decomposition as several.
    pub fn cheapest<T: Real>(network: &Network, task: &Task<T>, settings: &Settings) -> Self {
        if !Self::Function.serves(settings) {
            return Self::Weights;
        }
        #[allow(clippy::cast_precision_loss, reason = "an estimate")]
        let float = |n: usize| n as f64;
        let outputs = network.output().size();
        let [train, test] = [&task.train_x, &task.test_x].map(|x| network.examples(x) * outputs);
        if train.saturating_add(test).saturating_mul(train).saturating_mul(2 * size_of::<T>()) > MOST {
            return Self::Weights;
        }
        let forward = float(network.program(1).stats().flops);
        let [n, m, steps] = [train, test, settings.steps].map(float);
        let batch = settings.batches.map_or(n, |batches| float(batches.size * outputs));
        let weights = steps * 4.0 * forward * batch / float(outputs);
        // Cotangents of all outputs, and products of all pairs of them: of matrices with their rows and columns, of what is used
        // at many places with all elements.
        let units = |shape: &Shape| if shape.rank() > 2 { shape.size() } else { shape.iter().sum() };
        let tensors = network.parameters().tensors().iter();
        let pairs = 2.0 * float(tensors.map(|tensor| units(&tensor.shape)).sum());
        let kernel = (n + m) * (forward + n * pairs);
        let function = kernel + steps * 16.0 * batch * n;
        let closed =
            if Self::ClosedForm.serves(settings) { kernel + 40.0 * n * n * n } else { f64::INFINITY };
        if weights <= function.min(closed) {
            Self::Weights
        } else if function <= closed {
            Self::Function
        } else {
            Self::ClosedForm
        }
    }

    /// The linear model of a network at `theta`, where it has these Jacobians on the examples of the task.
    ///
    /// # Errors
    /// In closed form, if steps of this rate diverge or the kernel is not finite.
    ///
    /// # Panics
    /// If sizes do not fit, or it cannot be trained this way.
    #[track_caller]
    pub fn model<T: Real>(
        self,
        network: &Network,
        jacobians: [&Arc<Jacobian<T>>; 2],
        theta: &[T],
        task: &Task<T>,
        settings: &Settings,
    ) -> Result<Box<dyn Model<T> + Send>, NoClosedForm> {
        assert!(self.serves(settings), "{settings:?} cannot be trained {self}");
        if self == Self::Weights {
            let jacobians = jacobians.map(|jacobian| &**jacobian);
            return Ok(Box::new(Descent::linear(network, jacobians, theta, task, settings)));
        }
        let (train, origin) = (jacobians[0].clone(), theta.to_vec());
        let to_zero = settings.decay.is_some_and(|decay| decay.towards == Towards::Zero);
        let along = to_zero.then(|| Origin {
            along: jacobians.map(|jacobian| {
                let mut along = vec![T::zero(); jacobian.rows()];
                jacobian.apply(theta, &mut along);
                Arc::new(along)
            }),
        });
        // θ₀ + Jᵀ a + c θ₀
        let recover = move |point: &[T]| {
            let (a, c) = point.split_at(train.rows());
            let mut theta = vec![T::zero(); train.columns()];
            train.apply_transpose(a, &mut theta);
            let scale = T::one() + c.first().copied().unwrap_or(T::zero());
            theta.iter_mut().zip(&origin).for_each(|(theta, &origin)| *theta += scale * origin);
            Some(theta)
        };
        let start = [0, 1].map(|part: usize| jacobians[part].value());
        if self == Self::Function {
            let kernels = kernel_task::<T, T>(network, theta, start, task, settings);
            return Ok(Box::new(Descent::dual(&kernels, along, Box::new(recover), settings)));
        }
        // Rounded to f32, a kernel may have negative eigenvalues.
        let kernels = kernel_task::<T, f64>(network, theta, start, task, settings);
        Ok(Box::new(InClosedForm::new(&kernels, Box::new(recover), settings)?))
    }
}

/// The kernels of a network, and its outputs where training starts, as numbers of another type.
fn kernel_task<T: Real, U: Real>(
    network: &Network,
    theta: &[T],
    start: [&[T]; 2],
    task: &Task<T>,
    settings: &Settings,
) -> KernelTask<U> {
    let outputs = network.output().size();
    // Of one output, they are the same.
    let kind = if outputs == 1 { Kind::Trace } else { Kind::Full };
    let converted = |values: &[T]| values.iter().map(|&value| U::literal(value.into())).collect::<Vec<U>>();
    let [theta, train_x, test_x] = [theta, &task.train_x, &task.test_x].map(converted);
    let ntk = Empirical::ntk(network);
    let kernel = |x: &[U], others| ntk.kernel(kind, &theta, x, others, &settings.threads).into_values();
    KernelTask {
        kernel: Arc::new(kernel(&train_x, None)),
        cross: Arc::new(kernel(&test_x, Some(&train_x))),
        start: start.map(|start| Arc::new(converted(start))),
        targets: Arc::new(converted(&task.train_y)),
        outputs,
    }
}

/// Whether there is a closed form.
pub(crate) fn is_closed(settings: &Settings) -> bool {
    matches!(settings.objective.loss, Loss::Squared)
        && matches!(settings.optimiser, Optimiser::Descent | Optimiser::HeavyBall { .. })
        && matches!(settings.rate, Rate::Constant(_))
        && settings.batches.is_none()
        && settings.decay.is_none()
}

/// A model whose steps cost nothing, since all of them are known.
struct InClosedForm<T> {
    form: ClosedForm,
    cross: Mat<f64>,
    start: [Mat<f64>; 2],
    targets: Mat<f64>,
    rate: f64,
    momentum: f64,
    steps: u32,
    output: Vec<T>,
    recover: crate::model::Recover<T>,
}

impl<T: Real> InClosedForm<T> {
    fn new(
        task: &KernelTask<f64>,
        recover: crate::model::Recover<T>,
        settings: &Settings,
    ) -> Result<Self, NoClosedForm> {
        let outputs = task.outputs;
        let examples = task.targets.len() / outputs;
        // A column for each output, if they share the kernel.
        let columns = if task.kernel.len() == examples * examples { outputs } else { 1 };
        let table = |values: &[f64], columns: usize| {
            MatRef::from_row_major_slice(values, values.len() / columns, columns).to_owned()
        };
        let targets = table(&task.targets, columns);
        let rows = targets.nrows();
        let form = ClosedForm::new(table(&task.kernel, rows).as_ref(), Ridge::Absolute(0.0))?;
        let rate = settings.rate.at(0) / settings.objective.divisor(examples, outputs);
        let momentum = settings.optimiser.momentum();
        let start = [0, 1].map(|part: usize| table(&task.start[part], columns));
        let model = Self {
            form,
            cross: table(&task.cross, rows),
            start,
            targets,
            rate,
            momentum,
            steps: 0,
            output: Vec::new(),
            recover,
        };
        model.form.check(&[model.training()])?;
        Ok(model)
    }

    fn training(&self) -> Training {
        Training::Steps { rate: self.rate, momentum: self.momentum, count: self.steps }
    }
}

impl<T: Real> Model<T> for InClosedForm<T> {
    fn step(&mut self, _batch: Option<&[usize]>) -> Option<f64> {
        self.steps += 1;
        None
    }

    fn outputs(&mut self, part: Part) -> &[T] {
        let ([f0, g0], y, training) = (&self.start, self.targets.as_ref(), &[self.training()]);
        let made = match part {
            Part::Train => self.form.outputs(f0.as_ref(), y, training),
            Part::Test => self.form.elsewhere(self.cross.as_ref(), g0.as_ref(), f0.as_ref(), y, training),
        };
        let made = made.expect("the rate was checked").swap_remove(0);
        self.output = row_major(made.as_ref());
        &self.output
    }

    fn parameters(&self) -> Option<Vec<T>> {
        let dual = self.form.dual(self.start[0].as_ref(), self.targets.as_ref(), &[self.training()]);
        (self.recover)(&row_major(dual.expect("the rate was checked")[0].as_ref()))
    }
}

fn row_major<T: Real>(matrix: MatRef<'_, f64>) -> Vec<T> {
    let rows = (0..matrix.nrows()).flat_map(|i| (0..matrix.ncols()).map(move |j| (i, j)));
    rows.map(|entry| T::literal(matrix[entry])).collect()
}
