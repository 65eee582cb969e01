//! One step of gradient descent, as a program.

use autodiff::{Builder, Graph, Shape, Var, simplify, value_and_grad};

/// The program (θ, rest, y) ↦ (θ − η ∇ℒ, f, ℒ): one step of gradient descent on `loss(model(θ, rest), y)`, together with
/// the model's output and the loss before the step.
///
/// `model` is (θ, rest) ↦ f, where θ is its first inputs, one for each of the `rates` η; `loss` is (f, y) ↦ ℒ, a scalar.
/// Rates of two parameterizations that train alike: [`Parameters::equivalent_rates`](nets::Parameters::equivalent_rates).
///
/// # Panics
/// If `model` has not one output, or fewer inputs than there are rates, or `loss` does not apply to it.
#[track_caller]
pub fn descent_step(model: &Graph, loss: &Graph, rates: &[f64]) -> Graph {
    let targets = loss.inputs()[1].clone();
    let shapes: Vec<Shape> = model.inputs().iter().cloned().chain([targets]).collect();
    let objective = Graph::trace(shapes.clone(), |inputs| {
        let (y, inputs) = inputs.split_last().expect("y is an input");
        let f = y.builder().call(model, inputs);
        y.builder().call(loss, &[f[0], *y])
    });
    let gradient = value_and_grad(&objective, &(0..rates.len()).collect::<Vec<_>>());
    let g = Builder::new();
    let inputs: Vec<Var<'_>> = shapes.into_iter().map(|shape| g.input(shape)).collect();
    // The model is called twice, here and inside the gradient; simplify shares it.
    let f = g.call(model, &inputs[..inputs.len() - 1]);
    let gradient = g.call(&gradient, &inputs);
    let (loss, gradient) = gradient.split_first().expect("a value and its gradient");
    let moved = inputs.iter().zip(gradient).zip(rates).map(|((&theta, &d), &rate)| theta - rate * d);
    let mut outputs: Vec<Var<'_>> = moved.collect();
    outputs.extend([f[0], *loss]);
    simplify(&g.finish(&outputs))
}
