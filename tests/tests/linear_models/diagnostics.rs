//! Diagnostics of the linear regime, where their values are known.

use cotangent::linearize::{PowerLaw, layer_change, tangent_change, weight_change};
use cotangent::prelude::*;
use proptest::prelude::*;

use crate::{case, epsilon, filled, network, norm, normal};

#[test]
fn power_laws_are_fitted_with_their_standard_error() {
    let law = |x: f64| 3.0 * x.powf(-1.5);
    let exact = PowerLaw::fit(&[0.1, 0.3, 2.0, 7.0].map(|x| (x, law(x)))).expect("four abscissas");
    assert!((exact.exponent + 1.5).abs() < 1e-14 && (exact.factor - 3.0).abs() < 1e-13, "{exact:?}");
    assert!(exact.standard_error < 1e-14, "{exact:?}");
    // Residuals (c, −c, −c, c) at log x = 0, 1, 2, 3 do not tilt the line; Σ residual²/(n − 2) = 2c² and
    // Σ (log x − mean)² = 5.
    let c = 0.01_f64;
    let bent = [c, -c, -c, c].into_iter().zip(0..).map(|(c, i)| {
        let x = f64::from(i).exp();
        (x, law(x) * c.exp())
    });
    let bent = PowerLaw::fit(&bent.collect::<Vec<_>>()).expect("four abscissas");
    assert!((bent.exponent + 1.5).abs() < 1e-13 && (bent.standard_error - c * 0.4_f64.sqrt()).abs() < 1e-13);
    assert_eq!(PowerLaw::fit(&[(1.0, 2.0), (1.0, 3.0), (2.0, 0.0)]), None, "one positive abscissa");
}

#[test]
fn weights_that_grow_by_a_tenth_change_by_a_tenth() {
    let network = network(&[7, 5], 3, 2, Activation::Tanh);
    let origin = network.init::<f64>(0);
    let grown: Vec<f64> = origin.iter().map(|w| 1.1 * w).collect();
    let tensors = weight_change(network.parameters(), &origin, &grown);
    assert!(tensors.len() == 6 && tensors.iter().all(|change| (change - 0.1).abs() < 1e-15), "{tensors:?}");
    // One tensor of a layer: its part of the layer's norm.
    let mut moved = origin.clone();
    let range = network.parameters().tensors()[2].range.clone();
    moved[range.clone()].copy_from_slice(&grown[range.clone()]);
    let layers = layer_change(network.parameters(), &origin, &moved);
    let layer = range.start..range.end + 5;
    let expected = 0.1 * norm(&origin[range]) / norm(&origin[layer]);
    assert_eq!(layers.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["0", "2", "4"]);
    assert!(layers[0].1 == 0.0 && (layers[1].1 - expected).abs() < 1e-15 && layers[2].1 == 0.0, "{layers:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_global_rejects: 65536, ..ProptestConfig::default() })]

    /// (J(θ₀ + h δ) − J(θ₀)) δ → h Hδδ = 2 h y₂.
    #[test]
    fn the_change_of_the_tangent_is_the_second_derivative(case in case()) {
        prop_assume!(case.smooth());
        let theta = case.network().init::<f64>(case.seed);
        let [origin, mut there] = case.jacobians::<f64>();
        let delta = normal::<f64>(origin.columns(), case.seed, 2);
        let model = TaylorModel::new(origin.linearized(), 2, &theta);
        let series = model.series(&delta, &case.x(), &Threads::one());
        let [_, first, second] = series.coefficients() else { unreachable!("degree 2 has three terms") };
        prop_assume!(norm(first) > 1e-3);
        let before = filled(origin.rows(), |out| origin.apply(&delta, out));
        prop_assert!(tangent_change(&before, &origin, &delta) == 0.0);
        let expected = 2.0 * norm(second) / norm(first);
        let scatter: Vec<f64> = {
            let mut moved = theta.clone();
            let free = origin.linearized().mask().free().flat_map(|(_, range)| range);
            free.zip(&delta).for_each(|(i, delta)| moved[i] += 1e-5 * delta);
            moved
        };
        there.relinearize(&scatter, &case.x());
        let slope = tangent_change(&before, &there, &delta) / 1e-5;
        prop_assert!((slope - expected).abs() <= 1e-2 * expected + 1e-6 / norm(first), "{slope} and {expected}");
    }

    /// The remainder of the linear model is that of the Taylor model of degree 1, up to rounding.
    #[test]
    fn remainders_of_degree_1_agree(case in case()) {
        let (theta, x) = (case.network().init::<f64>(case.seed), case.x::<f64>());
        let [jacobian, _] = case.jacobians::<f64>();
        let taylor = TaylorModel::new(jacobian.linearized(), 1, &theta);
        let delta = normal::<f64>(jacobian.columns(), case.seed, 2);
        let steps = [1.0, 0.1];
        let size = 1.0 + norm(jacobian.value()) + norm(&delta);
        let ours = LinearModel::new(jacobian, theta).remainder(&delta, &x, &steps);
        let theirs = &taylor.remainders(&delta, &x, &steps, &Threads::one())[1];
        for ((h, (length, a)), (_, b)) in steps.iter().zip(&ours.points).zip(&theirs.points) {
            prop_assert!((length - h * norm(&delta)).abs() <= 1e-14 * size);
            prop_assert!((a - b).abs() <= 1e3 * epsilon::<f64>() * size, "{a} and {b}");
        }
    }
}
