//! Plans: programs made ready to run fast, again and again, in memory set aside once.
//!
//! [`Plan::new`] lowers a program to a few kinds of instruction (see `lower`): linear operations that only move
//! data become strides, chains of elementwise operations become one pass each, products become blocks of matrix
//! multiplications that take scales and sums along, and values share buffers by last use.

mod block;
mod emit;
mod kernel;
mod lower;
mod memory;
mod product;
mod reduce;
mod scatter;
mod view;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use self::kernel::{Kernel, SCRATCH};
use self::memory::{Memory, Place};
use self::product::{PATCH, Product};
use self::reduce::Reduction;
use self::scatter::Scatter;
use crate::graph::Graph;
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::threads::Threads;

/// A program made ready to run.
///
/// ```
/// use autodiff::{Graph, Plan, Threads, einsum};
/// let product = Graph::trace([[2, 3], [3, 2]], |x| vec![einsum("ik,kj->ij", x[0], x[1])]);
/// let plan = Plan::new(&product);
/// let mut workspace = plan.workspace::<f64>(&Threads::one());
/// let (a, b, mut c) = ([1., 2., 3., 4., 5., 6.], [1., 0., 0., 1., 1., 1.], [0.; 4]);
/// plan.run(&[&a, &b], &mut [&mut c], &mut workspace);
/// assert_eq!(c, [4., 5., 10., 11.]);
/// ```
#[derive(Debug)]
pub struct Plan {
    inputs: Vec<Shape>,
    outputs: Vec<Shape>,
    code: Vec<Instruction>,
    /// Where each value lives; values that were fused away have no place.
    places: Vec<Option<Place>>,
    /// Elements of each slot of the workspace.
    slots: Vec<usize>,
}

/// The memory a [`Plan`] runs in, besides its inputs and outputs. It serves every plan that needs no more.
pub struct Workspace<T: Real> {
    threads: Threads,
    arena: Vec<T>,
    scratch: Vec<Mutex<Vec<T>>>,
    // Lists of slices, empty between runs: kept for their allocations.
    inputs: Vec<&'static [T]>,
    buffers: Vec<&'static mut [T]>,
}

#[derive(Debug)]
enum Instruction {
    Kernel(Kernel),
    Product(Product),
    Reduction(Reduction),
    Scatter(Scatter),
}

impl Plan {
    /// Makes a program ready to run.
    pub fn new(graph: &Graph) -> Self {
        Self::in_place(graph, &[])
    }

    /// As [`Plan::new`], with inputs that are overwritten by outputs: for each pair (input, output) in `overwritten`,
    /// the slice given to [`Plan::run`] for the output holds the input when the run begins, and the input is not
    /// passed. So a step of gradient descent, (θ, x, y) ↦ θ − η∇ℒ, moves θ where it lies, and where the gradient of
    /// a weight is a matrix product, that is one matrix product added to the weight.
    ///
    /// ```
    /// use autodiff::{Graph, Plan, Threads};
    /// let decay = Graph::trace([[3]], |x| vec![0.5 * x[0]]);
    /// let plan = Plan::in_place(&decay, &[(0, 0)]);
    /// let mut x = [1.0, 2.0, 3.0];
    /// plan.run(&[], &mut [&mut x], &mut plan.workspace(&Threads::one()));
    /// assert_eq!(x, [0.5, 1.0, 1.5]);
    /// ```
    ///
    /// # Panics
    /// If there is no such input or output, one is paired twice, or their shapes differ.
    #[track_caller]
    pub fn in_place(graph: &Graph, overwritten: &[(usize, usize)]) -> Self {
        let outputs: Vec<&Shape> = graph.output_shapes().collect();
        for (k, &(i, o)) in overwritten.iter().enumerate() {
            let Some((input, output)) = graph.inputs().get(i).zip(outputs.get(o)) else {
                panic!("output {o} of {} over input {i} of {}", outputs.len(), graph.inputs().len());
            };
            assert!(
                input == *output,
                "output {o} of shape {output} does not fit over input {i} of shape {input}"
            );
            let twice = overwritten[..k].iter().any(|&(j, p)| i == j || o == p);
            assert!(!twice, "output {o} over input {i}: one of them is paired already");
        }
        lower::lower(graph, overwritten)
    }

    /// The shapes of the inputs that are passed to a run.
    pub fn inputs(&self) -> &[Shape] {
        &self.inputs
    }

    /// The shapes of the outputs.
    pub fn outputs(&self) -> &[Shape] {
        &self.outputs
    }

    /// Elements of memory that a run needs besides inputs and outputs.
    pub fn workspace_size(&self) -> usize {
        self.slots.iter().sum()
    }

    /// Elements of scratch memory for each thread.
    fn scratch(&self) -> usize {
        let windows = |instruction: &Instruction| match instruction {
            Instruction::Product(product) => product.terms.iter().any(|term| term.left.windows.is_some()),
            _ => false,
        };
        if self.code.iter().any(windows) { PATCH.max(SCRATCH) } else { SCRATCH }
    }

    /// All the memory, and the threads, that runs of this plan use.
    pub fn workspace<T: Real>(&self, threads: &Threads) -> Workspace<T> {
        Workspace {
            threads: threads.clone(),
            arena: vec![T::zero(); self.workspace_size()],
            scratch: (0..threads.count()).map(|_| Mutex::new(vec![T::zero(); self.scratch()])).collect(),
            inputs: Vec::with_capacity(self.inputs.len()),
            buffers: Vec::with_capacity(self.outputs.len() + self.slots.len()),
        }
    }

    /// Runs the program: reads the inputs, overwrites the outputs, allocates nothing. (With several threads, that
    /// holds inside [`Threads::install`]; a call from outside hands the work to the pool first.)
    ///
    /// Tensors are contiguous, in row-major order. Consecutive tensors may share a slice: a flat parameter vector
    /// can stand for all the parameters at once. Empty slices stand for none.
    ///
    /// # Panics
    /// If the slices do not divide into the tensors of the program, or the workspace is another plan's
    /// and too small.
    #[track_caller]
    pub fn run<T: Real>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]], workspace: &mut Workspace<T>) {
        assert!(workspace.serves(self), "the workspace belongs to another plan");
        let mut tensors: Vec<&[T]> = recycle(std::mem::take(&mut workspace.inputs));
        let mut rest = inputs.iter().copied().filter(|slice| !slice.is_empty());
        let mut slice: &[T] = &[];
        for shape in &self.inputs {
            if slice.is_empty() {
                slice = rest.next().unwrap_or_default();
            }
            assert!(slice.len() >= shape.size(), "an input slice of {} elements for {shape}", slice.len());
            let (tensor, more) = slice.split_at(shape.size());
            tensors.push(tensor);
            slice = more;
        }
        assert!(slice.is_empty() && rest.next().is_none(), "input slices exceed {:?}", self.inputs);

        let mut buffers: Vec<&mut [T]> = recycle_mut(std::mem::take(&mut workspace.buffers));
        let mut rest = outputs.iter_mut().map(|slice| &mut **slice).filter(|slice| !slice.is_empty());
        let mut slice: &mut [T] = &mut [];
        for shape in &self.outputs {
            if slice.is_empty() {
                slice = rest.next().unwrap_or_default();
            }
            assert!(slice.len() >= shape.size(), "an output slice of {} elements for {shape}", slice.len());
            let (tensor, more) = slice.split_at_mut(shape.size());
            buffers.push(tensor);
            slice = more;
        }
        assert!(slice.is_empty() && rest.next().is_none(), "output slices exceed {:?}", self.outputs);
        let mut arena = &mut workspace.arena[..];
        for &size in &self.slots {
            let (slot, more) = arena.split_at_mut(size);
            buffers.push(slot);
            arena = more;
        }

        let mut memory = Memory {
            places: &self.places,
            inputs: &tensors,
            buffers: &mut buffers,
            scratch: &workspace.scratch,
            threads: &workspace.threads,
        };
        workspace.threads.install(|| {
            for instruction in &self.code {
                match instruction {
                    Instruction::Kernel(kernel) => kernel.run(&mut memory),
                    Instruction::Product(product) => product.run(&mut memory),
                    Instruction::Reduction(reduction) => reduction.run(&mut memory),
                    Instruction::Scatter(scatter) => scatter.run(&mut memory),
                }
            }
        });
        workspace.inputs = recycle(tensors);
        workspace.buffers = recycle_mut(buffers);
    }

    /// Runs the program once on tensors, in memory of its own.
    ///
    /// # Panics
    /// If the inputs' shapes are not the program's.
    #[track_caller]
    pub fn call<T: Real>(&self, inputs: &[Tensor<T>], threads: &Threads) -> Vec<Tensor<T>> {
        let shapes: Vec<Shape> = inputs.iter().map(|x| x.shape().clone()).collect();
        assert!(shapes == self.inputs, "a plan of inputs {:?} was called with {shapes:?}", self.inputs);
        let inputs: Vec<&[T]> = inputs.iter().map(Tensor::data).collect();
        let mut outputs: Vec<Vec<T>> =
            self.outputs.iter().map(|shape| vec![T::zero(); shape.size()]).collect();
        let mut slices: Vec<&mut [T]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        self.run(&inputs, &mut slices, &mut self.workspace(threads));
        self.outputs.iter().zip(outputs).map(|(shape, data)| Tensor::new(shape.clone(), data)).collect()
    }
}

impl Instruction {
    /// The values it reads.
    fn reads(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::Kernel(kernel) => Box::new(kernel.reads()),
            Self::Product(product) => {
                let base = product.base.iter().map(|base| base.view.value);
                let epilogue = product.epilogue.iter().flat_map(Kernel::reads);
                let others = epilogue.filter(|&value| value != product.value);
                Box::new(product.factors().chain(base).chain(others))
            }
            Self::Reduction(r) => Box::new([r.view.value].into_iter()),
            Self::Scatter(s) => Box::new([s.view.value].into_iter()),
        }
    }

    /// The values it writes for others to read.
    fn writes(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::Kernel(kernel) => Box::new(kernel.stores.iter().copied()),
            Self::Product(product) => Box::new(product.stores().iter().copied()),
            Self::Reduction(r) => Box::new([r.value].into_iter()),
            Self::Scatter(s) => Box::new([s.value].into_iter()),
        }
    }

    /// Whether `value`, which it reads, may lie where `written`, which it writes, goes.
    fn overwrites(&self, value: usize, written: usize) -> bool {
        match self {
            Self::Kernel(kernel) => kernel.reads_in_place(value),
            Self::Product(product) => {
                let base = product.base.as_ref().filter(|base| base.view.value == value);
                let epilogue = product.epilogue.as_ref().filter(|kernel| kernel.reads().any(|v| v == value));
                let in_place = match (base, epilogue) {
                    (Some(base), None) => written == product.value && base.in_order(product.size()),
                    (None, Some(epilogue)) => written != product.value && epilogue.reads_in_place(value),
                    _ => false,
                };
                in_place && product.factors().all(|factor| factor != value)
            }
            Self::Reduction(_) | Self::Scatter(_) => false,
        }
    }

    /// Once values have places.
    fn settle(&mut self, place: impl Fn(usize) -> Option<Place>) {
        match self {
            Self::Kernel(kernel) => kernel.settle(place),
            Self::Product(product) => {
                if let Some(epilogue) = &mut product.epilogue {
                    epilogue.settle(place);
                }
            }
            Self::Reduction(_) | Self::Scatter(_) => {}
        }
    }
}

/// An empty list with the allocation of another one: the standard library collects a list in place.
fn recycle<'b, T>(mut list: Vec<&[T]>) -> Vec<&'b [T]> {
    list.clear();
    list.into_iter().map(|_| Default::default()).collect()
}

/// As [`recycle`], for slices that are written.
fn recycle_mut<'b, T>(mut list: Vec<&mut [T]>) -> Vec<&'b mut [T]> {
    list.clear();
    list.into_iter().map(|_| Default::default()).collect()
}

impl<T: Real> Workspace<T> {
    /// Makes it large enough for runs of another plan, too.
    pub fn extend(&mut self, plan: &Plan) {
        self.arena.resize(self.arena.len().max(plan.workspace_size()), T::zero());
        for scratch in &mut self.scratch {
            let scratch = scratch.get_mut().unwrap_or_else(PoisonError::into_inner);
            scratch.resize(scratch.len().max(plan.scratch()), T::zero());
        }
        self.inputs.reserve(plan.inputs.len());
        self.buffers.reserve(plan.outputs.len() + plan.slots.len());
    }

    /// Whether it is large enough for runs of a plan.
    pub fn serves(&self, plan: &Plan) -> bool {
        let scratch = |scratch: &Mutex<Vec<T>>| {
            scratch.lock().unwrap_or_else(PoisonError::into_inner).len() >= plan.scratch()
        };
        self.arena.len() >= plan.workspace_size() && self.scratch.iter().all(scratch)
    }
}

impl<T: Real> fmt::Debug for Workspace<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workspace({} elements, {:?})", self.arena.len(), self.threads)
    }
}
