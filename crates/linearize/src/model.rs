//! The linear model f_lin(θ) = f(θ₀) + J(θ₀) (θ − θ₀).

use autodiff::{Builder, Graph, Linearization, Real, Var};

use crate::jacobian::Jacobian;

/// A model linear in its parameters: the first-order Taylor expansion of a program at θ₀, for one batch of inputs.
#[derive(Debug)]
pub struct LinearModel<T: Real> {
    jacobian: Jacobian<T>,
    origin: Vec<T>,
    shift: Vec<T>,
}

impl<T: Real> LinearModel<T> {
    /// The expansion at θ₀ = `origin`, where `jacobian` was evaluated.
    ///
    /// # Panics
    /// If `origin` has not one element a column of `jacobian`.
    #[track_caller]
    pub fn new(jacobian: Jacobian<T>, origin: Vec<T>) -> Self {
        assert!(
            origin.len() == jacobian.columns(),
            "{} parameters, got {}",
            jacobian.columns(),
            origin.len()
        );
        Self { jacobian, shift: vec![T::zero(); origin.len()], origin }
    }

    /// θ₀.
    pub fn origin(&self) -> &[T] {
        &self.origin
    }

    /// The Jacobian at θ₀.
    pub fn jacobian(&mut self) -> &mut Jacobian<T> {
        &mut self.jacobian
    }

    /// `out` = f_lin(θ).
    ///
    /// # Panics
    /// If `theta` or `out` has another length than the parameters or the output.
    #[track_caller]
    pub fn predict(&mut self, theta: &[T], out: &mut [T]) {
        assert!(theta.len() == self.origin.len(), "{} parameters, got {}", self.origin.len(), theta.len());
        for ((shift, &theta), &origin) in self.shift.iter_mut().zip(theta).zip(&self.origin) {
            *shift = theta - origin;
        }
        self.jacobian.apply(&self.shift, out);
        out.iter_mut().zip(self.jacobian.value()).for_each(|(y, &f0)| *y += f0);
    }
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
