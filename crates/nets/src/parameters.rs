//! Parameters: one flat vector, with a name and a shape for each part of it.

use std::fmt;
use std::ops::Range;

use autodiff::Shape;

use crate::module::{Reason, Refused};

/// A tensor of parameters that a module wants: multiplier · θ with θ ~ N(0, std²) is what it computes with.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// What the stored values are multiplied by.
    pub multiplier: f64,
    /// The standard deviation of the stored values when they are drawn.
    pub std: f64,
}

impl Declaration {
    /// The same, of a module that stands at `place` in another one.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { name: format!("{place}.{}", self.name), ..self }
    }
}

/// One tensor of parameters and its place in the flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, such as `0.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// The elements of the flat vector that it takes, row-major.
    pub range: Range<usize>,
    /// What the elements are multiplied by before the network computes with them.
    pub multiplier: f64,
    /// The standard deviation of the elements when they are drawn.
    pub std: f64,
}

/// How a network's flat parameter vector divides into tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    tensors: Vec<Parameter>,
    length: usize,
}

impl Parameters {
    /// Lays tensors out one after another.
    pub(crate) fn new(list: Vec<Declaration>) -> Result<Self, Refused> {
        let mut length = 0;
        let mut tensors = Vec::with_capacity(list.len());
        for Declaration { name, shape, multiplier, std } in list {
            let end = elements(&shape).and_then(|size| size.checked_add(length));
            let Some(end) = end.filter(|&end| end <= LARGEST) else {
                return Err(Refused { place: name, reason: Reason::Size { shape } });
            };
            tensors.push(Parameter { name, shape, range: length..end, multiplier, std });
            length = end;
        }
        Ok(Self { tensors, length })
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

    /// For each tensor, how many times the learning rate in this parameterization is the one in another parameterization
    /// of the same network, for gradient descent to move the same function: (multiplier here/multiplier there)².
    ///
    /// Effective parameters w = multiplier · θ move by η · multiplier² · ∂ℒ/∂w, so equal products move them alike. From NTK
    /// to standard parameterization that is σ_w²/n for weights of fan-in n and σ_b² for biases, so one rate for all
    /// tensors of a network is many in another parameterization. (Lee et al. 2019, section F; Park et al. 2019.)
    ///
    /// Where the other parameterization cannot move a tensor, its multiplier being 0, the factor is 0 if this one cannot
    /// either, and otherwise infinite.
    ///
    /// # Panics
    /// If the tensors have other shapes.
    #[track_caller]
    pub fn equivalent_rates(&self, other: &Self) -> Vec<f64> {
        let shapes = |all: &Self| all.tensors.iter().map(|tensor| tensor.shape.clone()).collect::<Vec<_>>();
        let (here, there) = (shapes(self), shapes(other));
        assert!(here == there, "tensors of shapes {here:?} and {there:?}");
        let factor = |(here, there): (&Parameter, &Parameter)| {
            if here.multiplier == 0.0 { 0.0 } else { (here.multiplier / there.multiplier).powi(2) }
        };
        self.tensors.iter().zip(&other.tensors).map(factor).collect()
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

/// The largest number of elements that are counted: their bytes fit into an `isize`, as allocations do.
const LARGEST: usize = isize::MAX as usize / size_of::<f64>();

/// The number of elements of a shape, if there are some, and not too many.
pub(crate) fn elements(shape: &Shape) -> Option<usize> {
    let size = shape.iter().try_fold(1_usize, |size, &n| size.checked_mul(n));
    size.filter(|size| (1..=LARGEST).contains(size))
}
