//! Tensors: numbers with a shape, for tests, examples and the plain evaluator.

use crate::real::Real;
use crate::shape::Shape;

/// Numbers in row-major order under a shape.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor<T> {
    shape: Shape,
    data: Vec<T>,
}

impl<T: Real> Tensor<T> {
    /// A tensor of the given elements, in row-major order.
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, data: impl Into<Vec<T>>) -> Self {
        let (shape, data) = (shape.into(), data.into());
        assert!(shape.size() == data.len(), "{} elements do not fill shape {shape}", data.len());
        Self { shape, data }
    }

    /// A tensor whose element at each index, outermost axis first, is `f(index)`.
    pub fn from_fn(shape: impl Into<Shape>, mut f: impl FnMut(&[usize]) -> T) -> Self {
        let shape = shape.into();
        let mut data = Vec::with_capacity(shape.size());
        for_each_index(&shape, |index| data.push(f(index)));
        Self { shape, data }
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements, in row-major order.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The element at an index, outermost axis first.
    ///
    /// # Panics
    /// If the index lies outside the shape.
    #[track_caller]
    pub fn at(&self, index: &[usize]) -> T {
        let inside =
            index.len() == self.shape.rank() && index.iter().zip(self.shape.iter()).all(|(i, n)| i < n);
        assert!(inside, "index {index:?} lies outside shape {}", self.shape);
        self.data[index.iter().zip(self.shape.iter()).fold(0, |at, (i, n)| at * n + i)]
    }
}

/// Calls `f` with every index of a shape, in row-major order.
pub(crate) fn for_each_index(shape: &[usize], mut f: impl FnMut(&[usize])) {
    let mut index = vec![0; shape.len()];
    if shape.contains(&0) {
        return;
    }
    loop {
        f(&index);
        let Some(axis) = (0..shape.len()).rev().find(|&axis| index[axis] + 1 < shape[axis]) else {
            return;
        };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}
