//! Kernels written to files are those in memory, also after a run was killed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use cotangent::data::Array;
use cotangent::kernels::{Infinite, Which};
use cotangent::prelude::*;

/// An empty folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("kernel-files-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The shape and the numbers of a file.
fn stored(path: &Path) -> (Vec<usize>, Vec<f64>) {
    let array = Array::read(path).expect("an array");
    (array.shape().to_vec(), array.into_values())
}

fn examples(n: usize) -> Vec<f64> {
    (0..n * 3).map(|i| f64::from(u32::try_from(i * 7919 % 2003).expect("small")) / 1000.0 - 1.0).collect()
}

fn network() -> Network {
    Network::new(mlp(&[7, 5], 2, Activation::ERF, Scaling::ntk(1.4, 0.1)), [3])
}

fn close(path: &Path, kernel: &Kernel<f64>, what: &str) {
    let (shape, values) = stored(path);
    assert_eq!(shape, kernel.shape(), "{what}");
    for (i, (a, b)) in values.iter().zip(kernel.values()).enumerate() {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{what}, entry {i}: {a} against {b}");
    }
}

#[test]
fn files_hold_the_kernels_of_memory() {
    let folder = folder("all");
    let (x, others) = (examples(41), examples(13));
    let (network, threads) = (network(), Threads::one());
    let theta: Vec<f64> = network.init(3);
    let path = folder.join("k.npy");
    let mut seen = Vec::new();
    let mut progress = |done, all| seen.push((done, all));
    for others in [None, Some(&others[..])] {
        let limit = Infinite::new(&network).expect("a limit");
        for (which, budget) in [(Which::Nngp, 1), (Which::Ntk, 41 * 8 * 6), (Which::Ntk, 1 << 20)] {
            limit.write(which, &x, others, &path, budget, &threads, &mut progress).expect("written");
            close(&path, &limit.kernel(which, &x, others, &threads), &format!("{which:?} within {budget}"));
        }
        let ntk = Empirical::ntk(&network);
        for kind in Kind::ALL.into_iter().filter(|&kind| kind != Kind::Diagonal) {
            ntk.write(kind, &theta, &x, others, &path, 9000, &threads, &mut progress).expect("written");
            close(&path, &ntk.kernel(kind, &theta, &x, others, &threads), &format!("{kind:?}"));
        }
    }
    assert!(seen.iter().all(|&(done, all)| done <= all && all == 41));
    let left: Vec<_> = fs::read_dir(&folder).expect("a folder").collect();
    assert_eq!(left.len(), 1, "files that are left: {left:?}");
}

#[test]
fn what_was_killed_goes_on() {
    let folder = folder("killed");
    let (x, threads) = (examples(50), Threads::one());
    let limit = Infinite::new(&network()).expect("a limit");
    let path = folder.join("k.npy");
    let write = |x: &[f64], budget: usize, kill: usize| {
        let mut rows = Vec::new();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut progress = |done, _| {
                rows.push(done);
                assert!(done < kill, "killed");
            };
            limit.write(Which::Ntk, x, None, &path, budget, &threads, &mut progress).expect("written");
        }));
        (rows, result.is_ok())
    };
    let panel = 50 * 8 * 4; // 4 rows
    assert_eq!(write(&x, panel, 12), (vec![0, 4, 8, 12], false));
    assert!(!path.exists());
    // Other panels, the same kernel.
    assert_eq!(write(&x, 5 * panel, 100), (vec![12, 32, 50], true));
    close(&path, &limit.kernel(Which::Ntk, &x, None, &threads), "after it was killed");

    // Another kernel begins anew.
    assert!(!write(&x, panel, 12).1);
    let mut other = x.clone();
    other[0] += 1.0;
    assert_eq!(write(&other, 10 * panel, 100), (vec![0, 40, 50], true));
    close(&path, &limit.kernel(Which::Ntk, &other, None, &threads), "of other examples");
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let limit = Infinite::new(&network()).expect("a limit");
    let path = folder("none").join("no").join("k.npy");
    let error = limit.write(Which::Ntk, &examples(3), None, &path, 1 << 20, &Threads::one(), &mut |_, _| {});
    assert_eq!(error.expect_err("no folder").kind(), std::io::ErrorKind::NotFound);
}
