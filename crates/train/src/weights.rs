//! Networks and linear models that are trained by their weights.

use std::sync::Arc;

use autodiff::{Builder, Graph, Real, Shape, Var, jvp};
use linearize::{Jacobian, linear_program};
use nets::Network;

use crate::model::{Descent, Function, Gather, Parts};
use crate::settings::{Settings, Task};
use crate::step::{Anchor, Towards, weight_gradient};

impl<T: Real> Descent<T> {
    /// A network from `theta` on.
    ///
    /// # Panics
    /// If the tables of the task do not divide into examples of the network, `theta` is not its parameters, or the rate is not
    /// a number: see [`Settings::with_rate`].
    #[track_caller]
    pub fn network(network: &Network, theta: &[T], task: &Task<T>, settings: &Settings) -> Self {
        let count = network.parameters().tensors().len();
        let step = network.program(batch_size(network, task, settings));
        let outputs = [&task.train_x, &task.test_x].map(|x| {
            let program = (!x.is_empty()).then(|| network.program(network.examples(x)));
            program.map(|program| Function::new(&program, vec![Arc::new(x.clone())], &settings.threads))
        });
        let (fixed, gather) = examples(network, task, settings, Vec::new());
        let anchors = match settings.decay.map(|decay| decay.towards) {
            Some(Towards::Origin) => (vec![Anchor::Given; count], Some(Arc::new(theta.to_vec()))),
            Some(Towards::Zero) | None => (vec![Anchor::Number(0.0); count], None),
        };
        let parts = Parts {
            gradient: weight_gradient(&step, &settings.objective.program(of_outputs(&step)), count),
            count,
            start: theta.to_vec(),
            fixed,
            gather,
            anchors,
            outputs,
            recover: Box::new(|theta| Some(theta.to_vec())),
        };
        Self::new(parts, settings)
    }

    /// The linear model at `theta`, where the network has these Jacobians on the examples of the task: what is trained is
    /// δ = θ − θ₀. On all examples, a step is one product with J and one with Jᵀ. On batches their linearization is made again
    /// each time.
    ///
    /// # Panics
    /// As [`network`](Self::network); and if the Jacobians are computed in chunks.
    #[track_caller]
    pub fn linear(
        network: &Network,
        jacobians: [&Jacobian<T>; 2],
        theta: &[T],
        task: &Task<T>,
        settings: &Settings,
    ) -> Self {
        let count = network.parameters().tensors().len();
        let known = jacobians.map(|jacobian| Arc::new([jacobian.value(), jacobian.residuals()].concat()));
        let programs = jacobians.map(|jacobian| linear_program(jacobian.linearized().linearization()));
        let origin = Arc::new(theta.to_vec());
        let (step, (fixed, gather)) = if settings.batches.is_none() {
            let fixed = vec![known[0].clone(), Arc::new(task.train_y.clone())];
            (programs[0].clone(), (fixed, None))
        } else {
            let program = network.program(batch_size(network, task, settings));
            (tangent_line(&program, count), examples(network, task, settings, vec![origin.clone()]))
        };
        let anchors = match settings.decay.map(|decay| decay.towards) {
            // δ − (−θ₀) is θ.
            Some(Towards::Zero) => {
                let opposite = theta.iter().map(|&theta| -theta).collect();
                (vec![Anchor::Given; count], Some(Arc::new(opposite)))
            }
            Some(Towards::Origin) | None => (vec![Anchor::Number(0.0); count], None),
        };
        let [train, test] = [0, 1]
            .map(|part: usize| Function::new(&programs[part], vec![known[part].clone()], &settings.threads));
        let parts = Parts {
            gradient: weight_gradient(&step, &settings.objective.program(of_outputs(&step)), count),
            count,
            start: vec![T::zero(); theta.len()],
            fixed,
            gather,
            anchors,
            outputs: [train, test].map(Some),
            recover: Box::new(move |delta| {
                Some(origin.iter().zip(delta).map(|(&theta, &delta)| theta + delta).collect())
            }),
        };
        Self::new(parts, settings)
    }
}

/// (δ, θ₀, x) ↦ f(θ₀) + J(θ₀) δ of a model (θ, x) ↦ f of `count` tensors.
fn tangent_line(model: &Graph, count: usize) -> Graph {
    let tangent = jvp(model, &(0..count).collect::<Vec<_>>());
    let g = Builder::new();
    let all = |shapes: &[Shape]| shapes.iter().map(|shape| g.input(shape.clone())).collect::<Vec<Var<'_>>>();
    let delta = all(&model.inputs()[..count]);
    let there = all(model.inputs());
    let made = g.call(&tangent, &[there, delta].concat());
    g.finish(&[made[0] + made[1]])
}

fn of_outputs(program: &Graph) -> &Shape {
    program.output_shapes().next().expect("a model has one output")
}

/// The number of examples of a step.
#[track_caller]
fn batch_size<T: Real>(network: &Network, task: &Task<T>, settings: &Settings) -> usize {
    let all = network.examples(&task.train_x);
    settings.batches.map_or(all, |batches| batches.size)
}

/// Inputs and targets, all of them after what is `fixed`, or of those in a batch.
fn examples<T: Real>(
    network: &Network,
    task: &Task<T>,
    settings: &Settings,
    mut fixed: Vec<Arc<Vec<T>>>,
) -> (Vec<Arc<Vec<T>>>, Option<Gather<T>>) {
    let tables = [&task.train_x, &task.train_y].map(|table| Arc::new(table.clone()));
    if settings.batches.is_none() {
        fixed.extend(tables);
        return (fixed, None);
    }
    let sizes = [network.example().size(), network.output().size()];
    let gather = move |batch: &[usize], out: &mut Vec<T>| {
        for (table, size) in tables.iter().zip(sizes) {
            batch.iter().for_each(|&example| out.extend_from_slice(&table[example * size..][..size]));
        }
    };
    (fixed, Some(Box::new(gather)))
}
