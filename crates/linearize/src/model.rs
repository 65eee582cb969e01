//! The linear model f_lin(θ₀ + δ) = f(θ₀) + J(θ₀) δ.
//!
//! What is trained is δ, apart from θ₀: near θ₀ the difference of two stored θ would have lost most of its digits.

use autodiff::{Builder, Graph, Linearization, Real, Var};

use crate::jacobian::Jacobian;
use crate::pool::Pool;

/// A model linear in its parameters: the first-order Taylor expansion of another around θ₀ (Lee et al. 2019, Eq. 5),
/// with its own parameters δ over the free columns.
#[derive(Debug)]
pub struct LinearModel<T: Real> {
    jacobian: Jacobian<T>,
    origin: Vec<T>,
    delta: Vec<T>,
}

impl<T: Real> LinearModel<T> {
    /// The expansion at θ₀ = `origin`, where `jacobian` was evaluated; δ = 0.
    ///
    /// # Panics
    /// If `origin` has not one element a parameter.
    #[track_caller]
    pub fn new(jacobian: Jacobian<T>, origin: Vec<T>) -> Self {
        let parameters = jacobian.linearized().mask().full_len();
        assert!(origin.len() == parameters, "{parameters} parameters, got {}", origin.len());
        Self { delta: vec![T::zero(); jacobian.columns()], jacobian, origin }
    }

    /// θ₀.
    pub fn origin(&self) -> &[T] {
        &self.origin
    }

    /// δ.
    pub fn delta(&self) -> &[T] {
        &self.delta
    }

    /// δ, to be trained.
    pub fn delta_mut(&mut self) -> &mut [T] {
        &mut self.delta
    }

    /// θ₀ + δ, full: frozen tensors are those of θ₀.
    pub fn theta(&self) -> Vec<T> {
        self.jacobian.linearized().mask().moved(&self.origin, T::one(), &self.delta)
    }

    /// The Jacobian at θ₀, of the batch this model is trained on.
    pub fn jacobian(&self) -> &Jacobian<T> {
        &self.jacobian
    }

    /// `out` = f_lin(θ₀ + δ) on the batch of the Jacobian.
    ///
    /// # Panics
    /// If `out` has not one element a row.
    #[track_caller]
    pub fn value(&self, out: &mut [T]) {
        self.along(&self.delta, out);
    }

    /// `out` = f_lin(θ) on the batch of the Jacobian, for a full θ, whose frozen elements are not read.
    ///
    /// # Panics
    /// If θ has not one element a parameter, or `out` one a row.
    #[track_caller]
    pub fn predict(&self, theta: &[T], out: &mut [T]) {
        let mask = self.jacobian.linearized().mask();
        assert!(theta.len() == self.origin.len(), "{} parameters, got {}", self.origin.len(), theta.len());
        assert!(out.len() == self.jacobian.rows(), "{} rows, got {}", self.jacobian.rows(), out.len());
        self.jacobian.pool().lend(mask.len(), |delta| {
            mask.difference(theta, &self.origin, delta);
            self.along(delta, out);
        });
    }

    /// f_lin(θ₀ + δ) on other inputs, flat, for any number of examples of a network. They are computed as many at a time
    /// as the batch of the Jacobian is, with the same programs.
    ///
    /// # Panics
    /// If x does not divide into examples.
    #[track_caller]
    pub fn predict_on(&self, x: &[T]) -> Vec<T> {
        let here = self.jacobian.linearized();
        let there = here.resized(here.examples(x.len()));
        there.check(self.origin.len(), x.len());
        let (mut out, pool) = (vec![T::zero(); there.rows()], Pool::new(self.jacobian.pool().threads()));
        let mut shared = Vec::new();
        for chunk in there.chunks() {
            let programs = chunk.programs;
            if chunk.first {
                shared.resize(programs.kept[0], T::zero());
                pool.run(&programs.shared, &[&self.origin], &mut [&mut shared]);
            }
            pool.lend(chunk.made(), |made| {
                pool.run(&programs.primal, &[&self.origin, &x[chunk.x.clone()]], &mut [made]);
                let (value, residuals) = made.split_at(chunk.rows.len());
                let out = &mut out[chunk.rows.clone()];
                pool.run(&programs.tangent, &[&shared, residuals, &self.delta], &mut [&mut *out]);
                add(out, value);
            });
        }
        out
    }

    /// Moves θ₀ to another point, and x to another batch of the same size; δ = 0. So
    /// `model.relinearize(&model.theta(), &x)` is the linear model around what has been trained.
    ///
    /// # Panics
    /// If θ has not one element a parameter, or x is not as many examples as before.
    #[track_caller]
    pub fn relinearize(&mut self, theta: &[T], x: &[T]) {
        self.jacobian.relinearize(theta, x);
        self.origin.copy_from_slice(theta);
        self.delta.fill(T::zero());
    }

    #[track_caller]
    fn along(&self, delta: &[T], out: &mut [T]) {
        self.jacobian.apply(delta, out);
        add(out, self.jacobian.value());
    }
}

fn add<T: Real>(sum: &mut [T], terms: &[T]) {
    sum.iter_mut().zip(terms).for_each(|(sum, &term)| *sum += term);
}

/// The program (δ, f₀, r) ↦ f₀ + J δ of a linearized program of one output: f_lin as a function of δ = θ − θ₀, given
/// f₀ = f(θ₀) and the residuals at θ₀. It can be trained as any other program.
pub fn linear_program(linearization: &Linearization) -> Graph {
    let tangent = &linearization.tangent;
    let g = Builder::new();
    let delta: Vec<Var<'_>> = tangent.inputs().iter().map(|shape| g.input(shape.clone())).collect();
    let value = g.input(tangent.graph().output_shapes().next().expect("a model has one output").clone());
    let residuals: Vec<Var<'_>> = tangent.residuals().iter().map(|shape| g.input(shape.clone())).collect();
    let change = g.call(tangent.graph(), &[residuals, delta].concat());
    g.finish(&[value + change[0]])
}
