//! Tangent kernels of infinite width, of a batch with itself.

use std::hint::black_box;

use cotangent::kernels::{Infinite, Which};
use cotangent::prelude::*;

use crate::timing::{best_of_five, pattern};

/// The limit of a perceptron with 784 inputs and 3 hidden layers in NTK parameterization.
#[derive(Clone, Debug, PartialEq)]
pub struct Inf {
    activation: Activation,
    examples: usize,
}

/// All of them.
pub const INFS: [Inf; 4] = [
    Inf { activation: Activation::Relu, examples: 1000 },
    Inf { activation: Activation::ERF, examples: 1000 },
    Inf { activation: Activation::Relu, examples: 4000 },
    Inf { activation: Activation::ERF, examples: 4000 },
];

impl Inf {
    /// Its name as a row.
    pub fn name(&self) -> String {
        format!("inf.{}.{}", self.activation, self.examples)
    }

    /// Seconds of one tangent kernel in f32, plans included. To be called inside [`Threads::install`].
    ///
    /// # Panics
    /// Never: these networks have limits.
    pub fn seconds(&self, threads: &Threads) -> f64 {
        const INPUTS: usize = 784;
        let net = mlp(&[512; 3], 1, self.activation.clone(), Scaling::ntk(1.5, 0.05));
        let limit = Infinite::new(&Network::new(net, [INPUTS])).expect("a limit");
        let x = pattern(self.examples * INPUTS);
        best_of_five(0.3, || {
            black_box(limit.kernel(Which::Ntk, black_box(&x), None, threads));
        })
    }
}
