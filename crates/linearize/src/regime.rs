//! How linear training is: diagnostics of the linear regime.
//!
//! A model is in its linear regime where f_lin stands for f: the remainder f − f_lin, of second order in δ, is small
//! (Lee et al. 2019, section 3), parameters move little in relation to their size (Chizat, Oyallon, Bach 2019), and so
//! does the Jacobian.

use std::ops::Range;

use autodiff::{Real, Threads};
use nets::Parameters;

use crate::jacobian::{Jacobian, norm};
use crate::model::LinearModel;
use crate::taylor::{Series, TaylorModel};

/// y = `factor` · x^`exponent`, fitted to points by least squares on logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerLaw {
    /// The slope of log y against log x.
    pub exponent: f64,
    /// The standard error of the exponent, √(Σ residual² / (n − 2) / Σ (log x − mean)²); NaN for two points.
    pub standard_error: f64,
    /// y at x = 1.
    pub factor: f64,
}

impl PowerLaw {
    /// The law of the points whose coordinates are both positive; `None` for fewer than two different x.
    pub fn fit(points: &[(f64, f64)]) -> Option<Self> {
        let shown = points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0);
        let logs: Vec<(f64, f64)> = shown.map(|(x, y)| (x.ln(), y.ln())).collect();
        #[allow(clippy::cast_precision_loss, reason = "far fewer than 2⁵³ points")]
        let n = logs.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let spread: f64 = logs.iter().map(|p| (p.0 - x).powi(2)).sum();
        let exponent = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
        let residuals: f64 = logs.iter().map(|p| (p.1 - y - exponent * (p.0 - x)).powi(2)).sum();
        let standard_error = (residuals / (n - 2.0) / spread).sqrt();
        (spread > 0.0).then_some(Self { exponent, standard_error, factor: (y - exponent * x).exp() })
    }
}

/// The distance of a function from its Taylor polynomial along a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Remainder {
    /// (‖h δ‖, ‖f(θ₀ + h δ) − polynomial‖) for each h.
    pub points: Vec<(f64, f64)>,
    /// The law of those points: its exponent is degree + 1 where steps are small. Points below 64 ε ‖f(θ₀)‖, where
    /// rounding is what is seen, are left out.
    pub order: Option<PowerLaw>,
}

impl Remainder {
    /// Of the terms of `series` up to `degree`, against the values of the function at each h.
    fn new<T: Real>(series: &Series<T>, degree: usize, length: f64, values: &[(f64, Vec<T>)]) -> Self {
        let distance = |(h, f): &(f64, Vec<T>)| {
            let terms = series.at(T::literal(*h), degree);
            (h.abs() * length, norm(&f.iter().zip(terms).map(|(&f, p)| f - p).collect::<Vec<_>>()))
        };
        let points: Vec<(f64, f64)> = values.iter().map(distance).collect();
        let lost = 64.0 * Into::<f64>::into(T::epsilon()) * norm(&series.coefficients()[0]);
        let seen: Vec<(f64, f64)> = points.iter().copied().filter(|point| point.1 > lost).collect();
        Self { order: PowerLaw::fit(&seen), points }
    }
}

impl<T: Real> LinearModel<T> {
    /// ‖f(θ₀ + h δ) − f_lin(θ₀ + h δ)‖ against ‖h δ‖ for each h of `steps`, on the batch `x` that the Jacobian was
    /// evaluated on.
    ///
    /// # Panics
    /// If δ has not one element a free parameter, or x is not as many examples as that batch.
    #[track_caller]
    pub fn remainder(&self, delta: &[T], x: &[T], steps: &[f64]) -> Remainder {
        let (jacobian, linearized) = (self.jacobian(), self.jacobian().linearized());
        linearized.check(self.origin().len(), x.len());
        let mut slope = vec![T::zero(); jacobian.rows()];
        jacobian.apply(delta, &mut slope);
        let series = Series::new(vec![jacobian.value().to_vec(), slope]);
        let there = |h: f64| linearized.mask().moved(self.origin(), T::literal(h), delta);
        let threads = jacobian.pool().threads();
        let values: Vec<_> = steps.iter().map(|&h| (h, linearized.value(&there(h), x, threads))).collect();
        Remainder::new(&series, 1, norm(delta), &values)
    }
}

impl<T: Real> TaylorModel<T> {
    /// ‖f(θ₀ + h δ) − polynomial‖ against ‖h δ‖ for each h of `steps`: one remainder for each degree from 0 up.
    ///
    /// # Panics
    /// If δ has not one element a free parameter, or x does not divide into examples.
    #[track_caller]
    pub fn remainders(&self, delta: &[T], x: &[T], steps: &[f64], threads: &Threads) -> Vec<Remainder> {
        let (linearized, series) = (self.linearized(), self.series(delta, x, threads));
        let there = |h: f64| linearized.mask().moved(self.origin(), T::literal(h), delta);
        let values: Vec<_> = steps.iter().map(|&h| (h, linearized.value(&there(h), x, threads))).collect();
        (0..=self.degree()).map(|degree| Remainder::new(&series, degree, norm(delta), &values)).collect()
    }
}

/// ‖θ − θ₀‖/‖θ₀‖ of each parameter tensor.
///
/// # Panics
/// If θ or θ₀ has not one element a parameter.
#[track_caller]
pub fn weight_change<T: Real>(parameters: &Parameters, origin: &[T], theta: &[T]) -> Vec<f64> {
    check(parameters, origin, theta);
    parameters.tensors().iter().map(|tensor| change(origin, theta, tensor.range.clone())).collect()
}

/// ‖θ − θ₀‖/‖θ₀‖ of each layer, all its tensors together: those whose names agree up to the last dot, such as
/// `0.weight` and `0.bias`.
///
/// # Panics
/// If θ or θ₀ has not one element a parameter.
#[track_caller]
pub fn layer_change<'a, T: Real>(
    parameters: &'a Parameters,
    origin: &[T],
    theta: &[T],
) -> Vec<(&'a str, f64)> {
    check(parameters, origin, theta);
    fn layer(name: &str) -> &str {
        name.rsplit_once('.').map_or("", |(layer, _)| layer)
    }
    let tensors = parameters.tensors();
    let layers = tensors.chunk_by(|a, b| layer(&a.name) == layer(&b.name));
    let whole = |tensors: &'a [nets::Parameter]| {
        let (first, last) = (&tensors[0], &tensors[tensors.len() - 1]);
        (layer(&first.name), change(origin, theta, first.range.start..last.range.end))
    };
    layers.map(whole).collect()
}

#[track_caller]
fn check<T>(parameters: &Parameters, origin: &[T], theta: &[T]) {
    let lengths = [origin.len(), theta.len()];
    assert!(lengths == [parameters.len(); 2], "vectors of {lengths:?} for {} parameters", parameters.len());
}

fn change<T: Real>(origin: &[T], theta: &[T], range: Range<usize>) -> f64 {
    relative(&theta[range.clone()], &origin[range])
}

/// ‖J(θ) v − J(θ₀) v‖/‖J(θ₀) v‖, given J(θ₀) v.
///
/// # Panics
/// If that has not one element a row, or `v` one a column.
#[track_caller]
pub fn tangent_change<T: Real>(before: &[T], there: &Jacobian<T>, v: &[T]) -> f64 {
    let mut after = vec![T::zero(); before.len()];
    there.apply(v, &mut after);
    relative(&after, before)
}

/// ‖a − b‖/‖b‖, summed in `f64`.
fn relative<T: Real>(a: &[T], b: &[T]) -> f64 {
    let changes: f64 = a.iter().zip(b).map(|(&a, &b)| (a.into() - b.into()).powi(2)).sum();
    let squares: f64 = b.iter().map(|&b| b.into().powi(2)).sum();
    (changes / squares).sqrt()
}
