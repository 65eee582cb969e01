//! Parameterizations: how σ_w and σ_b divide into what parameters are drawn from and what they are multiplied by.
//!
//! An effective parameter is multiplier · θ with θ ~ N(0, std²) (the numbers a and b of Yang and Hu 2021). Its
//! distribution depends on the product only, so at initialisation all parameterizations are the same function; under
//! gradient descent a tensor moves as fast as multiplier² says, see [`Parameters::equivalent_rates`](crate::Parameters::equivalent_rates).

use autodiff::Shape;

use crate::module::{Reason, Refused};
use crate::parameters::Declaration;

/// The standard deviations of weights and biases, and how they are parameterized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// The standard deviation of effective weights, times √(fan-in).
    pub sigma_w: f64,
    /// The standard deviation of effective biases.
    pub sigma_b: f64,
    /// Where they stand.
    pub parameterization: Parameterization,
}

/// Where σ_w and σ_b stand: in the forward pass or in the initial distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Parameterization {
    /// In the forward pass: z = σ_w/√n W x + σ_b b with W, b ~ N(0, 1), n the fan-in. (Jacot et al. 2018, section 3;
    /// Lee et al. 2019, Eq. 1.)
    #[default]
    Ntk,
    /// In the initial distribution: z = W x/√s + b with W ~ N(0, σ_w² s/n) and b ~ N(0, σ_b²). A network whose widths
    /// are s times those of another one has the tangent kernel of a limit along which only s grows; s = 1 is the usual
    /// initialisation. (Sohl-Dickstein et al. 2020, Eq. 7.)
    Standard {
        /// By how much the incoming layer is wider than a reference.
        s: f64,
    },
}

impl Scaling {
    /// σ_w and σ_b in NTK parameterization.
    pub fn ntk(sigma_w: f64, sigma_b: f64) -> Self {
        Self { sigma_w, sigma_b, parameterization: Parameterization::Ntk }
    }

    /// σ_w and σ_b in standard parameterization, without width scaling.
    pub fn standard(sigma_w: f64, sigma_b: f64) -> Self {
        Self { sigma_w, sigma_b, parameterization: Parameterization::Standard { s: 1.0 } }
    }

    /// Declares weights of the given shape: each output is made of `fan_in` inputs.
    pub fn weight(&self, name: &str, shape: impl Into<Shape>, fan_in: usize) -> Declaration {
        #[allow(clippy::cast_precision_loss, reason = "widths are far below 2⁵³")]
        let n = fan_in as f64;
        let (multiplier, std) = match self.parameterization {
            Parameterization::Ntk => (self.sigma_w / n.sqrt(), 1.0),
            Parameterization::Standard { s } => (s.sqrt().recip(), self.sigma_w * (s / n).sqrt()),
        };
        Declaration { name: name.into(), shape: shape.into(), multiplier, std }
    }

    /// Declares biases of the given shape.
    pub fn bias(&self, name: &str, shape: impl Into<Shape>) -> Declaration {
        let (multiplier, std) = match self.parameterization {
            Parameterization::Ntk => (self.sigma_b, 1.0),
            Parameterization::Standard { .. } => (1.0, self.sigma_b),
        };
        Declaration { name: name.into(), shape: shape.into(), multiplier, std }
    }

    /// Whether its numbers are of use to `module`.
    ///
    /// # Errors
    /// If σ_w or σ_b is negative or not finite, or s not positive.
    pub fn check(&self, module: &'static str) -> Result<(), Refused> {
        let setting = |field, value: f64, good: bool, wanted| {
            let refused = Reason::Setting { module, field, value, wanted };
            if good && value.is_finite() { Ok(()) } else { Err(refused) }
        };
        setting("sigma_w", self.sigma_w, self.sigma_w >= 0.0, "a number from 0 up")?;
        setting("sigma_b", self.sigma_b, self.sigma_b >= 0.0, "a number from 0 up")?;
        if let Parameterization::Standard { s } = self.parameterization {
            setting("s", s, s > 0.0, "a positive number")?;
        }
        Ok(())
    }
}
