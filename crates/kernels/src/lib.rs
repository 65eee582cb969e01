//! Kernels of networks.
mod contract;
mod empirical;
mod jacobians;
mod kernel;
mod kind;
mod terms;
mod tiles;
pub use kernel::Kernel;
pub use kind::Kind;
pub use empirical::{Empirical, Method};
pub use tiles::Tiles;
