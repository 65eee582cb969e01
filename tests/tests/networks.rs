//! The laws of design.md on random networks, at both precisions.

use cotangent::prelude::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Case {
    hidden: Vec<usize>,
    inputs: usize,
    outputs: usize,
    batch: usize,
    activation: Activation,
    sigma_b: f64,
    seed: u64,
}

impl Case {
    fn network(&self) -> Network {
        Network::new(
            mlp(&self.hidden, self.outputs, self.activation.clone(), Scaling::ntk(1.5, self.sigma_b)),
            [self.inputs],
        )
    }

    fn x<T: Real>(&self) -> Vec<T> {
        normal(self.batch * self.inputs, self.seed, 1)
    }
}

fn case() -> impl Strategy<Value = Case> {
    let hidden = prop::collection::vec(1..9_usize, 0..4);
    let activation = prop::sample::select(vec![Activation::ERF, Activation::Relu, Activation::Tanh]);
    let sigma_b = prop::sample::select(vec![0.0, 0.3]);
    (hidden, 1..6_usize, 1..4_usize, 1..5_usize, activation, sigma_b, any::<u64>()).prop_map(
        |(hidden, inputs, outputs, batch, activation, sigma_b, seed)| Case {
            hidden,
            inputs,
            outputs,
            batch,
            activation,
            sigma_b,
            seed,
        },
    )
}

/// Standard normal numbers: the parameters of a layer without biases that count.
fn normal<T: Real>(count: usize, seed: u64, salt: u64) -> Vec<T> {
    let layer = Dense { width: count, scaling: Scaling::ntk(1.0, 0.0) };
    Network::new(layer, [1]).init::<T>(seed.wrapping_add(salt << 32))[..count].to_vec()
}

/// Σ aᵢbᵢ and Σ |aᵢbᵢ|, summed in f64.
fn dot<T: Real>(a: &[T], b: &[T]) -> (f64, f64) {
    let terms = || a.iter().zip(b).map(|(&a, &b)| Into::<f64>::into(a) * b.into());
    (terms().sum(), terms().map(f64::abs).sum())
}

fn norm<T: Real>(a: &[T]) -> f64 {
    dot(a, a).0.sqrt()
}

/// ⟨u, J v⟩ = ⟨Jᵀ u, v⟩ to 64 ε of what rounding acts on.
fn adjoint_law<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    let network = case.network();
    let theta: Vec<T> = network.init(case.seed);
    let jacobian = Linearized::of_network(&network, case.batch).at(&theta, &case.x::<T>(), &Threads::one());
    let v: Vec<T> = normal(jacobian.columns(), case.seed, 2);
    let u: Vec<T> = normal(jacobian.rows(), case.seed, 3);
    let (mut jv, mut jtu) = (vec![T::zero(); u.len()], vec![T::zero(); v.len()]);
    jacobian.apply(&v, &mut jv);
    jacobian.apply_transpose(&u, &mut jtu);
    let ((left, a), (right, b)) = (dot(&u, &jv), dot(&jtu, &v));
    let bound =
        64.0 * Into::<f64>::into(T::epsilon()) * (a + b + norm(&u) * norm(&jv) + norm(&jtu) * norm(&v));
    prop_assert!((left - right).abs() <= bound, "⟨u, Jv⟩ = {left}, ⟨Jᵀu, v⟩ = {right}, bound {bound:e}");
    Ok(())
}

/// f at θ, through a plan of its own.
fn evaluate<T: Real>(case: &Case, theta: &[T]) -> Vec<T> {
    let plan = Plan::new(&case.network().program(case.batch));
    let mut y = vec![T::zero(); case.batch * case.outputs];
    plan.run(&[theta, &case.x::<T>()], &mut [&mut y], &mut plan.workspace(&Threads::one()));
    y
}

fn moved(theta: &[f64], v: &[f64], h: f64) -> Vec<f64> {
    theta.iter().zip(v).map(|(t, v)| t + h * v).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_global_rejects: 65536, ..ProptestConfig::default() })]

    #[test]
    fn law_3_vjp_is_the_adjoint_of_jvp_in_f64(case in case()) {
        adjoint_law::<f64>(&case)?;
    }

    #[test]
    fn law_3_vjp_is_the_adjoint_of_jvp_in_f32(case in case()) {
        adjoint_law::<f32>(&case)?;
    }

    #[test]
    fn law_12_f_lin_is_f_at_the_origin_and_errs_by_second_order(case in case()) {
        prop_assume!(case.activation != Activation::Relu);
        let network = case.network();
        let theta: Vec<f64> = network.init(case.seed);
        let jacobian = Linearized::of_network(&network, case.batch).at(&theta, &case.x(), &Threads::one());
        let model = LinearModel::new(jacobian, theta.clone());
        let mut y = vec![0.0; case.batch * case.outputs];
        model.predict(&theta, &mut y);
        // f is computed by another plan here, whose sums may be ordered otherwise.
        let f = evaluate(&case, &theta);
        let bound = 1e-14 * (1.0 + norm(&f));
        prop_assert!(y.iter().zip(&f).all(|(y, f)| (y - f).abs() <= bound));

        let v: Vec<f64> = normal(theta.len(), case.seed, 2);
        let mut error = |h: f64| {
            let there = moved(&theta, &v, h);
            model.predict(&there, &mut y);
            let f = evaluate(&case, &there);
            norm(&f.iter().zip(&y).map(|(f, y)| f - y).collect::<Vec<_>>())
        };
        let (coarse, fine) = (error(2e-4), error(1e-4));
        // Where the second derivative is not tiny in this direction, halving the step quarters the error.
        if coarse > 1e-9 {
            let slope = (coarse / fine).log2();
            prop_assert!((slope - 2.0).abs() < 0.1, "slope {slope} of {coarse:e}, {fine:e}");
        }
    }
}

#[test]
fn f32_networks_start_where_f64_networks_do() {
    let network = Network::new(mlp(&[7, 5], 3, Activation::Tanh, Scaling::ntk(1.5, 0.1)), [4]);
    let (single, double): (Vec<f32>, Vec<f64>) = (network.init(11), network.init(11));
    assert!(single.iter().zip(&double).all(|(&s, &d)| s == f32::literal(d)), "rounded, not drawn again");
    let mean = double.iter().sum::<f64>() / double.len() as f64;
    assert!(mean.abs() < 4.0 / (double.len() as f64).sqrt(), "mean {mean} of N(0, 1) numbers");
}
