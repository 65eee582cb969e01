//! Kernels of networks: the tangent kernel (NTK) and the covariance kernel (NNGP).
//!
//! Trained by gradient descent with small steps, a network's outputs move by ḟ = −Θ ∂ℒ/∂f with the tangent kernel
//!
//! > Θ_{nm,op} = Σ_i ∂f_o(x_n)/∂θ_i ∂f_p(x_m)/∂θ_i
//!
//! (Jacot, Gabriel, Hongler 2018). At infinite width it does not change while training; this crate's [`Empirical`] kernels
//! are those of networks as they are, at any θ.
//!
//! ```
//! use autodiff::Threads;
//! use kernels::{Empirical, Kind, Spectrum};
//! use nets::{Activation, Network, Scaling, mlp};
//!
//! let network = Network::new(mlp(&[64, 64], 2, Activation::ERF, Scaling::ntk(1.5, 0.05)), [3]);
//! let theta: Vec<f64> = network.init(0);
//! let x: Vec<f64> = (0..5 * 3).map(|i| f64::from(i * i % 7) / 3.0 - 1.0).collect();     // 5 examples
//! let threads = Threads::one();
//!
//! let ntk = Empirical::ntk(&network);                     // differentiated once
//! let trace = ntk.kernel(Kind::Trace, &theta, &x, None, &threads);
//! assert_eq!(trace.shape(), [5, 5]);                      // (1/O) Σ_o Θ_{nm,oo}
//! let full = ntk.kernel(Kind::Full, &theta, &x, Some(&x[..6]), &threads);
//! assert_eq!(full.shape(), [5, 2, 2, 2]);                 // (N₁, O, N₂, O), of all examples with the first two
//! assert_eq!((full.matrix().nrows(), full.matrix().ncols()), (10, 4));
//!
//! let spectrum = Spectrum::new(trace.matrix())?;
//! assert!(spectrum.smallest() > 0.0);
//! let rate = spectrum.largest_stable_rate(5);             // of the mean loss over 5 examples
//! assert!(rate > 0.0 && rate < 10.0 / trace.values()[0]);
//! # Ok::<(), kernels::NoSpectrum>(())
//! ```
//!
//! # Without Jacobians
//!
//! Reverse mode ends, for each parameter, in a product of something known and a cotangent: for a dense layer z = h W it is
//! W̅ = hᵀ z̅. A kernel needs only scalar products of these, ⟨W̅_n, W̅_m⟩ = ⟨h_n, h_m⟩ ⟨z̅_n, z̅_m⟩, so no tensor of the size of W
//! is made. The crate reads such products off the program of the derivative, whatever the layers; where there is none, W̅
//! itself is used; and where both orders are possible it takes the one of fewer operations ([`Method::Factored`]). The two
//! simple methods are there, too, as a check. (The factored method is that of Novak, Sohl-Dickstein, Schoenholz 2022,
//! who call it structured derivatives.)
//!
//! Which layer contributes what is said by [`Empirical::by_layer`]; [`Empirical::masked`] restricts the sum to some
//! parameters. Kernels are computed in tiles within a [budget](Empirical::within) of memory, and [`Tiles`] keeps plans and
//! memory for kernels that are wanted again and again, as through training.
//!
//! Where N O is too large for a matrix, Θ v is a product with the Jacobian and one with its transpose, which
//! [`linearize::Jacobian::gram_apply`] takes and iterative solvers run on; [`largest_eigenvalue`] finds λ_max from such
//! products.
//!
//! # Measures
//!
//! [`measures`] has the distances of kernels, their spectra, and what these say of training.

mod average;
mod contract;
mod derivatives;
mod empirical;
mod infinite;
mod jacobians;
mod kernel;
mod kind;
mod lanczos;
pub mod measures;
mod npy;
mod terms;
mod tiles;

pub use average::Average;
pub use derivatives::Derivatives;
pub use empirical::{Empirical, Method};
pub use infinite::{Infinite, Limits, Which};
pub use kernel::Kernel;
pub use kind::Kind;
pub use lanczos::{Ritz, largest_eigenvalue};
pub use measures::{NoSpectrum, Spectrum};
pub use tiles::Tiles;
