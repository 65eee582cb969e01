//! Kernels of networks.
mod contract;
mod empirical;
mod jacobians;
mod kernel;
mod kind;
mod lanczos;
pub mod measures;
mod terms;
mod tiles;

pub use empirical::{Empirical, Method};
pub use kernel::Kernel;
pub use kind::Kind;
pub use lanczos::{Ritz, largest_eigenvalue};
pub use measures::{NoSpectrum, Spectrum};
pub use tiles::Tiles;
