//! Tensors as files store them: what both formats have in common.
//!
//! Nothing here believes a header: values are read only after the network has confirmed a tensor's shape, into memory
//! of the network's size.

use std::io::{self, Read};

use autodiff::{Real, Shape};
use data::NpyHeader;
use flate2::bufread::DeflateDecoder;
use half::{bf16, f16};
use rawzip::{ZipArchiveEntryWayfinder, ZipSliceArchive};

use super::WeightsError;
use crate::parameters::Parameter;

/// A tensor in a file.
pub(super) struct Stored<'a> {
    pub(super) name: String,
    /// The element type as the file names it, and as it is understood here, if it is.
    pub(super) dtype: String,
    pub(super) element: Option<Element>,
    pub(super) shape: Vec<usize>,
    /// Whether the first axis runs fastest.
    pub(super) column_major: bool,
    pub(super) data: Data<'a>,
}

/// The type of a tensor's elements.
#[derive(Clone, Copy)]
pub(super) struct Element {
    pub(super) float: Float,
    pub(super) big_endian: bool,
}

impl Element {
    /// The type by NumPy's name for it.
    pub(super) fn named(name: &str) -> Option<Self> {
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
        Some(Self { float, big_endian })
    }
}

/// Floating-point types.
#[derive(Clone, Copy)]
pub(super) enum Float {
    Bf16,
    F16,
    F32,
    F64,
}

/// Where a tensor's bytes are.
pub(super) enum Data<'a> {
    /// Here.
    Plain(&'a [u8]),
    /// In a member of an archive.
    Member(Member<'a>),
}

/// A member of an archive.
pub(super) struct Member<'a> {
    pub(super) archive: ZipSliceArchive<&'a [u8]>,
    pub(super) place: ZipArchiveEntryWayfinder,
    pub(super) deflated: bool,
}

impl Member<'_> {
    /// Its contents, from their beginning. The last byte is read in vain if the checksum is wrong.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        let entry = self.archive.get_entry(self.place).map_err(io::Error::other)?;
        Ok(if self.deflated {
            Box::new(entry.verifying_reader(DeflateDecoder::new(entry.data())))
        } else {
            Box::new(entry.verifying_reader(entry.data()))
        })
    }
}

impl Float {
    /// The number of bytes of one element.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Bf16 | Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The value of one element, exactly, from its bytes, least significant first.
    fn decode(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        let word = u64::from_le_bytes(word);
        #[allow(clippy::cast_possible_truncation, reason = "the higher bits are zero")]
        match self {
            Self::Bf16 => bf16::from_bits(word as u16).into(),
            Self::F16 => f16::from_bits(word as u16).into(),
            Self::F32 => f32::from_bits(word as u32).into(),
            Self::F64 => f64::from_bits(word),
        }
    }
}

impl Stored<'_> {
    /// The θ of a parameter whose axis j is axis `axes[j]` here, and whose multiple by `multiplier` is stored here.
    pub(super) fn values<T: Real>(
        &self,
        parameter: &Parameter,
        axes: &[usize],
        multiplier: f64,
    ) -> Result<Vec<T>, WeightsError> {
        let (shape, expected) = (&parameter.shape, stored_shape(parameter, axes));
        if self.shape != expected {
            return Err(WeightsError::Shape {
                tensor: self.name.clone(),
                found: self.shape.clone(),
                parameter: parameter.name.clone(),
                expected: expected.into(),
            });
        }
        let Some(element) = self.element else {
            return Err(WeightsError::Dtype { tensor: self.name.clone(), dtype: self.dtype.clone() });
        };
        let size = element.float.bytes();
        let broken = |error: io::Error| WeightsError::corrupt(Some(&self.name), error);
        let mut reader: Box<dyn Read + '_> = match &self.data {
            Data::Plain(bytes) => Box::new(*bytes),
            Data::Member(member) => {
                let mut reader = member.open().map_err(broken)?;
                NpyHeader::read(&mut reader).map_err(broken)?;
                reader
            }
        };
        let mut values = Vec::with_capacity(shape.size());
        let mut buffer = [0; 4096];
        while values.len() < shape.size() {
            let count = (shape.size() - values.len()).min(buffer.len() / size);
            let bytes = &mut buffer[..count * size];
            reader.read_exact(bytes).map_err(broken)?;
            for bytes in bytes.chunks_exact_mut(size) {
                if element.big_endian {
                    bytes.reverse();
                }
                let (index, value) = (values.len(), element.float.decode(bytes));
                let tensor = || self.name.clone();
                if multiplier == 0.0 && value != 0.0 {
                    return Err(WeightsError::Multiplier { tensor: tensor(), index, value });
                }
                let rounded = T::literal(if value == 0.0 { value } else { value / multiplier });
                if !rounded.is_finite() {
                    return Err(WeightsError::NotFinite { tensor: tensor(), index, value });
                }
                values.push(rounded);
            }
        }
        let strides = self.strides();
        let strides: Vec<usize> = axes.iter().map(|&axis| strides[axis]).collect();
        if values.is_empty() || strides == shape.strides() {
            return Ok(values);
        }
        let mut ordered = Vec::with_capacity(values.len());
        gather(&values, shape, &strides, &mut ordered);
        Ok(ordered)
    }

    /// How far apart neighbours along each axis are stored, in elements.
    fn strides(&self) -> Vec<usize> {
        let mut extents = self.shape.clone();
        if self.column_major {
            extents.reverse();
        }
        let mut strides = Shape::from(extents).strides();
        if self.column_major {
            strides.reverse();
        }
        strides
    }
}

/// The shape of what is stored for a parameter whose axis j is axis `axes[j]` there.
pub(super) fn stored_shape(parameter: &Parameter, axes: &[usize]) -> Vec<usize> {
    let mut extents = vec![0; axes.len()];
    for (&axis, &extent) in axes.iter().zip(parameter.shape.iter()) {
        extents[axis] = extent;
    }
    extents
}

/// Appends the elements of `values` that stand at the given strides, row-major in `extents`.
fn gather<T: Copy>(values: &[T], extents: &[usize], strides: &[usize], ordered: &mut Vec<T>) {
    match (extents, strides) {
        ([extent, extents @ ..], [stride, strides @ ..]) => {
            for i in 0..*extent {
                gather(&values[i * stride..], extents, strides, ordered);
            }
        }
        _ => ordered.push(values[0]),
    }
}

/// The bytes of numbers, least significant first.
pub(super) fn encode<T: Real>(values: &[T], mut to: impl io::Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    for values in values.chunks(1 << 13) {
        bytes.clear();
        values.iter().for_each(|value| value.extend_le_bytes(&mut bytes));
        to.write_all(&bytes)?;
    }
    Ok(())
}
