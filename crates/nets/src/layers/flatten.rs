//! Flatten: images and signals as vectors.

use autodiff::{Shape, Var};

use crate::description::Layer;
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

    fn layer(&self) -> Option<Layer> {
        Some(Layer::Flatten(*self))
    }
}
