//! Training: methods against loops written out, the linear model's three ways against each other, and the loop itself.

use std::ops::ControlFlow;
use std::sync::Arc;

use cotangent::prelude::*;
use cotangent::train::{Exploded, KernelTask, expected_losses, log_spaced};
use proptest::prelude::*;

/// A network of two inputs on a few examples.
fn problem(examples: usize, outputs: usize, seed: u64) -> (Network, Vec<f64>, Task<f64>) {
    let network = Network::new(mlp(&[24, 16], outputs, Activation::ERF, Scaling::ntk(1.4, 0.2)), [2]);
    let numbers = |count: usize, salt: u64| -> Vec<f64> {
        let layer = Dense { width: count, scaling: Scaling::ntk(1.0, 0.0) };
        Network::new(layer, [1]).init::<f64>(seed + 1000 * salt)[..count].to_vec()
    };
    let task = Task {
        train_x: numbers(2 * examples, 1),
        train_y: numbers(outputs * examples, 2),
        test_x: numbers(2 * 3, 3),
        test_y: numbers(outputs * 3, 4),
    };
    let theta = network.init(seed);
    (network, theta, task)
}

/// Outputs on both parts and parameters of the linear model after training, in one of the ways.
fn trained(
    way: Way,
    (network, theta, task): &(Network, Vec<f64>, Task<f64>),
    settings: &Settings,
) -> Trained {
    let jacobians = [&task.train_x, &task.test_x].map(|x| {
        let linearized = Linearized::of_network(network, network.examples(x));
        Arc::new(linearized.at(theta, x, &Threads::one()))
    });
    let mut model = way.model(network, jacobians.each_ref(), theta, task, settings).expect("a stable rate");
    let course = Course {
        steps: settings.steps,
        records: Vec::new(),
        batches: settings.batches.map(|batches| (batches, network.examples(&task.train_x))),
    };
    descend(&mut [&mut *model], &course, |_, _| ControlFlow::Continue(()), |_| ())?;
    let [train, test] = [Part::Train, Part::Test].map(|part| model.outputs(part).to_vec());
    Ok([train, test, model.parameters().expect("a linear model has parameters")])
}

type Trained = Result<[Vec<f64>; 3], Exploded>;

fn assert_close(a: &Trained, b: &Trained, tolerance: f64, what: &str) {
    let [a, b] = [a, b].map(|trained| trained.as_ref().expect("no divergence"));
    for (name, (a, b)) in ["train", "test", "θ"].iter().zip(a.iter().zip(b)) {
        let scale = a.iter().map(|a| a.abs()).fold(1.0, f64::max);
        let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(a.len() == b.len() && worst <= tolerance * scale, "{what}: {name} differ by {worst:e}");
    }
}

/// Law 15.
#[test]
fn law_15_weight_space_is_function_space_is_the_closed_form() {
    for outputs in [1, 3] {
        let problem = problem(7, outputs, 5);
        for momentum in [0.0, 0.9] {
            let optimiser = match momentum {
                0.0 => Optimiser::Descent,
                momentum => Optimiser::HeavyBall { momentum },
            };
            let settings = Settings { optimiser, ..Settings::new(0.4, 1000) };
            let weights = trained(Way::Weights, &problem, &settings);
            for way in [Way::Function, Way::ClosedForm] {
                assert_close(
                    &weights,
                    &trained(way, &problem, &settings),
                    1e-11,
                    &format!("{way}, {momentum}"),
                );
            }
        }
    }
}

fn losses() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::Squared),
        Just(Loss::CrossEntropy),
        Just(Loss::Logistic),
        Just(Loss::Huber { threshold: 0.5 }),
        Just(Loss::Other(Arc::new(|f: Var<'_>, y: Var<'_>| ((f - y).powi(2) + 1.0).sqrt().sum_all()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// With any loss, any linear method, batches, decay and schedules, dual coefficients make the steps of weights.
    #[test]
    fn function_space_is_weight_space(
        loss in losses(),
        over in prop_oneof![Just(Over::Sum), Just(Over::Examples), Just(Over::Outputs)],
        optimiser in prop_oneof![
            Just(Optimiser::Descent),
            Just(Optimiser::HeavyBall { momentum: 0.8 }),
            Just(Optimiser::Nesterov { momentum: 0.8 }),
        ],
        decay in prop_oneof![
            Just(None),
            Just(Some(Decay { rate: 0.3, towards: Towards::Zero })),
            Just(Some(Decay { rate: 0.3, towards: Towards::Origin })),
        ],
        size in proptest::option::of(1..6_usize),
        schedule in any::<bool>(),
        outputs in 1..4_usize,
        seed in 0..100_u64,
    ) {
        let problem = problem(5, outputs, seed);
        let rate = if matches!(over, Over::Sum) { 0.01 } else { 0.05 };
        let rate = if schedule { Rate::Cosine { first: rate, steps: 30 } } else { Rate::Constant(rate) };
        let batches = size.map(|size| Batches { size, seed });
        let objective = Objective { loss, over };
        let settings = Settings { objective, optimiser, decay, rate, batches, ..Settings::new(0.0, 25) };
        let weights = trained(Way::Weights, &problem, &settings);
        assert_close(&weights, &trained(Way::Function, &problem, &settings), 1e-11, &format!("{settings:?}"));
    }
}

/// Losses against their formulas, written out.
#[test]
fn losses_are_their_formulas() {
    let (f, y) = ([0.3, -1.7, 40.0, 0.2, 0.0, -35.0], [1.0, 0.0, 0.0, 0.0, 0.25, 0.75]);
    let each = |of: &dyn Fn(f64, f64) -> f64| f.iter().zip(y).map(|(&f, y)| of(f, y)).sum::<f64>();
    let softmax = |row: usize| {
        let f = &f[3 * row..3 * row + 3];
        let largest = f.iter().copied().fold(f64::MIN, f64::max);
        let total = largest + f.iter().map(|f| (f - largest).exp()).sum::<f64>().ln();
        (0..3).map(|o| y[3 * row + o] * (total - f[o])).sum::<f64>()
    };
    let huber = |f: f64, y: f64| {
        let e = (f - y).abs();
        if e <= 0.5 { 0.5 * e * e } else { 0.5 * (e - 0.25) }
    };
    let logistic = |f: f64, y: f64| (-(f * y)).max(0.0) + (-(f * y).abs()).exp().ln_1p();
    let cases: [(Loss, f64); 5] = [
        (Loss::Squared, each(&|f, y| 0.5 * (f - y).powi(2))),
        (Loss::CrossEntropy, softmax(0) + softmax(1)),
        (Loss::Huber { threshold: 0.5 }, each(&huber)),
        (Loss::Logistic, each(&logistic)),
        (Loss::Other(Arc::new(|f: Var<'_>, y: Var<'_>| (f * y).sum_all())), each(&|f, y| f * y)),
    ];
    for (loss, expected) in cases {
        for (over, divisor) in [(Over::Sum, 1.0), (Over::Examples, 2.0), (Over::Outputs, 6.0)] {
            let program = Objective { loss: loss.clone(), over }.program(&[2, 3].into());
            let tensors = [Tensor::new([2, 3], f.to_vec()), Tensor::new([2, 3], y.to_vec())];
            let value = Plan::new(&program).call(&tensors, &Threads::one())[0].data()[0];
            let expected = expected / divisor;
            assert!(
                (value - expected).abs() <= 1e-13 * (1.0 + expected.abs()),
                "{loss:?}: {value}, {expected}"
            );
        }
    }
}

/// Methods on one linear layer, y = wx + b in NTK parameterization, against loops that are written out.
#[test]
fn methods_are_their_formulas() {
    let network = Network::new(Dense { width: 1, scaling: Scaling::ntk(1.0, 1.0) }, [1]);
    let theta = [0.7, -0.2];
    let (x, y) = ([0.5, -1.5, 2.0], [1.0, 0.3, -0.4]);
    let task = Task { train_x: x.to_vec(), train_y: y.to_vec(), test_x: vec![1.0], test_y: vec![0.0] };
    let gradient = |[w, b]: [f64; 2]| {
        let error = |i: usize| w * x[i] + b - y[i];
        [(0..3).map(|i| error(i) * x[i]).sum::<f64>() / 3.0, (0..3).map(error).sum::<f64>() / 3.0]
    };
    let (eta, beta, lambda) = (0.1, 0.9, 0.05);
    let decays = [None, Some(Towards::Zero), Some(Towards::Origin)];
    let adam = Optimiser::Adam { first: 0.8, second: 0.95, epsilon: 1e-3 };
    let methods = [
        Optimiser::Descent,
        Optimiser::HeavyBall { momentum: beta },
        Optimiser::Nesterov { momentum: beta },
        adam,
    ];
    for (optimiser, towards) in methods.iter().flat_map(|&m| decays.map(|d| (m, d))) {
        let decay = towards.map(|towards| Decay { rate: lambda, towards });
        for rate in [Rate::Constant(eta), Rate::Staircase { first: eta, factor: 0.5, every: 4 }] {
            let settings = Settings { optimiser, decay, rate: rate.clone(), ..Settings::new(0.0, 0) };
            let mut model = Descent::network(&network, &theta, &task, &settings);
            let (mut point, mut v, mut s) = (theta, [0.0; 2], [0.0; 2]);
            for step in 0..10 {
                let loss = model.step(None).expect("a loss");
                let errors = (0..3).map(|i| (point[0] * x[i] + point[1] - y[i]).powi(2)).sum::<f64>();
                assert!((loss - errors / 6.0).abs() < 1e-13, "{optimiser:?}: a loss of {loss}");
                let g = gradient(point);
                for i in 0..2 {
                    let anchor = if towards == Some(Towards::Origin) { theta[i] } else { 0.0 };
                    let g = g[i] + if towards.is_some() { lambda * (point[i] - anchor) } else { 0.0 };
                    v[i] = match optimiser {
                        Optimiser::Adam { first, .. } => first * v[i] + (1.0 - first) * g,
                        _ => beta * v[i] + g,
                    };
                    point[i] -= rate.at(step)
                        * match optimiser {
                            Optimiser::Descent => g,
                            Optimiser::HeavyBall { .. } => v[i],
                            Optimiser::Nesterov { .. } => g + beta * v[i],
                            Optimiser::Adam { first, second, epsilon } => {
                                s[i] = second * s[i] + (1.0 - second) * g * g;
                                let t = i32::try_from(step).expect("few steps") + 1;
                                let (v, s) = (v[i] / (1.0 - first.powi(t)), s[i] / (1.0 - second.powi(t)));
                                v / (s.sqrt() + epsilon)
                            }
                        };
                }
                let theirs = model.parameters().expect("parameters");
                let near = theirs.iter().zip(point).all(|(a, b)| (a - b).abs() < 1e-13);
                assert!(near, "{optimiser:?}, {decay:?}, step {step}: {theirs:?} against {point:?}");
            }
        }
    }
}

/// Kernels that are shared by outputs are full ones with zeros between different outputs.
#[test]
fn shared_kernels_are_full_kernels() {
    let x = [-1.0, -0.2, 0.4, 1.3];
    let kernel = |a: f64, b: f64| (1.0 + a * b).powi(2) + (-(a - b).powi(2)).exp();
    let (o, y) = (2, vec![0.3, -0.1, 0.8, 0.2, -0.5, 0.6, 0.0, 1.0]);
    let square: Vec<f64> = x.iter().flat_map(|&a| x.map(|b| kernel(a, b))).collect();
    let cross: Vec<f64> = x.iter().map(|&b| kernel(0.1, b)).collect();
    let full = |shared: &[f64]| -> Vec<f64> {
        let entry = |i: usize, j: usize| if i % o == j % o { shared[i / o * 4 + j / o] } else { 0.0 };
        (0..shared.len() / 4 * o)
            .flat_map(|i| (0..4 * o).map(move |j| (i, j)))
            .map(|(i, j)| entry(i, j))
            .collect()
    };
    let shared = KernelTask {
        kernel: Arc::new(square.clone()),
        cross: Arc::new(cross.clone()),
        start: [Arc::new(vec![0.1; 8]), Arc::new(vec![-0.2; 2])],
        targets: Arc::new(y),
        outputs: o,
    };
    let full =
        KernelTask { kernel: Arc::new(full(&square)), cross: Arc::new(full(&cross)), ..shared.clone() };
    for batches in [None, Some(Batches { size: 3, seed: 1 })] {
        let objective = Objective { loss: Loss::Huber { threshold: 0.3 }, over: Over::Examples };
        let settings = Settings { objective, batches, ..Settings::new(0.2, 50) };
        let outputs = [&shared, &full].map(|task| {
            let mut model = Descent::in_function_space(task, &settings);
            let course = Course { steps: 50, records: Vec::new(), batches: batches.map(|b| (b, 4)) };
            let made = descend(&mut [&mut model], &course, |_, _| ControlFlow::Continue(()), |_| ());
            assert_eq!(made, Ok(50));
            [Part::Train, Part::Test].map(|part| model.outputs(part).to_vec()).concat()
        });
        let [a, b] = outputs;
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-13), "{a:?} against {b:?}");
    }
}

/// The loop looks where it is told, stops when it is told, says which model diverged, and gives all models the same batches.
#[test]
fn the_loop() {
    let (network, theta, task) = problem(6, 1, 3);
    let batches = Some(Batches { size: 2, seed: 9 });
    let settings = Settings { batches, ..Settings::new(0.1, 40) };
    let make = |settings: &Settings| Descent::network(&network, &theta, &task, settings);
    let (mut a, mut b) = (make(&settings), make(&settings));
    let course = Course { steps: 40, records: log_spaced(40), batches: batches.map(|batches| (batches, 6)) };
    let mut looked = Vec::new();
    let made = descend(
        &mut [&mut a, &mut b],
        &course,
        |step, models| {
            looked.push(step);
            let [a, b] = [0, 1].map(|model: usize| models[model].parameters());
            assert_eq!(a, b, "the same batches");
            if step >= 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
        |_| (),
    );
    let stopped = *looked.last().expect("it looked");
    assert_eq!((made, &looked[..]), (Ok(stopped), &course.records[..looked.len()]));
    assert!((20..40).contains(&stopped));

    let (calm, wild) = (Settings::new(0.1, 4000), Settings::new(500.0, 4000));
    let course = Course { steps: 4000, records: vec![0], batches: None };
    let made =
        descend(&mut [&mut make(&calm), &mut make(&wild)], &course, |_, _| ControlFlow::Continue(()), |_| ());
    assert!(matches!(made, Err(Exploded { model: 1, step, .. }) if step > 0), "{made:?}");
    let unknown = Task { train_y: vec![f64::NAN; 6], ..task.clone() };
    let mut model = Descent::network(&network, &theta, &unknown, &calm);
    let made = descend(&mut [&mut model], &course, |_, _| ControlFlow::Continue(()), |_| ());
    assert!(matches!(made, Err(Exploded { model: 0, step: 0, loss }) if loss.is_nan()), "{made:?}");
}

/// The rate that is chosen by itself is stable, and twice as much is the limit, for every method.
#[test]
fn stable_rates_are_where_stability_ends() {
    let problem = problem(6, 1, 8);
    let (network, theta, task) = &problem;
    let jacobian = Linearized::of_network(network, 6).at(theta, &task.train_x, &Threads::one());
    let gram = |u: &[f64], out: &mut [f64]| jacobian.gram_apply(u, out);
    let largest = cotangent::kernels::largest_eigenvalue(6, gram, 1e-12, 6).value;
    for optimiser in
        [Optimiser::Descent, Optimiser::HeavyBall { momentum: 0.5 }, Optimiser::Nesterov { momentum: 0.5 }]
    {
        for over in [Over::Sum, Over::Examples, Over::Outputs] {
            let objective = Objective { loss: Loss::Squared, over };
            let settings = Settings { objective, optimiser, ..Settings::new(0.0, 400) };
            let limit = settings.stable_rate(largest, 6, 1);
            let after = |rate: Rate| {
                let settings = Settings { rate, ..settings.clone() };
                let Ok([outputs, ..]) = trained(Way::Function, &problem, &settings.with_rate(limit)) else {
                    return f64::INFINITY;
                };
                outputs.iter().zip(&task.train_y).map(|(f, y)| (f - y).powi(2)).sum::<f64>()
            };
            let [chosen, below, above] =
                [after(Rate::Auto), after(Rate::Constant(0.99 * limit)), after(Rate::Constant(1.01 * limit))];
            assert!(chosen < 10.0 && below < 10.0 && above > 10.0, "{optimiser:?}: {chosen} {below} {above}");
        }
    }
}

/// Steps are cheap where there are few of them or kernels are large, and nothing is cheaper than no steps.
#[test]
fn the_cheapest_way_is_what_one_would_choose() {
    let cheapest = |width: usize, examples: usize, settings: &Settings| {
        let network = Network::new(mlp(&[width; 3], 10, Activation::ERF, Scaling::ntk(1.5, 0.1)), [64]);
        let numbers = |count: usize| vec![0.0_f32; count * examples];
        let task =
            Task { train_x: numbers(64), train_y: numbers(10), test_x: numbers(64), test_y: numbers(10) };
        Way::cheapest(&network, &task, settings)
    };
    let steps = |steps| Settings::new(1.0, steps);
    assert_eq!(cheapest(512, 256, &steps(3)), Way::Weights, "a few steps");
    assert_eq!(cheapest(512, 256, &steps(1000)), Way::Function);
    assert_eq!(cheapest(512, 256, &steps(1 << 17)), Way::ClosedForm, "very many steps");
    assert_eq!(cheapest(16, 20_000, &steps(1 << 17)), Way::Weights, "a kernel of 160 GB");
    let adam = Settings { optimiser: Optimiser::ADAM, ..steps(1000) };
    assert_eq!(cheapest(512, 256, &adam), Way::Weights);
    let batches = Settings { batches: Some(Batches { size: 32, seed: 0 }), ..steps(1 << 17) };
    assert_eq!(cheapest(512, 256, &batches), Way::Function, "no closed form");
}

/// The mean loss of wide networks is what is expected of infinitely wide ones, within its standard error.
#[test]
fn expected_losses_are_means_over_networks() {
    let network = Network::new(mlp(&[1024], 2, Activation::ERF, Scaling::ntk(1.5, 0.2)), [2]);
    let (_, _, task) = problem(4, 2, 11);
    let threads = Threads::available();
    let settings = Settings {
        optimiser: Optimiser::HeavyBall { momentum: 0.5 },
        threads: threads.clone(),
        ..Settings::new(0.2, 60)
    };
    let steps = [0, 6, 60];
    let expected = expected_losses(&network, &task, &settings, &steps).expect("a limit").expect("stable");
    let losses: Vec<[[f64; 2]; 3]> = (0..120)
        .map(|seed| {
            let mut model = Descent::network(&network, &network.init(seed), &task, &settings);
            let mut made = 0;
            steps.map(|step| {
                (made..step).for_each(|_| assert!(model.step(None).is_some()));
                made = step;
                [(Part::Train, &task.train_y), (Part::Test, &task.test_y)].map(|(part, y)| {
                    let squares = model.outputs(part).iter().zip(y).map(|(f, y)| (f - y).powi(2));
                    0.5 * squares.sum::<f64>() / (y.len() / 2) as f64
                })
            })
        })
        .collect();
    for (k, step) in steps.into_iter().enumerate() {
        for part in 0..2 {
            let all = || losses.iter().map(|loss| loss[k][part]);
            let mean = all().sum::<f64>() / 120.0;
            let error = (all().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (119.0 * 120.0)).sqrt();
            let z = (mean - expected[k][part]) / error;
            assert!(z.abs() < 4.0, "step {step}: {mean} ± {error} against {}", expected[k][part]);
        }
    }
    let adam = Settings { optimiser: Optimiser::ADAM, ..settings };
    assert!(expected_losses(&network, &task, &adam, &steps).is_none(), "no closed form");
}
