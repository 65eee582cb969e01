//! Kernels that need not fit in memory: computed in panels of rows, and written to a NumPy file as they come.
//!
//! After each panel the file is as if it ended there: of a symmetric kernel, all entries of the rows so far and all that
//! mirror them are written. How many rows there are is written down beside it, so that a run which was killed goes on from
//! there. While it is written the file is called `….part`.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use autodiff::{Real, Threads};
use data::NpyHeader;

use crate::empirical::Empirical;
use crate::infinite::{Infinite, Which};
use crate::kind::Kind;

/// What is written: a kernel between `examples`, where each pair has a block of `units` × `units` entries, in `layers`
/// matrices one after another.
struct Matrix<'a> {
    shape: Vec<usize>,
    examples: [usize; 2],
    layers: usize,
    units: usize,
    /// What tells this kernel from others.
    identity: u64,
    path: &'a Path,
    /// Bytes of memory for a panel.
    budget: usize,
}

impl Infinite {
    /// Writes a kernel to the `.npy` file `path`, as [`kernels`](Self::kernels) has it, within about `budget` bytes of memory
    /// besides the examples. If the same was begun before and not finished, it goes on from there. `progress` is called with
    /// the rows done and all there are.
    ///
    /// # Errors
    /// If the system refuses.
    ///
    /// # Panics
    /// If batches do not divide into examples.
    #[allow(clippy::too_many_arguments, reason = "what, of what, and where to")]
    #[track_caller]
    pub fn write<T: Real>(
        &self,
        which: Which,
        x: &[T],
        others: Option<&[T]>,
        path: &Path,
        budget: usize,
        threads: &Threads,
        progress: &mut dyn FnMut(usize, usize),
    ) -> io::Result<()> {
        let examples = [self.network().examples(x), self.network().examples(others.unwrap_or(x))];
        let matrix = Matrix {
            shape: examples.to_vec(),
            examples,
            layers: 1,
            units: 1,
            identity: identity(&format!("{self:?} {which:?}"), &[x, others.unwrap_or(&[])]),
            path,
            budget,
        };
        matrix.write(x, others, progress, &|x, others| self.kernel(which, x, others, threads).into_values())
    }
}

impl Empirical {
    /// Writes a kernel to the `.npy` file `path`, as [`kernel`](Self::kernel) has it, within about `budget` bytes of memory for
    /// its rows besides those of [`within`](Self::within). If the same was begun before and not finished, it goes on from there.
    /// `progress` is called with the rows done and all there are.
    ///
    /// # Errors
    /// If the system refuses.
    ///
    /// # Panics
    /// As [`kernel`](Self::kernel), and if the kind is `Diagonal`, which is no matrix.
    #[allow(clippy::too_many_arguments, reason = "what, of what, and where to")]
    #[track_caller]
    pub fn write<T: Real>(
        &self,
        kind: Kind,
        theta: &[T],
        x: &[T],
        others: Option<&[T]>,
        path: &Path,
        budget: usize,
        threads: &Threads,
        progress: &mut dyn FnMut(usize, usize),
    ) -> io::Result<()> {
        assert!(kind != Kind::Diagonal, "a diagonal kernel is no matrix to be written in panels");
        let examples = [self.network().examples(x), self.network().examples(others.unwrap_or(x))];
        let outputs = self.network().output().size();
        let (layers, units) = kind.units(outputs);
        let matrix = Matrix {
            shape: kind.shape(examples[0], examples[1], outputs),
            examples,
            layers,
            units,
            identity: identity(&format!("{self:?} {kind:?}"), &[theta, x, others.unwrap_or(&[])]),
            path,
            budget,
        };
        matrix.write(x, others, progress, &|x, others| {
            self.kernel(kind, theta, x, others, threads).into_values()
        })
    }
}

impl Matrix<'_> {
    /// Writes the kernel of `x` with `others` or with itself, by parts that `compute` makes of some of these.
    fn write<T: Real>(
        &self,
        x: &[T],
        others: Option<&[T]>,
        progress: &mut dyn FnMut(usize, usize),
        compute: &Compute<'_, T>,
    ) -> io::Result<()> {
        let [rows, columns] = self.examples;
        let (part, note) = (self.beside(".part"), self.beside(".part.rows"));
        let mut header = Vec::new();
        NpyHeader::write(&self.shape, size_of::<T>(), &mut header)?;
        let size = self.shape.iter().product::<usize>() * size_of::<T>();
        let length = (header.len() + size) as u64;
        let done = self.rows_done(&part, &note, length).unwrap_or(0);
        let file = OpenOptions::new().create(true).write(true).truncate(done == 0).open(&part)?;
        let mut file = Entries { file, header: header.len() as u64, matrix: self, bytes: Vec::new() };
        if done == 0 {
            file.file.write_all(&header)?;
            file.file.set_len(length)?;
        }
        let row = self.layers * self.units * self.units * columns * size_of::<T>();
        let panel = (self.budget / row.max(1)).clamp(1, rows);
        let mut start = done;
        progress(start, rows);
        while start < rows {
            let own = start..rows.min(start + panel);
            let each = x.len() / rows;
            let of = |range: &Range<usize>| &x[range.start * each..range.end * each];
            if others.is_some() {
                file.block(&own, &(0..columns), &compute(of(&own), others))?;
            } else {
                file.block(&own, &own, &compute(of(&own), None))?;
                let beyond = own.end..columns;
                if !beyond.is_empty() {
                    let block = compute(of(&own), Some(of(&beyond)));
                    file.block(&own, &beyond, &block)?;
                    file.mirrored(&own, &beyond, &block)?;
                }
            }
            file.file.sync_data()?;
            let next = self.beside(".part.rows.new");
            fs::write(&next, format!("{:016x} {}\n", self.identity, own.end))?;
            fs::rename(next, &note)?;
            start = own.end;
            progress(start, rows);
        }
        file.file.sync_all()?;
        fs::rename(&part, self.path)?;
        // That it is no longer needed does no harm if it stays.
        let _ = fs::remove_file(&note);
        Ok(())
    }

    /// How many rows of this very kernel are there already.
    fn rows_done(&self, part: &Path, note: &Path, length: u64) -> Option<usize> {
        let text = fs::read_to_string(note).ok()?;
        let (identity, rows) = text.trim_end().split_once(' ')?;
        let (identity, rows) = (u64::from_str_radix(identity, 16).ok()?, rows.parse().ok()?);
        let whole = part.metadata().is_ok_and(|part| part.len() == length);
        (identity == self.identity && whole && rows <= self.examples[0]).then_some(rows)
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name: OsString = self.path.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.path.with_file_name(name)
    }
}

/// The entries of the kernel of examples with others or with themselves.
type Compute<'a, T> = dyn Fn(&[T], Option<&[T]>) -> Vec<T> + 'a;

/// Bits that are other ones for other kernels.
fn identity<T: Real>(what: &str, numbers: &[&[T]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (what, size_of::<T>()).hash(&mut hasher);
    for numbers in numbers {
        numbers.len().hash(&mut hasher);
        numbers.iter().for_each(|&x| Into::<f64>::into(x).to_bits().hash(&mut hasher));
    }
    hasher.finish()
}

/// The file.
struct Entries<'a> {
    file: File,
    header: u64,
    matrix: &'a Matrix<'a>,
    bytes: Vec<u8>,
}

impl Entries<'_> {
    /// Writes neighbouring entries of a row of one layer's matrix, which is counted in units like the column.
    fn run<T: Real>(
        &mut self,
        layer: usize,
        row: usize,
        column: usize,
        values: impl Iterator<Item = T>,
    ) -> io::Result<()> {
        let [rows, columns] = self.matrix.examples.map(|n| n * self.matrix.units);
        let at = (layer * rows + row) * columns + column;
        self.bytes.clear();
        values.for_each(|value| value.extend_le_bytes(&mut self.bytes));
        self.file.seek(SeekFrom::Start(self.header + (at * size_of::<T>()) as u64))?;
        self.file.write_all(&self.bytes)
    }

    /// Writes a block.
    fn block<T: Real>(
        &mut self,
        rows: &Range<usize>,
        columns: &Range<usize>,
        values: &[T],
    ) -> io::Result<()> {
        let units = self.matrix.units;
        let width = columns.len() * units;
        for (i, row) in values.chunks_exact(width).enumerate() {
            let (layer, i) = (i / (rows.len() * units), i % (rows.len() * units));
            self.run(layer, rows.start * units + i, columns.start * units, row.iter().copied())?;
        }
        Ok(())
    }

    /// Writes the transpose of a block to where it is mirrored.
    fn mirrored<T: Real>(
        &mut self,
        rows: &Range<usize>,
        columns: &Range<usize>,
        values: &[T],
    ) -> io::Result<()> {
        let units = self.matrix.units;
        let (height, width) = (rows.len() * units, columns.len() * units);
        for (layer, values) in values.chunks_exact(height * width).enumerate() {
            for j in 0..width {
                let column = values[j..].iter().step_by(width).copied();
                self.run(layer, columns.start * units + j, rows.start * units, column)?;
            }
        }
        Ok(())
    }
}
