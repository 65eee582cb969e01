//! LayerNorm: every example is shifted and scaled to mean 0 and variance 1.

use autodiff::{Axes, Shape, Var};

use crate::description::Layer;
use crate::limit::Limit;
use crate::module::{Module, Reason, Refused, Signature};

/// (z − mean)/√(variance + ε) over the channels at each place, or over a whole example. There are no parameters.
/// (Ba, Kiros, Hinton 2016.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// What is added to the variance.
    pub epsilon: f64,
    /// What means and variances are taken over.
    pub over: Over,
}

/// What means and variances are taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// The channels at each place.
    #[default]
    Channels,
    /// All places and channels of an example.
    Everything,
}

impl Default for LayerNorm {
    fn default() -> Self {
        Self { epsilon: 1e-5, over: Over::Channels }
    }
}

impl Module for LayerNorm {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let (module, field, value) = ("layer_norm", "epsilon", self.epsilon);
        if !(value.is_finite() && value > 0.0) {
            return Err(Reason::Setting { module, field, value, wanted: "a positive number" }.into());
        }
        if example.rank() == 0 {
            return Err(
                Reason::Rank { module, wanted: "vectors and images", example: example.clone() }.into()
            );
        }
        Ok(Signature::without_parameters(example.clone()))
    }

    fn apply<'g>(&self, _parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let shape = x.shape();
        let first = match self.over {
            Over::Channels => shape.rank() - 1,
            Over::Everything => 1,
        };
        let axes: Vec<usize> = (first..shape.rank()).collect();
        let repeated = Axes::new(axes.iter().map(|&axis| (axis, shape[axis])));
        #[allow(clippy::cast_precision_loss, reason = "examples have far fewer than 2⁵³ elements")]
        let count = shape[first..].iter().product::<usize>() as f64;
        let mean = |y: Var<'g>| y.sum(&axes).scale(count.recip());
        let centred = x - mean(x).broadcast(repeated.clone());
        let variance = mean(centred * centred);
        centred * (variance + self.epsilon).rsqrt().broadcast(repeated)
    }

    /// K/√((q₁ + ε)(q₂ + ε)): of many channels with mean 0, the variance is q.
    fn limit<'g>(&self, example: &Shape, input: Limit<'g>) -> Result<Limit<'g>, Refused> {
        self.signature(example)?;
        if !input.gaussian {
            let why = "needs inputs with mean 0 that a layer with weights makes";
            return Err(Reason::NoLimit { module: "layer_norm".into(), why }.into());
        }
        let scale = input.variances.map(|q| {
            let places: Vec<usize> = match self.over {
                Over::Channels => Vec::new(),
                Over::Everything => (1..q.shape().rank()).collect(),
            };
            let repeated = Axes::new(places.iter().map(|&axis| (axis, q.shape()[axis])));
            #[allow(clippy::cast_precision_loss, reason = "examples have far fewer than 2⁵³ elements")]
            let count = places.iter().map(|&axis| q.shape()[axis]).product::<usize>() as f64;
            let mean =
                if places.is_empty() { q } else { q.sum(&places).scale(count.recip()).broadcast(repeated) };
            (mean + self.epsilon).rsqrt()
        });
        let both = input.outer(scale);
        let variances = [0, 1].map(|side| input.variances[side] * scale[side] * scale[side]);
        Ok(Limit { nngp: input.nngp * both, ntk: input.ntk.map(|ntk| ntk * both), variances, ..input })
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer::LayerNorm(*self))
    }
}
