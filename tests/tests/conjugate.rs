//! Conjugate gradients against factorizations, and at the edges.

use cotangent::kernels::{Infinite, Which};
use cotangent::prelude::*;
use cotangent::train::{
    ClosedForm, ConjugateGradient, Gram, NoSolution, Ridge, Solution, Streamed, Tangent, Training,
};
use faer::linalg::solvers::Solve;
use faer::{Mat, MatRef, Side, mat};

/// Examples that are spread without a pattern.
fn examples(n: usize, inputs: usize) -> Vec<f64> {
    (0..n * inputs).map(|i| f64::from((i * i * 31 + i * 7919) as u32 % 1009) / 504.5 - 1.0).collect()
}

/// Targets of several outputs on quite different scales, the last 0.
fn targets(n: usize, outputs: usize) -> Mat<f64> {
    let entry = |i: usize, o: usize| f64::from((i * i * 17 + i * (o + 3)) as u32 % 101) / 50.0 - 1.0;
    Mat::from_fn(n, outputs, |i, o| if o + 1 < outputs { entry(i, o) * 1e3_f64.powi(o as i32) } else { 0.0 })
}

fn zeros(y: &Mat<f64>) -> Mat<f64> {
    Mat::zeros(y.nrows(), y.ncols())
}

/// α from the kernel with its ridge, by a Cholesky factorization.
fn factorized(kernel: MatRef<'_, f64>, ridge: Ridge, y: &Mat<f64>) -> Mat<f64> {
    ridge.added_to(kernel).llt(Side::Lower).expect("a positive kernel").solve(y)
}

#[track_caller]
fn solved(kernel: impl Gram, ridge: Ridge, rank: usize, y: &Mat<f64>, tolerance: f64) -> Solution {
    let solver = ConjugateGradient::new(kernel, ridge, rank).expect("a preconditioner");
    solver.dual(zeros(y).as_ref(), y.as_ref(), tolerance, 1000).expect("a solution")
}

/// By columns, which have scales of their own.
#[track_caller]
fn close(ours: &Mat<f64>, theirs: &Mat<f64>, tolerance: f64) {
    assert_eq!((ours.nrows(), ours.ncols()), (theirs.nrows(), theirs.ncols()));
    for (j, (a, b)) in ours.col_iter().zip(theirs.col_iter()).enumerate() {
        let (difference, norm) = ((a - b).norm_l2(), b.norm_l2());
        assert!(difference <= tolerance * norm, "column {j} of norm {norm}: off by {difference}");
    }
}

fn network(inputs: usize, outputs: usize) -> Network {
    Network::new(mlp(&[24, 24], outputs, Activation::Relu, Scaling::ntk(1.5, 0.05)), [inputs])
}

#[test]
fn a_stored_kernel_is_solved_as_by_cholesky() {
    let (x, y, threads) = (examples(300, 6), targets(300, 4), Threads::one());
    let kernel = Infinite::new(&network(6, 1)).expect("a limit").kernel(Which::Ntk, &x, None, &threads);
    let ridge = Ridge::Relative(1e-3);
    let expected = factorized(kernel.matrix(), ridge, &y);
    for rank in [0, 1, 40, 300] {
        let solution = solved(kernel.matrix(), ridge, rank, &y, 1e-12);
        close(&solution.dual, &expected, 1e-8);
        assert!(solution.residuals.iter().all(|&residual| residual <= 1e-12));
        assert_eq!(solution.residuals[3], 0.0, "of nothing");
    }
    // Of stored kernels, one triangle is read.
    let lower = Mat::from_fn(300, 300, |i, j| if i < j { f64::NAN } else { kernel.matrix()[(i, j)] });
    close(&solved(lower.as_ref(), ridge, 40, &y, 1e-12).dual, &expected, 1e-8);
    // That is the closed form's limit.
    let closed = ClosedForm::new(kernel.matrix(), ridge).expect("a closed form");
    let limit = closed.dual(zeros(&y).as_ref(), y.as_ref(), &[Training::Converged]).expect("a limit");
    close(&limit[0], &expected, 1e-8);
}

#[test]
fn the_tangent_kernel_of_a_jacobian_is_solved_as_by_cholesky() {
    let threads = Threads::one();
    // More examples than are taken at once for the diagonal, and less.
    for (n, outputs) in [(40, 1), (35, 3), (5, 2)] {
        let (network, x, y) = (network(4, outputs), examples(n, 4), targets(n * outputs, 3));
        let theta: Vec<f64> = network.init(1);
        let jacobian = Linearized::of_network(&network, n).at(&theta, &x, &threads);
        let kernel = Tangent::new(&jacobian, &network, &theta, &x, &threads);
        let full = Empirical::ntk(&network).kernel(Kind::Full, &theta, &x, None, &threads);
        let expected: Vec<f64> = full.matrix().diagonal().column_vector().iter().copied().collect();
        let error = kernel.diagonal().into_iter().zip(&expected).map(|(a, b)| (a - b).abs() / b);
        assert!(error.fold(0.0, f64::max) < 1e-12);
        let ridge = Ridge::Relative(1e-2);
        let expected = factorized(full.matrix(), ridge, &y);
        for rank in [0, 10] {
            close(&solved(&kernel, ridge, rank, &y, 1e-12).dual, &expected, 1e-8);
        }
    }
}

#[test]
fn masks_of_a_jacobian_are_those_of_its_diagonal() {
    let (network, x, threads) = (network(4, 2), examples(20, 4), Threads::one());
    let theta: Vec<f64> = network.init(1);
    let mask = Mask::new(network.parameters()).freeze("0.weight").expect("there is one");
    let jacobian = Linearized::masked(&network, 20, &mask).at(&theta, &x, &threads);
    let kernel = Tangent::new(&jacobian, &network, &theta, &x, &threads);
    for (i, entry) in kernel.diagonal().into_iter().enumerate() {
        assert!((entry - kernel.column(i)[i]).abs() <= 1e-12 * entry);
    }
}

#[test]
fn a_streamed_kernel_is_solved_as_by_cholesky() {
    let (x, y, threads) = (examples(300, 3), targets(300, 3), Threads::one());
    let limit = Infinite::new(&network(3, 1)).expect("a limit");
    let ridge = Ridge::Relative(1e-2);
    for (which, budget) in [(Which::Nngp, 1 << 30), (Which::Ntk, 0)] {
        let expected = factorized(limit.kernel(which, &x, None, &threads).matrix(), ridge, &y);
        let kernel = Streamed::new(&limit, which, &x, budget, &threads);
        close(&solved(kernel, ridge, 80, &y, 1e-10).dual, &expected, 1e-8);
    }
}

#[test]
fn a_streamed_kernel_is_the_stored_one_with_any_panels_and_threads() {
    let (x, v, threads) = (examples(600, 3), targets(600, 3), Threads::one());
    let limit = Infinite::new(&network(3, 1)).expect("a limit");
    let stored = limit.kernel(Which::Ntk, &x, None, &threads);
    let expected = stored.matrix() * &v;
    let two = Threads::new(2.try_into().expect("not 0"));
    for budget in [0, 600 * 8 * 512, 1 << 30] {
        let kernel = Streamed::new(&limit, Which::Ntk, &x, budget, &threads);
        let product = kernel.product(v.as_ref());
        close(&product, &expected, 1e-13);
        let same = Streamed::new(&limit, Which::Ntk, &x, budget, &two).product(v.as_ref());
        assert_eq!(product, same, "to the bit");
        let (diagonal, column) = (kernel.diagonal(), kernel.column(299));
        for i in 0..600 {
            let (on, beside) = (stored.matrix()[(i, i)], stored.matrix()[(i, 299)]);
            assert!((diagonal[i] - on).abs() <= 1e-13 * on && (column[i] - beside).abs() <= 1e-13 * on);
        }
    }
}

#[test]
fn kernels_in_single_precision_are_solved_to_theirs() {
    let (x, y, threads) = (examples(200, 5), targets(200, 3), Threads::one());
    let limit = Infinite::new(&network(5, 1)).expect("a limit");
    let ridge = Ridge::Relative(1e-2);
    let expected = factorized(limit.kernel(Which::Ntk, &x, None, &threads).matrix(), ridge, &y);
    let rounded: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let kernel = Streamed::new(&limit, Which::Ntk, &rounded, 1 << 20, &threads);
    // A stored or streamed kernel is symmetric whatever its precision, and its sums are taken in f64.
    close(&solved(kernel, ridge, 30, &y, 1e-10).dual, &expected, 1e-3);
}

/// Eigenvalues of a few thousands, and others from 1 to 2, in a basis of cosines.
fn few_large(n: usize, large: usize) -> Mat<f64> {
    let angle = |i: usize, k: usize| std::f64::consts::PI * (i as f64 + 0.5) * k as f64 / n as f64;
    let scale = |k: usize| if k == 0 { 1.0 / n as f64 } else { 2.0 / n as f64 };
    let basis = Mat::from_fn(n, n, |i, k| scale(k).sqrt() * angle(i, k).cos());
    let value = |k: usize| if k < large { 1000.0 * (k + 1) as f64 } else { 1.0 + k as f64 / n as f64 };
    &basis * Mat::from_fn(n, n, |i, j| if i == j { value(i) } else { 0.0 }) * basis.transpose()
}

#[test]
fn a_preconditioner_of_their_number_removes_large_eigenvalues() {
    let (kernel, y) = (few_large(200, 12), targets(200, 2));
    let steps = |rank| solved(kernel.as_ref(), Ridge::Absolute(0.0), rank, &y, 1e-10).iterations;
    let (none, half, whole) = (steps(0), steps(6), steps(12));
    // Without, one step for each large eigenvalue, and a dozen for the others.
    assert!(whole < half && half < none && 2 * whole < none, "{none}, {half} and {whole} steps");
}

#[test]
fn a_preconditioner_of_full_rank_is_exact() {
    for n in [1, 2, 30] {
        let (kernel, y) = (few_large(n, n / 3), targets(n, 3));
        let ridge = Ridge::Absolute(0.5);
        let solution = solved(kernel.as_ref(), ridge, n, &y, 1e-9);
        assert!(solution.iterations <= 2, "{} steps", solution.iterations);
        close(&solution.dual, &factorized(kernel.as_ref(), ridge, &y), 1e-8);
    }
}

#[test]
fn one_example_is_divided_by() {
    let kernel = mat![[4.0]];
    for rank in [0, 1, 7] {
        let solution = solved(kernel.as_ref(), Ridge::Absolute(1.0), rank, &mat![[10.0, -5.0]], 1e-14);
        close(&solution.dual, &mat![[2.0, -1.0]], 1e-13);
    }
}

#[test]
fn duplicates_need_a_ridge_only_if_their_targets_differ() {
    let mut x = examples(60, 3);
    x.copy_within(0..30 * 3, 30 * 3);
    let threads = Threads::one();
    let kernel = Infinite::new(&network(3, 1)).expect("a limit").kernel(Which::Ntk, &x, None, &threads);
    let (y, zero) = (targets(60, 2), Mat::zeros(60, 2));
    let ridge = Ridge::Relative(1e-4);
    for rank in [0, 20, 60] {
        let solution = solved(kernel.matrix(), ridge, rank, &y, 1e-10);
        close(&solution.dual, &factorized(kernel.matrix(), ridge, &y), 1e-8);

        let solver = ConjugateGradient::new(kernel.matrix(), Ridge::Absolute(0.0), rank).expect("finite");
        let refused = solver.dual(zero.as_ref(), y.as_ref(), 1e-8, 500).unwrap_err();
        match refused {
            NoSolution::NotPositive { curvature, .. } => {
                assert!(curvature.abs() < 1e-10 * kernel.values()[0]);
            }
            NoSolution::NotConverged { residual, .. } => assert!(residual > 1e-8),
            other => panic!("{other}"),
        }
        // With equal targets there are solutions, and any will do.
        let same = Mat::from_fn(60, 2, |i, j| y[(i % 30, j)]);
        let solution = solver.dual(zero.as_ref(), same.as_ref(), 1e-8, 500).expect("a solution");
        close(&(kernel.matrix() * &solution.dual), &same, 2e-8);
    }
}

#[test]
fn singular_kernels_are_refused_where_there_is_no_solution() {
    // A row of zeros, as an example at the origin has it without biases.
    let kernel = mat![[2.0, 0.0], [0.0, 0.0]];
    let solver = ConjugateGradient::new(kernel.as_ref(), Ridge::Absolute(0.0), 2).expect("finite");
    let dual = |y: &Mat<f64>| solver.dual(zeros(y).as_ref(), y.as_ref(), 1e-10, 50);
    close(&dual(&mat![[3.0], [0.0]]).expect("a solution").dual, &mat![[1.5], [0.0]], 1e-9);
    assert!(dual(&mat![[3.0], [1.0]]).is_err());
    // Nothing can be learned with no kernel at all.
    let nothing = Mat::<f64>::zeros(3, 3);
    let solver = ConjugateGradient::new(nothing.as_ref(), Ridge::Relative(1e-3), 2).expect("finite");
    let refused = solver.dual(Mat::zeros(3, 1).as_ref(), Mat::full(3, 1, 1.0).as_ref(), 1e-10, 50);
    assert_eq!(refused.unwrap_err(), NoSolution::NotPositive { curvature: 0.0, iterations: 1 });
    // A ridge alone is a division.
    let solution = solved(nothing.as_ref(), Ridge::Absolute(2.0), 2, &Mat::full(3, 1, 1.0), 1e-14);
    close(&solution.dual, &Mat::full(3, 1, 0.5), 1e-14);
}

#[test]
fn what_is_not_positive_is_refused() {
    let kernel = mat![[1.0, 2.0], [2.0, 1.0]];
    for rank in 0..=2 {
        let solver = ConjugateGradient::new(kernel.as_ref(), Ridge::Absolute(0.0), rank).expect("finite");
        let refused = solver.dual(Mat::zeros(2, 1).as_ref(), mat![[1.0], [-0.9]].as_ref(), 1e-10, 50);
        assert!(matches!(refused, Err(NoSolution::NotPositive { curvature, .. }) if curvature < 0.0));
    }
    let kernel = mat![[1.0, 0.0], [0.0, -0.5]];
    let refused = ConjugateGradient::new(kernel.as_ref(), Ridge::Absolute(0.2), 1).unwrap_err();
    assert_eq!(refused, NoSolution::NotPositive { curvature: -0.3, iterations: 0 });
}

#[test]
fn what_is_not_finite_is_refused() {
    let y = mat![[1.0], [1.0], [1.0]];
    for bad in [f64::NAN, f64::INFINITY] {
        let kernel = mat![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, bad, 1.0]];
        for rank in [0, 3] {
            let refused = ConjugateGradient::new(kernel.as_ref(), Ridge::Absolute(0.1), rank)
                .and_then(|solver| solver.dual(zeros(&y).as_ref(), y.as_ref(), 1e-10, 50));
            assert!(matches!(refused, Err(NoSolution::KernelNotFinite { row: 1 | 2 })));
        }
        let kernel = mat![[1.0, 0.0], [0.0, bad]];
        let refused = ConjugateGradient::new(kernel.as_ref(), Ridge::Relative(0.1), 0).unwrap_err();
        assert_eq!(refused, NoSolution::KernelNotFinite { row: 1 });
        let (kernel, y) = (mat![[1.0, 0.0], [0.0, 1.0]], mat![[1.0, 0.0], [0.0, bad]]);
        let solver = ConjugateGradient::new(kernel.as_ref(), Ridge::Absolute(0.0), 1).expect("finite");
        let refused = solver.dual(zeros(&y).as_ref(), y.as_ref(), 1e-10, 50);
        assert!(matches!(refused, Err(NoSolution::ErrorNotFinite { row: 1, output: 1, .. })));
    }
}

#[test]
fn nothing_to_learn_takes_no_step() {
    let (kernel, y) = (few_large(20, 2), targets(20, 3));
    let solver = ConjugateGradient::new(kernel.as_ref(), Ridge::Absolute(0.0), 2).expect("finite");
    let solution = solver.dual(y.as_ref(), y.as_ref(), 1e-10, 0).expect("a solution");
    assert_eq!((solution.dual, solution.residuals, solution.iterations), (zeros(&y), vec![0.0; 3], 0));
}

#[test]
fn too_few_steps_say_what_is_left() {
    let (kernel, y) = (few_large(100, 5), targets(100, 2));
    let solver = ConjugateGradient::new(kernel.as_ref(), Ridge::Absolute(0.0), 5).expect("finite");
    let dual = |tolerance, most| solver.dual(zeros(&y).as_ref(), y.as_ref(), tolerance, most);
    let Err(NoSolution::NotConverged { residual, iterations: 3 }) = dual(1e-12, 3) else {
        panic!("3 steps are enough")
    };
    assert!(residual > 1e-12);
    assert_eq!(dual(2.0 * residual, 3).expect("within what was left").iterations, 3);
    // Nor can more digits be had than there are.
    let refused = dual(1e-18, 10_000).unwrap_err();
    assert!(
        matches!(refused, NoSolution::NotConverged { residual, iterations } if residual < 1e-12 && iterations < 500)
    );
}

#[test]
fn scales_do_not_matter() {
    let (kernel, y) = (few_large(50, 5), targets(50, 2));
    let reference = solved(kernel.as_ref(), Ridge::Relative(1e-3), 5, &y, 1e-12);
    for scale in [1e-150, 1e150] {
        let scaled = Mat::from_fn(50, 50, |i, j| kernel[(i, j)] * scale);
        let solution = solved(scaled.as_ref(), Ridge::Relative(1e-3), 5, &(&y * faer::Scale(scale)), 1e-12);
        close(&solution.dual, &reference.dual, 1e-10);
        assert_eq!(solution.iterations, reference.iterations);
    }
}
