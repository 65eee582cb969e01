//! What a run takes.

use std::hint::black_box;
use std::time::Instant;

use cotangent::prelude::*;

/// A program in f32 and all that it needs to run, on numbers the size of standardised data and parameters.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    workspace: Workspace<f32>,
}

impl Prepared {
    /// Lowers the program, with inputs overwritten by outputs as in [`Plan::in_place`], to run on `threads`.
    pub fn new(program: &Graph, overwritten: &[(usize, usize)], threads: &Threads) -> Self {
        let plan = Plan::in_place(program, overwritten);
        let (inputs, outputs) = (numbers(plan.inputs()), numbers(plan.outputs()));
        Self { inputs, outputs, workspace: plan.workspace(threads), plan }
    }

    /// Runs the program once; to be called inside [`Threads::install`].
    pub fn run(&mut self) {
        let outputs = &mut [black_box(&mut self.outputs[..])];
        self.plan.run(&[black_box(&self.inputs)], outputs, &mut self.workspace);
    }
}

fn numbers(shapes: &[Shape]) -> Vec<f32> {
    pattern(shapes.iter().map(Shape::size).sum())
}

/// Numbers spread over [-1, 1).
pub(crate) fn pattern(size: usize) -> Vec<f32> {
    (0..size).map(|i| ((i * 7919) % 2003) as f32 / 1001.5 - 1.0).collect()
}

/// Seconds that `run` takes: the best of five timings of about `seconds` each, after two runs to warm up.
pub fn best_of_five(seconds: f64, mut run: impl FnMut()) -> f64 {
    let mut timing = |times: usize| {
        let start = Instant::now();
        (0..times).for_each(|_| run());
        start.elapsed().as_secs_f64() / times as f64
    };
    timing(1);
    let times = (seconds / timing(1)).ceil().max(1.0) as usize;
    (0..5).map(|_| timing(times)).fold(f64::INFINITY, f64::min)
}
