//! Gradient descent in function space: kernels in place of weights.
//!
//! Under gradient descent the parameters of a linear model stay where gradients point to: θ = θ₀ + Jᵀ a, with as many dual
//! coefficients a as there are outputs on the training examples. The gradient by θ is Jᵀ ∂ℒ/∂f, so that steps on a with the
//! gradient ∂ℒ/∂f are those on θ, and outputs are f₀ + Θ a. Momentum and weight decay are linear, and act on a as they do on θ.
//! Nothing is left of the network but its kernel, and any positive kernel will do: this is kernel gradient descent (Jacot et
//! al. 2018, section 3), with any loss.

use std::sync::Arc;

use autodiff::{Axes, Graph, Real, Shape, Var, einsum, grad};

use crate::model::{Descent, Function, Gather, Parts, Recover};
use crate::settings::Settings;
use crate::step::{Anchor, Towards};

/// A learning problem in terms of kernels. N training examples, M others, O outputs; all row-major.
///
/// Kernels are either shared by all outputs, as at infinite width, N × N and M × N, or full, N O × N O and M O × N O.
#[derive(Clone, Debug)]
pub struct KernelTask<T> {
    /// Θ between training examples.
    pub kernel: Arc<Vec<T>>,
    /// Θ between the others and training examples.
    pub cross: Arc<Vec<T>>,
    /// The outputs before training, N × O and M × O.
    pub start: [Arc<Vec<T>>; 2],
    /// The targets of the training examples, N × O.
    pub targets: Arc<Vec<T>>,
    /// O
    pub outputs: usize,
}

/// What decay of θ towards 0 needs besides: θ₀ is not in the span of Jᵀ, and θ = θ₀ + Jᵀ a + c θ₀.
#[derive(Clone, Debug)]
pub(crate) struct Origin<T> {
    /// J θ₀ on the examples of both parts.
    pub(crate) along: [Arc<Vec<T>>; 2],
}

impl<T: Real> Descent<T> {
    /// The model f = f₀ + Θ a with these kernels: what is trained are the dual coefficients a, from 0 on, with the gradient
    /// ∂ℒ/∂f (Jacot et al. 2018, section 3). If both kernels are of a linear model, f moves as under the same steps on its
    /// weights θ = θ₀ + Jᵀ a, at 2 (N O)² operations each.
    ///
    /// # Panics
    /// If sizes do not fit, or the optimiser is Adam, whose steps leave the span of Jᵀ, or decay is towards 0, which has no
    /// meaning here.
    #[track_caller]
    pub fn in_function_space(task: &KernelTask<T>, settings: &Settings) -> Self {
        Self::dual(task, None, Box::new(|_| None), settings)
    }

    #[track_caller]
    pub(crate) fn dual(
        task: &KernelTask<T>,
        origin: Option<Origin<T>>,
        recover: Recover<T>,
        settings: &Settings,
    ) -> Self {
        let KernelTask { kernel, cross, start: [f0, g0], targets, outputs: o } = task;
        let sizes = Sizes::of(task);
        assert!(settings.optimiser.is_linear(), "{:?} steps in function space", settings.optimiser);
        let to_zero = settings.decay.is_some_and(|decay| decay.towards == Towards::Zero);
        assert!(
            origin.is_some() || !to_zero,
            "decay of the coefficients of a kernel is towards the origin, not towards 0"
        );
        let origin = origin.filter(|_| to_zero);
        let along = |part: usize| origin.iter().map(move |origin| origin.along[part].clone());
        let (count, coefficients) = (1 + usize::from(to_zero), sizes.rows * sizes.columns);
        let mut anchors = vec![Anchor::Number(0.0)];
        // (1 + c) θ₀ goes to 0.
        anchors.extend(origin.iter().map(|_| Anchor::Number(-1.0)));
        let mut fixed: Vec<Arc<Vec<T>>> = vec![f0.clone()];
        fixed.extend(along(0));
        fixed.push(targets.clone());
        let gather = settings.batches.map(|_| gather(kernel.clone(), &sizes));
        if gather.is_none() {
            fixed.push(kernel.clone());
        }
        let outputs = [
            (sizes.examples, vec![kernel.clone(), f0.clone()], 0),
            (g0.len() / o, vec![cross.clone(), g0.clone()], 1),
        ]
        .map(|(examples, mut fixed, part)| {
            fixed.extend(along(part));
            let program = (examples > 0).then(|| sizes.outputs(examples, to_zero));
            program.map(|program| Function::new(&program, fixed, &settings.threads))
        });
        let batch = settings.batches.map(|batches| batches.size);
        let objective = settings.objective.program(&[batch.unwrap_or(sizes.examples), *o].into());
        let parts = Parts {
            gradient: sizes.gradient(&objective, batch, to_zero),
            count,
            start: vec![T::zero(); coefficients + usize::from(to_zero)],
            fixed,
            gather,
            anchors: (anchors, None),
            outputs,
            recover,
        };
        Self::new(parts, settings)
    }
}

/// Coefficients are rows × columns: N O × 1 with a full kernel, N × O with a shared one.
struct Sizes {
    examples: usize,
    outputs: usize,
    rows: usize,
    columns: usize,
}

impl Sizes {
    #[track_caller]
    fn of<T>(task: &KernelTask<T>) -> Self {
        let o = task.outputs;
        let examples = task.targets.len() / o;
        let others = task.start[1].len() / o;
        let [rows, columns] =
            if task.kernel.len() == examples * examples { [examples, o] } else { [examples * o, 1] };
        let expected = (rows * rows, others * o / columns * rows, examples * o);
        let sizes = (task.kernel.len(), task.cross.len(), task.start[0].len());
        assert!(
            sizes == expected && task.targets.len() == examples * o,
            "kernels and outputs of {sizes:?} elements for {examples} examples and {others} others of {o} outputs, expected {expected:?}"
        );
        Self { examples, outputs: o, rows, columns }
    }

    fn coefficients(&self) -> Shape {
        [self.rows, self.columns].into()
    }

    /// Θ a + c J θ₀ on so many examples, given the kernel's rows.
    fn moved<'g>(
        &self,
        examples: usize,
        a: Var<'g>,
        kernel: Var<'g>,
        along: Option<[Var<'g>; 2]>,
    ) -> Var<'g> {
        let shape = [examples, self.outputs];
        let moved = einsum("ij,jk->ik", kernel, a).reshape(shape);
        match along {
            None => moved,
            Some([c, along]) => moved + c.broadcast(Axes::new([(0, shape[0]), (1, shape[1])])) * along,
        }
    }

    /// (a, [c], Θ, f₀, [J θ₀]) ↦ f.
    fn outputs(&self, examples: usize, to_zero: bool) -> Graph {
        let of_outputs = Shape::from([examples, self.outputs]);
        let kernel = Shape::from([examples * self.outputs / self.columns, self.rows]);
        let c = to_zero.then(|| Shape::from([]));
        let mut shapes: Vec<Shape> = [self.coefficients()].into_iter().chain(c).collect();
        shapes.extend([kernel, of_outputs.clone()]);
        shapes.extend(to_zero.then_some(of_outputs));
        Graph::trace(shapes, |inputs| match inputs {
            [a, kernel, f0] => vec![*f0 + self.moved(examples, *a, *kernel, None)],
            [a, c, kernel, f0, along] => vec![*f0 + self.moved(examples, *a, *kernel, Some([*c, *along]))],
            _ => unreachable!("the inputs that were asked for"),
        })
    }

    /// (a, [c], f₀, [J θ₀], y, Θ) ↦ (f, ℒ, ∂ℒ/∂f, [0]) on all examples. On a batch, Θ has its rows only, and the batch's
    /// examples among all follow, one in each row of a matrix.
    fn gradient(&self, objective: &Graph, batch: Option<usize>, to_zero: bool) -> Graph {
        let all = Shape::from([self.examples, self.outputs]);
        let size = batch.unwrap_or(self.examples);
        let mut shapes = vec![self.coefficients()];
        shapes.extend(to_zero.then(|| Shape::from([])));
        shapes.push(all.clone());
        shapes.extend(to_zero.then(|| all.clone()));
        shapes.extend([all, [size * self.outputs / self.columns, self.rows].into()]);
        shapes.extend(batch.map(|batch| Shape::from([batch, self.examples])));
        let by_outputs = grad(objective, &[0]);
        Graph::trace(shapes, |inputs| {
            let ([a, c @ ..], rest) = inputs.split_at(1 + usize::from(to_zero)) else {
                unreachable!("there is a")
            };
            let ([f0, along @ .., y], rest) = rest.split_at(2 + c.len()) else {
                unreachable!("there are f₀ and y")
            };
            let ([kernel], chosen) = rest.split_at(1) else { unreachable!("there is a kernel") };
            let of_batch = |table| of_batch(chosen, table);
            let along =
                c.first().copied().zip(along.first().copied().map(of_batch)).map(<[Var<'_>; 2]>::from);
            let (f, y) = (of_batch(*f0) + self.moved(size, *a, *kernel, along), of_batch(*y));
            let builder = a.builder();
            let by_f = builder.call(&by_outputs, &[f, y])[0];
            // Examples that are not in the batch have no gradient.
            let by_a = chosen.first().map_or(by_f, |chosen| einsum("bn,bo->no", *chosen, by_f));
            let mut made = vec![f, builder.call(objective, &[f, y])[0], by_a.reshape(self.coefficients())];
            made.extend(c.iter().map(|_| builder.fill(0.0, &[])));
            made
        })
    }
}

/// The rows of a table that are `chosen`, or all.
fn of_batch<'g>(chosen: &[Var<'g>], table: Var<'g>) -> Var<'g> {
    chosen.first().map_or(table, |chosen| einsum("bn,no->bo", *chosen, table))
}

/// The rows of the kernel that belong to the examples of a batch, and these among all examples.
fn gather<T: Real>(kernel: Arc<Vec<T>>, sizes: &Sizes) -> Gather<T> {
    let (examples, rows, each) = (sizes.examples, sizes.rows, sizes.outputs / sizes.columns);
    Box::new(move |batch, out| {
        for &example in batch {
            out.extend_from_slice(&kernel[example * each * rows..][..each * rows]);
        }
        let chosen = out.len();
        out.resize(chosen + batch.len() * examples, T::zero());
        for (row, &example) in batch.iter().enumerate() {
            out[chosen + row * examples + example] = T::one();
        }
    })
}
