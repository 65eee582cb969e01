//! Windows: what convolution and pooling have in common, the places that they visit.
//!
//! Examples are channels last: (W, C) or (H, W, C). Along an axis of n elements, windows of f elements begin s apart.
//! Valid ones keep inside; with `Same` and `Circular` padding there are ⌈n/s⌉ of them, and of the p = max((⌈n/s⌉ − 1) s +
//! f − n, 0) elements that they need beyond the ends, ⌊p/2⌋ lie before the first.

use autodiff::{Padding, Shape, Var};

use crate::module::{Reason, Refused};
use crate::parameters::elements;

/// Windows along the one or two axes of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// Elements of a window along each axis.
    pub size: Vec<usize>,
    /// From one window to the next along each axis.
    pub stride: Vec<usize>,
    /// What windows see beyond the ends.
    pub padding: Padding,
}

impl Windows {
    /// Windows of `size`, one at each place.
    pub fn new(size: impl Into<Vec<usize>>, padding: Padding) -> Self {
        let size = size.into();
        Self { stride: vec![1; size.len()], size, padding }
    }

    /// Windows of `size` beside each other, which do not overlap and keep inside.
    pub fn tiles(size: impl Into<Vec<usize>>) -> Self {
        let size = size.into();
        Self { stride: size.clone(), size, padding: Padding::Valid }
    }

    /// With `stride` from one window to the next along each axis.
    #[must_use]
    pub fn stride(self, stride: impl Into<Vec<usize>>) -> Self {
        Self { stride: stride.into(), ..self }
    }

    /// The number of windows along each axis, for `module`, which has them.
    pub(super) fn count(&self, module: &'static str, example: &Shape) -> Result<Vec<usize>, Refused> {
        let Self { size, stride, padding } = self;
        let refused = |reason: String| Err(Refused::from(Reason::Other(format!("{module}: {reason}"))));
        if size.len() != stride.len() || !(1..=2).contains(&size.len()) {
            return refused(format!(
                "size {size:?} and stride {stride:?} should both have one number or two"
            ));
        }
        if size.contains(&0) || stride.contains(&0) {
            return refused(format!("size {size:?} and stride {stride:?} should be at least 1"));
        }
        if example.rank() != size.len() + 1 {
            let wanted = if size.len() == 1 {
                "signals (width, channels)"
            } else {
                "images (height, width, channels)"
            };
            return Err(Reason::Rank { module, wanted, example: example.clone() }.into());
        }
        let mut counts = Vec::with_capacity(size.len());
        for ((&f, &s), &n) in size.iter().zip(stride).zip(example.iter()) {
            let count = n.div_ceil(s);
            let beyond = count.saturating_sub(1).saturating_mul(s).saturating_add(f).saturating_sub(n);
            counts.push(match padding {
                Padding::Valid if f > n => {
                    return refused(format!("a window of {f} does not fit into {n} elements of {example}"));
                }
                Padding::Circular if beyond.div_ceil(2) > n => {
                    return refused(format!(
                        "a window of {f} goes round more than once in {n} elements of {example}"
                    ));
                }
                Padding::Valid => (n - f) / s + 1,
                Padding::Same | Padding::Circular => count,
            });
        }
        let shape: Shape = counts.iter().chain(size).chain(&example[size.len()..]).copied().collect();
        if elements(&shape).is_none() {
            return Err(Reason::Size { shape }.into());
        }
        Ok(counts)
    }

    /// The windows of a batch: (N, W, C) becomes (N, windows, places in them, C), and so does each axis of images.
    pub(super) fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
        let axes = self.size.iter().zip(&self.stride).enumerate();
        // All padding first: what is padded is small, and windows of it are never stored.
        let padded = axes.clone().fold(x, |x, (i, (&f, &s))| x.padded(1 + i, f, s, self.padding));
        axes.fold(padded, |x, (i, (&f, &s))| x.windows(1 + 2 * i, f, s, Padding::Valid))
    }
}
