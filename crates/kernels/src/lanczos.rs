//! The largest eigenvalue of a symmetric operator that is known by its products only.
//!
//! Lanczos: in the orthonormal basis Q of the Krylov space of a start vector, the operator is a tridiagonal matrix T. Its
//! largest eigenvalue θ, with eigenvector s, approaches λ_max from below, and |λ − θ| ≤ β_k |s_k| for some eigenvalue λ
//! (Golub, Van Loan 2013, section 10.1).

use autodiff::Real;
use faer::{Mat, Side};

/// An approximation of an eigenvalue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ritz {
    /// The approximation.
    pub value: f64,
    /// An eigenvalue is at most that far away, apart from rounding.
    pub error: f64,
    /// Products that were taken.
    pub products: usize,
}

/// The largest eigenvalue of a symmetric operator on vectors of `size` elements; `apply(v, out)` writes its product with `v`
/// into `out`. It takes products until the error is at most `tolerance` times the eigenvalue, or `most` of them, and keeps
/// as many vectors.
///
/// ```
/// use autodiff::Threads;
/// use kernels::largest_eigenvalue;
/// use linearize::Linearized;
/// use nets::{Activation, Network, Scaling, mlp};
///
/// let network = Network::new(mlp(&[32], 1, Activation::ERF, Scaling::ntk(1.5, 0.1)), [1]);
/// let x = [-1.0, -0.5, 0.5, 1.0];
/// let jacobian = Linearized::of_network(&network, 4).at(&network.init::<f64>(0), &x, &Threads::one());
/// let ritz = largest_eigenvalue(4, |v, out| jacobian.gram_apply(v, out), 1e-10, 100);
/// assert!(ritz.error <= 1e-10 * ritz.value && ritz.products <= 4);
/// ```
///
/// # Panics
/// If `size` or `most` is 0.
#[track_caller]
pub fn largest_eigenvalue<T: Real>(
    size: usize,
    mut apply: impl FnMut(&[T], &mut [T]),
    tolerance: f64,
    most: usize,
) -> Ritz {
    assert!(size > 0 && most > 0, "{most} products with vectors of {size} elements");
    let most = most.min(size);
    // A start without symmetries that an eigenvector might be orthogonal to.
    let start = (0..size).map(|i| 1.0 + 0.5 * f64::from((i * 7919 % 101) as u32) / 101.0);
    let mut basis = vec![unit(start.collect())];
    let (mut diagonal, mut beside): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let (mut v, mut w) = (vec![T::zero(); size], vec![T::zero(); size]);
    loop {
        let last = basis.last().expect("a start");
        v.iter_mut().zip(last).for_each(|(v, &q)| *v = T::literal(q));
        apply(&v, &mut w);
        let mut next: Vec<f64> = w.iter().map(|&w| w.into()).collect();
        diagonal.push(dot(&next, last));
        // Twice is enough for vectors orthogonal to rounding.
        for q in basis.iter().chain(&basis) {
            let c = dot(&next, q);
            next.iter_mut().zip(q).for_each(|(x, q)| *x -= c * q);
        }
        let length = dot(&next, &next).sqrt();
        let products = diagonal.len();
        let (value, end) = largest_of(&diagonal, &beside);
        // Where the space is whole, what is left is rounding.
        let error = if products == size { 0.0 } else { length * end.abs() };
        // Beyond an invariant space there is nothing but rounding.
        let seen = error <= tolerance * value.abs() || length <= f64::EPSILON * value.abs();
        if seen || products == most || !value.is_finite() {
            return Ritz { value, error, products };
        }
        beside.push(length);
        basis.push(unit(next));
    }
}

/// The largest eigenvalue of a tridiagonal matrix, and the last element of its unit eigenvector.
fn largest_of(diagonal: &[f64], beside: &[f64]) -> (f64, f64) {
    let n = diagonal.len();
    let entry = |i: usize, j: usize| match i.abs_diff(j) {
        0 => diagonal[i],
        1 => beside[i.min(j)],
        _ => 0.0,
    };
    let finite = diagonal.iter().chain(beside).all(|x| x.is_finite());
    let eigen = finite.then(|| Mat::from_fn(n, n, entry).self_adjoint_eigen(Side::Lower).ok()).flatten();
    let Some(eigen) = eigen else { return (f64::NAN, f64::NAN) };
    (eigen.S().column_vector()[n - 1], eigen.U()[(n - 1, n - 1)])
}

fn unit(mut x: Vec<f64>) -> Vec<f64> {
    let length = dot(&x, &x).sqrt();
    x.iter_mut().for_each(|x| *x /= length);
    x
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
