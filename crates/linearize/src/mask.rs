//! Masks: which tensors of θ are free, that is, differentiated and moved, and which are frozen.
//!
//! A vector over the free parameters is the free tensors one after another, in the order of the flat parameter vector,
//! without gaps: it is what [`gather`](Mask::gather) makes of a full one. θ itself is always full.

use std::fmt;
use std::ops::Range;

use autodiff::Real;
use nets::Parameters;

/// Which tensors of a flat parameter vector are free; the others are frozen.
///
/// Tensors are named exactly, such as `0.weight`, or by patterns in which `*` stands for any characters or none:
/// `0.*` is all that the first module owns, `*.bias` every bias, `*` everything.
///
/// ```
/// use linearize::Mask;
/// use nets::{Activation, Network, Scaling, mlp};
///
/// let network = Network::new(mlp(&[16, 16], 2, Activation::Tanh, Scaling::ntk(1.5, 0.05)), [4]);
/// let all = || Mask::new(network.parameters());
/// assert_eq!(all().freeze("0.*")?.len(), 16 * 16 + 16 + 16 * 2 + 2);
/// assert_eq!(all().freeze("*")?.thaw("4.*")?.len(), 16 * 2 + 2);       // the readout alone
/// assert_eq!(
///     all().freeze("0.wieght").unwrap_err().to_string(),
///     "no parameter is called 0.wieght: there are 0.weight, 0.bias, 2.weight, 2.bias, 4.weight, 4.bias"
/// );
/// # Ok::<(), linearize::UnmatchedPattern>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    tensors: Vec<Tensor>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tensor {
    name: String,
    range: Range<usize>,
    free: bool,
}

impl Mask {
    /// Everything is free.
    pub fn new(parameters: &Parameters) -> Self {
        let tensors = parameters.tensors().iter();
        Self::of(tensors.map(|tensor| (tensor.name.clone(), tensor.range.len())))
    }

    /// Everything is free, of tensors with these names and numbers of elements.
    pub(crate) fn of(tensors: impl Iterator<Item = (String, usize)>) -> Self {
        let mut end = 0;
        let place = |(name, size)| {
            let range = end..end + size;
            end = range.end;
            Tensor { name, range, free: true }
        };
        Self { tensors: tensors.map(place).collect() }
    }

    /// With the tensors that match `pattern` frozen, too.
    ///
    /// # Errors
    /// If there are none.
    pub fn freeze(self, pattern: &str) -> Result<Self, UnmatchedPattern> {
        self.set(pattern, false)
    }

    /// With the tensors that match `pattern` free again.
    ///
    /// # Errors
    /// If there are none.
    pub fn thaw(self, pattern: &str) -> Result<Self, UnmatchedPattern> {
        self.set(pattern, true)
    }

    fn set(mut self, pattern: &str, free: bool) -> Result<Self, UnmatchedPattern> {
        let mut matched = false;
        for tensor in self.tensors.iter_mut().filter(|tensor| matches(pattern, &tensor.name)) {
            (tensor.free, matched) = (free, true);
        }
        if matched {
            return Ok(self);
        }
        let names = self.tensors.into_iter().map(|tensor| tensor.name).collect();
        Err(UnmatchedPattern { pattern: pattern.into(), names })
    }

    /// The free tensors: their names, and their elements in the full vector.
    pub fn free(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.tensors.iter().filter(|tensor| tensor.free).map(|tensor| (&*tensor.name, tensor.range.clone()))
    }

    /// The number of free parameters.
    pub fn len(&self) -> usize {
        self.free().map(|(_, range)| range.len()).sum()
    }

    /// Whether everything is frozen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of parameters, free and frozen: the length of θ.
    pub fn full_len(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.range.end)
    }

    /// `free` = the free elements of `full`.
    ///
    /// # Panics
    /// If the vectors have not one element a free parameter and one a parameter.
    #[track_caller]
    pub fn gather<T: Real>(&self, full: &[T], free: &mut [T]) {
        self.check(full.len(), free.len());
        let mut rest = free;
        for (_, range) in self.free() {
            let (part, more) = rest.split_at_mut(range.len());
            part.copy_from_slice(&full[range]);
            rest = more;
        }
    }

    /// The free elements of `full` = `free`; the others stay.
    ///
    /// # Panics
    /// If the vectors have not one element a free parameter and one a parameter.
    #[track_caller]
    pub fn scatter<T: Real>(&self, free: &[T], full: &mut [T]) {
        self.check(full.len(), free.len());
        let mut rest = free;
        for (_, range) in self.free() {
            let (part, more) = rest.split_at(range.len());
            full[range].copy_from_slice(part);
            rest = more;
        }
    }

    /// θ with its free elements moved by h δ.
    #[track_caller]
    pub(crate) fn moved<T: Real>(&self, theta: &[T], h: T, delta: &[T]) -> Vec<T> {
        self.check(theta.len(), delta.len());
        let mut moved = theta.to_vec();
        let mut delta = delta.iter();
        for (_, range) in self.free() {
            moved[range].iter_mut().zip(&mut delta).for_each(|(theta, &delta)| *theta += h * delta);
        }
        moved
    }

    /// `delta` = the free elements of θ − θ₀.
    pub(crate) fn difference<T: Real>(&self, theta: &[T], origin: &[T], delta: &mut [T]) {
        self.gather(theta, delta);
        let mut delta = delta.iter_mut();
        for (_, range) in self.free() {
            origin[range].iter().zip(&mut delta).for_each(|(&origin, delta)| *delta -= origin);
        }
    }

    /// Panics if it is of other tensors.
    #[track_caller]
    pub(crate) fn check_of(&self, parameters: &Parameters) {
        let name = |(name, range): (&str, &Range<usize>)| format!("{name} ({})", range.len());
        let masked: Vec<String> = self.tensors.iter().map(|t| name((&t.name, &t.range))).collect();
        let given: Vec<String> = parameters.tensors().iter().map(|t| name((&t.name, &t.range))).collect();
        let (masked, given) = (masked.join(", "), given.join(", "));
        assert!(masked == given, "a mask of {masked} for parameters {given}");
    }

    #[track_caller]
    fn check(&self, full: usize, free: usize) {
        let (all, some) = (self.full_len(), self.len());
        assert!(full == all, "a vector of {full} for {all} parameters");
        assert!(free == some, "a vector of {free} for {some} free parameters");
    }

    /// The number of tensors, and the places of those that are free.
    pub(crate) fn places(&self) -> (usize, Vec<usize>) {
        let free = |&i: &usize| self.tensors[i].free;
        (self.tensors.len(), (0..self.tensors.len()).filter(free).collect())
    }
}

/// Whether `name` is of the form of `pattern`, in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    // The earliest place leaves the most to what follows.
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// A pattern that no parameter's name matches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnmatchedPattern {
    /// The pattern.
    pub pattern: String,
    /// The names there are.
    pub names: Vec<String>,
}

impl fmt::Display for UnmatchedPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no parameter is called {}: there are {}", self.pattern, self.names.join(", "))
    }
}

impl std::error::Error for UnmatchedPattern {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::matches;

    /// The definition: `*` takes some characters, anything else itself.
    fn defined(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|taken| defined(rest, &name[taken..])),
            Some((c, rest)) => name.first() == Some(c) && defined(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn patterns_match_as_defined(pattern in "[ab*]{0,6}", name in "[ab]{0,8}") {
            prop_assert_eq!(matches(&pattern, &name), defined(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
