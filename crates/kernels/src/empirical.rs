//! Kernels of a network at one θ.

use autodiff::{Real, Threads};
use linearize::{Linearized, Mask};
use nets::Network;

use crate::jacobians;
use crate::kernel::Kernel;
use crate::kind::Kind;
use crate::terms::Terms;
use crate::tiles::{Request, Tiles};

/// How a tangent kernel is computed. All give the same kernel up to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// From the factors of the derivatives: for a dense layer, Θ_{nm,op} is the product of ⟨y̅_n^o, y̅_m^p⟩ and ⟨h_n, h_m⟩.
    /// The best in time and memory, by far where layers are large.
    #[default]
    Factored,
    /// J J'ᵀ of explicit Jacobians: N O vector-Jacobian products, and (N₁ + N₂) O |θ| elements of memory.
    JacobianContraction,
    /// J (J'ᵀ e) for each of the N₂ O columns: no memory besides, and as many evaluations of the network's derivative.
    VectorProducts,
}

/// A kernel of a network at finite width, ready to be evaluated at any θ and on any examples.
///
/// The tangent kernel (NTK) is Θ_{nm,op} = Σ_i ∂f_o(x_n)/∂θ_i ∂f_p(x'_m)/∂θ_i over the free parameters; the covariance
/// kernel (NNGP) of the outputs is f_o(x_n) f_p(x'_m). [`Kind`] says which entries of it are computed. The network is seen
/// as a function of one example, as all are that treat the examples of a batch alike and apart.
#[derive(Debug)]
pub struct Empirical {
    network: Network,
    mask: Mask,
    tangent: bool,
    method: Method,
    budget: usize,
    terms: Terms,
}

impl Empirical {
    /// The tangent kernel in all parameters.
    pub fn ntk(network: &Network) -> Self {
        Self::masked(network, &Mask::new(network.parameters()))
    }

    /// The tangent kernel in the free tensors of `mask`.
    ///
    /// # Panics
    /// If the mask is for another number of parameters.
    #[track_caller]
    pub fn masked(network: &Network, mask: &Mask) -> Self {
        let (parameters, masked) = (network.parameters().len(), mask.full_len());
        assert!(parameters == masked, "a mask of {masked} parameters for {parameters}");
        let tensors = network.parameters().tensors().iter();
        let free: Vec<usize> = (0..)
            .zip(tensors)
            .filter(|(_, tensor)| mask.free().any(|(_, range)| range == tensor.range))
            .map(|(i, _)| i)
            .collect();
        let terms = Terms::of_derivative(&network.program(1), &free);
        Self::new(network, mask, true, terms)
    }

    /// The covariance kernel of the outputs.
    pub fn nngp(network: &Network) -> Self {
        let terms = Terms::of_value(&network.program(1));
        Self::new(network, &Mask::new(network.parameters()), false, terms)
    }

    fn new(network: &Network, mask: &Mask, tangent: bool, terms: Terms) -> Self {
        let (network, mask) = (network.clone(), mask.clone());
        Self { network, mask, tangent, method: Method::default(), budget: 1 << 30, terms }
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// By another method.
    #[must_use]
    pub fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// Within `bytes` of memory besides the kernel itself, by the factored method, unless two examples take more;
    /// otherwise 1 GiB.
    #[must_use]
    pub fn within(self, bytes: usize) -> Self {
        Self { budget: bytes, ..self }
    }

    /// The kernel at θ between the examples `x` (rows) and `others` (columns), or of `x` with itself, all flat. With itself,
    /// one triangle is computed, and the kernel is symmetric to the bit.
    ///
    /// # Panics
    /// If θ has not one element a parameter, batches do not divide into examples, or the kind is `Diagonal` and there are
    /// `others`.
    #[track_caller]
    pub fn kernel<T: Real>(
        &self,
        kind: Kind,
        theta: &[T],
        x: &[T],
        others: Option<&[T]>,
        threads: &Threads,
    ) -> Kernel<T> {
        let examples = [self.network.examples(x), self.network.examples(others.unwrap_or(x))];
        if self.method != Method::Factored {
            return self.simply(kind, theta, [x, others.unwrap_or(x)], examples, threads);
        }
        let mut tiles = self.tiles(kind, examples[0], others.map(|_| examples[1]), threads);
        let mut kernel = tiles.zeros();
        tiles.run(theta, x, others, std::slice::from_mut(&mut kernel), &mut |_, _| {});
        kernel
    }

    /// The kernels of the parameter tensors, by name: they sum to the whole. The factored method is used.
    ///
    /// # Panics
    /// As [`kernel`](Self::kernel).
    #[track_caller]
    pub fn by_tensor<T: Real>(
        &self,
        kind: Kind,
        theta: &[T],
        x: &[T],
        others: Option<&[T]>,
        threads: &Threads,
    ) -> Vec<(String, Kernel<T>)> {
        self.by_part(|tensor| tensor, kind, theta, x, others, threads)
    }

    /// The kernels of the layers that have parameters, by their places, such as `2.1`: what each contributes to the whole.
    /// Otherwise as [`by_tensor`](Self::by_tensor).
    ///
    /// # Panics
    /// As [`kernel`](Self::kernel).
    #[track_caller]
    pub fn by_layer<T: Real>(
        &self,
        kind: Kind,
        theta: &[T],
        x: &[T],
        others: Option<&[T]>,
        threads: &Threads,
    ) -> Vec<(String, Kernel<T>)> {
        self.by_part(
            |tensor| tensor.rsplit_once('.').map_or(tensor, |(layer, _)| layer),
            kind,
            theta,
            x,
            others,
            threads,
        )
    }

    /// The kernels of tensors with one name for their part.
    #[track_caller]
    fn by_part<T: Real>(
        &self,
        part: impl Fn(&str) -> &str,
        kind: Kind,
        theta: &[T],
        x: &[T],
        others: Option<&[T]>,
        threads: &Threads,
    ) -> Vec<(String, Kernel<T>)> {
        let mut parts: Vec<(String, Vec<usize>)> = Vec::new();
        for (i, tensor) in self.names().iter().enumerate() {
            match parts.iter_mut().find(|(name, _)| name == part(tensor)) {
                Some((_, tensors)) => tensors.push(i),
                None => parts.push((part(tensor).into(), vec![i])),
            }
        }
        let (names, groups): (Vec<String>, _) = parts.into_iter().unzip();
        let columns = others.map(|others| self.network.examples(others));
        let mut tiles = self.grouped(kind, self.network.examples(x), columns, groups, threads);
        let mut kernels: Vec<Kernel<T>> = names.iter().map(|_| tiles.zeros()).collect();
        tiles.run(theta, x, others, &mut kernels, &mut |_, _| {});
        names.into_iter().zip(kernels).collect()
    }

    /// Plans and memory for the factored method, for kernels of `rows` examples with `columns` others or with themselves.
    ///
    /// # Panics
    /// If there are no examples, or the kind is `Diagonal` and there are others.
    #[track_caller]
    pub fn tiles<T: Real>(
        &self,
        kind: Kind,
        rows: usize,
        columns: Option<usize>,
        threads: &Threads,
    ) -> Tiles<T> {
        self.grouped(kind, rows, columns, vec![(0..self.names().len()).collect()], threads)
    }

    #[track_caller]
    fn grouped<T: Real>(
        &self,
        kind: Kind,
        rows: usize,
        columns: Option<usize>,
        groups: Vec<Vec<usize>>,
        threads: &Threads,
    ) -> Tiles<T> {
        let examples = [rows, columns.unwrap_or(rows)];
        assert!(examples[0] > 0 && examples[1] > 0, "a kernel of {} × {} examples", examples[0], examples[1]);
        assert!(kind != Kind::Diagonal || columns.is_none(), "a diagonal kernel is of one batch");
        let request = Request {
            kind,
            examples,
            symmetric: columns.is_none(),
            parameters: self.network.parameters().len(),
            example: self.network.example().size(),
            output: self.network.output().size(),
            groups,
            budget: self.budget,
        };
        Tiles::new(&self.terms, &request, threads)
    }

    /// What sums to the kernel: tensors, or f.
    fn names(&self) -> Vec<String> {
        if self.tangent {
            self.mask.free().map(|(name, _)| name.to_owned()).collect()
        } else {
            vec!["f".into()]
        }
    }

    /// By the methods that compute Θ in full.
    #[track_caller]
    fn simply<T: Real>(
        &self,
        kind: Kind,
        theta: &[T],
        x: [&[T]; 2],
        examples: [usize; 2],
        threads: &Threads,
    ) -> Kernel<T> {
        let full = if self.tangent {
            let at = |i: usize| {
                Linearized::masked(&self.network, examples[i], &self.mask).at(theta, x[i], threads)
            };
            let compute = match self.method {
                Method::VectorProducts => jacobians::by_products,
                Method::Factored | Method::JacobianContraction => jacobians::by_contraction,
            };
            compute(&at(0), &at(1))
        } else {
            let value =
                |i: usize| Linearized::of_network(&self.network, examples[i]).value(theta, x[i], threads);
            jacobians::outer(&value(0), &value(1))
        };
        jacobians::reduce(&full, kind, examples, self.network.output().size())
    }
}
