//! Linearized neural networks: the facade of the workspace.
//!
//! Each crate of the workspace is a module here; [`prelude`] holds what most programs use.
//!
//! Linearize a network at θ₀ and compare it with its linear model nearby:
//!
//! ```
//! use cotangent::prelude::*;
//!
//! let network = Network::new(mlp(&[64, 64], 1, Activation::ERF, Scaling::ntk(1.5, 0.05)), [2]);
//! let theta: Vec<f64> = network.init(0);
//! let x = [0.3, -0.8, 0.5, 0.1];                                   // two examples
//! let threads = Threads::available();
//! let jacobian = Linearized::of_network(&network, 2).at(&theta, &x, &threads);
//! let model = LinearModel::new(jacobian, theta.clone());       // f_lin(θ) = f(θ₀) + J(θ₀) (θ − θ₀)
//!
//! let moved: Vec<f64> = theta.iter().map(|t| t + 1e-4).collect();
//! let (mut f, mut f_lin) = ([0.0; 2], [0.0; 2]);
//! let plan = Plan::new(&network.program(2));
//! plan.run(&[&moved, &x], &mut [&mut f], &mut plan.workspace(&threads));
//! model.predict(&moved, &mut f_lin);
//! assert!((f[0] - f_lin[0]).abs() < 1e-4);                         // O(‖θ − θ₀‖²)
//! ```

pub use {autodiff, data, kernels, linearize, nets, train};

/// What most programs use.
pub mod prelude {
    pub use autodiff::{Graph, Plan, Real, Shape, Tensor, Threads, Var, Workspace, einsum};
    pub use kernels::{Empirical, Kernel, Kind, Method};
    pub use linearize::{Jacobian, LinearModel, Linearized, Mask, TaylorModel};
    pub use nets::{Activation, Dense, Description, Module, Network, Scaling, Serial, mlp};
    pub use train::{
        Batches, Course, Decay, Descent, Loss, Model, Objective, Optimiser, Over, Part, Rate, Settings, Task,
        Towards, Way, compare, descend, descent_step,
    };
}

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
