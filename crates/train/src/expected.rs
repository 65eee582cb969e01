//! The losses that networks of infinite width are expected to have while they train.

use autodiff::{Real, Threads};
use faer::{Mat, MatRef};
use kernels::{Infinite, Limits};
use nets::Network;

use crate::closed_form::{ClosedForm, NoClosedForm, Ridge, Training};
use crate::ensemble::Ensemble;
use crate::linear::is_closed;
use crate::settings::{Settings, Task};

/// The mean of the objective over networks that are drawn at random and trained so many `steps`, on the training and on the test
/// examples, as their width goes to infinity: E‖f − y‖² is the squared error of the mean and, for each output, the variance
/// (Lee et al. 2019, Eqs. 15 and 16, for steps of a rate). `None` if the network has no limit, or these settings no closed form.
///
/// # Errors
/// If steps of this rate diverge, or a kernel is not finite.
///
/// # Panics
/// If the tables of the task do not divide into examples.
#[track_caller]
pub fn expected_losses<T: Real>(
    network: &Network,
    task: &Task<T>,
    settings: &Settings,
    steps: &[usize],
) -> Option<Result<Vec<[f64; 2]>, NoClosedForm>> {
    let limit = Infinite::new(network).ok().filter(|_| is_closed(settings))?;
    Some(of_limit(&limit, task, settings, steps))
}

fn of_limit<T: Real>(
    limit: &Infinite,
    task: &Task<T>,
    settings: &Settings,
    steps: &[usize],
) -> Result<Vec<[f64; 2]>, NoClosedForm> {
    let outputs = limit.network().output().size();
    let numbers = |table: &[T]| table.iter().map(|&x| x.into()).collect::<Vec<f64>>();
    let [x, z] = [&task.train_x, &task.test_x].map(|table| numbers(table));
    let [y, w] = [&task.train_y, &task.test_y].map(|table| numbers(table));
    let [y, w] = [&y, &w].map(|y| MatRef::from_row_major_slice(y, y.len() / outputs, outputs));
    let threads: &Threads = &settings.threads;
    let [dd, td, tt] = [(&x, None), (&z, Some(&x[..])), (&z, None)]
        .map(|(x, others)| -> Limits<f64> { limit.kernels(x, others, threads) });
    let dynamics = ClosedForm::new(dd.ntk.matrix(), Ridge::Absolute(0.0))?;
    let ensemble = Ensemble::new(&dynamics, dd.nngp.matrix());
    let rate = settings.rate.at(0) / settings.objective.divisor(y.nrows(), outputs);
    let momentum = settings.optimiser.momentum();
    let trainings: Vec<Training> = steps
        .iter()
        .map(|&step| Training::Steps { rate, momentum, count: u32::try_from(step).unwrap_or(u32::MAX) })
        .collect();
    let [train, test] = [(&dd, &dd, y), (&td, &tt, w)].map(|(cross, own, targets)| {
        let points = ensemble.at::<f64>(cross.ntk.matrix(), cross.nngp.matrix());
        let before: Vec<f64> = own.nngp.matrix().diagonal().column_vector().iter().copied().collect();
        let loss = |&training: &Training| {
            let error: Mat<f64> = points.mean(y, training)? - targets;
            let variance: f64 = points.variance(&before, training)?.iter().sum();
            #[allow(clippy::cast_precision_loss, reason = "a few outputs")]
            let squares = error.squared_norm_l2() + outputs as f64 * variance;
            Ok(0.5 * squares / settings.objective.divisor(targets.nrows(), outputs))
        };
        trainings.iter().map(loss).collect::<Result<Vec<f64>, NoClosedForm>>()
    });
    Ok(train?.into_iter().zip(test?).map(<[f64; 2]>::from).collect())
}
