//! Writing NumPy's `npz` format: a zip archive with a member `name.npy` for each array.

use std::io::{self, Write};

use rawzip::ZipArchiveWriter;
use rawzip::path::EntryPath;

use crate::NpyHeader;

/// Arrays written one after another, as `numpy.savez` does: without compression, which gains little on numbers.
///
/// ```
/// let mut file = Vec::new();
/// let mut arrays = data::NpzWriter::new(&mut file);
/// arrays.array("x", &[2], 8, |to| to.write_all(&[1.5_f64, 2.5].map(f64::to_le_bytes).concat()))?;
/// arrays.finish()?;
/// assert!(file.starts_with(b"PK"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct NpzWriter<W> {
    archive: ZipArchiveWriter<W>,
}

impl<W: Write> NpzWriter<W> {
    /// Of no arrays yet.
    pub fn new(to: W) -> Self {
        Self { archive: ZipArchiveWriter::new(to) }
    }

    /// Adds an array of floating-point numbers of so many bytes each; `write` writes them, row-major, least significant byte
    /// first.
    ///
    /// # Errors
    /// If the archive cannot be written, or what `write` reports.
    pub fn array(
        &mut self,
        name: &str,
        shape: &[usize],
        bytes: usize,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let name = format!("{name}.npy");
        // The names of members are made tidier than they may be, unless they are given as bytes; other than ASCII those
        // would be read as another encoding.
        let path = if name.is_ascii() {
            EntryPath::verbatim(name.into_bytes())
        } else {
            EntryPath::conformant(name)
        };
        let (mut entry, config) = self.archive.new_file(path).start().map_err(io::Error::other)?;
        let mut writer = config.wrap(&mut entry);
        NpyHeader::write(shape, bytes, &mut writer)?;
        write(&mut writer)?;
        let (_, descriptor) = writer.finish().map_err(io::Error::other)?;
        entry.finish(descriptor).map_err(io::Error::other)?;
        Ok(())
    }

    /// Writes the list of what is there, which ends the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        self.archive.finish().map_err(io::Error::other)?;
        Ok(())
    }
}

impl<W> std::fmt::Debug for NpzWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NpzWriter")
    }
}
