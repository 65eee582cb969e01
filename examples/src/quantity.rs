//! What was measured over several seeds, with its confidence interval, beside what was published.

use std::collections::BTreeMap;
use std::fmt;

use cotangent::linearize::PowerLaw;

/// A curve, once for each seed.
#[derive(Clone, Debug, Default)]
pub struct Curves(pub Vec<Vec<(f64, f64)>>);

impl Curves {
    /// Of what was measured: seed, x and y.
    pub fn of(measured: impl IntoIterator<Item = (u64, f64, f64)>) -> Self {
        let mut curves = BTreeMap::<u64, Vec<(f64, f64)>>::new();
        for (seed, x, y) in measured {
            curves.entry(seed).or_default().push((x, y));
        }
        Self(curves.into_values().collect())
    }

    /// One of each column, where for each seed a row was measured at each of `x`.
    pub fn of_rows<const COLUMNS: usize>(x: &[f64], seeds: &[Vec<[f64; COLUMNS]>]) -> [Self; COLUMNS] {
        let of_seed = |rows: &Vec<[f64; COLUMNS]>, column: usize| {
            x.iter().zip(rows).map(|(&x, row)| (x, row[column])).collect()
        };
        std::array::from_fn(|column| Self(seeds.iter().map(|rows| of_seed(rows, column)).collect()))
    }

    /// What was measured at an x, by each seed that has it.
    pub fn at(&self, x: f64) -> Vec<f64> {
        let of_seed = |curve: &Vec<(f64, f64)>| curve.iter().find(|point| point.0 == x).map(|point| point.1);
        self.0.iter().filter_map(of_seed).collect()
    }

    /// The geometric mean over seeds, where all have the same x.
    pub fn mean(&self) -> Vec<(f64, f64)> {
        let count = self.0.len() as f64;
        let mean = |i: usize| (self.0.iter().map(|curve| curve[i].1.ln()).sum::<f64>() / count).exp();
        let first = self.0.first().map_or(&[][..], |curve| curve);
        first.iter().enumerate().map(|(i, &(x, _))| (x, mean(i))).collect()
    }

    /// The exponents of the power laws through the points from `first` up, one for each seed.
    pub fn slopes(&self, first: f64) -> Vec<f64> {
        let slope = |curve: &Vec<(f64, f64)>| {
            let points: Vec<(f64, f64)> = curve.iter().copied().filter(|point| point.0 >= first).collect();
            PowerLaw::fit(&points).map_or(f64::NAN, |law| law.exponent)
        };
        self.0.iter().map(slope).collect()
    }

    /// What the power law through all points of a seed is at `x`.
    pub fn extrapolated(&self, x: f64) -> Vec<f64> {
        let value = |curve: &Vec<(f64, f64)>| {
            PowerLaw::fit(curve).map_or(f64::NAN, |law| law.factor * x.powf(law.exponent))
        };
        self.0.iter().map(value).collect()
    }
}

/// A number of a paper, and the same of each seed here.
#[derive(Clone, Debug)]
pub struct Quantity {
    /// What it is.
    pub name: String,
    /// What was found, for each seed.
    pub seeds: Vec<f64>,
    /// What the paper says, if it does.
    pub published: Option<f64>,
    /// How far apart they may be.
    pub within: Within,
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
    /// `seeds` is what was found, `published` the number of the paper, if it has one, and `within` how far apart they may be.
    pub fn new(
        name: impl Into<String>,
        seeds: Vec<f64>,
        published: impl Into<Option<f64>>,
        within: Within,
    ) -> Self {
        Self { name: name.into(), seeds, published: published.into(), within }
    }

    /// The mean over seeds.
    pub fn mean(&self) -> f64 {
        self.seeds.iter().sum::<f64>() / self.seeds.len() as f64
    }

    /// What the mean is, held against the published value: `full` is whether the setting is the paper's.
    pub fn verdict(&self, full: bool) -> &'static str {
        let (found, Some(published)) = (self.mean(), self.published) else { return "not published" };
        let near = match self.within {
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
            "mean": self.mean(),
            "half_width_95": half_width(&self.seeds),
            "seeds": self.seeds,
            "published": self.published,
            "within": format!("{:?}", self.within),
            "verdict": self.verdict(full),
        })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = match half_width(&self.seeds) {
            half if half.is_nan() => format!("{:.4}", self.mean()),
            half => format!("{:.4} ± {half:.4}", self.mean()),
        };
        let published = self.published.map_or_else(
            || "–".into(),
            |published| format!("{published:.4}").trim_end_matches('0').trim_end_matches('.').to_string(),
        );
        write!(f, "{:<58} {found:>20} {published:>10}", self.name)
    }
}

/// Half of the 95 % confidence interval of the mean of independent normal values: t s/√n. NaN of a single one.
fn half_width(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    if values.len() < 2 { f64::NAN } else { student(values.len() - 1) * (variance / count).sqrt() }
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
