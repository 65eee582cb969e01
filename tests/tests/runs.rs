//! Whole trainings: bits, memory, divergence.

use std::num::NonZeroUsize;

use cotangent::data;
use cotangent::prelude::*;
use cotangent::train::{Comparison, Diverged};

fn task<T: Real>(train: usize, test: usize) -> Task<T> {
    let digits = data::digits();
    let (x, y) = (data::standardised(digits.images.bytes(), 64), data::one_hot(&digits.labels, 10, 0.1));
    let [train, test] = data::split(digits.labels.len(), [train, test], 0).expect("enough digits");
    let rows = |table: &[f64], columns, rows: &[usize]| -> Vec<T> {
        data::select(table, columns, rows).into_iter().map(T::literal).collect()
    };
    Task {
        train_x: rows(&x, 64, &train),
        train_y: rows(&y, 10, &train),
        test_x: rows(&x, 64, &test),
        test_y: rows(&y, 10, &test),
    }
}

fn run<T: Real>(width: usize, rate: f64, steps: usize, threads: usize) -> Result<Comparison, Diverged> {
    let network = Network::new(mlp(&[width, width], 10, Activation::ERF, Scaling::ntk(1.5, 0.05)), [64]);
    let threads = Threads::new(NonZeroUsize::new(threads).expect("a positive number"));
    let settings = Settings { threads, linear: Some(Way::Weights), ..Settings::new(rate, steps) };
    compare(&network, &network.init::<T>(0), &task(96, 48), &settings, |_| ())
}

/// Law 10, on a whole run. The layers are wide enough to be computed in several blocks.
#[test]
fn two_runs_have_the_same_bits_for_any_number_of_threads() {
    let once = run::<f32>(600, 1.0, 8, 1).expect("stable");
    assert_eq!(run::<f32>(600, 1.0, 8, 1).expect("stable"), once);
    assert_eq!(run::<f32>(600, 1.0, 8, 2).expect("stable"), once);
    assert_eq!(run::<f32>(600, 1.0, 8, 3).expect("stable"), once);
}

/// The linear model under squared loss obeys f_t − y = (I − ηΘ/N)^t (f₀ − y), so its training loss never rises below
/// the stable rate; above it, training diverges and says so.
#[test]
fn the_stable_rate_separates_convergence_from_divergence() {
    let stable_rate = run::<f64>(32, 0.01, 0, 1).expect("no steps").stable_rate;
    let below = run::<f64>(32, 0.95 * stable_rate, 60, 1).expect("stable");
    let losses: Vec<f64> = below.records.iter().map(|record| record.loss_train.linear).collect();
    assert!(losses.windows(2).all(|w| w[1] <= w[0]), "{losses:?}");
    let diverged = run::<f64>(32, 1.5 * stable_rate, 5000, 1).expect_err("unstable");
    assert!((diverged.stable_rate / stable_rate - 1.0).abs() < 1e-3, "the error names the stable rate");
    assert_eq!(diverged.rate, 1.5 * stable_rate);
    assert!(diverged.step < 5000 && !diverged.records.is_empty(), "it stops and keeps what it has");
}

/// Wider networks stay closer to their linearization.
#[test]
fn the_distance_to_the_linear_model_shrinks_with_width() {
    let rmse: Vec<f64> = [32, 128, 512]
        .map(|width| {
            run::<f32>(width, 0.5, 60, 2).expect("stable").records.last().expect("a record").rmse_test
        })
        .to_vec();
    assert!(rmse[0] > 1.3 * rmse[1] && rmse[1] > 1.3 * rmse[2], "{rmse:?}");
}

/// Law 13: products with the Jacobian and training steps allocate nothing.
#[test]
fn products_and_steps_allocate_nothing() {
    for count in [1, 2] {
        let threads = Threads::new(NonZeroUsize::new(count).expect("a positive number"));
        let network = Network::new(mlp(&[300, 300], 10, Activation::ERF, Scaling::ntk(1.5, 0.05)), [64]);
        let (theta, task) = (network.init::<f32>(0), task::<f32>(200, 1));
        let linearized = Linearized::of_network(&network, 200);
        let jacobian = linearized.at(&theta, &task.train_x, &threads);
        let (mut y, mut g) = (vec![0.0; jacobian.rows()], vec![0.0; jacobian.columns()]);
        let program = network.program(200);
        let loss = Objective::default().program(program.output_shapes().next().expect("one output"));
        let plan =
            Plan::new(&descent_step(&program, &loss, &vec![0.1; network.parameters().tensors().len()]));
        let mut workspace = plan.workspace(&threads);
        let (mut next, mut output) = (theta.clone(), vec![0.0; 200 * 10 + 1]);
        let allocations = threads.install(|| {
            let mut all = || {
                jacobian.apply(&theta, &mut y);
                jacobian.apply_transpose(&y, &mut g);
                plan.run(
                    &[&theta, &task.train_x, &task.train_y],
                    &mut [&mut next, &mut output],
                    &mut workspace,
                );
            };
            // The first run sets aside what multiplication packs its blocks into.
            all();
            allocation_counter::measure(|| (0..10).for_each(|_| all()))
        });
        assert_eq!(allocations.count_total, 0, "{count} threads: {allocations:?}");
    }
}
