//! Kernels from Jacobian operators: the two simple methods.

use autodiff::Real;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use linearize::Jacobian;

use crate::kernel::Kernel;
use crate::kind::Kind;

/// Θ of N₁ O × N₂ O by products of explicit Jacobians: J₁ J₂ᵀ.
pub(crate) fn by_contraction<T: Real>(first: &Jacobian<T>, second: &Jacobian<T>) -> Vec<T> {
    let [a, b] = [first, second].map(explicit);
    let (rows, columns, depth) = (first.rows(), second.rows(), first.columns());
    let mut theta = vec![T::zero(); rows * columns];
    if depth > 0 {
        matmul(
            MatMut::from_row_major_slice_mut(&mut theta, rows, columns),
            Accum::Replace,
            MatRef::from_row_major_slice(&a, rows, depth),
            MatRef::from_row_major_slice(&b, columns, depth).transpose(),
            T::one(),
            Par::Seq,
        );
    }
    theta
}

/// The rows of J: Jᵀ of every unit vector.
fn explicit<T: Real>(jacobian: &Jacobian<T>) -> Vec<T> {
    let (rows, columns) = (jacobian.rows(), jacobian.columns());
    let mut all = vec![T::zero(); rows * columns];
    let mut unit = vec![T::zero(); rows];
    for (i, row) in all.chunks_exact_mut(columns.max(1)).enumerate() {
        unit[i] = T::one();
        jacobian.apply_transpose(&unit, row);
        unit[i] = T::zero();
    }
    all
}

/// Θ of N₁ O × N₂ O, one column after another: J₁ (J₂ᵀ e).
pub(crate) fn by_products<T: Real>(first: &Jacobian<T>, second: &Jacobian<T>) -> Vec<T> {
    let (rows, columns) = (first.rows(), second.rows());
    let mut theta = vec![T::zero(); rows * columns];
    let mut unit = vec![T::zero(); columns];
    let (mut cotangent, mut column) = (vec![T::zero(); first.columns()], vec![T::zero(); rows]);
    for j in 0..columns {
        unit[j] = T::one();
        second.apply_transpose(&unit, &mut cotangent);
        first.apply(&cotangent, &mut column);
        theta.iter_mut().skip(j).step_by(columns).zip(&column).for_each(|(theta, &value)| *theta = value);
        unit[j] = T::zero();
    }
    theta
}

/// f f'ᵀ.
pub(crate) fn outer<T: Real>(first: &[T], second: &[T]) -> Vec<T> {
    first.iter().flat_map(|&a| second.iter().map(move |&b| a * b)).collect()
}

/// What `kind` says of a kernel that was computed in full, as a matrix of N₁ O × N₂ O.
pub(crate) fn reduce<T: Real>(full: &[T], kind: Kind, examples: [usize; 2], outputs: usize) -> Kernel<T> {
    let mut kernel = Kernel::zeros(kind, examples, outputs);
    let [rows, columns] = examples;
    let at = |n: usize, o: usize, m: usize, p: usize| full[((n * outputs + o) * columns + m) * outputs + p];
    let mean = |sum: T| sum / T::literal(count(outputs));
    let trace = |n: usize, m: usize| mean((0..outputs).map(|o| at(n, o, m, o)).sum());
    let sum = |n: usize, m: usize| {
        mean((0..outputs).flat_map(|o| (0..outputs).map(move |p| (o, p))).map(|(o, p)| at(n, o, m, p)).sum())
    };
    let values = kernel.values_mut();
    match kind {
        Kind::Full => values.copy_from_slice(full),
        Kind::Diagonal => values.iter_mut().enumerate().for_each(|(n, value)| *value = trace(n, n)),
        Kind::Trace => fill(values, columns, trace),
        Kind::SumOfLogits => fill(values, columns, sum),
        Kind::PerOutput => {
            for (o, values) in values.chunks_exact_mut(rows * columns).enumerate() {
                fill(values, columns, |n, m| at(n, o, m, o));
            }
        }
    }
    kernel
}

fn fill<T>(values: &mut [T], columns: usize, f: impl Fn(usize, usize) -> T) {
    for (n, row) in values.chunks_exact_mut(columns).enumerate() {
        row.iter_mut().enumerate().for_each(|(m, value)| *value = f(n, m));
    }
}

#[allow(clippy::cast_precision_loss, reason = "far fewer than 2⁵³ outputs")]
pub(crate) fn count(n: usize) -> f64 {
    n as f64
}
