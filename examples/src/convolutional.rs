//! Convolutional and residual networks on images. (Lee et al. 2019, Figs S2 and S5, Table S1.)

use cotangent::autodiff::Padding;
use cotangent::nets::{Conv, GlobalAvgPool, LayerNorm, Over, Sum, Windows, residual};
use cotangent::prelude::*;
use cotangent::train::rmse;
use serde::Serialize;

use crate::{Each, Failure, HORSES_AND_PLANES, Images, both_outputs, loss, side_by_side};

/// A network, and how it is trained: on images of two classes, with momentum 0.9.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// A wide residual network of depth 10, or three convolutions.
    pub residual: bool,
    /// Of each layer.
    pub channels: usize,
    /// Of gradient descent on ½ the mean square error.
    pub rate: f64,
    /// Of that.
    pub steps: usize,
    /// Of the network, and of the choice of images.
    pub seed: u64,
    /// Height, width and colors of an image.
    pub image: [usize; 3],
    /// As many to train on as to test on.
    pub examples: usize,
}

impl Point {
    /// Trains it and its linear model by the same steps. After each of so many: the root mean square of f − f_lin on images to
    /// test on, and the losses of both.
    ///
    /// # Errors
    /// If there are not so many images, or training diverges.
    pub fn follow(
        &self,
        images: &[Images; 2],
        records: &[usize],
        done: &dyn Fn(f64),
    ) -> Result<Vec<[f64; 3]>, Failure> {
        let task: Task<f32> = Images::task(images, &HORSES_AND_PLANES, [self.examples; 2], self.seed)?;
        let task = images[0].standardise(Each::Channel, task);
        let network = if self.residual { wide_residual } else { convolutional };
        let network = network(self.channels, self.image);
        let settings = Settings {
            optimiser: Optimiser::HeavyBall { momentum: 0.9 },
            threads: Threads::available(),
            ..Settings::new(self.rate, self.steps)
        };
        let mut seen = Vec::new();
        let look = |models: &mut [&mut dyn Model<f32>]| {
            let [[f, g], [f_lin, g_lin]] = [0, 1].map(|i: usize| both_outputs(models[i]));
            let losses = [f, f_lin].map(|f| loss(&settings.objective, 1, &f, &task.train_y));
            seen.push([rmse(&g, &g_lin), losses[0], losses[1]]);
        };
        side_by_side(&network, &network.init(self.seed), &task, &settings, records, done, look)?;
        Ok(seen)
    }
}

/// Three convolutions with tanh, and a readout.
fn convolutional(channels: usize, image: [usize; 3]) -> Network {
    let layer = |net: Serial, _| net.then(conv(channels, 1)).then(Activation::Tanh);
    readout((0..3).fold(Serial::new(), layer), image)
}

/// A wide residual network of depth 10: a convolution, three blocks of two, of which the second and the third halve the image, and a
/// readout. Each image is normalised by itself, not as one of a batch, so that outputs are functions of one image.
fn wide_residual(channels: usize, image: [usize; 3]) -> Network {
    let active = || {
        let norm = LayerNorm { over: Over::Everything, ..LayerNorm::default() };
        Serial::new().then(norm).then(Activation::Relu)
    };
    let layer = |stride| active().then(conv(channels, stride));
    let block = |stride| layer(stride).then(layer(1));
    let smaller = || Sum::new().and(layer(2)).and(block(2));
    let first = Serial::new().then(conv(channels, 1)).then(residual(block(1)));
    readout(first.then(smaller()).then(smaller()).then(active()), image)
}

/// 3 × 3, padded with zeros.
fn conv(channels: usize, stride: usize) -> Conv {
    let windows = Windows::new([3, 3], Padding::Same).stride([stride; 2]);
    Conv { channels, windows, scaling: scaling() }
}

/// The mean over all places, and one output.
fn readout(layers: Serial, image: [usize; 3]) -> Network {
    Network::new(layers.then(GlobalAvgPool).then(Dense { width: 1, scaling: scaling() }), image)
}

/// σ_w² = 2, σ_b² = 0.1.
fn scaling() -> Scaling {
    Scaling::ntk(2.0_f64.sqrt(), 0.1_f64.sqrt())
}
