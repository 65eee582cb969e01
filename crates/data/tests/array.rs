//! Arrays in files: what is written is read, from NumPy's own files too, and no file is trusted.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use data::{Array, ArrayError};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use proptest::prelude::*;
use rawzip::{CompressionMethod, ZipArchiveWriter};

/// Reads a file of that name and contents. `member` is appended to the path. In errors the path is the name alone.
fn read(name: &str, member: &str, contents: &[u8]) -> Result<Array, String> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("cotangent-array-{}-{count}", std::process::id()));
    fs::create_dir(&directory).expect("the directory is new");
    let path = directory.join(name);
    fs::write(&path, contents).expect("the directory can be written to");
    let before = format!("{}{}", directory.display(), std::path::MAIN_SEPARATOR);
    let mut array = None;
    let memory = allocation_counter::measure(|| {
        array = Some(Array::read(format!("{}{member}", path.display())));
    });
    fs::remove_dir_all(&directory).expect("it was made here");
    // A byte becomes a number of 8, twice while axes are put in order; decompressors have windows.
    let bound = 32 * contents.len() as u64 + 200_000;
    assert!(memory.bytes_max <= bound, "{} bytes for a file of {}", memory.bytes_max, contents.len());
    array.expect("it was measured").map_err(|error| error.to_string().replace(&before, ""))
}

fn shape_and_values(array: &Array) -> (Vec<usize>, Vec<f64>) {
    (array.shape().to_vec(), array.values().to_vec())
}

/// An `npy` file, written after NumPy's description of its format.
fn npy(dtype: &str, column_major: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let order = if column_major { "True" } else { "False" };
    let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    let header = format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': ({extents}), }}\n");
    let length = u16::try_from(header.len()).expect("headers are short");
    [b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn npz(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for &(name, contents) in members {
        let (mut entry, config) =
            archive.new_file(name).compression_method(method).start().expect("writing to memory");
        let mut writer = config.wrap(Vec::new());
        writer.write_all(contents).expect("writing to memory");
        let (_, descriptor) = writer.finish().expect("writing to memory");
        if method == CompressionMethod::DEFLATE {
            let mut encoder = DeflateEncoder::new(&mut entry, Compression::best());
            encoder.write_all(contents).expect("writing to memory");
            encoder.finish().expect("writing to memory");
        } else {
            entry.write_all(contents).expect("writing to memory");
        }
        entry.finish(descriptor).expect("writing to memory");
    }
    archive.finish().expect("writing to memory")
}

fn gzip(contents: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(contents).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// The bytes of a number, least significant first.
type Encode = fn(f64) -> Vec<u8>;

/// NumPy's types, their least and greatest integers here, and their bytes.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the integers are within bounds")]
const TYPES: [(&str, i32, i32, Encode); 12] = [
    ("b1", 0, 1, |x| vec![x as u8]),
    ("u1", 0, 255, |x| vec![x as u8]),
    ("u2", 0, 65535, |x| (x as u16).to_le_bytes().to_vec()),
    ("u4", 0, i32::MAX, |x| (x as u32).to_le_bytes().to_vec()),
    ("u8", 0, i32::MAX, |x| (x as u64).to_le_bytes().to_vec()),
    ("i1", -128, 127, |x| (x as i8).to_le_bytes().to_vec()),
    ("i2", -32768, 32767, |x| (x as i16).to_le_bytes().to_vec()),
    ("i4", i32::MIN, i32::MAX, |x| (x as i32).to_le_bytes().to_vec()),
    ("i8", i32::MIN, i32::MAX, |x| (x as i64).to_le_bytes().to_vec()),
    ("f2", -2048, 2048, |x| half::f16::from_f64(x).to_le_bytes().to_vec()),
    ("f4", -(1 << 24), 1 << 24, |x| (x as f32).to_le_bytes().to_vec()),
    ("f8", i32::MIN, i32::MAX, |x| x.to_le_bytes().to_vec()),
];

/// A shape with its values, row-major, as a file of some type, byte order and order of axes.
fn stored() -> impl Strategy<Value = (Vec<usize>, Vec<f64>, Vec<u8>)> {
    let shapes = prop::collection::vec(1_usize..5, 1..5);
    (shapes, prop::sample::select(&TYPES[..]), any::<bool>(), any::<bool>()).prop_flat_map(
        |(shape, (kind, least, greatest, encode), big_endian, column_major)| {
            let values = prop::collection::vec(least..=greatest, shape.iter().product::<usize>());
            values.prop_map(move |values| {
                let values: Vec<f64> = values.into_iter().map(f64::from).collect();
                let mut data = Vec::new();
                for mut place in 0..values.len() {
                    let mut at = place;
                    if column_major {
                        // The first axis of the place in the file runs fastest; that of the value, slowest.
                        at = 0;
                        let mut stride = values.len();
                        for &extent in &shape {
                            stride /= extent;
                            at += place % extent * stride;
                            place /= extent;
                        }
                    }
                    let mut bytes = encode(values[at]);
                    if big_endian {
                        bytes.reverse();
                    }
                    data.extend(bytes);
                }
                let order = match (kind.ends_with('1'), big_endian) {
                    (true, _) => '|',
                    (false, true) => '>',
                    (false, false) => '<',
                };
                let file = npy(&format!("{order}{kind}"), column_major, &shape, &data);
                (shape.clone(), values, file)
            })
        },
    )
}

/// One array in every format.
static GOOD: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let data: Vec<u8> = (0..600_u16).flat_map(|i| f32::from(i % 50).to_le_bytes()).collect();
    let array = npy("<f4", true, &[20, 5, 6], &data);
    let idx = [&[0, 0, 8, 2, 0, 0, 0, 10, 0, 0, 0, 60][..], &data[..600]].concat();
    vec![
        ("x.npz", npz(&[("x.npy", &array)], CompressionMethod::STORE)),
        ("x.npz", npz(&[("x.npy", &array)], CompressionMethod::DEFLATE)),
        ("x.npy", array),
        ("x.csv", b"a,b,c\n1,2,3\n\n4,-5e3,6\n \"7\",8,9\n".to_vec()),
        ("x.gz", gzip(&idx)),
        ("x-ubyte", idx),
    ]
});

proptest! {
    /// Every type in either byte order, row- or column-major, alone or in archives.
    #[test]
    fn what_is_written_is_read((shape, values, file) in stored()) {
        let members = [("other.npy", &b"nothing"[..]), ("a/x.npy", &file)];
        for (name, member, contents) in [
            ("x.npy", "", file.clone()),
            ("x.npz", "", npz(&members[1..], CompressionMethod::STORE)),
            ("x.npz", ":a/x", npz(&members, CompressionMethod::STORE)),
            ("x.npz", ":a/x", npz(&members, CompressionMethod::DEFLATE)),
        ] {
            let array = read(name, member, &contents).expect("a good file");
            prop_assert_eq!(shape_and_values(&array), (shape.clone(), values.clone()));
        }
    }

    /// Tables with and without a header.
    #[test]
    fn tables_are_read(
        (rows, columns, values) in (1_usize..6, 1_usize..6).prop_flat_map(|(rows, columns)| {
            let number = prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO;
            (Just(rows), Just(columns), prop::collection::vec(number, rows * columns))
        }),
        header in any::<bool>(),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if header {
            writer.write_record((0..columns).map(|i| format!("column \"{i}\""))).expect("writing to memory");
        }
        for row in values.chunks(columns) {
            writer.write_record(row.iter().map(|x| format!("{x:e}"))).expect("writing to memory");
        }
        let contents = writer.into_inner().expect("writing to memory");
        let array = read("x.csv", "", &contents).expect("a good file");
        prop_assert_eq!(array.shape(), &[rows, columns]);
        let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(array.values()), bits(&values));
    }

    /// Files that were cut or have wrong bytes: nothing panics or takes much memory, what is read is finite and of its
    /// shape, and what has a checksum is right.
    #[test]
    fn damaged_files(
        which in 0..GOOD.len(),
        cut in prop::option::of(any::<prop::sample::Index>()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 0..4),
    ) {
        let (name, good) = &GOOD[which];
        let mut contents = good.clone();
        for (at, flip) in flips {
            // Half of the flips in the headers.
            let end = if flip % 2 == 0 { contents.len() } else { contents.len().min(120) };
            contents[at.index(end)] ^= flip;
        }
        if let Some(cut) = cut {
            contents.truncate(cut.index(contents.len()));
        }
        if let Ok(array) = read(name, "", &contents) {
            prop_assert_eq!(array.values().len(), array.shape().iter().product::<usize>());
            prop_assert!(array.values().iter().all(|value| value.is_finite()));
            if name.ends_with("z") {
                prop_assert_eq!(array, read(name, "", good).expect("a good file"));
            }
        }
    }
}

/// Files that NumPy wrote: the same array as `>f8`, column-major, and as `<f8`, row-major.
#[test]
fn numpys_files() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/weights");
    for (name, shape) in [("0.weight", &[4, 5][..]), ("12.weight", &[3, 4]), ("12.bias", &[3])] {
        let [columns, rows] = ["mlp_columns", "mlp_f64"].map(|file| {
            Array::read(format!("{}/{file}.npz:{name}", reference.display())).expect("it is committed")
        });
        assert_eq!((columns.shape(), &columns), (shape, &rows));
    }
}

#[test]
fn idx_files() {
    let idx = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 51, 255];
    for (name, contents) in
        [("x.idx", idx.to_vec()), ("x-ubyte", idx.to_vec()), ("x-idx3-ubyte.gz", gzip(&idx))]
    {
        let array = read(name, "", &contents).expect("a good file");
        assert_eq!(shape_and_values(&array), (vec![2, 1], vec![0.2, 1.0]));
        assert_eq!(array.into_values(), [0.2, 1.0]);
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let numbers = |values: &[f64]| -> Vec<u8> { values.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let good = npy("<f8", false, &[1], &numbers(&[1.0]));
    let two = npz(&[("b.npy", &good), ("a.npy", &good), ("readme.txt", b"")], CompressionMethod::STORE);
    let twice = npz(&[("a.npy", &good), ("a.npy", &good)], CompressionMethod::STORE);
    let none = npz(&[], CompressionMethod::STORE);
    let mut wrong = npz(&[("a.npy", &good)], CompressionMethod::STORE);
    let at = wrong.windows(8).position(|bytes| *bytes == numbers(&[1.0])).expect("it is stored");
    wrong[at] ^= 1;
    let checksum = read("x.npz", "", &wrong).expect_err("a wrong bit");
    assert!(checksum.starts_with("x.npz: the file is damaged: "), "{checksum}");

    let mut table = String::new();
    for i in 0..20 {
        writeln!(table, "{},0", if i == 8 { "NaN".to_owned() } else { i.to_string() }).expect("a string");
    }
    let huge = [1 << 40, 1 << 40, 1 << 40];
    let cases: &[(&str, &str, &[u8], &str)] = &[
        (
            "x.txt",
            "",
            b"1",
            "x.txt: arrays are read from files whose names end in .npy, .npz, .csv, .idx, -ubyte or .gz",
        ),
        ("x.npy", "", b"1,2,3,4,5,6,7", "x.npy: the file is damaged: it is no NumPy array"),
        (
            "x.npy",
            "",
            &npy("<c16", false, &[1], &[0; 16]),
            "x.npy: elements of type \"<c16\" are not read as numbers",
        ),
        (
            "x.npy",
            "",
            &npy("<f4", false, &[3, 4], &[0; 40]),
            "x.npy: a header of shape [3, 4] and type \"<f4\" before 40 bytes",
        ),
        (
            "x.npy",
            "",
            &npy("|u1", false, &huge, &[0; 40]),
            "x.npy: a header of shape [1099511627776, 1099511627776, 1099511627776] and type \"|u1\" before 40 bytes",
        ),
        ("x.npy", "", &npy("<f8", false, &[], &[0; 8]), "x.npy: the array has no axes"),
        ("x.npy", "", &npy("<f8", true, &[0, 3], &[]), "x.npy: the array of shape [0, 3] has no elements"),
        (
            "x.npy",
            "",
            &npy("<f8", true, &[2, 2], &numbers(&[1.0, 2.0, f64::NEG_INFINITY, 4.0])),
            "x.npy: element 1 is -inf",
        ),
        ("x.npz", ":c", &two, "x.npz:c: there is no such array; the archive has: \"a\", \"b\""),
        (
            "x.npz",
            "",
            &two,
            "x.npz: the archive holds 2 arrays where one was expected; x.npz:NAME is one of: \"a\", \"b\"",
        ),
        ("x.npz", "", &none, "x.npz: the archive holds no arrays"),
        ("x.npz", ":a", &none, "x.npz:a: the archive holds no arrays"),
        ("x.npz", ":a", &twice, "x.npz:a: the file is damaged: it holds \"a\" twice"),
        ("x.csv", "", b"a,b\n1,2\n\r\n3,4x\n", "x.csv: line 4, field 2: \"4x\" is no number"),
        ("x.csv", "", b"1,x\n", "x.csv: line 1, field 2: \"x\" is no number"),
        ("x.csv", "", b"1,2\n3,\n", "x.csv: line 2, field 2: \"\" is no number"),
        ("x.csv", "", b"1,2\n3\n", "x.csv: line 2 has 1 fields where the rows before it have 2"),
        ("x.csv", "", b"a,b\n", "x.csv: the array of shape [0, 2] has no elements"),
        ("x.csv", "", table.as_bytes(), "x.csv: element 16 is NaN"),
        (
            "x.idx",
            "",
            &[0, 0, 13, 0],
            "x.idx: IDX elements of type 13 where unsigned bytes, 8, were expected",
        ),
        ("x.idx", "", &[0, 0, 8, 0, 7], "x.idx: the array has no axes"),
    ];
    for &(name, member, contents, error) in cases {
        assert_eq!(read(name, member, contents), Err(error.to_owned()));
    }

    let missing = PathBuf::from("no/such/file.npz:name");
    let error = Array::read(missing).expect_err("there is no such file");
    assert!(
        matches!(&error, ArrayError::Io { path, .. } if path == Path::new("no/such/file.npz")),
        "{error}"
    );
}
