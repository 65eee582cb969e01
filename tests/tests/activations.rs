//! Activations where PyTorch's values are no help: far away, at kinks, and as a basis.

use std::f64::consts::PI;

use cotangent::autodiff::{grad, vjp};
use cotangent::prelude::*;

/// φ and φ′ at points.
fn at<T: Real>(activation: &Activation, points: &[f64]) -> [Vec<T>; 2] {
    let n = points.len();
    let network = Network::new(activation.clone(), [n]);
    let plan = Plan::new(&vjp(&network.program(1), &[0]));
    let points: Vec<T> = points.iter().map(|&x| T::literal(x)).collect();
    let (mut y, mut derivative) = (vec![T::zero(); n], vec![T::zero(); n]);
    let workspace = &mut plan.workspace(&Threads::one());
    plan.run(&[&points, &vec![T::one(); n]], &mut [&mut y, &mut derivative], workspace);
    [y, derivative]
}

fn read(text: &str) -> Activation {
    text.parse().expect("an activation")
}

/// Where squares overflow and exponentials vanish, functions are their asymptotes, and derivatives the slopes.
#[test]
fn far_away() {
    let check = |text: &str, z: f64, value: f64, slope: f64| {
        assert_eq!(at::<f64>(&read(text), &[z]), [vec![value], vec![slope]], "{text} at {z}");
        let [y, dy] = at::<f32>(&read(text), &[z]);
        assert_eq!([y[0], dy[0]], [value as f32, slope as f32], "{text} at {z} in f32");
    };
    for far in [1e20, 1e30] {
        for (text, below, above) in [
            ("abs", -1.0, 1.0),
            ("relu", 0.0, 1.0),
            ("leaky_relu(0.5)", 0.5, 1.0),
            ("abrelu(-2, 4)", -2.0, 4.0),
            ("rectified_monomial(1)", 0.0, 1.0),
            ("softplus", 0.0, 1.0),
            ("silu", 0.0, 1.0),
            ("gelu", 0.0, 1.0),
        ] {
            check(text, far, above * far, above);
            check(text, -far, below * -far, below);
        }
        for (text, below, above) in [
            ("gaussian", 0.0, 0.0),
            ("sigmoid", 0.0, 1.0),
            ("tanh", -1.0, 1.0),
            ("erf", -1.0, 1.0),
            ("sigmoid_like", 0.0, 1.0),
            ("rectified_monomial(0)", 0.0, 1.0),
            ("hermite(0)", 1.0, 1.0),
        ] {
            check(text, far, above, 0.0);
            check(text, -far, below, 0.0);
        }
        let [y, dy] = at::<f64>(&Activation::Gabor, &[far, -far]);
        assert!(y.iter().chain(&dy).all(|&y| y == 0.0), "gabor at ±{far}: {y:?}, {dy:?}");
    }
}

/// At a kink the derivative is the one from the left, and that of abs is 0; z⁰ is 1 at 0.
#[test]
fn at_zero() {
    for (text, value, slope) in [
        ("relu", 0.0, 0.0),
        ("leaky_relu(0.3)", 0.0, 0.3),
        ("abrelu(-0.5, 2)", 0.0, -0.5),
        ("abs", 0.0, 0.0),
        ("monomial(0)", 1.0, 0.0),
        ("monomial(1)", 0.0, 1.0),
        ("rectified_monomial(0)", 1.0, 0.0),
        ("rectified_monomial(1)", 0.0, 0.0),
        ("rectified_monomial(2)", 0.0, 0.0),
        ("polynomial(3, 2, 1)", 3.0, 2.0),
        ("polynomial()", 0.0, 0.0),
    ] {
        assert_eq!(at::<f64>(&read(text), &[0.0]), [vec![value], vec![slope]], "{text}");
    }
    for activation in Activation::all() {
        let program = Network::new(activation.clone(), []).program(1);
        let sum = |f: Graph| Graph::trace([[1]], |x| vec![x[0].builder().call(&f, x)[0].sum_all()]);
        let second = grad(&sum(grad(&sum(program), &[0])), &[0]);
        let y = Plan::new(&second).call(&[Tensor::new([1], [0.0_f64])], &Threads::one());
        assert!(y[0].data()[0].is_finite(), "the second derivative of {activation}: {y:?}");
    }
}

/// ⟨hₙ, hₘ⟩ = δ under N(0, 1), by the trapezoid rule, which is exact to rounding for them.
#[test]
fn hermite_polynomials_are_orthonormal() {
    let step = 1.0 / 16.0;
    let points: Vec<f64> = (-320..=320).map(|i| step * f64::from(i)).collect();
    let density: Vec<f64> = points.iter().map(|x| step * (-0.5 * x * x).exp() / (2.0 * PI).sqrt()).collect();
    let values = (0..9).map(|degree| at(&Activation::Hermite { degree }, &points)[0].clone());
    let values: Vec<Vec<f64>> = values.collect();
    for (n, left) in values.iter().enumerate() {
        for (m, right) in values.iter().enumerate() {
            let mean: f64 = left.iter().zip(right).zip(&density).map(|((l, r), p)| l * r * p).sum();
            assert!((mean - f64::from(u8::from(n == m))).abs() < 1e-12, "⟨h{n}, h{m}⟩ = {mean}");
        }
    }
}
