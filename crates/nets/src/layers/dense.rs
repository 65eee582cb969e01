//! Dense: z = h W + b.
//!
//! Examples are rows, so weights are stored with outputs next to each other: the product that every step and every J·v
//! begins with then reads both of its arguments in the order in which they lie in memory.

use autodiff::{Axes, Shape, Var, einsum};

use crate::description::Layer;
use crate::module::{Module, Reason, Refused, Signature};
use crate::scaling::Scaling;

/// A fully connected layer: z = h W + b, with weights W (inputs × outputs) and biases b (outputs). In NTK
/// parameterization that is σ_w/√n · h W + σ_b · b with W, b ~ N(0, 1) and n inputs. (Lee et al. 2019, Eq. 1.)
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// The number of outputs.
    pub width: usize,
    /// The distribution of weights and biases.
    pub scaling: Scaling,
}

impl Module for Dense {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let Self { width, scaling } = *self;
        let [inputs] = example[..] else {
            let wanted = "vectors (put flatten before it)";
            return Err(Reason::Rank { module: "dense", wanted, example: example.clone() }.into());
        };
        if width == 0 {
            let wanted = "at least 1";
            return Err(Reason::Setting { module: "dense", field: "width", value: 0.0, wanted }.into());
        }
        scaling.check("dense")?;
        let parameters =
            vec![scaling.weight("weight", [inputs, width], inputs), scaling.bias("bias", [width])];
        Ok(Signature { parameters, output: [width].into() })
    }

    #[track_caller]
    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let &[weight, bias] = parameters else {
            panic!("a dense layer has two parameters, got {}", parameters.len())
        };
        einsum("ni,io->no", x, weight) + bias.broadcast(Axes::new([(0, x.shape()[0])]))
    }
    fn layer(&self) -> Option<Layer> {
        Some(Layer::Dense(self.clone()))
    }
}
