//! The derivative of a program in each parameter, as a product: read off its pull program.
//!
//! For one example and a cotangent u of its output, reverse mode computes w̅ = L E(r, y̅) for each parameter w. At the end
//! stands a product of something known and of a cotangent, E, and then operations that keep scalar products up to a
//! factor, L: scales and changes of shape. Both are cut off. What is left are the arguments of E, the *factors*, so much
//! smaller than w̅: for a dense layer w̅ = h y̅ᵀ. The labels of E say how to find ⟨w̅₁, w̅₂⟩ from them (see `contract`).
//!
//! A parameter that enters in any other way, or in several places, has a w̅ that ends in another operation, such as a sum.
//! It is then its own only factor.

use autodiff::{
    Builder, Graph, Id, Linear, Linearization, Op, Shape, Var, einsum, linearize, simplify, transpose,
};

/// (θ, x, u) ↦ values, for one example x and one cotangent u, and how kernels are made of them.
#[derive(Debug)]
pub(crate) struct Terms {
    graph: Graph,
    /// Whether values depend on x, and on u.
    depends: [Vec<bool>; 2],
    pub(crate) terms: Vec<Term>,
}

/// w̅ of one parameter up to isometries, in one or two ways, each with a number that multiplies it.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// The tensor's place among those differentiated.
    pub(crate) tensor: usize,
    /// As a value.
    pub(crate) whole: (f64, Value),
    /// As a product.
    pub(crate) factors: Option<(f64, [Factor; 2])>,
}

/// A value of the program of one example.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) id: Id,
    pub(crate) shape: Shape,
    /// Whether it is different for each example, and for each cotangent.
    pub(crate) example: bool,
    pub(crate) cotangent: bool,
}

/// One of two factors of w̅, or w̅ itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Factor {
    pub(crate) value: Value,
    pub(crate) axes: Vec<Axis>,
}

/// What an axis of a factor of w̅ is; numbers name axes that both factors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// The parameter's, and of this factor alone.
    Own,
    /// The parameter's, and of both factors.
    Diagonal(u8),
    /// Of both factors; the parameter lacks it, since it is summed.
    Summed(u8),
}

impl Terms {
    /// Of the derivative of `f`, (θ, x) ↦ y for one example, in the inputs `free`.
    pub(crate) fn of_derivative(f: &Graph, free: &[usize]) -> Self {
        let Linearization { primal, tangent } = linearize(f, free);
        let pull = transpose(&tangent);
        Self::new(f, |x, u| {
            let y = u.builder().call(&primal, x);
            u.builder().call(pull.graph(), &[&y[1..], &[u]].concat())
        })
    }

    /// Of the value of `f`: ⟨u, f⟩ takes the place of a w̅.
    pub(crate) fn of_value(f: &Graph) -> Self {
        Self::new(f, |x, u| {
            let y = u.builder().call(f, x)[0];
            let size = u.shape().size();
            vec![einsum("i,i->", u.reshape([size]), y.reshape([size]))]
        })
    }

    fn new(f: &Graph, cotangents: impl for<'g> FnOnce(&[Var<'g>], Var<'g>) -> Vec<Var<'g>>) -> Self {
        let y = f.output_shapes().next().expect("f has an output").clone();
        let inputs: Vec<Shape> = f.inputs().iter().cloned().chain([y]).collect();
        let (x, u) = (inputs.len() - 2, inputs.len() - 1);
        let graph = simplify(&Graph::trace(inputs, |inputs| {
            let (u, x) = inputs.split_last().expect("u is an input");
            cotangents(x, *u)
        }));
        let depends = [graph.depends_on(|i| i == x), graph.depends_on(|i| i == u)];
        let mut terms = Self { graph, depends, terms: Vec::new() };
        // What does not depend on the cotangent is zero.
        let live = |&(_, id): &(usize, &Id)| terms.depends[1][id.index()];
        terms.terms =
            terms.graph.outputs().iter().enumerate().filter(live).map(|(i, &id)| terms.term(i, id)).collect();
        terms
    }

    fn term(&self, tensor: usize, cotangent: Id) -> Term {
        let (end, scale) = self.behind(cotangent, is_isometry);
        let factors = match self.graph.node(end).op() {
            Op::Einsum(e, args) => {
                let shared: Vec<u8> = e.left().iter().copied().filter(|l| e.right().contains(l)).collect();
                let axis = |label: u8, extent: usize| {
                    let name = shared.iter().position(|&l| l == label);
                    match name.and_then(|name| u8::try_from(name).ok()) {
                        None => Axis::Own,
                        // A sum of one element is none.
                        Some(_) if extent == 1 => Axis::Own,
                        Some(name) if e.out().contains(&label) => Axis::Diagonal(name),
                        Some(name) => Axis::Summed(name),
                    }
                };
                let mut product = scale;
                let factors = [(args[0], e.left()), (args[1], e.right())].map(|(id, labels)| {
                    let (id, scale) = self.behind(id, |_| false);
                    product *= scale;
                    let value = self.value(id);
                    let axes = labels.iter().zip(value.shape.iter()).map(|(&l, &n)| axis(l, n)).collect();
                    Factor { value, axes }
                });
                Some((product, factors))
            }
            _ => None,
        };
        Term { tensor, whole: (scale, self.value(end)), factors }
    }

    /// The value behind scales and what else may be `skipped`, and the product of those scales.
    fn behind(&self, mut id: Id, skipped: fn(&Linear) -> bool) -> (Id, f64) {
        let mut factor = 1.0;
        loop {
            match self.graph.node(id).op() {
                Op::Linear(Linear::Scale(c), a) => (id, factor) = (*a, factor * c.value()),
                Op::Linear(l, a) if skipped(l) => id = *a,
                _ => return (id, factor),
            }
        }
    }

    fn value(&self, id: Id) -> Value {
        let [example, cotangent] = [0, 1].map(|i| self.depends[i][id.index()]);
        Value { id, shape: self.graph.node(id).shape().clone(), example, cotangent }
    }

    /// The number of inputs: the tensors of θ, x, and u.
    pub(crate) fn inputs(&self) -> usize {
        self.graph.inputs().len()
    }

    /// The program (θ, x, u) ↦ `values`.
    pub(crate) fn program(&self, values: &[Value]) -> Graph {
        let g = Builder::new();
        let inputs: Vec<Var<'_>> = self.graph.inputs().iter().map(|shape| g.input(shape.clone())).collect();
        let mut vars: Vec<Var<'_>> = Vec::new();
        for (_, node) in self.graph.nodes() {
            vars.push(match node.op() {
                Op::Input(i) => inputs[*i],
                op => g.record(op.map(|a| vars[a.index()].id())),
            });
        }
        simplify(&g.finish(&values.iter().map(|value| vars[value.id.index()]).collect::<Vec<_>>()))
    }
}

/// Whether it keeps scalar products: it only names elements otherwise.
fn is_isometry(l: &Linear) -> bool {
    match l {
        Linear::Permute(_) | Linear::Reshape { .. } => true,
        Linear::Sum(axes) | Linear::Broadcast(axes) => axes.size() == 1,
        Linear::Scale(_) | Linear::Slice(_) | Linear::Pad(_) | Linear::Unfold(_) | Linear::Fold(_) => false,
    }
}
