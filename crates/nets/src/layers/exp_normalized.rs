//! The exponential of normalized vectors.

use autodiff::{Axes, Shape, Var};

use crate::description::Layer;
use crate::limit::{Dual, Limit, TINY, root};
use crate::module::{Module, Reason, Refused, Signature};

/// r exp(√γ z/r + γ(s − 1)/2) with r the root mean square of the channels at each place. There are no parameters.
///
/// Of wide layers, where r² is the variance q, outputs have the covariance √(q₁q₂) exp(γ(ρ + s)), with ρ the correlation of
/// inputs: the exponential kernel of normalized vectors of Mairal et al. (2014) and Shankar et al. (2020). Scaling the input
/// scales the output, like ReLU (so it is not smooth at 0, where it and its derivative are taken to be 0), and with γ = 1 and s = −1 variances stay as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpNormalized {
    /// γ, not negative.
    pub gamma: f64,
    /// s.
    pub shift: f64,
}

impl Default for ExpNormalized {
    fn default() -> Self {
        Self { gamma: 1.0, shift: -1.0 }
    }
}

impl Module for ExpNormalized {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let module = "exp_normalized";
        let refused = |field, value, wanted| Err(Reason::Setting { module, field, value, wanted }.into());
        if !(self.gamma.is_finite() && self.gamma >= 0.0) {
            return refused("gamma", self.gamma, "a number that is not negative");
        }
        if !self.shift.is_finite() {
            return refused("shift", self.shift, "a number");
        }
        if example.rank() == 0 {
            let wanted = "vectors and images";
            return Err(Reason::Rank { module, wanted, example: example.clone() }.into());
        }
        Ok(Signature::without_parameters(example.clone()))
    }

    fn apply<'g>(&self, _parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let last = x.shape().rank() - 1;
        let channels = x.shape()[last];
        #[allow(clippy::cast_precision_loss, reason = "widths are far below 2⁵³")]
        let mean = (x * x).sum(&[last]).scale((channels as f64).recip());
        // Of an example that is 0, r and its derivative are 0.
        let inverse = (mean + TINY).rsqrt();
        let repeated = |of_place: Var<'g>| of_place.broadcast(Axes::new([(last, channels)]));
        let normalized = x * repeated(inverse);
        repeated(mean * inverse)
            * (self.gamma.sqrt() * normalized + self.gamma * (self.shift - 1.0) / 2.0).exp()
    }

    /// E[exp(√γ(u + v))] = exp(γ(1 + ρ)). That r depends on all channels does not matter: in tangent kernels it adds one part in
    /// as many as there are channels.
    fn limit<'g>(&self, example: &Shape, input: Limit<'g>) -> Result<Limit<'g>, Refused> {
        self.signature(example)?;
        if !input.gaussian {
            let why = "needs inputs that a layer with weights makes: put dense before it";
            return Err(Reason::NoLimit { module: "exp_normalized".into(), why }.into());
        }
        let exponential = (self.gamma * (input.correlation() + self.shift)).exp();
        let value = input.outer(input.variances.map(root)) * exponential;
        let squares = input.variances.map(|q| (self.gamma * (1.0 + self.shift)).exp() * q);
        Ok(input.after(Dual { value, derivative: self.gamma * exponential, squares }))
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer::ExpNormalized(*self))
    }
}
