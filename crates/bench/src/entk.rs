//! Tangent kernels of a batch with itself, at fixed programs.

use std::hint::black_box;

use cotangent::prelude::*;

use crate::timing::{best_of_five, pattern};

/// The tangent kernel of a multilayer perceptron in NTK parameterization.
#[derive(Clone, Debug, PartialEq)]
pub struct Entk {
    name: &'static str,
    kind: Kind,
    activation: Activation,
    examples: usize,
    inputs: usize,
    width: usize,
    depth: usize,
    outputs: usize,
}

/// All of them, from small to large.
pub const ENTKS: [Entk; 4] = [
    Entk {
        name: "entk.s",
        kind: Kind::Full,
        activation: Activation::ERF,
        examples: 128,
        inputs: 64,
        width: 512,
        depth: 2,
        outputs: 1,
    },
    Entk {
        name: "entk.m.trace",
        kind: Kind::Trace,
        activation: Activation::Relu,
        examples: 128,
        inputs: 784,
        width: 512,
        depth: 3,
        outputs: 10,
    },
    Entk {
        name: "entk.m.full",
        kind: Kind::Full,
        activation: Activation::Relu,
        examples: 128,
        inputs: 784,
        width: 512,
        depth: 3,
        outputs: 10,
    },
    Entk {
        name: "entk.l",
        kind: Kind::Trace,
        activation: Activation::Relu,
        examples: 256,
        inputs: 784,
        width: 2048,
        depth: 3,
        outputs: 1,
    },
];

impl Entk {
    /// Its name as a row.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Seconds of one kernel in f32. To be called inside [`Threads::install`].
    pub fn seconds(&self, threads: &Threads) -> f64 {
        let hidden = vec![self.width; self.depth];
        let net = mlp(&hidden, self.outputs, self.activation.clone(), Scaling::ntk(1.5, 0.05));
        let network = Network::new(net, [self.inputs]);
        let (theta, x) = (network.init::<f32>(0), pattern(self.examples * self.inputs));
        let mut tiles = Empirical::ntk(&network).tiles(self.kind, self.examples, None, threads);
        let mut kernel = [tiles.zeros()];
        best_of_five(0.3, || {
            tiles.run(black_box(&theta), black_box(&x), None, &mut kernel, &mut |_, _| {});
            black_box(&mut kernel);
        })
    }
}
