//! Files that were cut, that have wrong bits, or that lie: refused, in memory of their size and the network's.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;

use cotangent::nets::{Parameters, WeightsError};
use cotangent::prelude::*;
use proptest::prelude::*;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::{FORMATS, network, pytorch_mlp, reading, reference, safetensors, written};

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
