//! Convolutional and residual networks on images. (Lee et al. 2019, Figs S2 and S5, Table S1.)

use cotangent::autodiff::Padding;
use cotangent::nets::{Conv, GlobalAvgPool, LayerNorm, Over, Sum, Windows, residual};
use cotangent::prelude::*;

/// Three convolutions with tanh, and a readout.
pub fn convolutional(channels: usize, image: [usize; 3]) -> Network {
    let layer = |net: Serial, _| net.then(conv(channels, 1)).then(Activation::Tanh);
    readout((0..3).fold(Serial::new(), layer), image)
}

/// A wide residual network of depth 10: a convolution, three blocks of two, of which the second and the third halve the image, and a
/// readout. Each image is normalised by itself, not as one of a batch, so that outputs are functions of one image.
pub fn wide_residual(channels: usize, image: [usize; 3]) -> Network {
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
