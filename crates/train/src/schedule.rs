//! The course of training: how long, how fast, on which examples, and when to look.

use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

/// The learning rate η, for each step from 0 on.
#[derive(Clone)]
pub enum Rate {
    /// This.
    Constant(f64),
    /// Half of the largest at which the linear model is stable, (1 + β) n/(κ λ_max) where the objective is a mean over n, κ
    /// bounds the curvature of its loss (1 for squared losses), and β is the momentum: the rate by which errors along the first
    /// eigenvector vanish in one step.
    Auto,
    /// From `first` down to 0 along half of a cosine, in so many steps. (Loshchilov, Hutter 2017, without restarts.)
    Cosine {
        /// The first rate.
        first: f64,
        /// The number of steps.
        steps: usize,
    },
    /// Times `factor` after each `every` steps.
    Staircase {
        /// The first rate.
        first: f64,
        /// What it is multiplied by.
        factor: f64,
        /// After how many steps.
        every: usize,
    },
    /// Something else, of the step.
    Other(Arc<dyn Fn(usize) -> f64 + Send + Sync>),
}

impl Rate {
    /// η at a step.
    ///
    /// # Panics
    /// If it is [`Rate::Auto`], which [`Settings::with_rate`](crate::Settings::with_rate) makes constant.
    #[track_caller]
    #[allow(clippy::cast_precision_loss, reason = "numbers of steps are far below 2⁵³")]
    pub fn at(&self, step: usize) -> f64 {
        match self {
            Self::Constant(rate) => *rate,
            Self::Auto => panic!("an automatic rate needs an eigenvalue of the kernel"),
            Self::Cosine { first, steps } => {
                let way = (step as f64 / (*steps).max(1) as f64).min(1.0);
                first * 0.5 * (1.0 + (PI * way).cos())
            }
            Self::Staircase { first, factor, every } => {
                first * factor.powi(i32::try_from(step / (*every).max(1)).unwrap_or(i32::MAX))
            }
            Self::Other(rate) => rate(step),
        }
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(rate) => write!(f, "Constant({rate})"),
            Self::Auto => f.write_str("Auto"),
            Self::Cosine { first, steps } => write!(f, "Cosine({first}, {steps} steps)"),
            Self::Staircase { first, factor, every } => {
                write!(f, "Staircase({first}, {factor} every {every})")
            }
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

/// Minibatches: all examples in random order, then all of them again in another one, so many at a time. What is left of an
/// order when no whole batch is, is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Examples in a batch.
    pub size: usize,
    /// The seed of the orders.
    pub seed: u64,
}

impl Batches {
    /// The batches of `examples` examples, without end: the same ones for the same seed.
    ///
    /// # Panics
    /// If a batch has none, or more than there are.
    #[track_caller]
    pub fn of(self, examples: usize) -> impl FnMut() -> Vec<usize> {
        assert!((1..=examples).contains(&self.size), "batches of {} of {examples} examples", self.size);
        let (mut order, mut used) = (Vec::new(), examples);
        let mut seed = self.seed;
        move || {
            if used + self.size > examples {
                [order] = data::split(examples, [examples], seed).expect("all of them");
                // Of the orders of other seeds, far away.
                seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
                used = 0;
            }
            used += self.size;
            order[used - self.size..used].to_vec()
        }
    }
}

/// Steps from 0 to `last`, evenly spaced on a logarithmic axis where that leaves integers: 0, 1, 2, …, each about
/// 1.2 times the one before, and `last`.
pub fn log_spaced(last: usize) -> Vec<usize> {
    let mut steps = vec![0];
    let mut next = 1;
    while next < last {
        steps.push(next);
        next = (next + 1).max(next * 6 / 5);
    }
    if last > 0 {
        steps.push(last);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_ascend_from_0_to_the_last() {
        for last in [0, 1, 2, 10, 1000, 32768] {
            let steps = log_spaced(last);
            assert!(steps.windows(2).all(|w| w[0] < w[1]), "{steps:?}");
            assert_eq!((steps[0], *steps.last().expect("0 is a step")), (0, last));
        }
        assert!(log_spaced(1 << 17).len() < 80, "few records for long runs");
    }

    #[test]
    fn batches_are_parts_of_whole_orders() {
        let batches = Batches { size: 3, seed: 5 };
        let (mut next, mut again) = (batches.of(10), batches.of(10));
        for _ in 0..20 {
            let mut order: Vec<usize> = (0..3).flat_map(|_| next()).collect();
            assert_eq!(order, (0..3).flat_map(|_| again()).collect::<Vec<_>>());
            order.sort_unstable();
            order.dedup();
            assert!(order.len() == 9 && order[8] < 10, "{order:?}");
        }
    }

    #[test]
    fn rates_fall_as_they_say() {
        let cosine = Rate::Cosine { first: 2.0, steps: 10 };
        assert_eq!([0, 10, 99].map(|step| cosine.at(step)), [2.0, 0.0, 0.0]);
        assert!((cosine.at(5) - 1.0).abs() < 1e-15);
        let staircase = Rate::Staircase { first: 8.0, factor: 0.5, every: 3 };
        assert_eq!([0, 2, 3, 6].map(|step| staircase.at(step)), [8.0, 8.0, 4.0, 2.0]);
    }
}
