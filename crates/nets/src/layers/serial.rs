//! Serial: modules one after another.

use autodiff::{Shape, Var};

use super::{Activation, Dense};
use crate::description::Layer;
use crate::limit::Limit;
use crate::module::{Module, Reason, Refused, Signature, apply_next};
use crate::parameters::elements;
use crate::scaling::Scaling;

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

impl From<Vec<Box<dyn Module>>> for Serial {
    fn from(modules: Vec<Box<dyn Module>>) -> Self {
        Self { modules }
    }
}

impl Module for Serial {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let mut all = Signature::without_parameters(example.clone());
        for (i, module) in self.modules.iter().enumerate() {
            let own = module.signature(&all.output).map_err(|refused| refused.within(i))?;
            all.parameters.extend(own.parameters.into_iter().map(|declared| declared.within(i)));
            if elements(&own.output).is_none() {
                return Err(Refused::from(Reason::Size { shape: own.output }).within(i));
            }
            all.output = own.output;
        }
        Ok(all)
    }

    #[track_caller]
    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let mut rest = parameters;
        self.modules.iter().fold(x, |h, module| apply_next(module.as_ref(), &mut rest, h))
    }

    fn limit<'g>(&self, example: &Shape, input: Limit<'g>) -> Result<Limit<'g>, Refused> {
        let mut example = example.clone();
        let mut limit = input;
        for (i, module) in self.modules.iter().enumerate() {
            limit = module.limit(&example, limit).map_err(|refused| refused.within(i))?;
            example = module.signature(&example).map_err(|refused| refused.within(i))?.output;
        }
        Ok(limit)
    }

    fn layer(&self) -> Option<Layer> {
        self.modules.iter().map(|module| module.layer()).collect::<Option<_>>().map(Layer::Serial)
    }
}

/// A multilayer perceptron: hidden layers of the given widths, each followed by `activation`, and a linear readout
/// of `outputs` units; the scaling is the same everywhere.
#[allow(clippy::needless_pass_by_value, reason = "activations are written where they are passed")]
pub fn mlp(hidden: &[usize], outputs: usize, activation: Activation, scaling: Scaling) -> Serial {
    let dense = |width| Dense { width, scaling };
    let body =
        hidden.iter().fold(Serial::new(), |net, &width| net.then(dense(width)).then(activation.clone()));
    body.then(dense(outputs))
}
