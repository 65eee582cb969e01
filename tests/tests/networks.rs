//! The laws of design.md on random networks of all layers, at both precisions.

use cotangent::autodiff::{Padding, hvp, jvp};
use cotangent::nets::{
    Conv, ExpNormalized, Flatten, Layer, LayerNorm, Over, Parameterization, Pool, Windows,
};
use cotangent::prelude::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Case {
    net: Description,
    batch: usize,
    seed: u64,
}

impl Case {
    fn network(&self) -> Network {
        self.net.network().expect("layers that apply were chosen")
    }

    fn x<T: Real>(&self) -> Vec<T> {
        normal(self.batch * self.network().example().size(), self.seed, 1)
    }
}

/// Activations that have derivatives of all orders, and do not grow faster than their argument.
fn smooth() -> Vec<Activation> {
    let names = ["erf", "tanh", "gelu", "silu", "sigmoid", "softplus", "sin", "cos(1, 0.5, 0.3)", "rbf(0.3)"];
    let more = ["sigmoid_like", "gaussian(1, -0.5)", "gabor", "identity", "erf(0.5, 1.5, 0.1)"];
    names.iter().chain(&more).map(|name| name.parse().expect("a name")).collect()
}

/// A layer by four numbers, which need not apply to what comes before it.
fn layer(choice: [usize; 4], activations: &[Activation]) -> Layer {
    let [kind, a, b, c] = choice;
    let padding = [Padding::Valid, Padding::Same, Padding::Circular][c % 3];
    let standard = Parameterization::Standard { s: 1.0 + (b % 2) as f64 };
    let parameterization = if c % 2 == 0 { Parameterization::Ntk } else { standard };
    let scaling = Scaling { sigma_w: 1.2, sigma_b: [0.0, 0.3][b % 2], parameterization };
    let square = |size: usize, stride: usize| Windows::new([size; 2], padding).stride([stride; 2]);
    let line = |size: usize, stride: usize| Windows::new([size], padding).stride([stride]);
    let activation = || Layer::Activation(activations[a % activations.len()].clone());
    match kind % 10 {
        0 => Layer::Dense(Dense { width: 1 + a % 5, scaling }),
        1 => Layer::Conv(Conv { channels: 1 + a % 3, windows: square(1 + b % 3, 1 + b % 2), scaling }),
        2 => Layer::Conv(Conv { channels: 1 + a % 3, windows: line(1 + b % 3, 1 + b % 2), scaling }),
        3 => Layer::Pool(Pool { windows: square(1 + a % 2, 1 + b % 2), mean: c % 2 == 0 }),
        4 => Layer::Pool(Pool { windows: line(1 + a % 2, 1 + b % 2), mean: c % 2 == 0 }),
        // After weights, and of several channels: r is not smooth at 0, and of one channel it is |z|.
        5 if c % 3 == 0 => Layer::Serial(vec![
            Layer::Dense(Dense { width: 4 + a % 3, scaling: Scaling::ntk(1.2, 0.3) }),
            Layer::ExpNormalized(ExpNormalized { gamma: 0.5, shift: -1.0 }),
        ]),
        5 => Layer::LayerNorm(LayerNorm { epsilon: 0.1, over: [Over::Channels, Over::Everything][a % 2] }),
        6 => {
            let same = |size: &[usize]| Windows::new(size, Padding::Same);
            let channels = 1 + a % 3;
            let size: &[usize] = if b % 2 == 0 { &[3] } else { &[3, 3] };
            let body = [activation(), Layer::Conv(Conv { channels, windows: same(size), scaling })];
            Layer::Sum(vec![Layer::Activation(Activation::Identity), Layer::Serial(body.into())])
        }
        7 => {
            let branch = |width| Layer::Serial(vec![Layer::Dense(Dense { width, scaling }), activation()]);
            Layer::Sum(vec![branch(1 + b % 4), Layer::Dense(Dense { width: 1 + b % 4, scaling })])
        }
        8 if c % 3 == 0 => Layer::GlobalAvgPool,
        8 => {
            // Bounded first, so that functions which grow fast are not put on top of each other.
            let tanh = || Layer::Activation(Activation::Tanh);
            let inner = Layer::Sum(vec![Layer::Serial(vec![activation(), tanh()]), tanh()]);
            Layer::Serial(vec![tanh(), Layer::Sum(vec![Layer::Serial(vec![inner]), Layer::Serial(vec![])])])
        }
        _ => activation(),
    }
}

/// Networks of up to six layers of all kinds, on vectors, signals and images, with a readout.
fn cases(activations: Vec<Activation>) -> impl Strategy<Value = Case> {
    let inputs =
        prop::sample::select(vec![vec![1], vec![4], vec![5, 2], vec![1, 1], vec![4, 3, 2], vec![1, 1, 1]]);
    let choices = prop::collection::vec([0..10_usize, 0..60_usize, 0..12_usize, 0..6_usize], 0..7);
    let flatten = prop::sample::select(vec![Flatten::ChannelsLast, Flatten::ChannelsFirst]);
    (inputs, choices, flatten, 1..4_usize, 1..4_usize, any::<u64>()).prop_map(
        move |(input, choices, flatten, outputs, batch, seed)| {
            let mut layers = Vec::new();
            let mut shape = Shape::from(&input[..]);
            for choice in choices {
                let layer = layer(choice, &activations);
                if let Ok(signature) = layer.build().signature(&shape) {
                    shape = signature.output;
                    layers.push(layer);
                }
            }
            layers.push(Layer::Flatten(flatten));
            layers.push(Layer::Dense(Dense { width: outputs, scaling: Scaling::ntk(1.2, 0.3) }));
            Case { net: Description { input, layers }, batch, seed }
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

fn epsilon<T: Real>() -> f64 {
    T::epsilon().into()
}

fn jacobian<T: Real>(case: &Case) -> Jacobian<T> {
    let network = case.network();
    Linearized::of_network(&network, case.batch).at(&network.init(case.seed), &case.x(), &Threads::one())
}

/// ⟨u, J v⟩ = ⟨Jᵀ u, v⟩ to 64 ε of what rounding acts on.
fn adjoint_law<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    let jacobian = jacobian::<T>(case);
    let v: Vec<T> = normal(jacobian.columns(), case.seed, 2);
    let u: Vec<T> = normal(jacobian.rows(), case.seed, 3);
    let (mut jv, mut jtu) = (vec![T::zero(); u.len()], vec![T::zero(); v.len()]);
    jacobian.apply(&v, &mut jv);
    jacobian.apply_transpose(&u, &mut jtu);
    let ((left, a), (right, b)) = (dot(&u, &jv), dot(&jtu, &v));
    let bound = 64.0 * epsilon::<T>() * (a + b + norm(&u) * norm(&jv) + norm(&jtu) * norm(&v));
    prop_assert!((left - right).abs() <= bound, "⟨u, Jv⟩ = {left}, ⟨Jᵀu, v⟩ = {right}, bound {bound:e}");
    Ok(())
}

/// The tangent program at fixed residuals is jvp, and is linear.
fn tangent_law<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    let (network, jacobian) = (case.network(), jacobian::<T>(case));
    let [v, w]: [Vec<T>; 2] = [2, 3].map(|salt| normal(jacobian.columns(), case.seed, salt));
    let apply = |v: &[T]| {
        let mut out = vec![T::zero(); jacobian.rows()];
        jacobian.apply(v, &mut out);
        out
    };
    let (jv, jw) = (apply(&v), apply(&w));
    let f = network.program(case.batch);
    let plan = Plan::new(&jvp(&f, &(0..network.parameters().tensors().len()).collect::<Vec<_>>()));
    let (mut y, mut dy) = (vec![T::zero(); jv.len()], vec![T::zero(); jv.len()]);
    let inputs = [&network.init::<T>(case.seed)[..], &case.x(), &v];
    plan.run(&inputs, &mut [&mut y, &mut dy], &mut plan.workspace(&Threads::one()));
    let half = T::literal(0.5);
    let both: Vec<T> = v.iter().zip(&w).map(|(&v, &w)| v + half * w).collect();
    let sum: Vec<T> = jv.iter().zip(&jw).map(|(&v, &w)| v + half * w).collect();
    let difference = |a: &[T], b: &[T]| norm(&a.iter().zip(b).map(|(&a, &b)| a - b).collect::<Vec<_>>());
    let scale = norm(&jv) + norm(&jw) + norm(&v) + norm(&w);
    let (from_jvp, from_sum) = (difference(&dy, &jv), difference(&apply(&both), &sum));
    let bound = 256.0 * epsilon::<T>() * scale;
    prop_assert!(from_jvp <= bound && from_sum <= bound, "{from_jvp:e}, {from_sum:e}, bound {bound:e}");
    Ok(())
}

/// ⟨u, H v⟩ = ⟨v, H u⟩ for the Hessian H of ½ ‖f‖².
fn hessian_law<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    let network = case.network();
    let model = network.program(case.batch);
    let scalar = Graph::trace(model.inputs().to_vec(), |x| {
        let y = x[0].builder().call(&model, x)[0];
        vec![0.5 * (y * y).sum_all()]
    });
    let program = hvp(&scalar, &(0..network.parameters().tensors().len()).collect::<Vec<_>>());
    let (plan, theta, x) = (Plan::new(&program), network.init::<T>(case.seed), case.x::<T>());
    let [u, v]: [Vec<T>; 2] = [2, 3].map(|salt| normal(theta.len(), case.seed, salt));
    let apply = |v: &[T]| {
        let mut out = vec![T::zero(); theta.len()];
        plan.run(&[&theta, &x, v], &mut [&mut out], &mut plan.workspace(&Threads::one()));
        out
    };
    let (hu, hv) = (apply(&u), apply(&v));
    let ((left, a), (right, b)) = (dot(&u, &hv), dot(&v, &hu));
    let scale = a + b + norm(&u) * norm(&hv) + norm(&v) * norm(&hu) + norm(&u) * norm(&v);
    let bound = 256.0 * epsilon::<T>() * scale;
    prop_assert!((left - right).abs() <= bound, "⟨u, Hv⟩ = {left}, ⟨v, Hu⟩ = {right}, bound {bound:e}");
    Ok(())
}

/// f_lin(θ₀) = f(θ₀), and ‖f − f_lin‖ = O(‖δ‖²), around θ₀ or another point, from steps of size h down to h/8.
fn linear_law<T: Real>(case: &Case, origin: &[T], h: f64) -> Result<(), TestCaseError> {
    let (network, x) = (case.network(), case.x::<T>());
    let linearized = Linearized::of_network(&network, case.batch);
    let model = LinearModel::new(linearized.at(origin, &x, &Threads::one()), origin.to_vec());
    let mut y = vec![T::zero(); case.batch * network.output().size()];
    model.predict(origin, &mut y);
    let f = linearized.value(origin, &x, &Threads::one());
    // f is computed by another plan here, whose sums may be ordered otherwise.
    let rounding = 512.0 * epsilon::<T>() * (1.0 + norm(&f));
    let apart = norm(&y.iter().zip(&f).map(|(&y, &f)| y - f).collect::<Vec<_>>());
    prop_assert!(apart <= rounding, "{y:?} against {f:?}");
    let direction: Vec<T> = normal(origin.len(), case.seed, 2);
    let remainder = model.remainder(&direction, &x, &[h, h / 2.0, h / 4.0, h / 8.0]);
    // ‖f − f_lin‖/‖δ‖² does not grow as δ shrinks. (One ratio alone may be small by chance.)
    let [rest @ .., (distance, error)] = &remainder.points[..] else { unreachable!("four steps") };
    let curvature = rest.iter().map(|(distance, error)| error / distance.powi(2)).fold(0.0, f64::max);
    let bound = 1.2 * curvature * distance.powi(2) + rounding;
    prop_assert!(*error <= bound, "{:?}", remainder.points);
    Ok(())
}

/// f_lin at f32 is what it is at f64, to rounding, at a distance where f is another function already.
fn linear_law_in_f32(case: &Case) -> Result<(), TestCaseError> {
    fn at<T: Real>(case: &Case) -> [Vec<f64>; 2] {
        let theta: Vec<T> = case.network().init(case.seed);
        let mut model = LinearModel::new(jacobian::<T>(case), theta);
        let delta = normal(model.origin().len(), case.seed, 2);
        model.delta_mut().copy_from_slice(&delta);
        let mut y = vec![T::zero(); model.jacobian().rows()];
        model.value(&mut y);
        [model.jacobian().value(), &y].map(|y| y.iter().map(|&y| y.into()).collect())
    }
    let ([f, y], [_, single]) = (at::<f64>(case), at::<f32>(case));
    let error = norm(&y.iter().zip(&single).map(|(a, b)| a - b).collect::<Vec<_>>());
    let bound = 256.0 * epsilon::<f32>() * (1.0 + norm(&f) + norm(&y));
    prop_assert!(error <= bound, "{error:e}, bound {bound:e}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, max_global_rejects: 65536, ..ProptestConfig::default() })]

    #[test]
    fn law_3_vjp_is_the_adjoint_of_jvp(case in cases(Activation::all())) {
        prop_assume!(jacobian::<f32>(&case).value().iter().all(|y| y.abs() < 1e4));
        adjoint_law::<f64>(&case)?;
        adjoint_law::<f32>(&case)?;
    }

    #[test]
    fn law_5_the_tangent_program_is_jvp_and_linear(case in cases(Activation::all())) {
        prop_assume!(jacobian::<f32>(&case).value().iter().all(|y| y.abs() < 1e2));
        tangent_law::<f64>(&case)?;
        tangent_law::<f32>(&case)?;
    }

    #[test]
    fn law_9_hessians_are_symmetric(case in cases(smooth())) {
        hessian_law::<f64>(&case)?;
        hessian_law::<f32>(&case)?;
    }

    #[test]
    fn law_12_f_lin_is_f_at_the_origin_and_errs_by_second_order(case in cases(smooth())) {
        linear_law(&case, &case.network().init::<f64>(case.seed), 8e-4)?;
        linear_law(&case, &case.network().init::<f32>(case.seed), 0.08)?;
        linear_law_in_f32(&case)?;
    }

    #[test]
    fn law_12_holds_around_a_trained_point(case in cases(smooth())) {
        let network = case.network();
        let (count, x) = (network.parameters().tensors().len(), case.x::<f64>());
        let y: Vec<f64> = normal(case.batch * network.output().size(), case.seed, 4);
        let model = network.program(case.batch);
        let step = descent_step(&model, &Objective::default().program(&Shape::from([case.batch, network.output()[0]])), &vec![0.01; count]);
        let (plan, mut theta) = (Plan::new(&step), network.init::<f64>(case.seed));
        let mut rest = vec![0.0; y.len() + 1];
        for _ in 0..5 {
            let before = theta.clone();
            plan.run(&[&before, &x, &y], &mut [&mut theta, &mut rest], &mut plan.workspace(&Threads::one()));
        }
        // Any rate is too large for some network.
        prop_assume!(theta.iter().all(|theta| theta.abs() < 1e2));
        linear_law(&case, &theta, 8e-4)?;
    }

    /// A description is what its text and its network say.
    #[test]
    fn descriptions_go_to_text_and_to_networks_and_back(case in cases(Activation::all())) {
        prop_assert_eq!(case.net.to_string().parse::<Description>(), Ok(case.net.clone()));
        prop_assert_eq!(Description::of(&case.network()), Some(case.net.clone()));
        let costs = case.net.costs().expect("they apply");
        let parameters: usize = costs.iter().map(|cost| cost.parameters).sum();
        prop_assert_eq!(parameters, case.network().parameters().len());
        prop_assert_eq!(&costs[costs.len() - 1].output, &case.network().output().clone());
    }

    /// Damaged text is an error, or describes something else: nothing panics.
    #[test]
    fn damaged_descriptions_do_not_panic(
        case in cases(Activation::all()),
        damage in prop::collection::vec((any::<u16>(), "[]\\[{}\"a0-9.= -]?"), 1..4),
    ) {
        let mut text = case.net.to_string();
        for (at, by) in damage {
            let at = usize::from(at) % text.len();
            text.replace_range(at..=at, &by);
        }
        if let Ok(net) = text.parse::<Description>() {
            let _ = net.costs();
        }
    }

    /// J v costs at most twice what f does: counted on the programs that are run.
    #[test]
    fn a_tangent_costs_at_most_two_evaluations(case in cases(Activation::all())) {
        let linearized = Linearized::of_network(&case.network(), case.batch);
        let f = cotangent::autodiff::simplify(&case.network().program(case.batch));
        let (tangent, forward) = (linearized.linearization().tangent.graph().stats(), f.stats());
        // Multiplying parameters by their scales is part of both.
        prop_assert!(tangent.flops <= 2 * forward.flops + 1, "{} against {}", tangent.flops, forward.flops);
    }
}

/// Gradient descent moves the same function in both parameterizations, at the rates that go with them.
#[test]
fn parameterizations_train_alike_at_equivalent_rates() {
    let text = |parameterization: &str| {
        format!(
            r#"input = [4, 3, 2]
            sigma_w = 1.3
            sigma_b = 0.4
            parameterization = {parameterization}
            layers = [
                {{ conv = {{ channels = 5, size = [2, 2], padding = "same" }} }}, "tanh", "flatten",
                {{ dense = {{ width = 7 }} }}, "gelu", {{ dense = {{ width = 2 }} }},
            ]"#
        )
    };
    let [ntk, standard, scaled] = ["\"ntk\"", "\"standard\"", "{ standard = { s = 4.0 } }"]
        .map(|name| text(name).parse::<Description>().expect(name).network().expect(name));
    let (batch, x, y) = (6, normal::<f64>(6 * 24, 1, 1), normal::<f64>(12, 2, 1));
    let loss = Objective::default().program(&Shape::from([batch, 2]));
    let trained = |network: &Network| {
        let factors = ntk.parameters().equivalent_rates(network.parameters());
        let rates: Vec<f64> = factors.iter().map(|factor| 0.1 * factor).collect();
        let step = descent_step(&network.program(batch), &loss, &rates);
        // From the same function: effective parameters agree.
        let mut theta = ntk.init::<f64>(3);
        for (from, to) in ntk.parameters().tensors().iter().zip(network.parameters().tensors()) {
            theta[from.range.clone()].iter_mut().for_each(|t| *t *= from.multiplier / to.multiplier);
        }
        let (plan, mut rest) = (Plan::new(&step), vec![0.0; 13]);
        let mut losses = Vec::new();
        for _ in 0..40 {
            let before = theta.clone();
            plan.run(&[&before, &x, &y], &mut [&mut theta, &mut rest], &mut plan.workspace(&Threads::one()));
            losses.push(rest[12]);
        }
        (losses, rest)
    };
    let (losses, last) = trained(&ntk);
    assert!(losses[39] < 0.7 * losses[0], "something was learnt: {losses:?}");
    for network in [&standard, &scaled] {
        let (others, other) = trained(network);
        for (a, b) in losses.iter().chain(&last).zip(others.iter().chain(&other)) {
            assert!((a - b).abs() <= 1e-10 * (1.0 + a.abs()), "{a} against {b}");
        }
    }
}

/// Layers that cannot apply say so, with the place.
#[test]
fn what_does_not_apply_is_refused() {
    let cases = [
        ("[4]", r#"{ dense = { width = 0 } }"#, "layer 0: dense: width is 0, and should be at least 1"),
        (
            "[4]",
            r#"{ conv = { channels = 1, size = [1] } }"#,
            "layer 0: conv applies to signals (width, channels), not to examples of shape [4]",
        ),
        (
            "[2, 2, 1]",
            r#"{ conv = { channels = 1, size = [3, 1] } }"#,
            "layer 0: conv: a window of 3 does not fit into 2 elements of [2,2,1]",
        ),
        (
            "[2, 1]",
            r#"{ avg_pool = { size = [9], stride = [1], padding = "circular" } }"#,
            "layer 0: avg_pool: a window of 9 goes round more than once in 2 elements of [2,1]",
        ),
        (
            "[2, 1]",
            r#"{ conv = { channels = 1, size = [1], stride = [0] } }"#,
            "layer 0: conv: size [1] and stride [0] should be at least 1",
        ),
        (
            "[3]",
            r#"{ residual = [{ dense = { width = 2 } }] }"#,
            "layer 0: sum: branch 1 makes [2] of [3], branch 0 makes [3]",
        ),
        ("[3]", r#"{ sum = [] }"#, "layer 0: sum: there are no branches"),
        ("[3]", r#"{ residual = ["tanh", { dense = { width = 0 } }] }"#, "layer 0.1.1: dense: width is 0"),
        ("[3]", r#""global_avg_pool""#, "layer 0: global_avg_pool applies to signals and images"),
        ("[3]", r#""hermite(101)""#, "layer 0: hermite: degree is 101, and should be at most 100"),
        (
            "[3]",
            r#"{ dense = { width = 2, sigma_w = -1.0 } }"#,
            "layer 0: dense: sigma_w is -1, and should be a number from 0 up",
        ),
        ("[0]", r#""relu""#, "a tensor of shape [0], and tensors are never empty"),
        ("[4]", r#"{ dense = { width = 4611686018427387904 } }"#, "too many elements"),
        (
            "[3, 4]",
            r#"{ avg_pool = { size = [9000000000000000000], padding = "same" } }"#,
            "layer 0: a tensor of shape [1,9000000000000000000,4] has too many elements",
        ),
        (
            "[1000, 1]",
            r#"[{ conv = { channels = 1000000000000000000, size = [1] } }, "flatten"]"#,
            "layer 0.0: a tensor of shape [1000,1000000000000000000] has too many elements",
        ),
    ];
    for (input, layer, wanted) in cases {
        let text = format!("input = {input}\nlayers = [{layer}]");
        let description: Description = text.parse().expect(layer);
        let refused = description.network().expect_err(layer).to_string();
        assert!(
            refused.starts_with(wanted) || refused.contains("too many") && wanted == "too many elements",
            "{refused}"
        );
    }
}

/// The smallest networks: one input, one unit, one output, one example, no layers at all.
#[test]
fn the_smallest_networks_work() {
    for text in [
        "input = [1]\nlayers = [{ dense = { width = 1 } }]",
        "input = [1, 1, 1]\nlayers = [{ conv = { channels = 1, size = [1, 1] } }, \"relu\", \"flatten\", { dense = { width = 1 } }]",
        "input = [1, 1]\nlayers = [{ conv = { channels = 1, size = [3], padding = \"same\" } }, \"global_avg_pool\"]",
        "input = [3]\nlayers = []",
    ] {
        let network = text.parse::<Description>().expect(text).network().expect(text);
        let (theta, x) = (network.init::<f64>(0), vec![0.5; network.example().size()]);
        let jacobian = Linearized::of_network(&network, 1).at(&theta, &x, &Threads::one());
        let (mut y, mut jtu) = (vec![0.0; jacobian.rows()], vec![0.0; theta.len()]);
        jacobian.apply(&theta, &mut y);
        jacobian.apply_transpose(&y, &mut jtu);
        assert!(y.iter().chain(&jtu).all(|x| x.is_finite()), "{text}");
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

/// Costs beyond all numbers are the largest number.
#[test]
fn what_cannot_be_counted_is_the_largest_number() {
    let text =
        "input = [1000, 1000, 1000]\nlayers = [{ conv = { channels = 10000000000, size = [10, 10] } }]";
    let costs = text.parse::<Description>().expect("a description").costs().expect("layers that apply");
    assert_eq!(costs[0].flops, usize::MAX);
}
