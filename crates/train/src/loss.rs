//! What is minimised, as programs (f, y) ↦ ℒ; their gradients are made by differentiation like all others.

use std::fmt;
use std::sync::Arc;

use autodiff::{Axes, Graph, Shape, Var};

/// How wrong the outputs f of one example are for its targets y, both of O numbers.
#[derive(Clone)]
pub enum Loss {
    /// ½ ‖f − y‖²
    Squared,
    /// −Σₒ yₒ log softmax(f)ₒ in nats, where y are probabilities of the classes: one 1 for a class that is known.
    CrossEntropy,
    /// Σₒ log(1 + exp(−yₒ fₒ)) in nats, where each yₒ is −1 or 1.
    Logistic,
    /// Σₒ of ½ e² for errors e = fₒ − yₒ up to the threshold δ, and of δ (|e| − δ/2) beyond. (Huber 1964.)
    Huber {
        /// δ
        threshold: f64,
    },
    /// Something else: from f and y of all examples, both of shape (N, O), the sum over examples.
    Other(Arc<Own>),
}

/// A loss of one's own, as in [`Loss::Other`].
pub type Own = dyn for<'g> Fn(Var<'g>, Var<'g>) -> Var<'g> + Send + Sync;

impl fmt::Debug for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Squared => f.write_str("Squared"),
            Self::CrossEntropy => f.write_str("CrossEntropy"),
            Self::Logistic => f.write_str("Logistic"),
            Self::Huber { threshold } => f.debug_struct("Huber").field("threshold", threshold).finish(),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

/// What is taken of the losses of all examples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// Their sum.
    Sum,
    /// Their mean over the N examples.
    #[default]
    Examples,
    /// The sum over N·O.
    Outputs,
}

/// What training minimises: a loss, summed or averaged. By default 1/(2N) Σₙ ‖f(xₙ) − yₙ‖².
///
/// ```
/// use autodiff::{Plan, Tensor, Threads};
/// use train::{Loss, Objective, Over};
///
/// let objective = Objective { loss: Loss::CrossEntropy, over: Over::Examples };
/// let (f, y) = (Tensor::new([1, 2], vec![0.0, 0.0]), Tensor::new([1, 2], vec![1.0, 0.0]));
/// let loss = Plan::new(&objective.program(&[1, 2].into())).call(&[f, y], &Threads::one());
/// assert_eq!(loss[0].data(), [2.0_f64.ln()]);
/// ```
#[derive(Clone, Debug)]
pub struct Objective {
    /// Of one example.
    pub loss: Loss,
    /// What is taken of all.
    pub over: Over,
}

impl Default for Objective {
    fn default() -> Self {
        Self { loss: Loss::Squared, over: Over::Examples }
    }
}

impl Objective {
    /// The program (f, y) ↦ ℒ for outputs and targets of shape (N, O).
    ///
    /// # Panics
    /// If the shape has another rank than 2, or a loss of one's own does not return one number.
    #[track_caller]
    pub fn program(&self, outputs: &Shape) -> Graph {
        assert!(outputs.rank() == 2, "outputs of shape (N, O), got {outputs}");
        let program = Graph::trace([outputs.clone(), outputs.clone()], |x| {
            vec![self.loss.sum(x[0], x[1]).scale(self.divisor(outputs[0], outputs[1]).recip())]
        });
        let made = program.output_shapes().next().expect("a loss");
        assert!(made.rank() == 0, "a loss is one number, got one of shape {made}");
        program
    }

    /// What the sum over N examples of O outputs is divided by.
    #[allow(clippy::cast_precision_loss, reason = "numbers of outputs are far below 2⁵³")]
    pub fn divisor(&self, examples: usize, outputs: usize) -> f64 {
        match self.over {
            Over::Sum => 1.0,
            Over::Examples => examples as f64,
            Over::Outputs => (examples * outputs) as f64,
        }
    }
}

impl Loss {
    /// The sum over all examples.
    fn sum<'g>(&self, f: Var<'g>, y: Var<'g>) -> Var<'g> {
        let squares = |e: Var<'g>| autodiff::einsum("no,no->", e, e);
        match self {
            Self::Squared => 0.5 * squares(f - y),
            Self::CrossEntropy => {
                let total = f.log_sum_exp(&[1]).broadcast(Axes::new([(1, f.shape()[1])]));
                autodiff::einsum("no,no->", y, total - f)
            }
            Self::Logistic => (-(y * f)).softplus().sum_all(),
            Self::Huber { threshold } => {
                let e = f - y;
                0.5 * (squares(e) - squares((e.abs() - *threshold).relu()))
            }
            Self::Other(own) => own(f, y),
        }
    }

    /// The largest second derivative of an example's loss along any direction of f, if one is known: 1 where errors are small
    /// enough or squared, ½ of softmax (its covariance has no eigenvalue beyond), ¼ of the logistic function.
    pub(crate) fn curvature(&self) -> f64 {
        match self {
            Self::Squared | Self::Huber { .. } | Self::Other(_) => 1.0,
            Self::CrossEntropy => 0.5,
            Self::Logistic => 0.25,
        }
    }
}
