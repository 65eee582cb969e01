//! Training in closed form: against values of another program, against steps of the linear model, and at the edges.

use cotangent::kernels::Limits;
use cotangent::prelude::*;
use cotangent::train::{ClosedForm, Ensemble, NoClosedForm, Ridge, Training};
use faer::{Mat, mat};
use proptest::prelude::*;
use tests::{close, matrix, prediction_kernels, prediction_reference};

#[test]
fn predictions_are_those_of_the_reference() {
    let reference = prediction_reference();
    let [dd, td, tt] = prediction_kernels(&reference);
    let y = matrix(&reference["y_train"]);
    let (f0, g0) = (matrix(&reference["f_train_0"]), matrix(&reference["f_test_0"]));
    // Their loss is a mean over N·O.
    let training = |t: Option<f64>| t.map_or(Training::Converged, |t| Training::Flow(0.7 * t / 10.0));
    let mut compared = 0;
    for (name, ridge) in [
        ("reg=0.0 abs=False", Ridge::Absolute(0.0)),
        ("reg=0.01 abs=False", Ridge::Relative(0.01)),
        ("reg=0.01 abs=True", Ridge::Absolute(0.01)),
    ] {
        let model = ClosedForm::new(dd.ntk.matrix(), ridge).expect("a closed form");
        for (t, time) in [("0.0", Some(0.0)), ("1.0", Some(1.0)), ("10000.0", Some(1e4)), ("None", None)] {
            let values = &reference[format!("gd_mse lr=0.7 {name} t={t}")];
            let train = &model.outputs(f0.as_ref(), y.as_ref(), &[training(time)]).expect("stable")[0];
            close(train.as_ref(), matrix(&values["train"]).as_ref(), 1e-9, &format!("{name} {t}, train"));
            let test =
                model.elsewhere(td.ntk.matrix(), g0.as_ref(), f0.as_ref(), y.as_ref(), &[training(time)]);
            let test = &test.expect("stable")[0];
            close(test.as_ref(), matrix(&values["test"]).as_ref(), 1e-9, &format!("{name} {t}, test"));
            compared += 2;
        }
    }

    let ridge = Ridge::Relative(1e-3);
    for kind in ["ntk", "nngp"] {
        let of = |limits: &Limits<f64>| {
            if kind == "ntk" { limits.ntk.matrix().to_owned() } else { limits.nngp.matrix().to_owned() }
        };
        let model = ClosedForm::new(of(&dd).as_ref(), ridge).expect("a closed form");
        // Of the readout alone, the ridge is noise, which the covariance of the targets has too.
        let mut before = dd.nngp.matrix().to_owned();
        if kind == "nngp" {
            let mean = (0..5).map(|i| before[(i, i)]).sum::<f64>() / 5.0;
            (0..5).for_each(|i| before[(i, i)] += 1e-3 * mean);
        }
        let ensemble = Ensemble::new(&model, before.as_ref());
        let points = ensemble.at::<f64>(of(&td).as_ref(), td.nngp.matrix());
        for (t, time) in [("0.0", Some(0.0)), ("1.0", Some(1.0)), ("None", None)] {
            let values = &reference[format!("ensemble lr=0.7 reg=1e-3rel {kind} t={t} test")];
            let mean = points.mean(y.as_ref(), training(time)).expect("stable");
            let covariance = points.covariance(tt.nngp.matrix(), training(time)).expect("stable");
            close(mean.as_ref(), matrix(&values["mean"]).as_ref(), 1e-9, &format!("{kind} {t}, mean"));
            close(
                covariance.as_ref(),
                matrix(&values["cov"]).as_ref(),
                1e-9,
                &format!("{kind} {t}, covariance"),
            );
            let single = ensemble.at::<f32>(of(&td).as_ref(), td.nngp.matrix());
            let rounded = Mat::from_fn(3, 3, |i, j| tt.nngp.matrix()[(i, j)] as f32);
            let single = single.covariance(rounded.as_ref(), training(time)).expect("stable");
            let single = Mat::from_fn(3, 3, |i, j| f64::from(single[(i, j)]));
            close(single.as_ref(), covariance.as_ref(), 1e-5, &format!("{kind} {t}, in f32"));
            let diagonal: Vec<f64> = (0..3).map(|i| tt.nngp.matrix()[(i, i)]).collect();
            let variance = points.variance(&diagonal, training(time)).expect("stable");
            for (i, variance) in variance.into_iter().enumerate() {
                assert!((variance - covariance[(i, i)]).abs() < 1e-12);
            }
            // Training points are points like others, with the kernel that is trained on.
            let mut own = of(&dd);
            let mean = (0..5).map(|i| own[(i, i)]).sum::<f64>() / 5.0;
            (0..5).for_each(|i| own[(i, i)] += 1e-3 * mean);
            let train = ensemble.at::<f64>(own.as_ref(), before.as_ref());
            let values = &reference[format!("ensemble lr=0.7 reg=1e-3rel {kind} t={t} train")];
            let mean = train.mean(y.as_ref(), training(time)).expect("stable");
            let covariance = train.covariance(before.as_ref(), training(time)).expect("stable");
            close(mean.as_ref(), matrix(&values["mean"]).as_ref(), 1e-9, &format!("{kind} {t}, train mean"));
            close(
                covariance.as_ref(),
                matrix(&values["cov"]).as_ref(),
                1e-9,
                &format!("{kind} {t}, train covariance"),
            );
            compared += 4;
        }
        let values = &reference[format!("gp_inference reg=1e-3rel {kind}")];
        let mean = points.mean(y.as_ref(), Training::Converged).expect("stable");
        close(mean.as_ref(), matrix(&values["mean"]).as_ref(), 1e-9, "Gaussian process");
        let covariance = points.covariance(tt.nngp.matrix(), Training::Converged).expect("stable");
        close(covariance.as_ref(), matrix(&values["cov"]).as_ref(), 1e-9, "Gaussian process");
    }
    assert_eq!(compared, 48);

    for (name, momentum) in [("max_lr y_size=10 mom=0.0", 0.0), ("max_lr y_size=10 mom=0.9", 0.9)] {
        let model = ClosedForm::new(dd.ntk.matrix(), Ridge::Absolute(0.0)).expect("a closed form");
        let ours = 10.0 * model.largest_stable_rate(momentum);
        let theirs = reference[name].as_f64().expect("a number");
        assert!((ours - theirs).abs() < 1e-9 * theirs, "{name}: {ours} against {theirs}");
    }
}

/// Law 15: the linear model of a network, trained step by step in weight space, is where the closed form says, in outputs on
/// the training set and elsewhere, and in its parameters; with and without momentum.
#[test]
fn law_15_steps_in_weight_space_are_the_closed_form() {
    let network = Network::new(mlp(&[9, 7], 2, Activation::ERF, Scaling::ntk(1.3, 0.2)), [3]);
    let theta: Vec<f64> = network.init(4);
    let at = |i: usize| f64::from(u32::try_from(i * 7919 % 97).expect("small")) / 40.0 - 1.2;
    let (x, others): (Vec<f64>, Vec<f64>) = ((0..15).map(at).collect(), (20..32).map(at).collect());
    let y: Vec<f64> = (40..50).map(at).collect();
    let threads = Threads::one();
    let column = |values: &[f64]| Mat::from_fn(values.len(), 1, |i, _| values[i]);

    let jacobian = Linearized::of_network(&network, 5).at(&theta, &x, &threads);
    let elsewhere = Linearized::of_network(&network, 4).at(&theta, &others, &threads);
    let kernel = Empirical::ntk(&network).kernel(Kind::Full, &theta, &x, None, &threads);
    let cross = Empirical::ntk(&network).kernel(Kind::Full, &theta, &others, Some(&x), &threads);
    let model = ClosedForm::new(kernel.matrix(), Ridge::Absolute(0.0)).expect("a closed form");
    let (f0, target) = (column(jacobian.value()), column(&y));
    for momentum in [0.0, 0.9] {
        let rate = 0.9 * model.largest_stable_rate(momentum) / if momentum > 0.0 { 2.0 } else { 1.0 };
        let (mut delta, mut before) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
        for step in 0..=1000_u32 {
            if [0, 1, 2, 3, 10, 100, 999, 1000].contains(&step) {
                let training = Training::Steps { rate, momentum, count: step };
                let outputs = &model.outputs(f0.as_ref(), target.as_ref(), &[training]).expect("stable")[0];
                let mut ours = vec![0.0; 10];
                jacobian.apply(&delta, &mut ours);
                let ours = column(&ours) + &f0;
                close(ours.as_ref(), outputs.as_ref(), 1e-10, &format!("momentum {momentum}, step {step}"));
                let alpha = &model.dual(f0.as_ref(), target.as_ref(), &[training]).expect("stable")[0];
                let mut there = vec![0.0; 8];
                elsewhere.apply(&delta, &mut there);
                close(
                    column(&there).as_ref(),
                    (cross.matrix() * alpha).as_ref(),
                    1e-10,
                    &format!("elsewhere, step {step}"),
                );
                let alpha: Vec<f64> = alpha.col(0).iter().copied().collect();
                let mut parameters = vec![0.0; theta.len()];
                jacobian.apply_transpose(&alpha, &mut parameters);
                close(
                    column(&delta).as_ref(),
                    column(&parameters).as_ref(),
                    1e-10,
                    &format!("parameters, step {step}"),
                );
            }
            let (mut f, mut gradient) = (vec![0.0; 10], vec![0.0; theta.len()]);
            jacobian.apply(&delta, &mut f);
            let error: Vec<f64> = (0..10).map(|i| f[i] + f0[(i, 0)] - y[i]).collect();
            jacobian.apply_transpose(&error, &mut gradient);
            for ((delta, before), gradient) in delta.iter_mut().zip(&mut before).zip(gradient) {
                let next = *delta - rate * gradient + momentum * (*delta - *before);
                (*before, *delta) = (*delta, next);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Flow is many short steps; the response is what the decay leaves; singular kernels give finite answers.
    #[test]
    fn flow_is_the_limit_of_steps(eigenvalue in 0.0..4.0_f64, time in 0.0..3.0_f64, momentum in 0.0..0.95_f64, count in 0..40_u32) {
        let steps = Training::Steps { rate: time / f64::from(1 << 22), momentum: 0.0, count: 1 << 22 };
        let flow = Training::Flow(time);
        prop_assert!((steps.decay(eigenvalue) - flow.decay(eigenvalue)).abs() < 1e-5);
        prop_assert!((steps.response(eigenvalue) - flow.response(eigenvalue)).abs() < 1e-4);
        let rate = 0.4 * (1.0 + momentum);
        let some = Training::Steps { rate, momentum, count };
        let (mut error, mut before) = (1.0, 1.0);
        for _ in 0..count {
            (error, before) = (error - rate * eigenvalue * error + momentum * (error - before), error);
        }
        prop_assert!((some.decay(eigenvalue) - error).abs() < 1e-10, "{} against {error}", some.decay(eigenvalue));
        for training in [flow, some] {
            let left = 1.0 - eigenvalue * training.response(eigenvalue) - training.decay(eigenvalue);
            prop_assert!(left.abs() < 1e-10, "{training:?}: {left:e}");
        }
    }
}

#[test]
fn singular_kernels_and_other_edges() {
    // Two equal points with different targets, and one more: what contradicts stays, as a half of the difference.
    let kernel = mat![[2.0, 2.0, 0.5], [2.0, 2.0, 0.5], [0.5, 0.5, 1.0]];
    let model = ClosedForm::new(kernel.as_ref(), Ridge::Absolute(0.0)).expect("a closed form");
    assert!(model.condition_number().is_infinite());
    let (f0, y) = (mat![[0.0], [0.0], [0.0]], mat![[1.0], [3.0], [-1.0]]);
    for training in
        [Training::Flow(1e9), Training::Converged, Training::Steps { rate: 0.4, momentum: 0.5, count: 4000 }]
    {
        let f = &model.outputs(f0.as_ref(), y.as_ref(), &[training]).expect("stable")[0];
        close(f.as_ref(), mat![[2.0], [2.0], [-1.0]].as_ref(), 1e-12, &format!("{training:?}"));
        let alpha = &model.dual(f0.as_ref(), y.as_ref(), &[training]).expect("stable")[0];
        assert!((0..3).all(|i| alpha[(i, 0)].is_finite()), "{training:?}");
    }
    for training in [Training::Flow(0.0), Training::Steps { rate: 0.1, momentum: 0.9, count: 0 }] {
        let f = &model.outputs(f0.as_ref(), y.as_ref(), &[training]).expect("stable")[0];
        close(f.as_ref(), f0.as_ref(), 1e-15, "no training");
    }
    // A tiny eigenvalue responds like time.
    let response = Training::Flow(5.0).response(1e-300);
    assert!((response - 5.0).abs() < 1e-14, "{response}");

    let one = ClosedForm::new(mat![[4.0]].as_ref(), Ridge::Relative(0.25)).expect("a closed form");
    assert_eq!(one.eigenvalues(), [5.0]);
    let nothing =
        ClosedForm::new(mat![[0.0, 0.0], [0.0, 0.0]].as_ref(), Ridge::Relative(1.0)).expect("a closed form");
    let y = mat![[1.0], [2.0]];
    let f = nothing
        .outputs(Mat::zeros(2, 1).as_ref(), y.as_ref(), &[Training::Converged])
        .expect("stable")
        .remove(0);
    close(f.as_ref(), Mat::<f64>::zeros(2, 1).as_ref(), 0.0, "nothing is learned");

    let error = |kernel: Mat<f64>| {
        ClosedForm::new(kernel.as_ref(), Ridge::Absolute(0.0)).expect_err("no closed form")
    };
    assert!(matches!(
        error(mat![[1.0, 0.0], [f64::NAN, 1.0]]),
        NoClosedForm::NotFinite { row: 1, column: 0, .. }
    ));
    assert!(matches!(error(mat![[1.0, 2.0], [2.0, 1.0]]), NoClosedForm::Negative { .. }));
    let fast = Training::Steps { rate: 3.0, momentum: 0.0, count: 1 };
    let unstable = one.dual(mat![[0.0]].as_ref(), mat![[1.0]].as_ref(), &[fast]).expect_err("unstable");
    assert_eq!(unstable, NoClosedForm::Unstable { rate: 3.0, largest: 0.4 });
    for (rate, momentum) in [(-0.1, 0.0), (0.1, 1.0), (0.1, -1.5), (f64::NAN, 0.0)] {
        let steps = Training::Steps { rate, momentum, count: 1 };
        assert!(one.dual(mat![[0.0]].as_ref(), mat![[1.0]].as_ref(), &[steps]).is_err(), "{steps:?}");
    }
    let infinite =
        ClosedForm::new(mat![[4.0]].as_ref(), Ridge::Absolute(f64::INFINITY)).expect_err("no closed form");
    assert!(matches!(infinite, NoClosedForm::NotFinite { .. }));
    // However long it is trained, nothing is made of what is only rounding.
    let nearly = ClosedForm::new(mat![[1.0, 1.0 - 1e-17], [1.0 - 1e-17, 1.0]].as_ref(), Ridge::Absolute(0.0))
        .expect("a closed form");
    let y = mat![[1.0], [1.0 + 1e-9_f64]];
    let zero = Mat::zeros(2, 1);
    let alpha: &Mat<f64> =
        &nearly.dual(zero.as_ref(), y.as_ref(), &[Training::Flow(1e300)]).expect("stable")[0];
    assert!(alpha[(0, 0)].abs() < 1e6, "{}", alpha[(0, 0)]);
}

/// Law 10: eigenvectors too have the same bits for any number of threads.
#[test]
fn closed_forms_have_the_same_bits_for_any_number_of_threads() {
    let n = 300;
    let x: Vec<f64> = (0..n).map(|i| f64::from(i * 7919 % 2003) / 500.0 - 2.0).collect();
    let kernel = Mat::from_fn(n as usize, n as usize, |i, j| (-(x[i] - x[j]).powi(2)).exp() + x[i] * x[j]);
    let y = Mat::from_fn(n as usize, 2, |i, j| (x[i] * (1.0 + j as f64)).sin());
    let on = |count: usize| {
        let threads = Threads::new(count.try_into().expect("a positive number"));
        threads.install(|| {
            let model = ClosedForm::new(kernel.as_ref(), Ridge::Relative(1e-3)).expect("a closed form");
            let zero = Mat::zeros(n as usize, 2);
            let made = model.outputs(zero.as_ref(), y.as_ref(), &[Training::Flow(0.3)]).expect("stable");
            (model.eigenvalues().to_vec(), made)
        })
    };
    let once = on(1);
    assert_eq!(on(2), once);
    assert_eq!(on(3), once);
}

/// In f32 it is what it is in f64, to the roots of rounding errors that small eigenvalues leave.
#[test]
fn closed_forms_in_f32() {
    let kernel = Mat::from_fn(30, 30, |i, j| {
        let (a, b) = (0.2 * i as f64 - 3.0, 0.2 * j as f64 - 3.0);
        (-(a - b).powi(2)).exp() + a * b + if i == j { 0.5 } else { 0.0 }
    });
    let y = Mat::from_fn(30, 2, |i, j| (0.3 * i as f64 + j as f64).sin());
    let single = |m: &Mat<f64>| Mat::from_fn(m.nrows(), m.ncols(), |i, j| m[(i, j)] as f32);
    let zero = Mat::<f64>::zeros(30, 2);
    let double = ClosedForm::new(kernel.as_ref(), Ridge::Relative(1e-3)).expect("a closed form");
    let in_single = ClosedForm::new(single(&kernel).as_ref(), Ridge::Relative(1e-3)).expect("a closed form");
    let trainings =
        [Training::Flow(0.1), Training::Steps { rate: 0.005, momentum: 0.5, count: 50 }, Training::Converged];
    let wide = double.outputs(zero.as_ref(), y.as_ref(), &trainings).expect("stable");
    let narrow = in_single.outputs(single(&zero).as_ref(), single(&y).as_ref(), &trainings).expect("stable");
    for (narrow, wide) in narrow.iter().zip(&wide) {
        let narrow = Mat::from_fn(30, 2, |i, j| f64::from(narrow[(i, j)]));
        close(narrow.as_ref(), wide.as_ref(), 1e-4, "f32");
    }
}
