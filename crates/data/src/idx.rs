//! The IDX format of the MNIST files: a header of big-endian extents, then unsigned bytes; plain or gzipped.

use std::fmt;
use std::io::Read;

use flate2::read::GzDecoder;

/// An array of bytes with its extents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    extents: Vec<usize>,
    bytes: Vec<u8>,
}

/// What is wrong with an IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdxError {
    /// The gzip stream is broken.
    Gzip(String),
    /// The file ends inside its header.
    Header,
    /// The element type, by its code, is not the unsigned byte, 8.
    Type(u8),
    /// The extents call for another number of bytes than the file holds.
    Size {
        /// What the header says.
        extents: Vec<usize>,
        /// How many bytes follow it.
        found: usize,
    },
}

impl Idx {
    /// Reads the contents of a file, gzipped or not.
    ///
    /// # Errors
    /// If they are not an IDX array of unsigned bytes.
    pub fn read(contents: &[u8]) -> Result<Self, IdxError> {
        if contents.starts_with(&[0x1f, 0x8b]) {
            let mut plain = Vec::new();
            GzDecoder::new(contents)
                .read_to_end(&mut plain)
                .map_err(|error| IdxError::Gzip(error.to_string()))?;
            return Self::read_plain(&plain);
        }
        Self::read_plain(contents)
    }

    fn read_plain(contents: &[u8]) -> Result<Self, IdxError> {
        let Some((&[0, 0, kind, rank], rest)) = contents.split_first_chunk() else {
            return Err(IdxError::Header);
        };
        if kind != 8 {
            return Err(IdxError::Type(kind));
        }
        let (header, bytes) = rest.split_at_checked(4 * usize::from(rank)).ok_or(IdxError::Header)?;
        let extents: Vec<usize> =
            header.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
        let size = extents.iter().try_fold(1_usize, |size, &extent| size.checked_mul(extent));
        if size != Some(bytes.len()) {
            return Err(IdxError::Size { extents, found: bytes.len() });
        }
        Ok(Self { extents, bytes: bytes.to_vec() })
    }

    /// The extents, outermost first.
    pub fn extents(&self) -> &[usize] {
        &self.extents
    }

    /// The elements, row-major.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The elements, row-major.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Display for IdxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gzip(error) => write!(f, "the gzip stream is broken: {error}"),
            Self::Header => f.write_str("the file ends inside its IDX header"),
            Self::Type(code) => {
                write!(f, "IDX elements of type {code} where unsigned bytes, 8, were expected")
            }
            Self::Size { extents, found } => {
                write!(f, "an IDX header of extents {extents:?} before {found} bytes")
            }
        }
    }
}

impl std::error::Error for IdxError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_files_are_refused() {
        assert_eq!(Idx::read(&[0, 0, 8]), Err(IdxError::Header));
        assert_eq!(Idx::read(&[0, 0, 8, 2, 0, 0, 0, 1]), Err(IdxError::Header));
        assert_eq!(Idx::read(&[0, 0, 13, 0]), Err(IdxError::Type(13)));
        assert_eq!(
            Idx::read(&[0, 0, 8, 1, 0, 0, 0, 3, 1, 2]),
            Err(IdxError::Size { extents: vec![3], found: 2 })
        );
        assert!(matches!(Idx::read(&[0x1f, 0x8b, 8, 0, 1]), Err(IdxError::Gzip(_))), "a cut gzip stream");
        // Extents whose product overflows must not be believed.
        let huge = [&[0, 0, 8, 4][..], &[255; 16]].concat();
        assert!(matches!(Idx::read(&huge), Err(IdxError::Size { found: 0, .. })), "a header that overflows");
    }
}
