//! Linear models in closed form: with the tangent kernel of a network, or with that of infinite width.

use cotangent::kernels::{Empirical, Infinite, Kind};
use cotangent::prelude::{Network, Part, Task, Threads};
use cotangent::train::{ClosedForm, Ridge, Training};
use faer::{Mat, MatRef};

use crate::Failure;

/// What the linear model of a network does under the squared loss, at any time. Computed in f64.
#[derive(Clone, Debug)]
pub struct Linear {
    form: ClosedForm,
    cross: Mat<f64>,
    targets: Mat<f64>,
}

impl Linear {
    /// With the kernel of `network` at `theta`; of several outputs, its mean over them.
    ///
    /// # Errors
    /// If the kernel is not finite.
    pub fn of_network(
        network: &Network,
        theta: &[f32],
        task: &Task<f32>,
        threads: &Threads,
    ) -> Result<Self, Failure> {
        let (ntk, theta) = (Empirical::ntk(network), wide(theta));
        Self::new(network, task, |x, others| {
            ntk.kernel(Kind::Trace, &theta, x, others, threads).into_values()
        })
    }

    /// With the kernel that `network` has at infinite width.
    ///
    /// # Errors
    /// If it has none, or it is not finite.
    pub fn of_limit(network: &Network, task: &Task<f32>, threads: &Threads) -> Result<Self, Failure> {
        let limit = Infinite::new(network)?;
        Self::new(network, task, |x, others| limit.kernels(x, others, threads).ntk.into_values())
    }

    fn new(
        network: &Network,
        task: &Task<f32>,
        kernel: impl Fn(&[f64], Option<&[f64]>) -> Vec<f64>,
    ) -> Result<Self, Failure> {
        let [x, z, y] = [&task.train_x, &task.test_x, &task.train_y].map(|values| wide(values));
        let n = network.examples(&task.train_x);
        let own = kernel(&x, None);
        let form = ClosedForm::new(MatRef::from_row_major_slice(&own, n, n), Ridge::Absolute(0.0))?;
        let cross = if z.is_empty() { Vec::new() } else { kernel(&z, Some(&x)) };
        Ok(Self { form, cross: table(&cross, n), targets: table(&y, network.output().size()) })
    }

    /// The largest rate of gradient descent that is stable, where the loss is a mean over examples.
    pub fn stable_rate(&self) -> f64 {
        self.form.largest_stable_rate(0.0) * self.targets.nrows() as f64
    }

    /// After so many steps of gradient descent at a rate, where the loss is a mean over examples.
    pub fn steps(&self, rate: f64, count: usize) -> Training {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Training::Steps { rate: rate / self.targets.nrows() as f64, momentum: 0.0, count }
    }

    /// After gradient flow for a time, where the loss is a mean over examples.
    pub fn flow(&self, time: f64) -> Training {
        Training::Flow(time / self.targets.nrows() as f64)
    }

    /// Its outputs after each training, an example after another, where `start` is what it says of the examples to train on
    /// and of those to test on before.
    ///
    /// # Errors
    /// If steps diverge.
    pub fn outputs(
        &self,
        part: Part,
        start: &[Vec<f32>; 2],
        trainings: &[Training],
    ) -> Result<Vec<Vec<f64>>, Failure> {
        let y = self.targets.as_ref();
        let [f0, g0] = start.each_ref().map(|start| table(&wide(start), y.ncols()));
        let made = match part {
            Part::Train => self.form.outputs(f0.as_ref(), y, trainings)?,
            Part::Test => self.form.elsewhere(self.cross.as_ref(), g0.as_ref(), f0.as_ref(), y, trainings)?,
        };
        Ok(made.iter().map(row_major).collect())
    }

    /// α after each training, an example after another: by Jᵀ α its parameters have moved.
    ///
    /// # Errors
    /// If steps diverge.
    pub fn dual(&self, start: &[Vec<f32>; 2], trainings: &[Training]) -> Result<Vec<Vec<f64>>, Failure> {
        let f0 = table(&wide(&start[0]), self.targets.ncols());
        let made = self.form.dual(f0.as_ref(), self.targets.as_ref(), trainings)?;
        Ok(made.iter().map(row_major).collect())
    }
}

fn row_major(matrix: &Mat<f64>) -> Vec<f64> {
    matrix.row_iter().flat_map(|row| row.iter().copied().collect::<Vec<f64>>()).collect()
}

fn table(values: &[f64], columns: usize) -> Mat<f64> {
    MatRef::from_row_major_slice(values, values.len() / columns, columns).to_owned()
}

pub(crate) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}
