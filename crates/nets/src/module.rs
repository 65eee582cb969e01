//! What a layer is.

use std::fmt;

use autodiff::{Shape, Var};

/// A layer, or layers put together: its parameters, and what it does to a batch of examples.
pub trait Module: fmt::Debug + Send + Sync {
    /// The names and shapes of its parameters, all drawn from N(0, 1), for examples of the given shape.
    ///
    /// # Panics
    /// If it does not apply to such examples.
    fn parameters(&self, example: &Shape) -> Vec<(String, Shape)>;

    /// Applies it to a batch `x` of shape (N, example shape), given its parameters in the same order.
    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g>;

    /// The shape of what it makes of one example of the given shape.
    ///
    /// # Panics
    /// If it does not apply to such examples.
    fn output(&self, example: &Shape) -> Shape;
}
