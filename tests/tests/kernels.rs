//! Tangent kernels: the laws of design.md on random networks, with convolutions and residual sums.

use cotangent::autodiff::{Axes, Padding};
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
