//! The `npz` format of NumPy: a zip archive with a member `name.npy` for each tensor, stored or deflated.

use std::collections::HashSet;
use std::io::{self, Write};

use autodiff::Real;
use data::{NpyHeader, NpzWriter};
use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};

use super::WeightsError;
use super::stored::{Data, Element, Member, Stored, encode};
use crate::parameters::Parameters;

/// The tensors of a file.
pub(super) fn parse(file: &[u8]) -> Result<Vec<Stored<'_>>, WeightsError> {
    let broken = |error| WeightsError::corrupt(None, error);
    let archive = ZipArchive::from_slice(file).map_err(broken)?;
    let mut tensors = Vec::new();
    let mut seen = HashSet::new();
    for record in archive.entries() {
        let record = record.map_err(broken)?;
        let path = record.file_path();
        let Some(name) = str::from_utf8(path.as_ref()).ok().and_then(|path| path.strip_suffix(".npy")) else {
            let what = format_args!("member {:?} is no .npy", String::from_utf8_lossy(path.as_ref()));
            return Err(WeightsError::corrupt(None, what));
        };
        if !seen.insert(name.to_owned()) {
            return Err(WeightsError::Duplicate { tensor: name.into() });
        }
        tensors.push(stored(name, &record, &archive)?);
    }
    if tensors.len() as u64 != archive.entries_hint() {
        let what = format_args!("{} members in an archive of {}", tensors.len(), archive.entries_hint());
        return Err(WeightsError::corrupt(None, what));
    }
    Ok(tensors)
}

/// A member's tensor, if it has the size that its header calls for.
fn stored<'a>(
    name: &str,
    record: &ZipFileHeaderRecord<'_>,
    archive: &ZipSliceArchive<&'a [u8]>,
) -> Result<Stored<'a>, WeightsError> {
    let deflated = match record.compression_method() {
        CompressionMethod::STORE => false,
        CompressionMethod::DEFLATE => true,
        other => {
            return Err(WeightsError::corrupt(Some(name), format_args!("it is compressed by {other:?}")));
        }
    };
    if record.flags().is_encrypted() {
        return Err(WeightsError::corrupt(Some(name), "it is encrypted"));
    }
    let member = Member { archive: archive.clone(), place: record.wayfinder(), deflated };
    let header = member
        .open()
        .and_then(|mut reader| NpyHeader::read(&mut reader))
        .map_err(|error| WeightsError::corrupt(Some(name), error))?;
    let element = Element::named(&header.dtype);
    if let Some(element) = element {
        let found = record.uncompressed_size_hint();
        let expected =
            header.shape.iter().try_fold(element.float.bytes() as u64, |n, &k| n.checked_mul(k as u64));
        let expected = expected.and_then(|bytes| bytes.checked_add(header.length));
        if expected != Some(found) {
            return Err(WeightsError::Size { tensor: name.into(), found, expected });
        }
    }
    Ok(Stored {
        name: name.into(),
        dtype: header.dtype,
        element,
        shape: header.shape,
        column_major: header.column_major,
        data: Data::Member(member),
    })
}

/// Writes the tensors of `theta` in their order.
pub(super) fn write<T: Real>(parameters: &Parameters, theta: &[T], to: impl Write) -> io::Result<()> {
    let mut arrays = NpzWriter::new(to);
    for parameter in parameters.tensors() {
        let values = &theta[parameter.range.clone()];
        arrays.array(&parameter.name, &parameter.shape, size_of::<T>(), |to| encode(values, to))?;
    }
    arrays.finish()
}
