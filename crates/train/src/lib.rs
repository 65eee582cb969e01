//! Gradient descent on networks and on their linearizations, side by side.
//!
//! A model is a program (θ, rest) ↦ f. [`descent_step`] turns it and a loss into the program of one step of gradient
//! descent; that is all there is, for a network and for its linear model alike. [`compare`] trains both from one θ₀
//! and records how far apart they are.

mod closed_form;
mod compare;
mod loss;
mod schedule;
mod step;

pub use closed_form::{ClosedForm, Ensemble, NoClosedForm, Points, Ridge, Training};
pub use compare::{Comparison, Diverged, Pair, Record, Settings, Task, compare};
pub use loss::squared_loss;
pub use schedule::log_spaced;
pub use step::descent_step;
