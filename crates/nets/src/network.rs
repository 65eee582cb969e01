//! Networks: a module and the shape of its examples.

use std::sync::Arc;

use autodiff::{Builder, Graph, Real, Rematerialise, Shape, Var, jvp, simplify, split};

use crate::limit::{Factors, Limit, NODES, Quadrature, Stages};
use crate::module::{Module, Reason, Refused};
use crate::normal::Normal;
use crate::parameters::{Parameters, elements};

/// A module applied to examples of one shape. Clones share the module.
#[derive(Clone, Debug)]
pub struct Network {
    module: Arc<dyn Module>,
    example: Shape,
    output: Shape,
    parameters: Parameters,
}

impl Network {
    /// The network that applies `module` to examples of the given shape.
    ///
    /// # Panics
    /// If the module does not apply to such examples: see [`Network::try_new`].
    #[track_caller]
    pub fn new(module: impl Module + 'static, example: impl Into<Shape>) -> Self {
        match Self::try_new(module, example) {
            Ok(network) => network,
            Err(refused) => panic!("{refused}"),
        }
    }

    /// The network that applies `module` to examples of the given shape, where either is data.
    ///
    /// # Errors
    /// If the module does not apply to such examples, or tensors would be empty or too large to count.
    pub fn try_new(module: impl Module + 'static, example: impl Into<Shape>) -> Result<Self, Refused> {
        let example = example.into();
        if elements(&example).is_none() {
            return Err(Reason::Size { shape: example }.into());
        }
        let signature = module.signature(&example)?;
        if elements(&signature.output).is_none() {
            return Err(Reason::Size { shape: signature.output }.into());
        }
        let parameters = Parameters::new(signature.parameters)?;
        Ok(Self { module: Arc::new(module), example, output: signature.output, parameters })
    }

    /// What is applied.
    pub fn module(&self) -> &dyn Module {
        self.module.as_ref()
    }

    /// The shape of one example.
    pub fn example(&self) -> &Shape {
        &self.example
    }

    /// The shape of the output for one example.
    pub fn output(&self) -> &Shape {
        &self.output
    }

    /// The layout of the flat parameter vector.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Parameters drawn from the distributions that layers declare, N(0, std²). Each tensor has a random stream of its
    /// own, and numbers are drawn in `f64` and then rounded, so that a network at `f32` starts where the same one at
    /// `f64` does.
    pub fn init<T: Real>(&self, seed: u64) -> Vec<T> {
        let mut theta = Vec::with_capacity(self.parameters.len());
        for (stream, tensor) in (0..).zip(self.parameters.tensors()) {
            let mut normal = Normal::new(seed, stream);
            theta.extend((0..tensor.shape.size()).map(|_| T::literal(tensor.std * normal.next())));
        }
        theta
    }

    /// The program (θ, x) ↦ f(x; θ) for a batch of examples: inputs are the parameters tensor by tensor, then x of
    /// shape (batch, example shape).
    ///
    /// # Panics
    /// If `batch` is 0.
    #[track_caller]
    pub fn program(&self, batch: usize) -> Graph {
        assert!(batch > 0, "a batch of no examples");
        let tensors = self.parameters.tensors();
        let x = [batch].iter().chain(self.example.iter()).copied().collect();
        let shapes = tensors.iter().map(|tensor| tensor.shape.clone()).chain([x]);
        Graph::trace(shapes, |inputs| {
            let (x, theta) = inputs.split_last().expect("x is an input");
            // The one place where multipliers stand; plans scale for free what goes into a product.
            let effective = theta.iter().zip(tensors).map(|(theta, tensor)| match tensor.multiplier {
                1.0 => *theta,
                multiplier => theta.scale(multiplier),
            });
            vec![self.module.apply(&effective.collect::<Vec<_>>(), *x)]
        })
    }

    /// How many examples a flat batch has.
    ///
    /// # Panics
    /// If it does not divide into examples, or there are none.
    #[track_caller]
    pub fn examples<T>(&self, x: &[T]) -> usize {
        let (elements, example) = (x.len(), self.example.size());
        let divides = elements > 0 && elements.is_multiple_of(example);
        assert!(divides, "{elements} elements of x do not divide into examples of {example}");
        elements / example
    }

    /// The programs of the network's limit of infinite width for pairs of `rows` with `columns` examples: x₁ is of shape (rows,
    /// example shape), x₂ (columns, example shape), and expectations without a closed form are taken with
    /// [`Quadrature::numbers`] for `terms`. `resolution` is that of a [`Limit`].
    ///
    /// # Errors
    /// If a layer has no limit, or none that is known.
    ///
    /// # Panics
    /// If a number of examples is 0, or there are fewer than 2 terms.
    #[track_caller]
    pub fn limit(&self, examples: [usize; 2], terms: usize, resolution: f64) -> Result<Stages, Refused> {
        let (whole, errors) = self.whole_limit(examples, terms, resolution, false)?;
        Ok(staged(&whole, errors))
    }

    /// As [`limit`](Self::limit), with derivatives by the logarithms of σ_w and of σ_b, which all layers share a factor of each:
    /// `pairs` returns the NNGP and the NTK, their derivatives by log σ_w, and those by log σ_b.
    ///
    /// # Errors
    /// If a layer has no limit, or none that is known.
    ///
    /// # Panics
    /// If a number of examples is 0, or there are fewer than 2 terms.
    #[track_caller]
    pub fn limit_derivatives(
        &self,
        examples: [usize; 2],
        terms: usize,
        resolution: f64,
    ) -> Result<Stages, Refused> {
        let (whole, errors) = self.whole_limit(examples, terms, resolution, true)?;
        let builder = Builder::new();
        let inputs: Vec<Var<'_>> =
            whole.inputs()[..6].iter().map(|shape| builder.input(shape.clone())).collect();
        // 1, but known no earlier than the side is: else a product with what is known of the other would be, for all pairs.
        let ones = [1, 4].map(|nodes: usize| inputs[nodes].slice(0, 0..1).reshape([]).scale(0.0) + 1.0);
        let ones = [ones[0], ones[1], ones[0] * ones[1]];
        let point: Vec<Var<'_>> = inputs.into_iter().chain(ones).chain(ones).collect();
        let mut outputs = builder.call(&whole, &point);
        for factors in [[6, 7, 8], [9, 10, 11]] {
            // d/dlog σ = 2 d/dlog σ²
            let tangents = ones.map(|one| 2.0 * one);
            let all = builder.call(&jvp(&whole, &factors), &[&point[..], &tangents].concat());
            outputs.extend(&all[all.len() - 2..]);
        }
        Ok(staged(&simplify(&builder.finish(&outputs)), errors))
    }

    /// The program of the limit, its errors first, and how many these are; if `factors`, with inputs for these: of both sides
    /// and of pairs for σ_w², and then for σ_b².
    #[track_caller]
    fn whole_limit(
        &self,
        [rows, columns]: [usize; 2],
        terms: usize,
        resolution: f64,
        factors: bool,
    ) -> Result<(Graph, usize), Refused> {
        assert!(rows > 0 && columns > 0, "a limit for {rows} × {columns} examples");
        assert!(terms > 1, "a quadrature of {terms} terms");
        if self.example.rank() > 20 {
            return Err(Reason::Other(format!(
                "limits are for examples of up to 20 axes, not {}",
                self.example
            ))
            .into());
        }
        let builder = Builder::new();
        let sides = [rows, columns].map(|n| {
            let x = builder.input([n].iter().chain(self.example.iter()).copied().collect::<Shape>());
            let (nodes, hermite) = (builder.input([NODES]), builder.input([terms, NODES]));
            // A number is a vector of one channel.
            let x = if self.example.rank() == 0 { x.reshape([n, 1]) } else { x };
            (x, Quadrature { nodes, hermite })
        });
        let factors = factors.then(|| {
            let [w, b] = [(); 2].map(|()| [(); 3].map(|()| builder.input([])));
            Factors { pairs: [w[2], b[2]], sides: [[w[0], b[0]], [w[1], b[1]]] }
        });
        let input =
            Limit::of_inputs(sides.map(|(x, _)| x), sides.map(|(_, quadrature)| quadrature), resolution);
        let Limit { nngp, ntk, errors, .. } = self.module.limit(&self.example, Limit { factors, ..input })?;
        let ntk = ntk.unwrap_or_else(|| builder.fill(0.0, &nngp.shape()));
        let count = errors[0].len();
        let outputs: Vec<Var<'_>> = errors.into_iter().flatten().chain([nngp, ntk]).collect();
        Ok((builder.finish(&outputs), count))
    }
}

/// The program of a limit, by what is known first: of rows, of columns, of pairs.
fn staged(whole: &Graph, errors: usize) -> Stages {
    let of_rows = [true, true, true, false, false, false];
    let (first, rest) = split(whole, &of_rows, errors, Rematerialise::Cheap);
    let needed = first.outputs().len() - errors;
    let of_columns: Vec<bool> = (0..needed + 3).map(|i| i >= needed).collect();
    let (second, pairs) = split(&rest, &of_columns, errors, Rematerialise::Cheap);
    // That takes what it needs of the columns first: the other way round.
    let (of_columns, of_rows) = pairs.inputs().split_at(second.outputs().len() - errors);
    let builder = Builder::new();
    let [rows, columns] = [of_rows, of_columns]
        .map(|shapes| shapes.iter().map(|shape| builder.input(shape.clone())).collect::<Vec<_>>());
    let outputs = builder.call(&pairs, &[columns, rows].concat());
    let pairs = builder.finish(&outputs);
    // Without what only pairs needed, both sides are the same program where layers treat them alike.
    let sides = [simplify(&first), simplify(&second)];
    Stages { sides, errors, pairs }
}
