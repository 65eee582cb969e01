//! The header of NumPy's `npy` format: a dictionary in Python's notation with three entries,
//! `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.
//!
//! Only this much of Python is read, without recursion, and at most 10 000 bytes of it, as in NumPy. Headers of other
//! element types are read too, so that a tensor nobody asks for does no harm.

use std::io::{self, Read, Write};

use autodiff::Shape;

use super::WeightsError;
use super::stored::{Element, Float};

/// How long a header may be: NumPy's own limit.
const LONGEST: u64 = 10_000;
/// How many axes an array may have: NumPy had this limit until version 2.
const AXES: usize = 32;

/// What a header says.
pub(super) struct Header {
    /// Its length in bytes, with what stands before the dictionary.
    pub(super) length: u64,
    pub(super) dtype: String,
    pub(super) element: Option<Element>,
    pub(super) column_major: bool,
    pub(super) shape: Vec<usize>,
}

impl Header {
    /// Reads the header of the tensor of that name.
    pub(super) fn read(name: &str, from: &mut dyn Read) -> Result<Self, WeightsError> {
        let corrupt = |what: &str| WeightsError::corrupt(Some(name), what);
        let broken = |error: io::Error| WeightsError::corrupt(Some(name), error);
        let mut start = [0; 10];
        from.read_exact(&mut start).map_err(broken)?;
        let [magic @ .., major, _minor, low, high] = start;
        if magic != *b"\x93NUMPY" {
            return Err(corrupt("it is no NumPy array"));
        }
        let (before, length) = match major {
            1 => (10, u64::from(u16::from_le_bytes([low, high]))),
            2 | 3 => {
                let mut rest = [0; 2];
                from.read_exact(&mut rest).map_err(broken)?;
                (12, u64::from(u32::from_le_bytes([low, high, rest[0], rest[1]])))
            }
            _ => {
                return Err(WeightsError::corrupt(
                    Some(name),
                    format_args!("version {major} of NumPy's format"),
                ));
            }
        };
        if length > LONGEST {
            let what = format_args!("a header of {length} bytes, where {LONGEST} are allowed");
            return Err(WeightsError::corrupt(Some(name), what));
        }
        let mut text = Vec::new();
        from.take(length).read_to_end(&mut text).map_err(broken)?;
        let text = str::from_utf8(&text).map_err(|_| corrupt("its header is no text"))?;
        let mut rest = Rest(text);
        let (dtype, column_major, shape) = rest.dictionary().ok_or_else(|| {
            let at = text.len() - rest.0.len();
            WeightsError::corrupt(Some(name), format_args!("its header cannot be read from byte {at} on"))
        })?;
        let element = element(dtype);
        Ok(Self { length: before + length, dtype: dtype.into(), element, column_major, shape })
    }
}

/// An element type by NumPy's name for it.
fn element(name: &str) -> Option<Element> {
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

/// What has not been read yet. Every method reads one thing, after spaces, or returns nothing.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn word(&mut self, word: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(word)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        self.0 = self.0.trim_start();
        let quote = self.0.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (string, rest) = self.0[1..].split_once(quote)?;
        self.0 = rest;
        (!string.contains('\\')).then_some(string)
    }

    fn number(&mut self) -> Option<usize> {
        self.0 = self.0.trim_start();
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let number = self.0[..end].parse().ok()?;
        self.0 = &self.0[end..];
        Some(number)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.word("True").map(|()| true).or_else(|| self.word("False").map(|()| false))
    }

    /// `()`, `(3,)`, `(3, 4)`, with or without a comma at the end.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        self.word("(")?;
        let mut numbers = Vec::new();
        while self.word(")").is_none() {
            if numbers.len() == AXES {
                return None;
            }
            numbers.push(self.number()?);
            if self.word(",").is_none() {
                self.word(")")?;
                break;
            }
        }
        Some(numbers)
    }

    /// The three entries, in any order, each once.
    fn dictionary(&mut self) -> Option<(&'a str, bool, Vec<usize>)> {
        let (mut dtype, mut column_major, mut shape) = (None, None, None);
        self.word("{")?;
        while self.word("}").is_none() {
            let key = self.string()?;
            self.word(":")?;
            let again = match key {
                "descr" => dtype.replace(self.string()?).is_some(),
                "fortran_order" => column_major.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => return None,
            };
            if again {
                return None;
            }
            if self.word(",").is_none() {
                self.word("}")?;
                break;
            }
        }
        self.0 = self.0.trim_start();
        self.0.is_empty().then_some(())?;
        Some((dtype?, column_major?, shape?))
    }
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
