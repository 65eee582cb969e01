//! What was measured, and its curves.

use std::collections::BTreeMap;

use cotangent::linearize::PowerLaw;

use crate::mean;

/// Points, and what was found at each.
#[derive(Clone, Debug)]
pub struct Found<K, V>(pub Vec<(K, V)>);

impl<K, V> Found<K, V> {
    /// Some of the points.
    pub fn of(&self, mine: impl Fn(&K) -> bool) -> Found<&K, &V> {
        Found(self.0.iter().filter(|(point, _)| mine(point)).map(|(point, found)| (point, found)).collect())
    }

    /// What was found at each of them.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, found)| found)
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

    /// The geometric mean over seeds, at each x that all of them have.
    pub fn mean(&self) -> Vec<(f64, f64)> {
        let of_first = self.0.iter().take(1).flatten().map(|&(x, _)| (x, self.at(x)));
        let of_all = of_first.filter(|(_, values)| values.len() == self.0.len());
        let log = |values: Vec<f64>| values.into_iter().map(f64::ln).collect::<Vec<_>>();
        of_all.map(|(x, values)| (x, mean(&log(values)).exp())).collect()
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
