//! The `safetensors` format: the length of a header in 8 bytes, a header in JSON, and the tensors one after another.
//!
//! The crate's types describe tensors. Its own reader of headers keeps the last of several tensors of one name, does not
//! name a tensor whose size is wrong, and takes a multiple of memory on the way; so headers are read here.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};

use ::safetensors::Dtype;
use ::safetensors::tensor::{Metadata, TensorInfo};
use autodiff::Real;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::WeightsError;
use super::stored::{Data, Element, Float, Stored, encode};
use crate::parameters::Parameters;

/// The tensors of a file.
pub(super) fn parse(file: &[u8]) -> Result<Vec<Stored<'_>>, WeightsError> {
    let Some((length, rest)) = file.split_first_chunk() else {
        return Err(WeightsError::corrupt(None, format_args!("it has {} bytes", file.len())));
    };
    let length = u64::from_le_bytes(*length);
    let Some((header, data)) = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length))
    else {
        return Err(WeightsError::corrupt(
            None,
            format_args!("a header of {length} bytes in {} that follow", rest.len()),
        ));
    };

    let (mut names, mut infos) = (Vec::new(), Vec::new());
    let mut json = serde_json::Deserializer::from_slice(header);
    let read = Header { names: &mut names, infos: &mut infos }.deserialize(&mut json);
    if let Err(error) = read.and_then(|()| json.end()) {
        let tensor = names.get(infos.len()).map(String::as_str);
        return Err(WeightsError::corrupt(tensor, format_args!("the header is broken: {error}")));
    }
    let mut seen = HashSet::with_capacity(names.len());
    if let Some(tensor) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(WeightsError::Duplicate { tensor: tensor.clone() });
    }

    let mut tensors: Vec<(String, TensorInfo)> = names.into_iter().zip(infos).collect();
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    let tensors = tensors.into_iter().map(|(name, info)| {
        let (from, to) = info.data_offsets;
        if from != end {
            let what =
                format_args!("it begins at byte {from} of the data, the tensor before it ends at {end}");
            return Err(WeightsError::corrupt(Some(&name), what));
        }
        let Some(bytes) = data.get(from..to) else {
            let what = format_args!("it takes bytes {from} to {to} of the data, which has {}", data.len());
            return Err(WeightsError::corrupt(Some(&name), what));
        };
        end = to;
        stored(name, info, bytes)
    });
    let tensors = tensors.collect::<Result<_, _>>()?;
    if end != data.len() {
        return Err(WeightsError::corrupt(
            None,
            format_args!("its tensors take {end} bytes of {}", data.len()),
        ));
    }
    Ok(tensors)
}

/// A tensor, if it has the size that its shape and type call for.
fn stored(name: String, info: TensorInfo, data: &[u8]) -> Result<Stored<'_>, WeightsError> {
    let elements = info.shape.iter().try_fold(1, |n: u64, &extent| n.checked_mul(extent as u64));
    let bytes = elements.map(|n| (u128::from(n) * info.dtype.bitsize() as u128).div_ceil(8));
    let (found, expected) = (data.len() as u64, bytes.and_then(|bytes| bytes.try_into().ok()));
    if expected != Some(found) {
        return Err(WeightsError::Size { tensor: name, found, expected });
    }
    let float = match info.dtype {
        Dtype::BF16 => Some(Float::Bf16),
        Dtype::F16 => Some(Float::F16),
        Dtype::F32 => Some(Float::F32),
        Dtype::F64 => Some(Float::F64),
        _ => None,
    };
    Ok(Stored {
        name,
        dtype: info.dtype.to_string(),
        element: float.map(|float| Element { float, big_endian: false }),
        shape: info.shape,
        column_major: false,
        data: Data::Plain(data),
    })
}

/// The entries of a header as they come: a name is there before its tensor, so that an error can name it.
struct Header<'a> {
    names: &'a mut Vec<String>,
    infos: &'a mut Vec<TensorInfo>,
}

impl<'de> DeserializeSeed<'de> for Header<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Header<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            self.names.push(name);
            self.infos.push(map.next_value()?);
        }
        Ok(())
    }
}

/// Writes the tensors of `theta` in their order.
pub(super) fn write<T: Real>(parameters: &Parameters, theta: &[T], mut to: impl Write) -> io::Result<()> {
    let size = size_of::<T>();
    let dtype = if size == 4 { Dtype::F32 } else { Dtype::F64 };
    let infos = parameters.tensors().iter().map(|parameter| {
        let data_offsets = (parameter.range.start * size, parameter.range.end * size);
        (parameter.name.clone(), TensorInfo { dtype, shape: parameter.shape.to_vec(), data_offsets })
    });
    let metadata = Metadata::new(None, infos.collect()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&metadata)?;
    // So that the numbers are aligned.
    header.resize(header.len().next_multiple_of(8), b' ');
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(&header)?;
    encode(theta, to)
}
