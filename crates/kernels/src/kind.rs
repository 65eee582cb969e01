//! What of a kernel is computed.

/// Which entries or sums of the kernel Θ_{nm,op} = ⟨∂f_o(x_n)/∂θ, ∂f_p(x'_m)/∂θ⟩ are computed: n < N₁ and m < N₂ are
/// examples, o and p < O outputs (those of several axes in row-major order).
///
/// For the covariance kernel of outputs the same holds with f_o(x_n) f_p(x'_m) in place of the scalar product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Θ_{nm,op}, laid out as (N₁, O, N₂, O), so that it is a matrix of N₁ O × N₂ O: rows are the elements of f of the
    /// first batch, columns those of the second.
    Full,
    /// (1/O) Σ_o Θ_{nm,oo}, of shape (N₁, N₂). At infinite width Θ_{nm,op} vanishes for o ≠ p and is the same for all
    /// o = p, and this is its value.
    Trace,
    /// (1/O) Σ_o Θ_{nn,oo}, of shape (N): the diagonal of `Trace` for one batch.
    Diagonal,
    /// Θ_{nm,oo}, of shape (O, N₁, N₂): one kernel matrix for each output.
    PerOutput,
    /// (1/O) Σ_{o,p} Θ_{nm,op}, of shape (N₁, N₂): the kernel of the one output Σ_o f_o/√O, called pseudo-NTK (Mohamadi,
    /// Bae, Sutherland 2023). It costs as much as a network with one output.
    SumOfLogits,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Full, Self::Trace, Self::Diagonal, Self::PerOutput, Self::SumOfLogits];

    /// The shape for batches of `rows` and `columns` examples and for `outputs` outputs.
    pub fn shape(self, rows: usize, columns: usize, outputs: usize) -> Vec<usize> {
        match self {
            Self::Full => vec![rows, outputs, columns, outputs],
            Self::Trace | Self::SumOfLogits => vec![rows, columns],
            Self::Diagonal => vec![rows],
            Self::PerOutput => vec![outputs, rows, columns],
        }
    }

    /// How many matrices there are one after another, and how many rows or columns of them belong to an example.
    pub(crate) fn units(self, outputs: usize) -> (usize, usize) {
        match self {
            Self::Full => (1, outputs),
            Self::PerOutput => (outputs, 1),
            Self::Trace | Self::SumOfLogits | Self::Diagonal => (1, 1),
        }
    }

    /// How many cotangents of f are needed for each example.
    pub(crate) fn cotangents(self, outputs: usize) -> usize {
        if self == Self::SumOfLogits { 1 } else { outputs }
    }
}
