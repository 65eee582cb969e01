//! Neural networks in NTK parameterization, as programs.
//!
//! A [`Module`] says two things about a layer: which parameters it has, and what it does to a batch. A [`Network`]
//! is a module together with the shape of one example; it can be drawn at random and traced to a program, which
//! `autodiff` differentiates, linearizes and runs.
//!
//! All parameters are drawn from N(0, 1); the scales σ_w/√n and σ_b stand in the forward pass (Jacot et al. 2018,
//! section 3; Lee et al. 2019, Eq. 1), so that the tangent kernel has a limit as widths grow.
//!
//! ```
//! use autodiff::{Plan, Threads};
//! use nets::{Activation, Network, mlp};
//!
//! // 4 inputs, two hidden layers of 16 units, 2 outputs; σ_w = 1.5, σ_b = 0.05.
//! let network = Network::new(mlp(&[16, 16], 2, Activation::Erf, 1.5, 0.05), [4]);
//! assert_eq!(network.parameters().len(), 4 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2);
//! assert_eq!(network.parameters().tensors()[0].name, "0.weight");
//!
//! let theta: Vec<f64> = network.init(0);
//! let program = network.program(3);                   // (θ tensor by tensor, x:[3,4]) ↦ y:[3,2]
//! let plan = Plan::new(&program);
//! let (x, mut y) = ([0.1; 12], [0.0; 6]);
//! plan.run(&[&theta, &x], &mut [&mut y], &mut plan.workspace(&Threads::one()));
//! assert!(y.iter().all(|y| y.is_finite()));
//! ```

mod activation;
mod dense;
mod module;
mod network;
mod normal;
mod parameters;
mod serial;

pub use activation::{Activation, UnknownActivation};
pub use dense::Dense;
pub use module::Module;
pub use network::Network;
pub use parameters::{Parameter, Parameters};
pub use serial::{Serial, mlp};
