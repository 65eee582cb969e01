//! The first-order model of a program around a point, by Jacobian-vector products.
//!
//! f_lin(θ) = f(θ₀) + J(θ₀) (θ − θ₀) (Lee et al. 2019, Eq. 5). [`Linearized`] differentiates a program once;
//! [`Jacobian`] evaluates it at one point, keeps the residuals, and then applies J and Jᵀ as often as asked without
//! evaluating the program again and without allocating; [`LinearModel`] is f_lin.
//!
//! ```
//! use autodiff::Threads;
//! use linearize::{LinearModel, Linearized};
//! use nets::{Activation, Network, Scaling, mlp};
//!
//! let network = Network::new(mlp(&[16, 16], 2, Activation::Tanh, Scaling::ntk(1.5, 0.05)), [4]);
//! let linearized = Linearized::of_network(&network, 3);            // for batches of 3 examples
//! let (theta, x) = (network.init::<f64>(0), [0.5; 12]);
//! let mut jacobian = linearized.at(&theta, &x, &Threads::one());   // f evaluated once, residuals kept
//!
//! let (v, u) = (vec![1.0; jacobian.columns()], vec![1.0; jacobian.rows()]);
//! let (mut jv, mut jtu) = (vec![0.0; u.len()], vec![0.0; v.len()]);
//! jacobian.apply(&v, &mut jv);
//! jacobian.apply_transpose(&u, &mut jtu);
//! let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
//! assert!((dot(&u, &jv) - dot(&jtu, &v)).abs() < 1e-12);
//!
//! let f0 = jacobian.value().to_vec();
//! let mut model = LinearModel::new(jacobian, theta.clone());
//! let mut y = vec![0.0; f0.len()];
//! model.predict(&theta, &mut y);                                   // f_lin(θ₀) = f(θ₀)
//! assert_eq!(y, f0);
//! ```

mod cache;
mod jacobian;
mod linearized;
mod mask;
mod model;
mod operator;
mod pool;
mod programs;
mod regime;
mod taylor;

pub use jacobian::Jacobian;
pub use linearized::Linearized;
pub use mask::{Mask, UnmatchedPattern};
pub use model::{LinearModel, linear_program};
pub use operator::Symmetric;
pub use regime::{PowerLaw, Remainder, layer_change, tangent_change, weight_change};
pub use taylor::{Series, TaylorModel};
