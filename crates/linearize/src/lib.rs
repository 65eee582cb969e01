//! First-order models of networks around a point, by Jacobian-vector products, and their relatives of any order.
//!
//! f_lin(θ₀ + δ) = f(θ₀) + J(θ₀) δ (Lee et al. 2019, Eq. 5).
//!
//! | type | what it is | made |
//! |---|---|---|
//! | [`Mask`] | which tensors of θ are free: the columns of J | by names and patterns |
//! | [`Linearized`] | the programs of f, J v and Jᵀ u | once an architecture and batch shape |
//! | [`Jacobian`] | J at one θ and x, as an operator | once a point: f is evaluated, residuals are kept |
//! | [`LinearModel`] | f_lin: θ₀ and δ, kept apart | from a Jacobian |
//! | [`TaylorModel`] | f(θ₀) + J δ + ½ δᵀ H δ + … to any degree | from a `Linearized` |
//!
//! ```
//! use autodiff::Threads;
//! use linearize::{LinearModel, Linearized, Mask, TaylorModel, weight_change};
//! use nets::{Activation, Network, Scaling, mlp};
//!
//! let network = Network::new(mlp(&[16, 16], 2, Activation::Tanh, Scaling::ntk(1.5, 0.05)), [4]);
//! let (theta, threads) = (network.init::<f64>(0), Threads::one());
//! let x: Vec<f64> = (0..12).map(|i| f64::from(i).sin()).collect();        // 3 examples
//! let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
//!
//! // J: f is evaluated here, once. Products read what was kept, and allocate nothing after the first.
//! let linearized = Linearized::of_network(&network, 3);
//! let jacobian = linearized.at(&theta, &x, &threads);
//! let (v, u) = (vec![0.1; jacobian.columns()], vec![1.0; jacobian.rows()]);
//! let (mut jv, mut jtu, mut gram) = (vec![0.0; u.len()], vec![0.0; v.len()], vec![0.0; u.len()]);
//! jacobian.apply(&v, &mut jv);                                            // J v
//! jacobian.apply_transpose(&u, &mut jtu);                                 // Jᵀ u
//! jacobian.gram_apply(&u, &mut gram);                                     // J Jᵀ u: the tangent kernel times u
//! assert!((dot(&u, &jv) - dot(&jtu, &v)).abs() < 1e-12);
//! assert!((dot(&u, &gram) - dot(&jtu, &jtu)).abs() < 1e-10);
//!
//! // f_lin. δ is what is trained; other inputs, any number of them, are predicted with the same programs.
//! let mut model = LinearModel::new(jacobian, theta.clone());
//! model.delta_mut().copy_from_slice(&v);
//! model.value(&mut jv);                                                   // f(θ₀) + J δ
//! assert!((model.predict_on(&x[..8])[0] - jv[0]).abs() < 1e-12);          // the first two examples alone
//!
//! // Taylor models, and how fast the errors of degrees 1, 2 and 3 fall with the distance from θ₀.
//! let taylor = TaylorModel::new(&linearized, 3, &theta);
//! let errors = taylor.remainders(&v, &x, &[0.04, 0.02, 0.01], &threads);
//! for degree in 1..=3 {
//!     let order = errors[degree].order.expect("errors above rounding");
//!     assert!((order.exponent - (degree as f64 + 1.0)).abs() < 0.1);
//! }
//! assert_eq!(weight_change(network.parameters(), &theta, &model.theta()).len(), 6);
//!
//! // The readout alone, for 1000 examples, in as many chunks as keep to a megabyte.
//! let readout = Mask::new(network.parameters()).freeze("*")?.thaw("4.*")?;
//! let chunked = Linearized::masked(&network, 1000, &readout).within::<f64>(1 << 20);
//! let jacobian = chunked.at(&theta, &vec![0.5; 4000], &threads);
//! assert_eq!((jacobian.rows(), jacobian.columns()), (2000, 16 * 2 + 2));
//! assert!(chunked.bytes::<f64>() <= 1 << 20);
//! # Ok::<(), linearize::UnmatchedPattern>(())
//! ```
//!
//! # Solvers
//!
//! A [`Jacobian`], and J Jᵀ + λ I and Jᵀ J + λ I ([`Jacobian::gram`], [`Jacobian::normal`]), are operators of faer
//! ([`faer::matrix_free`]): its conjugate gradients and LSMR run on them unchanged. The example `gauss_newton` does.
//!
//! # The linear regime
//!
//! How far f_lin stands for f is measured by [`LinearModel::remainder`] (‖f − f_lin‖ against ‖δ‖, with the order at
//! which it falls), [`weight_change`] and [`layer_change`] (‖θ − θ₀‖/‖θ₀‖), and [`tangent_change`]
//! (‖J(θ) v − J(θ₀) v‖/‖J(θ₀) v‖).

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
pub use linearized::{Linearized, Residuals};
pub use mask::{Mask, UnmatchedPattern};
pub use model::{LinearModel, linear_program};
pub use operator::Symmetric;
pub use regime::{PowerLaw, Remainder, layer_change, tangent_change, weight_change};
pub use taylor::{Series, TaylorModel};
