//! Limits of infinite width: what a layer's outputs are once the layers before it are wide.
//!
//! Then channels are independent of each other, each a Gaussian process, and what is left to know of two examples is the
//! covariance of one channel (the NNGP; Neal 1996, Lee et al. 2018) and the tangent kernel (NTK; Jacot et al. 2018). Both are
//! propagated layer by layer, each by a rule that stands with the layer. The result is a program like all others.

use std::f64::consts::PI;

use autodiff::{Axes, Graph, Real, Shape, Var, concat, einsum, jvp};

/// Outputs of a layer for pairs of one of N₁ examples with one of N₂.
///
/// Where an example has places besides channels (pixels), these are further axes: covariances are those at equal places.
#[derive(Clone, Debug)]
pub struct Limit<'g> {
    /// E[z(x₁) z(x₂)] of one channel, (N₁, N₂, places…).
    pub nngp: Var<'g>,
    /// Σ ∂z(x₁)/∂θ ∂z(x₂)/∂θ over the parameters so far, of the same shape; `None` where there are none.
    pub ntk: Option<Var<'g>>,
    /// E[z(x₁)²] and E[z(x₂)²], (N₁, places…) and (N₂, places…): what the NNGP has where x₁ = x₂.
    pub variances: [Var<'g>; 2],
    /// Whether channels are Gaussian with mean 0, as a dense layer makes them.
    pub gaussian: bool,
    /// Whether the weights that made it have mean 0 and make nothing else, so that it is uncorrelated to everything that
    /// the module was given.
    pub fresh: bool,
    /// What expectations without a closed form are computed with, on each side.
    pub quadratures: [Quadrature<'g>; 2],
    /// What the expectations that were, lack at most, relative to their largest values: (N₁, places…) and (N₂, places…) each.
    pub errors: [Vec<Var<'g>>; 2],
    /// Numbers that differ by less than this, relatively, cannot be told from equal ones.
    pub resolution: f64,
    /// Where derivatives by σ_w and σ_b are wanted: see [`Limit::affine`].
    pub factors: Option<Factors<'g>>,
}

/// What σ_w² and σ_b² of all layers are multiplied by: scalars that are 1, for derivatives by them. What is known of one side
/// has its own, so that it does not depend on the other.
#[derive(Clone, Copy, Debug)]
pub struct Factors<'g> {
    /// Those of what is known of pairs.
    pub pairs: [Var<'g>; 2],
    /// Those of what is known of x₁ and of x₂.
    pub sides: [[Var<'g>; 2]; 2],
}

/// Nodes and weights of expectations over z ~ N(0, 1).
#[derive(Clone, Copy, Debug)]
pub struct Quadrature<'g> {
    /// z_j, (J).
    pub nodes: Var<'g>,
    /// w_j h_l(z_j) with the orthonormal Hermite polynomials h_l, (L, J): E[f(z) h_l(z)] ≈ Σ_j w_j h_l(z_j) f(z_j).
    pub hermite: Var<'g>,
}

impl<'g> Quadrature<'g> {
    /// What stands in `nodes` and `hermite`, for so many degrees. The nodes are equally spaced, over ±13 deviations: for smooth
    /// functions of normal variables, sums over them converge exponentially (Trefethen and Weideman 2014, section 5), and with
    /// Hermite polynomials of any degree alike. The polynomials follow from √(l+1) h_{l+1} = z h_l − √l h_{l−1}.
    #[allow(clippy::cast_precision_loss, reason = "numbers of a few hundred")]
    pub fn numbers<T: Real>(terms: usize) -> [Vec<T>; 2] {
        let step = 2.0 * REACH / (NODES - 1) as f64;
        let nodes: Vec<f64> = (0..NODES).map(|j| step * j as f64 - REACH).collect();
        let weight = |z: &f64| step / (2.0 * PI).sqrt() * (-0.5 * z * z).exp();
        let (mut before, mut h) = (vec![0.0; NODES], nodes.iter().map(weight).collect::<Vec<f64>>());
        let mut hermite = Vec::with_capacity(terms * NODES);
        for l in 0..terms {
            hermite.extend(h.iter().map(|&h| T::literal(h)));
            let (now, next) = ((l as f64).sqrt(), ((l + 1) as f64).sqrt());
            let above =
                nodes.iter().zip(&h).zip(&before).map(|((z, h), before)| (z * h - now * before) / next);
            (h, before) = (above.collect(), h);
        }
        [nodes.into_iter().map(T::literal).collect(), hermite]
    }

    /// The coefficients of φ and of φ' at variances q.
    fn coefficients(self, q: Var<'g>, phi: &dyn for<'a> Fn(Var<'a>) -> Var<'a>) -> [Coefficients<'g>; 2] {
        let Self { nodes, hermite } = self;
        let (terms, count) = (hermite.shape()[0], nodes.shape()[0]);
        let (shape, size) = (q.shape(), q.shape().size());
        let each = Shape::from([size, count]);
        let at = root(q).reshape([size]).broadcast(Axes::new([(1, count)]))
            * nodes.broadcast(Axes::new([(0, size)]));
        let function = Graph::trace([each.clone()], |z| vec![phi(z[0])]);
        let builder = q.builder();
        let values = builder.call(&jvp(&function, &[0]), &[at, builder.fill(1.0, &each)]);
        let weights = hermite.slice(0, 0..1).reshape([count]);
        [values[0], values[1]].map(|f| {
            let r = einsum("lj,nj->ln", hermite, f);
            let square = einsum("nj,j->n", f * f, weights);
            let rest = (square - (r * r).sum(&[0])).relu();
            // The last two terms tell how even and odd degrees share it.
            let last = |i: usize| {
                let r = r.slice(0, terms - i..terms - i + 1).reshape([size]);
                r * r
            };
            let share = last(2) * positive(last(1) + last(2), |sum| (sum + TINY).recip());
            let next = root(rest * share).reshape([1, size]);
            let after = root(rest * (1.0 - share)).reshape([1, size]);
            let coefficients = concat(0, &[r, next, after]);
            let largest = (square + TINY).recip();
            Coefficients { coefficients, square: square.reshape(shape.clone()), rest: rest * largest }
        })
    }
}

/// The limit of a network as programs: what is needed of single examples is computed once, and then of many pairs.
#[derive(Clone, Debug)]
pub struct Stages {
    /// For x₁ and for x₂: (x, nodes, Hermite polynomials) ↦ (`errors` of [`Limit::errors`], then what `pairs` needs).
    pub sides: [Graph; 2],
    /// How many errors each of them returns first.
    pub errors: usize,
    /// (what it needs of x₁, then of x₂) ↦ (NNGP, NTK), (N₁, N₂, places…).
    pub pairs: Graph,
}

/// Expectations of a function φ and of its derivative at jointly Gaussian arguments (u, v).
#[derive(Clone, Copy, Debug)]
pub struct Dual<'g> {
    /// E[φ(u) φ(v)], of the shape of the NNGP.
    pub value: Var<'g>,
    /// E[φ'(u) φ'(v)], likewise.
    pub derivative: Var<'g>,
    /// E[φ(u)²] and E[φ(v)²].
    pub squares: [Var<'g>; 2],
}

impl<'g> Limit<'g> {
    /// Examples themselves, x₁ (N₁, places…, channels) and x₂: ⟨x₁, x₂⟩/channels.
    ///
    /// # Panics
    /// If they have no channels, or differ in more than their number.
    #[track_caller]
    pub fn of_inputs(x: [Var<'g>; 2], quadratures: [Quadrature<'g>; 2], resolution: f64) -> Self {
        let rank = x[0].shape().rank();
        let channels = x[0].shape()[rank - 1];
        #[allow(clippy::cast_precision_loss, reason = "widths are far below 2⁵³")]
        let mean = |y: Var<'g>| y.scale((channels as f64).recip());
        let places: String = ('A'..='Z').take(rank - 2).collect();
        let product = format!("m{places}z,n{places}z->mn{places}");
        Self {
            nngp: mean(einsum(&product, x[0], x[1])),
            ntk: None,
            variances: x.map(|x| mean((x * x).sum(&[rank - 1]))),
            gaussian: false,
            fresh: false,
            quadratures,
            errors: Default::default(),
            resolution,
            factors: None,
        }
    }

    /// a k + b of covariances or tangent kernels, where `weights` = a is proportional to σ_w² and `biases` = b to σ_b² of a
    /// layer. What layers make of covariances should be written with it: else derivatives by these take it to be constant.
    #[must_use]
    pub fn affine(&self, weights: f64, k: Var<'g>, biases: f64) -> Var<'g> {
        affine(weights, k, biases, self.factors.map(|factors| factors.pairs))
    }

    /// a q + b of the variances q of each side, likewise.
    #[must_use]
    pub fn affine_variances(&self, weights: f64, biases: f64) -> [Var<'g>; 2] {
        [0, 1].map(|side| {
            let factors = self.factors.map(|factors| factors.sides[side]);
            affine(weights, self.variances[side], biases, factors)
        })
    }

    /// What depends on x₁ alone (`side` 0) or x₂ alone (1), for each pair.
    #[must_use]
    pub fn spread(&self, side: usize, of_one: Var<'g>) -> Var<'g> {
        let other = 1 - side;
        of_one.broadcast(Axes::new([(other, self.nngp.shape()[other])]))
    }

    /// a(x₁) b(x₂) for each pair.
    #[must_use]
    pub fn outer(&self, factors: [Var<'g>; 2]) -> Var<'g> {
        self.spread(0, factors[0]) * self.spread(1, factors[1])
    }

    /// a(x₁) + b(x₂) for each pair.
    #[must_use]
    pub fn outer_sum(&self, terms: [Var<'g>; 2]) -> Var<'g> {
        self.spread(0, terms[0]) + self.spread(1, terms[1])
    }

    /// ρ, from −1 to 1, for each pair; where a variance is 0, it is 0.
    #[must_use]
    pub fn correlation(&self) -> Var<'g> {
        let scale = |side: usize| self.spread(side, positive(self.variances[side], Var::rsqrt));
        let bound = self.nngp.builder().fill(1.0, &self.nngp.shape());
        (self.nngp * scale(0) * scale(1)).max(-bound).min(bound)
    }

    /// With all covariances, variances and the tangent kernel made by linear functions of themselves: `pairs` of what is
    /// known of pairs, `single` of what is known of one example.
    #[must_use]
    pub(crate) fn linear(
        self,
        pairs: impl Fn(Var<'g>) -> Var<'g>,
        single: impl Fn(Var<'g>) -> Var<'g>,
    ) -> Self {
        let (nngp, ntk) = (pairs(self.nngp), self.ntk.map(&pairs));
        Self { nngp, ntk, variances: self.variances.map(single), ..self }
    }

    /// After a function with the given expectations was applied to every unit. (Jacot et al. 2018, Theorem 1.)
    #[must_use]
    pub fn after(self, dual: Dual<'g>) -> Self {
        let ntk = self.ntk.map(|ntk| ntk * dual.derivative);
        Self { nngp: dual.value, ntk, variances: dual.squares, gaussian: false, fresh: false, ..self }
    }

    /// After a smooth function was applied to every unit: for modules of one's own. What is missing is added to `errors`.
    #[must_use]
    pub fn through(mut self, phi: &dyn for<'a> Fn(Var<'a>) -> Var<'a>) -> Self {
        let dual = self.expand(phi);
        self.after(dual)
    }

    /// The expectations of any smooth function, by its expansion in Hermite polynomials: with r_l(q) = E[φ(√q z) h_l(z)],
    ///
    /// > E[φ(u) φ(v)] = Σ_l r_l(q₁) r_l(q₂) ρˡ
    ///
    /// (Mehler 1866; Daniely et al. 2016, section 4.3), and likewise of φ'. That is right at variance 0 and at |ρ| = 1, and the
    /// part of E[φ(u)²] beyond the last term, which is known, is taken to be of the next two degrees. It is what is added to
    /// `errors`. Smooth means: few terms are left; a kink makes them decrease like a power of l only.
    #[must_use]
    pub(crate) fn expand(&mut self, phi: &dyn for<'a> Fn(Var<'a>) -> Var<'a>) -> Dual<'g> {
        let rho = self.correlation();
        let sides = [0, 1].map(|side| self.quadratures[side].coefficients(self.variances[side], phi));
        let [value, derivative] = [0, 1].map(|k| {
            let r = [0, 1].map(|side| sides[side][k].coefficients);
            let terms = r[0].shape()[0];
            let term = |l: usize| {
                let r = [0, 1].map(|side| {
                    let shape = self.variances[side].shape();
                    r[side].slice(0, l..l + 1).reshape(shape)
                });
                self.outer(r)
            };
            (0..terms - 1).rev().fold(term(terms - 1), |sum, l| sum * rho + term(l))
        });
        for (errors, side) in self.errors.iter_mut().zip(&sides) {
            errors.extend(side.iter().map(|of_function| of_function.rest));
        }
        let squares = [0, 1].map(|side| sides[side][0].square);
        Dual { value, derivative, squares }
    }
}

/// Coefficients of a function's expansion.
struct Coefficients<'g> {
    /// r_l(q), a row for each l.
    coefficients: Var<'g>,
    /// E[φ(√q z)²]
    square: Var<'g>,
    /// The part of it beyond the last term that was computed.
    rest: Var<'g>,
}

fn affine<'g>(weights: f64, x: Var<'g>, biases: f64, factors: Option<[Var<'g>; 2]>) -> Var<'g> {
    let Some(factors) = factors else {
        return if biases == 0.0 { weights * x } else { weights * x + biases };
    };
    let [f, g] = factors.map(|factor| factor.broadcast(Axes::new(x.shape().iter().copied().enumerate())));
    if biases == 0.0 { weights * (f * x) } else { weights * (f * x) + biases * g }
}

/// √x where x > 0, and otherwise 0, with derivative 0 there: a variance that is 0 stays so.
pub(crate) fn root(x: Var<'_>) -> Var<'_> {
    positive(x, Var::sqrt)
}

/// f(x) where x > 0, and otherwise 0, with derivative 0 there.
pub(crate) fn positive<'g>(x: Var<'g>, f: impl Fn(Var<'g>) -> Var<'g>) -> Var<'g> {
    let positive = x.step();
    f(x + (1.0 - positive)) * positive
}

/// How many nodes there are, from −REACH to REACH.
pub(crate) const NODES: usize = 521;
const REACH: f64 = 13.0;

/// A number that is added where only 0 must be kept from a denominator: the least of f32, 2⁻¹²⁶.
pub(crate) const TINY: f64 = f32::MIN_POSITIVE as f64;
