//! What the README shows is what the library prints.

use cotangent::prelude::*;

#[test]
fn the_printed_tangent_program() {
    let network = Network::new(mlp(&[4], 1, Activation::Tanh, Scaling::ntk(1.5, 0.1)), [2]);
    let linearized = Linearized::of_network(&network, 3);
    let printed = linearized.linearization().tangent.to_string();
    assert!(include_str!("../../README.md").contains(&printed), "the README should show\n{printed}");
}
