//! Pooling: what windows hold, added up or averaged, channel by channel.

use autodiff::{Shape, Var};

use super::Windows;
use crate::description::Layer;
use crate::module::{Module, Reason, Refused, Signature};

/// Σ or the mean over each window of a signal or an image. Padded zeros count: the mean is Σ over the size of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The windows.
    pub windows: Windows,
    /// Whether sums are divided by the size of a window.
    pub mean: bool,
}

impl Pool {
    /// Means over windows.
    pub fn average(windows: Windows) -> Self {
        Self { windows, mean: true }
    }

    /// Sums over windows.
    pub fn sum(windows: Windows) -> Self {
        Self { windows, mean: false }
    }
}

impl Module for Pool {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let mut output = self.windows.count(if self.mean { "avg_pool" } else { "sum_pool" }, example)?;
        output.push(example[example.rank() - 1]);
        Ok(Signature::without_parameters(&output[..]))
    }

    fn apply<'g>(&self, _parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let axes: Vec<usize> = (0..self.windows.size.len()).map(|i| 2 + 2 * i).collect();
        let sum = self.windows.of(x).sum(&axes);
        let size: usize = self.windows.size.iter().product();
        if self.mean { over(size, sum) } else { sum }
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer::Pool(self.clone()))
    }
}

/// The mean over all places of a signal or an image: (H, W, C) becomes (C).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalAvgPool;

impl Module for GlobalAvgPool {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        if example.rank() < 2 {
            let (module, wanted) = ("global_avg_pool", "signals and images");
            return Err(Reason::Rank { module, wanted, example: example.clone() }.into());
        }
        Ok(Signature::without_parameters([example[example.rank() - 1]]))
    }

    fn apply<'g>(&self, _parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let shape = x.shape();
        let places: Vec<usize> = (1..shape.rank() - 1).collect();
        over(places.iter().map(|&axis| shape[axis]).product(), x.sum(&places))
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer::GlobalAvgPool)
    }
}

#[allow(clippy::cast_precision_loss, reason = "windows have far fewer than 2⁵³ elements")]
fn over(size: usize, sum: Var<'_>) -> Var<'_> {
    sum.scale((size as f64).recip())
}
