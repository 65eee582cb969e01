//! `cargo run --release -p bench -- [NAME...]`: prints `name seconds` a line, best of five, warm.
//!
//! A workload is a network and a batch; its rows are one evaluation, one training step, one product with the
//! Jacobian from scratch (jvp, vjp) and at fixed residuals (`lin_apply`), and one training step of the linear model.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use cotangent::autodiff::{jvp, vjp};
use cotangent::linearize::linear_program;
use cotangent::prelude::*;

struct Workload {
    name: &'static str,
    activation: Activation,
    examples: usize,
    inputs: usize,
    width: usize,
    depth: usize,
    outputs: usize,
}

const WORKLOADS: [Workload; 4] = [
    Workload {
        name: "s",
        activation: Activation::Tanh,
        examples: 128,
        inputs: 64,
        width: 128,
        depth: 2,
        outputs: 1,
    },
    Workload {
        name: "m",
        activation: Activation::Relu,
        examples: 256,
        inputs: 784,
        width: 512,
        depth: 3,
        outputs: 10,
    },
    Workload {
        name: "e",
        activation: Activation::Erf,
        examples: 256,
        inputs: 784,
        width: 512,
        depth: 3,
        outputs: 10,
    },
    Workload {
        name: "l",
        activation: Activation::Relu,
        examples: 256,
        inputs: 3072,
        width: 2048,
        depth: 3,
        outputs: 10,
    },
];

fn main() -> io::Result<()> {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let threads = Threads::available();
    for workload in &WORKLOADS {
        let wanted = |row: &str| {
            chosen.is_empty()
                || chosen
                    .iter()
                    .any(|name| name == workload.name || *name == format!("{}.{row}", workload.name))
        };
        threads.install(|| workload.run(&threads, wanted))?;
    }
    Ok(())
}

impl Workload {
    fn run(&self, threads: &Threads, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
        let hidden = vec![self.width; self.depth];
        let network = Network::new(mlp(&hidden, self.outputs, self.activation, 1.5, 0.05), [self.inputs]);
        let model = network.program(self.examples);
        let parameters = network.parameters().tensors().len();
        let wrt: Vec<usize> = (0..parameters).collect();
        let loss = squared_loss(model.output_shapes().next().expect("a network has one output"));
        let linearized = Linearized::new(&model, parameters);
        let linear = linear_program(linearized.linearization());
        let rows = [
            ("forward", model.clone()),
            ("train_step", descent_step(&model, parameters, &loss, 1e-6)),
            ("jvp", jvp(&model, &wrt)),
            ("vjp", vjp(&model, &wrt)),
            ("lin_apply", linearized.linearization().tangent.graph().clone()),
            ("lin_step", descent_step(&linear, parameters, &loss, 1e-6)),
        ];
        for (row, program) in rows.iter().filter(|(row, _)| wanted(row)) {
            let seconds = best_of_five(program, threads);
            writeln!(io::stdout(), "{}.{row} {seconds:.9}", self.name)?;
        }
        Ok(())
    }
}

/// Seconds a run of the program takes, on numbers of the size that standardised data and parameters have.
fn best_of_five(program: &Graph, threads: &Threads) -> f64 {
    let plan = Plan::new(program);
    let numbers = |shapes: &[Shape]| -> Vec<f32> {
        let size: usize = shapes.iter().map(Shape::size).sum();
        (0..size).map(|i| ((i * 7919) % 2003) as f32 / 1001.5 - 1.0).collect()
    };
    let inputs = numbers(plan.inputs());
    let mut outputs = numbers(plan.outputs());
    let mut workspace = plan.workspace(threads);
    let mut run = |times: usize| {
        let start = Instant::now();
        for _ in 0..times {
            plan.run(&[black_box(&inputs)], &mut [black_box(&mut outputs)], &mut workspace);
        }
        start.elapsed().as_secs_f64() / times as f64
    };
    run(1);
    let times = (0.3 / run(1)).ceil().max(1.0) as usize;
    (0..5).map(|_| run(times)).fold(f64::INFINITY, f64::min)
}
