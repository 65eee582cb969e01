//! Linear and Taylor models: law 12, other inputs, other points, and values of other programs.

use cotangent::kernels::largest_eigenvalue;
use cotangent::linearize::Series;
use cotangent::prelude::*;
use proptest::prelude::*;
use serde_json::Value;
use tests::{finite_network, numbers};

use crate::{Case, case, close, filled, norm, normal};

/// The error of `order` of a Taylor model, fitted over smaller and smaller steps, approaches degree + 1, unless it is lost
/// in rounding before.
fn falls_with_order(
    order: usize,
    exponent: impl Fn(&[f64]) -> Option<(f64, f64)>,
) -> Result<(), TestCaseError> {
    let mut seen = Vec::new();
    for halvings in 0..14 {
        let steps: Vec<f64> =
            (0..4).map(|i| 0.5_f64.powf(f64::from(halvings) + f64::from(i) / 3.0)).collect();
        let Some((exponent, error)) = exponent(&steps) else { return Ok(()) };
        if exponent > order as f64 - 0.1 {
            return Ok(());
        }
        seen.push((exponent, error));
    }
    Err(TestCaseError::fail(format!("exponents {seen:?} do not approach {order}")))
}

/// θ after some steps of gradient descent on ½ ‖f − y‖².
fn trained(model: &mut LinearModel<f64>, x: &[f64], y: &[f64]) -> Vec<f64> {
    for _ in 0..3 {
        let jacobian = model.jacobian();
        let error: Vec<f64> = jacobian.value().iter().zip(y).map(|(f, y)| f - y).collect();
        let gradient = filled(jacobian.columns(), |out| jacobian.apply_transpose(&error, out));
        let gram = |u: &[f64], out: &mut [f64]| jacobian.gram_apply(u, out);
        let largest = largest_eigenvalue(jacobian.rows(), gram, 1e-2, 20).value;
        let rate = 0.1 / largest.max(1e-3);
        model.delta_mut().iter_mut().zip(gradient).for_each(|(delta, g)| *delta -= rate * g);
        let theta = model.theta();
        model.relinearize(&theta, x);
    }
    model.origin().to_vec()
}

fn model_laws<T: Real>(case: &Case, others: usize) -> Result<(), TestCaseError> {
    let network = case.network();
    let theta = network.init::<T>(case.seed);
    for jacobian in case.jacobians::<T>() {
        let (rows, columns) = (jacobian.rows(), jacobian.columns());
        let linearized = jacobian.linearized().clone();
        let mut model = LinearModel::new(jacobian, theta.clone());
        prop_assert!(filled(rows, |out| model.value(out)) == model.jacobian().value(), "f_lin(θ₀) = f(θ₀)");
        close(model.jacobian().value(), &linearized.value(&theta, &case.x(), &Threads::one()), 0.0)?;

        let delta = normal::<T>(columns, case.seed, 2);
        model.delta_mut().copy_from_slice(&delta);
        let here = filled(rows, |out| model.value(out));
        let size = norm(&delta) + norm(&theta);
        close(&here, &model.predict_on(&case.x()), size)?;
        close(&here, &filled(rows, |out| model.predict(&model.theta(), out)), size)?;
        let (free, frozen) =
            (filled(columns, |out| linearized.mask().gather(&model.theta(), out)), model.theta());
        let start = filled(columns, |out| linearized.mask().gather(&theta, out));
        close(&free, &start.iter().zip(&delta).map(|(&a, &b)| a + b).collect::<Vec<_>>(), 0.0)?;
        let mut back = frozen;
        linearized.mask().scatter(&start, &mut back);
        prop_assert!(back == theta, "frozen tensors stay");

        // Other inputs, any number: as a model made for them.
        let x = case.examples::<T>(others);
        let there = Linearized::masked(&network, others, linearized.mask()).at(&theta, &x, &Threads::one());
        let mut expected = filled(there.rows(), |out| there.apply(&delta, out));
        expected.iter_mut().zip(there.value()).for_each(|(y, &f)| *y += f);
        close(&model.predict_on(&x), &expected, size)?;

        // Another point: as a model made there, bit for bit.
        let (point, x) = (model.theta(), case.examples::<T>(case.batch));
        model.relinearize(&point, &x);
        let fresh = linearized.at(&point, &x, &Threads::one());
        prop_assert!(model.jacobian().value() == fresh.value() && model.origin() == point);
        prop_assert!(model.delta().iter().all(|&delta| delta == T::zero()));
        let products = [model.jacobian(), &fresh].map(|j| filled(rows, |out| j.apply(&delta, out)));
        prop_assert!(products[0] == products[1]);
    }
    Ok(())
}

/// y_k is homogeneous of degree k in δ, y₂ a quadratic form (law 9: |a + b|² + |a − b|² = 2 |a|² + 2 |b|²), y₁ is J δ, and
/// chunks make no difference.
fn taylor_laws<T: Real>(case: &Case, others: usize) -> Result<(), TestCaseError> {
    let theta = case.network().init::<T>(case.seed);
    let (threads, x) = (Threads::one(), case.x::<T>());
    let [whole, parts] = case.jacobians::<T>();
    let [a, b] = [2, 3].map(|salt| normal::<T>(whole.columns(), case.seed, salt));
    let scale = |c: f64, a: &[T]| -> Vec<T> { a.iter().map(|&a| T::literal(c) * a).collect() };
    let add = |a: &[T], b: &[T]| -> Vec<T> { a.iter().zip(b).map(|(&a, &b)| a + b).collect() };
    let model = TaylorModel::new(whole.linearized(), 3, &theta);
    let series = |delta: &[T]| model.series(delta, &x, &threads);
    let at_a = series(&a);
    let y = at_a.coefficients();
    let size = y.iter().map(|y| norm(y)).sum::<f64>() + 1.0;
    close(&y[0], whole.value(), size)?;
    close(&y[1], &filled(whole.rows(), |out| whole.apply(&a, out)), size)?;
    for (k, (half, y)) in series(&scale(-0.5, &a)).coefficients().iter().zip(y).enumerate() {
        close(half, &scale((-0.5_f64).powi(k as i32), y), size)?;
    }
    let second = |delta: &[T]| series(delta).coefficients()[2].clone();
    let sides =
        [add(&second(&add(&a, &b)), &second(&add(&a, &scale(-1.0, &b)))), add(&second(&a), &second(&b))];
    close(&sides[0], &scale(2.0, &sides[1]), 4.0 * size + norm(&sides[0]))?;
    let in_chunks = TaylorModel::new(parts.linearized(), 3, &theta);
    close(&in_chunks.predict(&a, &x, &threads), &at_a.at(T::one(), 3), size)?;
    // Any number of examples.
    let x = case.examples::<T>(others);
    let of_size = Linearized::masked(&case.network(), others, whole.linearized().mask());
    let expected = TaylorModel::new(&of_size, 3, &theta).predict(&a, &x, &threads);
    close(&in_chunks.predict(&a, &x, &threads), &expected, size + norm(&expected))
}

/// The coefficients up to degree 3 as f32, and their size.
fn series<T: Real>(case: &Case) -> (Vec<f32>, f64) {
    let [jacobian, _] = case.jacobians::<T>();
    let model = TaylorModel::new(jacobian.linearized(), 3, &case.network().init::<T>(case.seed));
    let delta = normal(jacobian.columns(), case.seed, 2);
    let series = model.series(&delta, &case.x(), &Threads::one());
    let all = series.coefficients().concat();
    (all.iter().map(|&y| f32::literal(y.into())).collect(), norm(&all) + 1.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_global_rejects: 65536, ..ProptestConfig::default() })]

    #[test]
    fn linear_models_predict_the_same_wherever_they_are_asked(case in case(), others in 1..20_usize) {
        model_laws::<f64>(&case, others)?;
        model_laws::<f32>(&case, others)?;
    }

    #[test]
    fn taylor_coefficients_are_homogeneous_polynomials(case in case(), others in 1..20_usize) {
        prop_assume!(case.smooth());
        taylor_laws::<f64>(&case, others)?;
        taylor_laws::<f32>(&case, others)?;
        let ((single, _), (double, size)) = (series::<f32>(&case), series::<f64>(&case));
        close(&single, &double, size)?;
    }

    #[test]
    fn law_12_taylor_models_of_degree_k_err_by_order_k_plus_1(case in case()) {
        prop_assume!(case.smooth());
        let theta = case.network().init::<f64>(case.seed);
        let (threads, x) = (Threads::one(), case.x::<f64>());
        let [whole, parts] = case.jacobians::<f64>();
        let delta = normal(whole.columns(), case.seed, 2);
        let model = TaylorModel::new(parts.linearized(), 4, &theta);
        for degree in 0..=4 {
            falls_with_order(degree + 1, |steps| {
                let remainder = &model.remainders(&delta, &x, steps, &threads)[degree];
                remainder.order.map(|law| (law.exponent, remainder.points[0].1))
            })?;
        }
        // f_lin around a trained θ, by the diagnostic of the linear model itself.
        let y = normal(whole.rows(), case.seed, 5);
        let mut model = LinearModel::new(whole, theta);
        let theta = trained(&mut model, &x, &y);
        let f = parts.linearized().value(&theta, &x, &threads);
        close(&filled(f.len(), |out| model.predict(&theta, out)), &f, 1.0)?;
        falls_with_order(2, |steps| {
            let remainder = model.remainder(&delta, &x, steps);
            remainder.order.map(|law| (law.exponent, remainder.points[0].1))
        })?;
    }
}

/// Dense(4)-Erf-Dense(4)-Relu-Dense(2) with σ_w = 1.3, σ_b = 0.2: the Taylor polynomial of degree 2.
#[test]
fn taylor_model_of_the_reference_network() {
    let reference: Value =
        serde_json::from_str(include_str!("../../reference/finite.json")).expect("valid JSON");
    let linearized = Linearized::of_network(&finite_network(), 5);
    let flat = |name: &str| numbers(&reference[name]);
    let model = TaylorModel::new(&linearized, 2, &flat("params"));
    let series: Series<f64> = model.series(&flat("delta"), &flat("x"), &Threads::one());
    for (degree, name) in [(0, "f(x)"), (1, "f_lin(x)"), (2, "taylor2(x)")] {
        for (ours, theirs) in series.at(1.0, degree).iter().zip(flat(name)) {
            assert!((ours - theirs).abs() <= 1e-10 * (1.0 + theirs.abs()), "{name}: {ours} and {theirs}");
        }
    }
}
