//! A network and its linear model, trained side by side.

use std::ops::ControlFlow;
use std::sync::Arc;

use cotangent::autodiff::{Plan, Tensor};
use cotangent::prelude::*;

use crate::Failure;

/// Trains a network and its linear model at `theta` on the same examples, as `settings` say, and calls `look` with both after
/// each of so many steps, ascending; `progress` is called with the fraction of the steps that is done.
///
/// The linear model is trained in function space, and on batches by its weights: then its outputs are those on the examples to
/// test on, whatever part is asked for, since a Jacobian on all others might not fit into memory.
///
/// # Errors
/// If either diverges.
pub fn side_by_side<T: Real>(
    network: &Network,
    theta: &[T],
    task: &Task<T>,
    settings: &Settings,
    records: &[usize],
    progress: &dyn Fn(f64),
    mut look: impl FnMut(&mut [&mut dyn Model<T>]),
) -> Result<(), Failure> {
    let at = |x: &[T]| {
        Arc::new(Linearized::of_network(network, network.examples(x)).at(theta, x, &settings.threads))
    };
    let test = at(&task.test_x);
    let mut linear = match settings.batches {
        Some(_) => Box::new(Descent::linear(network, [&test, &test], theta, task, settings)),
        None => Way::Function.model(network, [&at(&task.train_x), &test], theta, task, settings)?,
    };
    let mut trained = Descent::network(network, theta, task, settings);
    let batches = settings.batches.map(|batches| (batches, network.examples(&task.train_x)));
    let course = Course { steps: settings.steps, records: records.to_vec(), batches };
    let look = |_: usize, models: &mut [&mut dyn Model<T>]| {
        look(models);
        ControlFlow::Continue(())
    };
    let steps = settings.steps as f64;
    descend(&mut [&mut trained, &mut *linear], &course, look, |step| progress(step as f64 / steps))?;
    Ok(())
}

/// What is minimised, of outputs `f` for targets `y`.
pub fn loss<T: Real>(objective: &Objective, outputs: usize, f: &[T], y: &[T]) -> f64 {
    let shape = [f.len() / outputs, outputs];
    let tensors = [f, y].map(|values| Tensor::new(shape, values.to_vec()));
    Plan::new(&objective.program(&shape.into())).call(&tensors, &Threads::one())[0].data()[0].into()
}
