//! Kernels of infinite width: against values of another program, against their own derivatives, quadrature against closed
//! forms, at singular points, and against finite networks.

use cotangent::autodiff::{Builder, jvp};
use cotangent::kernels::{Empirical, Infinite};
use cotangent::nets::{
    Activation, ExpNormalized, Flatten, Layer, LayerNorm, Limit, Module, Quadrature, Reason, Scaling, Sum,
    residual,
};
use cotangent::prelude::*;
use proptest::prelude::*;
use serde_json::Value;
use tests::numbers;

fn reference() -> Value {
    serde_json::from_str(include_str!("../reference/limits.json")).expect("valid JSON")
}

fn close(ours: f64, theirs: f64, tolerance: f64, what: &str) {
    let near = (ours - theirs).abs() <= tolerance * (1.0 + theirs.abs());
    assert!(near, "{what}: {ours} against {theirs}");
}

/// The program (q₁, q₂, c, nodes, Hermite polynomials) ↦ (E[φ(u)φ(v)], E[φ'(u)φ'(v)], E[φ(u)²], E[φ(v)²], errors) for one pair,
/// with u and v jointly Gaussian; or what `wanted` makes of the limit.
fn program(wanted: &dyn for<'g> Fn(Limit<'g>) -> Limit<'g>, terms: usize) -> Graph {
    let builder = Builder::new();
    let q = [builder.input([1]), builder.input([1])];
    let c = builder.input([1, 1]);
    let [nodes, _] = Quadrature::numbers::<f64>(terms);
    let nodes = builder.input([nodes.len()]);
    let hermite = builder.input([terms, nodes.shape()[0]]);
    let z = Limit {
        nngp: c,
        ntk: Some(builder.fill(1.0, &[1, 1])),
        variances: q,
        gaussian: true,
        fresh: true,
        quadratures: [Quadrature { nodes, hermite }; 2],
        errors: Default::default(),
        resolution: 32.0 * f64::EPSILON,
        factors: None,
    };
    let after = wanted(z);
    let ntk = after.ntk.expect("it was given one");
    let outputs: Vec<Var<'_>> = [after.nngp, ntk, after.variances[0], after.variances[1]]
        .into_iter()
        .chain(after.errors.concat())
        .collect();
    builder.finish(&outputs)
}

fn of_layer(phi: &Layer, terms: usize) -> Graph {
    program(&|z| phi.build().limit(&[4].into(), z).expect("a limit"), terms)
}

fn layer(name: &str) -> Layer {
    let description: Description = format!("input = [4]\nlayers = [\"{name}\"]").parse().expect("a layer");
    description.layers[0].clone()
}

/// The outputs of a program of one pair, at [q₁, q₂, c].
fn run(program: &Graph, [q1, q2, c]: [f64; 3], terms: usize) -> Vec<f64> {
    let [nodes, hermite] = Quadrature::numbers::<f64>(terms);
    let count = nodes.len();
    let inputs = [
        Tensor::new([1], vec![q1]),
        Tensor::new([1], vec![q2]),
        Tensor::new([1, 1], vec![c]),
        Tensor::new([count], nodes),
        Tensor::new([terms, count], hermite),
    ];
    Plan::new(program)
        .call(&inputs, &Threads::one())
        .into_iter()
        .flat_map(|output| output.data().to_vec())
        .collect()
}

#[test]
fn activations_have_the_known_expectations() {
    let reference = reference();
    let triples = numbers(&reference["triples q1 q2 c"]);
    let known = reference["activations"].as_object().expect("activations by name");
    assert!(known.len() >= 16);
    for (name, values) in known {
        let program = of_layer(&layer(name), 2);
        for (triple, expected) in triples.chunks(3).zip(numbers(values).chunks(3)) {
            let ours = run(&program, [triple[0], triple[1], triple[2]], 2);
            for (ours, &theirs) in ours.iter().zip(expected) {
                assert!(
                    (ours - theirs).abs() <= 1e-10 * theirs.abs(),
                    "{name} at {triple:?}: {ours} against {theirs}"
                );
            }
        }
    }
}

/// Law 14: E[φ'φ'] is the derivative of E[φφ] by the covariance (Price 1958).
#[test]
fn the_derivative_by_the_covariance_is_the_expectation_of_derivatives() {
    let strategy = (0.05..3.0_f64, 0.05..3.0_f64, -0.95..0.95_f64);
    let programs: Vec<(String, Graph)> =
        all().into_iter().map(|phi| (phi.name(), of_layer(&phi, 128))).collect();
    let tangents: Vec<Graph> = programs.iter().map(|(_, program)| jvp(program, &[2])).collect();
    proptest!(ProptestConfig::with_cases(24), |((q1, q2, rho) in strategy)| {
        let c = rho * (q1 * q2).sqrt();
        for ((phi, program), tangent) in programs.iter().zip(&tangents) {
            if ["rectified_monomial(0)", "sign"].contains(&phi.as_str()) {
                continue; // By convention the derivative of a step is 0.
            }
            let values = run(program, [q1, q2, c], 128);
            let [nodes, hermite] = Quadrature::numbers::<f64>(128);
            let inputs = [
                Tensor::new([1], vec![q1]),
                Tensor::new([1], vec![q2]),
                Tensor::new([1, 1], vec![c]),
                Tensor::new([nodes.len()], nodes.clone()),
                Tensor::new([128, nodes.len()], hermite),
                Tensor::new([1, 1], vec![1.0]),
            ];
            let outputs = Plan::new(tangent).call(&inputs, &Threads::one());
            let slope = outputs[outputs.len() / 2].data()[0];
            let scale = values[1].abs().max(1.0);
            // What expansions leave is given.
            let left = values[4..].iter().copied().fold(0.0, f64::max).sqrt();
            prop_assert!((slope - values[1]).abs() <= (1e-9 + left) * scale, "{phi}: {slope} against {}", values[1]);
        }
    });
}

/// Every activation, some with unusual numbers, and what else is put between layers with weights.
fn all() -> Vec<Layer> {
    let others = [
        "leaky_relu(0.3)",
        "abrelu(0.5, 2)",
        "erf(1.5, 0.7, 0.2)",
        "sin(0.8, 1.3, 0.4)",
        "cos(1.1, 0.6, -0.3)",
        "rbf(0.4)",
        "exp(0.5, 0.4)",
        "gaussian(2, -0.7)",
        "hermite(0)",
        "hermite(1)",
        "hermite(5)",
        "monomial(0)",
        "monomial(3)",
        "rectified_monomial(0)",
        "rectified_monomial(1)",
        "rectified_monomial(3)",
        "rectified_monomial(4)",
        "polynomial(0.5, -1, 0.25, 0.1)",
    ];
    let normalized = ExpNormalized { gamma: 2.0, shift: -0.7 };
    let normalized = [ExpNormalized::default(), normalized].map(Layer::ExpNormalized);
    Activation::all().into_iter().map(Layer::Activation).chain(others.map(layer)).chain(normalized).collect()
}

/// Two-dimensional sums over equally spaced nodes, for functions without kinks.
fn by_sums(phi: &Activation, [q1, q2, c]: [f64; 3]) -> [f64; 3] {
    let [nodes, weights] = Quadrature::numbers::<f64>(1);
    let count = nodes.len();
    let function = Graph::trace([[count, count]], |x| vec![phi.apply(&[], x[0])]);
    let slope = c / q1.sqrt();
    let rest = (q2 - slope * slope).max(0.0).sqrt();
    let grid = |of: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        nodes.iter().flat_map(|&a| nodes.iter().map(move |&b| (a, b))).map(|(a, b)| of(a, b)).collect()
    };
    let at = |of: &dyn Fn(f64, f64) -> f64| {
        let x = Tensor::new([count, count], grid(of));
        let ones = Tensor::new([count, count], vec![1.0; count * count]);
        let outputs = Plan::new(&jvp(&function, &[0])).call(&[x, ones], &Threads::one());
        [outputs[0].data().to_vec(), outputs[1].data().to_vec()]
    };
    let u = at(&|a, _| q1.sqrt() * a);
    let v = at(&|a, b| slope * a + rest * b);
    let mean = |f: &[f64], g: &[f64]| -> f64 {
        (0..count * count).map(|i| weights[i / count] * weights[i % count] * f[i] * g[i]).sum()
    };
    [mean(&u[0], &v[0]), mean(&u[1], &v[1]), mean(&u[0], &u[0])]
}

/// Closed forms and expansions against sums over a grid.
#[test]
fn expectations_are_those_of_sums_over_a_grid() {
    for phi in all() {
        let Layer::Activation(phi) = phi else { continue };
        let kinked = ["relu", "leaky_relu", "abs", "abrelu", "sign", "rectified_monomial"];
        if kinked.iter().any(|name| phi.to_string().starts_with(name)) {
            continue; // Sums converge slowly there; these have reference values.
        }
        let program = of_layer(&Layer::Activation(phi.clone()), 128);
        for triple in [[1.0, 1.0, 0.5], [0.4, 1.7, -0.6], [0.9, 0.9, 0.9], [2.0, 1.0, 0.0]] {
            let (ours, sums) = (run(&program, triple, 128), by_sums(&phi, triple));
            for (i, (&ours, sum)) in ours.iter().zip(sums).enumerate() {
                close(ours, sum, 1e-9, &format!("{phi} at {triple:?}, {i}"));
            }
        }
    }
}

/// Expansions in Hermite polynomials against closed forms, at equal, opposite and vanishing arguments too.
#[test]
fn expansions_are_closed_forms() {
    for (phi, tolerance) in
        [(Activation::ERF, 1e-10), (Activation::Gelu, 1e-10), ("sin".parse().expect("sin"), 1e-12)]
    {
        let expanded = program(&|z| z.through(&|z| phi.apply(&[], z)), 128);
        let closed = of_layer(&Layer::Activation(phi.clone()), 128);
        for triple in [
            [1.0, 1.0, 0.5],
            [0.5, 2.0, -0.3],
            [1.0, 1.0, 1.0],
            [1.0, 1.0, -1.0],
            [0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0],
        ] {
            let (ours, theirs) = (run(&expanded, triple, 128), run(&closed, triple, 128));
            for (&ours, &theirs) in ours.iter().zip(&theirs[..4]) {
                close(ours, theirs, tolerance, &format!("{phi} at {triple:?}"));
            }
        }
    }
}

/// With small weights: e to the power of e to the power of … is soon infinite.
fn deep(phi: &Layer, sigma_b: f64, width: usize, inputs: usize) -> Network {
    let dense = |width| Layer::Dense(Dense { width, scaling: Scaling::ntk(0.7, sigma_b) });
    let layers = vec![dense(width), phi.clone(), dense(width), phi.clone(), dense(1)];
    Description { input: vec![inputs], layers }.network().expect("a network")
}

#[test]
fn networks_have_the_known_kernels() {
    let reference = reference();
    let [train, test] = ["x_train", "x_test"].map(|name| numbers(&reference[name]));
    for net in reference["networks"].as_array().expect("networks") {
        let number = |name: &str| net[name].as_f64().expect("a number");
        let (sigma_w, sigma_b) = (number("sigma_w"), number("sigma_b"));
        let phi: Activation = net["activation"].as_str().expect("a name").parse().expect("an activation");
        let (scaling, width) = match net["standard_width"].as_u64() {
            Some(width) => (Scaling::standard(sigma_w, sigma_b), width),
            None => (Scaling::ntk(sigma_w, sigma_b), 5),
        };
        let width = usize::try_from(width).expect("a width");
        let network = Network::new(mlp(&[width, width], 2, phi, scaling), [3]);
        let limit = Infinite::new(&network).expect("a limit");
        let square = limit.kernels(&train, None, &Threads::one());
        let cross = limit.kernels(&test, Some(&train), &Threads::one());
        let kernels = [
            ("dd_nngp", &square.nngp),
            ("dd_ntk", &square.ntk),
            ("td_nngp", &cross.nngp),
            ("td_ntk", &cross.ntk),
        ];
        for (name, kernel) in kernels {
            let Value::Array(_) = &net[name] else { continue };
            let theirs = numbers(&net[name]);
            assert_eq!(theirs.len(), kernel.values().len());
            for (ours, theirs) in kernel.values().iter().zip(theirs) {
                assert!(
                    (ours - theirs).abs() <= 1e-10 * theirs.abs(),
                    "{net}: {name}: {ours} against {theirs}"
                );
            }
        }
        assert_eq!(square.error, 0.0);
    }
}

/// Zeros, duplicates and opposite examples: finite everywhere, and duplicates have the kernels of equal examples to rounding.
#[test]
fn singular_examples_have_finite_kernels() {
    let base = [0.3, -1.2, 0.7, 0.1];
    let negated = base.map(|x: f64| -x);
    let x: Vec<f64> = [[0.0; 4], base, base, negated, [0.0; 4], [1.0, 2.0, 0.5, 0.4]].concat();
    for layer in all() {
        let phi = layer.name();
        for sigma_b in [0.0, 0.1] {
            let limit = Infinite::new(&deep(&layer, sigma_b, 8, 4)).expect("a limit");
            let kernels = limit.kernels(&x, None, &Threads::one());
            let again = limit.kernels(&x, Some(&x), &Threads::one());
            for (kernel, other) in [(&kernels.nngp, &again.nngp), (&kernels.ntk, &again.ntk)] {
                let k = kernel.matrix();
                for i in 0..6 {
                    for j in 0..6 {
                        assert!(k[(i, j)].is_finite(), "{phi}, σ_b = {sigma_b}: ({i}, {j}) is {}", k[(i, j)]);
                        close(k[(i, j)], other.matrix()[(i, j)], 1e-12, &phi);
                    }
                }
                for (i, j) in [(1, 2), (0, 4)] {
                    close(
                        k[(i, j)],
                        k[(i, i)],
                        1e-12,
                        &format!("{phi}, σ_b = {sigma_b}, duplicates {i} {j}"),
                    );
                    close(
                        k[(5, j)],
                        k[(5, i)],
                        1e-12,
                        &format!("{phi}, σ_b = {sigma_b}, duplicates {i} {j}"),
                    );
                }
            }
        }
    }
}

/// Where variances are very small or very large, kernels are finite, in f32 those of f64, and equal examples have equal kernels.
#[test]
fn kernels_at_any_scale_and_in_f32() {
    let base = [0.3, -1.2, 0.7, 0.1, 0.3, -1.2, 0.7, 0.1, 1.0, 2.0, 0.5, 0.4, -0.3, 1.2, -0.7, -0.1];
    let fast = ["exp", "monomial", "polynomial", "hermite", "rectified_monomial"];
    for layer in all() {
        let phi = layer.name();
        // Powers of powers leave the range of f32, or of f64.
        let grows = fast.iter().any(|name| phi.starts_with(name)) && phi != "exp_normalized";
        let scales = if grows { &[0.3, 1.0][..] } else { &[1e-8, 1e-3, 1.0, 1e2, 1e4] };
        for &scale in scales {
            let x: Vec<f64> = base.iter().map(|x| x * scale).collect();
            let limit = Infinite::new(&deep(&layer, 0.1, 8, 4)).expect("a limit");
            let double = limit.kernels(&x, None, &Threads::one());
            let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
            let single = limit.kernels(&x, None, &Threads::one());
            for (name, double, single) in
                [("NNGP", &double.nngp, &single.nngp), ("NTK", &double.ntk, &single.ntk)]
            {
                let (double, single) = (double.matrix(), single.matrix());
                let largest = (0..4).map(|i| double[(i, i)]).fold(0.0, f64::max);
                for i in 0..4 {
                    for j in 0..4 {
                        let (a, b) = (double[(i, j)], f64::from(single[(i, j)]));
                        assert!(
                            a.is_finite() && b.is_finite(),
                            "{phi} at {scale}: {name} ({i}, {j}) is {a}, {b}"
                        );
                        // Angles between nearly parallel examples are known to the root of a rounding error; where
                        // variances are large, these are all that matters.
                        assert!(
                            scale > 1e2 || (a - b).abs() <= 2e-3 * largest,
                            "{phi} at {scale}: {name} ({i}, {j}) is {a}, {b}"
                        );
                    }
                }
                close(double[(0, 1)], double[(0, 0)], 1e-12, &format!("{phi} at {scale}, equal examples"));
            }
        }
    }
}

/// Kernels do not depend on how tiles fall, nor on threads; they are symmetric, and have no negative eigenvalues.
#[test]
fn kernels_of_many_examples() {
    let n = 530;
    let x: Vec<f64> = (0..n * 3).map(|i| ((i * 7919 % 2003) as f64 / 1000.0 - 1.0) * 1.5).collect();
    for phi in ["relu", "polynomial(0.5)"] {
        let limit = Infinite::new(&deep(&layer(phi), 0.1, 8, 3)).expect("a limit");
        let kernels = limit.kernels(&x, None, &Threads::one());
        let more = limit.kernels(&x, None, &Threads::new(3.try_into().expect("3")));
        assert_eq!(kernels, more);
        let rows = limit.kernels(&x[..9], Some(&x), &Threads::one());
        for (kernel, rows) in [(&kernels.nngp, &rows.nngp), (&kernels.ntk, &rows.ntk)] {
            let k = kernel.matrix();
            for i in 0..n {
                for j in 0..i {
                    assert_eq!(k[(i, j)].to_bits(), k[(j, i)].to_bits());
                }
            }
            for i in 0..3 {
                for j in 0..n {
                    close(rows.matrix()[(i, j)], k[(i, j)], 1e-9, "a row");
                }
            }
            let spectrum = cotangent::kernels::Spectrum::new(k).expect("a spectrum");
            assert!(spectrum.smallest() >= -1e-12 * spectrum.largest());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Law 16, and law 11: kernels are symmetric and have no negative eigenvalues.
    #[test]
    fn law_16_examples_permuted_and_repeated_permute_and_repeat_the_kernel(
        x in proptest::collection::vec(-2.0..2.0_f64, 7 * 3),
        chosen in proptest::collection::vec(0..7_usize, 1..12),
        layer in proptest::sample::select(all()),
        sigma_b in prop_oneof![Just(0.0), 0.05..0.5_f64],
    ) {
        let limit = Infinite::new(&deep(&layer, sigma_b, 8, 3)).expect("a limit");
        let phi = layer.name();
        let kernels = limit.kernels(&x, None, &Threads::one());
        let some: Vec<f64> = chosen.iter().flat_map(|&i| x[3 * i..3 * i + 3].to_vec()).collect();
        let of_chosen = limit.kernels(&some, None, &Threads::one());
        for (kernel, part) in [(&kernels.nngp, &of_chosen.nngp), (&kernels.ntk, &of_chosen.ntk)] {
            let scale = (0..7).map(|i| kernel.matrix()[(i, i)]).fold(0.0, f64::max);
            for (a, &i) in chosen.iter().enumerate() {
                for (b, &j) in chosen.iter().enumerate() {
                    let (ours, whole) = (part.matrix()[(a, b)], kernel.matrix()[(i, j)]);
                    prop_assert!((ours - whole).abs() <= 1e-11 * scale, "{phi}: {ours} against {whole}");
                }
            }
            let spectrum = cotangent::kernels::Spectrum::new(part.matrix()).expect("a spectrum");
            prop_assert!(spectrum.smallest() >= -1e-11 * spectrum.largest(), "{phi}: {}", spectrum.smallest());
        }
    }
}

/// The kernels of wide random networks agree with the limit within their own standard errors.
#[test]
fn wide_networks_agree_with_the_limit() {
    let x: [f64; 9] = [0.9, -0.4, 1.1, 0.2, -1.3, 0.5, -0.8, 0.6, 0.3];
    let threads = Threads::available();
    let mut worst: f64 = 0.0;
    let mut check = |network: &Network, what: &str| {
        let limit = Infinite::new(network).expect("a limit").kernels(&x, None, &threads);
        let empirical = [(Empirical::nngp(network), &limit.nngp), (Empirical::ntk(network), &limit.ntk)];
        for (empirical, limit) in empirical {
            let average = empirical.monte_carlo(Kind::Trace, 0..24, &x, None, &threads, &mut |_| {});
            let entries = average.mean().values().iter().zip(average.standard_error()).zip(limit.values());
            for (i, ((mean, error), limit)) in entries.enumerate() {
                let z = (mean - limit) / error.max(1e-9 * limit.abs().max(1.0));
                assert!(z.abs() < 5.0, "{what}, entry {i}: {mean} ± {error} against {limit}");
                worst = worst.max(z.abs());
            }
        }
    };
    let normalized = Layer::ExpNormalized(ExpNormalized::default());
    for phi in Activation::all().into_iter().map(Layer::Activation).chain([normalized]) {
        // Many outputs, so that their mean says something of the NNGP.
        let dense = |width| Layer::Dense(Dense { width, scaling: Scaling::ntk(1.1, 0.3) });
        let layers = vec![dense(1024), phi.clone(), dense(64)];
        check(&Description { input: vec![3], layers }.network().expect("a network"), &phi.name());
    }
    let dense = |width| Dense { width, scaling: Scaling::ntk(1.1, 0.3) };
    let body = || Serial::new().then(Activation::ERF).then(dense(256));
    let net = Serial::new()
        .then(dense(256))
        .then(residual(body()))
        .then(LayerNorm::default())
        .then(Activation::Tanh)
        .then(dense(64));
    check(&Network::new(net, [3]), "residual and layer_norm");
    assert!(worst > 0.5, "largest z {worst}");
}

#[test]
fn what_has_no_limit_says_which_layer() {
    let dense = || Dense { width: 4, scaling: Scaling::ntk(1.0, 0.1) };
    let refused = |net: Serial, example: &[usize]| {
        Infinite::new(&Network::new(net, example)).expect_err("no limit").to_string()
    };
    let message = refused(Serial::new().then(Activation::Relu).then(dense()), &[3]);
    assert!(message.starts_with("layer 0: no limit of infinite width: relu needs inputs"), "{message}");
    let twice = || Sum::new().and(Activation::Relu).and(Activation::Tanh);
    let message = refused(Serial::new().then(dense()).then(twice()).then(dense()), &[3]);
    assert!(message.starts_with("layer 1: no limit of infinite width: sum adds up"), "{message}");
    let message =
        refused(Serial::new().then(dense()).then(Activation::Relu).then(LayerNorm::default()), &[3]);
    assert!(message.starts_with("layer 2: no limit of infinite width: layer_norm"), "{message}");
    let growing = Activation::Gaussian { a: 1.0, b: 0.5 };
    let message = refused(Serial::new().then(dense()).then(growing).then(dense()), &[3]);
    assert!(
        message.starts_with("layer 1: no limit of infinite width: gaussian(1, 0.5) with b > 0"),
        "{message}"
    );
    let pool = cotangent::nets::GlobalAvgPool;
    let message = refused(Serial::new().then(pool).then(dense()), &[4, 4, 2]);
    assert!(message.starts_with("layer 0: no limit of infinite width: global_avg_pool"), "{message}");
    let reason = Infinite::new(&Network::new(LayerNorm::default(), [3])).expect_err("no limit").reason;
    assert!(matches!(reason, Reason::NoLimit { .. }));
}

/// Images are flattened to the mean over places; numbers are vectors of one channel.
#[test]
fn images_and_numbers() {
    let x: Vec<f64> = (0..2 * 12).map(|i| f64::from(i * i % 11) / 5.0 - 1.0).collect();
    let net = || mlp(&[5], 1, Activation::Gelu, Scaling::ntk(1.2, 0.1));
    let flat = Infinite::new(&Network::new(net(), [12])).expect("a limit");
    let image = Network::new(Serial::new().then(Flatten::ChannelsLast).then(net()), [2, 3, 2]);
    let image = Infinite::new(&image).expect("a limit");
    let (a, b) = (flat.kernels(&x, None, &Threads::one()), image.kernels(&x, None, &Threads::one()));
    for (a, b) in [(a.nngp, b.nngp), (a.ntk, b.ntk)] {
        a.values().iter().zip(b.values()).for_each(|(&a, &b)| close(a, b, 1e-13, "flattened"));
    }
}
