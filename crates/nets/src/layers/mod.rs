//! Layers, one file each with all its meanings: its parameters and their distribution, and the finite function.

mod activation;
mod conv;
mod dense;
mod dual;
mod exp_normalized;
mod flatten;
mod layer_norm;
mod pool;
mod serial;
mod sum;
mod windows;

pub use activation::{Activation, UnknownActivation};
pub use conv::Conv;
pub use dense::Dense;
pub use exp_normalized::ExpNormalized;
pub use flatten::Flatten;
pub use layer_norm::{LayerNorm, Over};
pub use pool::{GlobalAvgPool, Pool};
pub use serial::{Serial, mlp};
pub use sum::{Sum, residual};
pub use windows::Windows;
