//! How parameters move: one step of a gradient method, as a program.
//!
//! All methods are the same for the weights of a network, for those of its linear model, and for dual coefficients: what differs
//! is the program of the gradient.

use autodiff::{Axes, Builder, Graph, Shape, Var, simplify, value_and_grad};

/// A gradient method. The gradient is g, the learning rate η.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Optimiser {
    /// θ ← θ − η g
    #[default]
    Descent,
    /// v ← β v + g, θ ← θ − η v. (Polyak 1964.)
    HeavyBall {
        /// β
        momentum: f64,
    },
    /// v ← β v + g, θ ← θ − η (g + β v). (Nesterov 1983, as in Sutskever et al. 2013.)
    Nesterov {
        /// β
        momentum: f64,
    },
    /// θ ← θ − η m̂/(√v̂ + ε) with running means m̂ of g and v̂ of g². (Kingma, Ba 2015, Algorithm 1.)
    Adam {
        /// β₁, of the mean of g.
        first: f64,
        /// β₂, of the mean of g².
        second: f64,
        /// ε
        epsilon: f64,
    },
}

impl Optimiser {
    /// With the numbers its authors recommend: β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸.
    pub const ADAM: Self = Self::Adam { first: 0.9, second: 0.999, epsilon: 1e-8 };

    /// Whether steps depend on gradients linearly, and alike for all parameters: then those of a linear model stay in the span
    /// of Jᵀ.
    pub fn is_linear(self) -> bool {
        !matches!(self, Self::Adam { .. })
    }

    /// β of methods with momentum, otherwise 0.
    pub fn momentum(self) -> f64 {
        match self {
            Self::HeavyBall { momentum } | Self::Nesterov { momentum } => momentum,
            Self::Descent | Self::Adam { .. } => 0.0,
        }
    }

    /// Tensors it keeps for each one of parameters.
    fn kept(self) -> usize {
        match self {
            Self::Descent => 0,
            Self::HeavyBall { .. } | Self::Nesterov { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }
}

/// Weight decay: the gradient of the penalty λ/2 ‖θ − c‖², added to that of the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decay {
    /// λ
    pub rate: f64,
    /// c
    pub towards: Towards,
}

/// Where weight decay pulls to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// 0
    Zero,
    /// Where training began, θ₀. On linear models that is kernel ridge regression with the ridge λ (times what the loss is
    /// divided by).
    Origin,
}

/// The learning rates of a step.
#[derive(Clone, Debug)]
pub(crate) enum Rates {
    /// These, one for each tensor.
    Fixed(Vec<f64>),
    /// One number, which is an input.
    Given,
}

/// Where tensors decay to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    /// All elements to this number.
    Number(f64),
    /// To tensors that are inputs.
    Given,
}

/// What a step does with a gradient.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) optimiser: Optimiser,
    pub(crate) rates: Rates,
    /// λ, and where to, of each tensor.
    pub(crate) decay: Option<(f64, Vec<Anchor>)>,
}

/// The program (θ, rest, y) ↦ (θ − η ∇ℒ, f, ℒ): one step of gradient descent on `loss(model(θ, rest), y)`, together with
/// the model's output and the loss before the step.
///
/// `model` is (θ, rest) ↦ f, where θ is its first inputs, one for each of the `rates` η; `loss` is (f, y) ↦ ℒ, a scalar
/// ([`Objective::program`](crate::Objective::program)). Rates of two parameterizations that train alike:
/// [`Parameters::equivalent_rates`](nets::Parameters::equivalent_rates).
///
/// # Panics
/// If `model` has not one output, or fewer inputs than there are rates, or `loss` does not apply to it.
#[track_caller]
pub fn descent_step(model: &Graph, loss: &Graph, rates: &[f64]) -> Graph {
    let fixed = Rates::Fixed(rates.to_vec());
    let update = Update { optimiser: Optimiser::Descent, rates: fixed, decay: None };
    update.step(&weight_gradient(model, loss, rates.len()), rates.len())
}

/// The program (θ, rest, y) ↦ (f, ℒ, ∂ℒ/∂θ), of the first `count` inputs.
#[track_caller]
pub(crate) fn weight_gradient(model: &Graph, loss: &Graph, count: usize) -> Graph {
    let targets = loss.inputs()[1].clone();
    let shapes: Vec<Shape> = model.inputs().iter().cloned().chain([targets]).collect();
    let objective = Graph::trace(shapes.clone(), |inputs| {
        let (y, inputs) = inputs.split_last().expect("y is an input");
        let f = y.builder().call(model, inputs);
        y.builder().call(loss, &[f[0], *y])
    });
    let gradient = value_and_grad(&objective, &(0..count).collect::<Vec<_>>());
    // The model is called twice, here and inside the gradient; simplify shares it.
    Graph::trace(shapes, |inputs| {
        let (y, rest) = inputs.split_last().expect("y is an input");
        let f = y.builder().call(model, rest);
        [f, y.builder().call(&gradient, inputs)].concat()
    })
}

impl Update {
    /// The program (θ, s, c, rest, numbers) ↦ (θ', s', f, ℒ) with what the optimiser keeps in s, given `gradient`, (θ, rest) ↦
    /// (f, ℒ, g) with θ the first `count` inputs. c are the anchors that are inputs; of the numbers, the first is the rate if it
    /// is an input, and the next two are 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ) for Adam.
    pub(crate) fn step(&self, gradient: &Graph, count: usize) -> Graph {
        let g = Builder::new();
        let (shapes, rest) = gradient.inputs().split_at(count);
        let all = |shapes: &[Shape]| shapes.iter().map(|shape| g.input(shape.clone())).collect::<Vec<_>>();
        let theta = all(shapes);
        let kept: Vec<Vec<Var<'_>>> = (0..self.optimiser.kept()).map(|_| all(shapes)).collect();
        let anchors: Vec<Option<Var<'_>>> = match &self.decay {
            None => vec![None; count],
            Some((_, anchors)) => {
                let anchor = |(anchor, shape): (&Anchor, &Shape)| {
                    matches!(anchor, Anchor::Given).then(|| g.input(shape.clone()))
                };
                anchors.iter().zip(shapes).map(anchor).collect()
            }
        };
        let rest = all(rest);
        let rate = matches!(self.rates, Rates::Given).then(|| g.input(Shape::from([])));
        let corrections = matches!(self.optimiser, Optimiser::Adam { .. })
            .then(|| [g.input(Shape::from([])), g.input(Shape::from([]))]);
        let made = g.call(gradient, &[&theta[..], &rest].concat());
        let ([f, loss], gradients) = made.split_first_chunk().expect("f and ℒ come first");

        let mut moved = Vec::with_capacity(count);
        let mut kept_after: Vec<Vec<Var<'_>>> = vec![Vec::with_capacity(count); kept.len()];
        for (i, (&theta, &gradient)) in theta.iter().zip(gradients).enumerate() {
            let gradient = match &self.decay {
                None => gradient,
                Some((decay, to)) => {
                    let from_anchor = match (to[i], anchors[i]) {
                        (Anchor::Number(0.0), _) => theta,
                        (Anchor::Number(number), _) => theta - number,
                        (Anchor::Given, anchor) => theta - anchor.expect("it is an input"),
                    };
                    gradient + *decay * from_anchor
                }
            };
            let by_rate = |direction| theta - self.rates.times(rate, i, direction);
            moved.push(match self.optimiser {
                Optimiser::Descent => by_rate(gradient),
                Optimiser::HeavyBall { momentum } => {
                    let velocity = momentum * kept[0][i] + gradient;
                    kept_after[0].push(velocity);
                    by_rate(velocity)
                }
                Optimiser::Nesterov { momentum } => {
                    let velocity = momentum * kept[0][i] + gradient;
                    kept_after[0].push(velocity);
                    by_rate(gradient + momentum * velocity)
                }
                Optimiser::Adam { first, second, epsilon } => {
                    let mean = first * kept[0][i] + (1.0 - first) * gradient;
                    let square = second * kept[1][i] + (1.0 - second) * (gradient * gradient);
                    kept_after[0].push(mean);
                    kept_after[1].push(square);
                    let [of_mean, of_square] = corrections.expect("they are inputs");
                    by_rate(times(of_mean, mean) * (times(of_square, square).sqrt() + epsilon).recip())
                }
            });
        }
        let outputs = [moved, kept_after.concat(), vec![*f, *loss]].concat();
        simplify(&g.finish(&outputs))
    }
}

impl Rates {
    /// The rate of the i-th tensor times a direction; the rate is `given` if it is an input.
    fn times<'g>(&self, given: Option<Var<'g>>, i: usize, direction: Var<'g>) -> Var<'g> {
        match self {
            Self::Fixed(rates) => rates[i] * direction,
            Self::Given => times(given.expect("it is an input"), direction),
        }
    }
}

/// A number times a tensor.
fn times<'g>(number: Var<'g>, tensor: Var<'g>) -> Var<'g> {
    let axes: Vec<(usize, usize)> = tensor.shape().iter().copied().enumerate().collect();
    number.broadcast(Axes::new(axes)) * tensor
}
