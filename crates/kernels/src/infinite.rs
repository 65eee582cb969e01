//! Kernels at infinite width.
//!
//! The network's limit is a program for a few hundred examples at a time, whose values stay in the second-level cache: a
//! *tile* of the kernel. Each thread computes tiles of its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use autodiff::{Builder, Graph, Op, Plan, Real, Shape, Threads, Var, Workspace};
use nets::{Network, Quadrature, Refused, Stages};

use crate::kernel::Kernel;
use crate::kind::Kind;

/// The kernels of a network as its layers become wide: the NNGP, which is the covariance of the outputs at random parameters,
/// and the NTK, to which the tangent kernel converges and where it stays through training (Jacot et al. 2018).
///
/// Outputs are independent and alike, so a kernel is one matrix, N₁ × N₂, for all of them.
///
/// ```
/// use autodiff::Threads;
/// use kernels::Infinite;
/// use nets::{Activation, Network, Scaling, mlp};
///
/// // One hidden layer of any width. For relu the NNGP is 1/2 of x with itself, and 1/2π with what is orthogonal.
/// let network = Network::new(mlp(&[1], 1, Activation::Relu, Scaling::ntk(1.0, 0.0)), [2]);
/// let limit = Infinite::new(&network)?;
/// let x: [f64; 4] = [1.0, 1.0, 1.0, -1.0];                // 2 examples
/// let kernels = limit.kernels(&x, None, &Threads::one());
/// let (nngp, ntk) = (kernels.nngp.values(), kernels.ntk.values());
/// assert!((nngp[0] - 0.5).abs() < 1e-15 && (nngp[1] - 0.5 / std::f64::consts::PI).abs() < 1e-15);
/// assert!((ntk[0] - 1.0).abs() < 1e-15 && ntk[1] == nngp[1]);
/// # Ok::<(), nets::Refused>(())
/// ```
#[derive(Clone, Debug)]
pub struct Infinite {
    network: Network,
    terms: usize,
}

/// One of the two kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// The covariance of the outputs.
    Nngp,
    /// The tangent kernel.
    Ntk,
}

/// Both kernels of a network at infinite width.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits<T> {
    /// The covariance of an output, N₁ × N₂.
    pub nngp: Kernel<T>,
    /// The tangent kernel of an output, N₁ × N₂.
    pub ntk: Kernel<T>,
    /// The largest part of the expectation of φ² or φ'² at any example, relatively, that the terms of Hermite expansions did not
    /// reach: each such layer's covariances of equal variances are off by less than twice this part of the variance, much less
    /// where examples differ. 0 where all activations have closed forms. See [`Infinite::with_terms`].
    pub error: f64,
}

/// Rows and columns of a tile, at most: its values stay in the second-level cache, and whole tiles of the multiplication fit.
const TILE: usize = 256;
/// Terms of Hermite expansions, if not chosen.
const TERMS: usize = 128;
/// Differences of a covariance and variances that come of rounding, in units of a number's last place.
const ROUNDING: f64 = 32.0;

impl Infinite {
    /// The limit of a network.
    ///
    /// # Errors
    /// If a layer has no limit, or none that is known.
    pub fn new(network: &Network) -> Result<Self, Refused> {
        let this = Self { network: network.clone(), terms: TERMS };
        this.stages([1, 1], 0.0, false).map(|_| this)
    }

    /// With so many terms of the expansions of activations without closed forms; otherwise 128. [`Limits::error`] tells what
    /// they leave.
    ///
    /// # Panics
    /// If they are fewer than 2.
    #[must_use]
    #[track_caller]
    pub fn with_terms(self, terms: usize) -> Self {
        assert!(terms > 1, "{terms} terms of an expansion");
        Self { terms, ..self }
    }

    fn stages(&self, examples: [usize; 2], resolution: f64, derivatives: bool) -> Result<Stages, Refused> {
        let stages = if derivatives {
            self.network.limit_derivatives(examples, self.terms, resolution)?
        } else {
            self.network.limit(examples, self.terms, resolution)?
        };
        let rank = stages.pairs.output_shapes().next().map_or(0, Shape::rank);
        if rank > 2 {
            let reason = "no limit of infinite width as one matrix: outputs have places (put flatten and dense at the end)";
            return Err(nets::Reason::Other(reason.into()).into());
        }
        Ok(stages)
    }

    /// Both kernels between the examples `x` (rows) and `others` (columns), or of `x` with itself, all flat. With itself, one
    /// triangle is computed, and kernels are symmetric to the bit.
    ///
    /// # Panics
    /// If batches do not divide into examples.
    #[track_caller]
    pub fn kernels<T: Real>(&self, x: &[T], others: Option<&[T]>, threads: &Threads) -> Limits<T> {
        let (kernels, error) = self.compute([0, 1], x, others, threads);
        let [nngp, ntk] = kernels;
        Limits { nngp, ntk, error }
    }

    /// One of the kernels; otherwise as [`kernels`](Self::kernels). The NNGP needs no derivatives of activations.
    ///
    /// # Panics
    /// If batches do not divide into examples.
    #[track_caller]
    pub fn kernel<T: Real>(
        &self,
        which: Which,
        x: &[T],
        others: Option<&[T]>,
        threads: &Threads,
    ) -> Kernel<T> {
        let output = match which {
            Which::Nngp => 0,
            Which::Ntk => 1,
        };
        let ([kernel], _) = self.compute([output], x, others, threads);
        kernel
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The outputs `wanted` of the program: the NNGP, the NTK, their derivatives by log σ_w, and those by log σ_b.
    #[track_caller]
    pub(crate) fn compute<T: Real, const K: usize>(
        &self,
        wanted: [usize; K],
        x: &[T],
        others: Option<&[T]>,
        threads: &Threads,
    ) -> ([Kernel<T>; K], f64) {
        let examples = [x, others.unwrap_or(x)].map(|x| self.network.examples(x));
        let mut kernels = wanted.map(|_| Kernel::zeros(Kind::Trace, examples, self.network.output().size()));
        let tiles = Tiles::new(self, &wanted, x, others, threads);
        tiles.fill(kernels.each_mut().map(Kernel::values_mut), threads);
        (kernels, tiles.error)
    }
}

/// What a kernel is made of, ready to be computed tile by tile.
struct Tiles<'x, T: Real> {
    /// Whether columns are the examples of the rows.
    symmetric: bool,
    /// Of rows and of columns; one, if what is known of both is the same.
    sides: Vec<Side<'x, T>>,
    /// By numbers of examples.
    plans: BTreeMap<[usize; 2], Plan>,
    /// One for each thread.
    states: Vec<Mutex<State<T>>>,
    error: f64,
}

/// The examples of one side in ranges, and what is known of them.
struct Side<'x, T> {
    ranges: Vec<Range<usize>>,
    /// For each range, what tiles take of it.
    known: Vec<Vec<Known<'x, T>>>,
}

enum Known<'x, T> {
    /// The examples themselves.
    Examples(&'x [T]),
    /// What was computed of them.
    Value(Vec<T>),
}

impl<T> Known<'_, T> {
    fn values(&self) -> &[T] {
        match self {
            Self::Examples(x) => x,
            Self::Value(values) => values,
        }
    }
}

struct State<T: Real> {
    workspace: Workspace<T>,
    outputs: Vec<Vec<T>>,
}

/// Rows of each kernel.
type Panel<'a, T, const K: usize> = Mutex<[&'a mut [T]; K]>;

/// A tile: which ranges of rows and of columns.
type Tile = [usize; 2];

impl<'x, T: Real> Tiles<'x, T> {
    /// Computes what is needed of single examples.
    fn new(of: &Infinite, wanted: &[usize], x: &'x [T], others: Option<&'x [T]>, threads: &Threads) -> Self {
        let (example, symmetric) = (of.network.example().size(), others.is_none());
        let x = [x, others.unwrap_or(x)];
        let ranges = x.map(|x| divided(x.len() / example));
        let resolution = ROUNDING * Into::<f64>::into(T::epsilon());
        let derivatives = wanted.iter().any(|&output| output > 1);
        let stages = |examples| {
            let stages = of.stages(examples, resolution, derivatives);
            stages.expect("there are limits for all numbers of examples")
        };
        let mut plans = BTreeMap::new();
        let mut of_sides: [BTreeMap<usize, Graph>; 2] = Default::default();
        let mut errors = 0;
        for rows in &ranges[0] {
            for columns in &ranges[1] {
                let size = [rows.len(), columns.len()];
                if plans.contains_key(&size) {
                    continue;
                }
                let Stages { sides, errors: count, pairs } = stages(size);
                plans.insert(size, Plan::new(&with_outputs(&pairs, wanted)));
                errors = count;
                for ((programs, side), n) in of_sides.iter_mut().zip(sides).zip(size) {
                    programs.entry(n).or_insert(side);
                }
            }
        }
        let quadrature = Quadrature::numbers(of.terms);
        let mut error: f64 = 0.0;
        let side = |i: usize| {
            let plans: BTreeMap<usize, SidePlan> =
                of_sides[i].iter().map(|(&n, program)| (n, SidePlan::new(program, errors))).collect();
            let mut known: Vec<(&Range<usize>, Vec<_>, Vec<_>)> =
                ranges[i].iter().map(|range| (range, Vec::new(), Vec::new())).collect();
            threads.install(|| {
                each(&mut known, threads, &|(range, of_errors, known)| {
                    let x = &x[i][range.start * example..range.end * example];
                    (*of_errors, *known) = plans[&range.len()].run(x, &quadrature, errors);
                });
            });
            let all = known.iter().flat_map(|(_, of_errors, _)| of_errors.iter().flatten());
            let all = all.map(|&e| Into::<f64>::into(e));
            error = all.fold(error, |a, b| if b > a || b.is_nan() { b } else { a });
            let known = known.into_iter().map(|(_, _, known)| known).collect();
            Side { ranges: ranges[i].clone(), known }
        };
        let last = usize::from(!symmetric || of_sides[0] != of_sides[1]);
        let sides = (0..=last).map(side).collect();
        let state = || {
            let mut all = plans.values();
            let mut workspace = all.next().expect("there are tiles").workspace(&Threads::one());
            all.for_each(|plan| workspace.extend(plan));
            Mutex::new(State { workspace, outputs: Vec::new() })
        };
        let states = (0..threads.count()).map(|_| state()).collect();
        Self { symmetric, sides, plans, states, error }
    }

    /// Rows and columns.
    fn sides(&self) -> [&Side<'x, T>; 2] {
        [&self.sides[0], &self.sides[self.sides.len() - 1]]
    }

    /// Fills kernels.
    fn fill<const K: usize>(&self, out: [&mut [T]; K], threads: &Threads) {
        let [rows, columns] = self.sides().map(|side| &side.ranges);
        let width = columns.last().map_or(0, |last| last.end);
        let mut rest = out;
        let panel = |rows: &Range<usize>| {
            Mutex::new(rest.each_mut().map(|rest| {
                let (panel, others) = std::mem::take(rest).split_at_mut(rows.len() * width);
                *rest = others;
                panel
            }))
        };
        let panels: Vec<Panel<'_, T, K>> = rows.iter().map(panel).collect();
        let from = |i| if self.symmetric { i } else { 0 };
        let mut tiles: Vec<Tile> =
            (0..rows.len()).flat_map(|i| (from(i)..columns.len()).map(move |j| [i, j])).collect();
        threads.install(|| {
            each(&mut tiles, threads, &|&mut tile| self.tile(tile, &panels, width));
        });
    }

    /// Computes a tile, and writes it where it belongs and, in symmetric kernels, where it is mirrored.
    fn tile<const K: usize>(&self, [i, j]: Tile, panels: &[Panel<'_, T, K>], width: usize) {
        let state = self.states.iter().find_map(|state| state.try_lock().ok());
        let mut state = state.expect("there is one for each thread");
        let State { workspace, outputs } = &mut *state;
        let [of_rows, of_columns] = self.sides();
        let (rows, columns) = (&of_rows.ranges[i], &of_columns.ranges[j]);
        let plan = &self.plans[&[rows.len(), columns.len()]];
        let known = of_rows.known[i].iter().chain(&of_columns.known[j]);
        let inputs: Vec<&[T]> = known.map(Known::values).collect();
        run(plan, &inputs, outputs, workspace);
        for (tile, out) in outputs.iter_mut().zip(lock(&panels[i]).iter_mut()) {
            if self.symmetric && i == j {
                mirror(tile, rows.len());
            }
            for (row, to) in tile.chunks_exact(columns.len()).zip(out.chunks_exact_mut(width)) {
                to[columns.clone()].copy_from_slice(row);
            }
        }
        if self.symmetric && i != j {
            for (tile, out) in outputs.iter().zip(lock(&panels[j]).iter_mut()) {
                transpose(tile, columns.len(), &mut out[rows.start..], width);
            }
        }
    }
}

/// What is computed of the examples of one side.
struct SidePlan {
    plan: Plan,
    /// What tiles take: the examples, or one of the plan's outputs after the errors.
    needed: Vec<Option<usize>>,
}

impl SidePlan {
    fn new(side: &Graph, errors: usize) -> Self {
        let is_input = |i: &usize| matches!(side.node(side.outputs()[*i]).op(), Op::Input(0));
        let mut kept: Vec<usize> = (0..errors).collect();
        let needed = (errors..side.outputs().len()).map(|i| {
            (!is_input(&i)).then(|| {
                kept.push(i);
                kept.len() - 1
            })
        });
        let needed = needed.collect();
        Self { plan: Plan::new(&with_outputs(side, &kept)), needed }
    }

    /// The errors, and what tiles take.
    fn run<'x, T: Real>(
        &self,
        x: &'x [T],
        quadrature: &[Vec<T>; 2],
        errors: usize,
    ) -> (Vec<Vec<T>>, Vec<Known<'x, T>>) {
        let mut outputs = Vec::new();
        let inputs: [&[T]; 3] = [x, &quadrature[0], &quadrature[1]];
        run(&self.plan, &inputs, &mut outputs, &mut self.plan.workspace(&Threads::one()));
        let known = self.needed.iter().map(|needed| match needed {
            None => Known::Examples(x),
            Some(i) => Known::Value(std::mem::take(&mut outputs[*i])),
        });
        let known = known.collect();
        outputs.truncate(errors);
        (outputs, known)
    }
}

/// Does something to each of a list, divided among threads. To be called inside [`Threads::install`].
fn each<I: Send>(list: &mut [I], threads: &Threads, f: &(dyn Fn(&mut I) + Sync)) {
    match list {
        [] => {}
        [one] => f(one),
        list => {
            let (some, others) = list.split_at_mut(list.len() / 2);
            threads.join(|| each(some, threads, f), || each(others, threads, f));
        }
    }
}

/// Runs a plan, with outputs allocated where they are not.
fn run<T: Real>(plan: &Plan, inputs: &[&[T]], outputs: &mut Vec<Vec<T>>, workspace: &mut Workspace<T>) {
    outputs.resize_with(plan.outputs().len(), Vec::new);
    for (output, shape) in outputs.iter_mut().zip(plan.outputs()) {
        output.resize(shape.size(), T::zero());
    }
    let mut slices: Vec<&mut [T]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    plan.run(inputs, &mut slices, workspace);
}

/// The program with some of its outputs.
fn with_outputs(program: &Graph, outputs: &[usize]) -> Graph {
    let builder = Builder::new();
    let inputs: Vec<Var<'_>> = program.inputs().iter().map(|shape| builder.input(shape.clone())).collect();
    let all = builder.call(program, &inputs);
    builder.finish(&outputs.iter().map(|&i| all[i]).collect::<Vec<_>>())
}

fn lock<S>(state: &Mutex<S>) -> MutexGuard<'_, S> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The examples of each tile.
fn divided(examples: usize) -> Vec<Range<usize>> {
    (0..examples).step_by(TILE).map(|start| start..examples.min(start + TILE)).collect()
}

/// Copies the upper triangle of a square matrix of `n` rows to the lower one.
fn mirror<T: Real>(matrix: &mut [T], n: usize) {
    for i in 0..n {
        for j in 0..i {
            matrix[i * n + j] = matrix[j * n + i];
        }
    }
}

/// Writes the transpose of a matrix of `columns` columns to where rows are `width` apart.
fn transpose<T: Real>(matrix: &[T], columns: usize, to: &mut [T], width: usize) {
    /// Rows and columns of a block that stays in the first-level cache.
    const BLOCK: usize = 32;
    let rows = matrix.len() / columns;
    for first in (0..columns).step_by(BLOCK) {
        for start in (0..rows).step_by(BLOCK) {
            for j in first..columns.min(first + BLOCK) {
                for (i, to) in (start..rows).zip(&mut to[j * width + start..][..BLOCK.min(rows - start)]) {
                    *to = matrix[i * columns + j];
                }
            }
        }
    }
}
