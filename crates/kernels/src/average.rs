//! Averages of kernels over random networks.

use autodiff::{Real, Threads};

use crate::empirical::Empirical;
use crate::jacobians::count;
use crate::kernel::Kernel;
use crate::kind::Kind;

/// The mean of kernels of one shape, and how far it is known, as more are added.
#[derive(Clone, Debug, PartialEq)]
pub struct Average<T> {
    mean: Kernel<T>,
    /// Sums of squared deviations from the mean.
    squares: Vec<T>,
    count: usize,
}

impl<T: Real> Average<T> {
    /// Of one kernel.
    pub fn new(kernel: Kernel<T>) -> Self {
        Self { squares: vec![T::zero(); kernel.values().len()], mean: kernel, count: 1 }
    }

    /// With a further kernel. (Welford 1962: no digits are lost where deviations are small.)
    ///
    /// # Panics
    /// If its shape is another one.
    #[track_caller]
    pub fn add(&mut self, kernel: &Kernel<T>) {
        let (ours, theirs) = (self.mean.shape(), kernel.shape());
        assert!(ours == theirs, "a kernel of shape {theirs:?} among kernels of {ours:?}");
        self.count += 1;
        let share = T::literal(1.0 / count(self.count));
        let means = self.mean.values_mut().iter_mut().zip(&mut self.squares);
        for ((mean, square), &value) in means.zip(kernel.values()) {
            let before = value - *mean;
            *mean += before * share;
            *square += before * (value - *mean);
        }
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their mean.
    pub fn mean(&self) -> &Kernel<T> {
        &self.mean
    }

    /// The standard error of the mean, entry by entry, estimated from their variance; NaN for a single kernel.
    pub fn standard_error(&self) -> Vec<T> {
        let n = count(self.count);
        let scale = T::literal(1.0 / (n * (n - 1.0)));
        self.squares
            .iter()
            .map(|&square| if self.count > 1 { (square * scale).sqrt() } else { T::nan() })
            .collect()
    }
}

impl Empirical {
    /// The average of the kernel over parameters drawn with the given seeds: an estimate of the kernel's expectation, which
    /// tends to that of infinite width as the network becomes wide. It works for every network, also where the limit is not
    /// known. `progress` sees the average after each seed. (Novak et al. 2019, section 4.)
    ///
    /// # Panics
    /// If there are no seeds; or as [`kernel`](Self::kernel).
    #[track_caller]
    pub fn monte_carlo<T: Real>(
        &self,
        kind: Kind,
        seeds: impl IntoIterator<Item = u64>,
        x: &[T],
        others: Option<&[T]>,
        threads: &Threads,
        progress: &mut dyn FnMut(&Average<T>),
    ) -> Average<T> {
        let mut average: Option<Average<T>> = None;
        for seed in seeds {
            let kernel = self.kernel(kind, &self.network().init(seed), x, others, threads);
            let average = match &mut average {
                Some(average) => {
                    average.add(&kernel);
                    &*average
                }
                none => none.insert(Average::new(kernel)),
            };
            progress(average);
        }
        average.expect("an average over seeds, got none")
    }
}
