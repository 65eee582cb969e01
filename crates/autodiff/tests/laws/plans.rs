//! Laws of plans where random programs are too small to reach: blocks, epilogues, outputs over inputs.

use autodiff::{
    Axes, Binary, Function, Graph, Padding, Plan, Real, Shape, Tensor, Threads, Var, einsum, evaluate,
    value_and_grad,
};
use proptest::prelude::*;

use crate::programs::{program, tensors};
use crate::{close, distance, epsilon, near_kink, rounding, scale_of};

/// Layers, forwards and backwards: products of two terms, with a bias, functions after them, and sums.
fn layers(batch: usize, inputs: usize, width: usize) -> Graph {
    let shapes: [Shape; 5] = [
        [batch, inputs].into(),
        [inputs, width].into(),
        [batch, inputs].into(),
        [inputs, width].into(),
        [width].into(),
    ];
    Graph::trace(shapes, |x: &[Var<'_>]| {
        let bias = x[4].broadcast(Axes::new([(0, batch)]));
        let z = einsum("ni,io->no", x[0], x[1]) + 0.5 * einsum("ni,io->no", x[2], x[3]) + bias;
        let h = z.tanh();
        let back = einsum("no,io->ni", h * z, x[1]);
        let gradient = x[3] - 0.1 * einsum("ni,no->io", x[2], h);
        vec![h, back * x[0], gradient, h.sum(&[0]), z.sum(&[1])]
    })
}

/// A convolution, and its products with a cotangent: matrices of windows, by rows and by columns, in many parts.
fn convolution(images: usize, side: usize, channels: [usize; 2], size: usize, stride: usize) -> Graph {
    let [inputs, outputs] = channels;
    let places = side.div_ceil(stride);
    let shapes: [Shape; 3] = [
        [images, side, side, inputs].into(),
        [size, size, inputs, outputs].into(),
        [images, places, places, outputs].into(),
    ];
    Graph::trace(shapes, |x: &[Var<'_>]| {
        let padded = [1, 2].iter().fold(x[0], |x, &axis| x.padded(axis, size, stride, Padding::Same));
        let all = [1, 3].iter().fold(padded, |x, &axis| x.windows(axis, size, stride, Padding::Valid));
        let y = einsum("nhfwgc,fgco->nhwo", all, 0.5 * x[1]);
        vec![y.tanh(), einsum("nhfwgc,nhwo->fgco", all, x[2]), einsum("nhfwgc,nhwo->ofgc", all, y)]
    })
}

fn plans_agree<T: Real>(f: &Graph, seed: u64) -> Result<(), TestCaseError> {
    let x = tensors::<T>(f.inputs(), seed, 0);
    let expected = evaluate(f, &x);
    let scale = scale_of(f, &x);
    let plan = Plan::new(f);
    let one = plan.call(&x, &Threads::one());
    close(distance(&one, &expected), rounding::<T>(scale))?;
    let two = plan.call(&x, &Threads::new(2.try_into().expect("two is not zero")));
    prop_assert!(one == two, "bits depend on the number of threads");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn laws_1_and_10_hold_for_layers_of_many_blocks(
        batch in 1..300_usize, inputs in 1..12_usize, width in 1..500_usize, seed in any::<u64>()
    ) {
        plans_agree::<f64>(&layers(batch, inputs, width), seed)?;
        plans_agree::<f32>(&layers(batch, inputs, width), seed)?;
    }

    #[test]
    fn laws_1_and_10_hold_for_convolutions_of_many_parts(
        images in 1..4_usize,
        side in 1..20_usize,
        channels in [1..40_usize, 1..20_usize],
        size in 1..5_usize,
        stride in 1..3_usize,
        seed in any::<u64>(),
    ) {
        plans_agree::<f64>(&convolution(images, side, channels, size, stride), seed)?;
        plans_agree::<f32>(&convolution(images, side, channels, size, stride), seed)?;
    }

    #[test]
    fn laws_1_and_10_hold_for_batches_of_products(
        batch in 1..9_usize, m in 1..80_usize, n in 1..80_usize, k in 1..20_usize, seed in any::<u64>()
    ) {
        let shapes: [Shape; 3] = [[batch, m, k].into(), [n, batch, k].into(), [n, m].into()];
        let f = Graph::trace(shapes, |x: &[Var<'_>]| {
            let product = einsum("bmk,nbk->bmn", x[0], x[1]);
            // One matrix times each of several, in the orders of tangents and cotangents of many vectors.
            let each = einsum("nm,bmk->bnk", x[2], x[0]);
            let back = einsum("nm,bnk->bmk", x[2], each);
            vec![product.sin(), einsum("bmk,nbk->mbn", x[0], x[1]), each, back + x[0]]
        });
        plans_agree::<f64>(&f, seed)?;
        plans_agree::<f32>(&f, seed)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_global_rejects: 65536, ..ProptestConfig::default() })]

    /// Steps x ↦ x − 0.1 ∇s(x), and others that read an input after, or in another order than, it is overwritten.
    #[test]
    fn outputs_may_overwrite_inputs((f, seed) in program(), form in 0..4_usize) {
        let scalar = Graph::trace(f.inputs().to_vec(), |x| {
            let y = x[0].builder().call(&f, x);
            vec![y.into_iter().map(|y| y.sin().sum_all()).reduce(|a, b| a + b).expect("an output")]
        });
        let n = f.inputs().len();
        let gradient = value_and_grad(&scalar, &(0..n).collect::<Vec<_>>());
        let step = Graph::trace(f.inputs().to_vec(), |x| {
            let all = x[0].builder().call(&gradient, x);
            let mut outputs: Vec<Var<'_>> = x.iter().zip(&all[1..]).map(|(&x, &d)| x - 0.1 * d).collect();
            match form {
                0 => {}
                1 => outputs.push(x[n - 1].cos()),
                2 => outputs.push(x[0]),
                _ => outputs[0] = outputs[0] * x[0] + x[0],
            }
            outputs.push(all[0]);
            outputs
        });
        let x = tensors::<f64>(f.inputs(), seed, 0);
        let scale = scale_of(&step, &x);
        prop_assume!(scale < 1e3 && !near_kink(&f, &x, 1e-3));
        let expected = evaluate(&step, &x);
        let pairs: Vec<(usize, usize)> = (0..n).map(|i| (i, i)).collect();
        let plan = Plan::in_place(&step, &pairs);
        let mut buffers: Vec<Vec<f64>> = expected.iter().map(|y| vec![0.0; y.data().len()]).collect();
        buffers.iter_mut().zip(&x).for_each(|(buffer, x)| buffer.copy_from_slice(x.data()));
        let mut slices: Vec<&mut [f64]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
        plan.run(&[], &mut slices, &mut plan.workspace(&Threads::one()));
        let y: Vec<Tensor<f64>> = buffers.into_iter().zip(&expected)
            .map(|(data, y)| Tensor::new(y.shape().clone(), data)).collect();
        close(distance(&y, &expected), 1e4 * epsilon::<f64>() * scale * scale)?;
    }
}

/// Plans use the widest instructions of the processor, `Function::value` those that every processor has: both give the
/// same bits, for all functions and all kinds of argument.
#[test]
fn bits_do_not_depend_on_the_instruction_set() {
    fn hold<T: Real>(from_bits: impl Fn(u64) -> T, bits: impl Fn(T) -> u64) {
        let count = 20_000;
        let all: Vec<T> = (0..count).map(|i: u64| from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let tame: Vec<T> = (0..count).map(|i| T::literal((i as f64 / count as f64 - 0.5) * 40.0)).collect();
        for x in [all, tame] {
            let y: Vec<T> = x.iter().rev().copied().collect();
            let (a, b) = (Tensor::new([x.len()], x.clone()), Tensor::new([x.len()], y.clone()));
            for &f in Function::ALL {
                let plan = Plan::new(&Graph::trace([[x.len()]], |v| vec![v[0].map(f)]));
                let fast = &plan.call(std::slice::from_ref(&a), &Threads::one())[0];
                for (&x, &fast) in x.iter().zip(fast.data()) {
                    let plain = f.value(x);
                    let same = bits(fast) == bits(plain) || fast.is_nan() && plain.is_nan();
                    assert!(same, "{}({x}): {fast} and {plain}", f.name());
                }
            }
            for &f in Binary::ALL {
                let plan = Plan::new(&Graph::trace([[x.len()]; 2], |v| vec![v[0].zip(f, v[1])]));
                let fast = &plan.call(&[a.clone(), b.clone()], &Threads::one())[0];
                for ((&x, &y), &fast) in x.iter().zip(&y).zip(fast.data()) {
                    let plain = f.value(x, y);
                    let same = bits(fast) == bits(plain) || fast.is_nan() && plain.is_nan();
                    assert!(same, "{}({x}, {y}): {fast} and {plain}", f.name());
                }
            }
        }
    }
    hold(|bits| f32::from_bits(bits as u32), |x| x.to_bits().into());
    hold(f64::from_bits, f64::to_bits);
}
