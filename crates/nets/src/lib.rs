//! Neural networks, as programs.
//!
//! A [`Module`] says two things about a layer: its signature, which is its parameters and the shape of its output, and
//! what it does to a batch. A [`Network`] is a module together with the shape of one example; it can be drawn at random
//! and traced to a program, which `autodiff` differentiates, linearizes and runs.
//!
//! Modules compute with *effective* parameters, multiplier · θ with θ ~ N(0, std²). A [`Scaling`] says how σ_w and σ_b
//! divide into the two: in NTK parameterization all θ are drawn from N(0, 1), and the scales σ_w/√n and σ_b are
//! multipliers (Jacot et al. 2018, section 3; Lee et al. 2019, Eq. 1), so that the tangent kernel has a limit as widths
//! grow; in standard parameterization they stand in the distribution. A [`Network`] multiplies; layers do not see θ.
//!
//! ```
//! use autodiff::{Plan, Threads};
//! use nets::{Activation, Network, Scaling, mlp};
//!
//! // 4 inputs, two hidden layers of 16 units, 2 outputs; σ_w = 1.5, σ_b = 0.05.
//! let network = Network::new(mlp(&[16, 16], 2, Activation::ERF, Scaling::ntk(1.5, 0.05)), [4]);
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
//!
//! As layers become wide, a network's covariances and its tangent kernel follow from those of its inputs: [`Module::limit`] is
//! each layer's rule for that, and [`Network::limit`] the program of all of them, which the crate `kernels` runs.
//!
//! # Networks as data
//!
//! A [`Description`] is a network written down, in TOML:
//!
//! ```
//! use nets::{Description, Network};
//!
//! let text = r#"
//!     input = [8, 8, 1]                 # height, width, channels
//!     sigma_w = 1.5                     # for all layers that have weights, unless they say otherwise
//!     sigma_b = 0.05
//!     layers = [
//!         { conv = { channels = 16, size = [3, 3], padding = "same" } },
//!         "relu",
//!         { residual = [{ conv = { channels = 16, size = [3, 3], padding = "same" } }, "leaky_relu(0.1)"] },
//!         { avg_pool = { size = [2, 2] } },
//!         "flatten",
//!         { dense = { width = 10, sigma_b = 0.0 } },
//!     ]
//! "#;
//! let description: Description = text.parse()?;
//! let network: Network = description.network()?;
//! assert_eq!(network.output()[..], [10]);
//! assert_eq!(Description::of(&network), Some(description.clone()));
//! assert_eq!(description.to_string().parse::<Description>()?, description);
//!
//! let error = text.replace("width", "units").parse::<Description>().unwrap_err();
//! assert_eq!(error.to_string(), "layer 5 (dense): width is missing");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod description;
mod layers;
mod limit;
mod module;
mod network;
mod normal;
mod parameters;
mod scaling;
mod weights;

pub use description::{Cost, Description, DescriptionError, Layer};
pub use layers::{
    Activation, Conv, Dense, ExpNormalized, Flatten, GlobalAvgPool, LayerNorm, Over, Pool, Serial, Sum,
    UnknownActivation, Windows, mlp, residual,
};
pub use limit::{Dual, Factors, Limit, Quadrature, Stages};
pub use module::{Module, Reason, Refused, Signature};
pub use network::Network;
pub use parameters::{Declaration, Parameter, Parameters};
pub use scaling::{Parameterization, Scaling};
pub use weights::WeightsError;
