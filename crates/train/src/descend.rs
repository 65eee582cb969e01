//! The one loop in which models are trained.

use std::fmt;
use std::ops::ControlFlow;

use autodiff::Real;

use crate::model::Model;
use crate::schedule::Batches;

/// Which steps are made, on which examples, and where to stop and look.
#[derive(Clone, Debug)]
pub struct Course {
    /// The number of steps.
    pub steps: usize,
    /// After how many steps to look, ascending: see [`log_spaced`](crate::log_spaced).
    pub records: Vec<usize>,
    /// Minibatches, of so many examples.
    pub batches: Option<(Batches, usize)>,
}

/// How many steps tell what losses are usual: of a single batch, a loss may be small by chance.
const FIRST: usize = 10;

/// How many steps of one model are made before those of the next.
const BURST: usize = 16;

/// A loss was not finite, or exceeded a million times the model's largest of the first ten steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exploded {
    /// Which of the models.
    pub model: usize,
    /// After how many steps.
    pub step: usize,
    /// Its loss.
    pub loss: f64,
}

impl fmt::Display for Exploded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "training diverged at step {}: the loss of model {} is {:e}",
            self.step, self.model, self.loss
        )
    }
}

impl std::error::Error for Exploded {}

/// Trains models side by side, on the same batches in the same order, and calls `look` with the number of steps made and the
/// models where the course says so, until it breaks off, and `progress` from time to time. Returns how many steps were made.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use nets::{Activation, Network, Scaling, mlp};
/// use train::{Course, Descent, Model, Part, Settings, Task, descend, log_spaced};
///
/// let network = Network::new(mlp(&[64], 1, Activation::ERF, Scaling::ntk(1.5, 0.1)), [1]);
/// let task = Task { train_x: vec![-1.0, 1.0], train_y: vec![0.5, -0.5], test_x: vec![0.0], test_y: vec![0.0] };
/// let settings = Settings::new(0.5, 1000);
/// let mut model = Descent::network(&network, &network.init::<f64>(0), &task, &settings);
/// let course = Course { steps: 1000, records: log_spaced(1000), batches: None };
/// let mut last = f64::NAN;
/// descend(
///     &mut [&mut model],
///     &course,
///     |_step, models| {
///         last = models[0].outputs(Part::Train)[0];
///         ControlFlow::Continue(())
///     },
///     |_step| (),
/// )?;
/// assert!((last - 0.5).abs() < 1e-3);
/// # Ok::<(), train::Exploded>(())
/// ```
///
/// # Errors
/// If a model diverges: `look` has seen it before.
///
/// # Panics
/// If batches are larger than there are examples.
#[track_caller]
pub fn descend<T: Real>(
    models: &mut [&mut dyn Model<T>],
    course: &Course,
    mut look: impl FnMut(usize, &mut [&mut dyn Model<T>]) -> ControlFlow<()>,
    mut progress: impl FnMut(usize),
) -> Result<usize, Exploded> {
    let mut batches = course.batches.map(|(batches, examples)| batches.of(examples));
    let mut due = course.records.iter().copied().peekable();
    let mut usual = vec![0.0_f64; models.len()];
    let mut step = 0;
    loop {
        progress(step);
        if due.next_if_eq(&step).is_some() && look(step, models).is_break() || step >= course.steps {
            return Ok(step);
        }
        // A few steps of one model after another, so that what each works on stays in the caches meanwhile.
        let end = (step + BURST).min(course.steps).min(due.peek().copied().unwrap_or(usize::MAX));
        let chosen: Vec<_> = (step..end).map(|_| batches.as_mut().map(|next| next())).collect();
        for (i, (model, usual)) in models.iter_mut().zip(&mut usual).enumerate() {
            for (step, batch) in (step..end).zip(&chosen) {
                let Some(loss) = model.step(batch.as_deref()) else { continue };
                let first = step < FIRST;
                if !loss.is_finite() || !first && loss.abs() > 1e6 * *usual {
                    return Err(Exploded { model: i, step, loss });
                }
                if first {
                    *usual = usual.max(loss.abs());
                }
            }
        }
        step = end;
    }
}
