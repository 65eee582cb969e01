//! faer's iterative solvers on Jacobians, against its dense ones on the matrix written out.

use cotangent::linearize::Residuals;
use cotangent::prelude::*;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::solvers::Solve;
use faer::matrix_free::conjugate_gradient::{CgParams, conjugate_gradient, conjugate_gradient_scratch};
use faer::matrix_free::lsmr::{LsmrParams, lsmr, lsmr_scratch};
use faer::matrix_free::{IdentityPrecond, LinOp};
use faer::{Mat, MatRef, Par, Side};

use crate::{filled, network, normal};

/// A Jacobian of 24 rows, and the same as a matrix.
fn jacobian(outputs: usize, width: usize, chunk: usize) -> (Jacobian<f64>, Mat<f64>) {
    let network = network(&[width], 3, outputs, Activation::Tanh);
    let whole = Linearized::of_network(&network, 24 / outputs);
    let linearized = whole.in_chunks(chunk, Residuals::Kept);
    let jacobian = linearized.at(&network.init(0), &normal(72 / outputs, 0, 1), &Threads::one());
    let matrix = written_out(&jacobian);
    (jacobian, matrix)
}

/// Column by column.
fn written_out(jacobian: &Jacobian<f64>) -> Mat<f64> {
    let (rows, columns) = (jacobian.rows(), jacobian.columns());
    let identity: Vec<f64> = (0..columns * columns).map(|i| f64::from(i % (columns + 1) == 0)).collect();
    let all = filled(rows * columns, |out| jacobian.apply_many(columns, &identity, out));
    MatRef::from_column_major_slice(&all, rows, columns).to_owned()
}

fn close(a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
    let distance = (a - b).norm_l2();
    assert!(distance <= 1e-9 * b.norm_l2(), "{distance:e} of {:e}", b.norm_l2());
}

fn solve_by_cg(operator: impl LinOp<f64>, rhs: &Mat<f64>) -> Mat<f64> {
    let mut x = Mat::zeros(operator.ncols(), rhs.ncols());
    let (precond, par) = (IdentityPrecond { dim: operator.ncols() }, Par::Seq);
    let scratch = conjugate_gradient_scratch(precond, &operator, rhs.ncols(), par);
    let params = CgParams { rel_tolerance: 1e-13, max_iters: 1000, ..CgParams::default() };
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    conjugate_gradient(x.as_mut(), precond, &operator, rhs.as_ref(), params, |_| {}, par, stack)
        .expect("the operator is positive definite and well conditioned");
    x
}

/// Steps of Levenberg and Marquardt, and kernel regression, for one right-hand side and for several.
#[test]
fn conjugate_gradients_solve_shifted_symmetric_systems() {
    for chunk in [12, 5] {
        let (operator, j) = jacobian(2, 4, chunk);
        let (rows, columns) = (j.nrows(), j.ncols());
        for k in [1, 3] {
            let rhs = Mat::from_fn(rows, k, |i, c| ((3 * i + 7 * c) as f64).sin());
            let gram = &j * j.transpose() + Mat::<f64>::identity(rows, rows);
            let dense = gram.llt(Side::Lower).expect("positive definite").solve(&rhs);
            close(solve_by_cg(operator.gram(1.0), &rhs).as_ref(), dense.as_ref());
            let rhs = j.transpose() * rhs;
            let normal = j.transpose() * &j + Mat::<f64>::identity(columns, columns);
            let dense = normal.llt(Side::Lower).expect("positive definite").solve(&rhs);
            close(solve_by_cg(operator.normal(1.0), &rhs).as_ref(), dense.as_ref());
        }
    }
}

fn solve_by_lsmr(operator: &Jacobian<f64>, rhs: &Mat<f64>) -> Mat<f64> {
    let mut x = Mat::zeros(operator.columns(), rhs.ncols());
    let (precond, par) = (IdentityPrecond { dim: operator.columns() }, Par::Seq);
    let params = LsmrParams { rel_tolerance: 1e-14, max_iters: 500, ..LsmrParams::default() };
    let mut memory = MemBuffer::new(lsmr_scratch(precond, operator, rhs.ncols(), par));
    let stack = MemStack::new(&mut memory);
    lsmr(x.as_mut(), precond, operator, rhs.as_ref(), params, |_| {}, par, stack)
        .expect("the Jacobian is small and well conditioned");
    x
}

/// More columns than rows: of all solutions, LSMR from 0 finds the shortest, Jᵀ (J Jᵀ)⁻¹ y.
#[test]
fn lsmr_solves_wide_systems() {
    for chunk in [12, 5] {
        let (operator, j) = jacobian(2, 40, chunk);
        for k in [1, 2] {
            let rhs = Mat::from_fn(24, k, |i, c| ((3 * i + 7 * c) as f64).sin());
            let gram = &j * j.transpose();
            let dense = j.transpose() * gram.llt(Side::Lower).expect("independent rows").solve(&rhs);
            close(solve_by_lsmr(&operator, &rhs).as_ref(), dense.as_ref());
        }
    }
}

/// More rows than columns: least squares, of the readout alone.
#[test]
fn lsmr_solves_least_squares() {
    let network = network(&[3], 3, 1, Activation::Tanh);
    let mask = Mask::new(network.parameters()).freeze("0.*").expect("there is a first layer");
    let operator =
        Linearized::masked(&network, 24, &mask).at(&network.init(0), &normal(72, 0, 1), &Threads::one());
    let j = written_out(&operator);
    for k in [1, 2] {
        let rhs = Mat::from_fn(24, k, |i, c| ((3 * i + 7 * c) as f64).sin());
        let normal = j.transpose() * &j;
        let dense = normal.llt(Side::Lower).expect("independent columns").solve(j.transpose() * &rhs);
        close(solve_by_lsmr(&operator, &rhs).as_ref(), dense.as_ref());
    }
}
