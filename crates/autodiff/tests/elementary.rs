//! The accuracy of the function table, against values of higher precision.

use autodiff::Function;
use serde_json::Value;

/// The largest error allowed, in units of the last place.
fn bound(f: Function) -> f64 {
    match f {
        Function::Sigmoid | Function::Softplus | Function::Silu | Function::Gelu => 4.0,
        _ => 2.0,
    }
}

/// The distance from a float to the next one away from zero.
fn ulp(y: f32) -> f64 {
    f64::from(f32::from_bits(y.abs().to_bits() + 1)) - f64::from(y.abs())
}

/// f64 against mpmath at 60 digits; the file states its origin.
#[test]
fn f64_values_are_within_their_bounds() {
    let reference: Value = serde_json::from_str(include_str!("elementary.json")).expect("valid JSON");
    for (name, rows) in reference["functions"].as_object().expect("an object") {
        let f = *Function::ALL.iter().find(|f| f.name() == name).expect("a function of the table");
        for row in rows.as_array().expect("rows") {
            let [x, y, rest] = [0, 1, 2].map(|i| row[i].as_f64().expect("a number"));
            let ulp = f64::from_bits(y.abs().to_bits() + 1) - y.abs();
            let error = ((f.value(x) - y) - rest).abs() / ulp;
            assert!(error <= bound(f), "{name}({x:e}): {error:.2} ulp");
        }
    }
}

/// f32 against f64, which the test above holds, at every `step`-th bit pattern.
fn f32_errors(step: u32) {
    for &f in Function::ALL {
        let mut bits = 0_u32;
        loop {
            let x = f32::from_bits(bits);
            let (y, exact) = (f.value(x), f.value(f64::from(x)));
            if exact.is_nan() || exact.abs() > f64::from(f32::MAX) {
                // A value just beyond the largest float may round to either side of it.
                let at_edge = exact.is_finite() && exact.abs() < f64::from(f32::MAX) * (1.0 + 1e-6);
                assert!(y.is_nan() == exact.is_nan(), "{}({x:e}) = {y:e}", f.name());
                assert!(exact.is_nan() || y.is_infinite() || at_edge, "{}({x:e}) = {y:e}", f.name());
            } else {
                let error = (f64::from(y) - exact).abs() / ulp(exact as f32);
                assert!(error <= bound(f), "{}({x:e}) = {y:e}: {error:.2} ulp", f.name());
            }
            match bits.checked_add(step) {
                Some(next) => bits = next,
                None => break,
            }
        }
    }
}

#[test]
fn f32_values_are_within_their_bounds() {
    f32_errors(9973);
}

/// As above at all 2³² bit patterns. Run by hand: `cargo test --release -p autodiff -- --ignored`.
#[test]
#[ignore = "slow: all bit patterns of every function"]
fn f32_values_are_within_their_bounds_everywhere() {
    f32_errors(1);
}

#[test]
fn special_values() {
    let infinity = f64::INFINITY;
    let cases: [(Function, f64, f64); 26] = [
        (Function::Exp, infinity, infinity),
        (Function::Exp, -infinity, 0.0),
        (Function::Expm1, -infinity, -1.0),
        (Function::Expm1, infinity, infinity),
        (Function::Log, 0.0, -infinity),
        (Function::Log, infinity, infinity),
        (Function::Log1p, -1.0, -infinity),
        (Function::Log1p, infinity, infinity),
        (Function::Tanh, infinity, 1.0),
        (Function::Tanh, -infinity, -1.0),
        (Function::Erf, infinity, 1.0),
        (Function::Erf, -infinity, -1.0),
        (Function::Sigmoid, infinity, 1.0),
        (Function::Sigmoid, -infinity, 0.0),
        (Function::Softplus, infinity, infinity),
        (Function::Softplus, -infinity, 0.0),
        (Function::Silu, infinity, infinity),
        (Function::Gelu, infinity, infinity),
        (Function::Sqrt, infinity, infinity),
        (Function::Rsqrt, infinity, 0.0),
        (Function::Rsqrt, 0.0, infinity),
        (Function::Recip, infinity, 0.0),
        (Function::Relu, -infinity, 0.0),
        (Function::Abs, -infinity, infinity),
        (Function::Step, -infinity, 0.0),
        (Function::Sign, -infinity, -1.0),
    ];
    for (f, x, y) in cases {
        assert_eq!(f.value(x), y, "{}({x})", f.name());
        assert_eq!(f64::from(f.value(x as f32)), y, "{}({x}) in f32", f.name());
    }
    for &f in Function::ALL {
        assert!(f.value(f64::NAN).is_nan() || f == Function::Step, "{}(NaN)", f.name());
        // Odd functions keep the sign of zero.
        if f.value(0.0_f64) == 0.0 && f.value(-0.5_f64) == -f.value(0.5_f64) {
            assert!(f.value(-0.0_f64).is_sign_negative(), "{}(−0)", f.name());
        }
    }
    for f in [Function::Log, Function::Sqrt] {
        assert!(f.value(-1.0_f64).is_nan(), "{}(−1)", f.name());
    }
    // Tails: neither 0 too early, nor an overflow on the way.
    assert!(Function::Gelu.value(-37.0_f64) < 0.0 && Function::Silu.value(-700.0_f64) < 0.0, "left tails");
    assert_eq!(Function::Tanh.value(800.0_f64), 1.0);
    assert!(Function::Exp.value(-740.0_f64) > 0.0, "subnormal values");
}
