//! simplify: an equal program with fewer operations.
//!
//! Equal operations on equal arguments are shared, unused ones dropped, neighbouring linear operations merged,
//! and axes that are only moved or repeated are absorbed into the labels of the product that reads them. Each
//! rule replaces one operation by one operation on values that exist already, so the program never grows, and
//! none of them is false for NaN or infinity.

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::builder::Builder;
use crate::einsum::Einsum;
use crate::graph::{Graph, Id};
use crate::linear::{Axes, Linear};
use crate::op::Op;

/// An equal program without repetitions, dead code and avoidable data movement. Inputs and outputs keep their
/// places; `simplify(simplify(f)) == simplify(f)`.
pub fn simplify(f: &Graph) -> Graph {
    let (mut simpler, mut changed) = pass(f);
    while changed {
        (simpler, changed) = pass(&simpler);
    }
    simpler
}

/// One pass in program order, and whether it found anything to do. Rules look at one operation and the definitions of
/// its arguments; what they leave unused is dropped by the next pass.
fn pass(f: &Graph) -> (Graph, bool) {
    let uses = f.uses();
    let g = Builder::new();
    let inputs: Vec<Id> = f.inputs.iter().map(|shape| g.input(shape.clone()).id()).collect();
    let mut names: Vec<Option<Id>> = vec![None; f.nodes.len()];
    let mut seen: FxHashMap<Op<Id>, Id> = FxHashMap::with_capacity_and_hasher(f.nodes.len(), FxBuildHasher);
    let mut rewritten = false;
    for (id, node) in f.nodes().filter(|(id, _)| uses[id.index()] > 0) {
        let sole = node.op.args().iter().all(|a| uses[a.index()] == 1);
        let mut op = node.op.map(|a| names[a.index()].expect("arguments of live values are live"));
        let name = loop {
            match rewrite(&g, &op, sole) {
                Some(Equal::Op(next)) => (op, rewritten) = (next, true),
                Some(Equal::Value(value)) => break value,
                None => {
                    break match op {
                        Op::Input(i) => inputs[i],
                        op => *seen.entry(op).or_insert_with_key(|op| g.record(op.clone()).id()),
                    };
                }
            }
        };
        names[id.index()] = Some(name);
    }
    let outputs = f.outputs.iter().filter_map(|id| names[id.index()]).map(|id| g.var(id));
    let simpler = g.finish(&outputs.collect::<Vec<_>>());
    // What was shared, skipped or dropped is missing.
    let changed = rewritten || simpler.nodes.len() != f.nodes.len();
    (simpler, changed)
}

/// What an operation is equal to: another operation, or a value that exists.
enum Equal {
    Op(Op<Id>),
    Value(Id),
}

/// A simpler equal of `op`, if a rule applies. `sole`: its arguments are used by it alone, so that a product may
/// be computed in another form without being computed twice.
fn rewrite(g: &Builder, op: &Op<Id>, sole: bool) -> Option<Equal> {
    match op {
        Op::Linear(l, a) if is_identity(l) => Some(Equal::Value(*a)),
        Op::Linear(l, a) => match (l, g.op(*a)) {
            (Linear::Slice(w), Op::Linear(Linear::Pad(v), b)) if *w == v => Some(Equal::Value(b)),
            (Linear::Scale(c), Op::Constant(d)) => {
                Some(Equal::Op(Op::Constant((c.value() * d.value()).into())))
            }
            (l, Op::Linear(inner, b)) => compose(l, &inner).map(|l| Equal::Op(Op::Linear(l, b))),
            (Linear::Permute(p), Op::Einsum(e, args)) if sole => {
                let out = p.iter().map(|&axis| e.out()[axis]);
                let e = Einsum::from_labels(e.left().to_vec(), e.right().to_vec(), out);
                Some(Equal::Op(Op::Einsum(e, args)))
            }
            (Linear::Sum(axes), Op::Einsum(e, args)) if sole => {
                let shared = axes
                    .iter()
                    .all(|(i, _)| e.left().contains(&e.out()[i]) && e.right().contains(&e.out()[i]));
                let out =
                    e.out().iter().enumerate().filter(|(i, _)| !axes.contains(*i)).map(|(_, &label)| label);
                shared.then(|| {
                    let e = Einsum::from_labels(e.left().to_vec(), e.right().to_vec(), out);
                    Equal::Op(Op::Einsum(e, args))
                })
            }
            _ => None,
        },
        Op::Einsum(e, [a, b]) => {
            let relabelled = |labels, other: &[u8], id| absorb(labels, other, e.out(), &g.op(id));
            if let Some((left, a)) = relabelled(e.left(), e.right(), *a) {
                let e = Einsum::from_labels(left, e.right().to_vec(), e.out().to_vec());
                return Some(Equal::Op(Op::Einsum(e, [a, *b])));
            }
            if let Some((right, b)) = relabelled(e.right(), e.left(), *b) {
                let e = Einsum::from_labels(e.left().to_vec(), right, e.out().to_vec());
                return Some(Equal::Op(Op::Einsum(e, [*a, b])));
            }
            match (g.op(*a), g.op(*b)) {
                (Op::Constant(c), _) if e.right() == e.out() => {
                    Some(Equal::Op(Op::Linear(Linear::Scale(c), *b)))
                }
                (_, Op::Constant(c)) if e.left() == e.out() => {
                    Some(Equal::Op(Op::Linear(Linear::Scale(c), *a)))
                }
                _ => None,
            }
        }
        Op::Input(_) | Op::Constant(_) | Op::Add(_) | Op::Nonlinear(..) => None,
    }
}

fn is_identity(l: &Linear) -> bool {
    match l {
        Linear::Scale(c) => c.value() == 1.0,
        Linear::Sum(axes) | Linear::Broadcast(axes) => axes.is_empty(),
        Linear::Permute(p) => p.iter().enumerate().all(|(i, &axis)| i == axis),
        Linear::Reshape { from, to } => from == to,
        Linear::Slice(w) | Linear::Pad(w) => w.length == w.extent,
        Linear::Unfold(_) | Linear::Fold(_) => false,
    }
}

/// `outer ∘ inner` as one operation, where there is one.
fn compose(outer: &Linear, inner: &Linear) -> Option<Linear> {
    match (outer, inner) {
        (Linear::Scale(c), Linear::Scale(d)) => Some(Linear::Scale((c.value() * d.value()).into())),
        (Linear::Permute(p), Linear::Permute(q)) => Some(Linear::Permute(p.iter().map(|&i| q[i]).collect())),
        (Linear::Reshape { to, .. }, Linear::Reshape { from, .. }) => {
            Some(Linear::Reshape { from: from.clone(), to: to.clone() })
        }
        (Linear::Broadcast(outer), Linear::Broadcast(inner)) => Some(Linear::Broadcast(nest(inner, outer)?)),
        (Linear::Sum(outer), Linear::Sum(inner)) => Some(Linear::Sum(nest(outer, inner)?)),
        #[allow(clippy::cast_precision_loss, reason = "a tensor of 2⁵³ elements does not exist")]
        (Linear::Sum(sum), Linear::Broadcast(axes)) if sum == axes => {
            Some(Linear::Scale((axes.size() as f64).into()))
        }
        _ => None,
    }
}

/// The axes that `small` and then `large` add, by their position in the largest shape.
fn nest(small: &Axes, large: &Axes) -> Option<Axes> {
    let rank = large.iter().chain(small.iter()).map(|(axis, _)| axis + 1).max().unwrap_or(0);
    let kept = vec![None; rank.saturating_sub(small.iter().count() + large.iter().count())];
    let marks = large.spread(&small.spread(&kept, Some)?, Some)?;
    Some(Axes::new(marks.iter().enumerate().filter_map(|(axis, extent)| extent.map(|n| (axis, n)))))
}

/// A product's argument seen through a permutation or a repetition: the labels of the value behind it. A
/// repeated axis can go when both the other argument and the result have its label.
fn absorb(labels: &[u8], other: &[u8], out: &[u8], arg: &Op<Id>) -> Option<(Vec<u8>, Id)> {
    match arg {
        Op::Linear(Linear::Permute(p), b) => {
            let mut behind = labels.to_vec();
            p.iter().zip(labels).for_each(|(&axis, &label)| behind[axis] = label);
            Some((behind, *b))
        }
        Op::Linear(Linear::Broadcast(axes), b)
            if axes.iter().all(|(axis, _)| other.contains(&labels[axis]) && out.contains(&labels[axis])) =>
        {
            let kept = labels.iter().enumerate().filter(|(axis, _)| !axes.contains(*axis));
            Some((kept.map(|(_, &label)| label).collect(), *b))
        }
        _ => None,
    }
}
