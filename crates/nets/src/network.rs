//! Networks: a module and the shape of its examples.

use std::sync::Arc;

use autodiff::{Graph, Real, Shape};

use crate::module::Module;
use crate::normal::Normal;
use crate::parameters::Parameters;

/// A module applied to examples of one shape. Clones share the module.
#[derive(Clone, Debug)]
pub struct Network {
    module: Arc<dyn Module>,
    example: Shape,
    parameters: Parameters,
}

impl Network {
    /// The network that applies `module` to examples of the given shape.
    ///
    /// # Panics
    /// If the module does not apply to such examples.
    #[track_caller]
    pub fn new(module: impl Module + 'static, example: impl Into<Shape>) -> Self {
        let example = example.into();
        let parameters = Parameters::new(module.parameters(&example));
        Self { module: Arc::new(module), example, parameters }
    }

    /// The shape of one example.
    pub fn example(&self) -> &Shape {
        &self.example
    }

    /// The shape of the output for one example.
    pub fn output(&self) -> Shape {
        self.module.output(&self.example)
    }

    /// The layout of the flat parameter vector.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Parameters drawn from N(0, 1). Each tensor has a random stream of its own, and numbers are drawn in `f64` and
    /// then rounded, so that a network at `f32` starts where the same one at `f64` does.
    pub fn init<T: Real>(&self, seed: u64) -> Vec<T> {
        let mut theta = Vec::with_capacity(self.parameters.len());
        for (stream, tensor) in (0..).zip(self.parameters.tensors()) {
            let mut normal = Normal::new(seed, stream);
            theta.extend((0..tensor.shape.size()).map(|_| T::literal(normal.next())));
        }
        theta
    }

    /// The program (θ, x) ↦ f(x; θ) for a batch of examples: inputs are the parameters tensor by tensor, then x of
    /// shape (batch, example shape).
    pub fn program(&self, batch: usize) -> Graph {
        let parameters = self.parameters.tensors().iter().map(|tensor| tensor.shape.clone());
        let x = [batch].iter().chain(self.example.iter()).copied().collect();
        Graph::trace(parameters.chain([x]), |inputs| {
            let (x, parameters) = inputs.split_last().expect("x is an input");
            vec![self.module.apply(parameters, *x)]
        })
    }
}
