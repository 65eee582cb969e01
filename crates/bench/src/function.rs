//! The linear model of the workload `e` in function space: its kernel, steps on dual coefficients, and 2¹⁵ steps at once.

use std::hint::black_box;
use std::sync::Arc;

use cotangent::prelude::*;
use cotangent::train::{ClosedForm, KernelTask, Ridge, Training};
use faer::Mat;

use crate::timing::best_of_five;
use crate::workloads::{RATE, WORKLOADS};

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFunctionSpace {
    name: &'static str,
    outputs: usize,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Kernel,
    Step,
    Closed,
}

/// All of them.
pub const FUNCTIONS: [InFunctionSpace; 5] = [
    InFunctionSpace { name: "fun.e.kernel", outputs: 10, what: What::Kernel },
    InFunctionSpace { name: "fun.e.lin_step", outputs: 10, what: What::Step },
    InFunctionSpace { name: "fun.e.closed", outputs: 10, what: What::Closed },
    InFunctionSpace { name: "fun.e1.kernel", outputs: 1, what: What::Kernel },
    InFunctionSpace { name: "fun.e1.lin_step", outputs: 1, what: What::Step },
];

impl InFunctionSpace {
    /// Its name as a row.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Seconds: of the kernel between the examples; of one step of gradient descent on the squared loss, given it; of all
    /// outputs after 2¹⁵ steps, given it. To be called inside [`Threads::install`].
    ///
    /// # Panics
    /// Never: the rate is stable.
    pub fn seconds(&self, threads: &Threads) -> f64 {
        let e = WORKLOADS.iter().find(|workload| workload.name == "e").expect("a workload");
        let net = mlp(&vec![e.width; e.depth], self.outputs, e.activation.clone(), Scaling::ntk(1.5, 0.05));
        let network = Network::new(net, [e.inputs]);
        let theta: Vec<f32> = network.init(0);
        let numbers = e.examples * (e.inputs + 2 * self.outputs);
        let source = Network::new(Dense { width: numbers, scaling: Scaling::ntk(1.0, 0.0) }, [1]);
        let all: Vec<f32> = source.init(1);
        let (x, rest) = all.split_at(e.examples * e.inputs);
        let (f0, y) = rest[..2 * e.examples * self.outputs].split_at(e.examples * self.outputs);
        let kind = if self.outputs == 1 { Kind::Trace } else { Kind::Full };
        let ntk = Empirical::ntk(&network);
        if self.what == What::Kernel {
            return best_of_five(0.3, || drop(black_box(ntk.kernel(kind, &theta, x, None, threads))));
        }
        let kernel = ntk.kernel(kind, &theta, x, None, threads);
        if self.what == What::Closed {
            let largest = cotangent::kernels::Spectrum::new(kernel.matrix()).expect("finite").largest();
            let column = |values: &[f32]| Mat::from_fn(values.len(), 1, |i, _| f64::from(values[i]));
            let (f0, y) = (column(f0), column(y));
            let training = [Training::Steps { rate: 1.0 / largest, momentum: 0.0, count: 1 << 15 }];
            return best_of_five(0.3, || {
                let k = kernel.matrix();
                let k = Mat::from_fn(k.nrows(), k.ncols(), |i, j| f64::from(k[(i, j)]));
                let form = ClosedForm::new(k.as_ref(), Ridge::Absolute(0.0)).expect("a closed form");
                black_box(form.outputs(f0.as_ref(), y.as_ref(), &training).expect("stable"));
            });
        }
        let none = Arc::new(Vec::new());
        let task = KernelTask {
            kernel: Arc::new(kernel.into_values()),
            cross: none.clone(),
            start: [Arc::new(f0.to_vec()), none],
            targets: Arc::new(y.to_vec()),
            outputs: self.outputs,
        };
        let settings = Settings { threads: threads.clone(), ..Settings::new(RATE, 1) };
        let mut model = Descent::in_function_space(&task, &settings);
        best_of_five(0.3, || {
            black_box(model.step(None));
        })
    }
}
