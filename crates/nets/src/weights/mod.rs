//! Parameters in files: `safetensors` and `npz`.
//!
//! A file holds θ tensor by tensor, under the names and with the shapes of [`Parameters`], as `f32` or `f64` after the
//! vector's own type: what is drawn and trained, without the multipliers of the parameterization. Files of `f16`,
//! `bf16`, `f32` and `f64` are read into either type: into a wider one exactly, into a narrower one rounded.
//!
//! Values that are not finite are neither written nor read, so that what could be written can be read, and a diverged
//! run does not pass for a network.
//!
//! Files are not trusted. One that is damaged, or made to do harm, gives a [`WeightsError`]; memory is taken for the
//! network and a small multiple of the file, whatever headers claim.

mod error;
mod npz;
mod safetensors;
mod state_dict;
mod stored;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, IntoInnerError, Read};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use autodiff::Real;

pub use error::WeightsError;
use stored::Stored;

use crate::parameters::Parameters;

impl Parameters {
    /// Writes the flat vector `theta` to a file, whose format is that of its extension: `.safetensors` or `.npz`. The
    /// file holds θ as it is, without multipliers, tensor by tensor under their names, as numbers of the type `T`.
    ///
    /// The file is written under another name beside its place and then renamed: at no time is it there in part, and
    /// one that was there before is kept until then.
    ///
    /// # Errors
    /// If the extension is another one, a value is not finite, or the system refuses.
    ///
    /// # Panics
    /// If `theta` is not as long as the parameters.
    #[track_caller]
    pub fn write<T: Real>(&self, theta: &[T], path: impl AsRef<Path>) -> Result<(), WeightsError> {
        assert!(theta.len() == self.len(), "a vector of {} for {} parameters", theta.len(), self.len());
        let path = path.as_ref();
        let format = Format::of(path)?;
        for parameter in self.tensors() {
            let tensor = &theta[parameter.range.clone()];
            if let Some(index) = tensor.iter().position(|value| !value.is_finite()) {
                let value = tensor[index].into();
                return Err(WeightsError::NotFinite { tensor: parameter.name.clone(), index, value });
            }
        }
        let result = replace(path, |to| match format {
            Format::Safetensors => safetensors::write(self, theta, to),
            Format::Npz => npz::write(self, theta, to),
        });
        result.map_err(|source| WeightsError::Io { path: path.into(), source })
    }

    /// Reads the flat vector from a file, such as [`write`](Self::write) makes: `.safetensors` or `.npz`, of whatever
    /// order, with the tensors of these names and shapes and no others. `npz` arrays may be row-major or column-major
    /// (Fortran order), of either byte order, stored or deflated. Numbers of 16 bits (f16, bf16), 32 and 64 are read
    /// into either type: into a wider one exactly, into a narrower one rounded.
    ///
    /// A file need not be trusted: reading takes memory for the network and a small multiple of the file's size, whatever
    /// the file claims.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, is not of this network, or holds values that are not finite (in `T`): the
    /// error names the tensor.
    ///
    /// ```
    /// # let directory = std::env::temp_dir().join(format!("nets-weights-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// # let path = directory.join("theta.safetensors");
    /// use nets::{Activation, Network, Scaling, mlp};
    ///
    /// let network = Network::new(mlp(&[16, 16], 2, Activation::ERF, Scaling::ntk(1.5, 0.05)), [4]);
    /// let theta: Vec<f32> = network.init(0);
    /// network.parameters().write(&theta, &path)?;
    /// assert_eq!(network.parameters().read::<f32>(&path)?, theta);
    ///
    /// let wider = Network::new(mlp(&[17, 16], 2, Activation::ERF, Scaling::ntk(1.5, 0.05)), [4]);
    /// let error = wider.parameters().read::<f32>(&path).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     r#"tensor "0.weight" has the shape [4, 16], the network's "0.weight" wants [4,17]"#
    /// );
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read<T: Real>(&self, path: impl AsRef<Path>) -> Result<Vec<T>, WeightsError> {
        let path = path.as_ref();
        let (format, file) = (Format::of(path)?, contents(path)?);
        let stored = format.parse(&file)?;
        let names: HashMap<&str, &Stored<'_>> =
            stored.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut theta = Vec::new();
        for parameter in self.tensors() {
            let tensor = names
                .get(parameter.name.as_str())
                .ok_or_else(|| WeightsError::Missing { tensor: parameter.name.clone() })?;
            let axes: Vec<usize> = (0..parameter.shape.rank()).collect();
            theta.extend(tensor.values::<T>(parameter, &axes, 1.0)?);
        }
        let unknown = stored.iter().find(|tensor| self.tensors().iter().all(|own| own.name != tensor.name));
        match unknown {
            Some(tensor) => Err(WeightsError::Unknown { tensor: tensor.name.clone() }),
            None => Ok(theta),
        }
    }
}

/// The formats.
#[derive(Clone, Copy)]
enum Format {
    Safetensors,
    Npz,
}

impl Format {
    /// The format that the extension of a file names.
    fn of(path: &Path) -> Result<Self, WeightsError> {
        match path.extension().and_then(OsStr::to_str) {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("npz") => Ok(Self::Npz),
            _ => Err(WeightsError::Extension { path: path.into() }),
        }
    }

    /// The tensors of a file with these contents: names that differ, and values not read yet.
    fn parse(self, file: &[u8]) -> Result<Vec<Stored<'_>>, WeightsError> {
        match self {
            Self::Safetensors => safetensors::parse(file),
            Self::Npz => npz::parse(file),
        }
    }
}

/// The contents of a file.
fn contents(path: &Path) -> Result<Vec<u8>, WeightsError> {
    // Devices have no end, but a length of 0.
    let read = || {
        let file = File::open(path)?;
        let mut contents = Vec::new();
        let length = file.metadata()?.len();
        file.take(length).read_to_end(&mut contents)?;
        Ok(contents)
    };
    read().map_err(|source| WeightsError::Io { path: path.into(), source })
}

/// Writes a file beside `path` and renames it.
fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    // Two threads, or a process and one that was killed and had the same number, do not get in each other's way.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{count}.tmp", process::id()));
    let temporary = path.with_file_name(name);
    let mut file = BufWriter::new(File::create(&temporary)?);
    let written = write(&mut file)
        .and_then(|()| file.into_inner().map_err(IntoInnerError::into_error)?.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}
