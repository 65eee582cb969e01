//! The Jacobian of a program at a point, as an operator.

use std::fmt;
use std::sync::Arc;

use autodiff::{Graph, Linearization, Plan, Real, Shape, Threads, Workspace, linearize, transpose};
use nets::Network;

/// A program (θ, x) ↦ y differentiated in θ, for one shape of x: ready to be evaluated at any θ and x.
#[derive(Clone)]
pub struct Linearized {
    programs: Arc<Programs>,
}

struct Programs {
    linearization: Linearization,
    primal: Plan,
    tangent: Plan,
    pull: Plan,
    parameters: usize,
}

impl Linearized {
    /// Differentiates `f`, of one output, in its first `parameters` inputs; the others are x.
    ///
    /// # Panics
    /// If `f` has not one output, or fewer inputs.
    #[track_caller]
    pub fn new(f: &Graph, parameters: usize) -> Self {
        assert!(f.outputs().len() == 1, "a model has one output, got {}", f.outputs().len());
        let wrt: Vec<usize> = (0..parameters).collect();
        let linearization = linearize(f, &wrt);
        let programs = Programs {
            primal: Plan::new(&linearization.primal),
            tangent: Plan::new(linearization.tangent.graph()),
            pull: Plan::new(transpose(&linearization.tangent).graph()),
            parameters: size(&f.inputs()[..parameters]),
            linearization,
        };
        Self { programs: Arc::new(programs) }
    }

    /// Differentiates a network in all its parameters, for batches of the given size.
    pub fn of_network(network: &Network, batch: usize) -> Self {
        Self::new(&network.program(batch), network.parameters().tensors().len())
    }

    /// The programs behind it: (θ, x) ↦ (y, r) and (r, dθ) ↦ dy.
    pub fn linearization(&self) -> &Linearization {
        &self.programs.linearization
    }

    /// Evaluates the program at θ and x (flat, in the order of the program's inputs) and keeps the residuals.
    ///
    /// # Panics
    /// If θ or x has not as many elements as the program's inputs.
    #[track_caller]
    pub fn at<T: Real>(&self, theta: &[T], x: &[T], threads: &Threads) -> Jacobian<T> {
        let programs = &self.programs;
        assert!(
            theta.len() == programs.parameters,
            "{} parameters, got {}",
            programs.parameters,
            theta.len()
        );
        let [value, residuals @ ..] = programs.primal.outputs() else {
            unreachable!("a model has one output")
        };
        let mut value = vec![T::zero(); value.size()];
        let mut residuals = vec![T::zero(); size(residuals)];
        let mut workspace = programs.primal.workspace(threads);
        programs.primal.run(&[theta, x], &mut [&mut value, &mut residuals], &mut workspace);
        Jacobian {
            programs: programs.clone(),
            value,
            residuals,
            tangent: programs.tangent.workspace(threads),
            pull: programs.pull.workspace(threads),
        }
    }
}

/// The Jacobian J of a program at one θ and x, an operator of [`rows`](Self::rows) × [`columns`](Self::columns): the
/// elements of the output and of θ, each flat and row-major. Products touch the residuals only and allocate nothing.
pub struct Jacobian<T: Real> {
    programs: Arc<Programs>,
    value: Vec<T>,
    residuals: Vec<T>,
    tangent: Workspace<T>,
    pull: Workspace<T>,
}

impl<T: Real> Jacobian<T> {
    /// f(θ, x), flat.
    pub fn value(&self) -> &[T] {
        &self.value
    }

    /// The values of the program that products with J and Jᵀ need, in the order of the tangent program's inputs.
    pub fn residuals(&self) -> &[T] {
        &self.residuals
    }

    /// The number of rows: elements of the output.
    pub fn rows(&self) -> usize {
        self.value.len()
    }

    /// The number of columns: elements of θ.
    pub fn columns(&self) -> usize {
        self.programs.parameters
    }

    /// `out` = J v.
    ///
    /// # Panics
    /// If `v` has not one element a column, or `out` one a row.
    #[track_caller]
    pub fn apply(&mut self, v: &[T], out: &mut [T]) {
        self.programs.tangent.run(&[&self.residuals, v], &mut [out], &mut self.tangent);
    }

    /// `out` = Jᵀ u.
    ///
    /// # Panics
    /// If `u` has not one element a row, or `out` one a column.
    #[track_caller]
    pub fn apply_transpose(&mut self, u: &[T], out: &mut [T]) {
        self.programs.pull.run(&[&self.residuals, u], &mut [out], &mut self.pull);
    }

    /// The largest eigenvalue of J Jᵀ (the tangent kernel of this batch) by power iteration, to the given relative
    /// change between iterations. It approaches the eigenvalue from below.
    pub fn largest_eigenvalue(&mut self, tolerance: f64) -> f64 {
        // A start without symmetries that the dominant eigenvector might be orthogonal to.
        let mut u: Vec<T> = (0..self.rows())
            .map(|i| T::literal(1.0 + 0.5 * f64::from((i * 7919 % 101) as u32) / 101.0))
            .collect();
        let mut v = vec![T::zero(); self.columns()];
        let mut eigenvalue = 0.0;
        for _ in 0..1000 {
            let norm = norm(&u);
            if norm == 0.0 || !norm.is_finite() {
                return norm;
            }
            u.iter_mut().for_each(|u| *u /= T::literal(norm));
            self.apply_transpose(&u, &mut v);
            let previous = std::mem::replace(&mut eigenvalue, self::norm(&v).powi(2));
            if (eigenvalue - previous).abs() <= tolerance * eigenvalue {
                break;
            }
            self.apply(&v, &mut u);
        }
        eigenvalue
    }
}

/// The Euclidean norm, summed in `f64`.
fn norm<T: Real>(x: &[T]) -> f64 {
    x.iter().map(|&x| x.into() * x.into()).sum::<f64>().sqrt()
}

fn size(shapes: &[Shape]) -> usize {
    shapes.iter().map(Shape::size).sum()
}

impl fmt::Debug for Linearized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.programs.linearization.fmt(f)
    }
}

impl<T: Real> fmt::Debug for Jacobian<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jacobian({} × {}, {} residuals)", self.rows(), self.columns(), self.residuals.len())
    }
}
