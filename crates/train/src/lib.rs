//! Gradient descent on networks and on their linearizations, side by side.
//!
//! A model is a program (θ, rest) ↦ f. [`descent_step`] turns it and a loss into the program of one step of gradient
//! descent; that is all there is, for a network and for its linear model alike. [`compare`] trains both from one θ₀
//! and records how far apart they are.
//!
//! # In closed form
//!
//! Of the squared loss no steps need be taken: what a linear model, or a network so wide that it is one, has learned at any time
//! follows from its tangent kernel. [`ClosedForm`] decomposes a kernel between training points, finite or infinite, and gives
//! outputs after gradient flow, after steps with momentum, and in the end; [`Ensemble`] gives means and covariances of networks
//! drawn at random and trained.
//!
//! ```
//! use autodiff::Threads;
//! use faer::mat;
//! use kernels::Infinite;
//! use nets::{Activation, Network, Scaling, mlp};
//! use train::{ClosedForm, Ensemble, Ridge, Training};
//!
//! let network = Network::new(mlp(&[512, 512], 1, Activation::ERF, Scaling::ntk(1.5, 0.3)), [1]);
//! let (x, y, z) = ([-1.0, 0.5, 2.0], mat![[0.3], [-0.2], [0.9]], [0.0, 1.0]);     // 3 to train on, 2 to predict
//! let (limit, threads) = (Infinite::new(&network)?, Threads::one());
//! let [dd, td, tt] = [(&x[..], None), (&z, Some(&x[..])), (&z, None)]
//!     .map(|(a, b)| limit.kernels::<f64>(a, b, &threads));
//!
//! let dynamics = ClosedForm::new(dd.ntk.matrix(), Ridge::Absolute(0.0))?;
//! let ensemble = Ensemble::new(&dynamics, dd.nngp.matrix());
//! let points = ensemble.at::<f64>(td.ntk.matrix(), td.nngp.matrix());
//! let mean = points.mean(y.as_ref(), Training::Converged)?;
//! let covariance = points.covariance(tt.nngp.matrix(), Training::Converged)?;
//! assert!(mean[(0, 0)].abs() < 1.0 && covariance[(0, 0)] < tt.nngp.values()[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which kernel
//!
//! [`Regression`] is the end of training, kernel regression, where the training set changes, and it judges its kernel without
//! other data: by exact leave-one-out predictions and by the marginal likelihood. [`select`] chooses among kernels and ridges by
//! either; [`kernels::Derivatives`] of infinite-width kernels and [`Regression::likelihood_gradient`] are what an ascent in σ_w and
//! σ_b takes:
//!
//! ```
//! use autodiff::Threads;
//! use faer::Mat;
//! use kernels::Infinite;
//! use nets::{Activation, Network, Scaling, mlp};
//! use train::{Regression, Ridge};
//!
//! let x: Vec<f64> = (0..12).map(|i| 0.3 * f64::from(i) - 1.5).collect();
//! let y = Mat::from_fn(12, 1, |i, _| (2.0 * x[i]).sin());
//! let at = |[w, b]: [f64; 2]| {
//!     let network = Network::new(mlp(&[1], 1, Activation::ERF, Scaling::ntk(w.exp(), b.exp())), [1]);
//!     let kernels = Infinite::new(&network)?.derivatives::<f64>(&x, None, &Threads::one());
//!     let model = Regression::new(kernels.limits.nngp.matrix(), Ridge::Absolute(0.01))?;
//!     let gradient = model.likelihood_gradient(y.as_ref());
//!     let slopes = kernels.nngp.map(|derivative| gradient.along(derivative.matrix()));
//!     Ok::<_, Box<dyn std::error::Error>>((model.log_marginal_likelihood(y.as_ref()), slopes))
//! };
//! let mut log_sigma = [0.0, 0.0];
//! let (before, _) = at(log_sigma)?;
//! for _ in 0..20 {
//!     let (_, slopes) = at(log_sigma)?;
//!     log_sigma = [0, 1].map(|i| log_sigma[i] + 0.02 * slopes[i]);
//! }
//! assert!(at(log_sigma)?.0 > before + 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod closed_form;
mod compare;
mod conjugate;
mod descend;
mod ensemble;
mod expected;
mod flow;
mod function_space;
mod gram;
mod linear;
mod loss;
mod model;
mod regression;
mod schedule;
mod selection;
mod settings;
mod step;
mod weights;

pub use closed_form::{ClosedForm, NoClosedForm, Ridge, Training};
pub use compare::{Comparison, Diverged, Pair, Record, compare};
pub use conjugate::{ConjugateGradient, NoSolution, Solution};
pub use descend::{Course, Exploded, descend};
pub use ensemble::{Ensemble, Points};
pub use expected::expected_losses;
pub use flow::{Flow, Friction, Moment, Stuck};
pub use function_space::KernelTask;
pub use gram::{Gram, Streamed, Tangent};
pub use linear::Way;
pub use loss::{Loss, Objective, Over, Own};
pub use model::{Descent, Model, Part};
pub use regression::{LikelihoodGradient, Regression};
pub use schedule::{Batches, Rate, log_spaced};
pub use selection::{Criterion, NoSelection, Selection, select};
pub use settings::{Settings, Task};
pub use step::{Decay, Optimiser, Towards, descent_step};
