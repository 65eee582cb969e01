//! split: one program in two stages, x ↦ (y, r) once and (r, ẋ) ↦ ẏ as often as one likes.

use crate::builder::{Builder, Var};
use crate::graph::{Graph, Id};
use crate::linear::Linear;
use crate::nonlinear::{Function, Nonlinear};
use crate::op::Op;

/// Which known values are computed again where they are needed instead of being kept as residuals. Literals, and what is made of
/// these alone, always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rematerialise {
    /// Every other known value is kept.
    Nothing,
    /// Values larger than what they are made of: repetitions, sliding windows, and what is padded.
    #[default]
    Repetitions,
    /// These, and what costs no more than reading it: scales, shapes, and functions such as `step` that are a comparison.
    Cheap,
}

impl Rematerialise {
    fn again<A>(self, op: &Op<A>) -> bool {
        let repetition =
            matches!(op, Op::Linear(Linear::Broadcast(_) | Linear::Unfold(_) | Linear::Pad(_), _));
        let cheap = match op {
            Op::Linear(l, _) => {
                matches!(l, Linear::Scale(_) | Linear::Permute(_) | Linear::Reshape { .. } | Linear::Slice(_))
            }
            Op::Nonlinear(Nonlinear::Map(f), _) => {
                matches!(f, Function::Relu | Function::Abs | Function::Step | Function::Sign | Function::Hold)
            }
            _ => false,
        };
        match self {
            Self::Nothing => false,
            Self::Repetitions => repetition,
            Self::Cheap => repetition || cheap,
        }
    }
}

/// Splits `f` by what is known first. The first program takes the inputs flagged `known` and returns the first
/// `early` outputs of `f`, then the *residuals*: the values that the second program needs from the first. The
/// second takes the residuals, then the other inputs, and returns the other outputs.
///
/// What the second program makes again rather than takes over is said by `rematerialise`.
///
/// # Panics
/// If `known` has not one flag an input, or one of the `early` outputs depends on an input that is not known.
#[track_caller]
pub fn split(f: &Graph, known: &[bool], early: usize, rematerialise: Rematerialise) -> (Graph, Graph) {
    assert!(known.len() == f.inputs.len(), "{} flags for {} inputs", known.len(), f.inputs.len());
    assert!(early <= f.outputs.len(), "{early} outputs asked for early of {}", f.outputs.len());
    let late = f.depends_on(|i| !known[i]);
    assert!(
        f.outputs[..early].iter().all(|id| !late[id.index()]),
        "an output asked for early depends on an input that is not known"
    );

    // What the second program takes over, and what it makes again.
    let mut wanted = vec![false; f.nodes.len()];
    for id in &f.outputs[early..] {
        wanted[id.index()] = true;
    }
    let of_inputs = f.depends_on(|_| true);
    let again = |id: Id, op: &Op<Id>| !of_inputs[id.index()] || rematerialise.again(op);
    for (id, node) in f.nodes().rev() {
        if wanted[id.index()] && (late[id.index()] || again(id, &node.op)) {
            node.op.args().iter().for_each(|a| wanted[a.index()] = true);
        }
    }
    let residuals: Vec<Id> = f
        .nodes()
        .filter(|(id, node)| wanted[id.index()] && !late[id.index()] && !again(*id, &node.op))
        .map(|(id, _)| id)
        .collect();

    let first = Builder::new();
    let mut values: Vec<Option<Var<'_>>> = vec![None; f.nodes.len()];
    let x: Vec<Option<Var<'_>>> =
        f.inputs.iter().zip(known).map(|(shape, &k)| k.then(|| first.input(shape.clone()))).collect();
    for (id, node) in f.nodes().filter(|(id, _)| !late[id.index()]) {
        values[id.index()] = match &node.op {
            Op::Input(i) => x[*i],
            op => {
                Some(first.record(op.map(|a| values[a.index()].expect("known values use known values").id())))
            }
        };
    }
    let outputs: Vec<Var<'_>> =
        f.outputs[..early].iter().chain(&residuals).filter_map(|id| values[id.index()]).collect();
    let first = first.finish(&outputs);

    let second = Builder::new();
    let mut values: Vec<Option<Var<'_>>> = vec![None; f.nodes.len()];
    for id in &residuals {
        values[id.index()] = Some(second.input(f.node(*id).shape.clone()));
    }
    let x: Vec<Option<Var<'_>>> =
        f.inputs.iter().zip(known).map(|(shape, &k)| (!k).then(|| second.input(shape.clone()))).collect();
    for (id, node) in f.nodes().filter(|(id, _)| wanted[id.index()]) {
        if values[id.index()].is_none() {
            values[id.index()] = match &node.op {
                Op::Input(i) => x[*i],
                op => Some(second.record(op.map(|a| values[a.index()].expect("defined before use").id()))),
            };
        }
    }
    let outputs: Vec<Var<'_>> = f.outputs[early..].iter().filter_map(|id| values[id.index()]).collect();
    let second = second.finish(&outputs);
    (first, second)
}
