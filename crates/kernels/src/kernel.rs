//! A computed kernel.

use autodiff::Real;
use faer::MatRef;

use crate::kind::Kind;

/// The entries of a kernel, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel<T> {
    kind: Kind,
    examples: [usize; 2],
    outputs: usize,
    values: Vec<T>,
}

impl<T: Real> Kernel<T> {
    /// Of zeros, for batches of `examples` and for `outputs` outputs.
    pub(crate) fn zeros(kind: Kind, examples: [usize; 2], outputs: usize) -> Self {
        let size = kind.shape(examples[0], examples[1], outputs).iter().product();
        Self { kind, examples, outputs, values: vec![T::zero(); size] }
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The numbers of examples N₁ and N₂.
    pub fn examples(&self) -> [usize; 2] {
        self.examples
    }

    /// The number of outputs, O.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The shape: that of [`Kind`].
    pub fn shape(&self) -> Vec<usize> {
        self.kind.shape(self.examples[0], self.examples[1], self.outputs)
    }

    /// The entries, row-major.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The entries, row-major.
    pub fn into_values(self) -> Vec<T> {
        self.values
    }

    pub(crate) fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// It as one matrix: N₁ O × N₂ O if it is `Full`, N₁ × N₂ if it is `Trace` or `SumOfLogits`, O N₁ × N₂ (kernels one
    /// below the other) if it is `PerOutput`, and a column if it is `Diagonal`.
    pub fn matrix(&self) -> MatRef<'_, T> {
        let columns = match self.kind {
            Kind::Full => self.examples[1] * self.outputs,
            Kind::Trace | Kind::SumOfLogits | Kind::PerOutput => self.examples[1],
            Kind::Diagonal => 1,
        };
        MatRef::from_row_major_slice(&self.values, self.values.len() / columns, columns)
    }

    /// The kernel matrix N₁ × N₂ of output `o`.
    ///
    /// # Panics
    /// If it is not `PerOutput`, or there is no such output.
    #[track_caller]
    pub fn of_output(&self, o: usize) -> MatRef<'_, T> {
        assert!(
            self.kind == Kind::PerOutput && o < self.outputs,
            "output {o} of {} of a {:?} kernel",
            self.outputs,
            self.kind
        );
        let [rows, columns] = self.examples;
        MatRef::from_row_major_slice(&self.values[o * rows * columns..][..rows * columns], rows, columns)
    }
}
