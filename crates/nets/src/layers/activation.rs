//! Activations: functions applied to every unit.
//!
//! What the executor's table of functions has is used; the others are composed of it, such that they are right at 0
//! and for large arguments. At a kink the derivative is the one from the left; that of abs at 0 is 0.

use std::f64::consts::{FRAC_PI_4, SQRT_2};
use std::fmt;
use std::str::FromStr;

use autodiff::{Shape, Var};

use crate::description::Layer;
use crate::limit::Limit;
use crate::module::{Module, Reason, Refused, Signature};

/// A function φ applied to every unit z.
///
/// As text it is its name, and its numbers in parentheses where they are not the usual ones: `relu`, `leaky_relu(0.1)`,
/// `sin(1, 2, 0)`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// z
    Identity,
    /// max(z, 0)
    Relu,
    /// z where z > 0, otherwise αz; usually α = 0.01. (Maas et al. 2013.)
    LeakyRelu {
        /// The slope below 0.
        alpha: f64,
    },
    /// |z|
    Abs,
    /// −1, 0 or 1. The derivative is 0 by convention.
    Sign,
    /// a min(z, 0) + b max(z, 0); usually a = −1, b = 1.
    Abrelu {
        /// The slope below 0.
        a: f64,
        /// The slope above 0.
        b: f64,
    },
    /// a erf(bz) + c; usually erf z, which is [`Activation::ERF`].
    Erf {
        /// The factor of the result.
        a: f64,
        /// The factor of the argument.
        b: f64,
        /// What is added to the result.
        c: f64,
    },
    /// ½ erf(z/2.402…) + ½, which differs from the sigmoid by 0.01 at most, and has a kernel in closed form.
    SigmoidLike,
    /// 1/(1 + e⁻ᶻ)
    Sigmoid,
    /// tanh z
    Tanh,
    /// log(1 + eᶻ)
    Softplus,
    /// z/(1 + e⁻ᶻ), also called swish. (Ramachandran et al. 2017.)
    Silu,
    /// z Φ(z) with the normal distribution function Φ: the exact form. (Hendrycks and Gimpel 2016.)
    Gelu,
    /// a sin(bz + c); usually sin z.
    Sin {
        /// The factor of the result.
        a: f64,
        /// The factor of the argument.
        b: f64,
        /// What is added to the argument, in radians.
        c: f64,
    },
    /// a cos(bz + c); usually cos z.
    Cos {
        /// The factor of the result.
        a: f64,
        /// The factor of the argument.
        b: f64,
        /// What is added to the argument, in radians.
        c: f64,
    },
    /// √2 sin(√(2γ) z + π/4), whose kernel is e^{−γ |x − x'|²}; usually γ = 1. (Rahimi and Recht 2007.)
    Rbf {
        /// γ, from 0 up.
        gamma: f64,
    },
    /// a e^{bz}; usually eᶻ.
    Exp {
        /// The factor of the result.
        a: f64,
        /// The factor of the argument.
        b: f64,
    },
    /// a e^{bz²}; usually e^{−z²}.
    Gaussian {
        /// The factor of the result.
        a: f64,
        /// The factor in the exponent, negative if the function is to vanish far away.
        b: f64,
    },
    /// e^{−z²} sin z
    Gabor,
    /// Heₙ(z)/√n!, the Hermite polynomials of N(0, 1), orthonormal. (Daniely et al. 2016.)
    Hermite {
        /// n, up to 100.
        degree: u32,
    },
    /// zⁿ; 1 if n = 0.
    Monomial {
        /// n, up to 100.
        degree: u32,
    },
    /// zⁿ where z ≥ 0, otherwise 0. The derivative of degree 0 is 0 by convention, and at infinite width its value at 0 is ½,
    /// the mean of both sides. (Cho and Saul 2009.)
    RectifiedMonomial {
        /// n, up to 100.
        degree: u32,
    },
    /// Σₖ cₖ zᵏ, of degree 100 at most.
    Polynomial {
        /// c₀, c₁, …
        coefficients: Vec<f64>,
    },
}

/// By what an argument of the sigmoid is multiplied for the error function to be like it.
pub(super) const LIKE_SIGMOID: f64 = 1.0 / 2.402_056_353_171_979_6;

/// The largest degree of a polynomial: √n! and the program's length stay within bounds.
const LARGEST_DEGREE: usize = 100;

/// The names, each with the numbers that it usually has.
const USUAL: &[(&str, &[f64])] = &[
    ("identity", &[]),
    ("relu", &[]),
    ("leaky_relu", &[0.01]),
    ("abs", &[]),
    ("sign", &[]),
    ("abrelu", &[-1.0, 1.0]),
    ("erf", &[1.0, 1.0, 0.0]),
    ("sigmoid_like", &[]),
    ("sigmoid", &[]),
    ("tanh", &[]),
    ("softplus", &[]),
    ("silu", &[]),
    ("gelu", &[]),
    ("sin", &[1.0, 1.0, 0.0]),
    ("cos", &[1.0, 1.0, 0.0]),
    ("rbf", &[1.0]),
    ("exp", &[1.0, 1.0]),
    ("gaussian", &[1.0, -1.0]),
    ("gabor", &[]),
    ("hermite", &[2.0]),
    ("monomial", &[2.0]),
    ("rectified_monomial", &[2.0]),
    ("polynomial", &[0.0, 1.0]),
];

impl Activation {
    /// erf z
    pub const ERF: Self = Self::Erf { a: 1.0, b: 1.0, c: 0.0 };

    /// Every activation there is, with its usual numbers.
    pub fn all() -> Vec<Self> {
        let usual = |(name, numbers): &(&str, &[f64])| Self::new(name, numbers);
        USUAL.iter().map(|entry| usual(entry).expect("usual numbers are allowed")).collect()
    }

    /// Its name, and its numbers.
    fn parts(&self) -> (&'static str, Vec<f64>) {
        match *self {
            Self::Identity => ("identity", vec![]),
            Self::Relu => ("relu", vec![]),
            Self::LeakyRelu { alpha } => ("leaky_relu", vec![alpha]),
            Self::Abs => ("abs", vec![]),
            Self::Sign => ("sign", vec![]),
            Self::Abrelu { a, b } => ("abrelu", vec![a, b]),
            Self::Erf { a, b, c } => ("erf", vec![a, b, c]),
            Self::SigmoidLike => ("sigmoid_like", vec![]),
            Self::Sigmoid => ("sigmoid", vec![]),
            Self::Tanh => ("tanh", vec![]),
            Self::Softplus => ("softplus", vec![]),
            Self::Silu => ("silu", vec![]),
            Self::Gelu => ("gelu", vec![]),
            Self::Sin { a, b, c } => ("sin", vec![a, b, c]),
            Self::Cos { a, b, c } => ("cos", vec![a, b, c]),
            Self::Rbf { gamma } => ("rbf", vec![gamma]),
            Self::Exp { a, b } => ("exp", vec![a, b]),
            Self::Gaussian { a, b } => ("gaussian", vec![a, b]),
            Self::Gabor => ("gabor", vec![]),
            Self::Hermite { degree } => ("hermite", vec![f64::from(degree)]),
            Self::Monomial { degree } => ("monomial", vec![f64::from(degree)]),
            Self::RectifiedMonomial { degree } => ("rectified_monomial", vec![f64::from(degree)]),
            Self::Polynomial { ref coefficients } => ("polynomial", coefficients.clone()),
        }
    }

    /// The activation of these parts.
    fn new(name: &str, numbers: &[f64]) -> Option<Self> {
        let degree = || {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked: the same number"
            )]
            match *numbers {
                [n] if n >= 0.0 && n.fract() == 0.0 && n <= f64::from(u32::MAX) => Some(n as u32),
                _ => None,
            }
        };
        Some(match (name, numbers) {
            ("identity", []) => Self::Identity,
            ("relu", []) => Self::Relu,
            ("leaky_relu", &[alpha]) => Self::LeakyRelu { alpha },
            ("abs", []) => Self::Abs,
            ("sign", []) => Self::Sign,
            ("abrelu", &[a, b]) => Self::Abrelu { a, b },
            ("erf", &[a, b, c]) => Self::Erf { a, b, c },
            ("sigmoid_like", []) => Self::SigmoidLike,
            ("sigmoid", []) => Self::Sigmoid,
            ("tanh", []) => Self::Tanh,
            ("softplus", []) => Self::Softplus,
            ("silu", []) => Self::Silu,
            ("gelu", []) => Self::Gelu,
            ("sin", &[a, b, c]) => Self::Sin { a, b, c },
            ("cos", &[a, b, c]) => Self::Cos { a, b, c },
            ("rbf", &[gamma]) => Self::Rbf { gamma },
            ("exp", &[a, b]) => Self::Exp { a, b },
            ("gaussian", &[a, b]) => Self::Gaussian { a, b },
            ("gabor", []) => Self::Gabor,
            ("hermite", _) => Self::Hermite { degree: degree()? },
            ("monomial", _) => Self::Monomial { degree: degree()? },
            ("rectified_monomial", _) => Self::RectifiedMonomial { degree: degree()? },
            ("polynomial", coefficients) => Self::Polynomial { coefficients: coefficients.to_vec() },
            _ => return None,
        })
    }

    /// φ(z).
    pub(super) fn of<'g>(&self, z: Var<'g>) -> Var<'g> {
        match *self {
            Self::Identity => z,
            Self::Relu => z.relu(),
            Self::LeakyRelu { alpha } => sloped(z, alpha, 1.0),
            Self::Abs => z.abs(),
            Self::Sign => z.sign(),
            Self::Abrelu { a, b } => sloped(z, a, b),
            Self::Erf { a, b, c } => shifted(scaled(a, scaled(b, z).erf()), c),
            Self::SigmoidLike => 0.5 * z.scale(LIKE_SIGMOID).erf() + 0.5,
            Self::Sigmoid => z.sigmoid(),
            Self::Tanh => z.tanh(),
            Self::Softplus => z.softplus(),
            Self::Silu => z.silu(),
            Self::Gelu => z.gelu(),
            Self::Sin { a, b, c } => scaled(a, shifted(scaled(b, z), c).sin()),
            Self::Cos { a, b, c } => scaled(a, shifted(scaled(b, z), c).cos()),
            Self::Rbf { gamma } => SQRT_2 * ((2.0 * gamma).sqrt() * z + FRAC_PI_4).sin(),
            Self::Exp { a, b } => scaled(a, scaled(b, z).exp()),
            Self::Gaussian { a, b } => scaled(a, (b * (z * z)).exp()),
            Self::Gabor => (-(z * z)).exp() * z.sin(),
            Self::Hermite { degree } => hermite(z, degree),
            Self::Monomial { degree } => z.powi(degree),
            // z ≥ 0 is not −z > 0.
            Self::RectifiedMonomial { degree: 0 } => 1.0 - (-z).step(),
            Self::RectifiedMonomial { degree } => z.relu().powi(degree),
            Self::Polynomial { ref coefficients } => polynomial(z, coefficients),
        }
    }
}

/// a y.
pub(super) fn scaled(a: f64, y: Var<'_>) -> Var<'_> {
    if a == 1.0 { y } else { a * y }
}

/// y + c.
pub(super) fn shifted(y: Var<'_>, c: f64) -> Var<'_> {
    if c == 0.0 { y } else { y + c }
}

/// az below 0 and bz above: z times a slope, whose derivative vanishes, so that the slopes are exact on both sides and
/// the one at 0 is a.
fn sloped(z: Var<'_>, a: f64, b: f64) -> Var<'_> {
    let positive = z.step();
    z * (a * (1.0 - positive) + b * positive)
}

/// Heₙ/√n! by the recurrence √(n+1) hₙ₊₁ = z hₙ − √n hₙ₋₁, which is stable.
fn hermite(z: Var<'_>, degree: u32) -> Var<'_> {
    let (mut before, mut h) = (z.powi(0), z);
    if degree == 0 {
        return before;
    }
    for n in 1..degree {
        let [now, next] = [n, n + 1].map(|n| f64::from(n).sqrt());
        (before, h) = (h, next.recip() * (z * h - now * before));
    }
    h
}

/// c₀ + z (c₁ + z (c₂ + …)), by Horner's rule.
pub(super) fn polynomial<'g>(z: Var<'g>, coefficients: &[f64]) -> Var<'g> {
    match coefficients {
        [] => z.builder().fill(0.0, &z.shape()),
        [c] => z.builder().fill(*c, &z.shape()),
        [c, d] => shifted(*d * z, *c),
        [c, higher @ ..] => shifted(z * polynomial(z, higher), *c),
    }
}

impl Module for Activation {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let (module, numbers) = self.parts();
        if let Some(&value) = numbers.iter().find(|number| !number.is_finite()) {
            return Err(Reason::Setting { module, field: "a number", value, wanted: "finite" }.into());
        }
        let (field, degree) = match self {
            Self::Polynomial { coefficients } => ("the degree", coefficients.len().saturating_sub(1)),
            Self::Hermite { degree } | Self::Monomial { degree } | Self::RectifiedMonomial { degree } => {
                ("degree", *degree as usize)
            }
            _ => ("", 0),
        };
        if degree > LARGEST_DEGREE {
            #[allow(clippy::cast_precision_loss, reason = "for a message")]
            let value = degree as f64;
            return Err(Reason::Setting { module, field, value, wanted: "at most 100" }.into());
        }
        if let Self::Rbf { gamma: value } = *self
            && value < 0.0
        {
            return Err(
                Reason::Setting { module, field: "gamma", value, wanted: "a number from 0 up" }.into()
            );
        }
        Ok(Signature::without_parameters(example.clone()))
    }

    fn apply<'g>(&self, _parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        self.of(x)
    }

    fn limit<'g>(&self, example: &Shape, input: Limit<'g>) -> Result<Limit<'g>, Refused> {
        self.signature(example)?;
        let module = self.to_string();
        match self {
            Self::Identity => return Ok(input),
            Self::Gaussian { b, .. } if *b > 0.0 => {
                return Err(Reason::NoLimit {
                    module,
                    why: "with b > 0 has no finite variance unless its inputs have a small one",
                }
                .into());
            }
            _ if !input.gaussian => {
                let why = "needs inputs that a layer with weights makes: put dense before it";
                return Err(Reason::NoLimit { module, why }.into());
            }
            _ => {}
        }
        let mut input = input;
        let dual = self.dual(&mut input);
        Ok(input.after(dual))
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer::Activation(self.clone()))
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, numbers) = self.parts();
        f.write_str(name)?;
        if USUAL.iter().any(|&(known, usual)| known == name && usual == numbers) {
            return Ok(());
        }
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        write!(f, "({})", numbers.join(", "))
    }
}

impl FromStr for Activation {
    type Err = UnknownActivation;

    fn from_str(text: &str) -> Result<Self, UnknownActivation> {
        let unknown = || UnknownActivation(text.into());
        let (name, list) = match text.split_once('(') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').ok_or_else(unknown)?)),
            None => (text, None),
        };
        let &(name, usual) = USUAL.iter().find(|(known, _)| *known == name.trim()).ok_or_else(unknown)?;
        let numbers = match list {
            None => Some(usual.to_vec()),
            Some(list) if list.trim().is_empty() => Some(Vec::new()),
            Some(list) => list.split(',').map(|number| number.trim().parse().ok()).collect(),
        };
        numbers.and_then(|numbers: Vec<f64>| Self::new(name, &numbers)).ok_or_else(unknown)
    }
}

/// A text that is no activation's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownActivation(pub String);

impl fmt::Display for UnknownActivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.split('(').next().unwrap_or_default().trim();
        if let Some((name, usual)) = USUAL.iter().find(|(known, _)| *known == name) {
            let usual: Vec<String> = usual.iter().map(ToString::to_string).collect();
            return match &usual[..] {
                [] => write!(f, "activation \"{}\": {name} has no numbers", self.0),
                _ => write!(
                    f,
                    "activation \"{}\": write {name}, or numbers as in {name}({})",
                    self.0,
                    usual.join(", ")
                ),
            };
        }
        let names: Vec<&str> = USUAL.iter().map(|(name, _)| *name).collect();
        write!(f, "unknown activation \"{}\": there are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownActivation {}
