//! Workloads, and their rows: one evaluation, one training step, one product with the Jacobian from scratch
//! (jvp, vjp) and at fixed residuals (`lin_apply`), and one training step of the linear model.

use cotangent::autodiff::{jvp, vjp};
use cotangent::linearize::linear_program;
use cotangent::prelude::*;

/// A multilayer perceptron in NTK parameterization, and a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What rows are named after.
    pub name: &'static str,
    /// The activation of the hidden layers.
    pub activation: Activation,
    /// The size of the batch.
    pub examples: usize,
    /// The size of an example.
    pub inputs: usize,
    /// The units of each hidden layer.
    pub width: usize,
    /// The number of hidden layers.
    pub depth: usize,
    /// The size of an output.
    pub outputs: usize,
}

/// All workloads, from small to large.
pub const WORKLOADS: [Workload; 4] = [
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
        activation: Activation::ERF,
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

/// The learning rate of the steps: so small that any number of them leaves the parameters as they are.
pub(crate) const RATE: f64 = 1e-6;

/// What is done with a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// f.
    Forward,
    /// One step of gradient descent on the squared loss.
    TrainStep,
    /// f and J v.
    Jvp,
    /// f and Jᵀ u.
    Vjp,
    /// J v, f being evaluated.
    LinApply,
    /// One step of gradient descent of f_lin, f being evaluated.
    LinStep,
}

impl Row {
    /// All rows, in the order in which they are printed.
    pub const ALL: [Self; 6] =
        [Self::Forward, Self::TrainStep, Self::Jvp, Self::Vjp, Self::LinApply, Self::LinStep];

    /// Its name, the same in every workload.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::TrainStep => "train_step",
            Self::Jvp => "jvp",
            Self::Vjp => "vjp",
            Self::LinApply => "lin_apply",
            Self::LinStep => "lin_step",
        }
    }
}

impl Workload {
    /// The name of one of its rows, `m.vjp`.
    pub fn row_name(&self, row: Row) -> String {
        format!("{}.{}", self.name, row.name())
    }

    /// Its rows that are chosen by name, `m.vjp`, or with the whole workload, `m`; all if nothing is named.
    pub fn chosen<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = Row> + 'a {
        let named = |row: Row| names.iter().any(|name| name == self.name || *name == self.row_name(row));
        Row::ALL.into_iter().filter(move |&row| names.is_empty() || named(row))
    }

    /// The program that a row runs.
    pub fn program(&self, row: Row) -> Graph {
        let hidden = vec![self.width; self.depth];
        let network = Network::new(
            mlp(&hidden, self.outputs, self.activation.clone(), Scaling::ntk(1.5, 0.05)),
            [self.inputs],
        );
        let model = network.program(self.examples);
        let parameters = network.parameters().tensors().len();
        let wrt: Vec<usize> = (0..parameters).collect();
        let step = |model: &Graph| {
            let loss = Objective::default().program(&[self.examples, self.outputs].into());
            descent_step(model, &loss, &vec![RATE; parameters])
        };
        let linearized = || Linearized::new(&model, parameters);
        match row {
            Row::Forward => model,
            Row::TrainStep => step(&model),
            Row::Jvp => jvp(&model, &wrt),
            Row::Vjp => vjp(&model, &wrt),
            Row::LinApply => linearized().linearization().tangent.graph().clone(),
            Row::LinStep => step(&linear_program(linearized().linearization())),
        }
    }

    /// The inputs of that program that its outputs overwrite: steps move the parameters where they lie.
    pub fn overwritten(&self, row: Row) -> Vec<(usize, usize)> {
        let parameters = 2 * (self.depth + 1);
        match row {
            Row::TrainStep | Row::LinStep => (0..parameters).map(|i| (i, i)).collect(),
            Row::Forward | Row::Jvp | Row::Vjp | Row::LinApply => Vec::new(),
        }
    }

    /// The floating-point operations that a row cannot do without: those of its matrix products.
    ///
    /// Each layer is h W forwards, h dW + dh W in J v, and (hᵀ u, u Wᵀ) in Jᵀ u; the first layer has neither
    /// dh W nor u Wᵀ, since x is held fixed.
    pub fn flops(&self, row: Row) -> usize {
        let units: Vec<usize> =
            [self.inputs].into_iter().chain(vec![self.width; self.depth]).chain([self.outputs]).collect();
        let products: Vec<usize> = units.windows(2).map(|n| 2 * self.examples * n[0] * n[1]).collect();
        let forward: usize = products.iter().sum();
        let derivative = 2 * forward - products[0];
        match row {
            Row::Forward => forward,
            Row::TrainStep | Row::Jvp | Row::Vjp => forward + derivative,
            Row::LinApply => derivative,
            Row::LinStep => 2 * derivative,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The programs multiply the matrices that rows need and no others; what they do besides is elementwise.
    #[test]
    fn programs_do_what_rows_need() {
        for workload in &WORKLOADS[1..] {
            for row in Row::ALL {
                let (done, needed) = (workload.program(row).stats().flops, workload.flops(row));
                assert!(
                    (needed..needed + needed / 50).contains(&done),
                    "{row:?}: {done} done, {needed} needed"
                );
            }
        }
    }

    #[test]
    fn rows_are_chosen_by_name_or_with_their_workload() {
        let chosen = |names: &[&str]| -> Vec<String> {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let rows = |workload: &Workload| -> Vec<String> {
                workload.chosen(&names).map(|row| workload.row_name(row)).collect()
            };
            WORKLOADS.iter().flat_map(rows).collect()
        };
        assert_eq!(chosen(&[]).len(), WORKLOADS.len() * Row::ALL.len());
        assert_eq!(chosen(&["e"]).len(), Row::ALL.len());
        assert_eq!(chosen(&["m.vjp", "s.jvp"]), ["s.jvp", "m.vjp"]);
        assert!(chosen(&["m.v"]).is_empty());
    }
}
