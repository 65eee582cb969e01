//! Parameters in files: round trips (here), files of PyTorch and NumPy, and files that are damaged or made to do harm.

mod damage;
mod pytorch;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use cotangent::nets::{Parameters, WeightsError};
use cotangent::prelude::*;
use proptest::prelude::*;

const FORMATS: [&str; 2] = ["safetensors", "npz"];

/// A file of its own for every caller.
fn path(extension: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("weights-{count}.{extension}"))
}

/// What reading a file with these contents gives, through a file.
fn reading<R>(contents: &[u8], extension: &str, read: impl FnOnce(&PathBuf) -> R) -> R {
    let path = path(extension);
    fs::write(&path, contents).expect("a file in the target directory");
    let result = read(&path);
    fs::remove_file(&path).expect("the file is there");
    result
}

/// A network of some widths, from inputs to outputs.
fn network(widths: &[usize], sigma_b: f64) -> Network {
    let [inputs, hidden @ .., outputs] = widths else { panic!("two widths are needed") };
    Network::new(mlp(hidden, *outputs, Activation::Tanh, Scaling::ntk(1.3, sigma_b)), [*inputs])
}

/// The bytes of a file that θ is written to.
fn written<T: Real>(parameters: &Parameters, theta: &[T], extension: &str) -> Vec<u8> {
    let path = path(extension);
    parameters.write(theta, &path).expect("finite parameters");
    let contents = fs::read(&path).expect("it was written");
    fs::remove_file(&path).expect("the file is there");
    contents
}

/// A safetensors file with this header.
fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// A file of `reference/weights`.
fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("reference/weights").join(name)
}

/// The network of `mlp` in `generate.py`.
fn pytorch_mlp(sigma_b: f64) -> Network {
    network(&[5, 4, 4, 4, 4, 4, 4, 3], sigma_b)
}

fn widths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..7_usize, 2..5)
}

proptest! {
    // A quarter of the cases: every write waits for the disk.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: ProptestConfig::default().cases.div_ceil(4),
        ..ProptestConfig::default()
    })]

    /// What is written is read: in the same precision, f32 as f64 exactly, and f64 as f32 rounded to nearest.
    #[test]
    fn parameters_return(widths in widths(), seed: u64, format in prop::sample::select(&FORMATS)) {
        let network = network(&widths, 0.1);
        let parameters = network.parameters();
        let (double, single): (Vec<f64>, Vec<f32>) = (network.init(seed), network.init(seed));
        let from_double = written(parameters, &double, format);
        prop_assert_eq!(&reading(&from_double, format, |path| parameters.read::<f64>(path)).unwrap(), &double);
        let rounded: Vec<f32> = double.iter().map(|&value| value as f32).collect();
        prop_assert_eq!(reading(&from_double, format, |path| parameters.read::<f32>(path)).unwrap(), rounded);
        let from_single = written(parameters, &single, format);
        prop_assert_eq!(&reading(&from_single, format, |path| parameters.read::<f32>(path)).unwrap(), &single);
        let widened: Vec<f64> = single.iter().map(|&value| value.into()).collect();
        prop_assert_eq!(reading(&from_single, format, |path| parameters.read::<f64>(path)).unwrap(), widened);
    }
}

/// What does not fit the network is refused by name, with the numbers.
#[test]
fn files_of_other_networks_are_refused() {
    let ours = network(&[4, 3, 2], 0.1);
    let theta: Vec<f64> = ours.init(0);
    for format in FORMATS {
        let refused = |other: &[usize]| {
            let file = written(ours.parameters(), &theta, format);
            reading(&file, format, |path| network(other, 0.1).parameters().read::<f32>(path)).unwrap_err()
        };
        let message = r#"tensor "0.weight" has the shape [4, 3], the network's "0.weight" wants [5,3]"#;
        assert_eq!(refused(&[5, 3, 2]).to_string(), message);
        assert_eq!(refused(&[4, 3, 2, 2]).to_string(), r#"the file has no tensor "4.weight""#);
        assert_eq!(refused(&[4, 3]).to_string(), r#"the network has no parameter for "2.weight""#);

        let large: Vec<f64> = theta.iter().map(|value| value * 1e300).collect();
        let file = written(ours.parameters(), &large, format);
        let error = reading(&file, format, |path| ours.parameters().read::<f32>(path)).unwrap_err();
        assert!(matches!(&error, WeightsError::NotFinite { tensor, index: 0, value }
            if tensor == "0.weight" && *value == large[0]));
        assert!(reading(&file, format, |path| ours.parameters().read::<f64>(path)).is_ok());
    }
    let header = r#"{"0.weight":{"dtype":"I64","shape":[4,3],"data_offsets":[0,96]}}"#;
    let file = safetensors(header, &[0; 96]);
    let error = reading(&file, FORMATS[0], |path| ours.parameters().read::<f64>(path)).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"tensor "0.weight" has elements of type "I64", not floating-point numbers"#
    );
    let error = ours.parameters().read::<f64>("theta.bin").unwrap_err();
    assert_eq!(error.to_string(), "theta.bin: parameters are kept in .safetensors or .npz files");
    let error = ours.parameters().read::<f64>("nowhere/theta.npz").unwrap_err();
    assert!(matches!(error, WeightsError::Io { .. }), "{error}");
}

/// A file that cannot be written leaves what was there, and nothing beside it.
#[test]
fn writing_fails_as_a_whole() {
    let network = network(&[4, 3], 0.1);
    let theta: Vec<f64> = network.init(0);
    let mut diverged = theta.clone();
    diverged[13] = f64::NAN;
    let directory = path("directory");
    for format in FORMATS {
        fs::create_dir_all(&directory).expect("the target directory can be written");
        let path = directory.join("theta").with_extension(format);
        network.parameters().write(&theta, &path).expect("the first");
        let before = fs::read(&path).expect("it was written");
        let error = network.parameters().write(&diverged, &path).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"element 1 of tensor "0.bias" is not a finite number of this precision: NaN"#
        );
        assert_eq!(fs::read(&path).expect("it is there"), before);
        // A directory of that name cannot be replaced.
        let taken = directory.join("taken").with_extension(format);
        fs::create_dir_all(taken.join("inside")).expect("the target directory can be written");
        assert!(matches!(network.parameters().write(&theta, &taken), Err(WeightsError::Io { .. })));
        assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 2, "nothing but these two");
        fs::remove_dir_all(&directory).expect("it is there");
    }
}
