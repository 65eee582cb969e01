//! Kernels of random networks, held against those of infinite width.

use cotangent::kernels::Average;
use cotangent::kernels::measures::relative_change;
use cotangent::prelude::{Activation, Dense, Network, Scaling, Threads};
use faer::MatRef;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::hidden::Hidden;

const INPUTS: usize = 1024;
const EXAMPLES: usize = 20;
/// So many networks, at most, are seen one by one.
const SINGLE: usize = 16;

/// ‖Θ(M, n) − Θ‖_F/‖Θ‖_F for the mean tangent kernel of one output of M networks of n units, and the same for K, the covariance of
/// their last hidden units.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KernelErrors {
    /// Of single networks, the geometric mean over the first 16.
    pub single: [f64; 2],
    /// Of means over the first 1, 2, 4, … networks.
    pub means: Vec<[f64; 2]>,
}

impl KernelErrors {
    /// Of so many networks with `depth` hidden relu layers of `width` units, σ_w² = 2 and no biases, one after another, on 20 inputs
    /// from N(0, 1) with 1024 components.
    ///
    /// # Errors
    /// None, as kernels of infinite width are known for these networks.
    pub fn of_networks(
        [depth, width]: [usize; 2],
        networks: usize,
        seed: u64,
        done: &dyn Fn(f64),
    ) -> Result<Self, Failure> {
        let threads = Threads::available();
        // The parameters of a wide linear layer are as good a source of normal numbers as any.
        let source = Network::new(Dense { width: EXAMPLES, scaling: Scaling::ntk(1.0, 0.0) }, [INPUTS]);
        let x = &source.init::<f32>(seed)[..EXAMPLES * INPUTS];
        let scaling = Scaling::ntk(2.0_f64.sqrt(), 0.0);
        let hidden = Hidden::new(INPUTS, [depth, width], 1, &Activation::Relu, scaling);
        let limits = hidden.limits(x, &threads)?;

        let (mut averages, mut single, mut means) = (None::<[Average<f32>; 2]>, [0.0; 2], Vec::new());
        let first = (seed << 32) + ((depth * width) << 12) as u64;
        let counts: Vec<usize> = (1..=networks).collect();
        for counts in counts.chunks(threads.count().min(4)) {
            // Drawing parameters takes most of the time.
            let drawn: Vec<Vec<f32>> = std::thread::scope(|scope| {
                let network = &hidden.network;
                let draw = |count: &usize| first + *count as u64;
                let drawing: Vec<_> =
                    counts.iter().map(draw).map(|seed| scope.spawn(move || network.init(seed))).collect();
                drawing.into_iter().map(|thread| thread.join().expect("drawing does not panic")).collect()
            });
            for (&count, theta) in counts.iter().zip(&drawn) {
                let kernels = hidden.kernels(theta, x, &threads);
                let error = |i: usize, of: MatRef<'_, f32>| relative_change(of, limits[i].matrix());
                if count <= SINGLE {
                    let parts = networks.min(SINGLE) as f64;
                    for (i, (single, kernel)) in single.iter_mut().zip(&kernels).enumerate() {
                        *single += error(i, kernel.matrix()).ln() / parts;
                    }
                }
                match &mut averages {
                    Some(averages) => {
                        averages.iter_mut().zip(&kernels).for_each(|(mean, kernel)| mean.add(kernel));
                    }
                    none => *none = Some(kernels.map(Average::new)),
                }
                if let Some(averages) = averages.as_ref().filter(|_| count.is_power_of_two()) {
                    means.push([0, 1].map(|i| error(i, averages[i].mean().matrix())));
                }
                done(count as f64 / networks as f64);
            }
        }
        Ok(Self { single: single.map(f64::exp), means })
    }
}
