//! The header of NumPy's `npy` format: a dictionary in Python's notation with three entries,
//! `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.
//!
//! Only this much of Python is read, without recursion, and at most 10 000 bytes of it, as in NumPy. Headers of any
//! element type are read, so that an array nobody asks for does no harm.

use std::fmt;
use std::io::{self, Read, Write};

/// How long a header may be: NumPy's own limit.
const LONGEST: u64 = 10_000;
/// How many axes an array may have: NumPy had this limit until version 2.
const AXES: usize = 32;

/// What stands before the elements of an array in NumPy's `npy` format.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NpyHeader {
    /// The header's length in bytes, with what stands before the dictionary: where the elements begin.
    pub length: u64,
    /// The type of an element by NumPy's name, such as `<f8`.
    pub dtype: String,
    /// Whether the first axis runs fastest.
    pub column_major: bool,
    /// The extents, which nothing has been held against yet.
    pub shape: Vec<usize>,
}

impl NpyHeader {
    /// Writes the header of a row-major array of floating-point numbers of so many bytes each, least significant first.
    ///
    /// # Errors
    /// What `to` reports, and if there are more axes than a header can hold.
    pub fn write(shape: &[usize], bytes: usize, to: &mut dyn Write) -> io::Result<()> {
        let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
        let mut text = format!("{{'descr': '<f{bytes}', 'fortran_order': False, 'shape': ({extents}), }}");
        // So that the numbers are aligned: 10 bytes stand before the text, a newline ends it.
        let end = (10 + text.len() + 1).next_multiple_of(64) - 11;
        text.extend(std::iter::repeat_n(' ', end - text.len()));
        text.push('\n');
        let length = u16::try_from(text.len()).map_err(io::Error::other)?;
        to.write_all(b"\x93NUMPY\x01\x00")?;
        to.write_all(&length.to_le_bytes())?;
        to.write_all(text.as_bytes())
    }

    /// Reads a header, and leaves `from` at the first element.
    ///
    /// # Errors
    /// If there is no such header, of kind `InvalidData`, and what `from` reports.
    pub fn read(from: &mut dyn Read) -> io::Result<Self> {
        let mut start = [0; 10];
        from.read_exact(&mut start)?;
        let [magic @ .., major, _minor, low, high] = start;
        if magic != *b"\x93NUMPY" {
            return Err(invalid("it is no NumPy array"));
        }
        let (before, length) = match major {
            1 => (10, u64::from(u16::from_le_bytes([low, high]))),
            2 | 3 => {
                let mut rest = [0; 2];
                from.read_exact(&mut rest)?;
                (12, u64::from(u32::from_le_bytes([low, high, rest[0], rest[1]])))
            }
            _ => return Err(invalid(format_args!("version {major} of NumPy's format"))),
        };
        if length > LONGEST {
            return Err(invalid(format_args!("a header of {length} bytes, where {LONGEST} are allowed")));
        }
        let mut text = Vec::new();
        from.take(length).read_to_end(&mut text)?;
        let text = str::from_utf8(&text).map_err(|_| invalid("its header is no text"))?;
        let mut rest = Rest(text);
        let (dtype, column_major, shape) = rest.dictionary().ok_or_else(|| {
            invalid(format_args!("its header cannot be read from byte {} on", text.len() - rest.0.len()))
        })?;
        Ok(Self { length: before + length, dtype: dtype.into(), column_major, shape })
    }
}

fn invalid(what: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_string())
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
