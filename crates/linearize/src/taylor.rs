//! Taylor models of any degree: f(θ₀) + J δ + ½ δᵀ H δ + … .
//!
//! t ↦ f(θ₀ + t δ) has a power series Σ_k y_k t^k; degree 1 is the linear model. Its coefficients are polynomials of
//! degree k in δ, y_k = (1/k!) D^k f(θ₀)[δ, …, δ], computed together by Taylor-mode differentiation.

use autodiff::{Real, Threads};

use crate::linearized::Linearized;
use crate::pool::Pool;

/// The Taylor polynomial of a model around θ₀, as a function of δ over the free parameters and of x.
///
/// At kinks, such as relu's, derivatives are those of the table of functions: second and higher ones see the pieces only.
#[derive(Clone, Debug)]
pub struct TaylorModel<T> {
    linearized: Linearized,
    degree: usize,
    origin: Vec<T>,
}

/// t ↦ Σ_k y_k t^k, elementwise: a model along the line θ₀ + t δ.
#[derive(Clone, Debug, PartialEq)]
pub struct Series<T> {
    coefficients: Vec<Vec<T>>,
}

impl<T: Real> TaylorModel<T> {
    /// The polynomial of that degree around θ₀ = `origin`.
    ///
    /// # Panics
    /// If `origin` has not one element a parameter.
    #[track_caller]
    pub fn new(linearized: &Linearized, degree: usize, origin: &[T]) -> Self {
        let parameters = linearized.mask().full_len();
        assert!(origin.len() == parameters, "{parameters} parameters, got {}", origin.len());
        Self { linearized: linearized.clone(), degree, origin: origin.to_vec() }
    }

    /// The degree.
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// θ₀.
    pub fn origin(&self) -> &[T] {
        &self.origin
    }

    /// The expanded model.
    pub fn linearized(&self) -> &Linearized {
        &self.linearized
    }

    /// The coefficients y_0 … y_degree for a direction δ, and any number of examples of a network.
    ///
    /// # Panics
    /// If δ has not one element a free parameter, or x does not divide into examples.
    #[track_caller]
    pub fn series(&self, delta: &[T], x: &[T], threads: &Threads) -> Series<T> {
        let batch = self.linearized.resized(self.linearized.examples(x.len()));
        batch.check(self.origin.len(), x.len());
        let free = batch.mask().len();
        assert!(delta.len() == free, "{free} free parameters, got {}", delta.len());
        let pool = Pool::new(threads);
        let mut coefficients = vec![vec![T::zero(); batch.rows()]; self.degree + 1];
        for chunk in batch.chunks() {
            let plan = chunk.programs.taylor(self.degree);
            let inputs = [&self.origin[..], &x[chunk.x.clone()], delta];
            pool.lend((self.degree + 1) * chunk.rows.len(), |y| {
                pool.run(&plan, &inputs, &mut [&mut *y]);
                for (coefficient, y) in coefficients.iter_mut().zip(y.chunks_exact(chunk.rows.len())) {
                    coefficient[chunk.rows.clone()].copy_from_slice(y);
                }
            });
        }
        Series { coefficients }
    }

    /// The polynomial at θ₀ + δ, flat, for any number of examples of a network.
    ///
    /// # Panics
    /// If δ has not one element a free parameter, or x does not divide into examples.
    #[track_caller]
    pub fn predict(&self, delta: &[T], x: &[T], threads: &Threads) -> Vec<T> {
        self.series(delta, x, threads).at(T::one(), self.degree)
    }
}

impl<T: Real> Series<T> {
    pub(crate) fn new(coefficients: Vec<Vec<T>>) -> Self {
        Self { coefficients }
    }

    /// y_0, y_1, …, each flat.
    pub fn coefficients(&self) -> &[Vec<T>] {
        &self.coefficients
    }

    /// The terms up to t^degree at t.
    ///
    /// # Panics
    /// If there are no such terms.
    #[track_caller]
    pub fn at(&self, t: T, degree: usize) -> Vec<T> {
        let terms = self.coefficients.len();
        assert!(degree < terms, "degree {degree} of a series of {terms} terms");
        let (last, before) = self.coefficients[..=degree].split_last().expect("a series has a constant term");
        let mut sum = last.clone();
        for coefficient in before.iter().rev() {
            sum.iter_mut().zip(coefficient).for_each(|(sum, &y)| *sum = *sum * t + y);
        }
        sum
    }
}
