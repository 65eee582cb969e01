//! Serial: modules one after another.

use autodiff::{Shape, Var};

use crate::activation::Activation;
use crate::dense::Dense;
use crate::module::Module;

/// Modules applied one after another. The parameters of the `i`-th are named `i.…`.
#[derive(Debug, Default)]
pub struct Serial {
    modules: Vec<Box<dyn Module>>,
}

impl Serial {
    /// No modules yet: the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// Followed by `module`.
    #[must_use]
    pub fn then(mut self, module: impl Module + 'static) -> Self {
        self.modules.push(Box::new(module));
        self
    }
}

impl Module for Serial {
    fn parameters(&self, example: &Shape) -> Vec<(String, Shape)> {
        let mut example = example.clone();
        let mut all = Vec::new();
        for (i, module) in self.modules.iter().enumerate() {
            let own = module.parameters(&example);
            all.extend(own.into_iter().map(|(name, shape)| (format!("{i}.{name}"), shape)));
            example = module.output(&example);
        }
        all
    }

    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let mut rest = parameters;
        let mut h = x;
        for module in &self.modules {
            let example = Shape::from(&h.shape()[1..]);
            let (own, others) = rest.split_at(module.parameters(&example).len());
            (h, rest) = (module.apply(own, h), others);
        }
        h
    }

    fn output(&self, example: &Shape) -> Shape {
        self.modules.iter().fold(example.clone(), |example, module| module.output(&example))
    }
}

/// A multilayer perceptron: hidden layers of the given widths, each followed by `activation`, and a linear readout
/// of `outputs` units; σ_w and σ_b are the same everywhere.
pub fn mlp(hidden: &[usize], outputs: usize, activation: Activation, sigma_w: f64, sigma_b: f64) -> Serial {
    let dense = |width| Dense { width, sigma_w, sigma_b };
    let body = hidden.iter().fold(Serial::new(), |net, &width| net.then(dense(width)).then(activation));
    body.then(dense(outputs))
}
