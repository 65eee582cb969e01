//! Gradient flow under any loss: against values of another program, against closed forms, and its control of errors.

use cotangent::prelude::*;
use cotangent::train::{ClosedForm, Flow, Friction, Ridge, Stuck, Training};
use faer::{Mat, MatRef, mat};
use proptest::prelude::*;
use tests::{close, matrix, prediction_kernels, prediction_reference};

const MEAN: Objective = Objective { loss: Loss::Squared, over: Over::Outputs };
const SUM: Objective = Objective { loss: Loss::Squared, over: Over::Sum };

/// Their solver's tolerance is 1.4·10⁻⁸, ours is 10⁻¹⁰.
#[test]
fn flows_are_those_of_the_reference() {
    let reference = prediction_reference();
    let [dd, td, _] = prediction_kernels(&reference);
    let (f0, g0) = (matrix(&reference["f_train_0"]), matrix(&reference["f_test_0"]));
    let cross_entropy = Objective { loss: Loss::CrossEntropy, over: Over::Outputs };
    for (name, objective, targets, momentum) in [
        ("mse lr=0.3 mom=None", MEAN, "y_train", None),
        ("mse lr=0.3 mom=0.9", MEAN, "y_train", Some(0.9)),
        ("ce lr=0.3 mom=None", cross_entropy, "one_hot", None),
    ] {
        let y = matrix(&reference[targets]);
        let flow = Flow::new(dd.ntk.matrix(), f0.as_ref(), y.as_ref(), &objective).within(1e-10);
        let rate: f64 = 0.3;
        let (mut flow, unit) = match momentum {
            None => (flow, rate),
            Some(momentum) => (flow.with_friction(Friction { momentum, rate }), rate.sqrt()),
        };
        let values = &reference[format!("gd_ode {name} t=[1,10,50]")];
        for (i, time) in [1.0, 10.0, 50.0].into_iter().enumerate() {
            flow.advance(unit * time).expect("a solution");
            let test = &g0 + td.ntk.matrix() * flow.dual();
            for (part, ours) in [("train", flow.outputs()), ("test", test)] {
                let theirs = matrix(&values[part][i]);
                close(ours.as_ref(), theirs.as_ref(), 3e-7, &format!("{name}, {part} at {time}"));
            }
        }
    }
}

/// A positive kernel between numbers.
fn kernel(a: &[f64], b: &[f64]) -> Mat<f64> {
    Mat::from_fn(a.len(), b.len(), |i, j| (1.0 + a[i] * b[j]).powi(2) + (-(a[i] - b[j]).powi(2)).exp())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Of the squared loss it is the closed form, in outputs and coefficients, at any times that are asked for in turn.
    #[test]
    fn of_the_squared_loss_it_is_the_closed_form(
        x in proptest::collection::vec(-2.0..2.0_f64, 5),
        y in proptest::collection::vec(-1.0..1.0_f64, 10),
        mut times in proptest::collection::vec(0.0..20.0_f64, 4),
    ) {
        times.sort_by(f64::total_cmp);
        let k = kernel(&x, &x);
        let y = MatRef::from_row_major_slice(&y, 5, 2);
        let f0 = Mat::from_fn(5, 2, |i, j| 0.3 * (i as f64) - 0.5 * (j as f64));
        let form = ClosedForm::new(k.as_ref(), Ridge::Absolute(0.0)).expect("a closed form");
        let mut flow = Flow::new(k.as_ref(), f0.as_ref(), y, &SUM).within(1e-11);
        for time in times {
            flow.advance(time).expect("a solution");
            let training = [Training::Flow(time)];
            let known = form.outputs(f0.as_ref(), y, &training).expect("stable");
            close(flow.outputs().as_ref(), known[0].as_ref(), 1e-8, "outputs");
            let moved = &f0 + &k * flow.dual();
            close(moved.as_ref(), flow.outputs().as_ref(), 1e-12, "coefficients");
        }
    }

    /// What goes on from a moment ends where what was never interrupted does, and full kernels flow as shared ones.
    #[test]
    fn flows_go_on_where_they_stopped(x in proptest::collection::vec(-2.0..2.0_f64, 4), momentum in any::<bool>()) {
        let (k, f0) = (kernel(&x, &x), Mat::zeros(4, 2));
        let y = Mat::from_fn(4, 2, |i, j| f64::from(u8::from((i + j) % 2 == 0)));
        let objective = Objective { loss: Loss::CrossEntropy, over: Over::Sum };
        let start = |kernel: MatRef<'_, f64>| {
            let flow = Flow::new(kernel, f0.as_ref(), y.as_ref(), &objective);
            if momentum { flow.with_friction(Friction { momentum: 0.8, rate: 0.1 }) } else { flow }
        };
        let mut whole = start(k.as_ref());
        whole.advance(2.0).expect("a solution");
        let moment = whole.moment().clone();
        whole.advance(9.0).expect("a solution");
        let mut resumed = start(k.as_ref()).resumed(moment);
        resumed.advance(9.0).expect("a solution");
        close(resumed.outputs().as_ref(), whole.outputs().as_ref(), 1e-13, "resumed");
        let full = Mat::from_fn(8, 8, |i, j| if i % 2 == j % 2 { k[(i / 2, j / 2)] } else { 0.0 });
        let mut full = start(full.as_ref());
        full.advance(9.0).expect("a solution");
        close(full.outputs().as_ref(), whole.outputs().as_ref(), 1e-6, "a full kernel");
    }
}

/// Momentum is friction: along an eigenvector, outputs are a damped oscillator.
#[test]
fn momentum_is_a_damped_oscillator() {
    for (momentum, rate) in [(0.9, 0.04), (0.2, 0.09_f64)] {
        let (lambda, c): (f64, f64) = (1.7, (1.0 - momentum) / rate.sqrt());
        let mut flow = Flow::new(mat![[lambda]].as_ref(), mat![[1.0]].as_ref(), mat![[0.0]].as_ref(), &SUM)
            .with_friction(Friction { momentum, rate })
            .within(1e-10);
        for time in [0.3, 2.0, 11.0_f64] {
            flow.advance(time).expect("a solution");
            let square = lambda - c * c / 4.0;
            let root = square.abs().sqrt();
            let (even, odd) = if square > 0.0 {
                ((root * time).cos(), (root * time).sin())
            } else {
                ((root * time).cosh(), (root * time).sinh())
            };
            let expected = (-c * time / 2.0).exp() * (even + c / (2.0 * root) * odd);
            let f = flow.outputs()[(0, 0)];
            assert!((f - expected).abs() < 1e-8, "β = {momentum} at {time}: {f} against {expected}");
        }
    }
}

/// Steps of gradient descent approach it by the first order of their rate.
#[test]
fn small_steps_are_the_flow() {
    let x = [-1.2, 0.1, 0.7];
    let (k, f0, y) = (kernel(&x, &x), Mat::zeros(3, 1), mat![[1.0], [-1.0], [1.0]]);
    let objective = Objective { loss: Loss::Logistic, over: Over::Sum };
    let mut flow = Flow::new(k.as_ref(), f0.as_ref(), y.as_ref(), &objective);
    flow.advance(2.0).expect("a solution");
    let distance = |steps: u32| {
        let rate = 2.0 / f64::from(steps);
        let mut f = f0.clone();
        for _ in 0..steps {
            let g = Mat::from_fn(3, 1, |i, _| -y[(i, 0)] / (1.0 + (y[(i, 0)] * f[(i, 0)]).exp()));
            f = &f - rate * (&k * g);
        }
        (f - flow.outputs()).norm_l2()
    };
    let (coarse, fine) = (distance(200), distance(400));
    assert!((coarse / fine - 2.0).abs() < 0.05 && fine < 1e-2, "{coarse}, {fine}");
}

/// Errors are below what was asked for, times the length of the way, and shrink with it; between steps too.
#[test]
fn errors_follow_the_tolerance() {
    let x = [-1.5, -0.3, 0.4, 1.1];
    let (k, f0) = (kernel(&x, &x), Mat::zeros(4, 1));
    let y = mat![[1.0], [-1.0], [1.0], [1.0]];
    let form = ClosedForm::new(k.as_ref(), Ridge::Absolute(0.0)).expect("a closed form");
    let worst = |tolerance: f64| {
        let mut flow = Flow::new(k.as_ref(), f0.as_ref(), y.as_ref(), &SUM).within(tolerance);
        let error = |i: u32| {
            let time = 0.013 * f64::from(i);
            flow.advance(time).expect("a solution");
            let known = form.outputs(f0.as_ref(), y.as_ref(), &[Training::Flow(time)]).expect("stable");
            (flow.outputs() - &known[0]).norm_max()
        };
        (0..200).map(error).fold(0.0, f64::max)
    };
    let errors = [1e-4, 1e-6, 1e-8, 1e-10].map(worst);
    for (error, tolerance) in errors.iter().zip([1e-4, 1e-6, 1e-8, 1e-10]) {
        assert!((tolerance / 1e3..30.0 * tolerance).contains(error), "{error:e} with {tolerance:e}");
    }
}

#[test]
fn flows_at_the_edges() {
    let one = mat![[1.0]];
    let start =
        |kernel: f64, f: f64| Flow::new(mat![[kernel]].as_ref(), mat![[f]].as_ref(), one.as_ref(), &SUM);
    let mut flow = start(2.0, 0.25);
    flow.advance(0.0).expect("no way to go");
    assert_eq!(flow.outputs()[(0, 0)], 0.25);
    // Nothing moves where the kernel is 0, or where targets are met.
    for (kernel, f) in [(0.0, 0.25), (2.0, 1.0)] {
        let mut flow = start(kernel, f);
        flow.advance(1e6).expect("a solution");
        assert_eq!(flow.outputs()[(0, 0)], f);
    }
    let (mut nan, mut infinite) = (start(f64::NAN, 0.0), start(1.0, f64::INFINITY));
    assert_eq!(nan.advance(1.0), Err(Stuck::NotFinite { time: 0.0 }));
    assert_eq!(infinite.advance(1.0), Err(Stuck::NotFinite { time: 0.0 }));
    let mut flow = start(2.0, 0.25);
    assert_eq!(flow.advance(f64::INFINITY), Err(Stuck::NoSuchTime { time: f64::INFINITY }));
    flow.advance(50.0).expect("a solution");
    assert!((flow.outputs()[(0, 0)] - 1.0).abs() < 1e-7);
    assert!(matches!(flow.advance(1.0), Err(Stuck::NoSuchTime { .. })), "time does not run backwards");
    // A negative kernel drives outputs away, and that is said.
    let mut flow = start(-1e3, 0.0);
    let error = flow.advance(10.0).expect_err("it explodes");
    assert!(error.to_string().contains("at the time"), "{error}");
}
