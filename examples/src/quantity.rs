//! What was measured over several seeds, with its confidence interval, beside what was published.

use std::fmt;

/// A number of a paper, if it has one, and the same of each seed here.
#[derive(Clone, Debug)]
pub(crate) struct Quantity {
    pub(crate) name: String,
    pub(crate) seeds: Vec<f64>,
    pub(crate) published: Option<(f64, Within)>,
}

/// A distance from a published value.
#[derive(Clone, Copy, Debug)]
pub enum Within {
    /// The difference is at most this.
    Absolute(f64),
    /// The difference is at most this part of it.
    Relative(f64),
    /// The larger is at most this many times the smaller.
    Factor(f64),
}

impl Quantity {
    /// What the mean is, held against the published value: `full` is whether the setting is the paper's.
    pub(crate) fn verdict(&self, full: bool) -> &'static str {
        let (found, Some((published, within))) = (mean(&self.seeds), self.published) else {
            return "not published";
        };
        let near = match within {
            Within::Absolute(distance) => (found - published).abs() <= distance,
            Within::Relative(part) => (found - published).abs() <= part * published.abs(),
            Within::Factor(factor) => (found / published).ln().abs() <= factor.ln(),
        };
        match (full, near) {
            (false, _) => "another setting",
            (true, true) => "reproduced",
            (true, false) => "differs",
        }
    }

    pub(crate) fn report(&self, full: bool) -> serde_json::Value {
        serde_json::json!({
            "name": self.name,
            "mean": mean(&self.seeds),
            "half_width_95": half_width(&self.seeds),
            "seeds": self.seeds,
            "published": self.published.map(|(published, _)| published),
            "within": self.published.map(|(_, within)| format!("{within:?}")),
            "verdict": self.verdict(full),
        })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Four decimals, or three figures of small numbers.
        let decimals = |x: f64| match x.abs().log10() {
            log if log.is_finite() => (2.0 - log.floor()).clamp(4.0, 12.0) as usize,
            _ => 4,
        };
        let mean = mean(&self.seeds);
        let found = match half_width(&self.seeds) {
            half if half.is_nan() => format!("{mean:.0$}", decimals(mean)),
            half => format!("{mean:.0$} ± {half:.0$}", decimals(mean)),
        };
        let published = self.published.map_or_else(
            || "–".into(),
            |(published, _)| {
                let number = format!("{published:.0$}", decimals(published));
                number.trim_end_matches('0').trim_end_matches('.').to_string()
            },
        );
        write!(f, "{:<58} {found:>20} {published:>10}", self.name)
    }
}

/// Σ x/N
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// That which independent values are drawn with, Σ (x − mean)²/(N − 1): NaN of a single one.
pub fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// Half of the 95 % confidence interval of the mean of independent normal values: t s/√n. NaN of a single one.
fn half_width(values: &[f64]) -> f64 {
    let error = (variance(values) / values.len() as f64).sqrt();
    if values.len() < 2 { f64::NAN } else { student(values.len() - 1) * error }
}

/// The 97.5 % quantile of Student's t distribution: with t = √ν tan φ, its density is proportional to cos^{ν−1} φ.
fn student(freedom: usize) -> f64 {
    const STEPS: usize = 100_000;
    let step = std::f64::consts::FRAC_PI_2 / STEPS as f64;
    let power = i32::try_from(freedom - 1).unwrap_or(i32::MAX);
    let density: Vec<f64> = (0..STEPS).map(|i| ((i as f64 + 0.5) * step).cos().powi(power)).collect();
    let wanted = 0.95 * density.iter().sum::<f64>();
    let mut sum = 0.0;
    let below = density.iter().take_while(|&&density| {
        sum += density;
        sum < wanted
    });
    (freedom as f64).sqrt() * ((below.count() as f64 + 0.5) * step).tan()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of any book on statistics.
    #[test]
    fn quantiles_of_student() {
        for (freedom, quantile) in
            [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042), (1000, 1.962)]
        {
            let found = student(freedom);
            assert!((found / quantile - 1.0).abs() < 5e-4, "{found} for {freedom} degrees of freedom");
        }
    }
}
