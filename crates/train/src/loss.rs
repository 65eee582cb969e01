//! Losses, as programs (f, y) ↦ ℒ.

use autodiff::{Graph, Shape, einsum};

/// The program (f, y) ↦ 1/(2N) Σₙ ‖f(xₙ) − yₙ‖² for outputs and targets of shape (N, O).
///
/// # Panics
/// If the shape has another rank than 2.
#[track_caller]
pub fn squared_loss(outputs: &Shape) -> Graph {
    assert!(outputs.rank() == 2, "outputs of shape (N, O), got {outputs}");
    #[allow(clippy::cast_precision_loss, reason = "N is far below 2⁵³")]
    let examples = outputs[0] as f64;
    Graph::trace([outputs.clone(), outputs.clone()], |x| {
        let error = x[0] - x[1];
        vec![0.5 / examples * einsum("no,no->", error, error)]
    })
}
