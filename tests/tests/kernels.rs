//! Tangent kernels: the laws of design.md on random networks, with convolutions and residual sums.

use cotangent::autodiff::{Axes, Padding};
use cotangent::kernels::Spectrum;
use cotangent::nets::{
    Conv, Declaration, Flatten, GlobalAvgPool, LayerNorm, Over, Parameterization, Refused, Signature,
    Windows, residual,
};
use cotangent::prelude::*;
use proptest::prelude::*;

/// Layers whose parameters enter otherwise than those of `nets` do.
#[derive(Clone, Debug)]
enum Odd {
    /// x ↦ tanh(x W) W: in two places.
    Tied,
    /// γ ⊙ x + β, one of each for a channel.
    Affine,
    /// x ↦ x tanh(w): under a function.
    Gate,
}

impl Module for Odd {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let last = *example.last().expect("examples have axes");
        let declare = |name: &str, shape: Vec<usize>| Declaration {
            name: name.into(),
            shape: shape.into(),
            multiplier: 0.7,
            std: 1.0,
        };
        let parameters = match self {
            Self::Tied => vec![declare("weight", vec![last, last])],
            Self::Affine => vec![declare("scale", vec![last]), declare("shift", vec![last])],
            Self::Gate => vec![declare("gate", vec![])],
        };
        Ok(Signature { parameters, output: example.clone() })
    }

    fn apply<'g>(&self, w: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let shape = x.shape();
        let last = shape.rank() - 1;
        let everywhere = |v: Var<'g>| {
            let axes = shape.iter().copied().enumerate().take(shape.rank() - v.shape().rank());
            v.broadcast(Axes::new(axes))
        };
        match self {
            Self::Tied => {
                let rows = x.reshape([shape.size() / shape[last], shape[last]]);
                einsum("no,oi->ni", einsum("ni,io->no", rows, w[0]).tanh(), w[0]).reshape(shape)
            }
            Self::Affine => x * everywhere(w[0]) + everywhere(w[1]),
            Self::Gate => x * everywhere(w[0].tanh()),
        }
    }
}

#[derive(Clone, Debug)]
enum Layer {
    Dense(usize),
    Conv(usize),
    /// x + a(x W) or, of sequences, x plus a convolution.
    Residual(Activation),
    Activation(Activation),
    Norm,
    Flatten,
    Pool,
    Odd(Odd),
}

const SCALING: Scaling = Scaling { sigma_w: 1.2, sigma_b: 0.3, parameterization: Parameterization::Ntk };

impl Layer {
    /// `net` followed by this layer, for examples of that rank whose channels are `channels`.
    fn after(&self, net: Serial, rank: usize, channels: usize) -> Serial {
        let dense = |width| Dense { width, scaling: SCALING };
        let conv = |channels| Conv { channels, windows: Windows::new([3], Padding::Same), scaling: SCALING };
        match self {
            Self::Dense(width) => net.then(dense(*width)),
            Self::Conv(channels) => net.then(conv(*channels)),
            Self::Residual(a) if rank == 1 => {
                net.then(residual(Serial::new().then(dense(channels)).then(a.clone())))
            }
            Self::Residual(a) => net.then(residual(Serial::new().then(a.clone()).then(conv(channels)))),
            Self::Activation(a) => net.then(a.clone()),
            Self::Norm => net.then(LayerNorm { epsilon: 0.1, over: Over::Channels }),
            Self::Flatten => net.then(Flatten::default()),
            Self::Pool => net.then(GlobalAvgPool),
            Self::Odd(odd) => net.then(odd.clone()),
        }
    }
}

#[derive(Clone, Debug)]
struct Case {
    layers: Vec<Layer>,
    example: Vec<usize>,
    batches: [usize; 2],
    seed: u64,
}

impl Case {
    fn network(&self) -> Network {
        let mut net = Serial::new();
        let mut example = Shape::from(&self.example[..]);
        for layer in &self.layers {
            net = layer.after(net, example.rank(), *example.last().expect("an axis"));
            example = net.signature(&Shape::from(&self.example[..])).expect("layers that fit").output;
        }
        Network::new(net, &self.example[..])
    }

    fn x(&self, side: usize) -> Vec<f64> {
        normal(self.batches[side] * self.example.iter().product::<usize>(), self.seed, 1 + side as u64)
    }
}

/// Standard normal numbers.
fn normal(count: usize, seed: u64, salt: u64) -> Vec<f64> {
    let layer = Dense { width: count, scaling: SCALING };
    Network::new(layer, [1]).init::<f64>(seed.wrapping_add(salt << 32))[..count].to_vec()
}

fn activation() -> impl Strategy<Value = Activation> {
    prop::sample::select(vec![Activation::ERF, Activation::Relu, Activation::Tanh])
}

fn odd() -> impl Strategy<Value = Layer> {
    prop::sample::select(vec![Odd::Tied, Odd::Affine, Odd::Gate]).prop_map(Layer::Odd)
}

fn perceptron() -> impl Strategy<Value = Vec<Layer>> {
    let layer = prop_oneof![
        (1..6_usize).prop_map(Layer::Dense),
        activation().prop_map(Layer::Activation),
        activation().prop_map(Layer::Residual),
        odd(),
    ];
    (prop::collection::vec(layer, 0..6), 1..4_usize).prop_map(|(mut layers, outputs)| {
        layers.push(Layer::Dense(outputs));
        layers
    })
}

/// Networks on sequences; some return one.
fn convolutional() -> impl Strategy<Value = Vec<Layer>> {
    let layer = prop_oneof![
        (1..4_usize).prop_map(Layer::Conv),
        activation().prop_map(Layer::Activation),
        activation().prop_map(Layer::Residual),
        Just(Layer::Norm),
        odd(),
    ];
    let end = prop_oneof![Just(Layer::Flatten), Just(Layer::Pool)];
    (prop::collection::vec(layer, 1..5), prop::option::of((end, 1..3_usize))).prop_map(|(mut layers, end)| {
        layers.extend(end.into_iter().flat_map(|(end, outputs)| [end, Layer::Dense(outputs)]));
        layers
    })
}

fn case() -> impl Strategy<Value = Case> {
    let vectors = (perceptron(), prop::collection::vec(1..5_usize, 1));
    let sequences = (convolutional(), prop::collection::vec(1..5_usize, 2));
    (prop_oneof![vectors, sequences], [1..5_usize, 1..5_usize], any::<u64>())
        .prop_map(|((layers, example), batches, seed)| Case { layers, example, batches, seed })
}

/// The largest difference of entries, and the largest entry.
fn distance(a: &[f64], b: &[f64]) -> (f64, f64) {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().chain(b).all(|x| x.is_finite()), "{a:?} against {b:?}");
    let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    (far, b.iter().map(|b| b.abs()).fold(0.0, f64::max))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn law_11_methods_agree(case in case()) {
        let (network, threads) = (case.network(), Threads::one());
        let theta: Vec<f64> = network.init(case.seed);
        let (x, others) = (case.x(0), case.x(1));
        for others in [None, Some(&others[..])] {
            let by = |method, kind| {
                Empirical::ntk(&network).by(method).kernel(kind, &theta, &x, others, &threads)
            };
            // What other kinds sum may cancel: rounding acts on the entries of this one.
            let full = by(Method::VectorProducts, Kind::Full);
            let (_, size) = distance(full.values(), full.values());
            for kind in Kind::ALL.into_iter().filter(|&kind| kind != Kind::Diagonal || others.is_none()) {
                let expected = by(Method::VectorProducts, kind);
                for method in [Method::Factored, Method::JacobianContraction] {
                    let (far, _) = distance(by(method, kind).values(), expected.values());
                    prop_assert!(far <= 1e-10 * size + 1e-14, "{kind:?} by {method:?}: {far:e} of {size:e}");
                }
            }
        }
    }
}

/// ⟨row, column⟩ of a kernel laid out as (N₁, O, N₂, O).
fn chosen(full: &Kernel<f64>, examples: [&[usize]; 2]) -> Vec<f64> {
    let (o, columns) = (full.outputs(), full.examples()[1] * full.outputs());
    let rows = |list: &[usize]| list.iter().flat_map(|n| n * o..(n + 1) * o).collect::<Vec<_>>();
    let [rows, picked] = examples.map(rows);
    rows.iter()
        .flat_map(|row| picked.iter().map(move |column| full.values()[row * columns + column]))
        .collect()
}

/// The examples listed, of a flat batch.
fn gathered(x: &[f64], example: usize, list: &[usize]) -> Vec<f64> {
    list.iter().flat_map(|n| x[n * example..(n + 1) * example].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn law_11_kernels_are_symmetric_and_positive(case in case()) {
        let (network, threads) = (case.network(), Threads::one());
        let theta: Vec<f64> = network.init(case.seed);
        for empirical in [Empirical::ntk(&network), Empirical::nngp(&network)] {
            for kind in [Kind::Full, Kind::Trace, Kind::SumOfLogits] {
                let kernel = empirical.kernel(kind, &theta, &case.x(0), None, &threads);
                let matrix = kernel.matrix();
                prop_assert_eq!(matrix, matrix.transpose(), "{:?}", kind);
                let spectrum = Spectrum::new(matrix).expect("finite");
                let bound = 1e-13 * (1.0 + spectrum.largest());
                prop_assert!(spectrum.smallest() >= -bound, "{kind:?}: {spectrum:?}");
            }
        }
    }

    #[test]
    fn law_16_examples_permuted_and_repeated_permute_and_repeat_the_kernel(
        case in case(),
        lists in [prop::collection::vec(any::<prop::sample::Index>(), 1..6), prop::collection::vec(any::<prop::sample::Index>(), 1..6)],
    ) {
        let (network, threads) = (case.network(), Threads::one());
        let theta: Vec<f64> = network.init(case.seed);
        let example: usize = case.example.iter().product();
        let lists: Vec<Vec<usize>> =
            (lists.iter().zip(case.batches)).map(|(list, n)| list.iter().map(|i| i.index(n)).collect()).collect();
        let x = [case.x(0), case.x(1)];
        let kernel = |a: &[f64], b: &[f64]| Empirical::ntk(&network).kernel(Kind::Full, &theta, a, Some(b), &threads);
        let whole = kernel(&x[0], &x[1]);
        let some = kernel(&gathered(&x[0], example, &lists[0]), &gathered(&x[1], example, &lists[1]));
        let (far, size) = distance(some.values(), &chosen(&whole, [&lists[0], &lists[1]]));
        prop_assert!(far <= 1e-12 * (1.0 + size), "{far:e} of {size:e}");
    }

    #[test]
    fn kernels_do_not_depend_on_the_budget(case in case(), budget in 0..6000_usize, batches in [1..12_usize, 1..12_usize]) {
        let case = Case { batches, ..case };
        let (network, threads) = (case.network(), Threads::one());
        let theta: Vec<f64> = network.init(case.seed);
        let (x, others) = (case.x(0), case.x(1));
        for kind in Kind::ALL {
            for others in [None, Some(&others[..])] {
                if kind == Kind::Diagonal && others.is_some() {
                    continue;
                }
                let within = |bytes| Empirical::ntk(&network).within(bytes).kernel(kind, &theta, &x, others, &threads);
                let (far, size) = distance(within(budget).values(), within(1 << 30).values());
                prop_assert!(far <= 1e-12 * (1.0 + size), "{kind:?}: {far:e} of {size:e}");
            }
        }
    }

    #[test]
    fn kernels_of_tensors_sum_to_the_whole_and_masks_choose_them(case in case(), flags in any::<u32>()) {
        let (network, threads) = (case.network(), Threads::one());
        let theta: Vec<f64> = network.init(case.seed);
        let x = case.x(0);
        let parts = Empirical::ntk(&network).by_tensor(Kind::Trace, &theta, &x, None, &threads);
        let mut mask = Mask::new(network.parameters());
        for (i, (name, _)) in parts.iter().enumerate() {
            if flags >> (i % 32) & 1 == 1 {
                mask = mask.freeze(name).expect("its name");
            }
        }
        let free: Vec<String> = mask.free().map(|(name, _)| name.to_owned()).collect();
        let kernel = Empirical::masked(&network, &mask).kernel(Kind::Trace, &theta, &x, None, &threads);
        let mut sum = vec![0.0; kernel.values().len()];
        for (_, part) in parts.iter().filter(|(name, _)| free.contains(name)) {
            sum.iter_mut().zip(part.values()).for_each(|(sum, &part)| *sum += part);
        }
        let (far, size) = distance(kernel.values(), &sum);
        prop_assert!(far <= 1e-12 * (1.0 + size), "{far:e} of {size:e}");

        let layers = Empirical::ntk(&network).by_layer(Kind::Trace, &theta, &x, None, &threads);
        let mut counted = 0;
        for (layer, kernel) in &layers {
            let mut sum = vec![0.0; kernel.values().len()];
            let own = |name: &str| name.strip_prefix(layer).is_some_and(|rest| rest.matches('.').count() == 1);
            for (_, part) in parts.iter().filter(|(name, _)| own(name)) {
                sum.iter_mut().zip(part.values()).for_each(|(sum, &part)| *sum += part);
                counted += 1;
            }
            let (far, size) = distance(kernel.values(), &sum);
            prop_assert!(far <= 1e-12 * (1.0 + size), "{layer}: {far:e} of {size:e}");
        }
        prop_assert!(counted == parts.len() && layers.len() <= parts.len());
    }

    #[test]
    fn kernels_in_f32_are_those_in_f64(case in case()) {
        let (network, threads) = (case.network(), Threads::one());
        let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let double = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let (theta, x) = (network.init::<f32>(case.seed), single(&case.x(0)));
        let (wide_theta, wide_x) = (double(&theta), double(&x));
        let ntk = Empirical::ntk(&network);
        let full = ntk.kernel(Kind::Full, &wide_theta, &wide_x, None, &threads);
        let (_, size) = distance(full.values(), full.values());
        for kind in Kind::ALL {
            let expected = ntk.kernel(kind, &wide_theta, &wide_x, None, &threads);
            let kernel = ntk.kernel(kind, &theta, &x, None, &threads);
            let (far, _) = distance(&double(kernel.values()), expected.values());
            prop_assert!(far <= 1e-4 * size + 1e-6, "{kind:?}: {far:e} of {size:e}");
        }
    }

    #[test]
    fn nngp_is_the_product_of_outputs(case in case()) {
        let (network, threads) = (case.network(), Threads::one());
        let theta: Vec<f64> = network.init(case.seed);
        let (x, others) = (case.x(0), case.x(1));
        for kind in Kind::ALL {
            let others = (kind != Kind::Diagonal).then_some(&others[..]);
            let by = |method| Empirical::nngp(&network).by(method).kernel(kind, &theta, &x, others, &threads);
            let (far, size) = distance(by(Method::Factored).values(), by(Method::JacobianContraction).values());
            prop_assert!(far <= 1e-12 * (1.0 + size), "{kind:?}: {far:e} of {size:e}");
        }
    }
}

/// Many examples, so that there are strips, and widths at which products are divided among threads.
#[test]
fn law_10_bits_do_not_depend_on_the_number_of_threads() {
    let layers = vec![
        Layer::Dense(96),
        Layer::Activation(Activation::Relu),
        Layer::Residual(Activation::Tanh),
        Layer::Dense(3),
    ];
    let case = Case { layers, example: vec![40], batches: [150, 30], seed: 5 };
    let network = case.network();
    let theta: Vec<f64> = network.init(case.seed);
    let theta: Vec<f32> = theta.iter().map(|&t| t as f32).collect();
    let x: Vec<f32> = case.x(0).iter().map(|&x| x as f32).collect();
    for kind in Kind::ALL {
        let with = |count: usize| {
            let threads = Threads::new(count.try_into().expect("not 0"));
            Empirical::ntk(&network).kernel(kind, &theta, &x, None, &threads)
        };
        assert_eq!(with(1), with(3), "{kind:?}");
    }
}

#[test]
fn a_kernel_of_one_example_and_one_output_is_the_square_of_the_gradient() {
    let case = Case {
        layers: vec![Layer::Dense(5), Layer::Activation(Activation::Tanh), Layer::Dense(1)],
        example: vec![3],
        batches: [1, 1],
        seed: 3,
    };
    let network = case.network();
    let theta: Vec<f64> = network.init(case.seed);
    let jacobian = Linearized::of_network(&network, 1).at(&theta, &case.x(0), &Threads::one());
    let mut gradient = vec![0.0; jacobian.columns()];
    jacobian.apply_transpose(&[1.0], &mut gradient);
    let square: f64 = gradient.iter().map(|g| g * g).sum();
    for kind in Kind::ALL {
        let kernel = Empirical::ntk(&network).kernel(kind, &theta, &case.x(0), None, &Threads::one());
        assert_eq!(kernel.values().len(), 1);
        assert!((kernel.values()[0] - square).abs() <= 1e-13 * square, "{kind:?}");
    }
}

/// Without tiles, the smaller budget would be exceeded twice; the Jacobian would take 50 MB.
#[test]
fn memory_stays_within_the_budget() {
    let network = Network::new(mlp(&[128, 128], 3, Activation::Tanh, Scaling::ntk(1.5, 0.1)), [64]);
    let theta: Vec<f32> = network.init(0);
    let x: Vec<f32> = normal(160 * 64, 0, 1).iter().map(|&x| x as f32).collect();
    for budget in [1 << 19, 1 << 21] {
        for (kind, entries) in [(Kind::Full, 480 * 480), (Kind::Trace, 160 * 160), (Kind::Diagonal, 160)] {
            for others in [None, Some(&x[..])] {
                if kind == Kind::Diagonal && others.is_some() {
                    continue;
                }
                let kernel = || {
                    let ntk = Empirical::ntk(&network).within(budget);
                    ntk.kernel(kind, &theta, &x, others, &Threads::one());
                };
                // The first products set memory aside for all later ones.
                kernel();
                let measured = allocation_counter::measure(kernel);
                // Programs, plans, and scratch memory of a thread included.
                let besides = measured.bytes_max - 4 * entries;
                assert!(besides < budget as u64, "{kind:?}: {besides} bytes for {budget}");
            }
        }
    }
}

#[test]
fn nothing_free_gives_zeros() {
    let case = Case { layers: vec![Layer::Dense(2)], example: vec![3], batches: [4, 2], seed: 3 };
    let network = case.network();
    let theta: Vec<f64> = network.init(case.seed);
    let mask = Mask::new(network.parameters()).freeze("*").expect("matches all");
    for kind in Kind::ALL {
        let kernel =
            Empirical::masked(&network, &mask).kernel(kind, &theta, &case.x(0), None, &Threads::one());
        assert!(kernel.values().iter().all(|&value| value == 0.0), "{kind:?}");
    }
}
