//! A model differentiated once: for one shape of x, or for any number of examples in chunks that fit in memory.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use autodiff::{Graph, Linearization, Real, Shape, Threads};
use nets::Network;

use crate::cache::Cache;
use crate::jacobian::Jacobian;
use crate::mask::Mask;
use crate::pool::Pool;
use crate::programs::{Programs, nth, size};

/// A model (θ, x) ↦ f differentiated in the free tensors of θ, ready to be evaluated at any θ and x. Clones share all
/// programs.
///
/// A batch of a network is computed in one piece, or, after [`within`](Self::within) or
/// [`in_chunks`](Self::in_chunks), in chunks of examples.
#[derive(Clone)]
pub struct Linearized {
    family: Arc<Family>,
    batch: usize,
    /// How many examples are computed at a time, at most `batch`.
    chunk: usize,
    residuals: Residuals,
    /// For a chunk, and for a shorter last one.
    programs: Arc<Programs>,
    last: Option<Arc<Programs>>,
}

/// Where the residuals of the examples of a [`Jacobian`] are between products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residuals {
    /// In memory, for all examples.
    Kept,
    /// Nowhere: θ and x are kept, and each product makes the residuals of a chunk when it comes to it. That costs one
    /// evaluation of f more, and only a chunk's memory.
    Again,
}

/// The programs of one model by the number of examples.
struct Family {
    source: Source,
    mask: Mask,
    /// Elements of x for one example.
    example: usize,
    made: Cache<Programs>,
}

enum Source {
    /// Of one shape: a batch of one example.
    Program(Graph),
    Network(Network),
}

/// Some examples that are computed at a time.
pub(crate) struct Chunk<'a> {
    pub(crate) programs: &'a Programs,
    /// Its elements of x, of f, and of the residuals that belong to examples.
    pub(crate) x: Range<usize>,
    pub(crate) rows: Range<usize>,
    pub(crate) residuals: Range<usize>,
    /// Whether none came before.
    pub(crate) first: bool,
}

impl Chunk<'_> {
    /// Elements of f and of the residuals that belong to examples: what the primal program returns.
    pub(crate) fn made(&self) -> usize {
        self.rows.len() + self.residuals.len()
    }
}

impl Linearized {
    /// Differentiates `f`, of one output, in its first `parameters` inputs; the others are x.
    ///
    /// # Panics
    /// If `f` has not one output, or fewer inputs.
    #[track_caller]
    pub fn new(f: &Graph, parameters: usize) -> Self {
        assert!(f.outputs().len() == 1, "a model has one output, got {}", f.outputs().len());
        let inputs = f.inputs();
        assert!(parameters <= inputs.len(), "{parameters} parameters among {} inputs", inputs.len());
        let (theta, x) = inputs.split_at(parameters);
        let mask = Mask::of((0..).map(|i| format!("x{i}")).zip(theta.iter().map(Shape::size)));
        let family =
            Family { example: size(x), source: Source::Program(f.clone()), mask, made: Cache::default() };
        Self::chunked(&Arc::new(family), 1, 1, Residuals::Kept)
    }

    /// Differentiates a network in all its parameters, for batches of `batch` examples.
    ///
    /// # Panics
    /// If `batch` is 0.
    #[track_caller]
    pub fn of_network(network: &Network, batch: usize) -> Self {
        Self::masked(network, batch, &Mask::new(network.parameters()))
    }

    /// Differentiates a network in the free tensors of `mask`; the Jacobian has these columns only. Frozen tensors are
    /// inputs like x: nothing is computed or kept for derivatives in them.
    ///
    /// # Panics
    /// If `batch` is 0, or the mask is of other tensors than the network's.
    #[track_caller]
    pub fn masked(network: &Network, batch: usize, mask: &Mask) -> Self {
        assert!(batch > 0, "a batch of no examples");
        mask.check_of(network.parameters());
        let source = Source::Network(network.clone());
        let example = network.example().size();
        let family = Family { source, mask: mask.clone(), example, made: Cache::default() };
        Self::chunked(&Arc::new(family), batch, batch, Residuals::Kept)
    }

    /// With `chunk` examples computed at a time, and the rest in a shorter last chunk.
    ///
    /// # Panics
    /// If `chunk` is 0 or more than the batch, or this is a program, which has no axis of examples, and not a network.
    #[must_use]
    #[track_caller]
    pub fn in_chunks(&self, chunk: usize, residuals: Residuals) -> Self {
        self.assert_network();
        assert!(0 < chunk && chunk <= self.batch, "chunks of {chunk} of {} examples", self.batch);
        Self::chunked(&self.family, self.batch, chunk, residuals)
    }

    /// [In chunks](Self::in_chunks) as large as leaves [`bytes`](Self::bytes) within `budget` for scalars of type `T`,
    /// and with residuals kept if those of the whole batch fit. If nothing fits: what takes the least.
    ///
    /// # Panics
    /// If this is a program, which has no axis of examples, and not a network.
    #[must_use]
    #[track_caller]
    pub fn within<T: Real>(&self, budget: usize) -> Self {
        self.assert_network();
        let takes = |&(chunk, residuals): &(usize, Residuals)| {
            self.family.elements(&self.family.make(chunk), self.batch, chunk, residuals) * size_of::<T>()
        };
        let fits = |way: &(usize, Residuals)| takes(way) <= budget;
        let (whole, smallest) =
            ((self.batch, Residuals::Kept), [(1, Residuals::Kept), (1, Residuals::Again)]);
        let (chunk, residuals) = if fits(&whole) {
            whole
        } else if let Some((mut most, residuals)) = smallest.into_iter().find(fits) {
            let mut too_many = self.batch + 1;
            while too_many - most > 1 {
                let middle = most + (too_many - most) / 2;
                if fits(&(middle, residuals)) {
                    most = middle;
                } else {
                    too_many = middle;
                }
            }
            // As many chunks, but of equal sizes.
            (self.batch.div_ceil(self.batch.div_ceil(most)), residuals)
        } else {
            let ways = [whole, smallest[0], smallest[1]];
            ways.into_iter().min_by_key(takes).expect("there are three ways")
        };
        Self::chunked(&self.family, self.batch, chunk, residuals)
    }

    #[track_caller]
    fn assert_network(&self) {
        let network = matches!(self.family.source, Source::Network(_));
        assert!(
            network,
            "a program has no axis of examples to be divided: only networks are computed in chunks"
        );
    }

    /// For batches of `batch` examples of the same network. As many examples as now are computed at a time, if there are
    /// as many, so that programs are shared.
    ///
    /// # Panics
    /// If `batch` is 0, or this is a program, which has one shape, and `batch` is not 1.
    #[must_use]
    #[track_caller]
    pub fn resized(&self, batch: usize) -> Self {
        assert!(batch > 0, "a batch of no examples");
        let one = matches!(self.family.source, Source::Program(_));
        assert!(!one || batch == 1, "a program has one shape of x, and not {batch} examples");
        Self::chunked(&self.family, batch, self.chunk.min(batch), self.residuals)
    }

    fn chunked(family: &Arc<Family>, batch: usize, chunk: usize, residuals: Residuals) -> Self {
        let get = |examples: usize| family.made.get(examples, || family.make(examples));
        let rest = batch % chunk;
        let last = (rest > 0).then(|| get(rest));
        Self { programs: get(chunk), last, family: family.clone(), batch, chunk, residuals }
    }

    /// The programs of one chunk: (θ, x) ↦ (f, r) and (r, δ) ↦ J δ. Residuals that depend on θ alone come first.
    pub fn linearization(&self) -> &Linearization {
        &self.programs.linearization
    }

    /// Which parameters are free. Those of a program are called `x0`, `x1`, …, and all are free.
    pub fn mask(&self) -> &Mask {
        &self.family.mask
    }

    /// How many examples there are; 1 for a program.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// How many examples are computed at a time.
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// Where the residuals of the examples are between products.
    pub fn residuals(&self) -> Residuals {
        self.residuals
    }

    /// The bytes that a [`Jacobian`] at `T` takes for J v and Jᵀ u, at most: f, the residuals, and the workspaces of its
    /// plans. J Jᵀ u takes one vector of columns more, Jᵀ J v one of the rows of a chunk, and k vectors at once about k
    /// times the workspaces. (Besides, each of the up to eight workspaces has some 50 kB for each thread.)
    pub fn bytes<T: Real>(&self) -> usize {
        self.family.elements(&self.programs, self.batch, self.chunk, self.residuals) * size_of::<T>()
    }

    /// Evaluates the model at θ and x (both flat), and keeps what products with the Jacobian need.
    ///
    /// # Panics
    /// If θ has not one element a parameter, or x is not a batch.
    #[track_caller]
    pub fn at<T: Real>(&self, theta: &[T], x: &[T], threads: &Threads) -> Jacobian<T> {
        Jacobian::new(self.clone(), theta, x, threads)
    }

    /// f(θ, x), flat, for any number of examples.
    ///
    /// # Panics
    /// If θ has not one element a parameter, or x does not divide into examples.
    #[track_caller]
    pub fn value<T: Real>(&self, theta: &[T], x: &[T], threads: &Threads) -> Vec<T> {
        let batch = self.resized(self.examples(x.len()));
        batch.check(theta.len(), x.len());
        let (mut value, pool) = (vec![T::zero(); batch.rows()], Pool::new(threads));
        for chunk in batch.chunks() {
            pool.run(chunk.programs.value(), &[theta, &x[chunk.x]], &mut [&mut value[chunk.rows]]);
        }
        value
    }

    /// How many examples `elements` elements of x are.
    #[track_caller]
    pub(crate) fn examples(&self, elements: usize) -> usize {
        let example = self.family.example;
        if example == elements {
            return 1;
        }
        let divides = example > 0 && elements > 0 && elements.is_multiple_of(example);
        assert!(divides, "{elements} elements of x do not divide into examples of {example}");
        elements / example
    }

    #[track_caller]
    pub(crate) fn check(&self, theta: usize, x: usize) {
        let (parameters, elements) = (self.mask().full_len(), self.batch * self.family.example);
        assert!(theta == parameters, "{parameters} parameters, got {theta}");
        assert!(x == elements, "{elements} elements of x, got {x}");
    }

    /// Elements of f.
    pub(crate) fn rows(&self) -> usize {
        self.chunks().map(|chunk| chunk.rows.len()).sum()
    }

    pub(crate) fn chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        let full = self.batch / self.chunk;
        let [x, rows, own] = [self.chunk * self.family.example, self.programs.rows, self.programs.kept[1]];
        let whole = (0..full).map(move |i| Chunk {
            programs: &self.programs,
            x: nth(i, x),
            rows: nth(i, rows),
            residuals: nth(i, own),
            first: i == 0,
        });
        let last = self.last.iter().map(move |programs| {
            let rest = self.batch % self.chunk * self.family.example;
            Chunk {
                programs,
                x: full * x..full * x + rest,
                rows: full * rows..full * rows + programs.rows,
                residuals: full * own..full * own + programs.kept[1],
                first: false,
            }
        });
        whole.chain(last)
    }
}

impl Family {
    fn make(&self, examples: usize) -> Programs {
        let (parameters, free) = self.mask.places();
        match &self.source {
            Source::Program(f) => Programs::new(f, parameters, &free),
            Source::Network(network) => Programs::new(&network.program(examples), parameters, &free),
        }
    }

    /// At most how many elements a Jacobian holds.
    fn elements(&self, programs: &Programs, batch: usize, chunk: usize, residuals: Residuals) -> usize {
        let [shared, own] = programs.kept;
        let sizes = 1 + usize::from(!batch.is_multiple_of(chunk));
        let all = |of_chunk: usize| of_chunk.div_ceil(chunk) * batch;
        let again = residuals == Residuals::Again;
        let residuals = if again {
            sizes * (own + programs.rows) + self.mask.full_len() + batch * self.example
        } else {
            all(own)
        };
        let workspaces = sizes * programs.workspaces(batch > chunk, again);
        shared + all(programs.rows) + residuals + workspaces
    }
}

impl fmt::Debug for Linearized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch, chunk, residuals, .. } = self;
        write!(f, "Linearized({batch} examples, {chunk} at a time, residuals {residuals:?})")
    }
}
