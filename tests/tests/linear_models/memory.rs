//! What Jacobians take: nothing for products after the first, and no more than their budget.

use std::num::NonZeroUsize;

use cotangent::linearize::Residuals;
use cotangent::prelude::*;
use proptest::prelude::*;

use crate::{case, network, normal};

/// Law 13, with residuals kept and made again, in one piece and in chunks.
#[test]
fn law_13_products_allocate_nothing() {
    let network = network(&[120, 120], 20, 5, Activation::ERF);
    let (theta, x) = (network.init::<f32>(0), normal::<f32>(70 * 20, 0, 1));
    let whole = Linearized::of_network(&network, 70);
    let ways = [(70, Residuals::Kept), (32, Residuals::Kept), (32, Residuals::Again)];
    for ((chunk, residuals), threads) in ways.into_iter().flat_map(|way| [(way, 1), (way, 2)]) {
        let linearized = whole.in_chunks(chunk, residuals);
        let threads = Threads::new(NonZeroUsize::new(threads).expect("a positive number"));
        let jacobian = linearized.at(&theta, &x, &threads);
        let (rows, columns) = (jacobian.rows(), jacobian.columns());
        let (u, v) = (normal::<f32>(3 * rows, 0, 2), normal::<f32>(3 * columns, 0, 3));
        let (mut y, mut g) = (u.clone(), v.clone());
        let allocations = threads.install(|| {
            let mut all = || {
                jacobian.apply(&v[..columns], &mut y[..rows]);
                jacobian.apply_transpose(&u[..rows], &mut g[..columns]);
                jacobian.gram_apply(&u[..rows], &mut y[..rows]);
                jacobian.normal_apply(&v[..columns], &mut g[..columns]);
                jacobian.apply_many(3, &v, &mut y);
                jacobian.apply_transpose_many(3, &u, &mut g);
                jacobian.normal(0.1).apply_many(3, &v, &mut g);
            };
            all();
            allocation_counter::measure(|| (0..5).for_each(|_| all()))
        });
        assert_eq!(allocations.count_total, 0, "{linearized:?}: {allocations:?}");
    }
}

proptest! {
    /// Chunks are equal but for a shorter last one, and within the budget if one example is.
    #[test]
    fn chunks_keep_to_the_budget(case in case(), examples in 1..200_usize, budget in 0..200_000_usize) {
        let network = case.network();
        let whole = Linearized::masked(&network, examples, &case.mask(&network));
        let parts = whole.within::<f32>(budget);
        prop_assert_eq!(parts.batch(), examples);
        prop_assert!(parts.chunk() >= 1 && parts.chunk() <= examples);
        let (all, some) = (whole.bytes::<f32>(), parts.bytes::<f32>());
        prop_assert!(some <= budget || some <= all, "{some} taken in parts, {all} in one piece, {budget} allowed");
        prop_assert!(parts.chunk() == examples || all > budget, "one piece would do");
        // As many chunks of the next smaller size would not hold all examples.
        let chunks = examples.div_ceil(parts.chunk());
        prop_assert!(chunks * (parts.chunk() - 1) < examples);
    }
}

/// The bytes that are stated are those that are taken, but for the registers of the elementwise kernels: 12 blocks of 512
/// elements a thread, in at most eight workspaces.
#[test]
fn the_stated_bytes_are_those_taken() {
    let network = network(&[256, 256, 256], 64, 10, Activation::ERF);
    let (theta, x) = (network.init::<f64>(0), normal::<f64>(250 * 64, 0, 1));
    let whole = Linearized::of_network(&network, 250);
    for share in [1.0, 0.9, 0.75, 0.5, 0.25] {
        let budget = (share * whole.bytes::<f64>() as f64) as usize;
        let linearized = whole.within::<f64>(budget);
        let mut v = theta.clone();
        let mut once = || {
            let jacobian = linearized.at(&theta, &x, &Threads::one());
            let mut u = vec![0.0; jacobian.rows()];
            jacobian.apply(&theta, &mut u);
            jacobian.apply_transpose(&u, &mut v);
        };
        once();
        let u = 8 * 250 * 10;
        let (taken, stated) =
            (allocation_counter::measure(once).bytes_max - u, linearized.bytes::<f64>() as u64);
        let registers = 8 * 12 * 512 * 8;
        assert!(taken <= stated + registers, "{taken} taken, {stated} stated: {linearized:?}");
        assert!(taken * 5 > stated * 4, "{taken} taken, {stated} stated: {linearized:?}");
        // A quarter holds not even one example: then it is what takes the least.
        let allowed = if share > 0.25 { budget as u64 } else { whole.bytes::<f64>() as u64 };
        assert!(stated <= allowed, "{stated} of {budget}");
    }
}
