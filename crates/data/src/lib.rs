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
//!
//! Numbers of one's own come from `.npy`, `.npz`, `.csv` and IDX files:
//!
//! ```
//! # let path = std::env::temp_dir().join(format!("cotangent-data-{}.csv", std::process::id()));
//! std::fs::write(&path, "width,height\n1,2.5\n3,4\n5,6\n")?;
//! let array = data::Array::read(&path)?;
//! assert_eq!((array.shape(), array.values()), (&[3, 2][..], &[1.0, 2.5, 3.0, 4.0, 5.0, 6.0][..]));
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod array;
mod digits;
mod idx;
mod npy;
mod npz;
mod prepare;

pub use array::{Array, ArrayError};
pub use digits::{Digits, digits};
pub use idx::{Idx, IdxError};
pub use npy::NpyHeader;
pub use npz::NpzWriter;
pub use prepare::{TooFewExamples, one_hot, select, split, standardised};
