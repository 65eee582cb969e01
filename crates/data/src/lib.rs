//! Data: the embedded digits, arrays in files, and what is done to data before training.
//!
//! ```
//! let digits = data::digits();
//! assert_eq!((digits.images.extents(), digits.labels.len()), (&[1797, 8, 8][..], 1797));
//! let inputs = data::standardised(digits.images.bytes(), 64);      // 1797 × 64, row-major
//! let targets = data::one_hot(&digits.labels, 10, 0.1);            // 1797 × 10: 0.9 and −0.1
//! let [train, test] = data::split(1797, [256, 128], 0).unwrap();
//! let (x, y) = (data::select(&inputs, 64, &train), data::select(&targets, 10, &train));
//! assert_eq!((x.len(), y.len(), test.len()), (256 * 64, 256 * 10, 128));
//! ```

mod digits;
mod idx;
mod npy;
mod prepare;

pub use digits::{Digits, digits};
pub use idx::{Idx, IdxError};
pub use npy::NpyHeader;
pub use prepare::{TooFewExamples, one_hot, select, split, standardised};
