//! Einsum: every product of two tensors is one trilinear form with one of its three places left open.
//!
//! Σ a·b·c over labels, where each label stands in at least two of the three lists, is symmetric in its
//! places. Evaluating it with the third place open is the product `left, right -> out`; opening another
//! place is an adjoint. So the two adjoints are the same lists, traded:
//! (l, r → o)*₁ = (o, r → l) and (l, r → o)*₂ = (l, o → r).

use std::fmt;

use smallvec::SmallVec;

use crate::shape::Shape;

/// A product of two tensors, such as `"ni,io->no"`: labels name axes, equal labels run together, and labels
/// absent from the result are summed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Einsum {
    left: Labels,
    right: Labels,
    out: Labels,
}

type Labels = SmallVec<[u8; 16]>;

impl Einsum {
    /// Parses `"left,right->out"`, each a list of distinct ASCII letters.
    ///
    /// # Panics
    /// If the text has another form, a label repeats within a list (no diagonals), or stands in one list
    /// only (sums and broadcasts of a single argument are [`Linear`](crate::Linear)).
    #[track_caller]
    pub fn new(text: &str) -> Self {
        let parts = text
            .split_once("->")
            .and_then(|(args, out)| args.split_once(',').map(|(left, right)| (left, right, out)));
        let Some((left, right, out)) = parts else {
            panic!("einsum \"{text}\" is not of the form \"left,right->out\"");
        };
        Self::from_labels(left.bytes(), right.bytes(), out.bytes())
    }

    /// The product of the given label lists, each of distinct ASCII letters.
    ///
    /// # Panics
    /// As [`Einsum::new`].
    #[track_caller]
    pub fn from_labels(
        left: impl IntoIterator<Item = u8>,
        right: impl IntoIterator<Item = u8>,
        out: impl IntoIterator<Item = u8>,
    ) -> Self {
        let e = Self {
            left: left.into_iter().collect(),
            right: right.into_iter().collect(),
            out: out.into_iter().collect(),
        };
        for list in [&e.left, &e.right, &e.out] {
            for (i, label) in list.iter().enumerate() {
                assert!(label.is_ascii_alphabetic(), "einsum \"{e}\": labels are ASCII letters");
                assert!(!list[..i].contains(label), "einsum \"{e}\": a label repeats within a list");
                let places = [&e.left, &e.right, &e.out].iter().filter(|l| l.contains(label)).count();
                assert!(places >= 2, "einsum \"{e}\": a label stands in one list only");
            }
        }
        e
    }

    /// The product element by element of two tensors of the same rank.
    pub fn elementwise(rank: usize) -> Self {
        let labels: Labels = alphabet().take(rank).collect();
        Self { left: labels.clone(), right: labels.clone(), out: labels }
    }

    /// Whether this is the product element by element.
    pub fn is_elementwise(&self) -> bool {
        self.left == self.right && self.left == self.out
    }

    /// The labels of the left argument's axes.
    pub fn left(&self) -> &[u8] {
        &self.left
    }

    /// The labels of the right argument's axes.
    pub fn right(&self) -> &[u8] {
        &self.right
    }

    /// The labels of the result's axes.
    pub fn out(&self) -> &[u8] {
        &self.out
    }

    /// The labels that are summed: those of both arguments that the result lacks.
    pub fn contracted(&self) -> impl Iterator<Item = u8> {
        self.left.iter().copied().filter(|label| !self.out.contains(label))
    }

    /// The adjoint in the left argument, of `(cotangent, right)`: (o, r → l).
    #[must_use]
    pub fn adjoint_left(&self) -> Self {
        Self { left: self.out.clone(), right: self.right.clone(), out: self.left.clone() }
    }

    /// The adjoint in the right argument, of `(left, cotangent)`: (l, o → r).
    #[must_use]
    pub fn adjoint_right(&self) -> Self {
        Self { left: self.left.clone(), right: self.out.clone(), out: self.right.clone() }
    }

    /// The same product for every row of the left argument, of the right one, or of both: these gain a first axis, as does
    /// the result.
    #[must_use]
    pub(crate) fn batched(&self, left: bool, right: bool) -> Self {
        let used = |label: &u8| [&self.left, &self.right, &self.out].iter().any(|list| list.contains(label));
        let row = alphabet().find(|label| !used(label)).expect("a product of fewer than 52 labels");
        let rows = |labels: &Labels, gains: bool| {
            gains.then_some(row).into_iter().chain(labels.iter().copied()).collect()
        };
        Self { left: rows(&self.left, left), right: rows(&self.right, right), out: rows(&self.out, true) }
    }

    /// The extent of a label, given the arguments' shapes.
    pub(crate) fn extent(&self, label: u8, left: &[usize], right: &[usize]) -> usize {
        let find = |labels: &[u8], shape: &[usize]| labels.iter().position(|&l| l == label).map(|i| shape[i]);
        find(&self.left, left).or_else(|| find(&self.right, right)).expect("labels stand in two lists")
    }

    /// The shape of the result, or what is wrong with the arguments.
    pub(crate) fn shape(&self, left: &Shape, right: &Shape) -> Result<Shape, String> {
        let ranks = self.left.len() == left.rank() && self.right.len() == right.rank();
        let extents = || {
            self.left
                .iter()
                .zip(left.iter())
                .all(|(&label, &n)| self.right.iter().zip(right.iter()).all(|(&l, &m)| l != label || n == m))
        };
        if ranks && extents() {
            Ok(self.out.iter().map(|&label| self.extent(label, left, right)).collect())
        } else {
            Err(format!("einsum {self} does not apply to shapes {left} and {right}"))
        }
    }
}

/// Labels to choose from, in the order in which they are chosen.
pub(crate) fn alphabet() -> impl Iterator<Item = u8> {
    (b'a'..=b'z').chain(b'A'..=b'Z')
}

impl fmt::Display for Einsum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |labels: &[u8]| String::from_utf8_lossy(labels).into_owned();
        write!(f, "{},{}->{}", text(&self.left), text(&self.right), text(&self.out))
    }
}
