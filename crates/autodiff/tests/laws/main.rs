//! The laws of the calculus, each a property of random programs.

mod dual;
mod higher;
mod plans;
mod programs;

use std::collections::BTreeSet;

use autodiff::{
    Binary, Einsum, Function, Graph, Linear, LinearGraph, Nonlinear, Op, Padding, Plan, Real, Rematerialise,
    Shape, Tensor, Threads, einsum, evaluate, jvp, linearize, linearize_with, simplify, split, transpose,
};
use dual::Dual;
use programs::{linear_program, program, tensors, with_all_values};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// The largest magnitude among tensors, at least 1.
pub(crate) fn magnitude<T: Real>(tensors: &[Tensor<T>]) -> f64 {
    tensors.iter().flat_map(Tensor::data).fold(1.0, |m, &x| f64::max(m, x.into().abs()))
}

/// The magnitude of all values on the way to the outputs: what rounding errors are relative to.
pub(crate) fn scale_of<T: Real>(f: &Graph, x: &[Tensor<T>]) -> f64 {
    magnitude(&evaluate(&with_all_values(f), x))
}

pub(crate) fn distance<S: Real, T: Real>(a: &[Tensor<S>], b: &[Tensor<T>]) -> f64 {
    assert_eq!(a.len(), b.len(), "as many tensors on both sides");
    let mut largest = 0.0_f64;
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.shape(), b.shape(), "equal shapes on both sides");
        for (&x, &y) in a.data().iter().zip(b.data()) {
            largest = largest.max((x.into() - y.into()).abs());
        }
    }
    largest
}

/// Σ aᵢbᵢ and Σ |aᵢbᵢ|, summed in f64.
pub(crate) fn dot<T: Real>(a: &[Tensor<T>], b: &[Tensor<T>]) -> (f64, f64) {
    let products = |(a, b): (&Tensor<T>, &Tensor<T>)| -> Vec<f64> {
        a.data().iter().zip(b.data()).map(|(&x, &y)| x.into() * y.into()).collect()
    };
    let terms: Vec<f64> = a.iter().zip(b).flat_map(products).collect();
    (terms.iter().sum(), terms.iter().map(|x| x.abs()).sum())
}

pub(crate) fn shapes<T: Real>(tensors: &[Tensor<T>]) -> Vec<Shape> {
    tensors.iter().map(|t| t.shape().clone()).collect()
}

/// ε of a scalar type.
pub(crate) fn epsilon<T: Real>() -> f64 {
    T::epsilon().into()
}

/// Whether some kinked function stands at an argument where a small step could cross its kink.
pub(crate) fn near_kink(f: &Graph, x: &[Tensor<f64>], margin: f64) -> bool {
    let values = evaluate(&with_all_values(f), x);
    f.nodes().any(|(_, node)| {
        let Op::Nonlinear(function, args) = node.op() else { return false };
        let a = &values[args[0].index()];
        match function {
            Nonlinear::Map(Function::Relu | Function::Abs | Function::Step | Function::Sign) => {
                a.data().iter().any(|a| a.abs() < margin)
            }
            Nonlinear::Map(_) | Nonlinear::Zip(Binary::ExpDifference | Binary::Atan2) => false,
            Nonlinear::Zip(Binary::Max) => {
                let b = &values[args[1].index()];
                a.data().iter().zip(b.data()).any(|(a, b)| (a - b).abs() < margin)
            }
            // Any two elements close to each other might be the two largest.
            Nonlinear::Maximum(_) => {
                let mut sorted = a.data().to_vec();
                sorted.sort_by(f64::total_cmp);
                sorted.windows(2).any(|w| w[1] - w[0] < margin)
            }
        }
    })
}

pub(crate) fn close(error: f64, bound: f64) -> Result<(), TestCaseError> {
    prop_assert!(error <= bound, "error {error:e} exceeds {bound:e}");
    Ok(())
}

/// Halving the step divides the error by 2^order once steps are small, unless it is lost in rounding before.
pub(crate) fn falls_with_order(
    order: i32,
    error: impl Fn(f64) -> f64,
    rounding: f64,
) -> Result<(), TestCaseError> {
    let mut h = 0.1;
    let mut coarse = error(h);
    let mut slopes = Vec::new();
    while coarse > rounding {
        prop_assert!(slopes.len() < 12, "the error falls with slopes {slopes:?} and not with {order}");
        h *= 0.5;
        let fine = error(h);
        let slope = (coarse / fine).log2();
        if slope > f64::from(order) - 0.1 {
            break;
        }
        slopes.push(slope);
        coarse = fine;
    }
    Ok(())
}

/// What rounding may do to results whose intermediate values are up to `scale`.
pub(crate) fn rounding<T: Real>(scale: f64) -> f64 {
    4096.0 * epsilon::<T>() * scale
}

/// A program says the same at `T` as at f64, up to rounding.
pub(crate) fn same_at<T: Real>(
    f: &Graph,
    x: &[Tensor<f64>],
    expected: &[Tensor<f64>],
) -> Result<(), TestCaseError> {
    let rounded: Vec<Tensor<T>> =
        x.iter().map(|x| Tensor::from_fn(x.shape().clone(), |i| T::literal(x.at(i)))).collect();
    let scale = scale_of(f, x);
    close(distance(&evaluate(f, &rounded), expected), rounding::<T>(scale * scale))
}

/// ⟨u, f(r, v)⟩ = ⟨fᵀ(r, u), v⟩ at random r, u, v.
pub(crate) fn adjoint_law<T: Real>(
    f: &LinearGraph,
    residuals: &[Tensor<T>],
    seed: u64,
) -> Result<(), TestCaseError> {
    let v = tensors::<T>(f.inputs(), seed, 21);
    let y = evaluate(f.graph(), &[residuals, &v].concat());
    let u = tensors::<T>(&shapes(&y), seed, 22);
    let pulled = transpose(f);
    let x = evaluate(pulled.graph(), &[residuals, &u].concat());
    let ((left, a), (right, b)) = (dot(&u, &y), dot(&x, &v));
    // Rounding on the way scales with the largest value there, not only with the terms at the ends.
    let inner = scale_of(f.graph(), &[residuals, &v].concat())
        .max(scale_of(pulled.graph(), &[residuals, &u].concat()));
    close((left - right).abs(), 64.0 * epsilon::<T>() * (a + b + inner))
}

/// transpose∘transpose = id, up to the order of sums.
fn involution_law<T: Real>(f: &LinearGraph, twice: &LinearGraph, seed: u64) -> Result<(), TestCaseError> {
    let x = tensors::<T>(f.graph().inputs(), seed, 0);
    let scale = scale_of(f.graph(), &x);
    close(distance(&evaluate(twice.graph(), &x), &evaluate(f.graph(), &x)), rounding::<T>(scale))
}

/// The stages of `f` compose to `f`, bit for bit.
fn stages_law<T: Real>(
    f: &Graph,
    stages: &(Graph, Graph),
    known: &[bool],
    seed: u64,
) -> Result<(), TestCaseError> {
    let x = tensors::<T>(f.inputs(), seed, 0);
    let part = |k: bool| x.iter().zip(known).filter(move |(_, known)| **known == k).map(|(x, _)| x.clone());
    let residuals = evaluate(&stages.0, &part(true).collect::<Vec<_>>());
    let late: Vec<Tensor<T>> = residuals.into_iter().chain(part(false)).collect();
    close(distance(&evaluate(&stages.1, &late), &evaluate(f, &x)), 0.0)
}

/// The tangent program is jvp's, at fixed residuals, and linear.
fn tangent_law<T: Real>(f: &Graph, seed: u64) -> Result<(), TestCaseError> {
    let wrt: Vec<usize> = (0..f.inputs().len()).rev().collect();
    let l = linearize(f, &wrt);
    let x = tensors::<T>(f.inputs(), seed, 0);
    let reversed: Vec<Shape> = wrt.iter().map(|&i| f.inputs()[i].clone()).collect();
    let (v, w) = (tensors::<T>(&reversed, seed, 1), tensors::<T>(&reversed, seed, 2));
    let mut y = evaluate(&l.primal, &x);
    let residuals = y.split_off(f.outputs().len());
    let both = jvp(f, &wrt);
    let expected = evaluate(&both, &[&x[..], &v].concat());
    let scale = scale_of(&both, &[&x[..], &v].concat());
    prop_assume!(scale < 1e3 && !near_kink(f, &tensors::<f64>(f.inputs(), seed, 0), 1e-3));
    let tangent = |v: &[Tensor<T>]| evaluate(l.tangent.graph(), &[&residuals[..], v].concat());
    let (primal, derivative) = expected.split_at(y.len());
    close(distance(&y, primal), rounding::<T>(scale))?;
    close(distance(&tangent(&v), derivative), rounding::<T>(scale))?;
    let combine = |a: &[Tensor<T>], b: &[Tensor<T>]| -> Vec<Tensor<T>> {
        let sum = |a: T, b: T| T::literal(0.5) * a - T::literal(3.0) * b;
        a.iter().zip(b).map(|(a, b)| Tensor::from_fn(a.shape().clone(), |i| sum(a.at(i), b.at(i)))).collect()
    };
    let linear = combine(&tangent(&v), &tangent(&w));
    close(distance(&tangent(&combine(&v, &w)), &linear), rounding::<T>(scale * magnitude(&linear)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_global_rejects: 65536, ..ProptestConfig::default() })]

    #[test]
    fn law_1_plan_equals_plain_evaluation((f, seed) in program()) {
        let x = tensors::<f64>(f.inputs(), seed, 0);
        let x32 = tensors::<f32>(f.inputs(), seed, 0);
        let expected = evaluate(&f, &x);
        let scale = scale_of(&f, &x);
        prop_assume!(scale < 1e3 && !near_kink(&f, &x, 1e-3));
        let plan = Plan::new(&f);
        close(distance(&plan.call(&x, &Threads::one()), &expected), 1e3 * f64::EPSILON * scale * scale)?;
        close(distance(&plan.call(&x32, &Threads::one()), &expected), 1e3 * f64::from(f32::EPSILON) * scale * scale)?;
    }

    #[test]
    fn law_2_jvp_equals_central_differences((f, seed) in program()) {
        let x = tensors::<f64>(f.inputs(), seed, 0);
        let dx = tensors::<f64>(f.inputs(), seed, 1);
        let wrt: Vec<usize> = (0..f.inputs().len()).collect();
        let derivative = jvp(&f, &wrt);
        let y = evaluate(&derivative, &[&x[..], &dx].concat());
        prop_assume!(scale_of(&derivative, &[&x[..], &dx].concat()) < 1e2 && !near_kink(&f, &x, 1e-2));
        same_at::<f32>(&derivative, &[&x[..], &dx].concat(), &y)?;
        let (primal, tangent) = y.split_at(f.outputs().len());
        close(distance(primal, &evaluate(&f, &x)), 0.0)?;
        let difference = |h: f64| {
            let moved = |sign: f64| {
                let x: Vec<Tensor<f64>> = x.iter().zip(&dx).map(|(x, dx)| {
                    let moved: Vec<f64> = x.data().iter().zip(dx.data()).map(|(x, dx)| x + sign * h * dx).collect();
                    Tensor::new(x.shape().clone(), moved)
                }).collect();
                evaluate(&f, &x)
            };
            moved(1.0).iter().zip(moved(-1.0)).map(|(a, b)| {
                let slope: Vec<f64> = a.data().iter().zip(b.data()).map(|(a, b)| (a - b) / (2.0 * h)).collect();
                Tensor::new(a.shape().clone(), slope)
            }).collect::<Vec<_>>()
        };
        // O(h²): what remains after one Richardson step is of fourth order, and below rounding / h.
        let (coarse, fine) = (difference(2e-3), difference(1e-3));
        for ((coarse, fine), tangent) in coarse.iter().zip(&fine).zip(tangent) {
            for ((c, f), t) in coarse.data().iter().zip(fine.data()).zip(tangent.data()) {
                let extrapolated = f + (f - c) / 3.0;
                let size = 1.0 + t.abs() + (f - c).abs() * 1e6;
                prop_assert!((extrapolated - t).abs() <= 1e-6 * size, "difference {extrapolated}, jvp {t}");
                // And the plain difference must already approach it at second order.
                prop_assert!((f - t).abs() <= 0.5 * (c - t).abs() + 1e-8 * size, "{c}, {f} do not approach {t}");
            }
        }
    }

    #[test]
    fn law_2_function_table_equals_dual_numbers(x in -1.9..1.9_f64, b in -2.0..2.0_f64) {
        for &f in Function::ALL {
            let x = if matches!(f, Function::Log | Function::Log1p | Function::Sqrt | Function::Rsqrt) { x.abs() + 0.1 } else if f == Function::Acos { 0.5 * x } else { x };
            prop_assume!(x.abs() > 1e-3);
            let graph = Graph::trace([[]; 1], |v| vec![v[0].map(f)]);
            let y = evaluate(&jvp(&graph, &[0]), &[Tensor::new([], [x]), Tensor::new([], [b])]);
            let expected = Dual(x, b).apply(f);
            close((y[0].at(&[]) - expected.0).abs(), 1e-14 * (1.0 + expected.0.abs()))?;
            close((y[1].at(&[]) - expected.1).abs(), 1e-13 * (1.0 + expected.1.abs()))?;
        }
    }

    #[test]
    fn law_2_products_and_sums_equal_dual_numbers(a in -2.0..2.0_f64, b in -2.0..2.0_f64, da in -2.0..2.0_f64, db in -2.0..2.0_f64) {
        let f = Graph::trace([[]; 2], |x| vec![(x[0] * x[1] + x[0]) * (-x[1])]);
        let at = [a, b, da, db].map(|x| Tensor::new([], [x]));
        let y = evaluate(&jvp(&f, &[0, 1]), &at);
        let (a, b) = (Dual(a, da), Dual(b, db));
        let expected = (a * b + a) * -b;
        close((y[0].at(&[]) - expected.0).abs() + (y[1].at(&[]) - expected.1).abs(), 1e-13)?;
    }

    #[test]
    fn law_3_transpose_is_the_adjoint((f, seed) in linear_program()) {
        let f = LinearGraph::new(f, 1);
        adjoint_law(&f, &tensors::<f64>(f.residuals(), seed, 20), seed)?;
        adjoint_law(&f, &tensors::<f32>(f.residuals(), seed, 20), seed)?;
    }

    #[test]
    fn law_3_vjp_is_the_adjoint_of_jvp((f, seed) in program()) {
        let wrt: Vec<usize> = (0..f.inputs().len()).collect();
        let l = linearize(&f, &wrt);
        let x = tensors::<f64>(f.inputs(), seed, 0);
        let residuals = evaluate(&l.primal, &x).split_off(f.outputs().len());
        prop_assume!(magnitude(&residuals) < 1e3);
        adjoint_law(&l.tangent, &residuals, seed)?;
    }

    #[test]
    fn law_4_transpose_is_an_involution((f, seed) in linear_program()) {
        let f = LinearGraph::new(f, 1);
        let twice = transpose(&transpose(&f));
        prop_assert_eq!(twice.residuals(), f.residuals());
        prop_assert_eq!(twice.inputs(), f.inputs());
        involution_law::<f64>(&f, &twice, seed)?;
        involution_law::<f32>(&f, &twice, seed)?;
    }

    #[test]
    fn law_5_tangent_program_equals_jvp_and_is_linear((f, seed) in program()) {
        tangent_law::<f64>(&f, seed)?;
        tangent_law::<f32>(&f, seed)?;
    }

    #[test]
    fn law_6_split_recomposes((f, seed) in program(), flags in any::<[bool; 3]>()) {
        let known: Vec<bool> = flags[..f.inputs().len()].to_vec();
        let policy = [Rematerialise::Nothing, Rematerialise::Repetitions, Rematerialise::Cheap][(seed % 3) as usize];
        let stages = split(&f, &known, 0, policy);
        stages_law::<f64>(&f, &stages, &known, seed)?;
        stages_law::<f32>(&f, &stages, &known, seed)?;
    }

    #[test]
    fn law_7_simplify_is_idempotent_and_never_grows((f, seed) in program()) {
        let wrt: Vec<usize> = (0..f.inputs().len()).collect();
        for f in [f.clone(), jvp(&f, &wrt)] {
            let simple = simplify(&f);
            prop_assert!(simple.nodes().len() <= f.nodes().len());
            prop_assert_eq!(&simplify(&simple), &simple);
            let x = tensors::<f64>(f.inputs(), seed, 0);
            let scale = scale_of(&f, &x);
            prop_assume!(scale < 1e3 && !near_kink(&f, &x, 1e-3));
            close(distance(&evaluate(&simple, &x), &evaluate(&f, &x)), rounding::<f64>(scale))?;
            let x = tensors::<f32>(f.inputs(), seed, 0);
            close(distance(&evaluate(&simple, &x), &evaluate(&f, &x)), rounding::<f32>(scale))?;
        }
    }

    #[test]
    fn law_10_bits_do_not_depend_on_threads((f, seed) in program()) {
        let x = tensors::<f32>(f.inputs(), seed, 0);
        let plan = Plan::new(&f);
        let two = Threads::new(2.try_into().expect("two is not zero"));
        let bits = |threads: &Threads| -> Vec<u32> {
            plan.call(&x, threads).iter().flat_map(Tensor::data).map(|x| x.to_bits()).collect()
        };
        prop_assert_eq!(bits(&Threads::one()), bits(&two));
    }

    #[test]
    fn law_12_linearization_error_is_of_second_order((f, seed) in program()) {
        let x = tensors::<f64>(f.inputs(), seed, 0);
        let v = tensors::<f64>(f.inputs(), seed, 1);
        let wrt: Vec<usize> = (0..f.inputs().len()).collect();
        let both = jvp(&f, &wrt);
        prop_assume!(scale_of(&both, &[&x[..], &v].concat()) < 30.0 && !near_kink(&f, &x, 0.05));
        let mut y = evaluate(&both, &[&x[..], &v].concat());
        same_at::<f32>(&both, &[&x[..], &v].concat(), &y)?;
        let dy = y.split_off(f.outputs().len());
        // f_lin(x + h v) = f(x) + h J v; at h = 0 it is f(x).
        close(distance(&y, &evaluate(&f, &x)), 0.0)?;
        let error = |h: f64| {
            let add = |a: &[Tensor<f64>], b: &[Tensor<f64>]| -> Vec<Tensor<f64>> {
                a.iter().zip(b).map(|(a, b)| Tensor::from_fn(a.shape().clone(), |i| a.at(i) + h * b.at(i))).collect()
            };
            distance(&evaluate(&f, &add(&x, &v)), &add(&y, &dy))
        };
        falls_with_order(2, error, 1e-11)?;
    }
}

/// The random programs reach every kind of operation and every function.
#[test]
fn random_programs_reach_every_operation() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..1000 {
        let (f, _) = program().new_tree(&mut runner).expect("a program").current();
        for (_, node) in f.nodes() {
            seen.insert(match node.op() {
                Op::Linear(l, _) => l.to_string().split(' ').next().map(String::from),
                Op::Nonlinear(g, _) => g.to_string().split(' ').next().map(String::from),
                Op::Einsum(e, _) => Some(format!("product, contracted: {}", e.contracted().next().is_some())),
                Op::Input(_) | Op::Constant(_) | Op::Add(_) => None,
            });
        }
    }
    let linear = ["scale", "sum", "broadcast", "permute", "reshape", "slice", "pad", "unfold", "fold"];
    let others = ["maximum", "product, contracted: true", "product, contracted: false"];
    let functions = Function::ALL.iter().map(|f| f.name()).chain(Binary::ALL.iter().map(|f| f.name()));
    for name in linear.into_iter().chain(others).chain(functions) {
        assert!(seen.contains(&Some(name.to_string())), "no random program has {name}");
    }
}

/// What is made again is not kept, and what is kept suffices.
#[test]
fn rematerialisation_shrinks_residuals() {
    let f = Graph::trace([Shape::from([8, 4]), Shape::from([16, 8])], |x| {
        // Windows of a known input, and a relu whose derivative is a comparison.
        let windows = x[1].windows(1, 3, 1, Padding::Same);
        vec![einsum("nwk,nw->nk", windows, einsum("nw,wk->nk", x[1], x[0]).relu().pad(1, 0, 8))]
    });
    let bytes = |policy| linearize_with(&f, &[0], policy).residual_bytes::<f32>();
    let (all, some, few) =
        (bytes(Rematerialise::Nothing), bytes(Rematerialise::Repetitions), bytes(Rematerialise::Cheap));
    assert!(all > some && some >= few, "{all}, {some}, {few}");
}

#[test]
fn law_4_adjoints_are_involutions() {
    let axes = || autodiff::Axes::new([(0, 2), (2, 3)]);
    let window = || autodiff::Window { axis: 1, start: 1, length: 2, extent: 4 };
    let windows = || autodiff::Windows { axis: 0, size: 3, stride: 2, extent: 8 };
    let all = [
        Linear::Scale(2.5.into()),
        Linear::Sum(axes()),
        Linear::Broadcast(axes()),
        Linear::Permute([2, 0, 1].into()),
        Linear::Reshape { from: [2, 6].into(), to: [3, 4].into() },
        Linear::Slice(window()),
        Linear::Pad(window()),
        Linear::Unfold(windows()),
        Linear::Fold(windows()),
    ];
    for l in all {
        assert_eq!(l.adjoint().adjoint(), l, "the adjoint of the adjoint");
    }
    let e = Einsum::new("bij,bjk->bik");
    assert_eq!(e.adjoint_left().adjoint_left(), e, "the adjoint of the adjoint");
    assert_eq!(e.adjoint_right().adjoint_right(), e, "the adjoint of the adjoint");
}
