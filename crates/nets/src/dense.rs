//! Dense: z = σ_w/√n h W + σ_b b.
//!
//! Examples are rows, so weights are stored with outputs next to each other: the product that every step and every J·v
//! begins with then reads both of its arguments in the order in which they lie in memory.

use autodiff::{Axes, Shape, Var, einsum};

use crate::module::Module;

/// A fully connected layer in NTK parameterization: z = σ_w/√n · h W + σ_b · b, where n is the number of inputs and
/// all entries of W (inputs × outputs) and b (outputs) are drawn from N(0, 1). (Lee et al. 2019, Eq. 1.)
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// The number of outputs.
    pub width: usize,
    /// The standard deviation of the effective weights, times √n.
    pub sigma_w: f64,
    /// The standard deviation of the effective biases.
    pub sigma_b: f64,
}

impl Module for Dense {
    #[track_caller]
    fn parameters(&self, example: &Shape) -> Vec<(String, Shape)> {
        assert!(example.rank() == 1, "dense layers apply to vectors, not to examples of shape {example}");
        let weight = Shape::from([example[0], self.width]);
        vec![("weight".into(), weight), ("bias".into(), [self.width].into())]
    }

    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let &[weight, bias] = parameters else {
            panic!("a dense layer has two parameters, got {}", parameters.len())
        };
        let [batch, inputs] = x.shape()[..] else {
            panic!("dense layers apply to vectors, not to {}", x.shape())
        };
        #[allow(clippy::cast_precision_loss, reason = "widths are far below 2⁵³")]
        let c = self.sigma_w / (inputs as f64).sqrt();
        let bias = (self.sigma_b * bias).broadcast(Axes::new([(0, batch)]));
        c * einsum("ni,io->no", x, weight) + bias
    }

    fn output(&self, _example: &Shape) -> Shape {
        [self.width].into()
    }
}
