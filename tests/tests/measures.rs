//! Measures of kernels: what they say of matrices whose spectrum is known, and of gradient descent.

use cotangent::kernels::measures::{
    centred_alignment, cosine_distance, label_alignment, largest_stable_rate, relative_change,
};
use cotangent::kernels::{NoSpectrum, Spectrum, largest_eigenvalue};
use faer::{Mat, Scale};
use proptest::prelude::*;

/// A matrix of the numbers of a list.
fn matrix(rows: usize, columns: usize) -> impl Strategy<Value = Mat<f64>> {
    prop::collection::vec(-2.0..2.0_f64, rows * columns)
        .prop_map(move |list| Mat::from_fn(rows, columns, |i, j| list[i * columns + j]))
}

/// Positive semidefinite matrices of the same size.
fn grams() -> impl Strategy<Value = [Mat<f64>; 2]> {
    (1..7_usize, 1..7_usize).prop_flat_map(|(n, rank)| {
        [matrix(n, rank), matrix(n, rank + 1)].prop_map(|factors| factors.map(|f| &f * f.transpose()))
    })
}

/// Orthogonal, from reflections.
fn orthogonal(n: usize, v: &[f64]) -> Mat<f64> {
    let mut q = Mat::<f64>::identity(n, n);
    for v in v.chunks_exact(n) {
        let square: f64 = v.iter().map(|v| v * v).sum();
        if square > 1e-3 {
            let entry = |i: usize, j: usize| f64::from(u8::from(i == j)) - 2.0 * v[i] * v[j] / square;
            q = q * Mat::from_fn(n, n, entry);
        }
    }
    q
}

/// Q diag(λ) Qᵀ, and λ.
fn known() -> impl Strategy<Value = (Mat<f64>, Vec<f64>)> {
    (1..12_usize).prop_flat_map(|n| {
        let values = prop::collection::vec(0.01..5.0_f64, n);
        (values, prop::collection::vec(-1.0..1.0_f64, 3 * n)).prop_map(move |(values, v)| {
            let q = orthogonal(n, &v);
            let diagonal = Mat::from_fn(n, n, |i, j| if i == j { values[i] } else { 0.0 });
            (&q * diagonal * q.transpose(), values)
        })
    })
}

fn close(a: f64, b: f64) -> Result<(), TestCaseError> {
    prop_assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{a} against {b}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn spectra_are_those_matrices_were_made_of((a, mut values) in known()) {
        values.sort_by(f64::total_cmp);
        let spectrum = Spectrum::new(a.as_ref()).expect("finite");
        for (&a, &b) in spectrum.values().iter().zip(&values) {
            close(a, b)?;
        }
        let (least, most) = (values[0], values[values.len() - 1]);
        close(spectrum.condition_number(), most / least)?;
        let sum: f64 = values.iter().sum();
        let entropy: f64 = values.iter().map(|l| -(l / sum) * (l / sum).ln()).sum();
        close(spectrum.effective_rank(), entropy.exp())?;
    }

    #[test]
    fn lanczos_finds_the_largest_eigenvalue((a, values) in known()) {
        let apply = |v: &[f64], out: &mut [f64]| {
            out.iter_mut().enumerate().for_each(|(i, out)| *out = v.iter().enumerate().map(|(j, v)| a[(i, j)] * v).sum());
        };
        let ritz = largest_eigenvalue(values.len(), apply, 1e-10, values.len());
        let most = values.iter().copied().fold(0.0, f64::max);
        prop_assert!(ritz.value <= most * (1.0 + 1e-12), "{ritz:?} above {most}");
        // Some eigenvalue is within the error; that it is the largest depends on the start.
        let nearest = values.iter().map(|l| (l - ritz.value).abs()).fold(f64::INFINITY, f64::min);
        prop_assert!(nearest <= ritz.error + 1e-9 * most, "{ritz:?}, {values:?}");
        close(ritz.value, most)?;
    }

    #[test]
    fn descent_converges_below_the_largest_stable_rate_and_not_above((a, values) in known(), examples in 1..9_usize) {
        let n = values.len();
        let rate = largest_stable_rate(Spectrum::new(a.as_ref()).expect("finite").largest(), examples);
        let after = |rate: f64| {
            let step = Mat::<f64>::identity(n, n) - Scale(rate / examples as f64) * &a;
            // The power's norm, of the errors f − y after 2¹² steps.
            let mut power = step;
            for _ in 0..12 {
                power = &power * &power;
            }
            power.norm_l2()
        };
        prop_assert!(after(0.9 * rate) < (n as f64).sqrt() && after(1.01 * rate) > 1e6);
    }

    #[test]
    fn distances_do_what_their_names_say([a, b] in grams(), c in 0.1..9.0_f64) {
        prop_assume!(a.norm_l2() > 1e-3 && b.norm_l2() > 1e-3);
        let scaled = Scale(c) * &a;
        close(relative_change(scaled.as_ref(), a.as_ref()), (c - 1.0).abs())?;
        close(cosine_distance(scaled.as_ref(), a.as_ref()), 0.0)?;
        let distance = cosine_distance(a.as_ref(), b.as_ref());
        close(distance, cosine_distance(b.as_ref(), a.as_ref()))?;
        prop_assert!((-1e-12..=1.0 + 1e-12).contains(&distance));
    }

    #[test]
    fn centred_alignment_does_not_see_shifts([a, b] in grams(), rows in prop::collection::vec(-1.0..1.0_f64, 7)) {
        let n = a.nrows();
        prop_assume!(n > 1);
        let shifted = Mat::from_fn(n, n, |i, j| 3.0 * a[(i, j)] + rows[i] + rows[j]);
        let one = centred_alignment(a.as_ref(), b.as_ref());
        prop_assume!(one.is_finite() && one > 1e-6);
        prop_assert!(one <= 1.0 + 1e-12);
        let other = centred_alignment(shifted.as_ref(), b.as_ref());
        prop_assert!((one - other).abs() < 1e-6, "{one} and {other}");
    }

    #[test]
    fn a_kernel_made_of_labels_is_aligned_with_them(y in matrix(5, 2), z in matrix(5, 3)) {
        let of = |y: &Mat<f64>| y * y.transpose();
        prop_assume!(of(&y).norm_l2() > 1e-3 && of(&z).norm_l2() > 1e-3);
        close(label_alignment(of(&y).as_ref(), y.as_ref()), 1.0)?;
        let other = label_alignment(of(&z).as_ref(), y.as_ref());
        close(other, 1.0 - cosine_distance(of(&z).as_ref(), of(&y).as_ref()))?;
    }
}

#[test]
fn entries_that_are_not_finite_are_named() {
    let mut a = Mat::<f32>::identity(3, 3);
    a[(2, 1)] = f32::NAN;
    let error = Spectrum::new(a.as_ref()).expect_err("NaN");
    assert!(matches!(error, NoSpectrum::NotFinite { row: 2, column: 1, .. }), "{error:?}");
    assert_eq!(error.to_string(), "entry (2, 1) of the matrix is NaN");
}
