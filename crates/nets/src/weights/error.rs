//! What can be wrong with a file of parameters.

use std::path::PathBuf;
use std::{fmt, io};

use autodiff::Shape;

/// Why parameters could not be read or written. Tensors are named as the file names them, unless it says otherwise.
#[derive(Debug)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be opened, read, created or renamed.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The name of the file ends in neither `.safetensors` nor `.npz`.
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what its name says, or is damaged.
    Corrupt {
        /// The tensor, if it is one that is damaged.
        tensor: Option<String>,
        /// What is wrong.
        what: String,
    },
    /// A tensor has another number of bytes than its shape and element type call for.
    Size {
        /// The tensor.
        tensor: String,
        /// Its number of bytes.
        found: u64,
        /// The number that its shape and type call for; `None` if that exceeds 2⁶⁴.
        expected: Option<u64>,
    },
    /// A tensor's elements are not floating-point numbers of 2, 4 or 8 bytes.
    Dtype {
        /// The tensor.
        tensor: String,
        /// The type, as the file names it.
        dtype: String,
    },
    /// A tensor has another shape than the network's.
    Shape {
        /// The tensor.
        tensor: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The network's tensor.
        parameter: String,
        /// The shape that the file's tensor should have: the network's, or for a state dict the one that becomes it.
        expected: Shape,
    },
    /// The file does not have a tensor.
    Missing {
        /// The tensor.
        tensor: String,
    },
    /// The network has no parameter for a tensor, or none of a name in a list of pairs.
    Unknown {
        /// The tensor, or the name.
        tensor: String,
    },
    /// A parameter other than a bias is in no pair of a list.
    Unpaired {
        /// The parameter.
        parameter: String,
    },
    /// A name stands twice in the file, or a parameter twice in a list of pairs.
    Duplicate {
        /// The name.
        tensor: String,
    },
    /// A value is infinite, or not a number, or too large for the element type it should get.
    NotFinite {
        /// The tensor.
        tensor: String,
        /// The place of the value, counted in the order in which the tensor is stored.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A name in a state dict, or in the network that is to take it, ends in neither `weight` nor `bias`: the layers
    /// cannot be matched without a list of pairs.
    Unmatched {
        /// The name.
        tensor: String,
    },
    /// A state dict has another number of layers than the network.
    Layers {
        /// The layers in the file.
        found: usize,
        /// The layers of the network.
        expected: usize,
    },
    /// The names in a state dict do not tell the order of its layers: a list of pairs is needed.
    Order {
        /// What the names look like, with # for numbers.
        groups: Vec<String>,
        /// In how many orders of the groups, up to two, they fit the network; `None` if two numbers are equal or the
        /// groups are too many to try.
        fitting: Option<usize>,
    },
    /// A value that is not 0 for a parameter with the multiplier 0 (σ_b = 0): no θ gives it.
    Multiplier {
        /// The tensor.
        tensor: String,
        /// The place of the value, counted in the order in which the tensor is stored.
        index: usize,
        /// The value.
        value: f64,
    },
}

impl WeightsError {
    pub(super) fn corrupt(tensor: Option<&str>, what: impl fmt::Display) -> Self {
        Self::Corrupt { tensor: tensor.map(Into::into), what: what.to_string() }
    }
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Extension { path } => {
                write!(f, "{}: parameters are kept in .safetensors or .npz files", path.display())
            }
            Self::Corrupt { tensor: Some(tensor), what } => write!(f, "tensor {tensor:?} is damaged: {what}"),
            Self::Corrupt { tensor: None, what } => write!(f, "the file is damaged: {what}"),
            Self::Size { tensor, found, expected: Some(expected) } => {
                write!(f, "tensor {tensor:?} has {found} bytes, its shape and type call for {expected}")
            }
            Self::Size { tensor, found, expected: None } => {
                write!(f, "tensor {tensor:?} has {found} bytes, its shape and type call for more than 2⁶⁴")
            }
            Self::Dtype { tensor, dtype } => {
                write!(f, "tensor {tensor:?} has elements of type {dtype:?}, not floating-point numbers")
            }
            Self::Shape { tensor, found, parameter, expected } => {
                write!(
                    f,
                    "tensor {tensor:?} has the shape {found:?}, the network's {parameter:?} wants {expected}"
                )
            }
            Self::Missing { tensor } => write!(f, "the file has no tensor {tensor:?}"),
            Self::Unknown { tensor } => write!(f, "the network has no parameter for {tensor:?}"),
            Self::Unpaired { parameter } => write!(f, "no pair of names is for the parameter {parameter:?}"),
            Self::Duplicate { tensor } => write!(f, "there are two tensors {tensor:?}"),
            Self::NotFinite { tensor, index, value } => {
                write!(
                    f,
                    "element {index} of tensor {tensor:?} is not a finite number of this precision: {value:e}"
                )
            }
            Self::Unmatched { tensor } => {
                write!(f, "tensor {tensor:?} is neither a weight nor a bias: give pairs of names")
            }
            Self::Layers { found, expected } => {
                write!(f, "layers in the state dict: {found}, in the network: {expected}")
            }
            Self::Order { groups, fitting } => {
                let orders = match fitting {
                    None => "have no order",
                    Some(0) => "fit the network in no order",
                    Some(_) => "fit the network in more than one order",
                };
                write!(f, "layers named {} {orders}: give pairs of names", groups.join(", "))
            }
            Self::Multiplier { tensor, index, value } => {
                write!(f, "element {index} of tensor {tensor:?} is {value:e}, but σ is 0 there")
            }
        }
    }
}

impl std::error::Error for WeightsError {}
