//! Tiles of a kernel from factors of derivatives, as a program.
//!
//! With w̅ = E(a, b), Θ = ⟨E(a₁, b₁), E(a₂, b₂)⟩ is a product of four tensors. It can be taken in two orders: w̅ first, and
//! then the Gram matrix of w̅; or the Gram matrices of a and of b first, and then their product. In the second, a label of
//! the parameter that one factor alone has is summed in this factor's Gram matrix; one that both have (a diagonal) is
//! kept and summed in the product; one that the parameter lacks (summed in w̅) is two labels, one for each side. For a
//! dense layer, h and y̅, that is Θ_{nm,op} = ⟨y̅_n^o, y̅_m^p⟩ ⟨h_n, h_m⟩, and no tensor of the size of w̅ is made.
//!
//! Everything is an einsum, so the program says what each order costs, and the cheaper is taken (see [`choose`]).

use autodiff::{Axes, Builder, Einsum, Graph, Shape, Var, simplify};

use crate::kind::Kind;
use crate::terms::{Axis, Factor, Term, Value};

/// What a tile program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sizes {
    pub(crate) kind: Kind,
    /// Examples of the two sides.
    pub(crate) examples: [usize; 2],
    /// Cotangents for each example.
    pub(crate) cotangents: usize,
}

/// The name of an axis in a tile program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Example(Side),
    Cotangent(Side),
    /// The axis of a factor at that place, summed in its Gram matrix.
    Own(usize),
    /// An axis of both factors.
    Diagonal(u8),
    Summed(u8, Side),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Row,
    Column,
}

use Side::{Column, Row};

/// A term in the order that was chosen: what must be known of each example, and how the tile is made of it.
#[derive(Clone, Debug)]
pub(crate) struct Contraction {
    pub(crate) tensor: usize,
    factor: f64,
    /// Values, and the names of their own axes: one value, or two whose Gram matrices are multiplied.
    pub(crate) values: Vec<Factor>,
}

impl Contraction {
    /// w̅ first, and the Gram matrices of its factors first, if it has factors.
    fn orders(term: &Term) -> (Self, Option<Self>) {
        let of = |factor, values| Self { tensor: term.tensor, factor, values };
        let (factor, whole) = &term.whole;
        let axes = vec![Axis::Own; whole.shape.rank()];
        let product = term.factors.as_ref().map(|(factor, factors)| of(*factor, factors.to_vec()));
        (of(*factor, vec![Factor { value: whole.clone(), axes }]), product)
    }
}

/// The cheaper order of each term. Gram matrices that two terms have in common, such as that of z̅ for the weight and the
/// bias of a layer, count once: the most expensive terms choose first, and what they need is free for the others.
pub(crate) fn choose(terms: &[&Term], sizes: Sizes) -> Vec<Contraction> {
    let alone = |term: &Term| {
        let (whole, product) = Contraction::orders(term);
        [Some(whole), product].into_iter().flatten().map(|c| cost(&c, term, sizes, &[])).min()
    };
    let mut first: Vec<usize> = (0..terms.len()).collect();
    first.sort_by_key(|&i| std::cmp::Reverse(alone(terms[i])));
    let mut chosen: Vec<Option<Contraction>> = vec![None; terms.len()];
    let mut there: Vec<Factor> = Vec::new();
    for i in first {
        let (whole, product) = Contraction::orders(terms[i]);
        let orders = [product, Some(whole)].into_iter().flatten();
        let cheapest = orders.min_by_key(|c| cost(c, terms[i], sizes, &there)).expect("an order");
        there.extend(cheapest.values.iter().cloned());
        chosen[i] = Some(cheapest);
    }
    chosen.into_iter().flatten().collect()
}

/// What a contraction costs where the Gram matrices `there` are known, in operations of a matrix product.
fn cost(c: &Contraction, term: &Term, sizes: Sizes, there: &[Factor]) -> usize {
    let all = expense(&program(std::slice::from_ref(c), &[vec![0]], sizes));
    let known: usize = c
        .values
        .iter()
        .filter(|factor| there.contains(factor))
        .map(|factor| gram_expense(factor, sizes))
        .sum();
    // w̅ itself, unless it is somebody else's factor.
    let made = match (&term.factors, &c.values[..]) {
        (Some((_, factors)), [whole]) if there.iter().all(|factor| factor.value.id != whole.value.id) => {
            let each = 2 * work(factors) + ELEMENT * whole.value.shape.size();
            sizes.examples.iter().sum::<usize>() * sizes.cotangents * each
        }
        _ => 0,
    };
    all.saturating_sub(known) + made
}

/// Operations of a matrix product in the time that it takes to write and read an element in memory, about.
const ELEMENT: usize = 64;

fn expense(program: &Graph) -> usize {
    let stats = program.stats();
    stats.flops + ELEMENT * stats.elements
}

fn gram_expense(factor: &Factor, sizes: Sizes) -> usize {
    let g = Builder::new();
    let [rows, columns] = sizes.examples.map(|n| g.input(factor.value.batched(n, sizes.cotangents)));
    let (gram, _) = Tile { sizes, out: names(sizes.kind) }.gram(factor, rows, columns);
    expense(&g.finish(&[gram]))
}

/// Multiplications in w̅ = E(a, b) for one example and one cotangent.
fn work([a, b]: &[Factor; 2]) -> usize {
    let own = |(axis, &n): (&Axis, &usize)| if *axis == Axis::Own { n } else { 1 };
    a.value.shape.size() * b.axes.iter().zip(b.value.shape.iter()).map(own).product::<usize>()
}

impl Value {
    /// Its shape for several examples and cotangents: these come first, examples before cotangents.
    pub(crate) fn batched(&self, examples: usize, cotangents: usize) -> Shape {
        let first = self.example.then_some(examples).into_iter().chain(self.cotangent.then_some(cotangents));
        first.chain(self.shape.iter().copied()).collect()
    }
}

/// The distinct values that contractions read, in order.
pub(crate) fn values(contractions: &[Contraction]) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for factor in contractions.iter().flat_map(|c| &c.values) {
        if values.iter().all(|value| value.id != factor.value.id) {
            values.push(factor.value.clone());
        }
    }
    values
}

/// The program (values of the rows, values of the columns) ↦ one tile for each group, the sum of the contractions it
/// lists. Values are those of [`values`].
pub(crate) fn program(contractions: &[Contraction], groups: &[Vec<usize>], sizes: Sizes) -> Graph {
    let g = Builder::new();
    let values = values(contractions);
    let [rows, columns] = sizes
        .examples
        .map(|n| values.iter().map(|value| g.input(value.batched(n, sizes.cotangents))).collect::<Vec<_>>());
    let tile = Tile { sizes, out: names(sizes.kind) };
    let terms: Vec<Var<'_>> = (contractions.iter())
        .map(|c| {
            let grams = c.values.iter().map(|factor| {
                let place = values.iter().position(|value| value.id == factor.value.id);
                let place = place.expect("values of these contractions");
                tile.gram(factor, rows[place], columns[place])
            });
            let product = grams.reduce(|a, b| tile.product(&a, &b)).expect("a value");
            tile.whole(product).scale(c.factor * c.factor)
        })
        .collect();
    let mean = match sizes.kind {
        #[allow(clippy::cast_precision_loss, reason = "far fewer than 2⁵³ outputs")]
        Kind::Trace | Kind::Diagonal => 1.0 / sizes.cotangents as f64,
        Kind::Full | Kind::PerOutput | Kind::SumOfLogits => 1.0,
    };
    let tiles = groups.iter().map(|group| {
        let sum = group.iter().map(|&i| terms[i]).reduce(|a, b| a + b);
        sum.map_or_else(|| g.fill(0.0, &tile.shape()), |sum| sum.scale(mean))
    });
    let tiles: Vec<Var<'_>> = tiles.collect();
    simplify(&g.finish(&tiles))
}

/// The names of a tile's axes.
fn names(kind: Kind) -> Vec<Name> {
    match kind {
        Kind::Full => {
            vec![Name::Example(Row), Name::Cotangent(Row), Name::Example(Column), Name::Cotangent(Column)]
        }
        Kind::Trace | Kind::SumOfLogits => vec![Name::Example(Row), Name::Example(Column)],
        Kind::Diagonal => vec![Name::Example(Row)],
        Kind::PerOutput => vec![Name::Cotangent(Row), Name::Example(Row), Name::Example(Column)],
    }
}

struct Tile {
    sizes: Sizes,
    out: Vec<Name>,
}

impl Tile {
    fn shape(&self) -> Shape {
        self.out.iter().map(|&name| self.extent(name)).collect()
    }

    fn extent(&self, name: Name) -> usize {
        match name {
            Name::Example(Row) => self.sizes.examples[0],
            Name::Example(Column) => self.sizes.examples[1],
            _ => self.sizes.cotangents,
        }
    }

    /// The names of a value's axes on one side.
    fn axes(&self, factor: &Factor, side: Side) -> Vec<Name> {
        // What has one index for both sides is named after the rows.
        let own =
            |name: fn(Side) -> Name| if self.out.contains(&name(Column)) { name(side) } else { name(Row) };
        let example = factor.value.example.then(|| own(Name::Example));
        let cotangent = factor.value.cotangent.then(|| own(Name::Cotangent));
        let rest = factor.axes.iter().enumerate().map(|(i, axis)| match *axis {
            Axis::Own => Name::Own(i),
            Axis::Diagonal(label) => Name::Diagonal(label),
            Axis::Summed(label) => Name::Summed(label, side),
        });
        example.into_iter().chain(cotangent).chain(rest).collect()
    }

    /// The product of a value's rows and columns, summed over all that neither the tile nor the other factor has.
    fn gram<'g>(&self, factor: &Factor, rows: Var<'g>, columns: Var<'g>) -> (Var<'g>, Vec<Name>) {
        let (left, right) = (self.axes(factor, Row), self.axes(factor, Column));
        let kept = |name: &Name| match name {
            Name::Own(_) => false,
            Name::Diagonal(_) | Name::Summed(..) => true,
            name => self.out.contains(name),
        };
        // In the order of the tile, so that rows stay rows of a matrix product, and what is summed later is on its side.
        let mut out: Vec<Name> =
            self.out.iter().copied().filter(|name| left.contains(name) || right.contains(name)).collect();
        let column = out.iter().position(|&name| name == Name::Example(Column)).unwrap_or(out.len());
        let later = left.iter().copied().filter(|name| kept(name) && !self.out.contains(name));
        let later: Vec<Name> = later.collect();
        let others = right.iter().copied().filter(|name| matches!(name, Name::Summed(..)));
        out.splice(column..column, later);
        out.extend(others);
        (rows.einsum(einsum(&left, &right, &out), columns), out)
    }

    /// The product of two Gram matrices, summed over what the tile lacks.
    fn product<'g>(&self, a: &(Var<'g>, Vec<Name>), b: &(Var<'g>, Vec<Name>)) -> (Var<'g>, Vec<Name>) {
        let out: Vec<Name> =
            self.out.iter().copied().filter(|name| a.1.contains(name) || b.1.contains(name)).collect();
        (a.0.einsum(einsum(&a.1, &b.1, &out), b.0), out)
    }

    /// With the axes along which it is the same repeated.
    fn whole<'g>(&self, (value, names): (Var<'g>, Vec<Name>)) -> Var<'g> {
        let missing = self.out.iter().enumerate().filter(|(_, name)| !names.contains(name));
        let axes: Vec<_> = missing.map(|(i, &name)| (i, self.extent(name))).collect();
        if axes.is_empty() { value } else { value.broadcast(Axes::new(axes)) }
    }
}

fn einsum(left: &[Name], right: &[Name], out: &[Name]) -> Einsum {
    let list = |names: &[Name]| names.iter().map(|&name| letter(name)).collect::<Vec<_>>();
    Einsum::from_labels(list(left), list(right), list(out))
}

/// The same letter for the same name always, so that equal Gram matrices are recognised and computed once.
fn letter(name: Name) -> u8 {
    let nth = |first: u8, i: u8, count: u8| {
        assert!(i < count, "factors of derivatives have fewer than {count} axes");
        first + i
    };
    match name {
        Name::Example(Row) => b'n',
        Name::Example(Column) => b'm',
        Name::Cotangent(Row) => b'o',
        Name::Cotangent(Column) => b'p',
        Name::Own(i) => nth(b'a', u8::try_from(i).unwrap_or(u8::MAX), 12),
        Name::Diagonal(i) => nth(b'q', i, 10),
        Name::Summed(i, Row) => nth(b'A', i, 13),
        Name::Summed(i, Column) => nth(b'N', i, 13),
    }
}

#[cfg(test)]
mod tests {
    use autodiff::{Axes, Graph, Padding, Tensor, einsum, evaluate, vmap};
    use proptest::prelude::*;

    use super::*;
    use crate::terms::Terms;

    /// A convolution, channels scaled and shifted, and a readout of every position: factors with axes of all kinds.
    fn network(positions: usize, channels: usize, outputs: usize) -> Graph {
        let shapes = [vec![3, 2, channels], vec![channels], vec![channels, outputs], vec![1, positions, 2]];
        Graph::trace(shapes, |inputs| {
            let [weight, scale, readout, x] = inputs[..] else { unreachable!("four inputs") };
            let h = einsum("nhki,kio->nho", x.windows(1, 3, 1, Padding::Same), weight).tanh();
            let scaled = h * scale.broadcast(Axes::new([(0, 1), (1, positions)]));
            vec![einsum("ni,io->no", scaled.tanh().sum(&[1]), readout)]
        })
    }

    /// Numbers without symmetries.
    fn numbers(shape: &Shape, salt: usize) -> Tensor<f64> {
        let mut i = 1000 * salt;
        Tensor::from_fn(shape.clone(), |_| {
            i += 1;
            f64::from((i * 7919 % 2003) as u32) / 1001.5 - 1.0
        })
    }

    proptest! {
        #[test]
        fn both_orders_give_the_same_tile(
            positions in 1..4_usize,
            channels in 1..4_usize,
            outputs in 1..3_usize,
            examples in [1..4_usize, 1..4_usize],
        ) {
            let f = network(positions, channels, outputs);
            let terms = Terms::of_derivative(&f, &[0, 1, 2]);
            let theta: Vec<Tensor<f64>> = f.inputs()[..3].iter().map(|shape| numbers(shape, 1)).collect();
            let unit = |i: &[usize]| if i[0] == i[2] { 1.0 } else { 0.0 };
            let u = Tensor::from_fn([outputs, 1, outputs], unit);
            let made = |order: &Contraction, n: usize, salt: usize| {
                let values = terms.program(&values(std::slice::from_ref(order)));
                let flags = |last: usize| (0..5).map(|i| i == last).collect::<Vec<_>>();
                let many = vmap(&vmap(&values, &flags(4), outputs), &flags(3), n);
                let x = numbers(&[n, 1, positions, 2].into(), salt);
                evaluate(&many, &[&theta[..], &[x, u.clone()]].concat())
            };
            for kind in Kind::ALL {
                let examples = if kind == Kind::Diagonal { [examples[0]; 2] } else { examples };
                let salts = if kind == Kind::Diagonal { [2, 2] } else { [2, 3] };
                let cotangents = outputs;
                let sizes = Sizes { kind, examples, cotangents };
                for term in &terms.terms {
                    let (whole, product) = Contraction::orders(term);
                    let product = product.expect("every parameter enters once, by a product");
                    let tile = |order: &Contraction| {
                        let [rows, columns] = [0, 1].map(|side| made(order, examples[side], salts[side]));
                        let tile = program(std::slice::from_ref(order), &[vec![0]], sizes);
                        evaluate(&tile, &[rows, columns].concat()).remove(0)
                    };
                    let (one, other) = (tile(&whole), tile(&product));
                    prop_assert_eq!(one.shape(), other.shape());
                    for (a, b) in one.data().iter().zip(other.data()) {
                        prop_assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{kind:?}: {a} against {b}");
                    }
                }
            }
        }
    }

    /// Of dense layers two Gram matrices each, h and z̅, and nothing of the size of a weight.
    #[test]
    fn perceptrons_take_two_gram_matrices_a_layer() {
        let (width, outputs, n) = (300, 5, 40);
        let scaling = nets::Scaling::ntk(1.5, 0.1);
        let net = nets::mlp(&[width, width], outputs, nets::Activation::Relu, scaling);
        let network = nets::Network::new(net, [200]);
        let terms = Terms::of_derivative(&network.program(1), &[0, 1, 2, 3, 4, 5]);
        let terms: Vec<&Term> = terms.terms.iter().collect();
        for (kind, each) in [(Kind::Full, outputs * outputs), (Kind::Trace, outputs), (Kind::SumOfLogits, 1)]
        {
            let sizes = Sizes { kind, examples: [n, n], cotangents: kind.cotangents(outputs) };
            let chosen = choose(&terms, sizes);
            let groups = [(0..terms.len()).collect()];
            let flops = program(&chosen, &groups, sizes).stats().flops;
            let needed = 2 * n * n * (200 + 2 * width + 2 * each * width);
            assert!((needed..needed + needed / 10).contains(&flops), "{kind:?}: {flops} for {needed}");
        }
    }
}
