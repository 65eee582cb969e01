//! What was measured, and its curves.

use std::collections::BTreeMap;

use cotangent::linearize::PowerLaw;

/// Points, and what was found at each.
#[derive(Clone, Debug)]
pub struct Found<K, V>(pub Vec<(K, V)>);

impl<K, V> Found<K, V> {
    /// What was found at some of the points.
    pub fn at(&self, mine: impl Fn(&K) -> bool) -> impl Iterator<Item = &V> {
        self.0.iter().filter(move |(point, _)| mine(point)).map(|(_, found)| found)
    }

    /// Curves of what `each` says of a point and of what was found there: seed, x and y, or none or many of them.
    pub fn curves<'a, I: IntoIterator<Item = (u64, f64, f64)>>(
        &'a self,
        each: impl Fn(&'a K, &'a V) -> I,
    ) -> Curves {
        let mut curves = BTreeMap::<u64, Vec<(f64, f64)>>::new();
        for (seed, x, y) in self.0.iter().flat_map(|(point, found)| each(point, found)) {
            curves.entry(seed).or_default().push((x, y));
        }
        Curves(curves.into_values().collect())
    }
}

/// A curve, once for each seed.
#[derive(Clone, Debug, Default)]
pub struct Curves(pub Vec<Vec<(f64, f64)>>);

impl Curves {
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
        let from_first = |curve: &Vec<(f64, f64)>| -> Vec<(f64, f64)> {
            curve.iter().copied().filter(|point| point.0 >= first).collect()
        };
        self.0.iter().map(|curve| exponent(&from_first(curve))).collect()
    }

    /// What the power law through all points of a seed is at `x`.
    pub fn extrapolated(&self, x: f64) -> Vec<f64> {
        let value = |curve: &Vec<(f64, f64)>| {
            PowerLaw::fit(curve).map_or(f64::NAN, |law| law.factor * x.powf(law.exponent))
        };
        self.0.iter().map(value).collect()
    }
}

/// The exponent of the power law through some points.
pub fn exponent(points: &[(f64, f64)]) -> f64 {
    PowerLaw::fit(points).map_or(f64::NAN, |law| law.exponent)
}
