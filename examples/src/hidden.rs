//! Networks with hidden layers of one width, and both of their kernels.

use cotangent::kernels::Infinite;
use cotangent::prelude::*;

use crate::Failure;

/// A dense network, and its hidden layers alone.
pub(crate) struct Hidden {
    pub(crate) network: Network,
    layers: Network,
    ntk: Empirical,
    nngp: Empirical,
}

impl Hidden {
    /// Of some inputs, so many layers of a width, and outputs.
    pub(crate) fn new(
        inputs: usize,
        [depth, width]: [usize; 2],
        outputs: usize,
        activation: &Activation,
        scaling: Scaling,
    ) -> Self {
        let layer = |layers: Serial, _| layers.then(Dense { width, scaling }).then(activation.clone());
        let hidden = || (0..depth).fold(Serial::new(), layer);
        let network = Network::new(hidden().then(Dense { width: outputs, scaling }), [inputs]);
        let layers = Network::new(hidden(), [inputs]);
        let (ntk, nngp) = (Empirical::ntk(&network), Empirical::nngp(&layers));
        Self { network, layers, ntk, nngp }
    }

    /// The tangent kernel, of all outputs with all, and the covariance of the units of the last hidden layer.
    pub(crate) fn kernels(&self, theta: &[f32], x: &[f32], threads: &Threads) -> [Kernel<f32>; 2] {
        let of_layers = &theta[..self.layers.parameters().len()];
        let ntk = self.ntk.kernel(Kind::Full, theta, x, None, threads);
        [ntk, self.nngp.kernel(Kind::Trace, of_layers, x, None, threads)]
    }

    /// The same at infinite width, for one output.
    ///
    /// # Errors
    /// If the activation has none that is known.
    pub(crate) fn limits(&self, x: &[f32], threads: &Threads) -> Result<[Kernel<f32>; 2], Failure> {
        let ntk = Infinite::new(&self.network)?.kernels(x, None, threads).ntk;
        Ok([ntk, Infinite::new(&self.layers)?.kernels(x, None, threads).nngp])
    }
}
