//! The accuracy of the function table, at f32 and f64, in units of the last place of the exact result (ulps).
//!
//! The chain: the oracle, of 128 bits, is held to mpmath, and its derivatives to its values. f64 and f32 are
//! held to the oracle all over their range, and most where functions are difficult. At its other bit patterns
//! f32 is held to f64, whose own errors are then the 2⁻²⁹th part of an ulp.

mod oracle;
mod points;
mod wide;

use std::f64::consts::{FRAC_2_SQRT_PI, FRAC_PI_2, LN_2, PI};
use std::fmt;

use autodiff::{Binary, Function, Graph, Plan, Real, Tensor, Threads, Workspace, evaluate, jvp};
use rayon::prelude::*;

use oracle::{oracle, oracle_of_two, softmax_oracle};
use points::{Random, points};
use wide::Wide;

/// The largest error of a value, in ulps.
fn value_bound(f: Function) -> f64 {
    match f {
        Function::Sigmoid | Function::Softplus | Function::Silu | Function::Gelu => 4.0,
        _ => 2.0,
    }
}

/// The largest error of a derivative, in ulps: formulas of the table multiply up to three values.
fn derivative_bound(f: Function) -> f64 {
    if is_absolute(f) { 2.0 } else { 6.0 }
}

/// Whether a derivative below 1 is held to ulps of 1 instead of its own: the table's formula is a sum whose
/// terms may cancel, or (erf) the exponential of a rounded square.
fn is_absolute(f: Function) -> bool {
    matches!(f, Function::Expm1 | Function::Tanh | Function::Silu | Function::Gelu | Function::Erf)
}

/// f32 and f64, as formats of bits.
trait Format: Real {
    /// Bits of the significand.
    const PRECISION: i32;
    /// 2^LEAST is the least positive number.
    const LEAST: i32;
    /// 2^BEYOND is the number after the largest, and what ∞ stands for.
    const BEYOND: i32;

    /// From the low bits.
    fn from_low(bits: u64) -> Self;
    fn bits(self) -> u64;
}

macro_rules! format {
    ($float:ident) => {
        impl Format for $float {
            const PRECISION: i32 = $float::MANTISSA_DIGITS as i32;
            const LEAST: i32 = $float::MIN_EXP - Self::PRECISION;
            const BEYOND: i32 = $float::MAX_EXP;

            #[allow(trivial_numeric_casts, reason = "of f64 all bits are low")]
            fn from_low(bits: u64) -> Self {
                Self::from_bits(bits as _)
            }
            fn bits(self) -> u64 {
                self.to_bits().into()
            }
        }
    };
}

format!(f32);
format!(f64);

/// The error of y, in units of the last place of the exact result, or in units of 2^least if they are more.
fn ulps<T: Format>(y: T, exact: Wide, least: i32) -> f64 {
    let y: f64 = y.into();
    if y.is_nan() {
        return f64::INFINITY;
    }
    let beyond = Wide::from(1.0).scale(T::BEYOND);
    let y = if y.is_infinite() { beyond.copysign(Wide::from(y.signum())) } else { Wide::from(y) };
    let exact = if exact.exponent() < T::BEYOND { exact } else { beyond.copysign(exact) };
    (y - exact).abs().scale(-least.max(exact.exponent() - T::PRECISION + 1)).to_f64()
}

/// Whether a derivative in [2^exponent, 2^(exponent+1)), and what it is made of, neither overflows, with a
/// factor of 4 to spare, nor underflows; the latter does no harm where it is held to ulps of 1.
fn in_range<T: Format>(f: Function, exponent: i32) -> bool {
    exponent < T::BEYOND - 2 && (is_absolute(f) || exponent >= T::LEAST + T::PRECISION - 1)
}

/// 2^this is the least unit a derivative's error is counted in.
fn least_unit<T: Format>(f: Function) -> i32 {
    if is_absolute(f) { 1 - T::PRECISION } else { T::LEAST }
}

/// The largest error seen, and where.
#[derive(Clone, Copy, Default)]
struct Worst {
    ulps: f64,
    at: f64,
}

impl Worst {
    fn see(&mut self, ulps: f64, at: impl Into<f64>) {
        if ulps > self.ulps {
            *self = Self { ulps, at: at.into() };
        }
    }
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ulp at {:e}", self.ulps, self.at)
    }
}

/// The largest errors of a function's value and derivative.
struct Errors {
    function: Function,
    value: Worst,
    derivative: Worst,
}

impl Errors {
    fn new(function: Function) -> Self {
        Self { function, value: Worst::default(), derivative: Worst::default() }
    }

    fn are_within_bounds(&self) -> bool {
        self.value.ulps <= value_bound(self.function)
            && self.derivative.ulps <= derivative_bound(self.function)
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} {}, derivative {}", self.function.name(), self.value, self.derivative)
    }
}

/// Fails with all functions beyond their bounds.
#[track_caller]
fn hold(errors: impl IntoIterator<Item = Errors>) {
    let beyond: Vec<String> =
        errors.into_iter().filter(|e| !e.are_within_bounds()).map(|e| e.to_string()).collect();
    assert!(beyond.is_empty(), "beyond the bounds:\n{}", beyond.join("\n"));
}

/// (x, ẋ) ↦ (f(x), f′(x) ẋ) at n points.
fn program(f: Function, n: usize) -> Graph {
    jvp(&Graph::trace([[n]], |x| vec![x[0].map(f)]), &[0])
}

/// Against the oracle.
fn errors<T: Format>(f: Function, points: &[T]) -> Errors {
    let n = points.len();
    let y = evaluate(&program(f, n), &[Tensor::new([n], points), Tensor::new([n], vec![T::one(); n])]);
    let mut errors = Errors::new(f);
    for ((&x, &y), &dy) in points.iter().zip(y[0].data()).zip(y[1].data()) {
        let Some((value, derivative)) = oracle(f, x.into()) else {
            let at_edge = matches!((f, x.into()), (Function::Log1p, -1.0) | (Function::Acos, -1.0 | 1.0));
            assert!(y.is_nan() || at_edge, "{}({x}) = {y}", f.name());
            continue;
        };
        errors.value.see(ulps(y, value, T::LEAST), x);
        if derivative.is_zero() || in_range::<T>(f, derivative.exponent()) {
            errors.derivative.see(ulps(dy, derivative, least_unit::<T>(f)), x);
        }
    }
    errors
}

/// A value at two precisions: f(x) is hi + lo. By mpmath 1.3.0.
#[rustfmt::skip]
const MPMATH: &[(Function, f64, f64, f64)] = &[
    (Function::Exp, 1.5, 4.4816890703380645, 3.0481759556536343e-16),
    (Function::Exp, -600.25, 2.0641309109295095e-261, -2.1403995749322006e-280),
    (Function::Expm1, 1e-10, 1.00000000005e-10, 3.3900133221217734e-27),
    (Function::Expm1, -0.3, -0.2591817793182821, -1.805530505953e-18),
    (Function::Log, 1.0000001, 9.999999505838704e-08, 1.5249709528441489e-24),
    (Function::Log, 1e+300, 690.7755278982137, 2.3747660028800243e-14),
    (Function::Log1p, -0.875, -2.0794415416798357, -1.8059370687790465e-16),
    (Function::Log1p, 1e-09, 9.999999995e-10, 7.493897403823754e-26),
    (Function::Sqrt, 5.0, 2.23606797749979, -1.0864230407365012e-16),
    (Function::Rsqrt, 3.0, 0.5773502691896257, 3.3450280739356345e-17),
    (Function::Recip, 7.0, 0.14285714285714285, 7.93016446160826e-18),
    (Function::Tanh, 0.1, 0.09966799462495582, 3.542433877641546e-18),
    (Function::Tanh, -3.0, -0.9950547536867305, 1.2991892863562624e-17),
    (Function::Sigmoid, -30.0, 9.357622968839299e-14, 8.837142511495094e-31),
    (Function::Softplus, -2.0, 0.1269280110429725, 2.5167876693038718e-18),
    (Function::Softplus, 5.0, 5.006715348489118, -1.871539192757289e-16),
    (Function::Silu, -1.25, -0.27837517353163604, -2.1973251891564276e-17),
    (Function::Gelu, -5.5, -1.0444259356238245e-07, -3.337942499739722e-24),
    (Function::Gelu, 0.3, 0.1853734266566858, -1.3825715649133605e-17),
    (Function::Softsign, -0.7, -0.4117647058823529, -4.225762377465993e-18),
    (Function::Erf, 0.5, 0.5204998778130465, 1.900077467916287e-17),
    (Function::Erf, 3.9, 0.9999999652077514, 4.043995169613491e-17),
    (Function::Sin, 1.0, 0.8414709848078965, 1.776845092935536e-18),
    (Function::Sin, 1e+22, -0.8522008497671888, -6.7806825896773284e-18),
    (Function::Sin, 1e+300, -0.8178819121159085, -4.78135837440326e-17),
    (Function::Cos, 11.0, 0.004425697988050785, 3.2449142686784373e-19),
    (Function::Cos, -5.319372648326541e+255, -4.687165924254628e-19, 4.3720557429382733e-36),
];

#[test]
fn oracle_agrees_with_mpmath_to_90_bits() {
    for &(f, x, hi, lo) in MPMATH {
        let (value, _) = oracle(f, x).expect("x is in the domain");
        let expected = Wide::from(hi) + lo;
        let error = (value - expected) / expected;
        assert!(error.exponent() < -90, "{}({x:e}): 2^{}", f.name(), error.exponent());
    }
}

/// By differences of fourth order. (That hold has none is its purpose.)
#[test]
fn oracle_derivatives_are_those_of_its_values() {
    let h = 2.0_f64.powi(-20);
    for &f in Function::ALL.iter().filter(|&&f| f != Function::Hold) {
        for x in (-160..160).map(|i| 0.125 * f64::from(i) + 0.0625) {
            let value = |x: f64| oracle(f, x).map(|(value, _)| value);
            let (Some(a), Some(b), Some((_, derivative)), Some(c), Some(d)) =
                (value(x - 2.0 * h), value(x - h), oracle(f, x), value(x + h), value(x + 2.0 * h))
            else {
                continue;
            };
            let difference = ((c - b) * 8.0 - (d - a)).over(12).scale(20);
            let error = (difference - derivative).exponent() - derivative.exponent().max(0);
            assert!(error < -56, "{}'({x}): 2^{error}", f.name());
        }
    }
}

#[test]
fn f64_is_within_its_bounds() {
    hold(Function::ALL.iter().map(|&f| errors(f, &points::<f64>(10_000))));
}

#[test]
fn f32_is_within_its_bounds() {
    hold(Function::ALL.iter().map(|&f| errors(f, &points::<f32>(10_000))));
}

/// At pairs whose difference is a point: mostly, a rounded difference would not do.
#[test]
fn functions_of_two_arguments_are_within_their_bounds() {
    fn hold_at<T: Format>() {
        let points = points::<T>(20_000);
        for &f in Binary::ALL {
            for (&a, &difference) in points.iter().zip(&points[1..]) {
                let b = a - difference;
                if b.is_finite() {
                    let error = ulps(f.value(a, b), oracle_of_two(f, a.into(), b.into()), T::LEAST);
                    assert!(error <= 2.0, "{}({a}, {b}): {error} ulp", f.name());
                }
            }
        }
    }
    hold_at::<f32>();
    hold_at::<f64>();
}

#[test]
fn softmax_is_within_4_ulps_at_any_magnitude() {
    fn hold_at<T: Format>() {
        let mut random = Random::new(2);
        for (length, magnitude) in [(2, 1.0), (10, 5.0), (10, 80.0), (64, 30.0), (10, 1e3), (3, 1e30)] {
            let rows = 500;
            let x: Vec<T> = (0..rows * length)
                .map(|_| {
                    T::literal(magnitude * (random.of_any_length(31) as f64 / (1_u64 << 30) as f64 - 1.0))
                })
                .collect();
            let program = Graph::trace([[rows, length]], |x| vec![x[0].softmax(&[1])]);
            let input = [Tensor::new([rows, length], x.clone())];
            for y in [&evaluate(&program, &input)[0], &Plan::new(&program).call(&input, &Threads::one())[0]] {
                for (x, y) in x.chunks(length).zip(y.data().chunks(length)) {
                    let exact = softmax_oracle(&x.iter().map(|&x| x.into()).collect::<Vec<f64>>());
                    for (&y, exact) in y.iter().zip(exact) {
                        let error = ulps(y, exact, T::LEAST);
                        assert!(error <= 4.0, "softmax {x:?}: {error} ulp");
                    }
                }
            }
        }
    }
    hold_at::<f32>();
    hold_at::<f64>();
}

/// Arguments or values below the normal numbers, or near to where they begin.
#[test]
fn subnormal_numbers_are_within_the_bounds() {
    fn hold_at<T: Format>(underflows: &[(f64, f64)]) {
        let mut random = Random::new(1);
        let arguments = (0..2000).map(|_| T::from_low(random.of_any_length(T::PRECISION as u64)));
        let mut points: Vec<T> = arguments.flat_map(|x| [x, -x]).filter(|&x| x != T::zero()).collect();
        for &(from, to) in underflows {
            points.extend((0..2000).map(|i| T::literal(from + (to - from) * (f64::from(i) / 2000.0))));
        }
        hold(Function::ALL.iter().map(|&f| errors(f, &points)));
    }
    // Of eˣ, of e^{−x²/2}, and of 1/x.
    hold_at::<f64>(&[(-760.0, -700.0), (-39.0, -37.0), (4.4e307, 1.7e308)]);
    hold_at::<f32>(&[(-110.0, -80.0), (-15.0, -12.0), (8.5e37, 3.4e38)]);
}

/// The values at −∞, −0, 0 and ∞, and the derivative at both zeros, if it has one.
fn at_special_points(f: Function) -> ([f64; 4], Option<f64>) {
    let (infinity, nan) = (f64::INFINITY, f64::NAN);
    match f {
        Function::Exp => ([0.0, 1.0, 1.0, infinity], Some(1.0)),
        Function::Expm1 => ([-1.0, -0.0, 0.0, infinity], Some(1.0)),
        Function::Log => ([nan, -infinity, -infinity, infinity], None),
        Function::Log1p => ([nan, -0.0, 0.0, infinity], Some(1.0)),
        Function::Sqrt => ([nan, -0.0, 0.0, infinity], None),
        Function::Rsqrt => ([nan, -infinity, infinity, 0.0], None),
        Function::Recip => ([-0.0, -infinity, infinity, 0.0], None),
        Function::Tanh | Function::Softsign => ([-1.0, -0.0, 0.0, 1.0], Some(1.0)),
        Function::Sigmoid => ([0.0, 0.5, 0.5, 1.0], Some(0.25)),
        Function::Softplus => ([0.0, LN_2, LN_2, infinity], Some(0.5)),
        Function::Silu | Function::Gelu => ([-0.0, -0.0, 0.0, infinity], Some(0.5)),
        Function::Erf => ([-1.0, -0.0, 0.0, 1.0], Some(FRAC_2_SQRT_PI)),
        Function::Relu => ([0.0, 0.0, 0.0, infinity], Some(0.0)),
        Function::Hold => ([-infinity, -0.0, 0.0, infinity], Some(0.0)),
        Function::Abs => ([infinity, 0.0, 0.0, infinity], Some(0.0)),
        Function::Step => ([0.0, 0.0, 0.0, 1.0], Some(0.0)),
        Function::Sign => ([-1.0, -0.0, 0.0, 1.0], Some(0.0)),
        Function::Sin => ([nan, -0.0, 0.0, nan], Some(1.0)),
        Function::Cos => ([nan, 1.0, 1.0, nan], Some(0.0)),
        Function::Acos => ([nan, FRAC_PI_2, FRAC_PI_2, nan], Some(-1.0)),
    }
}

#[test]
fn arc_cosines_end_at_0_and_pi() {
    assert_eq!([1.0, -1.0].map(|x| Function::Acos.value::<f64>(x)), [0.0, PI]);
    assert_eq!([1.0, -1.0].map(|x| Function::Acos.value::<f32>(x)), [0.0, f32::literal(PI)]);
}

#[test]
fn angles_of_axes_and_diagonals_are_exact() {
    let infinity = f64::INFINITY;
    let cases = [
        ((0.0, 0.0), 0.0),
        ((0.0, -0.0), PI),
        ((0.0, 1.0), 0.0),
        ((0.0, -1.0), PI),
        ((1.0, 0.0), FRAC_PI_2),
        ((1.0, -0.0), FRAC_PI_2),
        ((1.0, infinity), 0.0),
        ((1.0, -infinity), PI),
        ((infinity, -1.0), FRAC_PI_2),
        ((infinity, infinity), 0.5 * FRAC_PI_2),
        ((infinity, -infinity), 1.5 * FRAC_PI_2),
    ];
    for ((y, x), angle) in cases {
        assert_eq!(Binary::Atan2.value(y, x), angle, "atan2({y}, {x})");
        assert_eq!(Binary::Atan2.value(-y, x), -angle, "atan2(−{y}, {x})");
        assert!(Binary::Atan2.value(-y, x).is_sign_negative(), "atan2(−{y}, {x})");
    }
    assert!(Binary::Atan2.value(f64::NAN, 1.0).is_nan() && Binary::Atan2.value(1.0, f64::NAN).is_nan());
}

#[test]
fn zeros_infinities_and_nan_are_exact() {
    fn hold_at<T: Format>() {
        let points = [T::neg_infinity(), -T::zero(), T::zero(), T::infinity()];
        for &f in Function::ALL {
            let (values, derivative) = at_special_points(f);
            for (x, expected) in points.into_iter().zip(values) {
                let (y, expected) = (f.value(x), T::literal(expected));
                let same = y.bits() == expected.bits() || y.is_nan() && expected.is_nan();
                assert!(same, "{}({x}) = {y}, not {expected}", f.name());
            }
            let y = evaluate(&program(f, 2), &[&points[1..3], &[T::one(); 2]].map(|x| Tensor::new([2], x)));
            for (x, &dy) in points[1..3].iter().zip(y[1].data()) {
                let same = derivative.map_or(dy.is_infinite(), |expected| dy == T::literal(expected));
                assert!(same, "{}'({x}) = {dy}, not {derivative:?}", f.name());
            }
            // No comparison with NaN holds, and the step is a comparison.
            assert!(f.value(T::nan()).is_nan() != (f == Function::Step), "{}(NaN)", f.name());
        }
        assert_eq!(Function::Log1p.value(-T::one()), T::neg_infinity());
        for f in [Function::Log, Function::Log1p, Function::Sqrt, Function::Rsqrt] {
            assert!(f.value(T::literal(-1.5)).is_nan(), "{}(−1.5)", f.name());
        }
    }
    hold_at::<f32>();
    hold_at::<f64>();
}

/// A [`program`] as it is run in earnest.
struct Planned<T: Format> {
    plan: Plan,
    workspace: Workspace<T>,
    ones: Vec<T>,
    value: Vec<T>,
    derivative: Vec<T>,
}

impl<T: Format> Planned<T> {
    fn new(f: Function, n: usize) -> Self {
        let plan = Plan::new(&program(f, n));
        let workspace = plan.workspace(&Threads::one());
        Self {
            plan,
            workspace,
            ones: vec![T::one(); n],
            value: vec![T::one(); n],
            derivative: vec![T::one(); n],
        }
    }

    fn run(&mut self, x: &[T]) {
        let outputs = &mut [&mut self.value[..], &mut self.derivative];
        self.plan.run(&[x, &self.ones], outputs, &mut self.workspace);
    }
}

#[test]
fn plans_give_the_bits_of_the_table() {
    fn hold_at<T: Format>() {
        let mut points = points::<T>(10_000);
        points.extend([T::neg_infinity(), -T::zero(), T::zero(), T::infinity(), T::nan()]);
        for &f in Function::ALL {
            let mut planned = Planned::new(f, points.len());
            planned.run(&points);
            for (&x, &y) in points.iter().zip(&planned.value) {
                let expected = f.value(x);
                let same = y.bits() == expected.bits() || y.is_nan() && expected.is_nan();
                assert!(same, "{}({x}): {y}, not {expected}", f.name());
            }
        }
    }
    hold_at::<f32>();
    hold_at::<f64>();
}

/// As [`ulps`], of f32 against f64.
fn f32_ulps(y: f32, exact: f64, least: i32) -> f64 {
    if y.is_nan() {
        return f64::INFINITY;
    }
    let beyond = 2.0_f64.powi(<f32 as Format>::BEYOND);
    let (y, exact) = (f64::from(y).clamp(-beyond, beyond), exact.clamp(-beyond, beyond));
    let unit = least.max(exponent(exact) - <f32 as Format>::PRECISION + 1);
    (y - exact).abs() / f64::from_bits(((unit + 1023) as u64) << 52)
}

/// Of a normal number.
fn exponent(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// f32 against f64, at every `step`-th bit pattern. It is NaN where that is, and has its sign.
fn f32_errors(f: Function, step: usize) -> Errors {
    const BLOCK: usize = 1 << 12;
    let (mut narrow, mut wide) = (Planned::<f32>::new(f, BLOCK), Planned::<f64>::new(f, BLOCK));
    let (mut x, mut same) = (vec![0.0; BLOCK], vec![0.0; BLOCK]);
    let mut errors = Errors::new(f);
    for start in (0..1_u64 << 32).step_by(step * BLOCK) {
        x.iter_mut().zip((start..).step_by(step)).for_each(|(x, bits)| *x = f32::from_low(bits));
        same.iter_mut().zip(&x).for_each(|(same, &x)| *same = f64::from(x));
        narrow.run(&x);
        wide.run(&same);
        for (i, &x) in x.iter().enumerate() {
            let (y, exact) = (narrow.value[i], wide.value[i]);
            let agree = y.is_nan() == exact.is_nan()
                && (y.is_nan() || y.is_sign_negative() == exact.is_sign_negative());
            assert!(agree, "{}({x:e}) = {y:e}, not {exact:e}", f.name());
            if exact.is_nan() {
                continue;
            }
            errors.value.see(f32_ulps(y, exact, <f32 as Format>::LEAST), x);
            let (dy, slope) = (narrow.derivative[i], wide.derivative[i]);
            if slope == 0.0 || in_range::<f32>(f, exponent(slope)) {
                errors.derivative.see(f32_ulps(dy, slope, least_unit::<f32>(f)), x);
            }
        }
    }
    errors
}

#[test]
fn f32_is_within_its_bounds_of_f64() {
    hold(Function::ALL.iter().map(|&f| f32_errors(f, 9973)));
}

/// Runs the slow part, and prints a line a function.
#[allow(clippy::print_stdout, reason = "figures for the documentation")]
fn hold_slowly(title: &str, errors: impl Fn(Function) -> Errors + Sync) {
    let each = |&f: &Function| {
        let errors = errors(f);
        println!("{title} {errors}");
        errors
    };
    hold(Function::ALL.par_iter().map(each).collect::<Vec<_>>());
}

#[test]
#[ignore = "slow: run by hand, cargo test --release -p autodiff --test elementary -- --ignored --nocapture"]
fn f64_is_within_its_bounds_at_a_million_points() {
    hold_slowly("f64", |f| errors(f, &points::<f64>(1_000_000)));
}

#[test]
#[ignore = "slow: run by hand, cargo test --release -p autodiff --test elementary -- --ignored --nocapture"]
fn f32_is_within_its_bounds_of_f64_everywhere() {
    hold_slowly("f32", |f| f32_errors(f, 1));
}
