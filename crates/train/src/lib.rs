//! The dynamics of networks, of their linear models and of kernels, stepped and in closed form.
//!
//! # Step by step
//!
//! An [`Objective`] is a program (f, y) ↦ ℒ: squared, cross-entropy, logistic, Huber or one's own. A [`Model`] makes steps:
//! [`Descent`] by gradient descent, with momentum, weight decay or Adam, on all examples or on [`Batches`], at a constant [`Rate`]
//! or along a schedule. [`descend`] is the one loop: any models side by side, looked at where one wants. [`compare`] is that loop
//! for a network and its linear model, with everything measured that tells how far apart they are.
//!
//! The linear model has three [`Way`]s to the same result. Its weights can be trained like a network's. Under linear methods they
//! stay where gradients point to, θ = θ₀ + Jᵀ a, so that with the kernel Θ = J Jᵀ computed once, steps on the dual coefficients a
//! need nothing else: the gradient by a is ∂ℒ/∂f, and outputs are f₀ + Θ a. And of the squared loss no steps need be taken at all.
//! [`Way::cheapest`] chooses.
//!
//! ```
//! use autodiff::Threads;
//! use nets::{Activation, Network, Scaling, mlp};
//! use train::{Loss, Objective, Optimiser, Over, Rate, Settings, Task, compare};
//!
//! let network = Network::new(mlp(&[256], 2, Activation::ERF, Scaling::ntk(1.5, 0.1)), [1]);
//! let task = Task {
//!     train_x: vec![-1.0, 0.2, 1.0],
//!     train_y: vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0],              // probabilities of two classes
//!     test_x: vec![0.5],
//!     test_y: vec![0.0, 1.0],
//! };
//! let settings = Settings {
//!     objective: Objective { loss: Loss::CrossEntropy, over: Over::Examples },
//!     optimiser: Optimiser::HeavyBall { momentum: 0.9 },
//!     rate: Rate::Auto,
//!     ..Settings::new(1.0, 50)
//! };
//! let comparison = compare(&network, &network.init::<f64>(0), &task, &settings, |_step| ())?;
//! let last = &comparison.records[comparison.records.len() - 1];
//! assert!(last.loss_train.network < 0.1 && last.loss_train.linear < 0.1);
//! # Ok::<(), train::Diverged>(())
//! ```
//!
//! Kernels alone will do: [`Descent::in_function_space`] is kernel gradient descent with any positive kernel and any loss (Jacot
//! et al. 2018), of which linear models are a case, and [`Flow`] its limit of small steps, gradient flow, with its errors
//! controlled.
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
//! [`expected_losses`] are what many such networks lose on average. Kernels too large to be decomposed are solved by
//! [`ConjugateGradient`].
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
pub use compare::{Comparison, Diverged, Pair, Record, accuracy, compare, rmse};
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
