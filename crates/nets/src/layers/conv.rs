//! Conv: a dense layer at every place of a signal or an image, with the same weights.

use autodiff::{Axes, Shape, Var, einsum};

use super::Windows;
use crate::description::Layer;
use crate::module::{Module, Reason, Refused, Signature};
use crate::scaling::Scaling;

/// A convolution: at each window, z = patch · W + b, with weights W (size… × inputs × outputs) and biases b (outputs).
/// Signals are (width, channels), images (height, width, channels). The fan-in is that of a patch, so in NTK
/// parameterization z = σ_w/√(size · inputs) · patch · W + σ_b · b. (Novak et al. 2019, Eq. 2, with this fan-in.)
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// The number of output channels.
    pub channels: usize,
    /// The patches.
    pub windows: Windows,
    /// The distribution of weights and biases.
    pub scaling: Scaling,
}

impl Module for Conv {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let Self { channels, ref windows, scaling } = *self;
        let mut output = windows.count("conv", example)?;
        if channels == 0 {
            let wanted = "at least 1";
            return Err(Reason::Setting { module: "conv", field: "channels", value: 0.0, wanted }.into());
        }
        scaling.check("conv")?;
        let inputs = example[example.rank() - 1];
        output.push(channels);
        let shape = [&windows.size[..], &[inputs, channels]].concat();
        let fan_in = shape[..shape.len() - 1].iter().fold(1_usize, |product, &n| product.saturating_mul(n));
        let parameters =
            vec![scaling.weight("weight", Shape::from(&shape[..]), fan_in), scaling.bias("bias", [channels])];
        Ok(Signature { parameters, output: Shape::from(&output[..]) })
    }

    #[track_caller]
    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let &[weight, bias] = parameters else {
            panic!("a convolution has two parameters, got {}", parameters.len())
        };
        let patches = self.windows.of(x);
        let z = match self.windows.size.len() {
            1 => einsum("nwfc,fco->nwo", patches, weight),
            _ => einsum("nhfwgc,fgco->nhwo", patches, weight),
        };
        let places = z.shape();
        z + bias.broadcast(Axes::new(places[..places.rank() - 1].iter().copied().enumerate()))
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer::Conv(self.clone()))
    }
}
