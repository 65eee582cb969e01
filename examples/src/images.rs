//! Small images and their labels: the embedded digits, or MNIST and CIFAR-10 of the user's folder.

use std::fmt;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use cotangent::data::{self, Idx};
use cotangent::prelude::{Real, Task};
use faer::{MatRef, Side};
use serde::Serialize;

use crate::Failure;

/// The ten digits, or kinds of things.
pub const TEN: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
/// Of CIFAR-10.
pub const HORSES_AND_PLANES: [u8; 2] = [7, 0];

/// Sets of images for training and for testing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Set {
    /// 28 × 28 digits. (LeCun et al. 1998.)
    Mnist,
    /// 32 × 32 × 3 images of ten kinds of things. (Krizhevsky 2009.)
    Cifar10,
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mnist => "MNIST",
            Self::Cifar10 => "CIFAR-10",
        })
    }
}

/// What has a mean and a variance of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Each {
    /// All numbers of an image.
    Image,
    /// Those of a color.
    Channel,
}

/// Images of one size, channels last, and their labels.
#[derive(Clone, Debug)]
pub struct Images {
    /// One image after another.
    pub pixels: Vec<u8>,
    /// Bytes of an image.
    pub size: usize,
    /// Of each pixel.
    pub channels: usize,
    /// The class of each.
    pub labels: Vec<u8>,
}

impl Set {
    /// Those to train on and those to test on.
    pub(crate) fn read(self, folder: &Path) -> Result<[Images; 2], Failure> {
        if !folder.is_dir() {
            return Err(format!("{} is not a folder", folder.display()).into());
        }
        match self {
            Self::Mnist => {
                let read = |part: &str| -> Result<Images, Failure> {
                    let pixels = idx(folder, "mnist", &format!("{part}-images-idx3-ubyte"))?;
                    let labels = idx(folder, "mnist", &format!("{part}-labels-idx1-ubyte"))?.into_bytes();
                    Images::new(pixels.into_bytes(), labels, 1)
                };
                Ok([read("train")?, read("t10k")?])
            }
            Self::Cifar10 => {
                let names: Vec<String> = (1..6).map(|i| format!("data_batch_{i}.bin")).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Ok([cifar(folder, &names, "train10k")?, cifar(folder, &["test_batch.bin"], "test10k")?])
            }
        }
    }
}

impl Images {
    fn new(pixels: Vec<u8>, labels: Vec<u8>, channels: usize) -> Result<Self, Failure> {
        match pixels.len().checked_div(labels.len()) {
            Some(size) if size * labels.len() == pixels.len() => Ok(Self { pixels, size, channels, labels }),
            _ => Err(format!("{} bytes of images for {} labels", pixels.len(), labels.len()).into()),
        }
    }

    /// The embedded digits, 8 × 8: 1000 to train on and 797 to test on.
    pub fn digits() -> [Self; 2] {
        let digits = data::digits();
        let (pixels, labels) = (digits.images.bytes(), &digits.labels);
        [0..1000, 1000..labels.len()].map(|part| Self {
            pixels: pixels[64 * part.start..64 * part.end].to_vec(),
            size: 64,
            channels: 1,
            labels: labels[part].to_vec(),
        })
    }

    /// So many images of `classes`, at random, of each of two parts. All pixels are shifted and scaled alike, so that those to
    /// train on have mean 0 and variance 1, and ‖x‖² is about the number of inputs. Targets of two classes are +1 for the
    /// first and −1 for the other; of more, one output is 1 and the others are 0.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn task<T: Real>(
        [train, test]: &[Self; 2],
        classes: &[u8],
        [n, m]: [usize; 2],
        seed: u64,
    ) -> Result<Task<T>, Failure> {
        let [(x, y), (z, w)] = [train.some(classes, n, seed)?, test.some(classes, m, seed)?];
        let float = |pixels: &[u8]| pixels.iter().map(|&pixel| f64::from(pixel)).collect::<Vec<f64>>();
        let [x, z] = [x, z].map(|pixels| float(&pixels));
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let scale =
            (x.iter().map(|pixel| (pixel - mean).powi(2)).sum::<f64>() / x.len() as f64).sqrt().recip();
        let scaled = |pixels: &[f64]| pixels.iter().map(|pixel| T::literal((pixel - mean) * scale)).collect();
        let targets = |places: Vec<usize>| match classes.len() {
            2 => places.iter().map(|&place| T::literal(1.0 - 2.0 * place as f64)).collect(),
            count => places
                .iter()
                .flat_map(|&place| (0..count).map(move |i| T::literal(f64::from(i == place))))
                .collect(),
        };
        Ok(Task { train_x: scaled(&x), train_y: targets(y), test_x: scaled(&z), test_y: targets(w) })
    }

    /// A task of such images, with each of them, or of their channels, shifted and scaled by itself, so that it has mean 0 and
    /// variance 1, and ‖x‖² is the number of inputs.
    pub fn standardise<T: Real>(&self, each: Each, mut task: Task<T>) -> Task<T> {
        let size = self.size;
        let channels = match each {
            Each::Image => 1,
            Each::Channel => self.channels,
        };
        let count = T::literal((size / channels) as f64);
        for image in task.train_x.chunks_exact_mut(size).chain(task.test_x.chunks_exact_mut(size)) {
            for channel in 0..channels {
                let values = image.iter().copied().skip(channel).step_by(channels);
                let mean = values.clone().sum::<T>() / count;
                let variance = values.map(|x| (x - mean) * (x - mean)).sum::<T>() / count;
                let scale = if variance > T::zero() { variance.sqrt().recip() } else { T::one() };
                let values = image.iter_mut().skip(channel).step_by(channels);
                values.for_each(|x| *x = (*x - mean) * scale);
            }
        }
        task
    }

    /// The same task with x(α) = α x₁ + (1 − α) x₂ to test on, where x₁ and x₂ are the first images with targets −1 and 1. All x
    /// and x(α) are multiplied so that ‖x‖² is the number of their coordinates, which are those in the space that the images to
    /// train on span: random networks and gradients do not see the difference, as their first layer knows nothing but inner
    /// products.
    ///
    /// # Errors
    /// If all images are of one class, or the eigenvalues of their Gram matrix are not found.
    pub fn between(task: Task<f32>, alphas: &[f64]) -> Result<Task<f32>, Failure> {
        let Task { train_x, train_y, .. } = task;
        let count = train_y.len();
        let x = MatRef::from_row_major_slice(&train_x, count, train_x.len() / count);
        let gram =
            (x * x.transpose()).self_adjoint_eigen(Side::Lower).map_err(|error| format!("{error:?}"))?;
        let coordinate = |i: usize, j: usize| gram.U()[(i, j)] * gram.S()[j].max(0.0).sqrt();
        let row = |i: usize| Self::normalised(&(0..count).map(|j| coordinate(i, j)).collect::<Vec<f32>>());
        let first = |class| train_y.iter().position(|&y| y == class).ok_or("all images are of one class");
        let [x1, x2] = [row(first(-1.0)?), row(first(1.0)?)];
        let mixed =
            |alpha: f32| x1.iter().zip(&x2).map(|(a, b)| alpha * a + (1.0 - alpha) * b).collect::<Vec<_>>();
        let test_x = alphas.iter().flat_map(|&alpha| Self::normalised(&mixed(alpha as f32)));
        Ok(Task {
            train_x: (0..count).flat_map(row).collect(),
            test_x: test_x.collect(),
            test_y: vec![0.0; alphas.len()],
            train_y,
        })
    }

    /// The multiple of x with ‖x‖² the number of its elements.
    pub fn normalised(x: &[f32]) -> Vec<f32> {
        let scale = (x.len() as f32 / x.iter().map(|x| x * x).sum::<f32>()).sqrt();
        x.iter().map(|x| x * scale).collect()
    }

    /// Pixels and places among `classes` of some images.
    fn some(&self, classes: &[u8], count: usize, seed: u64) -> Result<(Vec<u8>, Vec<usize>), Failure> {
        let place = |&i: &usize| classes.iter().position(|class| *class == self.labels[i]);
        let all: Vec<usize> = (0..self.labels.len()).filter(|i| place(i).is_some()).collect();
        let [chosen] = data::split(all.len(), [count], seed)?;
        let rows: Vec<usize> = chosen.iter().map(|&i| all[i]).collect();
        Ok((data::select(&self.pixels, self.size, &rows), rows.iter().filter_map(place).collect()))
    }
}

/// The first of `names` that is in the folder, or in `sub` of it.
fn find(folder: &Path, sub: &str, names: &[&str]) -> Result<PathBuf, Failure> {
    let places = [folder.to_path_buf(), folder.join(sub)];
    let mut paths = names.iter().flat_map(|name| places.iter().map(move |place| place.join(name)));
    let none = || format!("{} has no {}, nor has {sub} in it", folder.display(), names[0]).into();
    paths.find(|path| path.is_file()).ok_or_else(none)
}

fn idx(folder: &Path, sub: &str, name: &str) -> Result<Idx, Failure> {
    let path = find(folder, sub, &[name, &format!("{name}.gz")])?;
    let contents = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Idx::read(&contents).map_err(|error| format!("{}: {error}", path.display()))?)
}

/// The binary batches of these names that are there (a label, and then three planes of 32 × 32), or a strip of all images as
/// PNG with labels as IDX beside it.
fn cifar(folder: &Path, names: &[&str], strip: &str) -> Result<Images, Failure> {
    const PLANE: usize = 32 * 32;
    let batches: Vec<PathBuf> = names
        .iter()
        .filter_map(|name| {
            ["cifar10", "cifar-10-batches-bin"].iter().find_map(|sub| find(folder, sub, &[name]).ok())
        })
        .collect();
    if batches.is_empty() {
        let path = find(folder, "cifar10", &[&format!("{strip}-strip.png")])
            .map_err(|_| format!("{} has neither {} nor {strip}-strip.png", folder.display(), names[0]))?;
        let mut strip_of_all = png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
        let mut pixels = vec![0; strip_of_all.output_buffer_size()];
        strip_of_all.next_frame(&mut pixels)?;
        return Images::new(
            pixels,
            idx(folder, "cifar10", &format!("{strip}-labels-idx1-ubyte"))?.into_bytes(),
            3,
        );
    }
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in batches {
        for record in fs::read(path)?.chunks_exact(1 + 3 * PLANE) {
            labels.push(record[0]);
            pixels.extend((0..PLANE).flat_map(|i| [0, 1, 2].map(|channel| record[1 + channel * PLANE + i])));
        }
    }
    Images::new(pixels, labels, 3)
}
