//! An independent derivative: dual numbers a + b ε with ε² = 0, and the derivatives of the function table written
//! down a second time, from the textbook rather than from the crate.

use std::f64::consts::PI;
use std::ops::{Add, Mul, Neg};

use autodiff::Function;

/// a + b ε.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dual(pub(crate) f64, pub(crate) f64);

impl Add for Dual {
    type Output = Self;
    fn add(self, y: Self) -> Self {
        Self(self.0 + y.0, self.1 + y.1)
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, y: Self) -> Self {
        Self(self.0 * y.0, self.0 * y.1 + self.1 * y.0)
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
}

impl Dual {
    /// f(a) + f'(a) b ε.
    fn chain(self, value: f64, slope: f64) -> Self {
        Self(value, slope * self.1)
    }

    /// A function of the table, by the standard library and textbook derivatives.
    pub(crate) fn apply(self, f: Function) -> Self {
        let x = self.0;
        match f {
            Function::Exp => self.chain(x.exp(), x.exp()),
            Function::Expm1 => self.chain(x.exp_m1(), x.exp()),
            Function::Log1p => self.chain(x.ln_1p(), 1.0 / (1.0 + x)),
            Function::Rsqrt => self.chain(x.powf(-0.5), -0.5 * x.powf(-1.5)),
            Function::Sigmoid => self.chain(1.0 / (1.0 + (-x).exp()), 0.25 / (0.5 * x).cosh().powi(2)),
            Function::Softplus => self.chain(x.exp().ln_1p(), 1.0 / (1.0 + (-x).exp())),
            Function::Silu => {
                let s = 1.0 / (1.0 + (-x).exp());
                self.chain(x * s, s * (1.0 + x * (1.0 - s)))
            }
            Function::Gelu => {
                let (phi, cumulative) =
                    ((-0.5 * x * x).exp() / (2.0 * PI).sqrt(), 0.5 * (1.0 + erf(x / 2.0_f64.sqrt())));
                self.chain(x * cumulative, cumulative + x * phi)
            }
            Function::Softsign => self.chain(x / (1.0 + x.abs()), 1.0 / (1.0 + x.abs()).powi(2)),
            Function::Abs => self.chain(x.abs(), x.signum()),
            Function::Sign => self.chain(x.signum(), 0.0),
            Function::Log => self.chain(x.ln(), 1.0 / x),
            Function::Sqrt => self.chain(x.sqrt(), 0.5 / x.sqrt()),
            Function::Recip => self.chain(1.0 / x, -1.0 / (x * x)),
            Function::Tanh => self.chain(x.tanh(), 1.0 / x.cosh().powi(2)),
            Function::Erf => self.chain(erf(x), 2.0 / PI.sqrt() * (-x * x).exp()),
            Function::Relu => self.chain(x.max(0.0), if x > 0.0 { 1.0 } else { 0.0 }),
            Function::Step => self.chain(if x > 0.0 { 1.0 } else { 0.0 }, 0.0),
            Function::Hold => self.chain(x, 0.0),
            Function::Sin => self.chain(x.sin(), x.cos()),
            Function::Cos => self.chain(x.cos(), -x.sin()),
            Function::Acos => self.chain(x.acos(), -1.0 / (1.0 - x * x).sqrt()),
        }
    }
}

/// erf by its Taylor series 2/√π Σ (−1)ⁿ x^{2n+1} / (n! (2n+1)); good to rounding for |x| < 2.
fn erf(x: f64) -> f64 {
    let mut power = x;
    let mut sum = 0.0;
    for n in 0..60 {
        sum += power / f64::from(2 * n + 1);
        power *= -x * x / f64::from(n + 1);
    }
    2.0 / PI.sqrt() * sum
}
