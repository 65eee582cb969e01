//! Products with J, Jᵀ, J Jᵀ and Jᵀ J: laws 3, 5, 9 and 10, of masked Jacobians in chunks.

use std::num::NonZeroUsize;

use cotangent::autodiff::{self, jvp};
use cotangent::linearize::Residuals;
use cotangent::prelude::*;
use proptest::prelude::*;

use crate::{Case, case, close, dot, epsilon, filled, network, norm, normal};

fn jv<T: Real>(jacobian: &Jacobian<T>, v: &[T]) -> Vec<T> {
    filled(jacobian.rows(), |out| jacobian.apply(v, out))
}

fn jtu<T: Real>(jacobian: &Jacobian<T>, u: &[T]) -> Vec<T> {
    filled(jacobian.columns(), |out| jacobian.apply_transpose(u, out))
}

/// ⟨u, J v⟩ = ⟨Jᵀ u, v⟩, ⟨u, J Jᵀ u⟩ = ‖Jᵀ u‖², ⟨v, Jᵀ J v⟩ = ‖J v‖², and the last two are symmetric.
fn adjoint_laws<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    for jacobian in case.jacobians::<T>() {
        let (u, v) = (normal(jacobian.rows(), case.seed, 2), normal(jacobian.columns(), case.seed, 3));
        let (w, z) = (normal(jacobian.rows(), case.seed, 4), normal(jacobian.columns(), case.seed, 5));
        let (jv, jtu, jtw, jz) =
            (jv(&jacobian, &v), jtu(&jacobian, &u), jtu(&jacobian, &w), jv(&jacobian, &z));
        let gram = |u: &[T]| filled(u.len(), |out| jacobian.gram_apply(u, out));
        let normal = |v: &[T]| filled(v.len(), |out| jacobian.normal_apply(v, out));
        let rounding = 64.0 * epsilon::<T>();
        let equal = |a: f64, b: f64, size: f64| {
            prop_assert!((a - b).abs() <= rounding * size, "{a} and {b}, of terms of {size}");
            Ok(())
        };
        let sizes = norm(&u) * norm(&jv) + norm(&jtu) * norm(&v);
        equal(dot(&u, &jv), dot(&jtu, &v), sizes)?;
        let (gu, gw) = (gram(&u), gram(&w));
        equal(dot(&u, &gu), dot(&jtu, &jtu), norm(&u) * norm(&gu) + dot(&jtu, &jtu))?;
        equal(
            dot(&w, &gu),
            dot(&u, &gw),
            norm(&w) * norm(&gu) + norm(&u) * norm(&gw) + norm(&jtu) * norm(&jtw),
        )?;
        let (nv, nz) = (normal(&v), normal(&z));
        equal(dot(&v, &nv), dot(&jv, &jv), norm(&v) * norm(&nv) + dot(&jv, &jv))?;
        equal(
            dot(&z, &nv),
            dot(&v, &nz),
            norm(&z) * norm(&nv) + norm(&v) * norm(&nz) + norm(&jv) * norm(&jz),
        )?;
    }
    Ok(())
}

/// J v is jvp's, and linear in v.
fn tangent_law<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    let network = case.network();
    let (theta, x) = (network.init::<T>(case.seed), case.x::<T>());
    let program = network.program(case.batch);
    let mask = case.mask(&network);
    let tensors = network.parameters().tensors();
    let (v, w) = (normal(mask.len(), case.seed, 2), normal::<T>(mask.len(), case.seed, 3));
    let mut full = vec![T::zero(); theta.len()];
    mask.scatter(&v, &mut full);
    let parts = |flat: &[T]| -> Vec<Tensor<T>> {
        tensors.iter().map(|t| Tensor::new(t.shape.clone(), &flat[t.range.clone()])).collect()
    };
    let x_tensor = Tensor::new(program.inputs()[tensors.len()].clone(), &x[..]);
    let inputs = [parts(&theta), vec![x_tensor], parts(&full)].concat();
    let both = autodiff::evaluate(&jvp(&program, &(0..tensors.len()).collect::<Vec<_>>()), &inputs);
    for jacobian in case.jacobians::<T>() {
        close(jacobian.value(), both[0].data(), 1.0)?;
        let (a, b) = (jv(&jacobian, &v), jv(&jacobian, &w));
        let size = norm(&theta) * norm(&v);
        close(&a, both[1].data(), size)?;
        let combine = |a: &[T], b: &[T]| -> Vec<T> {
            a.iter().zip(b).map(|(&a, &b)| T::literal(0.5) * a - T::literal(3.0) * b).collect()
        };
        close(&jv(&jacobian, &combine(&v, &w)), &combine(&a, &b), size + norm(&a) + norm(&b))?;
    }
    Ok(())
}

/// Several vectors at once are each of them.
fn many_law<T: Real>(case: &Case, k: usize) -> Result<(), TestCaseError> {
    for jacobian in case.jacobians::<T>() {
        let (rows, columns) = (jacobian.rows(), jacobian.columns());
        let (u, v) = (normal(k * rows, case.seed, 2), normal(k * columns, case.seed, 3));
        let many = filled(k * rows, |out| jacobian.apply_many(k, &v, out));
        let many_transpose = filled(k * columns, |out| jacobian.apply_transpose_many(k, &u, out));
        let [gram, normal] = [(jacobian.gram(T::one()), &u), (jacobian.normal(T::one()), &v)]
            .map(|(operator, v)| filled(v.len(), |out| operator.apply_many(k, v, out)));
        let plus = |a: Vec<T>, b: &[T]| -> Vec<T> { a.iter().zip(b).map(|(&a, &b)| a + b).collect() };
        for j in 0..k {
            let (r, c) = (j * rows..(j + 1) * rows, j * columns..(j + 1) * columns);
            let (u, v) = (&u[r.clone()], &v[c.clone()]);
            close(&many[r.clone()], &jv(&jacobian, v), norm(v))?;
            close(&many_transpose[c.clone()], &jtu(&jacobian, u), norm(u))?;
            close(&gram[r], &plus(filled(rows, |out| jacobian.gram_apply(u, out)), u), norm(u))?;
            close(&normal[c], &plus(filled(columns, |out| jacobian.normal_apply(v, out)), v), norm(v))?;
        }
    }
    Ok(())
}

/// A batch in chunks is the batch in one piece.
fn chunks_law<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    let [whole, parts] = case.jacobians::<T>();
    close(whole.value(), parts.value(), 0.0)?;
    let (u, v) = (normal(whole.rows(), case.seed, 2), normal(whole.columns(), case.seed, 3));
    close(&jv(&whole, &v), &jv(&parts, &v), norm(&v))?;
    close(&jtu(&whole, &u), &jtu(&parts, &u), norm(&u))
}

/// A masked Jacobian is the columns of the full one.
fn mask_law<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    let network = case.network();
    let (theta, x, mask) = (network.init::<T>(case.seed), case.x::<T>(), case.mask(&network));
    let full = Linearized::of_network(&network, case.batch).at(&theta, &x, &Threads::one());
    for masked in case.jacobians::<T>() {
        close(full.value(), masked.value(), 0.0)?;
        let (u, v) = (normal(full.rows(), case.seed, 2), normal::<T>(masked.columns(), case.seed, 3));
        let scattered = filled(full.columns(), |all| {
            all.fill(T::zero());
            mask.scatter(&v, all);
        });
        close(&jv(&masked, &v), &jv(&full, &scattered), norm(&v))?;
        let gathered = filled(masked.columns(), |some| mask.gather(&jtu(&full, &u), some));
        close(&jtu(&masked, &u), &gathered, norm(&u))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_global_rejects: 65536, ..ProptestConfig::default() })]

    #[test]
    fn laws_3_and_9_products_are_adjoint_and_symmetric(case in case()) {
        adjoint_laws::<f64>(&case)?;
        adjoint_laws::<f32>(&case)?;
    }

    #[test]
    fn law_5_products_are_those_of_jvp_and_linear(case in case()) {
        tangent_law::<f64>(&case)?;
        tangent_law::<f32>(&case)?;
    }

    #[test]
    fn law_8_many_vectors_are_each_of_them(case in case(), k in 0..4_usize) {
        many_law::<f64>(&case, k)?;
        many_law::<f32>(&case, k)?;
    }

    #[test]
    fn chunks_are_the_whole_batch(case in case()) {
        chunks_law::<f64>(&case)?;
        chunks_law::<f32>(&case)?;
    }

    #[test]
    fn masked_jacobians_are_columns_of_the_full_one(case in case()) {
        mask_law::<f64>(&case)?;
        mask_law::<f32>(&case)?;
    }

    /// Also where tensors are frozen: they cost nothing.
    #[test]
    fn a_tangent_costs_at_most_two_forward_passes(case in case()) {
        let network = case.network();
        let flops = |mask: &Mask| {
            let linearized = Linearized::masked(&network, case.batch, mask);
            linearized.linearization().tangent.graph().stats().flops
        };
        let (all, forward) = (flops(&Mask::new(network.parameters())), network.program(case.batch).stats().flops);
        prop_assert!(all <= 2 * forward, "{all} against {forward} forward");
        let mask = case.mask(&network);
        let masked = flops(&mask);
        // The products with a tensor that is frozen are gone.
        let frozen = mask.len() < mask.full_len();
        prop_assert!(if frozen { masked < all } else { masked == all }, "{masked} of {all}");
    }
}

/// Law 10, where products are computed in many blocks and several chunks.
#[test]
fn law_10_bits_of_products_do_not_depend_on_threads() {
    let network = network(&[150, 150], 30, 5, Activation::Tanh);
    let (theta, x) = (network.init::<f32>(0), normal(96 * 30, 0, 1));
    let whole = Linearized::of_network(&network, 96);
    for (chunk, residuals) in [(96, Residuals::Kept), (40, Residuals::Kept), (40, Residuals::Again)] {
        let linearized = whole.in_chunks(chunk, residuals);
        let bits = |threads: usize| {
            let threads = Threads::new(NonZeroUsize::new(threads).expect("a positive number"));
            let jacobian = linearized.at(&theta, &x, &threads);
            let (jv, jtu) = (jv(&jacobian, &theta), jtu(&jacobian, jacobian.value()));
            let gram = filled(jacobian.rows(), |out| jacobian.gram_apply(&jv, out));
            let many = filled(2 * jacobian.columns(), |out| {
                jacobian.apply_transpose_many(2, &[&jv[..], &gram].concat(), out);
            });
            [jacobian.value().to_vec(), jv, jtu, gram, many].concat()
        };
        let one = bits(1);
        assert!(one == bits(2) && one == bits(3), "{linearized:?}");
    }
}

/// Products through one shared operator at the same time, as from the threads of a pool.
#[test]
fn products_may_run_at_the_same_time() {
    let network = network(&[40, 40], 7, 3, Activation::ERF);
    let theta = network.init::<f64>(0);
    let jacobian = Linearized::of_network(&network, 11).at(&theta, &normal(77, 0, 1), &Threads::available());
    let expected = jv(&jacobian, &theta);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(jv(&jacobian, &theta), expected)));
        }
    });
}

/// A network that is affine in its free parameters has no residuals; one without parameters has no columns.
#[test]
fn what_has_no_residuals_or_no_columns_works() {
    let network = network(&[5], 3, 2, Activation::Tanh);
    let mask = Mask::new(network.parameters()).freeze("*").and_then(|mask| mask.thaw("2.bias"));
    let linearized = Linearized::masked(&network, 4, &mask.expect("there are such tensors"));
    assert!(linearized.linearization().tangent.residuals().is_empty());
    let jacobian = linearized.at(&network.init::<f64>(0), &normal(12, 0, 1), &Threads::one());
    // σ_b for each example.
    assert_eq!(jv(&jacobian, &[1.0, -2.0]), [0.3, -0.6].repeat(4));

    let network = Network::new(Serial::new().then(Activation::Tanh), [3]);
    let jacobian = Linearized::of_network(&network, 2).at(&[], &[0.5; 6], &Threads::one());
    assert_eq!((jacobian.value(), jacobian.columns()), (&[0.5_f64.tanh(); 6][..], 0));
    assert_eq!(jv(&jacobian, &[]), [0.0; 6]);
    assert_eq!(filled(6, |out| jacobian.gram_apply(&[1.0; 6], out)), [0.0; 6]);
}
