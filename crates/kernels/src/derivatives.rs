//! Derivatives of infinite-width kernels by the hyperparameters σ_w and σ_b, exactly: the limit is a program, and `jvp` differentiates it.

use autodiff::{Real, Threads};

use crate::infinite::{Infinite, Limits};
use crate::kernel::Kernel;

/// Both kernels of a network at infinite width, and their derivatives as the σ_w or the σ_b of all layers are multiplied by one
/// factor: by log σ_w and log σ_b, if these are the same everywhere.
///
/// Of what does not change with the factor at all (a layer whose σ_b is 0), the derivative by its logarithm is 0. For σ itself,
/// divide by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Derivatives<T> {
    /// The kernels themselves.
    pub limits: Limits<T>,
    /// ∂NNGP/∂log σ_w and ∂NNGP/∂log σ_b.
    pub nngp: [Kernel<T>; 2],
    /// ∂NTK/∂log σ_w and ∂NTK/∂log σ_b.
    pub ntk: [Kernel<T>; 2],
}

impl Infinite {
    /// Both kernels with their derivatives by log σ_w and log σ_b, between the examples `x` (rows) and `others` (columns), or of
    /// `x` with itself, all flat; otherwise as [`kernels`](Self::kernels).
    ///
    /// In standard parameterization, σ_w and σ_b are the deviations of parameters, and multipliers stay. Layers of one's own that
    /// write their rules with [`nets::Limit::affine`] are followed like the others.
    ///
    /// ```
    /// use autodiff::Threads;
    /// use kernels::Infinite;
    /// use nets::{Activation, Network, Scaling, mlp};
    ///
    /// let network = Network::new(mlp(&[1], 1, Activation::Relu, Scaling::ntk(1.5, 0.0)), [2]);
    /// let x: [f64; 4] = [1.0, 1.0, 1.0, -1.0];
    /// let derivatives = Infinite::new(&network)?.derivatives(&x, None, &Threads::one());
    /// // Two layers and no biases: the kernels are as σ_w⁴.
    /// let nngp = derivatives.limits.nngp.values();
    /// let [by_sigma_w, by_sigma_b] = &derivatives.nngp;
    /// assert!((by_sigma_w.values()[1] - 4.0 * nngp[1]).abs() < 1e-14);
    /// assert_eq!(by_sigma_b.values(), [0.0; 4]);
    /// # Ok::<(), nets::Refused>(())
    /// ```
    ///
    /// # Panics
    /// If batches do not divide into examples.
    #[track_caller]
    pub fn derivatives<T: Real>(&self, x: &[T], others: Option<&[T]>, threads: &Threads) -> Derivatives<T> {
        let (kernels, error) = self.compute([0, 1, 2, 3, 4, 5], x, others, threads);
        let [nngp, ntk, nngp_w, ntk_w, nngp_b, ntk_b] = kernels;
        Derivatives { limits: Limits { nngp, ntk, error }, nngp: [nngp_w, nngp_b], ntk: [ntk_w, ntk_b] }
    }
}
