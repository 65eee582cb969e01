//! Parameters: one flat vector, with a name and a shape for each part of it.

use std::ops::Range;

use autodiff::Shape;

/// One tensor of parameters and its place in the flat vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, such as `0.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// The elements of the flat vector that it takes, row-major.
    pub range: Range<usize>,
}

/// How a network's flat parameter vector divides into tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    tensors: Vec<Parameter>,
    length: usize,
}

impl Parameters {
    pub(crate) fn new(list: Vec<(String, Shape)>) -> Self {
        let mut length = 0;
        let mut tensors = Vec::with_capacity(list.len());
        for (name, shape) in list {
            let range = length..length + shape.size();
            length = range.end;
            tensors.push(Parameter { name, shape, range });
        }
        Self { tensors, length }
    }

    /// The tensors, in the order in which they fill the flat vector.
    pub fn tensors(&self) -> &[Parameter] {
        &self.tensors
    }

    /// The number of parameters: the length of the flat vector.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The tensor of that name in the flat vector `theta`.
    ///
    /// # Panics
    /// If `theta` is not as long as the parameters.
    #[track_caller]
    pub fn view<'a, T>(&self, theta: &'a [T], name: &str) -> Option<&'a [T]> {
        assert!(theta.len() == self.length, "a vector of {} for {} parameters", theta.len(), self.length);
        let parameter = self.tensors.iter().find(|parameter| parameter.name == name)?;
        Some(&theta[parameter.range.clone()])
    }
}
