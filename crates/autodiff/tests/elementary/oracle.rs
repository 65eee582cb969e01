//! The function table a second time, to some 110 bits: values and derivatives by textbook formulas and
//! series, with nothing in common with the crate's own. No constant is typed in: ln 2 and π are summed, too.

use std::sync::LazyLock;

use autodiff::{Binary, Function};

use crate::wide::{Fixed, Wide, parts};

/// (f(x), f′(x)) at a finite x other than 0; `None` where f is not defined or has a pole.
pub(crate) fn oracle(f: Function, x: f64) -> Option<(Wide, Wide)> {
    let domain = match f {
        Function::Log | Function::Sqrt | Function::Rsqrt => x > 0.0,
        Function::Log1p => x > -1.0,
        Function::Acos => x.abs() < 1.0,
        _ => true,
    };
    domain.then(|| on_domain(f, x))
}

/// f(a, b) at finite a and b.
pub(crate) fn oracle_of_two(f: Binary, a: f64, b: f64) -> Wide {
    match f {
        Binary::Max => Wide::from(if a > b { a } else { b }),
        Binary::ExpDifference => exp(Wide::from(a) - b),
        Binary::Atan2 => {
            let slope = arctan(Wide::from(a).abs() / Wide::from(b).abs());
            let angle = if b < 0.0 { HALF_PI.to_wide().scale(1) - slope } else { slope };
            angle.copysign(Wide::from(a))
        }
    }
}

/// e^{x − max x} / Σ e^{x − max x}.
pub(crate) fn softmax_oracle(x: &[f64]) -> Vec<Wide> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<Wide> = x.iter().map(|&x| exp(Wide::from(x) - largest)).collect();
    let sum = exponentials.iter().fold(Wide::ZERO, |sum, &y| sum + y);
    exponentials.into_iter().map(|y| y / sum).collect()
}

fn on_domain(f: Function, number: f64) -> (Wide, Wide) {
    let (x, zero, one) = (Wide::from(number), Wide::ZERO, Wide::from(1.0));
    let where_positive = |y: Wide| if number > 0.0 { y } else { zero };
    match f {
        Function::Exp => (exp(x), exp(x)),
        Function::Expm1 => (expm1(x), exp(x)),
        Function::Log => (log(x), x.recip()),
        Function::Log1p => (log1p(x), (x + 1.0).recip()),
        Function::Sqrt => (x.sqrt(), x.sqrt().recip().scale(-1)),
        Function::Rsqrt => (x.sqrt().recip(), -(x * x.sqrt()).recip().scale(-1)),
        Function::Recip => (x.recip(), -(x * x).recip()),
        Function::Tanh => {
            // (1 − e) / (1 + e) and 4 e / (1 + e)², where e is e^{−2|x|}.
            let twice = x.abs().scale(1);
            let sum = exp(-twice) + 1.0;
            ((-expm1(-twice) / sum).copysign(x), exp(-twice).scale(2) / (sum * sum))
        }
        Function::Sigmoid => (sigmoid(x), sigmoid(x) * sigmoid(-x)),
        Function::Softplus => (where_positive(x) + log1p(exp(-x.abs())), sigmoid(x)),
        Function::Silu => (x * sigmoid(x), sigmoid(x) * (x * sigmoid(-x) + 1.0)),
        Function::Gelu => {
            let (cumulative, density) = normal(x);
            (x * cumulative, cumulative + x * density)
        }
        Function::Softsign => {
            let sum = x.abs() + 1.0;
            (x / sum, (sum * sum).recip())
        }
        Function::Erf => (erf(x.abs()).copysign(x), exp(-x * x) * *TWO_OVER_ROOT_PI),
        Function::Relu => (where_positive(x), where_positive(one)),
        Function::Hold => (x, zero),
        Function::Abs => (x.abs(), one.copysign(x)),
        Function::Step => (where_positive(one), zero),
        Function::Sign => (one.copysign(x), zero),
        Function::Sin => {
            let (q, r) = quarter_turns(number);
            (sin(q, r), sin(q + 1, r))
        }
        Function::Cos => {
            let (q, r) = quarter_turns(number);
            (sin(q + 1, r), sin(q + 2, r))
        }
        Function::Acos => {
            let (below, above) = (one - x, x + 1.0);
            (arctan((below / above).sqrt()).scale(1), -(below * above).sqrt().recip())
        }
    }
}

/// log 4/3 + log 3/2.
static LN_2: LazyLock<Wide> = LazyLock::new(|| twice_artanh(one_over(7)) + twice_artanh(one_over(5)));
static ROOT_HALF: LazyLock<Wide> = LazyLock::new(|| Wide::from(0.5).sqrt());
static TWO_OVER_ROOT_PI: LazyLock<Wide> =
    LazyLock::new(|| HALF_PI.to_wide().scale(1).sqrt().recip().scale(1));

fn one_over(n: u32) -> Wide {
    Wide::from(1.0).over(n)
}

/// e^x = 2^k e^r with small r. From |x| = 2²⁰ on, where the result is far beyond all floats, it is that at
/// ±2²⁰.
fn exp(x: Wide) -> Wide {
    let x = if x.exponent() < 20 { x } else { Wide::from(1.0).scale(20).copysign(x) };
    let k = (x.to_f64() / std::f64::consts::LN_2).round();
    (expm1_of_small(x - *LN_2 * k) + 1.0).scale(k as i32)
}

fn expm1(x: Wide) -> Wide {
    if x.exponent() < -1 { expm1_of_small(x) } else { exp(x) - 1.0 }
}

/// For |x| ≤ 1/2: the series at x/256, then e^{2x} − 1 = (e^x − 1)(e^x − 1 + 2) eight times.
fn expm1_of_small(x: Wide) -> Wide {
    let x = x.scale(-8);
    let series = (1..=12).rev().fold(Wide::ZERO, |sum, n| ((sum + 1.0) * x).over(n));
    (0..8).fold(series, |y, _| y * (y + 2.0))
}

/// log x = k log 2 + log f, with f near 1.
fn log(x: Wide) -> Wide {
    let above = x.scale(-x.exponent()).to_f64() > std::f64::consts::SQRT_2;
    let k = x.exponent() + i32::from(above);
    let f = x.scale(-k);
    *LN_2 * f64::from(k) + twice_artanh((f - 1.0) / (f + 1.0))
}

fn log1p(x: Wide) -> Wide {
    if x.exponent() < -2 { twice_artanh(x / (x + 2.0)) } else { log(x + 1.0) }
}

/// log((1 + s)/(1 − s)) = 2 Σ s^{2n+1}/(2n+1) for |s| ≤ 1/5.
fn twice_artanh(s: Wide) -> Wide {
    let z = s * s;
    (0..28).rev().fold(Wide::ZERO, |sum, n| sum * z + one_over(2 * n + 1)) * s.scale(1)
}

fn sigmoid(x: Wide) -> Wide {
    (exp(-x) + 1.0).recip()
}

/// The normal distribution function, and its density.
fn normal(x: Wide) -> (Wide, Wide) {
    let cumulative = erfc(-x * *ROOT_HALF).scale(-1);
    (cumulative, exp(-(x * x).scale(-1)) * *TWO_OVER_ROOT_PI * ROOT_HALF.scale(-1))
}

/// Where erfc comes from erf, which costs up to 26 bits, and not from its continued fraction.
fn is_near(x: Wide) -> bool {
    x.exponent() < 2
}

/// For x ≥ 0.
fn erf(x: Wide) -> Wide {
    if !is_near(x) {
        return Wide::from(1.0) - erfc(x);
    }
    // 2/√π e^{−x²} Σ (2x²)ⁿ x / (1 · 3 ⋯ (2n+1)), all of one sign.
    let (mut term, mut sum) = (x, x);
    for n in 1.. {
        term = (term * (x * x).scale(1)).over(2 * n + 1);
        sum = sum + term;
        if term.exponent() < sum.exponent() - 130 {
            break;
        }
    }
    sum * exp(-x * x) * *TWO_OVER_ROOT_PI
}

fn erfc(x: Wide) -> Wide {
    if x.is_negative() {
        Wide::from(2.0) - erfc(-x)
    } else if is_near(x) {
        Wide::from(1.0) - erf(x)
    } else {
        // e^{−x²}/√π / (x + (1/2)/(x + (2/2)/(x + (3/2)/(x + …)))): with n levels it errs by some
        // e^{−2x√(2n)}.
        let fraction = (1..=80).rev().fold(x, |d, n| x + Wide::from(0.5 * f64::from(n)) / d);
        exp(-x * x) * TWO_OVER_ROOT_PI.scale(-1) / fraction
    }
}

/// For x ≥ 0: the series at a 64th of the angle, by tan φ/2 = tan φ / (1 + √(1 + tan² φ)) six times.
fn arctan(x: Wide) -> Wide {
    if x.exponent() >= 1 {
        return HALF_PI.to_wide() - arctan(x.recip());
    }
    let t = (0..6).fold(x, |t, _| t / ((t * t + 1.0).sqrt() + 1.0));
    let series = (0..16).rev().fold(Wide::ZERO, |sum, n| one_over(2 * n + 1) - t * t * sum);
    (t * series).scale(6)
}

/// sin(q π/2 + r) for |r| ≤ π/4.
fn sin(q: u64, r: Wide) -> Wide {
    // 1 − z/(m (m+1)) (1 − z/((m+2) (m+3)) (1 − …)) with z = r².
    let series = |m: u32| {
        let factors = (0..18).rev().map(|n| (m + 2 * n) * (m + 2 * n + 1));
        factors.fold(Wide::from(1.0), |sum, factor| Wide::from(1.0) - (r * r * sum).over(factor))
    };
    let y = if q % 2 == 1 { series(1) } else { r * series(2) };
    if q % 4 < 2 { y } else { -y }
}

/// (q, r) with x = q π/2 + r and |r| ≤ π/4, where q is known up to a multiple of 4. By long division: the
/// integer part of x bit by bit from the top, then its fraction.
fn quarter_turns(x: f64) -> (u64, Wide) {
    if x.abs() < 0.5 {
        return (0, Wide::from(x));
    }
    let (mantissa, exponent) = parts(x);
    let (whole, fraction) = match exponent {
        ..0 => (mantissa >> -exponent, mantissa << (64 + exponent)),
        _ => (mantissa, 0),
    };
    let bits = (0..53).rev().map(|i| whole >> i & 1).chain((0..exponent).map(|_| 0));
    let (q, r) =
        bits.fold((0, Fixed::new(0, 0)), |(q, r), bit| divide(2 * q, r.plus(&r).plus(&Fixed::new(bit, 0))));
    let (q, r) = divide(q, r.plus(&Fixed::new(0, fraction)));
    let rest = HALF_PI.minus(&r);
    let (q, r) = if rest < r { (q + 1, -rest.to_wide()) } else { (q, r.to_wide()) };
    if x < 0.0 { (4 - q % 4, -r) } else { (q, r) }
}

/// (q, r) with the same q π/2 + r, and r < π/2.
fn divide(q: u64, r: Fixed) -> (u64, Fixed) {
    if r < *HALF_PI { (q % 4, r) } else { divide(q + 1, r.minus(&HALF_PI)) }
}

/// Machin: π/4 = 4 arctan 1/5 − arctan 1/239.
static HALF_PI: LazyLock<Fixed> = LazyLock::new(|| {
    let (a, b) = (arctan_of_inverse(5), arctan_of_inverse(239));
    let quarter = a.plus(&a).plus(&a).plus(&a).minus(&b);
    quarter.plus(&quarter)
});

/// arctan 1/n = Σ ± n^{−(2k+1)}/(2k+1).
fn arctan_of_inverse(n: u64) -> Fixed {
    let mut power = Fixed::new(1, 0).over(n);
    let mut sum = power;
    for k in 1.. {
        power = power.over(n * n);
        if power == Fixed::new(0, 0) {
            break;
        }
        let term = power.over(2 * k + 1);
        sum = if k % 2 == 0 { sum.plus(&term) } else { sum.minus(&term) };
    }
    sum
}
