//! Sums that keep what rounding takes away (Neumaier 1974, with Knuth's two-sum): their error does not grow with the
//! number of terms.

use crate::real::Real;

/// Adds `x` to `sum`, and to `rest` what the sum lost in rounding.
#[inline(always)]
pub(crate) fn add<T: Real>(sum: &mut T, rest: &mut T, x: T) {
    let next = *sum + x;
    let taken = next - *sum;
    *rest += (*sum - (next - taken)) + (x - taken);
    *sum = next;
}

/// The sum with its rest, which means nothing where the sum is not finite.
#[inline(always)]
pub(crate) fn total<T: Real>(sum: T, rest: T) -> T {
    if sum.is_finite() { sum + rest } else { sum }
}
