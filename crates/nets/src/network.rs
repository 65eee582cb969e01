//! Networks: a module and the shape of its examples.

use std::sync::Arc;

use autodiff::{Builder, Graph, Real, Shape, Var};

use crate::limit::{Limit, NODES, Quadrature};
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

    /// The program of the network's limit of infinite width for pairs of `rows` with `columns` examples: inputs are x₁
    /// (rows, example shape), x₂ (columns, example shape), and the two of [`Quadrature::numbers`] for `terms`; outputs are the NNGP and the NTK, (rows, columns, places…), then what quadratures lack at most, relatively.
    /// `resolution` is that of a [`Quadrature`].
    ///
    /// # Errors
    /// If a layer has no limit, or none that is known.
    ///
    /// # Panics
    /// If a number of examples is 0, or there are fewer than 2 terms.
    #[track_caller]
    pub fn limit(
        &self,
        [rows, columns]: [usize; 2],
        terms: usize,
        resolution: f64,
    ) -> Result<Graph, Refused> {
        assert!(rows > 0 && columns > 0, "a limit for {rows} × {columns} examples");
        assert!(terms > 1, "a quadrature of {terms} terms");
        let batch = |n: usize| [n].iter().chain(self.example.iter()).copied().collect::<Shape>();
        let builder = Builder::new();
        let x = [rows, columns].map(|n| {
            let x = builder.input(batch(n));
            // A number is a vector of one channel.
            if self.example.rank() == 0 { x.reshape([n, 1]) } else { x }
        });
        let (nodes, hermite) = (builder.input([NODES]), builder.input([terms, NODES]));
        let input = Limit::of_inputs(x, Quadrature { nodes, hermite, resolution });
        let Limit { nngp, ntk, errors, .. } = self.module.limit(&self.example, input)?;
        let ntk = ntk.unwrap_or_else(|| builder.fill(0.0, &nngp.shape()));
        let outputs: Vec<Var<'_>> = [nngp, ntk].into_iter().chain(errors).collect();
        Ok(builder.finish(&outputs))
    }
}
