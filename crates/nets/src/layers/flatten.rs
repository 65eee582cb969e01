//! Flatten: images and signals as vectors.

use autodiff::{Shape, Var};

use crate::description::Layer;
use crate::limit::Limit;
use crate::module::{Module, Refused, Signature};

/// All elements of an example as one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flatten {
    /// As they are stored, channels next to each other: (H, W, C) to H·W·C.
    #[default]
    ChannelsLast,
    /// Channel by channel, (H, W, C) to C·H·W: so other libraries flatten, and weights from there fit.
    ChannelsFirst,
}

impl Module for Flatten {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        Ok(Signature::without_parameters([example.size()]))
    }

    fn apply<'g>(&self, _parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let shape = x.shape();
        let (batch, rank) = (shape[0], shape.rank());
        let ordered = match self {
            Self::ChannelsFirst if rank > 2 => {
                x.permute(&[0, rank - 1].into_iter().chain(1..rank - 1).collect::<Vec<_>>())
            }
            _ => x,
        };
        ordered.reshape([batch, shape.size() / batch])
    }

    /// Of a vector, the channels are all places': means over places.
    fn limit<'g>(&self, _example: &Shape, input: Limit<'g>) -> Result<Limit<'g>, Refused> {
        let places = input.variances[0].shape().rank() - 1;
        if places == 0 {
            return Ok(input);
        }
        #[allow(clippy::cast_precision_loss, reason = "examples have far fewer than 2⁵³ elements")]
        let share = (input.variances[0].shape()[1..].iter().product::<usize>() as f64).recip();
        let mean =
            move |y: Var<'g>, first: usize| y.sum(&(first..first + places).collect::<Vec<_>>()).scale(share);
        // Units differ in their variances, which are only means here: a layer with weights must follow.
        let input = Limit { gaussian: false, ..input };
        Ok(input.linear(|pairs| mean(pairs, 2), |single| mean(single, 1)))
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer::Flatten(*self))
    }
}
