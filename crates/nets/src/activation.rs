//! Activations: functions applied to every unit.

use std::fmt;
use std::str::FromStr;

use autodiff::{Shape, Var};

use crate::module::Module;

/// A function applied to every unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// erf z
    Erf,
    /// max(z, 0)
    Relu,
    /// tanh z
    Tanh,
}

impl Activation {
    /// Every activation there is.
    pub const ALL: &[Self] = &[Self::Erf, Self::Relu, Self::Tanh];

    /// Its name, as it is read from text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Erf => "erf",
            Self::Relu => "relu",
            Self::Tanh => "tanh",
        }
    }
}

impl Module for Activation {
    fn parameters(&self, _example: &Shape) -> Vec<(String, Shape)> {
        Vec::new()
    }

    fn apply<'g>(&self, _parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        match self {
            Self::Erf => x.erf(),
            Self::Relu => x.relu(),
            Self::Tanh => x.tanh(),
        }
    }

    fn output(&self, example: &Shape) -> Shape {
        example.clone()
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Activation {
    type Err = UnknownActivation;

    fn from_str(name: &str) -> Result<Self, UnknownActivation> {
        let found = Self::ALL.iter().find(|activation| activation.name() == name);
        found.copied().ok_or_else(|| UnknownActivation(name.into()))
    }
}

/// A name that is no activation's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownActivation(pub String);

impl fmt::Display for UnknownActivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Activation::ALL.iter().map(|activation| activation.name()).collect();
        write!(f, "unknown activation \"{}\": there are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownActivation {}
