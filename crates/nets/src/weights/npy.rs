//! NumPy's `npy` format, of which `data` reads the header: the types of elements that weights have, and headers written.

use std::io::{self, Write};

use autodiff::Shape;

use super::stored::{Element, Float};

/// An element type by NumPy's name for it.
pub(super) fn element(name: &str) -> Option<Element> {
    let (big_endian, rest) = match name.split_at_checked(1)? {
        ("<", rest) => (false, rest),
        (">", rest) => (true, rest),
        _ => return None,
    };
    let float = match rest {
        "f2" => Float::F16,
        "f4" => Float::F32,
        "f8" => Float::F64,
        _ => return None,
    };
    Some(Element { float, big_endian })
}

/// Writes the header of an array of such numbers, row-major.
pub(super) fn write_header<T>(shape: &Shape, mut to: impl Write) -> io::Result<()> {
    let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    let mut text =
        format!("{{'descr': '<f{}', 'fortran_order': False, 'shape': ({extents}), }}", size_of::<T>());
    // So that the numbers are aligned: 10 bytes stand before the text, a newline ends it.
    let end = (10 + text.len() + 1).next_multiple_of(64) - 11;
    text.extend(std::iter::repeat_n(' ', end - text.len()));
    text.push('\n');
    let length = u16::try_from(text.len()).map_err(io::Error::other)?;
    to.write_all(b"\x93NUMPY\x01\x00")?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(text.as_bytes())
}
