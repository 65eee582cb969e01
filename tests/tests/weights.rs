//! Parameters in files: round trips, files of PyTorch and NumPy, and files that are damaged or made to do harm.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use cotangent::nets::{Parameters, WeightsError};
use cotangent::prelude::*;
use proptest::prelude::*;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde_json::Value;

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
    Network::new(mlp(hidden, *outputs, Activation::Tanh, 1.3, sigma_b), [*inputs])
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

/// A member of an archive: an array with this header, and data that may be anything.
fn npz(name: &str, header: &str, data: &[u8], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let (mut entry, config) =
        archive.new_file(name).compression_method(method).start().expect("writing to memory");
    let array =
        [b"\x93NUMPY\x02\x00", &(header.len() as u32).to_le_bytes()[..], header.as_bytes(), data].concat();
    let mut writer = config.wrap(Vec::new());
    writer.write_all(&array).expect("writing to memory");
    let (array, descriptor) = writer.finish().expect("writing to memory");
    if method == CompressionMethod::DEFLATE {
        let mut encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::best());
        encoder.write_all(&array).expect("writing to memory");
        encoder.finish().expect("writing to memory");
    } else {
        entry.write_all(&array).expect("writing to memory");
    }
    entry.finish(descriptor).expect("writing to memory");
    archive.finish().expect("writing to memory")
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

/// A file of `reference/weights`.
fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("reference/weights").join(name)
}

/// Files that `reference/weights/generate.py` and this program wrote for the same network, and their formats.
static GOOD: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let names =
        ["mlp_f64.safetensors", "mlp_bf16.safetensors", "mlp_f64.npz", "mlp_f16.npz", "mlp_columns.npz"];
    let theirs = names.map(|name| {
        let format = name.split_once('.').expect("names have extensions").1;
        (format, fs::read(reference(name)).expect("it is committed"))
    });
    let network = pytorch_mlp(0.3);
    let ours = FORMATS.map(|format| (format, written(network.parameters(), &network.init::<f64>(0), format)));
    theirs.into_iter().chain(ours).collect()
});

/// The network of `mlp` in `generate.py`.
fn pytorch_mlp(sigma_b: f64) -> Network {
    network(&[5, 4, 4, 4, 4, 4, 4, 3], sigma_b)
}

/// Ways to read a file.
type Read = fn(&Parameters, &PathBuf) -> Result<Vec<f64>, WeightsError>;

/// Reads a file, in memory of a few times that of the file and of the network, and the state of a decompressor; what is
/// read is finite.
fn read_within_bounds(
    network: &Network,
    contents: &[u8],
    format: &str,
    read: Read,
) -> Result<Vec<f64>, WeightsError> {
    let parameters = network.parameters();
    reading(contents, format, |path| {
        let mut result = None;
        let used = allocation_counter::measure(|| result = Some(read(parameters, path)));
        let bound = 20 * contents.len() + 40 * parameters.len() + (1 << 17);
        assert!(used.bytes_max <= bound as u64, "{} bytes for a file of {}", used.bytes_max, contents.len());
        let result = result.expect("it was measured");
        if let Ok(theta) = &result {
            assert!(theta.len() == parameters.len() && theta.iter().all(|value| value.is_finite()));
        }
        result
    })
}

const READ: [Read; 2] =
    [|parameters, path| parameters.read(path), |parameters, path| parameters.read_state_dict(path)];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A file that was cut is refused.
    #[test]
    fn cut_files_are_refused(at: prop::sample::Index) {
        let network = pytorch_mlp(0.3);
        for (format, file) in GOOD.iter() {
            for read in READ {
                let cut = &file[..at.index(file.len())];
                prop_assert!(read_within_bounds(&network, cut, format, read).is_err());
            }
        }
    }

    /// A file with wrong bits is refused, or means something finite; an archive, which has checksums, means the same.
    #[test]
    fn files_with_wrong_bits_do_no_harm(flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8), 1..4)) {
        let network = pytorch_mlp(0.3);
        for (format, file) in GOOD.iter() {
            let mut wrong = file.clone();
            for (at, bit) in &flips {
                let at = at.index(wrong.len());
                wrong[at] ^= 1_u8 << bit;
            }
            let [plain, _state_dict] = READ.map(|read| read_within_bounds(&network, &wrong, format, read));
            if *format == "npz" && let Ok(theta) = plain {
                let original = reading(file, format, |path| network.parameters().read::<f64>(path));
                prop_assert_eq!(theta, original.expect("the file is good"));
            }
        }
    }
}

/// A header that promises more than there is gets no memory, whatever the format; nor does a stream that becomes large.
#[test]
fn headers_that_lie_get_no_memory() {
    let network = network(&[4, 3], 0.1);
    let refused = |contents: &[u8], format: &str| {
        let [theta, state_dict] =
            READ.map(|read| read_within_bounds(&network, contents, format, read).unwrap_err().to_string());
        assert_eq!(theta, state_dict, "the file is refused before the network is asked");
        theta
    };
    // 2⁶⁰ elements, 2⁶⁴, a header of 2⁶³ bytes, a tensor behind the end, two that overlap, a gap, one name twice.
    let one = |shape: &str, offsets: &str| {
        let header = format!(r#"{{"0.weight":{{"dtype":"F64","shape":{shape},"data_offsets":{offsets}}}}}"#);
        refused(&safetensors(&header, &[0; 96]), "safetensors")
    };
    assert_eq!(
        one("[1073741824,1073741824]", "[0,96]"),
        r#"tensor "0.weight" has 96 bytes, its shape and type call for 9223372036854775808"#
    );
    assert_eq!(
        one("[4294967296,4294967296]", "[0,96]"),
        r#"tensor "0.weight" has 96 bytes, its shape and type call for more than 2⁶⁴"#
    );
    assert_eq!(
        one("[4,3]", "[0,104]"),
        r#"tensor "0.weight" is damaged: it takes bytes 0 to 104 of the data, which has 96"#
    );
    assert_eq!(
        one("[4,3]", "[8,96]"),
        r#"tensor "0.weight" is damaged: it begins at byte 8 of the data, the tensor before it ends at 0"#
    );
    assert_eq!(one("[4,2]", "[0,64]"), "the file is damaged: its tensors take 64 bytes of 96");
    assert!(
        one("[4,-3]", "[0,96]").starts_with(r#"tensor "0.weight" is damaged: the header is broken: invalid"#)
    );
    let long = [&(1_u64 << 63).to_le_bytes()[..], &[0; 50]].concat();
    assert_eq!(
        refused(&long, "safetensors"),
        "the file is damaged: a header of 9223372036854775808 bytes in 50 that follow"
    );
    let entry = r#""0.weight":{"dtype":"F64","shape":[4,3],"data_offsets":[0,96]}"#;
    let twice = safetensors(&format!("{{{entry},{entry}}}"), &[0; 96]);
    assert_eq!(refused(&twice, "safetensors"), r#"there are two tensors "0.weight""#);
    // A header takes less than twenty times its size, however it is filled.
    one(&format!("[{}0]", "0,".repeat(1 << 19)), "[0,96]");
    let empty = |i| format!(r#""{i}":{{"dtype":"U8","shape":[],"data_offsets":[0,0]}}"#);
    let many: Vec<String> = (0..20_000).map(empty).collect();
    refused(&safetensors(&format!("{{{}}}", many.join(",")), &[]), "safetensors");
    refused(&safetensors(&"[".repeat(1 << 20), &[]), "safetensors");

    let header = |shape: &str| format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
    let one = |header: &str| {
        let plain = refused(&npz("0.weight.npy", header, &[0; 96], CompressionMethod::STORE), "npz");
        let deflated = refused(&npz("0.weight.npy", header, &[0; 96], CompressionMethod::DEFLATE), "npz");
        assert_eq!(plain, deflated);
        plain
    };
    let huge = header("(1073741824, 1073741824)");
    assert_eq!(
        one(&huge),
        format!(
            r#"tensor "0.weight" has {} bytes, its shape and type call for {}"#,
            12 + huge.len() + 96,
            12 + huge.len() as u64 + (1 << 63)
        )
    );
    assert!(one(&header("(4294967296, 4294967296)")).ends_with("call for more than 2⁶⁴"));
    assert!(one(&header("(99999999999999999999999, 4)")).contains("its header cannot be read from byte"));
    assert!(one(&header(&format!("({})", "1,".repeat(33)))).contains("its header cannot be read from byte"));
    let deep = header(&"(".repeat(5000));
    let second = deep.find('(').expect("there are many") + 1;
    assert_eq!(
        one(&deep),
        format!(r#"tensor "0.weight" is damaged: its header cannot be read from byte {second} on"#)
    );
    let long = header(&" ".repeat(10_000));
    let length = long.len();
    assert_eq!(
        one(&long),
        format!(r#"tensor "0.weight" is damaged: a header of {length} bytes, where 10000 are allowed"#)
    );

    // 16 MiB of zeros in 16 kB, for a tensor of 96 bytes: the archive says so, or it does not.
    let mut bomb = npz("0.weight.npy", &header("(4, 3)"), &vec![0; 1 << 24], CompressionMethod::DEFLATE);
    assert!(refused(&bomb, "npz").contains("its shape and type call for"));
    let honest = npz("0.weight.npy", &header("(4, 3)"), &[0; 96], CompressionMethod::STORE);
    // The size of the contents stands 24 bytes into the directory's entry.
    let entry =
        |file: &[u8]| file.windows(4).position(|window| window == b"PK\x01\x02").expect("a directory") + 24;
    let (to, from) = (entry(&bomb), entry(&honest));
    bomb[to..to + 4].copy_from_slice(&honest[from..from + 4]);
    let error = read_within_bounds(&network, &bomb, "npz", READ[0]).unwrap_err();
    assert!(
        matches!(&error, WeightsError::Corrupt { tensor: Some(name), .. } if name == "0.weight"),
        "{error}"
    );
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

/// The numbers of a nested list, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

/// A network reads the state dict of a PyTorch model, from any file, in any parameterization, and computes what the
/// model does, to 1e-12. `channels_last` puts PyTorch's images in the order of ours.
fn computes_as_pytorch(network: &Network, model: &str, channels_last: impl Fn(&[f64]) -> Vec<f64>) {
    let outputs = fs::read_to_string(reference("outputs.json")).expect("it is committed");
    let reference_values: Value = serde_json::from_str(&outputs).expect("valid JSON");
    let model = &reference_values[model];
    let x = channels_last(&numbers(&model["x"]));
    let batch = model["x"].as_array().expect("a batch").len();
    for (file, expected) in model["outputs"].as_object().expect("outputs for each file") {
        let theta: Vec<f64> = network.parameters().read_state_dict(reference(file)).expect("a good file");
        let expected = numbers(expected);
        let mut y = vec![0.0; expected.len()];
        let plan = Plan::new(&network.program(batch));
        plan.run(&[&theta, &x], &mut [&mut y], &mut plan.workspace(&Threads::one()));
        for (ours, theirs) in y.iter().zip(&expected) {
            assert!((ours - theirs).abs() <= 1e-12 * (1.0 + theirs.abs()), "{file}: {ours} against {theirs}");
        }
    }
}

#[test]
fn an_mlp_computes_what_pytorch_does() {
    computes_as_pytorch(&pytorch_mlp(0.3), "mlp", <[f64]>::to_vec);
}

/// A safetensors file of these tensors of f64, in this order.
fn state_dict(tensors: &[(&str, &[usize], &[f64])]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let end = data.len();
        entries
            .push(format!(r#""{name}":{{"dtype":"F64","shape":{shape:?},"data_offsets":[{start},{end}]}}"#));
    }
    safetensors(&format!("{{{}}}", entries.join(",")), &data)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever numbers layers have and wherever they stand in the file, the order of the numbers is the network's, and
    /// effective weights are those in the file, transposed. Pairs of names say the same.
    #[test]
    fn layers_are_ordered_by_number(
        widths in prop::collection::vec(1..3_usize, 2..8),
        steps in prop::collection::vec(1..7_usize, 7),
        biases in prop::collection::vec(any::<bool>(), 7),
        shuffled in Just((0..14).collect::<Vec<usize>>()).prop_shuffle(),
        seed: u64,
    ) {
        let network = network(&widths, 0.3);
        let values: Vec<f64> = network.init(seed);
        let (mut stored, mut pairs, mut effective) = (Vec::new(), Vec::new(), Vec::new());
        let mut number = 0;
        for (i, pair) in network.parameters().tensors().chunks(2).enumerate() {
            let [weight, bias] = pair else { panic!("a layer has two tensors") };
            number += steps[i];
            let (inputs, outputs) = (weight.shape[0], weight.shape[1]);
            let own = &values[weight.range.clone()];
            effective.extend_from_slice(own);
            let transposed: Vec<f64> = (0..own.len()).map(|k| own[k % inputs * outputs + k / inputs]).collect();
            let name = format!("net.{number}.fc.weight");
            pairs.push((weight.name.as_str(), name.clone()));
            stored.push((name, vec![outputs, inputs], transposed));
            let own = &values[bias.range.clone()];
            effective.extend(own.iter().map(|value| if biases[i] { *value } else { 0.0 }));
            if biases[i] {
                let name = format!("net.{number}.fc.bias");
                pairs.push((bias.name.as_str(), name.clone()));
                stored.push((name, vec![outputs], own.to_vec()));
            }
        }
        let order = shuffled.iter().filter_map(|&i| stored.get(i));
        let tensors: Vec<_> = order.map(|(name, shape, values)| (&name[..], &shape[..], &values[..])).collect();
        let pairs: Vec<_> = pairs.iter().map(|(own, name)| (*own, &name[..])).collect();
        let [theta, paired] = reading(&state_dict(&tensors), FORMATS[0], |path| {
            let parameters = network.parameters();
            [parameters.read_state_dict::<f64>(path), parameters.read_state_dict_pairs(path, &pairs)]
        });
        let theta = theta.expect("the names tell the order");
        for parameter in network.parameters().tensors() {
            for i in parameter.range.clone() {
                let error = (parameter.multiplier * theta[i] - effective[i]).abs();
                prop_assert!(error <= f64::EPSILON * effective[i].abs());
            }
        }
        prop_assert_eq!(theta, paired.expect("the pairs tell the order"));
    }
}

/// State dicts that cannot be matched with the network say why.
#[test]
fn state_dicts_that_do_not_fit_are_refused() {
    let square = network(&[2, 2, 2], 0.3);
    let eight: [f64; 4] = [1.0, 2.0, 3.0, 4.0];
    let refused = |tensors: &[(&str, &[usize], &[f64])], network: &Network| {
        let read = |path: &PathBuf| network.parameters().read_state_dict::<f64>(path);
        reading(&state_dict(tensors), FORMATS[0], read).unwrap_err().to_string()
    };
    let weight = |name| -> (&str, &[usize], &[f64]) { (name, &[2, 2], &eight) };
    let row = |name| -> (&str, &[usize], &[f64]) { (name, &[1, 2], &eight[..2]) };
    assert_eq!(
        refused(&[weight("a.weight"), weight("b.weight")], &square),
        "layers named a, b fit the network in more than one order: give pairs of names"
    );
    assert_eq!(
        refused(&[row("a.weight"), weight("b.weight")], &square),
        "layers named a, b fit the network in no order: give pairs of names"
    );
    assert_eq!(
        refused(&[weight("fc1.weight"), weight("fc01.weight")], &square),
        "layers named fc# have no order: give pairs of names"
    );
    assert_eq!(
        refused(&[weight("0.weight"), row("1.weight")], &square),
        r#"tensor "1.weight" has the shape [1, 2], the network's "2.weight" wants [2,2]"#
    );
    assert_eq!(refused(&[weight("0.weight")], &square), "layers in the state dict: 1, in the network: 2");
    assert_eq!(
        refused(&[weight("0.weight"), ("1.running_mean", &[1], &[0.5])], &square),
        r#"tensor "1.running_mean" is neither a weight nor a bias: give pairs of names"#
    );
    assert_eq!(
        refused(&[weight("0.weight"), ("1.bias", &[1], &[0.5])], &square),
        r#"the file has no tensor "1.weight""#
    );
    let unbiased = network(&[2, 2], 0.0);
    assert_eq!(
        refused(&[weight("0.weight"), ("0.bias", &[2], &[0.0, 0.5])], &unbiased),
        r#"element 1 of tensor "0.bias" is 5e-1, but σ is 0 there"#
    );
    let theta =
        reading(&state_dict(&[weight("0.weight"), ("0.bias", &[2], &[0.0, 0.0])]), FORMATS[0], |path| {
            unbiased.parameters().read_state_dict::<f64>(path)
        });
    assert_eq!(theta.expect("a bias of 0")[4..], [0.0, 0.0]);

    let paired = |pairs: &[(&str, &str)]| {
        let file = state_dict(&[weight("a.weight"), weight("b.weight"), ("c", &[1], &[0.5])]);
        let read = |path: &PathBuf| square.parameters().read_state_dict_pairs::<f64>(path, pairs);
        reading(&file, FORMATS[0], read).map_err(|error| error.to_string())
    };
    assert!(paired(&[("0.weight", "b.weight"), ("2.weight", "a.weight")]).is_ok());
    let message = |pairs| paired(pairs).unwrap_err();
    assert_eq!(message(&[("0.weight", "b.weight")]), r#"no pair of names is for the parameter "2.weight""#);
    assert_eq!(message(&[("0.weight", "d")]), r#"the file has no tensor "d""#);
    assert_eq!(message(&[("1.weight", "c")]), r#"the network has no parameter for "1.weight""#);
    assert_eq!(
        message(&[("0.weight", "a.weight"), ("0.weight", "b.weight")]),
        r#"there are two tensors "0.weight""#
    );
}
