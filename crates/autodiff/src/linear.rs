//! Linear operations: each is the adjoint of another one, and its own derivative.
//!
//! An operation carries every extent its adjoint needs, so that `adjoint` is a function of the operation
//! alone and an involution: ⟨u, L v⟩ = ⟨L* u, v⟩ and L** = L, in this file and nowhere else.

use std::fmt;

use smallvec::SmallVec;

use crate::op::Literal;
use crate::shape::Shape;

/// A linear operation of one argument.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Linear {
    /// Multiplies by a literal.
    Scale(Literal),
    /// Sums over axes, which disappear.
    Sum(Axes),
    /// Repeats along new axes; the adjoint of `Sum`.
    Broadcast(Axes),
    /// Axis `i` of the result is axis `permutation[i]` of the argument.
    Permute(Box<[usize]>),
    /// The same elements in the same row-major order under another shape.
    Reshape {
        /// The shape of the argument.
        from: Shape,
        /// The shape of the result.
        to: Shape,
    },
    /// Keeps the elements of a window along one axis.
    Slice(Window),
    /// Places its argument in a window of zeros; the adjoint of `Slice`.
    Pad(Window),
    /// Sliding windows along one axis, which becomes two: the window, and the place in it.
    Unfold(Windows),
    /// Adds windows up where they overlap; the adjoint of `Unfold`.
    Fold(Windows),
}

/// Axes of the larger of two shapes that the smaller one lacks: (position in the larger shape, extent),
/// positions ascending.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Axes(SmallVec<[(usize, usize); 2]>);

/// The elements `start..start + length` of the `extent` elements along `axis`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    /// The axis.
    pub axis: usize,
    /// The first element inside the window.
    pub start: usize,
    /// The number of elements inside the window.
    pub length: usize,
    /// The number of elements along the axis of the larger tensor.
    pub extent: usize,
}

/// Windows of `size` elements, `stride` apart, along `axis` of `extent` elements: as many as fit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Windows {
    /// The axis.
    pub axis: usize,
    /// Elements of a window.
    pub size: usize,
    /// How far the next window begins after one.
    pub stride: usize,
    /// Elements along the axis.
    pub extent: usize,
}

impl Linear {
    /// The adjoint L*: ⟨u, L v⟩ = ⟨L* u, v⟩ for all u, v.
    #[must_use]
    pub fn adjoint(&self) -> Self {
        match self {
            Self::Scale(c) => Self::Scale(*c),
            Self::Sum(axes) => Self::Broadcast(axes.clone()),
            Self::Broadcast(axes) => Self::Sum(axes.clone()),
            Self::Permute(p) => Self::Permute(inverse(p)),
            Self::Reshape { from, to } => Self::Reshape { from: to.clone(), to: from.clone() },
            Self::Slice(window) => Self::Pad(window.clone()),
            Self::Pad(window) => Self::Slice(window.clone()),
            Self::Unfold(windows) => Self::Fold(windows.clone()),
            Self::Fold(windows) => Self::Unfold(windows.clone()),
        }
    }

    /// The same operation on every row of an argument with a further first axis of extent `size`.
    #[must_use]
    pub(crate) fn batched(&self, size: usize) -> Self {
        let rows = |shape: &Shape| [size].iter().chain(shape.iter()).copied().collect();
        let beside = |w: &Window| Window { axis: w.axis + 1, ..w.clone() };
        match self {
            Self::Scale(c) => Self::Scale(*c),
            Self::Sum(axes) => Self::Sum(axes.later()),
            Self::Broadcast(axes) => Self::Broadcast(axes.later()),
            Self::Permute(p) => Self::Permute([0].into_iter().chain(p.iter().map(|axis| axis + 1)).collect()),
            Self::Reshape { from, to } => Self::Reshape { from: rows(from), to: rows(to) },
            Self::Slice(window) => Self::Slice(beside(window)),
            Self::Pad(window) => Self::Pad(beside(window)),
            Self::Unfold(windows) => Self::Unfold(windows.batched()),
            Self::Fold(windows) => Self::Fold(windows.batched()),
        }
    }

    /// The shape of the result, or what is wrong with the argument.
    pub(crate) fn shape(&self, x: &Shape) -> Result<Shape, String> {
        match self {
            Self::Scale(_) => Some(x.clone()),
            Self::Sum(axes) => axes.remove(x),
            Self::Broadcast(axes) => axes.insert(x),
            Self::Permute(p) => is_permutation(p, x.rank()).then(|| p.iter().map(|&axis| x[axis]).collect()),
            Self::Reshape { from, to } => (from == x && from.size() == to.size()).then(|| to.clone()),
            Self::Slice(w) => w.resize(x, w.extent, w.length),
            Self::Pad(w) => w.resize(x, w.length, w.extent),
            Self::Unfold(w) => w.unfold(x),
            Self::Fold(w) => w.fold(x),
        }
        .ok_or_else(|| format!("{self} does not apply to shape {x}"))
    }
}

impl Axes {
    /// Axes by position in the larger shape, with their extents.
    ///
    /// # Panics
    /// If positions are not strictly ascending.
    #[track_caller]
    pub fn new(axes: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let axes: SmallVec<[_; 2]> = axes.into_iter().collect();
        assert!(axes.windows(2).all(|w| w[0].0 < w[1].0), "axes must ascend, got {axes:?}");
        Self(axes)
    }

    /// (position in the larger shape, extent), positions ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.0.iter().copied()
    }

    /// Whether `axis` of the larger shape is one of these.
    pub fn contains(&self, axis: usize) -> bool {
        self.0.iter().any(|&(a, _)| a == axis)
    }

    /// No axes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many elements of the larger tensor share one of the smaller.
    pub fn size(&self) -> usize {
        self.iter().map(|(_, extent)| extent).product()
    }

    /// The same axes of shapes with a further first axis.
    pub(crate) fn later(&self) -> Self {
        Self(self.iter().map(|(axis, extent)| (axis + 1, extent)).collect())
    }

    /// Spreads a list indexed by the smaller shape's axes to the larger one's, `new` where an axis is new.
    pub(crate) fn spread<T: Copy>(&self, list: &[T], new: impl Fn(usize) -> T) -> Option<Vec<T>> {
        let mut spread = list.to_vec();
        for &(axis, extent) in &self.0 {
            if axis > spread.len() {
                return None;
            }
            spread.insert(axis, new(extent));
        }
        Some(spread)
    }

    fn insert(&self, x: &Shape) -> Option<Shape> {
        self.spread(x, |extent| extent).map(Shape::from)
    }

    pub(crate) fn remove(&self, x: &Shape) -> Option<Shape> {
        let fits = self.iter().all(|(axis, extent)| x.get(axis) == Some(&extent));
        fits.then(|| (0..x.rank()).filter(|&axis| !self.contains(axis)).map(|axis| x[axis]).collect())
    }
}

impl Window {
    fn resize(&self, x: &Shape, from: usize, to: usize) -> Option<Shape> {
        let fits = x.get(self.axis) == Some(&from) && self.start + self.length <= self.extent;
        fits.then(|| x.iter().enumerate().map(|(axis, &n)| if axis == self.axis { to } else { n }).collect())
    }
}

impl Windows {
    /// How many windows fit.
    pub fn count(&self) -> usize {
        if self.size > self.extent { 0 } else { (self.extent - self.size) / self.stride.max(1) + 1 }
    }

    fn batched(&self) -> Self {
        Self { axis: self.axis + 1, ..self.clone() }
    }

    fn unfold(&self, x: &Shape) -> Option<Shape> {
        let fits =
            x.get(self.axis) == Some(&self.extent) && self.count() > 0 && self.size > 0 && self.stride > 0;
        let pair = [self.count(), self.size];
        fits.then(|| [&x[..self.axis], &pair, &x[self.axis + 1..]].concat().into())
    }

    fn fold(&self, x: &Shape) -> Option<Shape> {
        let fits = x.get(self.axis..self.axis + 2) == Some(&[self.count(), self.size]);
        fits.then(|| [&x[..self.axis], &[self.extent], &x[self.axis + 2..]].concat().into())
    }

    /// The strides of the two axes in place of the one, given those of a tensor with the one.
    pub(crate) fn split_strides(&self, strides: &[usize]) -> Vec<usize> {
        let pair = [strides[self.axis] * self.stride, strides[self.axis]];
        [&strides[..self.axis], &pair, &strides[self.axis + 1..]].concat()
    }
}

fn is_permutation(p: &[usize], rank: usize) -> bool {
    p.len() == rank && (0..rank).all(|axis| p.contains(&axis))
}

fn inverse(p: &[usize]) -> Box<[usize]> {
    let mut inverse = vec![0; p.len()];
    for (i, &axis) in p.iter().enumerate() {
        inverse[axis] = i;
    }
    inverse.into()
}

impl fmt::Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (axis, extent)) in self.iter().enumerate() {
            write!(f, "{}{axis}:{extent}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}..{} of {}", self.axis, self.start, self.start + self.length, self.extent)
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} by {} of {}", self.axis, self.size, self.stride, self.extent)
    }
}

impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale(c) => write!(f, "scale {c}"),
            Self::Sum(axes) => write!(f, "sum {axes}"),
            Self::Broadcast(axes) => write!(f, "broadcast {axes}"),
            Self::Permute(p) => write!(f, "permute {}", Shape::from(&p[..])),
            Self::Reshape { to, .. } => write!(f, "reshape {to}"),
            Self::Slice(window) => write!(f, "slice {window}"),
            Self::Pad(window) => write!(f, "pad {window}"),
            Self::Unfold(windows) => write!(f, "unfold {windows}"),
            Self::Fold(windows) => write!(f, "fold {windows}"),
        }
    }
}
