//! What a layer is.

use std::fmt;

use autodiff::{Shape, Var};

use crate::description::Layer;
use crate::limit::Limit;
use crate::parameters::Declaration;

/// A layer, or layers put together: its parameters, and what it does to a batch of examples.
pub trait Module: fmt::Debug + Send + Sync {
    /// Its parameters, and the shape of what it makes of one example of the given shape.
    ///
    /// # Errors
    /// If it does not apply to such examples.
    fn signature(&self, example: &Shape) -> Result<Signature, Refused>;

    /// Applies it to a batch `x` of shape (N, example shape), given its *effective* parameters in the order of the
    /// signature: what is stored, times the declared multipliers.
    ///
    /// # Panics
    /// If it does not apply to such examples, or there are not as many parameters as declared.
    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g>;

    /// What its outputs are as the layers become wide, given what the `input` is, which it makes of examples of the given
    /// shape: see [`Limit`]. A module without parameters that applies a smooth function needs no more than
    /// [`Limit::through`].
    ///
    /// # Errors
    /// If it has no limit, or none that is known here, or it does not apply to such examples.
    fn limit<'g>(&self, example: &Shape, input: Limit<'g>) -> Result<Limit<'g>, Refused> {
        let _ = (example, input);
        let module = self.layer().map_or_else(|| "a module of your own".into(), |layer| layer.name());
        Err(Reason::NoLimit { module, why: "does not say what its limit is" }.into())
    }

    /// Itself as data, if it can be written down: a user's own module cannot.
    fn layer(&self) -> Option<Layer> {
        None
    }
}

/// Takes from the front of `rest` the parameters of a module that is applied to `x` next, and applies it.
///
/// # Panics
/// If it does not apply to `x`, or too few are left.
#[track_caller]
pub(crate) fn apply_next<'g>(module: &dyn Module, rest: &mut &[Var<'g>], x: Var<'g>) -> Var<'g> {
    let count = match module.signature(&Shape::from(&x.shape()[1..])) {
        Ok(signature) => signature.parameters.len(),
        Err(refused) => panic!("{refused}"),
    };
    let (own, others) = rest.split_at(count);
    *rest = others;
    module.apply(own, x)
}

/// What a module has and makes, for examples of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// Its parameters.
    pub parameters: Vec<Declaration>,
    /// The shape of its output for one example.
    pub output: Shape,
}

impl Signature {
    /// Of a module without parameters.
    pub fn without_parameters(output: impl Into<Shape>) -> Self {
        Self { parameters: Vec::new(), output: output.into() }
    }
}

/// A module does not apply to examples of a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Where the module stands, as in the names of parameters: `2.1` is the second part of the third module.
    pub place: String,
    /// Why it does not apply.
    pub reason: Reason,
}

/// Why a module does not apply.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// It applies to examples of another rank.
    Rank {
        /// The module.
        module: &'static str,
        /// What it applies to.
        wanted: &'static str,
        /// What it was given.
        example: Shape,
    },
    /// A number of its description is none that it can do with.
    Setting {
        /// The module.
        module: &'static str,
        /// The number's name.
        field: &'static str,
        /// The number.
        value: f64,
        /// What it should be.
        wanted: &'static str,
    },
    /// Tensors are never empty, and have fewer than 2⁶³ elements.
    Size {
        /// The shape of the tensor.
        shape: Shape,
    },
    /// It has no limit of infinite width, or none that is known.
    NoLimit {
        /// The module.
        module: String,
        /// Why.
        why: &'static str,
    },
    /// Something else, in words.
    Other(String),
}

impl Refused {
    /// The same, of a module that stands at `place` in another one.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        let place = if self.place.is_empty() { place.to_string() } else { format!("{place}.{}", self.place) };
        Self { place, ..self }
    }
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { place: String::new(), reason }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "layer {}: ", self.place)?;
        }
        self.reason.fmt(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rank { module, wanted, example } => {
                write!(f, "{module} applies to {wanted}, not to examples of shape {example}")
            }
            Self::Setting { module, field, value, wanted } => {
                write!(f, "{module}: {field} is {value}, and should be {wanted}")
            }
            Self::Size { shape } if shape.contains(&0) => {
                write!(f, "a tensor of shape {shape}, and tensors are never empty")
            }
            Self::Size { shape } => write!(f, "a tensor of shape {shape} has too many elements"),
            Self::NoLimit { module, why } => {
                write!(
                    f,
                    "no limit of infinite width: {module} {why}; empirical kernels, and their means over random \
                     parameters, can be had of all layers"
                )
            }
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Refused {}
