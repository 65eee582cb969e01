//! Arrays of numbers in files: NumPy's `.npy` and `.npz`, tables as `.csv`, and IDX.
//!
//! Files are not trusted. A header is held against the bytes that are there before memory is taken for what it claims,
//! and every value of an [`Array`] is finite.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::DeflateDecoder;
use half::f16;
use rawzip::{CompressionMethod, ZipArchive};

use crate::{Idx, IdxError, NpyHeader};

/// Finite numbers with their shape, row-major. There is at least one axis, and no extent is 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Vec<f64>,
}

/// Why an array could not be read from a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArrayError {
    /// The file could not be read.
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The name does not say which format the file has.
    Ending {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what its name says.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file is not IDX.
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: IdxError,
    },
    /// The elements are not real numbers.
    Dtype {
        /// The file.
        path: PathBuf,
        /// NumPy's name for the type of the elements.
        dtype: String,
    },
    /// The shape calls for another number of bytes than there are.
    Size {
        /// The file.
        path: PathBuf,
        /// What the header says.
        shape: Vec<usize>,
        /// NumPy's name for the type of the elements.
        dtype: String,
        /// How many bytes follow the header.
        found: u64,
    },
    /// The archive has no array of the name asked for.
    Member {
        /// The file, with the name asked for.
        path: PathBuf,
        /// The names that the archive has.
        names: Vec<String>,
    },
    /// The archive does not hold exactly one array, and none was asked for by its name.
    Unnamed {
        /// The file.
        path: PathBuf,
        /// The names that the archive has.
        names: Vec<String>,
    },
    /// A field of a table is not a number.
    Field {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: u64,
        /// The field in its line, from 1 on.
        field: usize,
        /// What stands there.
        text: String,
    },
    /// The rows of a table are not equally long.
    Row {
        /// The file.
        path: PathBuf,
        /// The line of the first row that differs, from 1 on.
        line: u64,
        /// How many fields it has.
        found: usize,
        /// How many the rows before it have.
        expected: usize,
    },
    /// The array has no axes, or no elements.
    Empty {
        /// The file.
        path: PathBuf,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A value is NaN or infinite.
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Where it stands, row-major, from 0 on.
        index: usize,
        /// What it is.
        value: f64,
    },
}

impl Array {
    /// Reads a file, whose format its name tells by the way it ends.
    ///
    /// - `.npy`: an array that NumPy saved, of floating-point numbers, integers or booleans (0 and 1), in either byte
    ///   order, row- or column-major. 64-bit integers beyond 2⁵³ are rounded.
    /// - `.npz`: an archive of such arrays. `file.npz:name` is the array of that name; without a name the archive must
    ///   hold exactly one.
    /// - `.csv`: a table of numbers separated by commas, of shape rows × columns, each row an example. A first row of
    ///   which no field is a number is a header.
    /// - `.idx`, `-ubyte`, `.gz`: an IDX array of bytes, plain or gzipped, divided by 255.
    ///
    /// # Errors
    /// If the file cannot be read, is not what its name says, has no elements or no axes, or holds a value that is not
    /// finite.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ArrayError> {
        let path = path.as_ref();
        let name = path.to_string_lossy();
        let from =
            |file: &Path| fs::read(file).map_err(|source| ArrayError::Io { path: file.to_owned(), source });
        let array = if name.ends_with(".npy") {
            let contents = from(path)?;
            npy(path, &mut &contents[..], contents.len() as u64, contents.len())?
        } else if name.ends_with(".npz") {
            npz(path, &from(path)?, None)?
        } else if name.ends_with(".csv") {
            csv(path, &from(path)?)?
        } else if name.ends_with(".idx") || name.ends_with("-ubyte") || name.ends_with(".gz") {
            let idx = Idx::read(&from(path)?)
                .map_err(|source| ArrayError::Idx { path: path.to_owned(), source })?;
            Self {
                shape: idx.extents().to_vec(),
                values: idx.bytes().iter().map(|&byte| f64::from(byte) / 255.0).collect(),
            }
        } else if let Some((archive, member)) = path.to_str().and_then(|name| name.rsplit_once(".npz:")) {
            npz(path, &from(&PathBuf::from(format!("{archive}.npz")))?, Some(member))?
        } else {
            return Err(ArrayError::Ending { path: path.to_owned() });
        };
        if array.values.is_empty() || array.shape.is_empty() {
            return Err(ArrayError::Empty { path: path.to_owned(), shape: array.shape });
        }
        if let Some(index) = array.values.iter().position(|value| !value.is_finite()) {
            let value = array.values[index];
            return Err(ArrayError::NotFinite { path: path.to_owned(), index, value });
        }
        Ok(array)
    }

    /// The extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, row-major.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The elements, row-major.
    pub fn into_values(self) -> Vec<f64> {
        self.values
    }
}

fn corrupt(path: &Path, what: impl fmt::Display) -> ArrayError {
    ArrayError::Corrupt { path: path.to_owned(), what: what.to_string() }
}

/// The value of an element, from its bytes, least significant first, the rest being zero.
type Decode = fn([u8; 8]) -> f64;

/// The size of an element, whether its first byte is the most significant one, and its value, by NumPy's name.
#[allow(clippy::cast_precision_loss, reason = "the documented rounding of 64-bit integers")]
fn element(dtype: &str) -> Option<(usize, bool, Decode)> {
    fn low<const N: usize>(bytes: [u8; 8]) -> [u8; N] {
        std::array::from_fn(|i| bytes[i])
    }
    let (order, kind) = dtype.split_at_checked(1)?;
    let (size, decode): (usize, Decode) = match kind {
        "b1" => (1, |b| f64::from(u8::from(b[0] != 0))),
        "u1" => (1, |b| f64::from(b[0])),
        "u2" => (2, |b| f64::from(u16::from_le_bytes(low(b)))),
        "u4" => (4, |b| f64::from(u32::from_le_bytes(low(b)))),
        "u8" => (8, |b| u64::from_le_bytes(b) as f64),
        "i1" => (1, |b| f64::from(i8::from_le_bytes(low(b)))),
        "i2" => (2, |b| f64::from(i16::from_le_bytes(low(b)))),
        "i4" => (4, |b| f64::from(i32::from_le_bytes(low(b)))),
        "i8" => (8, |b| i64::from_le_bytes(b) as f64),
        "f2" => (2, |b| f16::from_le_bytes(low(b)).to_f64()),
        "f4" => (4, |b| f64::from(f32::from_le_bytes(low(b)))),
        "f8" => (8, f64::from_le_bytes),
        _ => return None,
    };
    match order {
        "<" => Some((size, false, decode)),
        ">" => Some((size, true, decode)),
        "|" if size == 1 => Some((1, false, decode)),
        _ => None,
    }
}

/// The array of an `npy` stream of `length` bytes. No memory for more than `room` values is taken before they are read.
fn npy(path: &Path, from: &mut dyn Read, length: u64, room: usize) -> Result<Array, ArrayError> {
    let broken = |error: io::Error| corrupt(path, error);
    let NpyHeader { length: header, dtype, column_major, shape } = NpyHeader::read(from).map_err(broken)?;
    let Some((size, big_endian, decode)) = element(&dtype) else {
        return Err(ArrayError::Dtype { path: path.to_owned(), dtype });
    };
    let count = shape.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent));
    let found = length.saturating_sub(header);
    let Some(count) = count.filter(|&count| (count as u64).checked_mul(size as u64) == Some(found)) else {
        return Err(ArrayError::Size { path: path.to_owned(), shape, dtype, found });
    };
    let mut values = Vec::with_capacity(count.min(room));
    // The last byte of an archive's member is read in vain if its checksum is wrong.
    let mut buffer = [0; 4096];
    while values.len() < count {
        let bytes = &mut buffer[..size * (count - values.len()).min(4096 / size)];
        from.read_exact(bytes).map_err(broken)?;
        for bytes in bytes.chunks_exact_mut(size) {
            if big_endian {
                bytes.reverse();
            }
            let mut word = [0; 8];
            word[..size].copy_from_slice(bytes);
            values.push(decode(word));
        }
    }
    if column_major {
        values = row_major(&shape, &values);
    }
    Ok(Array { shape, values })
}

/// The elements of a column-major array, row-major.
fn row_major(shape: &[usize], values: &[f64]) -> Vec<f64> {
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut ordered = Vec::with_capacity(values.len());
    while ordered.len() < values.len() {
        ordered.push(values[at]);
        // To the next index, the last axis fastest: axes that are full begin again.
        let mut strides = values.len();
        for (i, &extent) in index.iter_mut().zip(shape).rev() {
            strides /= extent;
            *i += 1;
            at += strides;
            if *i < extent {
                break;
            }
            at -= extent * strides;
            *i = 0;
        }
    }
    ordered
}

/// The array of that name in an archive, or the only one.
fn npz(path: &Path, contents: &[u8], wanted: Option<&str>) -> Result<Array, ArrayError> {
    let broken = |error: rawzip::Error| corrupt(path, error);
    let archive = ZipArchive::from_slice(contents).map_err(broken)?;
    let mut names = Vec::new();
    let mut found = None;
    for record in archive.entries() {
        let record = record.map_err(broken)?;
        let member = String::from_utf8_lossy(record.file_path().as_ref()).into_owned();
        let Some(name) = member.strip_suffix(".npy") else {
            continue;
        };
        if wanted.is_none_or(|wanted| wanted == name) {
            found = Some(record);
        }
        names.push(name.to_owned());
    }
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(corrupt(path, format_args!("it holds {:?} twice", pair[0])));
    }
    let path_owned = path.to_owned();
    let record = match (wanted, found) {
        (None, Some(record)) if names.len() == 1 => record,
        (None, _) => return Err(ArrayError::Unnamed { path: path_owned, names }),
        (Some(_), Some(record)) => record,
        (Some(_), None) => return Err(ArrayError::Member { path: path_owned, names }),
    };
    if record.flags().is_encrypted() {
        return Err(corrupt(path, "the array is encrypted"));
    }
    let entry = archive.get_entry(record.wayfinder()).map_err(broken)?;
    let mut reader: Box<dyn Read + '_> = match record.compression_method() {
        CompressionMethod::STORE => Box::new(entry.verifying_reader(entry.data())),
        CompressionMethod::DEFLATE => Box::new(entry.verifying_reader(DeflateDecoder::new(entry.data()))),
        other => return Err(corrupt(path, format_args!("the array is compressed by {other:?}"))),
    };
    npy(path, &mut reader, record.uncompressed_size_hint(), contents.len())
}

/// The numbers of a table.
fn csv(path: &Path, contents: &[u8]) -> Result<Array, ArrayError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(contents);
    let (mut rows, mut columns, mut values) = (0, None, Vec::new());
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| corrupt(path, error))? {
        let line = line(&record, contents);
        let (found, expected) = (record.len(), columns.unwrap_or(record.len()));
        if found != expected {
            return Err(ArrayError::Row { path: path.to_owned(), line, found, expected });
        }
        let first = columns.replace(found).is_none();
        let numbers = record.iter().map(str::parse::<f64>);
        if first && numbers.clone().all(|number| number.is_err()) {
            continue;
        }
        for (field, number) in numbers.enumerate() {
            values.push(number.map_err(|_| ArrayError::Field {
                path: path.to_owned(),
                line,
                field: field + 1,
                text: record[field].to_owned(),
            })?);
        }
        rows += 1;
    }
    Ok(Array { shape: vec![rows, columns.unwrap_or(0)], values })
}

/// The line on which a row stands. Where it is said to begin, empty lines before it have not been passed yet.
fn line(record: &csv::StringRecord, contents: &[u8]) -> u64 {
    record.position().map_or(0, |position| {
        let rest = usize::try_from(position.byte()).ok().and_then(|byte| contents.get(byte..)).unwrap_or(&[]);
        let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        position.line() + ends.filter(|&&byte| byte == b'\n').count() as u64
    })
}

impl fmt::Display for ArrayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |names: &[String]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Ending { path } => write!(
                f,
                "{}: arrays are read from files whose names end in .npy, .npz, .csv, .idx, -ubyte or .gz",
                path.display()
            ),
            Self::Corrupt { path, what } => write!(f, "{}: the file is damaged: {what}", path.display()),
            Self::Idx { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Dtype { path, dtype } => {
                write!(f, "{}: elements of type {dtype:?} are not read as numbers", path.display())
            }
            Self::Size { path, shape, dtype, found } => write!(
                f,
                "{}: a header of shape {shape:?} and type {dtype:?} before {found} bytes",
                path.display()
            ),
            Self::Member { path, names } | Self::Unnamed { path, names } if names.is_empty() => {
                write!(f, "{}: the archive holds no arrays", path.display())
            }
            Self::Member { path, names } => {
                write!(f, "{}: there is no such array; the archive has: {}", path.display(), list(names))
            }
            Self::Unnamed { path, names } => write!(
                f,
                "{0}: the archive holds {1} arrays where one was expected; {0}:NAME is one of: {2}",
                path.display(),
                names.len(),
                list(names)
            ),
            Self::Field { path, line, field, text } => {
                write!(f, "{}: line {line}, field {field}: {text:?} is no number", path.display())
            }
            Self::Row { path, line, found, expected } => write!(
                f,
                "{}: line {line} has {found} fields where the rows before it have {expected}",
                path.display()
            ),
            Self::Empty { path, shape } if shape.is_empty() => {
                write!(f, "{}: the array has no axes", path.display())
            }
            Self::Empty { path, shape } => {
                write!(f, "{}: the array of shape {shape:?} has no elements", path.display())
            }
            Self::NotFinite { path, index, value } => {
                write!(f, "{}: element {index} is {value}", path.display())
            }
        }
    }
}

impl Error for ArrayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Idx { source, .. } => Some(source),
            _ => None,
        }
    }
}
