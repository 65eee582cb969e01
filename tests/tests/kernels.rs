//! Tangent kernels: the laws of design.md on random networks, with convolutions and residual sums.

use cotangent::autodiff::{Axes, Padding};
use cotangent::kernels::Spectrum;
use cotangent::prelude::*;
use proptest::prelude::*;

/// A layer made for these tests.
#[derive(Clone, Debug)]
enum Layer {
    /// Windows of 3 along the first axis times weights, and a bias for each channel.
    Convolution(usize),
    /// x + act(x W): the same W is read once.
    Residual,
    /// x ↦ act(x W) W: a parameter that enters twice.
    Tied,
    /// γ ⊙ x + β, one of each for a channel.
    Scale,
    /// Mean over the first axis.
    Pool,
    /// A parameter under a nonlinear function: x ↦ x tanh(w).
    Gate,
    Act(Activation),
    Flatten,
    Dense(usize, f64),
}

impl Layer {
    fn shapes(&self, example: &[usize]) -> Vec<(&'static str, Vec<usize>)> {
        let last = *example.last().expect("examples have axes");
        match self {
            Self::Convolution(channels) => {
                vec![("weight", vec![3, last, *channels]), ("bias", vec![*channels])]
            }
            Self::Residual | Self::Tied => vec![("weight", vec![last, last])],
            Self::Scale => vec![("scale", vec![last]), ("shift", vec![last])],
            Self::Gate => vec![("gate", vec![])],
            Self::Dense(width, _) => vec![("weight", vec![last, *width]), ("bias", vec![*width])],
            Self::Pool | Self::Act(_) | Self::Flatten => vec![],
        }
    }

    fn record<'g>(&self, w: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let shape = x.shape();
        let (rank, size) = (shape.rank(), shape.size());
        let channels = |v: Var<'g>, like: Shape| {
            v.broadcast(Axes::new(like[..like.rank() - 1].iter().copied().enumerate()))
        };
        let matrix = |x: Var<'g>, w: Var<'g>| {
            let (from, to) = (w.shape()[0], w.shape()[1]);
            let shape: Vec<usize> = x.shape()[..rank - 1].iter().copied().chain([to]).collect();
            let c = 1.0 / (from as f64).sqrt();
            (c * einsum("ni,io->no", x.reshape([x.shape().size() / from, from]), w)).reshape(shape)
        };
        match self {
            Self::Convolution(_) => {
                let windows = x.windows(1, 3, 1, Padding::Same);
                let y = einsum("nhki,kio->nho", windows, w[0]);
                y + channels(w[1], y.shape())
            }
            Self::Residual => x + matrix(x, w[0]).tanh(),
            Self::Tied => matrix(matrix(x, w[0]).tanh(), w[0]),
            Self::Scale => x * channels(w[0], shape.clone()) + channels(w[1], shape),
            Self::Pool => (1.0 / shape[1] as f64) * x.sum(&[1]),
            Self::Gate => x * w[0].tanh().broadcast(Axes::new(shape.iter().copied().enumerate())),
            Self::Act(Activation::Relu) => x.relu(),
            Self::Act(Activation::Erf) => x.erf(),
            Self::Act(_) => x.tanh(),
            Self::Flatten => x.reshape([shape[0], size / shape[0]]),
            Self::Dense(_, bias) => {
                let y = matrix(x, w[0]);
                y + *bias * channels(w[1], y.shape())
            }
        }
    }
}

impl Module for Layer {
    fn parameters(&self, example: &Shape) -> Vec<(String, Shape)> {
        self.shapes(example).into_iter().map(|(name, shape)| (name.into(), shape.into())).collect()
    }

    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        self.record(parameters, x)
    }

    fn output(&self, example: &Shape) -> Shape {
        match self {
            Self::Convolution(channels) => [example[0], *channels].into(),
            Self::Pool => Shape::from(&example[1..]),
            Self::Flatten => [example.size()].into(),
            Self::Dense(width, _) => {
                let mut shape = example.to_vec();
                *shape.last_mut().expect("an axis") = *width;
                shape.into()
            }
            _ => example.clone(),
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
        let net = self.layers.iter().fold(Serial::new(), |net, layer| net.then(layer.clone()));
        Network::new(net, &self.example[..])
    }

    fn x(&self, side: usize) -> Vec<f64> {
        normal(self.batches[side] * self.example.iter().product::<usize>(), self.seed, 1 + side as u64)
    }
}

/// Standard normal numbers.
fn normal(count: usize, seed: u64, salt: u64) -> Vec<f64> {
    let layer = Layer::Dense(count, 1.0);
    Network::new(layer, [1]).init::<f64>(seed.wrapping_add(salt << 32))[..count].to_vec()
}

fn activation() -> impl Strategy<Value = Layer> {
    prop::sample::select(Activation::ALL).prop_map(Layer::Act)
}

fn perceptron() -> impl Strategy<Value = Vec<Layer>> {
    let layer = prop_oneof![
        (1..6_usize).prop_map(|width| Layer::Dense(width, 0.3)),
        activation(),
        Just(Layer::Residual),
        Just(Layer::Tied),
        Just(Layer::Scale),
        Just(Layer::Gate),
    ];
    (prop::collection::vec(layer, 0..6), 1..4_usize).prop_map(|(mut layers, outputs)| {
        layers.push(Layer::Dense(outputs, 0.2));
        layers
    })
}

/// Networks on sequences.
fn convolutional() -> impl Strategy<Value = Vec<Layer>> {
    let layer = prop_oneof![
        (1..4_usize).prop_map(Layer::Convolution),
        activation(),
        Just(Layer::Residual),
        Just(Layer::Scale),
    ];
    let end = prop_oneof![Just(vec![Layer::Flatten]), Just(vec![Layer::Pool]), Just(vec![])];
    (prop::collection::vec(layer, 1..5), end, 1..3_usize).prop_map(|(mut layers, end, outputs)| {
        layers.extend(end);
        layers.push(Layer::Dense(outputs, 0.2));
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
        for kind in Kind::ALL {
            for others in [None, Some(&others[..])] {
                if kind == Kind::Diagonal && others.is_some() {
                    continue;
                }
                let by = |method| Empirical::ntk(&network).by(method).kernel(kind, &theta, &x, others, &threads);
                let expected = by(Method::VectorProducts);
                for method in [Method::Factored, Method::JacobianContraction] {
                    let (far, size) = distance(by(method).values(), expected.values());
                    prop_assert!(far <= 1e-10 * size, "{kind:?} by {method:?}: {far:e} of {size:e}");
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
    let layers =
        vec![Layer::Dense(96, 0.1), Layer::Act(Activation::Relu), Layer::Residual, Layer::Dense(3, 0.1)];
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
        layers: vec![Layer::Dense(5, 0.1), Layer::Act(Activation::Tanh), Layer::Dense(1, 0.1)],
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

#[test]
fn nothing_free_gives_zeros() {
    let case = Case { layers: vec![Layer::Dense(2, 0.1)], example: vec![3], batches: [4, 2], seed: 3 };
    let network = case.network();
    let theta: Vec<f64> = network.init(case.seed);
    let mask = Mask::new(network.parameters()).freeze("*").expect("matches all");
    for kind in Kind::ALL {
        let kernel =
            Empirical::masked(&network, &mask).kernel(kind, &theta, &case.x(0), None, &Threads::one());
        assert!(kernel.values().iter().all(|&value| value == 0.0), "{kind:?}");
    }
}
