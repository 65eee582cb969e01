//! taylor: the coefficients of t ↦ f(x + t v), to any degree.
//!
//! Sums and linear operations act on each coefficient, products convolve. A nonlinear y = f(x) obeys
//! y' = Σᵢ Eᵢ(∂ᵢf, xᵢ'), that is k·y_k = Σᵢ Σⱼ j·Eᵢ((∂ᵢf)_{k−j}, x_{i,j}), where the series of ∂ᵢf is that of the very
//! expression that `jvp` uses. So there are no rules here beyond the table of derivatives, and degree k costs O(k²)
//! products. (Griewank and Walther 2008, chapter 13, for the scalar recurrences.)

use crate::builder::{Builder, Var};
use crate::einsum::Einsum;
use crate::graph::Graph;
use crate::nonlinear::Nonlinear;
use crate::op::Op;
use crate::shape::Shape;
use crate::simplify::simplify;

/// The program (x, v) ↦ (y₀, y₁, …, y_degree) with f(x + t v) = Σ_k y_k t^k + O(t^{degree + 1}): inputs are those of
/// `f`, then one direction for each input listed in `wrt`; outputs are all outputs of `f`, then the coefficients of
/// t for all of them, and so on.
///
/// At kinks the derivatives are those of the function table.
///
/// # Panics
/// If `wrt` names an input that `f` lacks.
#[track_caller]
pub fn taylor(f: &Graph, wrt: &[usize], degree: usize) -> Graph {
    assert!(wrt.iter().all(|&i| i < f.inputs.len()), "taylor in inputs {wrt:?} of {}", f.inputs.len());
    let g = Builder::new();
    let x: Vec<Var<'_>> = f.inputs.iter().map(|shape| g.input(shape.clone())).collect();
    let v: Vec<Var<'_>> = wrt.iter().map(|&i| g.input(f.inputs[i].clone())).collect();
    let mut series = Series::new(f.clone());
    let mut outputs = Vec::new();
    for k in 0..=degree {
        let inputs: Vec<Option<Var<'_>>> = (0..x.len())
            .map(|i| match k {
                0 => Some(x[i]),
                1 => wrt.iter().position(|&w| w == i).map(|place| v[place]),
                _ => None,
            })
            .collect();
        let coefficients = series.extend(&g, &inputs);
        let zero = |shape: &Shape| g.fill(0.0, shape);
        outputs.extend(
            coefficients.iter().zip(f.output_shapes()).map(|(y, shape)| y.unwrap_or_else(|| zero(shape))),
        );
    }
    simplify(&g.finish(&outputs))
}

/// A program evaluated on power series, one coefficient at a time. `None` is a coefficient that vanishes.
struct Series<'g> {
    program: Graph,
    /// The coefficients so far of each value.
    values: Vec<Vec<Option<Var<'g>>>>,
    /// The partial derivatives of each nonlinear value, as series one coefficient behind.
    partials: Vec<Option<Partials<'g>>>,
}

/// The partial derivatives of one nonlinear operation: a program (x, y) ↦ factors on series, the products the
/// factors go into with the arguments they belong to, and the factors' coefficients so far.
struct Partials<'g> {
    series: Series<'g>,
    products: Vec<(usize, Einsum)>,
    factors: Vec<Vec<Option<Var<'g>>>>,
}

impl<'g> Series<'g> {
    fn new(program: Graph) -> Self {
        let size = program.nodes.len();
        Self { program, values: vec![Vec::new(); size], partials: (0..size).map(|_| None).collect() }
    }

    /// Takes the next coefficient of each input and returns that of each output.
    fn extend(&mut self, g: &'g Builder, inputs: &[Option<Var<'g>>]) -> Vec<Option<Var<'g>>> {
        for at in 0..self.program.nodes.len() {
            let k = self.values[at].len();
            let op = &self.program.nodes[at].op;
            let coefficient = |a: usize, j: usize| self.values[op.args()[a].index()][j];
            let next = match op {
                Op::Input(i) => inputs[*i],
                Op::Constant(c) => (k == 0).then(|| g.constant(c.value())),
                Op::Add(_) => {
                    [coefficient(0, k), coefficient(1, k)].into_iter().flatten().reduce(|a, b| a + b)
                }
                Op::Linear(l, _) => coefficient(0, k).map(|a| a.linear(l.clone())),
                Op::Einsum(e, _) => (0..=k)
                    .filter_map(|j| Some(coefficient(0, k - j)?.einsum(e.clone(), coefficient(1, j)?)))
                    .reduce(|a, b| a + b),
                Op::Nonlinear(f, args) if k == 0 => {
                    let args: Option<Vec<Var<'g>>> = (0..args.len()).map(|a| coefficient(a, 0)).collect();
                    args.map(|args| g.record(Op::Nonlinear(f.clone(), args.iter().map(Var::id).collect())))
                }
                Op::Nonlinear(f, args) => {
                    let shapes: Vec<Shape> =
                        args.iter().map(|a| self.program.node(*a).shape.clone()).collect();
                    let behind: Vec<_> = (0..args.len())
                        .map(|a| coefficient(a, k - 1))
                        .chain([self.values[at][k - 1]])
                        .collect();
                    let x: Vec<Vec<Option<Var<'g>>>> =
                        args.iter().map(|a| self.values[a.index()].clone()).collect();
                    self.partials[at]
                        .get_or_insert_with(|| Partials::new(f, &shapes))
                        .coefficient(g, &behind, &x)
                }
            };
            self.values[at].push(next);
        }
        self.program.outputs.iter().map(|id| self.values[id.index()].last().copied().flatten()).collect()
    }
}

impl<'g> Partials<'g> {
    fn new(f: &Nonlinear, shapes: &[Shape]) -> Self {
        let h = Builder::new();
        let x: Vec<Var<'_>> = shapes.iter().map(|shape| h.input(shape.clone())).collect();
        let value = h.record(Op::Nonlinear(f.clone(), x.iter().map(Var::id).collect())).shape();
        let y = h.input(value);
        let partials = (0..x.len()).filter_map(|i| Some((i, f.partial(i, &x, y)?)));
        let (products, factors): (Vec<_>, Vec<_>) = partials.map(|(i, (e, factor))| ((i, e), factor)).unzip();
        let program = simplify(&h.finish(&factors));
        let factors = vec![Vec::new(); products.len()];
        Self { series: Series::new(program), products, factors }
    }

    /// y_k from x₀ … x_k, given the coefficients k − 1 of the arguments and of y.
    fn coefficient(
        &mut self,
        g: &'g Builder,
        behind: &[Option<Var<'g>>],
        x: &[Vec<Option<Var<'g>>>],
    ) -> Option<Var<'g>> {
        for (factor, next) in self.factors.iter_mut().zip(self.series.extend(g, behind)) {
            factor.push(next);
        }
        let k = self.factors.first()?.len();
        let term = |(i, e): &(usize, Einsum), factor: &[Option<Var<'g>>], j: usize| {
            let product = factor[k - j]?.einsum(e.clone(), x[*i][j]?);
            #[allow(clippy::cast_precision_loss, reason = "degrees are small")]
            Some(product.scale(j as f64 / k as f64))
        };
        let terms = self.products.iter().zip(&self.factors);
        terms
            .flat_map(|(product, factor)| (1..=k).filter_map(move |j| term(product, factor, j)))
            .reduce(|a, b| a + b)
    }
}
