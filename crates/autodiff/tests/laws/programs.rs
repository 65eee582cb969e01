//! Random programs, as proptest strategies that shrink to short ones, and random tensors.

use autodiff::{
    Axes, Binary, Builder, Einsum, Function, Graph, Linear, Padding, Real, Shape, Tensor, Var, Window,
    Windows, concat,
};
use proptest::prelude::*;

/// One step of a recipe. The numbers choose among what is possible at that point, so that every recipe makes a
/// program and removing a step leaves one.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    kind: usize,
    a: usize,
    b: usize,
    detail: usize,
}

fn choice() -> impl Strategy<Value = Choice> {
    (0..64_usize, 0..64_usize, 0..64_usize, 0..720_usize).prop_map(|(kind, a, b, detail)| Choice {
        kind,
        a,
        b,
        detail,
    })
}

/// A program of two or three inputs and one or two outputs, with a seed for its arguments.
pub(crate) fn program() -> impl Strategy<Value = (Graph, u64)> {
    program_of(recipe_step, 0)
}

/// As [`program`], of operations linear in the inputs but the first, a residual.
pub(crate) fn linear_program() -> impl Strategy<Value = (Graph, u64)> {
    program_of(linear_step, 1)
}

type Step = for<'g> fn(&[Var<'g>], &Choice) -> Var<'g>;

fn program_of(step: Step, residuals: usize) -> impl Strategy<Value = (Graph, u64)> {
    let shapes = prop::collection::vec(prop::collection::vec(1..4_usize, 0..4), 2..4);
    (shapes, prop::collection::vec(choice(), 1..10), 1..3_usize, any::<u64>()).prop_map(
        move |(shapes, recipe, outputs, seed)| {
            let graph = Graph::trace(shapes, |inputs| {
                let mut values = inputs.to_vec();
                for choice in &recipe {
                    let next = step(&values, choice);
                    // Large tensors test nothing that small ones do not.
                    if next.shape().size() <= 200 {
                        values.push(next);
                    }
                }
                values.split_off(values.len() - outputs.min(values.len() - residuals))
            });
            (graph, seed)
        },
    )
}

fn recipe_step<'g>(values: &[Var<'g>], choice: &Choice) -> Var<'g> {
    let a = values[choice.a % values.len()];
    let b = values[choice.b % values.len()];
    match choice.kind % 10 {
        0 => add(a, b),
        1..=3 => linear(a, choice),
        4 | 5 => product(a, b, choice.detail),
        6..=8 => function(a, choice.detail),
        _ => fold(a, b, choice),
    }
}

/// Steps that are linear in all values but the first one.
fn linear_step<'g>(values: &[Var<'g>], choice: &Choice) -> Var<'g> {
    let a = values[1 + choice.a % (values.len() - 1)];
    let b = values[1 + choice.b % (values.len() - 1)];
    match choice.kind % 6 {
        0 => add(a, b),
        1 | 2 => linear(a, choice),
        3 => product(a, values[0], choice.detail),
        4 => product(values[0].sin(), a, choice.detail),
        _ => product(a, a.builder().fill(0.5, &a.shape()), choice.detail),
    }
}

fn add<'g>(a: Var<'g>, b: Var<'g>) -> Var<'g> {
    if a.shape() == b.shape() { a + b } else { a + a.scale(-0.25) }
}

fn linear<'g>(a: Var<'g>, choice: &Choice) -> Var<'g> {
    let shape = a.shape();
    let rank = shape.rank();
    let axis = choice.b % rank.max(1);
    let detail = choice.detail;
    match choice.a % 9 {
        7 if rank > 0 && rank < 4 => {
            let padding = [Padding::Valid, Padding::Same, Padding::Circular][detail % 3];
            a.windows(axis, 1 + detail / 3 % shape[axis], 1 + detail / 9 % 2, padding)
        }
        8 if rank > 1 => {
            // Windows of the size of the second of two axes, overlapping as far as their count allows.
            let axis = choice.b % (rank - 1);
            let (count, size) = (shape[axis], shape[axis + 1]);
            let stride = 1 + detail % 2;
            let extent = (count - 1) * stride + size;
            a.linear(Linear::Fold(Windows { axis, size, stride, extent }))
        }
        1 if rank > 0 => a.sum(&[axis]),
        2 if rank < 4 => a.linear(Linear::Broadcast(Axes::new([(choice.b % (rank + 1), 1 + detail % 3)]))),
        3 if rank > 1 => {
            let mut axes: Vec<usize> = (0..rank).collect();
            axes.rotate_left(1 + detail % (rank - 1));
            axes.swap(0, axis);
            a.permute(&axes)
        }
        4 if rank > 1 => {
            let mut to = shape.to_vec();
            let last = to.pop().expect("rank is positive");
            to[rank - 2] *= last;
            a.reshape(to)
        }
        4 => a.reshape([1, shape.size()]),
        5 if rank > 0 => {
            let start = detail % shape[axis];
            a.slice(axis, start..start + 1 + detail / 7 % (shape[axis] - start))
        }
        6 if rank > 0 => {
            let (length, start) = (shape[axis], detail % 3);
            a.linear(Linear::Pad(Window { axis, start, length, extent: length + start + detail / 3 % 2 }))
        }
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        _ => a.scale(0.25 * (detail % 9) as f64 - 1.0),
    }
}

/// Some product of `a` and `b` that their shapes allow: axes of equal extent may run together.
fn product<'g>(a: Var<'g>, b: Var<'g>, mut detail: usize) -> Var<'g> {
    let left: Vec<u8> = (b'a'..).take(a.shape().rank()).collect();
    let mut right: Vec<u8> = (b'p'..).take(b.shape().rank()).collect();
    let mut out = left.clone();
    for (axis, &extent) in b.shape().iter().enumerate() {
        let partner = a
            .shape()
            .iter()
            .zip(&left)
            .find(|(n, label)| **n == extent && !right.contains(label))
            .map(|(_, &l)| l);
        match (partner, detail % 3) {
            (Some(label), 0) => right[axis] = label,
            (Some(label), 1) => {
                right[axis] = label;
                out.retain(|&l| l != label);
            }
            _ => out.insert(detail / 3 % (out.len() + 1), right[axis]),
        }
        detail /= 3;
    }
    a.scale(0.5).einsum(Einsum::from_labels(left, right, out), b)
}

/// A function of the table at an argument inside its domain, away from where it grows fast.
fn function<'g>(a: Var<'g>, detail: usize) -> Var<'g> {
    let f = Function::ALL[detail % Function::ALL.len()];
    match f {
        Function::Log | Function::Log1p | Function::Sqrt | Function::Rsqrt | Function::Recip => {
            (a * a + 0.5).map(f)
        }
        Function::Acos => a.tanh().scale(0.9).map(f),
        Function::Exp | Function::Expm1 => a.tanh().map(f),
        // Only where the result does not depend on what is held is its derivative one.
        Function::Hold => a.log_sum_exp(&(0..a.shape().rank()).collect::<Vec<_>>()),
        f => a.map(f),
    }
}

/// The larger of two values, or something along an axis.
fn fold<'g>(a: Var<'g>, b: Var<'g>, choice: &Choice) -> Var<'g> {
    let rank = a.shape().rank();
    match choice.a % 6 {
        0 => match choice.detail % 3 {
            0 if a.shape() == b.shape() => a.max(b),
            1 => a.tanh().zip(Binary::ExpDifference, a.sin()),
            _ => a.zip(Binary::Atan2, a * a + 0.5),
        },
        1 => a.min(a.cos()),
        2 if rank > 0 => a.maximum(&[choice.b % rank]),
        3 if rank > 0 => a.softmax(&[choice.b % rank]),
        4 => concat(0, &[a, a.sin()].map(|v| v.reshape([v.shape().size()]))),
        5 => a.tanh().powi(u32::try_from(choice.detail % 4).expect("a small number")),
        _ => a.log_sum_exp(&(choice.b % (rank + 1)..rank).collect::<Vec<_>>()),
    }
}

/// The program whose outputs are all values of `f`.
pub(crate) fn with_all_values(f: &Graph) -> Graph {
    let g = Builder::new();
    let inputs: Vec<Var<'_>> = f.inputs().iter().map(|shape| g.input(shape.clone())).collect();
    let mut values: Vec<Var<'_>> = Vec::new();
    for (_, node) in f.nodes() {
        values.push(match node.op() {
            autodiff::Op::Input(i) => inputs[*i],
            op => g.record(op.map(|a| values[a.index()].id())),
        });
    }
    g.finish(&values)
}

/// Numbers in (−1, 1) from a seed; those of another `stream` are independent.
pub(crate) fn tensors<T: Real>(shapes: &[Shape], seed: u64, stream: u64) -> Vec<Tensor<T>> {
    let mut state = seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
    let mut next = || {
        // SplitMix64 (Steele, Lea, Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 24 bits, so that f32 and f64 hold the same numbers.
        f64::from(u32::try_from((z ^ (z >> 31)) >> 40).expect("24 bits")) / f64::from(1 << 23) - 1.0
    };
    shapes.iter().map(|shape| Tensor::from_fn(shape.clone(), |_| T::literal(next()))).collect()
}
