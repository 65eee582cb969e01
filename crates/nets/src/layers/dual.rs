//! Dual activations: the expectations E[φ(u) φ(v)] and E[φ'(u) φ'(v)] of activations for jointly Gaussian u and v, which take
//! a layer's covariances to the next one's. (Daniely et al. 2016; the formulas are from the papers named with them, and were
//! put in forms that are right at variance 0, for equal and for opposite arguments.)
//!
//! q₁ = E[u²] and q₂ = E[v²] are known of one example each, and what is made of them alone is computed once an example;
//! c = E[uv] and what follows are of pairs.

use std::f64::consts::{FRAC_1_PI, FRAC_PI_2, PI, SQRT_2};

use autodiff::{Binary, Var};

use super::Activation;
use super::activation::{LIKE_SIGMOID, polynomial, shifted};
use crate::limit::{Dual, Limit};

impl Activation {
    /// The expectations at the arguments that `z` describes.
    pub(super) fn dual<'g>(&self, z: &mut Limit<'g>) -> Dual<'g> {
        match *self {
            Self::Identity => powers(z, &[0.0, 1.0]),
            Self::Relu => sloped(z, 0.0, 1.0),
            Self::LeakyRelu { alpha } => sloped(z, alpha, 1.0),
            Self::Abs => sloped(z, -1.0, 1.0),
            Self::Sign => sign(z),
            Self::Abrelu { a, b } => sloped(z, a, b),
            Self::Erf { a, b, c } => erf(z, a, b, c),
            Self::SigmoidLike => erf(z, 0.5, LIKE_SIGMOID, 0.5),
            Self::Sigmoid | Self::Tanh | Self::Softplus | Self::Silu => z.expand(&|z| self.of(z)),
            Self::Gelu => gelu(z),
            Self::Sin { a, b, c } => sin(z, a, b, (2.0 * c).cos()),
            Self::Cos { a, b, c } => sin(z, a, b, -(2.0 * c).cos()),
            Self::Rbf { gamma } => sin(z, SQRT_2, (2.0 * gamma).sqrt(), 0.0),
            Self::Exp { a, b } => exp(z, a, b),
            Self::Gaussian { a, b } => gaussian(z, a, b),
            Self::Gabor => gabor(z),
            Self::Hermite { degree } => hermite(z, degree),
            Self::Monomial { degree } => {
                let mut coefficients = vec![0.0; degree as usize];
                coefficients.push(1.0);
                powers(z, &coefficients)
            }
            Self::RectifiedMonomial { degree } => rectified_monomial(z, degree),
            Self::Polynomial { ref coefficients } => powers(z, coefficients),
        }
    }
}

/// √(q₁q₂ − c²), the area that u and v span, and arctan(c/√…), which is arcsin of their correlation.
///
/// Where the area is too small to be told from 0, which rounding of q₁q₂ − c² would make a large error of the angle, it is 0;
/// and where u or v is 0, so is the angle.
fn span<'g>(z: &Limit<'g>) -> (Var<'g>, Var<'g>) {
    let product = z.outer(z.variances);
    let square = product - z.nngp * z.nngp;
    let wide = (square - z.resolution * product).step();
    if z.factors.is_none() {
        let area = (square * wide).sqrt();
        return (area, z.nngp.zip(Binary::Atan2, area));
    }
    // The same numbers, with derivatives: as σ_w and σ_b change, equal arguments stay equal and what is 0 stays 0.
    let flat = 1.0 - wide;
    let area = (square * wide + flat).sqrt();
    let angle = z.nngp.zip(Binary::Atan2, area) * wide + FRAC_PI_2 * z.nngp.sign() * flat;
    (area * wide, angle)
}

/// q₁q₂ − c², not below 0, for these or for multiples of them.
fn square<'g>(z: &Limit<'g>, c: Var<'g>, variances: [Var<'g>; 2]) -> Var<'g> {
    (z.outer(variances) - c * c).relu()
}

/// a min(z, 0) + b max(z, 0). (Cho and Saul 2009, Eqs. 5 and 6, of both slopes.)
fn sloped<'g>(z: &Limit<'g>, a: f64, b: f64) -> Dual<'g> {
    let (area, angle) = span(z);
    let kink = (a - b) * (a - b) / (2.0 * PI);
    let derivative = shifted(kink * angle, (a + b) * (a + b) / 4.0);
    let value = derivative * z.nngp + kink * area;
    Dual { value, derivative, squares: z.variances.map(|q| (a * a + b * b) / 2.0 * q) }
}

/// −1, 0 or 1. (Cho and Saul 2009, Eq. 5: that is 2 θ(z) − 1.)
fn sign<'g>(z: &Limit<'g>) -> Dual<'g> {
    let (_, angle) = span(z);
    let derivative = z.nngp.builder().fill(0.0, &z.nngp.shape());
    Dual { value: 2.0 * FRAC_1_PI * angle, derivative, squares: z.variances.map(Var::step) }
}

/// a erf(bz) + c. (Williams 1997, Eq. 11.)
fn erf<'g>(z: &Limit<'g>, a: f64, b: f64, c: f64) -> Dual<'g> {
    let (twice, variances) = (2.0 * b * b * z.nngp, z.variances.map(|q| 2.0 * b * b * q));
    // (1 + 2b²q₁)(1 + 2b²q₂) − 4b⁴c², as a sum of what is not negative, so that digits are not lost where variances are large.
    let area = (square(z, twice, variances) + z.outer_sum(variances) + 1.0).sqrt();
    let value = shifted(2.0 * a * a * FRAC_1_PI * twice.zip(Binary::Atan2, area), c * c);
    let derivative = 4.0 * a * a * b * b * FRAC_1_PI * area.recip();
    let squares = z.variances.map(|q| {
        let q = b * b * q;
        shifted(2.0 * a * a * FRAC_1_PI * q.zip(Binary::Atan2, (q + 0.25).sqrt()), c * c)
    });
    Dual { value, derivative, squares }
}

/// z Φ(z). (Tsuchida et al. 2021, section 3.)
fn gelu<'g>(z: &Limit<'g>) -> Dual<'g> {
    let c = z.nngp;
    let above = z.variances.map(|q| q + 1.0);
    let product = z.outer(z.variances);
    // (1 + q₁)(1 + q₂) − c²
    let square = square(z, c, z.variances) + z.outer_sum(z.variances) + 1.0;
    let inverse = square.rsqrt();
    let angle = c.zip(Binary::Atan2, square.sqrt());
    let over = z.outer(above.map(Var::recip));
    let value = 0.25 * c + 0.5 * FRAC_1_PI * ((c * c + product * square) * over * inverse + c * angle);
    let terms = inverse * inverse + (1.0 - product) * over + 1.0;
    let derivative = 0.25 + 0.5 * FRAC_1_PI * (angle + c * inverse * terms);
    let squares = z.variances.map(|q| {
        let root = (2.0 * q + 1.0).sqrt();
        let part = q * ((q + 1.0) * root).recip() + 0.5 * q.zip(Binary::Atan2, root);
        q * (FRAC_1_PI * part + 0.25)
    });
    Dual { value, derivative, squares }
}

/// a sin(bz + s), given cos 2s. (Pearce et al. 2019, Appendix B.)
fn sin<'g>(z: &Limit<'g>, a: f64, b: f64, cos_2s: f64) -> Dual<'g> {
    let (c, mean) = (b * b * z.nngp, z.outer_sum(z.variances.map(|q| 0.5 * b * b * q)));
    // Of the cosines of the difference and of the sum of both arguments: e^… − 1, so that small variances keep their digits. The
    // exponents are not positive but by rounding.
    let difference = (-(mean - c).relu()).expm1();
    let mut value = shifted(difference, 1.0 - cos_2s);
    let mut derivative = shifted(difference, 1.0 + cos_2s);
    if cos_2s != 0.0 {
        let sum = cos_2s * (-(mean + c).relu()).expm1();
        (value, derivative) = (value - sum, derivative + sum);
    }
    let squares = z.variances.map(|q| {
        let fluctuating = -cos_2s * (-2.0 * b * b * q).expm1();
        0.5 * a * a * shifted(fluctuating, 1.0 - cos_2s)
    });
    Dual { value: 0.5 * a * a * value, derivative: 0.5 * a * a * b * b * derivative, squares }
}

/// a e^{bz}: the mean of a log-normal variable.
fn exp<'g>(z: &Limit<'g>, a: f64, b: f64) -> Dual<'g> {
    let mean = z.outer_sum(z.variances.map(|q| 0.5 * b * b * q));
    let value = a * a * (b * b * z.nngp + mean).exp();
    let squares = z.variances.map(|q| a * a * (2.0 * b * b * q).exp());
    Dual { value, derivative: b * b * value, squares }
}

/// a e^{bz²} with b ≤ 0: an integral of Gaussians.
fn gaussian<'g>(z: &Limit<'g>, a: f64, b: f64) -> Dual<'g> {
    let (c, variances) = (-2.0 * b * z.nngp, z.variances.map(|q| -2.0 * b * q));
    // (1 − 2bq₁)(1 − 2bq₂) − 4b²c²
    let inverse = (square(z, c, variances) + z.outer_sum(variances) + 1.0).rsqrt();
    let derivative = -2.0 * a * a * b * (c * inverse * inverse * inverse);
    let squares = z.variances.map(|q| a * a * (-4.0 * b * q + 1.0).rsqrt());
    Dual { value: a * a * inverse, derivative, squares }
}

/// e^{−z²} sin z: an integral of Gaussians with complex means.
fn gabor<'g>(z: &Limit<'g>) -> Dual<'g> {
    let c = z.nngp;
    let product = z.outer(z.variances);
    let sum = z.outer_sum(z.variances);
    let excess = 4.0 * square(z, c, z.variances);
    let m = 2.0 * sum + excess + 1.0;
    let inverse = m.recip();
    let left = (-0.5 * (sum + excess + 2.0 * c) * inverse).exp();
    let right = (2.0 * c * inverse).expm1();
    let root = m.rsqrt();
    let value = 0.5 * left * right * root;
    let h = 2.0 * sum + 4.0 * (c * c + product) + 1.0;
    let g = 4.0 * c * (excess + 3.0 * sum + 2.0);
    let both = h - g + (right + 1.0) * (h + g);
    let derivative = 0.5 * left * both * (root * inverse * inverse);
    let squares = z.variances.map(|q| {
        let m = 4.0 * q + 1.0;
        -0.5 * (-2.0 * q * m.recip()).expm1() * m.rsqrt()
    });
    Dual { value, derivative, squares }
}

/// Σₖ cₖ zᵏ, expanded in Hermite polynomials: Σ_l R_l(q₁) R_l(q₂) cˡ with
/// R_l(q) = Σᵢ c_{l+2i} (l+2i)!/(2ⁱ i! √l!) qⁱ. (From E[z^{l+2i} h_l] = (l+2i)!/(2ⁱ i! √l!).)
fn powers<'g>(z: &Limit<'g>, coefficients: &[f64]) -> Dual<'g> {
    let mut terms = Vec::new();
    let mut root = 1.0; // √l!
    for l in 0..coefficients.len() {
        let order = f64::from(u32::try_from(l).expect("degrees are small"));
        root *= order.max(1.0).sqrt();
        let (mut weight, mut series) = (root, Vec::new());
        for (i, c) in coefficients[l..].iter().step_by(2).enumerate() {
            if i > 0 {
                let i = f64::from(u32::try_from(i).expect("degrees are small"));
                weight *= (order + 2.0 * i) * (order + 2.0 * i - 1.0) / (2.0 * i);
            }
            series.push(c * weight);
        }
        if series.iter().any(|&c| c != 0.0) {
            terms.push((l, z.variances.map(|q| polynomial(q, &series))));
        }
    }
    sum_of_powers(z, &terms)
}

/// Heₙ(z)/√n!, expanded in the polynomials of variance 1: R_l(q) = √(n!/l!)/(2ᵏ k!) (q − 1)ᵏ, l = n − 2k.
fn hermite<'g>(z: &Limit<'g>, degree: u32) -> Dual<'g> {
    let mut terms = Vec::new();
    let mut weight = 1.0;
    for k in 0..=degree / 2 {
        let l = degree - 2 * k;
        if k > 0 {
            weight *= (f64::from(l + 1) * f64::from(l + 2)).sqrt() / (2.0 * f64::from(k));
        }
        terms.push((l as usize, z.variances.map(|q| weight * (q - 1.0).powi(k))));
    }
    terms.reverse();
    sum_of_powers(z, &terms)
}

/// Σ_l R_l(q₁) R_l(q₂) cˡ of the terms (l, R_l), l ascending; its derivative by c; and Σ_l R_l(q)² qˡ.
fn sum_of_powers<'g>(z: &Limit<'g>, terms: &[(usize, [Var<'g>; 2])]) -> Dual<'g> {
    let c = z.nngp;
    let zero = |like: Var<'g>| like.builder().fill(0.0, &like.shape());
    // Horner's rule in c, where powers may be missing.
    let horner = |terms: &[(usize, Var<'g>)], x: Var<'g>| {
        let mut sum: Option<(usize, Var<'g>)> = None;
        for &(l, term) in terms.iter().rev() {
            sum = Some(match sum {
                None => (l, term),
                Some((above, sum)) => (l, sum * x.powi(u32::try_from(above - l).expect("small")) + term),
            });
        }
        match sum {
            None => zero(x),
            Some((0, sum)) => sum,
            Some((l, sum)) => sum * x.powi(u32::try_from(l).expect("small")),
        }
    };
    let products: Vec<(usize, Var<'g>)> = terms.iter().map(|&(l, r)| (l, z.outer(r))).collect();
    let of_derivative: Vec<(usize, Var<'g>)> = products
        .iter()
        .filter(|(l, _)| *l > 0)
        .map(|&(l, r)| (l - 1, f64::from(u32::try_from(l).expect("small")) * r))
        .collect();
    let squares = [0, 1].map(|side| {
        let own: Vec<(usize, Var<'g>)> = terms.iter().map(|&(l, r)| (l, r[side] * r[side])).collect();
        horner(&own, z.variances[side])
    });
    Dual { value: horner(&products, c), derivative: horner(&of_derivative, c), squares }
}

/// zⁿ where z ≥ 0. (Cho and Saul 2009, Eqs. 3 and 4.) The derivative of degree 0 is 0 by convention, and the value at 0 is ½.
fn rectified_monomial<'g>(z: &Limit<'g>, degree: u32) -> Dual<'g> {
    let (area, angle) = span(z);
    let angle = angle + FRAC_PI_2;
    let product = z.outer(z.variances);
    let half = |n: u32| {
        let full = angle * homogeneous(z.nngp, product, n, &moments(n));
        0.5 * FRAC_1_PI
            * match n {
                0 => full,
                n => full + area * homogeneous(z.nngp, product, n - 1, &of_area(n)),
            }
    };
    let n = f64::from(degree);
    let derivative = match degree {
        0 => z.nngp.builder().fill(0.0, &z.nngp.shape()),
        degree => n * n * half(degree - 1),
    };
    // E[zⁿ zⁿ] = (2n − 1)!! qⁿ, and half of it is where z ≥ 0.
    let odd: f64 = (0..degree).map(|i| f64::from(2 * i + 1)).product();
    let squares = z.variances.map(|q| match degree {
        0 => 0.25 * q.step() + 0.25,
        degree => 0.5 * odd * q.powi(degree),
    });
    Dual { value: half(degree), derivative, squares }
}

/// The coefficients m_k of E[uⁿ vⁿ] = Σ_k m_k cᵏ (q₁q₂)^{(n−k)/2}, k = n, n − 2, …: n!²/(k! j!² 4ʲ) with j = (n − k)/2, which is
/// the number of ways to pair.
fn moments(n: u32) -> Vec<f64> {
    let mut m: f64 = (1..=n).map(f64::from).product();
    (0..=n / 2)
        .map(|j| {
            if j > 0 {
                let k = n - 2 * j;
                m *= f64::from(k + 1) * f64::from(k + 2) / f64::from(2 * j).powi(2);
            }
            m
        })
        .collect()
}

/// The coefficients α_j of the factor Σ_j α_j cʲ (q₁q₂)^{(n−1−j)/2}, j = n − 1, n − 3, …, of the area in 2π E[uⁿ vⁿ; u, v ≥ 0]. They
/// follow from those for n − 1 since n² times that is the derivative by c (Price 1958): comparing powers of c,
/// (j + 1) α_j = m_{j+1} + n² (α'_{j−1} − α'_{j+1}) + (j + 2) α_{j+2}.
fn of_area(n: u32) -> Vec<f64> {
    let mut before: Vec<f64> = Vec::new();
    for n in 1..=n {
        let moments = moments(n);
        let mut own: Vec<f64> = Vec::new();
        for (i, m) in moments.iter().take(n.div_ceil(2) as usize).enumerate() {
            let j = f64::from(n - 1 - 2 * u32::try_from(i).expect("degrees are small"));
            // Those of n − 1 begin with j = n − 2.
            let (below, above) = (before.get(i), i.checked_sub(1).map(|i| before[i]));
            let change = below.copied().unwrap_or(0.0) - above.unwrap_or(0.0);
            let next = i.checked_sub(1).map_or(0.0, |i| own[i]);
            own.push((m + f64::from(n).powi(2) * change + (j + 2.0) * next) / (j + 1.0));
        }
        before = own;
    }
    before
}

/// Σᵢ aᵢ c^{d−2i} pⁱ, by Horner's rule in c².
fn homogeneous<'g>(c: Var<'g>, p: Var<'g>, degree: u32, coefficients: &[f64]) -> Var<'g> {
    let (mut sum, mut power) = (c.builder().fill(coefficients[0], &c.shape()), None);
    for &a in &coefficients[1..] {
        let next = power.map_or(p, |power| p * power);
        sum = sum * (c * c) + a * next;
        power = Some(next);
    }
    if degree.is_multiple_of(2) { sum } else { c * sum }
}
