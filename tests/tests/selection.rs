//! Kernel regression and what it says of kernels: leave-one-out and likelihoods against refits, gradients against differences,
//! points that come and go, choices, and the edges.

use cotangent::kernels::{Infinite, Which};
use cotangent::nets::{ExpNormalized, LayerNorm, Parameterization, residual};
use cotangent::prelude::*;
use cotangent::train::{Criterion, NoClosedForm, NoSelection, Regression, Ridge, select};
use faer::{Mat, MatRef, mat};
use proptest::prelude::*;

/// Numbers as from N(0, 1).
fn normal(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
    let source = Network::new(Dense { width: columns, scaling: Scaling::ntk(1.0, 0.0) }, [rows]);
    let values = source.init::<f64>(seed);
    Mat::from_fn(rows, columns, |i, j| values[i * columns + j])
}

/// A kernel with chosen eigenvalues.
fn kernel_of(values: &[f64], seed: u64) -> Mat<f64> {
    let n = values.len();
    let basis = normal(n, n, seed).qr().compute_Q();
    let scaled = Mat::from_fn(n, n, |i, j| basis[(i, j)] * values[j]);
    symmetric(&(scaled * basis.transpose()))
}

fn symmetric(kernel: &Mat<f64>) -> Mat<f64> {
    Mat::from_fn(kernel.nrows(), kernel.ncols(), |i, j| 0.5 * (kernel[(i, j)] + kernel[(j, i)]))
}

/// Some rows and columns of a matrix.
fn part(matrix: MatRef<'_, f64>, rows: &[usize], columns: &[usize]) -> Mat<f64> {
    Mat::from_fn(rows.len(), columns.len(), |i, j| matrix[(rows[i], columns[j])])
}

/// The largest difference, relative to the largest entry.
fn distance(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    assert_eq!((a.nrows(), a.ncols()), (b.nrows(), b.ncols()));
    largest((a - b).as_ref()) / largest(b).max(1e-300)
}

/// The largest entry; NaN if there is one.
fn largest(matrix: MatRef<'_, f64>) -> f64 {
    let column = |j| (0..matrix.nrows()).map(move |i| matrix[(i, j)].abs());
    (0..matrix.ncols()).flat_map(column).fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
}

fn regression(kernel: MatRef<'_, f64>, ridge: f64) -> Regression {
    Regression::new(kernel, Ridge::Absolute(ridge)).expect("a positive kernel")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn leave_one_out_is_every_refit_and_likelihoods_are_densities(
        values in proptest::collection::vec(0.0..3.0_f64, 2..7),
        seed in 0..1000_u64,
        ridge in 0.01..0.5_f64,
    ) {
        let (n, both) = (values.len(), [0, 1]);
        let kernel = kernel_of(&values, seed);
        let y = normal(n, 2, seed + 1);
        let model = regression(kernel.as_ref(), ridge);
        let left_out = model.leave_one_out(y.as_ref());
        for i in 0..n {
            let others: Vec<usize> = (0..n).filter(|&j| j != i).collect();
            let refit = regression(part(kernel.as_ref(), &others, &others).as_ref(), ridge);
            let cross = part(kernel.as_ref(), &[i], &others);
            let prediction = refit.mean(cross.as_ref(), part(y.as_ref(), &others, &both).as_ref());
            for o in both {
                let (ours, refit) = (left_out[(i, o)], prediction[(0, o)]);
                prop_assert!((ours - refit).abs() < 1e-8, "point {i}: {ours} against {refit}");
            }
        }
        // By the chain of conditional densities, each the normal density of a prediction from those before.
        let mut chain = 0.0;
        for i in 0..n {
            let (mut mean, mut variance) = (mat![[0.0, 0.0]], kernel[(i, i)] + ridge);
            if i > 0 {
                let before = regression(kernel.submatrix(0, 0, i, i), ridge);
                let cross = kernel.submatrix(i, 0, 1, i);
                mean = before.mean(cross, y.subrows(0, i));
                variance = before.variance(cross, &[variance])[0];
                let covariance = before.covariance(cross, kernel.submatrix(i, i, 1, 1))[(0, 0)];
                prop_assert!((covariance + ridge - variance).abs() < 1e-12);
            }
            for o in both {
                let error = y[(i, o)] - mean[(0, o)];
                chain -= 0.5 * (error * error / variance + (std::f64::consts::TAU * variance).ln());
            }
        }
        let ours = model.log_marginal_likelihood(y.as_ref());
        prop_assert!((ours - chain).abs() < 1e-8 * (1.0 + chain.abs()), "{ours} against {chain}");
        // The normal equations, and the same from the kernel's eigenvectors.
        let alpha = model.dual(y.as_ref());
        prop_assert!(distance((&kernel * &alpha + ridge * &alpha).as_ref(), y.as_ref()) < 1e-12);
        let missed = (&y - &left_out).squared_norm_l2() / (2 * n) as f64;
        for (criterion, score) in [(Criterion::LeaveOneOut, missed), (Criterion::MarginalLikelihood, ours)] {
            let ridges = [Ridge::Absolute(0.7), Ridge::Absolute(ridge)];
            let found = select([&kernel, &kernel], &ridges, y.as_ref(), criterion).expect("a choice");
            for scores in &found.scores {
                prop_assert!((scores[1] - score).abs() < 1e-8 * (1.0 + score.abs()), "{} against {score}", scores[1]);
            }
            let better = match criterion {
                Criterion::LeaveOneOut => found.scores[0][1] < found.scores[0][0],
                Criterion::MarginalLikelihood => found.scores[0][1] > found.scores[0][0],
            };
            prop_assert_eq!((found.kernel, found.ridge), (0, usize::from(better)));
        }
    }

    #[test]
    fn gradients_of_the_likelihood_are_differences(
        values in proptest::collection::vec(0.0..3.0_f64, 1..7),
        seed in 0..1000_u64,
        ridge in 0.05..0.5_f64,
    ) {
        let n = values.len();
        let (kernel, y) = (kernel_of(&values, seed), normal(n, 2, seed + 1));
        let direction = symmetric(&normal(n, n, seed + 2));
        let gradient = regression(kernel.as_ref(), ridge).likelihood_gradient(y.as_ref());
        let at = |h: f64, ridge: f64| {
            let moved = &kernel + h * &direction;
            regression(moved.as_ref(), ridge).log_marginal_likelihood(y.as_ref())
        };
        for (exact, difference) in [
            (gradient.along(direction.as_ref()), slope(|h| at(h, ridge), 1e-4)),
            (gradient.by_ridge(), slope(|h| at(0.0, ridge + h), 1e-4)),
        ] {
            prop_assert!((exact - difference).abs() < 1e-7 * (1.0 + exact.abs()), "{exact} against {difference}");
        }
        prop_assert_eq!(gradient.by_kernel().nrows(), n);
    }

    #[test]
    fn points_come_and_go(
        values in proptest::collection::vec(0.0..3.0_f64, 2..12),
        seed in 0..1000_u64,
        ridge in 0.01..0.5_f64,
        chosen in proptest::collection::vec(any::<bool>(), 12),
    ) {
        let n = values.len();
        let kernel = kernel_of(&values, seed);
        let y = normal(n, 2, seed + 1);
        // The first point stays.
        let (new, old): (Vec<usize>, Vec<usize>) = (0..n).partition(|&i| i > 0 && chosen[i]);
        let order: Vec<usize> = old.iter().chain(&new).copied().collect();
        let sorted = |rows: &[usize]| part(y.as_ref(), rows, &[0, 1]);
        let fit = |rows: &[usize]| regression(part(kernel.as_ref(), rows, rows).as_ref(), ridge);
        let (before, all) = (fit(&old), fit(&order));

        let mut model = before.clone();
        let (cross, between) = (part(kernel.as_ref(), &new, &old), part(kernel.as_ref(), &new, &new));
        model.add(cross.as_ref(), between.as_ref()).expect("positive");
        prop_assert_eq!(model.points(), n);
        let targets = sorted(&order);
        prop_assert!(distance(model.dual(targets.as_ref()).as_ref(), all.dual(targets.as_ref()).as_ref()) < 1e-10);
        let [ours, refit] = [&model, &all].map(|model| model.log_marginal_likelihood(targets.as_ref()));
        prop_assert!((ours - refit).abs() < 1e-10 * (1.0 + refit.abs()), "{ours} against {refit}");

        // And away again, from wherever they are.
        let mut model_of_sorted = fit(&(0..n).collect::<Vec<_>>());
        model_of_sorted.remove(&new.iter().rev().copied().collect::<Vec<_>>());
        model.remove(&(old.len()..n).collect::<Vec<_>>());
        let (targets, refit) = (sorted(&old), before.dual(sorted(&old).as_ref()));
        for model in [model, model_of_sorted] {
            prop_assert!(distance(model.dual(targets.as_ref()).as_ref(), refit.as_ref()) < 1e-10);
            let left_out = model.leave_one_out(targets.as_ref());
            prop_assert!(largest((left_out - before.leave_one_out(targets.as_ref())).as_ref()) < 1e-10);
        }
    }
}

/// A derivative at 0 by central differences of two lengths: to fourth order.
fn slope(f: impl Fn(f64) -> f64, h: f64) -> f64 {
    let central = |h: f64| (f(h) - f(-h)) / (2.0 * h);
    (4.0 * central(h / 2.0) - central(h)) / 3.0
}

/// Examples in general position, one of them twice, once opposite, and 0.
const X: [f64; 14] = [0.9, -0.4, 1.3, 0.7, -0.2, 1.1, 0.9, -0.4, -0.9, 0.4, 0.0, 0.0, -1.6, 0.3];

/// Networks with the given scaling, and whether their limits are expansions.
fn networks(scaling: Scaling) -> Vec<(String, Network)> {
    let dense = |width| Dense { width, scaling };
    let mut all: Vec<(String, Network)> = [
        "relu",
        "leaky_relu(0.3)",
        "abs",
        "sign",
        "erf",
        "sigmoid_like",
        "gelu",
        "tanh",
        "softplus",
        "sin",
        "cos",
        "rbf",
        "exp(1, 0.3)",
        "gaussian",
        "gabor",
        "hermite(3)",
        "monomial(2)",
        "rectified_monomial(0)",
        "rectified_monomial(2)",
    ]
    .iter()
    .map(|name| {
        let phi: Activation = name.parse().expect("an activation");
        let net = mlp(&[3, 4], 2, phi, scaling);
        (name.to_string(), Network::new(net, [2]))
    })
    .collect();
    let body = Serial::new().then(LayerNorm::default()).then(Activation::Relu).then(dense(5));
    let net = Serial::new().then(dense(5)).then(residual(body)).then(Activation::ERF).then(dense(1));
    all.push(("residual".into(), Network::new(net, [2])));
    let net = Serial::new().then(dense(3)).then(ExpNormalized::default()).then(dense(1));
    all.push(("exp_normalized".into(), Network::new(net, [2])));
    all
}

#[test]
fn derivatives_by_sigma_are_differences() {
    let threads = Threads::one();
    let y = normal(7, 2, 5);
    for parameterization in [Parameterization::Ntk, Parameterization::Standard { s: 1.5 }] {
        let at = |log_w: f64, log_b: f64| {
            let scaling =
                Scaling { sigma_w: 1.3 * log_w.exp(), sigma_b: 0.4 * log_b.exp(), parameterization };
            networks(scaling).into_iter()
        };
        for (i, (name, network)) in at(0.0, 0.0).enumerate() {
            let name = format!("{name}, {parameterization:?}");
            let limit = Infinite::new(&network).expect("a limit");
            let exact = limit.derivatives::<f64>(&X, None, &threads);
            let plain = limit.kernels::<f64>(&X, None, &threads);
            let (nngp, ntk) = (exact.limits.nngp.matrix(), exact.limits.ntk.matrix());
            assert!(distance(nngp, plain.nngp.matrix()) < 1e-14, "{name}");
            assert!(distance(ntk, plain.ntk.matrix()) < 1e-14, "{name}");
            let moved = |direction: usize, h: f64| {
                let (log_w, log_b) = if direction == 0 { (h, 0.0) } else { (0.0, h) };
                let (_, network) = at(log_w, log_b).nth(i).expect("as many");
                Infinite::new(&network).expect("a limit").kernels::<f64>(&X, None, &threads)
            };
            for direction in [0, 1] {
                let h = 1e-3;
                let [far, near] = [h, h / 2.0].map(|h| [moved(direction, h), moved(direction, -h)]);
                for which in [Which::Nngp, Which::Ntk] {
                    let of = |limits: &cotangent::kernels::Limits<f64>| match which {
                        Which::Nngp => limits.nngp.matrix().to_owned(),
                        Which::Ntk => limits.ntk.matrix().to_owned(),
                    };
                    let central =
                        |pair: &[_; 2], h: f64| (of(&pair[0]) - of(&pair[1])) * faer::Scale(0.5 / h);
                    let difference = (central(&near, h / 2.0) * faer::Scale(4.0) - central(&far, h))
                        * faer::Scale(1.0 / 3.0);
                    let derivative = match which {
                        Which::Nngp => exact.nngp[direction].matrix(),
                        Which::Ntk => exact.ntk[direction].matrix(),
                    };
                    let kernel = of(&exact.limits);
                    let wrong = largest((derivative - &difference).as_ref()) / largest(kernel.as_ref());
                    assert!(wrong < 1e-7, "{name}: {which:?} by {direction}: {wrong:e}");

                    // And so of the likelihood.
                    let ridge = 0.1;
                    let likelihood =
                        |k: Mat<f64>| regression(k.as_ref(), ridge).log_marginal_likelihood(y.as_ref());
                    let model = regression(kernel.as_ref(), ridge);
                    let slope = model.likelihood_gradient(y.as_ref()).along(derivative);
                    let central = |pair: &[_; 2], h: f64| {
                        (likelihood(of(&pair[0])) - likelihood(of(&pair[1]))) / (2.0 * h)
                    };
                    let difference = (4.0 * central(&near, h / 2.0) - central(&far, h)) / 3.0;
                    let scale = model.log_marginal_likelihood(y.as_ref()).abs();
                    let wrong = (slope - difference).abs() / scale.max(slope.abs());
                    assert!(wrong < 1e-7, "{name}: likelihood of {which:?} by {direction}: {wrong:e}");
                }
            }
        }
    }
}

/// Without biases, what is 0 stays 0; and all is finite in either precision, and of examples of two sides.
#[test]
fn derivatives_are_finite_at_singular_points() {
    let threads = Threads::one();
    for sigma_b in [0.0, 0.4] {
        for (name, network) in networks(Scaling::ntk(1.3, sigma_b)) {
            let limit = Infinite::new(&network).expect("a limit");
            let double = limit.derivatives::<f64>(&X, None, &threads);
            let single = limit.derivatives::<f32>(&X.map(|x| x as f32), None, &threads);
            let cross = limit.derivatives::<f64>(&X[..6], Some(&X), &threads);
            for direction in [0, 1] {
                let kernels = [&double.nngp, &double.ntk].map(|kernels| kernels[direction].values());
                let in_single = [&single.nngp, &single.ntk].map(|kernels| kernels[direction].values());
                let of_rows = [&cross.nngp, &cross.ntk].map(|kernels| kernels[direction].values());
                for ((double, single), rows) in kernels.into_iter().zip(in_single).zip(of_rows) {
                    let scale = double.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
                    for (&a, &b) in double.iter().zip(single) {
                        assert!(
                            (a - f64::from(b)).abs() < 1e-2 * scale,
                            "{name}, {sigma_b}: {a} against {b}"
                        );
                        assert!(sigma_b > 0.0 || direction == 0 || a == 0.0, "{name}: {a}");
                    }
                    for (a, b) in rows.iter().zip(double) {
                        assert!((a - b).abs() < 1e-12 * scale, "{name}: {a} against {b}");
                    }
                }
            }
        }
    }
}

/// Derivatives of many examples, in tiles, are those of few.
#[test]
fn derivatives_do_not_depend_on_tiles() {
    let n = 270;
    let x: Vec<f64> = normal(n, 2, 7).row_iter().flat_map(|row| [row[0], row[1]]).collect();
    for name in ["relu", "erf", "tanh", "polynomial(0.5)"] {
        let phi: Activation = name.parse().expect("an activation");
        let network = Network::new(mlp(&[3, 3], 1, phi, Scaling::standard(1.3, 0.4)), [2]);
        let limit = Infinite::new(&network).expect("a limit").with_terms(8);
        let all = limit.derivatives::<f64>(&x, None, &Threads::available());
        let some = limit.derivatives::<f64>(&x[500..], Some(&x[..100]), &Threads::one());
        let pairs =
            [(&all.limits.ntk, &some.limits.ntk), (&all.ntk[0], &some.ntk[0]), (&all.nngp[1], &some.nngp[1])];
        for (all, some) in pairs {
            let part = all.matrix().submatrix(250, 0, 20, 50);
            assert!(largest((part - some.matrix()).as_ref()) <= 1e-12 * largest(all.matrix()), "{name}");
        }
    }
}

/// On samples of Gaussian processes, both criteria find the noise, and the likelihood the kernel, among those that are far apart.
#[test]
fn what_generated_the_data_is_found() {
    let threads = Threads::one();
    let n = 120;
    let x: Vec<f64> = normal(n, 2, 3).row_iter().flat_map(|row| [row[0], row[1]]).collect();
    let kernel = |depth: usize, sigma_w: f64| {
        let net = mlp(&vec![1; depth], 1, Activation::ERF, Scaling::ntk(sigma_w, 0.3));
        let limit = Infinite::new(&Network::new(net, [2])).expect("a limit");
        limit.kernel::<f64>(Which::Nngp, &x, None, &threads).matrix().to_owned()
    };
    let candidates: Vec<Mat<f64>> = [0.7, 1.4, 2.8, 5.6].map(|sigma_w| kernel(2, sigma_w)).into();
    let ridges = [1e-4, 1e-3, 1e-2, 1e-1, 1.0].map(Ridge::Absolute);
    for seed in 0..4 {
        for (truth, noise) in [(1, 1), (2, 2), (2, 3)] {
            let Ridge::Absolute(ridge) = ridges[noise] else { unreachable!() };
            let covariance = Ridge::Absolute(ridge).added_to(candidates[truth].as_ref());
            let root = covariance.llt(faer::Side::Lower).expect("positive");
            let y = root.L() * normal(n, 5, 10 + seed);
            let by_likelihood =
                select(&candidates, &ridges, y.as_ref(), Criterion::MarginalLikelihood).expect("a choice");
            assert_eq!((by_likelihood.kernel, by_likelihood.ridge), (truth, noise), "seed {seed}");
            // Errors tell less of the scale, but of the true kernel they know the noise.
            let own = [&candidates[truth]];
            let by_errors = select(own, &ridges, y.as_ref(), Criterion::LeaveOneOut).expect("a choice");
            assert_eq!(by_errors.ridge, noise, "seed {seed}");
            // At the truth, the likelihood is nearly flat: its derivative by the logarithm of the noise is small against N.
            let gradient = regression(candidates[truth].as_ref(), ridge).likelihood_gradient(y.as_ref());
            let slope = ridge * gradient.by_ridge() / (5 * n) as f64;
            assert!(slope.abs() < 0.1, "seed {seed}: {slope}");
        }
    }
}

#[test]
fn singular_kernels_and_other_edges() {
    // Points twice: no kernel without ridge, and with one as good as any.
    let twice = mat![[2.0, 2.0, 0.5], [2.0, 2.0, 0.5], [0.5, 0.5, 1.0]];
    let y = mat![[1.0], [3.0], [-1.0]];
    let none = Regression::new(twice.as_ref(), Ridge::Absolute(0.0)).expect_err("singular");
    assert_eq!(none, NoClosedForm::Singular { row: 1 });
    assert_eq!(
        none.to_string(),
        "the kernel is singular: its row 1 depends on those before it (are there points twice? add a ridge)"
    );
    let nearly = mat![[1.0, 1.0 - 1e-16], [1.0 - 1e-16, 1.0]];
    assert!(matches!(
        Regression::new(nearly.as_ref(), Ridge::Relative(0.0)),
        Err(NoClosedForm::Singular { row: 1 })
    ));
    let model = regression(twice.as_ref(), 1e-6);
    let left_out = model.leave_one_out(y.as_ref());
    assert!((left_out[(0, 0)] - 3.0).abs() < 1e-5 && (left_out[(1, 0)] - 1.0).abs() < 1e-5);
    assert!(model.log_marginal_likelihood(y.as_ref()).is_finite());
    assert!(model.likelihood_gradient(y.as_ref()).by_ridge().is_finite());
    // What cannot be added is not.
    let mut alone = regression(twice.submatrix(1, 1, 2, 2), 0.0);
    let before = alone.dual(y.subrows(1, 2));
    let error = alone.add(mat![[2.0, 0.5]].as_ref(), mat![[2.0]].as_ref()).expect_err("singular");
    assert_eq!(error, NoClosedForm::Singular { row: 2 });
    let error = alone.add(mat![[0.1, f64::NAN]].as_ref(), mat![[2.0]].as_ref()).expect_err("NaN");
    assert!(matches!(error, NoClosedForm::NotFinite { row: 2, column: 1, .. }));
    let error = alone.add(mat![[0.1, 0.2]].as_ref(), mat![[f64::INFINITY]].as_ref()).expect_err("infinite");
    assert_eq!(error, NoClosedForm::NotFinite { row: 2, column: 2, value: f64::INFINITY });
    assert_eq!(alone.dual(y.subrows(1, 2)), before);
    alone.add(Mat::zeros(0, 2).as_ref(), Mat::zeros(0, 0).as_ref()).expect("nothing");
    alone.remove(&[]);
    assert_eq!(alone.dual(y.subrows(1, 2)), before);

    // One point: of the others, of whom there are none, it is predicted 0.
    let mut one = regression(mat![[4.0]].as_ref(), 1.0);
    let y1 = mat![[2.0]];
    assert_eq!(one.leave_one_out(y1.as_ref()), mat![[0.0]]);
    let density = -0.5 * (4.0 / 5.0 + (5.0 * std::f64::consts::TAU).ln());
    assert!((one.log_marginal_likelihood(y1.as_ref()) - density).abs() < 1e-15);
    assert!((one.likelihood_gradient(y1.as_ref()).by_ridge() - 0.5 * (4.0 / 25.0 - 0.2)).abs() < 1e-15);
    one.add(mat![[1.0]].as_ref(), mat![[4.0]].as_ref()).expect("positive");
    one.remove(&[0]);
    assert!((one.dual(y1.as_ref())[(0, 0)] - 0.4).abs() < 1e-15);
    let found = select([mat![[4.0]]], &[Ridge::Relative(0.25)], y1.as_ref(), Criterion::LeaveOneOut)
        .expect("a choice");
    assert_eq!(found.scores, [[4.0]]);
    // Constant targets, all of them 0.
    let zero = Mat::zeros(3, 1);
    assert_eq!(model.leave_one_out(zero.as_ref()), zero);

    let error = |kernel: Mat<f64>, ridge| Regression::new(kernel.as_ref(), ridge).expect_err("no kernel");
    let nan = error(mat![[1.0, 0.0], [f64::NAN, 1.0]], Ridge::Absolute(0.0));
    assert!(matches!(nan, NoClosedForm::NotFinite { row: 1, column: 0, .. }));
    assert!(matches!(
        error(mat![[1.0, 2.0], [2.0, 1.0]], Ridge::Absolute(0.0)),
        NoClosedForm::Singular { row: 1 }
    ));
    assert!(matches!(error(mat![[1.0]], Ridge::Absolute(f64::NAN)), NoClosedForm::NotFinite { .. }));
    assert!(matches!(error(mat![[0.0]], Ridge::Relative(1.0)), NoClosedForm::Singular { row: 0 }));

    // Among candidates, what is singular is not chosen.
    let ridges =
        [Ridge::Absolute(0.0), Ridge::Absolute(0.5), Ridge::Absolute(-1e3), Ridge::Absolute(f64::NAN)];
    for criterion in [Criterion::LeaveOneOut, Criterion::MarginalLikelihood] {
        let found = select([&twice], &ridges, y.as_ref(), criterion).expect("a choice");
        assert_eq!((found.kernel, found.ridge), (0, 1));
        assert!([0, 2, 3].iter().all(|&i| !found.scores[0][i].is_finite()), "{:?}", found.scores);
        let nothing = select([&twice], &ridges[..1], y.as_ref(), criterion).expect_err("nothing");
        assert_eq!(nothing, NoSelection::Nothing { scores: 1 });
        let target = select([&twice], &ridges, mat![[1.0], [f64::INFINITY], [0.0]].as_ref(), criterion);
        assert_eq!(target, Err(NoSelection::Target { row: 1, column: 0, value: f64::INFINITY }));
        let indefinite = mat![[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let kernel =
            select([&twice, &indefinite], &ridges, y.as_ref(), criterion).expect_err("a negative kernel");
        assert!(matches!(kernel, NoSelection::Kernel { index: 1, why: NoClosedForm::Negative { .. } }));
        assert!(kernel.to_string().starts_with("kernel 1: the kernel has eigenvalues from"));
    }
}
