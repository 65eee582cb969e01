//! Evaluation by plain loops: what each operation means, one formula each. The plan is tested against this.

use crate::einsum::Einsum;
use crate::graph::Graph;
use crate::linear::{Axes, Linear, Windows};
use crate::nonlinear::{Nonlinear, larger};
use crate::op::Op;
use crate::real::Real;
use crate::shape::Shape;
use crate::sum;
use crate::tensor::{Tensor, for_each_index};

/// The outputs of a program at the given inputs, computed one element at a time: slow, and the specification
/// of [`Plan`](crate::Plan).
///
/// # Panics
/// If the inputs' shapes are not the program's.
#[track_caller]
pub fn evaluate<T: Real>(f: &Graph, inputs: &[Tensor<T>]) -> Vec<Tensor<T>> {
    let shapes: Vec<Shape> = inputs.iter().map(|x| x.shape().clone()).collect();
    assert!(shapes == f.inputs, "a program of inputs {:?} was evaluated at {shapes:?}", f.inputs);
    let mut values: Vec<Tensor<T>> = Vec::with_capacity(f.nodes.len());
    for node in &f.nodes {
        let value = apply(&node.op.map(|a| &values[a.index()]), inputs, &node.shape);
        values.push(value);
    }
    f.outputs.iter().map(|id| values[id.index()].clone()).collect()
}

fn apply<T: Real>(op: &Op<&Tensor<T>>, inputs: &[Tensor<T>], shape: &Shape) -> Tensor<T> {
    match op {
        Op::Input(i) => inputs[*i].clone(),
        Op::Constant(c) => Tensor::new([], [T::literal(c.value())]),
        Op::Add([a, b]) => Tensor::from_fn(shape.clone(), |i| a.at(i) + b.at(i)),
        Op::Linear(l, a) => linear(l, a, shape),
        Op::Einsum(e, [a, b]) => einsum(e, a, b, shape),
        Op::Nonlinear(Nonlinear::Map(f), args) => Tensor::from_fn(shape.clone(), |i| f.value(args[0].at(i))),
        Op::Nonlinear(Nonlinear::Zip(f), args) => {
            Tensor::from_fn(shape.clone(), |i| f.value(args[0].at(i), args[1].at(i)))
        }
        Op::Nonlinear(Nonlinear::Maximum(axes), args) => {
            let mut largest = vec![T::neg_infinity(); shape.size()];
            for_each_along(axes, args[0], shape, |at, x| largest[at] = larger(largest[at], x));
            Tensor::new(shape.clone(), largest)
        }
    }
}

fn linear<T: Real>(l: &Linear, a: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    match l {
        Linear::Scale(c) => Tensor::from_fn(shape.clone(), |i| T::literal(c.value()) * a.at(i)),
        Linear::Sum(axes) => {
            let zeros = || vec![T::zero(); shape.size()];
            let (mut sums, mut rests) = (zeros(), zeros());
            for_each_along(axes, a, shape, |at, x| sum::add(&mut sums[at], &mut rests[at], x));
            let totals = sums.into_iter().zip(rests).map(|(sum, rest)| sum::total(sum, rest));
            Tensor::new(shape.clone(), totals.collect::<Vec<_>>())
        }
        Linear::Broadcast(axes) => Tensor::from_fn(shape.clone(), |i| {
            let kept: Vec<usize> =
                i.iter().enumerate().filter(|(axis, _)| !axes.contains(*axis)).map(|(_, &i)| i).collect();
            a.at(&kept)
        }),
        Linear::Permute(p) => Tensor::from_fn(shape.clone(), |i| {
            let mut behind = vec![0; i.len()];
            p.iter().zip(i).for_each(|(&axis, &i)| behind[axis] = i);
            a.at(&behind)
        }),
        Linear::Reshape { to, .. } => Tensor::new(to.clone(), a.data()),
        Linear::Slice(w) => Tensor::from_fn(shape.clone(), |i| {
            let mut behind = i.to_vec();
            behind[w.axis] += w.start;
            a.at(&behind)
        }),
        Linear::Unfold(w) => {
            let mut cut = vec![T::zero(); shape.size()];
            for_each_in_windows(w, shape, a.shape(), |to, from| cut[to] = a.data()[from]);
            Tensor::new(shape.clone(), cut)
        }
        Linear::Fold(w) => {
            let mut sums = vec![T::zero(); shape.size()];
            for_each_in_windows(w, a.shape(), shape, |from, to| sums[to] += a.data()[from]);
            Tensor::new(shape.clone(), sums)
        }
        Linear::Pad(w) => Tensor::from_fn(shape.clone(), |i| {
            let mut behind = i.to_vec();
            match i[w.axis].checked_sub(w.start) {
                Some(inside) if inside < w.length => {
                    behind[w.axis] = inside;
                    a.at(&behind)
                }
                _ => T::zero(),
            }
        }),
    }
}

/// Calls `f` with each element's flattened place in a tensor of windows and in the tensor they are cut from.
fn for_each_in_windows(w: &Windows, cut: &Shape, whole: &Shape, mut f: impl FnMut(usize, usize)) {
    let strides = w.split_strides(&whole.strides());
    let mut place = 0;
    for_each_index(cut, |i| {
        f(place, i.iter().zip(&strides).map(|(i, s)| i * s).sum());
        place += 1;
    });
}

/// Calls `f` with each element and the flattened place of the result that it goes into, when `axes` disappear.
fn for_each_along<T: Real>(axes: &Axes, a: &Tensor<T>, shape: &Shape, mut f: impl FnMut(usize, T)) {
    let strides = axes.spread(&shape.strides(), |_| 0).expect("checked when recorded");
    for_each_index(a.shape(), |i| f(i.iter().zip(&strides).map(|(i, s)| i * s).sum(), a.at(i)));
}

fn einsum<T: Real>(e: &Einsum, a: &Tensor<T>, b: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    let summed: Vec<u8> = e.contracted().collect();
    let extents: Vec<usize> = summed.iter().map(|&label| e.extent(label, a.shape(), b.shape())).collect();
    Tensor::from_fn(shape.clone(), |out| {
        let mut sum = T::zero();
        for_each_index(&extents, |inner| {
            let index = |label: &u8| match e.out().iter().position(|l| l == label) {
                Some(i) => out[i],
                None => inner[summed.iter().position(|l| l == label).expect("labels stand in two lists")],
            };
            let left: Vec<usize> = e.left().iter().map(index).collect();
            let right: Vec<usize> = e.right().iter().map(index).collect();
            sum += a.at(&left) * b.at(&right);
        });
        sum
    })
}
