//! Laws of what is composed: batches, second derivatives, Taylor series, and what they cost.

use autodiff::{
    Function, Graph, LinearGraph, Real, Shape, Tensor, Var, batch, einsum, evaluate, grad, hessian, hvp,
    jacobian, jvp, linearize, simplify, taylor, transpose, value_and_grad, vjp, vmap,
};
use proptest::prelude::*;

use crate::programs::{linear_program, program, tensors};
use crate::{
    close, distance, dot, epsilon, falls_with_order, magnitude, near_kink, rounding, same_at, scale_of,
};

/// Row `b` of each tensor.
fn row<T: Real>(list: &[Tensor<T>], b: usize) -> Vec<Tensor<T>> {
    list.iter()
        .map(|t| {
            let size: usize = t.shape()[1..].iter().product();
            Tensor::new(Shape::from(&t.shape()[1..]), &t.data()[b * size..][..size])
        })
        .collect()
}

/// Σ sin(output) over all outputs: a scalar program from any program.
fn scalar(f: &Graph) -> Graph {
    Graph::trace(f.inputs().to_vec(), |x| {
        let g = x[0].builder();
        let outputs = g.call(f, x);
        vec![outputs.iter().map(|y| y.sin().sum_all()).reduce(|a, b| a + b).expect("an output")]
    })
}

fn all(f: &Graph) -> Vec<usize> {
    (0..f.inputs().len()).collect()
}

/// Row `b` of a batch is the program on row `b`, and the transpose of a batch the batch of transposes.
fn batch_law<T: Real>(f: &LinearGraph, size: usize, seed: u64) -> Result<(), TestCaseError> {
    let batched = batch(f, size);
    let residuals = tensors::<T>(f.residuals(), seed, 20);
    let x = tensors::<T>(batched.inputs(), seed, 21);
    let y = evaluate(batched.graph(), &[&residuals[..], &x].concat());
    for b in 0..size {
        let alone = [&residuals[..], &row(&x, b)].concat();
        let expected = evaluate(f.graph(), &alone);
        close(distance(&row(&y, b), &expected), rounding::<T>(scale_of(f.graph(), &alone)))?;
    }
    let (one, other) = (transpose(&batched), batch(&transpose(f), size));
    let u = [&residuals[..], &tensors::<T>(one.inputs(), seed, 22)].concat();
    let scale = scale_of(one.graph(), &u);
    close(distance(&evaluate(one.graph(), &u), &evaluate(other.graph(), &u)), rounding::<T>(scale))
}

/// Rows of `vmap(f)` are f of the rows of what is mapped; what depends on nothing mapped is f's own.
fn vmap_law<T: Real>(f: &Graph, mapped: &[bool], size: usize, seed: u64) -> Result<(), TestCaseError> {
    let many = vmap(f, mapped, size);
    let x = tensors::<T>(many.inputs(), seed, 23);
    let y = evaluate(&many, &x);
    for b in 0..size {
        let rows = |tensors: &[Tensor<T>], gained: &dyn Fn(usize) -> bool| -> Vec<Tensor<T>> {
            let one = |(i, x): (usize, &Tensor<T>)| {
                if gained(i) { row(std::slice::from_ref(x), b).remove(0) } else { x.clone() }
            };
            tensors.iter().enumerate().map(one).collect()
        };
        let alone = rows(&x, &|i| mapped[i]);
        let expected = evaluate(f, &alone);
        let scale = scale_of(f, &alone);
        prop_assume!(scale < 1e6);
        let gained = |i: usize| y[i].shape().rank() > expected[i].shape().rank();
        close(distance(&rows(&y, &gained), &expected), rounding::<T>(scale))?;
    }
    Ok(())
}

/// ⟨u, H v⟩ = ⟨v, H u⟩ for the program (x, v) ↦ H v.
fn symmetry_law<T: Real>(product: &Graph, inputs: &[Shape], seed: u64) -> Result<(), TestCaseError> {
    let x = tensors::<T>(inputs, seed, 0);
    let (u, v) = (tensors::<T>(inputs, seed, 1), tensors::<T>(inputs, seed, 2));
    let times = |v: &[Tensor<T>]| evaluate(product, &[&x[..], v].concat());
    let ((left, a), (right, b)) = (dot(&u, &times(&v)), dot(&v, &times(&u)));
    let scale = scale_of(product, &[&x[..], &v].concat()).max(scale_of(product, &[&x[..], &u].concat()));
    prop_assume!(scale < 1e3);
    close((left - right).abs(), 64.0 * epsilon::<T>() * (a + b + scale * scale))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_global_rejects: 65536, ..ProptestConfig::default() })]

    #[test]
    fn law_8_a_batch_is_each_of_its_rows((f, seed) in linear_program(), size in 1..4_usize) {
        let f = LinearGraph::new(f, 1);
        batch_law::<f64>(&f, size, seed)?;
        batch_law::<f32>(&f, size, seed)?;
    }

    #[test]
    fn law_8_vmap_is_the_program_on_each_row((f, seed) in program(), flags in any::<u8>(), size in 1..4_usize) {
        let mapped: Vec<bool> = (0..f.inputs().len()).map(|i| flags >> i & 1 == 1).collect();
        vmap_law::<f64>(&f, &mapped, size, seed)?;
        vmap_law::<f32>(&f, &mapped, size, seed)?;
    }

    #[test]
    fn law_9_the_hessian_is_symmetric((f, seed) in program()) {
        let f = scalar(&f);
        prop_assume!(!near_kink(&f, &tensors(f.inputs(), seed, 0), 1e-3));
        let product = hvp(&f, &all(&f));
        symmetry_law::<f64>(&product, f.inputs(), seed)?;
        symmetry_law::<f32>(&product, f.inputs(), seed)?;
    }

    #[test]
    fn gradient_of_a_tangent_is_tangent_of_a_gradient((f, seed) in program()) {
        // ∇ₓ ⟨∇f(x), v⟩ = H v, by reverse over forward and by forward over reverse.
        let f = scalar(&f);
        let n = f.inputs().len();
        let directional = Graph::trace([f.inputs(), f.inputs()].concat(), |xv| {
            vec![xv[0].builder().call(&jvp(&f, &all(&f)), xv)[1]]
        });
        let (x, v) = (tensors::<f64>(f.inputs(), seed, 0), tensors::<f64>(f.inputs(), seed, 1));
        let at = [&x[..], &v].concat();
        let one = evaluate(&grad(&directional, &(0..n).collect::<Vec<_>>()), &at);
        let other = evaluate(&hvp(&f, &all(&f)), &at);
        let scale = scale_of(&hvp(&f, &all(&f)), &at).max(magnitude(&one));
        prop_assume!(scale < 1e6);
        close(distance(&one, &other), 1e-11 * scale)?;
    }

    #[test]
    fn jacobians_and_hessians_are_their_columns((f, seed) in program()) {
        let x = tensors::<f64>(f.inputs(), seed, 0);
        for (f, i) in [(f.clone(), 0), (f, 1)] {
            // One output, so that there is one Jacobian.
            let f = Graph::trace(f.inputs().to_vec(), |x| vec![x[0].builder().call(&f, x)[0]]);
            let whole = &evaluate(&jacobian(&f, i), &x)[0];
            let v = tensors::<f64>(&f.inputs()[i..=i], seed, 3);
            let derivative = jvp(&f, &[i]);
            let expected = &evaluate(&derivative, &[&x[..], &v].concat())[1];
            let columns = v[0].data().len();
            let products: Vec<f64> = whole.data().chunks_exact(columns)
                .map(|row| row.iter().zip(v[0].data()).map(|(a, b)| a * b).sum()).collect();
            let scale = scale_of(&derivative, &[&x[..], &v].concat()).max(magnitude(std::slice::from_ref(whole)));
            prop_assume!(scale < 1e6);
            let products = Tensor::new(expected.shape().clone(), products);
            close(distance(&[products], std::slice::from_ref(expected)), 1e-11 * scale)?;
        }
    }

    #[test]
    fn law_12_taylor_errors_are_of_the_next_order((f, seed) in program(), degree in 1..5_usize) {
        let (x, v) = (tensors::<f64>(f.inputs(), seed, 0), tensors::<f64>(f.inputs(), seed, 1));
        let at = [&x[..], &v].concat();
        let program = taylor(&f, &all(&f), degree);
        prop_assume!(scale_of(&program, &at) < 30.0 && !near_kink(&f, &x, 0.3));
        let coefficients = evaluate(&program, &at);
        same_at::<f32>(&program, &at, &coefficients)?;
        let outputs = f.outputs().len();
        let error = |h: f64| {
            let moved: Vec<Tensor<f64>> = x.iter().zip(&v)
                .map(|(x, v)| Tensor::from_fn(x.shape().clone(), |i| x.at(i) + h * v.at(i))).collect();
            let sum: Vec<Tensor<f64>> = (0..outputs).map(|o| {
                Tensor::from_fn(coefficients[o].shape().clone(), |i| {
                    (0..=degree).rev().fold(0.0, |sum, k| sum * h + coefficients[k * outputs + o].at(i))
                })
            }).collect();
            distance(&evaluate(&f, &moved), &sum)
        };
        let order = i32::try_from(degree + 1).expect("a small degree");
        falls_with_order(order, error, 1e-12)?;
    }

    #[test]
    fn taylor_equals_nested_jvp((f, seed) in program()) {
        // d³/dt³ f(x + t v) by three nested derivatives, each in the direction v, is 3! y₃.
        let (x, v) = (tensors::<f64>(f.inputs(), seed, 0), tensors::<f64>(f.inputs(), seed, 1));
        let at = [&x[..], &v].concat();
        let along = |f: &Graph| {
            let n = f.inputs().len() / 2;
            let both = jvp(f, &(0..n).collect::<Vec<_>>());
            Graph::trace(f.inputs().to_vec(), |xv| {
                let mut outputs = xv[0].builder().call(&both, &[xv, &xv[n..]].concat());
                outputs.split_off(f.outputs().len())
            })
        };
        let lifted = Graph::trace([f.inputs(), f.inputs()].concat(), |xv| xv[0].builder().call(&f, &xv[..xv.len() / 2]));
        let third = simplify(&along(&along(&along(&lifted))));
        let nested = evaluate(&third, &at);
        let series = evaluate(&taylor(&f, &all(&f), 3), &at).split_off(3 * f.outputs().len());
        let scale = scale_of(&third, &at);
        prop_assume!(scale < 1e6);
        let series: Vec<Tensor<f64>> =
            series.iter().map(|t| Tensor::from_fn(t.shape().clone(), |i| 6.0 * t.at(i))).collect();
        close(distance(&series, &nested), 1e-11 * scale)?;
    }
}

/// t ↦ (1 + t)⁵ has coefficients 1, 5, 10, 10, 5, 1: small integers, so exact in floating point.
#[test]
fn taylor_of_a_polynomial_is_exact() {
    let f = Graph::trace([[]; 1], |x| vec![x[0] * (x[0] * x[0]) * (x[0] * x[0])]);
    let one = Tensor::new([], [1.0]);
    let y = evaluate(&taylor(&f, &[0], 7), &[one.clone(), one]);
    let coefficients: Vec<f64> = y.iter().map(|t| t.at(&[])).collect();
    assert_eq!(coefficients, [1.0, 5.0, 10.0, 10.0, 5.0, 1.0, 0.0, 0.0]);
}

/// Series of functions at 0 that everybody knows: k! y_k.
#[test]
fn taylor_of_functions_has_the_known_coefficients() {
    let at_zero = |f: Function| -> Vec<f64> {
        let graph = Graph::trace([[]; 1], |x| vec![x[0].map(f)]);
        let point = [Tensor::new([], [0.0]), Tensor::new([], [1.0])];
        evaluate(&taylor(&graph, &[0], 6), &point).iter().map(|t| t.at(&[])).collect()
    };
    let expected: [(Function, [f64; 7]); 4] = [
        (Function::Sin, [0.0, 1.0, 0.0, -1.0 / 6.0, 0.0, 1.0 / 120.0, 0.0]),
        (Function::Tanh, [0.0, 1.0, 0.0, -1.0 / 3.0, 0.0, 2.0 / 15.0, 0.0]),
        (Function::Log1p, [0.0, 1.0, -0.5, 1.0 / 3.0, -0.25, 0.2, -1.0 / 6.0]),
        (Function::Sigmoid, [0.5, 0.25, 0.0, -1.0 / 48.0, 0.0, 1.0 / 480.0, 0.0]),
    ];
    for (f, coefficients) in expected {
        for (ours, known) in at_zero(f).iter().zip(coefficients) {
            assert!((ours - known).abs() < 1e-14, "{}: {:?}", f.name(), at_zero(f));
        }
    }
}

/// A perceptron of dense layers with tanh between them, θ and x as inputs.
fn perceptron(widths: &[usize], batch: usize) -> Graph {
    let weights = widths.windows(2).map(|w| Shape::from([w[0], w[1]]));
    Graph::trace(weights.chain([Shape::from([batch, widths[0]])]), |inputs| {
        let (x, weights) = inputs.split_last().expect("x is an input");
        let mut h = *x;
        for (layer, &w) in weights.iter().enumerate() {
            h = einsum("ni,io->no", h, w);
            if layer + 1 < weights.len() {
                h = h.tanh();
            }
        }
        vec![h]
    })
}

#[test]
fn gradients_cost_four_forward_passes_and_tangents_two() {
    for widths in [&[1, 1][..], &[3, 2, 1], &[8, 16, 16, 4], &[5; 40]] {
        let f = perceptron(widths, 7);
        let parameters: Vec<usize> = (0..widths.len() - 1).collect();
        let forward = f.stats().flops;
        let tangent = linearize(&f, &parameters).tangent.graph().stats().flops;
        assert!(tangent <= 2 * forward, "{widths:?}: tangent {tangent}, forward {forward}");
        let loss = Graph::trace(f.inputs().to_vec(), |x| vec![x[0].builder().call(&f, x)[0].sum_all()]);
        let gradient = value_and_grad(&loss, &parameters).stats().flops;
        assert!(gradient <= 4 * loss.stats().flops, "{widths:?}: gradient {gradient}, forward {forward}");
        assert!(vjp(&f, &parameters).stats().flops <= 4 * forward, "{widths:?}: vjp");
    }
}

#[test]
fn degree_six_costs_thirty_forward_passes() {
    let f = perceptron(&[32, 64, 64, 64, 8], 16);
    let series = taylor(&f, &[0, 1, 2, 3], 6).stats().flops;
    assert!(series <= 30 * f.stats().flops, "{series} against {} forward", f.stats().flops);
}

#[test]
fn differentiating_ten_thousand_operations_needs_no_deep_recursion() {
    let f = Graph::trace([[4]], |x| {
        let mut y = x[0];
        for i in 0..2500 {
            y = (y * 0.5).sin() + y.scale(0.25 + 1e-4 * f64::from(i % 7));
        }
        vec![y.sum_all()]
    });
    assert!(f.nodes().len() >= 10_000);
    let gradient = value_and_grad(&f, &[0]);
    let x = Tensor::new([4], [0.1, -0.2, 0.3, 0.4]);
    assert!(evaluate(&gradient, &[x])[1].data().iter().all(|g: &f64| g.is_finite()));
    // A hundred layers, through the plan as well.
    let deep = perceptron(&[4; 101], 2);
    let l = linearize(&deep, &(0..100).collect::<Vec<_>>());
    assert!(autodiff::Plan::new(transpose(&l.tangent).graph()).outputs().len() == 100);
}

#[test]
fn hessian_of_a_quadratic_is_its_matrix() {
    let f = Graph::trace([Shape::from([2, 2]), [2].into()], |x: &[Var<'_>]| {
        vec![einsum("i,i->", x[1], einsum("ij,j->i", x[0], x[1]))]
    });
    let a = Tensor::new([2, 2], [1.0, 2.0, 5.0, -3.0]);
    let h = &evaluate(&hessian(&f, 1), &[a, Tensor::new([2], [0.3, 0.7])])[0];
    assert_eq!(h.data(), [2.0, 7.0, 7.0, -6.0]);
}
