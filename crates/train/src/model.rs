//! Models that are trained step by step, and what all of them have in common.

use std::fmt;
use std::sync::Arc;

use autodiff::{Graph, Id, Plan, Real, Threads, Workspace};

use crate::schedule::Rate;
use crate::settings::Settings;
use crate::step::{Anchor, Optimiser, Rates, Update};

/// The examples of a task that a model is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those it is trained on.
    Train,
    /// Those it is tested on.
    Test,
}

/// Something that is trained step by step on the examples of a task.
pub trait Model<T: Real> {
    /// Makes a step on the training examples of these numbers, or on all; returns their loss before it, if it is known.
    fn step(&mut self, batch: Option<&[usize]>) -> Option<f64>;

    /// Its outputs now, an example after another.
    fn outputs(&mut self, part: Part) -> &[T];

    /// Its parameters θ now, if it has some.
    fn parameters(&self) -> Option<Vec<T>>;
}

/// A model that makes steps of a gradient method: of parameters θ themselves, of their distance δ from θ₀, or of dual
/// coefficients. Steps allocate no memory that grows.
pub struct Descent<T: Real> {
    plan: Plan,
    workspace: Workspace<T>,
    /// What is trained, and then what the optimiser keeps.
    moving: Vec<T>,
    length: usize,
    /// What steps need besides.
    fixed: Vec<Arc<Vec<T>>>,
    gather: Option<Gather<T>>,
    batch: Vec<T>,
    numbers: Vec<T>,
    output: Vec<T>,
    optimiser: Optimiser,
    rate: Rate,
    steps: usize,
    /// Its outputs on the examples of each part that has some.
    parts: [Option<Function<T>>; 2],
    recover: Recover<T>,
}

/// What a step needs to know of the examples of a batch, written one tensor after another.
pub(crate) type Gather<T> = Box<dyn Fn(&[usize], &mut Vec<T>) + Send>;
/// θ, given what is trained.
pub(crate) type Recover<T> = Box<dyn Fn(&[T]) -> Option<Vec<T>> + Send>;

/// What a [`Descent`] is made of.
pub(crate) struct Parts<T: Real> {
    /// (θ, what is fixed, batch) ↦ (f, ℒ, ∂ℒ/∂θ), of the first `count` inputs.
    pub(crate) gradient: Graph,
    pub(crate) count: usize,
    pub(crate) start: Vec<T>,
    pub(crate) fixed: Vec<Arc<Vec<T>>>,
    pub(crate) gather: Option<Gather<T>>,
    /// Where each tensor decays to, and the elements of those that are given.
    pub(crate) anchors: (Vec<Anchor>, Option<Arc<Vec<T>>>),
    pub(crate) outputs: [Option<Function<T>>; 2],
    pub(crate) recover: Recover<T>,
}

impl<T: Real> Descent<T> {
    pub(crate) fn new(parts: Parts<T>, settings: &Settings) -> Self {
        let Parts { gradient, count, start, mut fixed, gather, anchors, outputs, recover } = parts;
        let (optimiser, rate) = (settings.optimiser, settings.rate.clone());
        let rates = match rate {
            Rate::Constant(rate) => Rates::Fixed(vec![rate; count]),
            _ => Rates::Given,
        };
        let scalars = usize::from(matches!(rates, Rates::Given))
            + if matches!(optimiser, Optimiser::Adam { .. }) { 2 } else { 0 };
        let decay = settings.decay.map(|decay| (decay.rate, anchors.0));
        if let Some(anchors) = anchors.1.filter(|_| decay.is_some()) {
            fixed.insert(0, anchors);
        }
        let step = Update { optimiser, rates, decay }.step(&gradient, count);
        let (moved, made) = step.outputs().split_at(step.outputs().len() - 2);
        let size = |outputs: &[Id]| outputs.iter().map(|&output| step.node(output).shape().size()).sum();
        let overwritten: Vec<(usize, usize)> = (0..moved.len()).map(|i| (i, i)).collect();
        let plan = Plan::in_place(&step, &overwritten);
        let (length, mut moving) = (start.len(), start);
        moving.resize(size(moved), T::zero());
        Self {
            workspace: plan.workspace(&settings.threads),
            plan,
            moving,
            length,
            fixed,
            gather,
            batch: Vec::new(),
            numbers: vec![T::zero(); scalars],
            output: vec![T::zero(); size(made)],
            optimiser,
            rate,
            steps: 0,
            parts: outputs,
            recover,
        }
    }

    /// What is trained: θ, δ or dual coefficients.
    pub fn point(&self) -> &[T] {
        &self.moving[..self.length]
    }
}

impl<T: Real> Model<T> for Descent<T> {
    /// # Panics
    /// If a batch is given and the model was made for whole steps, or the other way round.
    fn step(&mut self, batch: Option<&[usize]>) -> Option<f64> {
        assert!(
            batch.is_some() == self.gather.is_some(),
            "a model that is trained on batches is given one at each step, and other models are not"
        );
        if let Some((gather, examples)) = self.gather.as_ref().zip(batch) {
            self.batch.clear();
            gather(examples, &mut self.batch);
        }
        let mut numbers = self.numbers.iter_mut();
        if !matches!(self.rate, Rate::Constant(_)) {
            numbers.next().into_iter().for_each(|number| *number = T::literal(self.rate.at(self.steps)));
        }
        self.steps += 1;
        if let Optimiser::Adam { first, second, .. } = self.optimiser {
            let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
            for (number, beta) in numbers.zip([first, second]) {
                *number = T::literal((1.0 - beta.powi(steps)).recip());
            }
        }
        let fixed = self.fixed.iter().map(|fixed| &fixed[..]);
        let inputs: Vec<&[T]> =
            fixed.chain([&self.batch[..], &self.numbers]).filter(|input| !input.is_empty()).collect();
        self.plan.run(&inputs, &mut [&mut self.moving, &mut self.output], &mut self.workspace);
        Some(self.output[self.output.len() - 1].into())
    }

    fn outputs(&mut self, part: Part) -> &[T] {
        let point = &self.moving[..self.length];
        self.parts[part as usize].as_mut().map_or(&[], |function| function.at(point))
    }

    fn parameters(&self) -> Option<Vec<T>> {
        (self.recover)(self.point())
    }
}

impl<T: Real> fmt::Debug for Descent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { optimiser, steps, length, .. } = self;
        write!(f, "Descent({optimiser:?}, {length} numbers, after {steps} steps)")
    }
}

/// A program (point, what is fixed) ↦ f that is evaluated at many points.
pub(crate) struct Function<T: Real> {
    plan: Plan,
    workspace: Workspace<T>,
    fixed: Vec<Arc<Vec<T>>>,
    output: Vec<T>,
}

impl<T: Real> Function<T> {
    pub(crate) fn new(model: &Graph, fixed: Vec<Arc<Vec<T>>>, threads: &Threads) -> Self {
        let plan = Plan::new(model);
        let output = vec![T::zero(); plan.outputs()[0].size()];
        Self { workspace: plan.workspace(threads), fixed, output, plan }
    }

    pub(crate) fn at(&mut self, point: &[T]) -> &[T] {
        let inputs: Vec<&[T]> =
            [point].into_iter().chain(self.fixed.iter().map(|fixed| &fixed[..])).collect();
        self.plan.run(&inputs, &mut [&mut self.output], &mut self.workspace);
        &self.output
    }
}
