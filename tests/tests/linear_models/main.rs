//! The laws of Jacobians, linear models and Taylor models, on random networks, masks, batches and chunks.

mod diagnostics;
mod memory;
mod models;
mod operators;
mod solvers;

use cotangent::linearize::Residuals;
use cotangent::prelude::*;
use proptest::prelude::*;

/// A random network, a batch of it, which tensors are free, and how it is divided in chunks.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    hidden: Vec<usize>,
    inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) batch: usize,
    activation: Activation,
    frozen: u16,
    chunk: usize,
    residuals: Residuals,
    pub(crate) seed: u64,
}

impl Case {
    pub(crate) fn network(&self) -> Network {
        network(&self.hidden, self.inputs, self.outputs, self.activation.clone())
    }

    /// Any subset of the tensors: bit `i` freezes the `i`-th.
    pub(crate) fn mask(&self, network: &Network) -> Mask {
        let names = network.parameters().tensors().iter().map(|tensor| &tensor.name).enumerate();
        names
            .filter(|(i, _)| self.frozen >> i & 1 == 1)
            .fold(Mask::new(network.parameters()), |mask, (_, name)| {
                mask.freeze(name).expect("the network has this tensor")
            })
    }

    /// The network at some θ₀ in one piece, and the same in chunks.
    pub(crate) fn jacobians<T: Real>(&self) -> [Jacobian<T>; 2] {
        let network = self.network();
        let whole = Linearized::masked(&network, self.batch, &self.mask(&network));
        let parts = whole.in_chunks(self.chunk.min(self.batch), self.residuals);
        let (theta, x) = (network.init::<T>(self.seed), self.x());
        [whole, parts].map(|linearized| linearized.at(&theta, &x, &Threads::one()))
    }

    pub(crate) fn x<T: Real>(&self) -> Vec<T> {
        normal(self.batch * self.inputs, self.seed, 1)
    }

    pub(crate) fn examples<T: Real>(&self, count: usize) -> Vec<T> {
        normal(count * self.inputs, self.seed, 9)
    }

    pub(crate) fn smooth(&self) -> bool {
        self.activation != Activation::Relu
    }
}

pub(crate) fn network(hidden: &[usize], inputs: usize, outputs: usize, activation: Activation) -> Network {
    Network::new(mlp(hidden, outputs, activation, Scaling::ntk(1.5, 0.3)), [inputs])
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let hidden = prop::collection::vec(1..9_usize, 0..4);
    let activation = prop::sample::select(vec![Activation::ERF, Activation::Relu, Activation::Tanh]);
    let frozen = prop_oneof![Just(0), any::<u16>(), Just(u16::MAX)];
    let residuals = prop::sample::select(vec![Residuals::Kept, Residuals::Again]);
    let network = (hidden, 1..6_usize, 1..4_usize, activation, frozen);
    (network, 1..9_usize, 1..9_usize, residuals, any::<u64>()).prop_map(
        |((hidden, inputs, outputs, activation, frozen), batch, chunk, residuals, seed)| Case {
            hidden,
            inputs,
            outputs,
            batch,
            activation,
            frozen,
            chunk,
            residuals,
            seed,
        },
    )
}

/// Standard normal numbers: the weights of a layer.
pub(crate) fn normal<T: Real>(count: usize, seed: u64, salt: u64) -> Vec<T> {
    if count == 0 {
        return Vec::new();
    }
    network(&[], 1, count, Activation::ERF).init::<T>(seed.wrapping_add(salt << 32))[..count].to_vec()
}

/// Σ aᵢbᵢ, summed in f64.
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| Into::<f64>::into(a) * b.into()).sum()
}

pub(crate) fn norm<T: Real>(a: &[T]) -> f64 {
    dot(a, a).sqrt()
}

pub(crate) fn epsilon<T: Real>() -> f64 {
    T::epsilon().into()
}

/// A vector that `f` fills.
pub(crate) fn filled<T: Real>(length: usize, f: impl FnOnce(&mut [T])) -> Vec<T> {
    let mut y = vec![T::literal(f64::NAN); length];
    f(&mut y);
    y
}

/// Equal up to what rounding does to terms of the given size.
pub(crate) fn close<T: Real>(a: &[T], b: &[T], size: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.len(), b.len());
    let distance = a.iter().zip(b).map(|(&a, &b)| (a.into() - b.into()).powi(2)).sum::<f64>().sqrt();
    let bound = 256.0 * epsilon::<T>() * (norm(a) + norm(b) + size);
    prop_assert!(distance <= bound, "{a:?} and {b:?}: distance {distance:e} exceeds {bound:e}");
    Ok(())
}
