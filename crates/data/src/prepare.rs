//! What is done to data before training: standardising, targets, splits.

use std::fmt;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Shifts and scales each of `features` columns of a row-major table to mean 0 and standard deviation 1. A constant
/// column becomes 0.
///
/// The statistics are those of all rows given. Labels play no part, so test rows may be among them, as they are in
/// the usual treatment of small image sets; then each pixel has one meaning in both parts.
///
/// # Panics
/// If the table does not divide into rows.
#[track_caller]
#[allow(clippy::cast_precision_loss, reason = "tables have fewer than 2⁵³ rows")]
pub fn standardised(table: &[u8], features: usize) -> Vec<f64> {
    assert!(table.len().is_multiple_of(features), "{} numbers in rows of {features}", table.len());
    let rows = table.len() / features;
    let mut result: Vec<f64> = table.iter().map(|&x| f64::from(x)).collect();
    for column in 0..features {
        let entries = || table[column..].iter().step_by(features).map(|&x| f64::from(x));
        let mean = entries().sum::<f64>() / rows as f64;
        let variance = entries().map(|x| (x - mean).powi(2)).sum::<f64>() / rows as f64;
        let scale = if variance > 0.0 { variance.sqrt().recip() } else { 0.0 };
        result[column..].iter_mut().step_by(features).for_each(|x| *x = (*x - mean) * scale);
    }
    result
}

/// Targets for regression on classes: row n has 1 − shift at the label of example n and −shift elsewhere.
/// A shift of 1/classes makes every row sum to 0.
///
/// # Panics
/// If a label is not below `classes`.
#[track_caller]
pub fn one_hot(labels: &[u8], classes: usize, shift: f64) -> Vec<f64> {
    let mut targets = vec![-shift; labels.len() * classes];
    for (row, &label) in targets.chunks_exact_mut(classes).zip(labels) {
        assert!(usize::from(label) < classes, "label {label} of {classes} classes");
        row[usize::from(label)] += 1.0;
    }
    targets
}

/// The chosen rows of a row-major table.
///
/// # Panics
/// If there is no such row.
#[track_caller]
pub fn select<T: Copy>(table: &[T], columns: usize, rows: &[usize]) -> Vec<T> {
    rows.iter().flat_map(|row| &table[row * columns..][..columns]).copied().collect()
}

/// Disjoint parts of the given sizes of the examples 0..count, at random: the first places of one shuffle, so that
/// the first part depends on no other's size.
///
/// # Errors
/// If the parts together exceed `count`.
pub fn split<const K: usize>(
    count: usize,
    parts: [usize; K],
    seed: u64,
) -> Result<[Vec<usize>; K], TooFewExamples> {
    let wanted = parts.iter().fold(0_usize, |sum, &n| sum.saturating_add(n));
    if wanted > count {
        return Err(TooFewExamples { wanted, available: count });
    }
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha20Rng::from_seed(key);
    // A stream that no parameter tensor uses.
    rng.set_stream(u64::MAX);
    let mut order: Vec<usize> = (0..count).collect();
    for i in 0..wanted {
        // Fisher–Yates. Of 64 random bits the bias towards some remainder is below 2⁻⁴⁰.
        let left = (count - i) as u64;
        #[allow(clippy::cast_possible_truncation, reason = "a remainder of a usize")]
        order.swap(i, i + (rng.next_u64() % left) as usize);
    }
    let mut rest = &order[..];
    Ok(parts.map(|n| {
        let (part, others) = rest.split_at(n);
        rest = others;
        part.to_vec()
    }))
}

/// More examples were asked for than there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooFewExamples {
    /// How many were asked for.
    pub wanted: usize,
    /// How many there are.
    pub available: usize,
}

impl fmt::Display for TooFewExamples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} examples were asked for and there are {}", self.wanted, self.available)
    }
}

impl std::error::Error for TooFewExamples {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_mean_0_and_variance_1_or_are_constant() {
        let digits = crate::digits();
        let x = standardised(digits.images.bytes(), 64);
        for column in 0..64 {
            let entries: Vec<f64> = x[column..].iter().step_by(64).copied().collect();
            let mean = entries.iter().sum::<f64>() / 1797.0;
            let variance = entries.iter().map(|x| x * x).sum::<f64>() / 1797.0;
            assert!(mean.abs() < 1e-12, "mean {mean}");
            assert!(
                (variance - 1.0).abs() < 1e-12 || entries.iter().all(|&x| x == 0.0),
                "variance {variance}"
            );
        }
    }

    #[test]
    fn splits_are_disjoint_and_seeded() {
        let [a, b] = split(100, [60, 40], 3).expect("100 examples");
        let mut all = [a.clone(), b.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(split(100, [60, 40], 3), Ok([a.clone(), b]));
        assert_eq!(split(100, [60], 3), Ok([a.clone()]), "the first part does not depend on the others");
        assert_ne!(split(100, [60], 4), Ok([a]));
        assert_eq!(split(5, [4, 2], 0), Err(TooFewExamples { wanted: 6, available: 5 }));
    }
}
