//! Views: how an operation reads a stored value, after any chain of scaling, permuting, repeating, reshaping and
//! slicing. These operations move no data; they become strides.

use crate::linear::Linear;
use crate::shape::row_major;

/// Elements of a stored value by index: element `i` is `scale · value[offset + Σ i·strides]`. A stride of 0
/// repeats.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct View {
    pub(super) value: usize,
    pub(super) offset: usize,
    pub(super) strides: Vec<usize>,
    pub(super) scale: f64,
}

impl View {
    /// All of a value stored with the given strides.
    pub(super) fn new(value: usize, strides: Vec<usize>) -> Self {
        Self { value, offset: 0, strides, scale: 1.0 }
    }

    /// Whether consecutive indices of the given extents are consecutive in storage.
    pub(super) fn is_contiguous(&self, extents: &[usize]) -> bool {
        self.strides.iter().zip(row_major(extents)).zip(extents).all(|((&a, b), &n)| a == b || n <= 1)
    }

    /// This view, of extents `from`, after a linear operation: `None` if data must move (or be summed).
    pub(super) fn after(&self, l: &Linear, from: &[usize]) -> Option<Self> {
        let mut view = self.clone();
        match l {
            Linear::Scale(c) => view.scale *= c.value(),
            Linear::Permute(p) => view.strides = p.iter().map(|&axis| self.strides[axis]).collect(),
            Linear::Broadcast(axes) => view.strides = axes.spread(&self.strides, |_| 0)?,
            Linear::Slice(w) => view.offset += w.start * self.strides[w.axis],
            Linear::Reshape { to, .. } => view.strides = reshaped(from, &self.strides, to)?,
            Linear::Unfold(w) => view.strides = w.split_strides(&self.strides),
            Linear::Sum(_) | Linear::Pad(_) | Linear::Fold(_) => return None,
        }
        Some(view)
    }

    /// The view whose axes carry `to`, of this one, whose axes carry `labels`: absent axes repeat.
    pub(super) fn relabelled(&self, labels: &[u8], to: &[u8]) -> Self {
        Self { strides: to.iter().map(|&label| self.stride_of(labels, label)).collect(), ..self.clone() }
    }

    /// The stride along the axis that carries `label`, 0 if none does.
    pub(super) fn stride_of(&self, labels: &[u8], label: u8) -> usize {
        labels.iter().position(|&l| l == label).map_or(0, |axis| self.strides[axis])
    }
}

/// Strides of the same elements, in the same row-major order, under another shape, if there are any.
fn reshaped(from: &[usize], strides: &[usize], to: &[usize]) -> Option<Vec<usize>> {
    let merged = merge(from, &[strides]);
    let mut result = vec![0; to.len()];
    let mut axis = to.len();
    for &(extent, ref stride) in merged.iter().rev() {
        let (mut left, mut step) = (extent, stride[0]);
        while left > 1 {
            axis = axis.checked_sub(1)?;
            if left % to[axis] != 0 {
                return None;
            }
            result[axis] = step;
            step *= to[axis];
            left /= to[axis];
        }
    }
    Some(result)
}

/// Joins neighbouring axes that all walks step through evenly: extents with, for each walk, its stride. Axes of
/// extent 1 vanish. Without axes the result is empty: one element.
pub(super) fn merge(extents: &[usize], walks: &[&[usize]]) -> Vec<(usize, Vec<usize>)> {
    let mut merged: Vec<(usize, Vec<usize>)> = Vec::new();
    for (axis, &extent) in extents.iter().enumerate().filter(|(_, n)| **n != 1) {
        let strides: Vec<usize> = walks.iter().map(|walk| walk[axis]).collect();
        match merged.last_mut() {
            Some((outer, steps)) if steps.iter().zip(&strides).all(|(step, s)| *step == s * extent) => {
                *outer *= extent;
                *steps = strides;
            }
            _ => merged.push((extent, strides)),
        }
    }
    merged
}

/// Where the element of a flattened row-major index lies, given (extent, stride) of each axis, outermost first.
#[inline(always)]
pub(super) fn offset(axes: impl DoubleEndedIterator<Item = (usize, usize)>, mut index: usize) -> usize {
    let mut at = 0;
    for (extent, stride) in axes.rev() {
        at += index % extent * stride;
        index /= extent;
    }
    at
}
