//! Dense: z = h W + b.
//!
//! Examples are rows, so weights are stored with outputs next to each other: the product that every step and every J·v
//! begins with then reads both of its arguments in the order in which they lie in memory.

use autodiff::{Axes, Shape, Var, einsum};

use crate::description::Layer;
use crate::limit::Limit;
use crate::module::{Module, Reason, Refused, Signature};
use crate::scaling::{Parameterization, Scaling};

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

    /// K' = σ_w² K + σ_b², and what W, b and the layers before contribute to the tangent kernel: in terms of the parameters'
    /// multipliers m and deviations s, m_w² n K + m_b² + m_w² s_w² n T. (Jacot et al. 2018, Theorem 1; Sohl-Dickstein et al.
    /// 2020, Eqs. 13 to 16.)
    fn limit<'g>(&self, example: &Shape, input: Limit<'g>) -> Result<Limit<'g>, Refused> {
        let [weight, bias] = &self.signature(example)?.parameters[..] else {
            unreachable!("a dense layer has two parameters")
        };
        #[allow(clippy::cast_precision_loss, reason = "widths are far below 2⁵³")]
        let by_weights = weight.multiplier.powi(2) * example[0] as f64;
        let (by_inputs, shift) = (by_weights * weight.std.powi(2), (bias.multiplier * bias.std).powi(2));
        let by_bias = bias.multiplier.powi(2);
        let own = match self.scaling.parameterization {
            Parameterization::Ntk => input.affine(by_weights, input.nngp, by_bias),
            // Multipliers have no part of σ_w and σ_b.
            Parameterization::Standard { .. } => by_weights * input.nngp + by_bias,
        };
        let ntk = input.ntk.map_or(own, |ntk| own + input.affine(by_inputs, ntk, 0.0));
        let nngp = input.affine(by_inputs, input.nngp, shift);
        let variances = input.affine_variances(by_inputs, shift);
        Ok(Limit { nngp, ntk: Some(ntk), variances, gaussian: true, fresh: true, ..input })
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer::Dense(self.clone()))
    }
}
