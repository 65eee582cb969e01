//! A layer of one's own: a gated linear unit, z = (x V) · sigmoid(x W). Derivatives, linear models and training come
//! from the program that it writes; its kernels at infinite width from a few lines more.
//!
//! `cargo run --release -p examples --example custom_layer`
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cotangent::kernels::Infinite;
use cotangent::kernels::measures::relative_change;
use cotangent::nets::{Limit, Reason, Refused, Signature};
use cotangent::prelude::*;

#[derive(Debug)]
struct Gated {
    width: usize,
}

impl Module for Gated {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let [inputs] = example[..] else {
            let (module, wanted) = ("gated", "vectors");
            return Err(Reason::Rank { module, wanted, example: example.clone() }.into());
        };
        // In NTK parameterization: both are drawn from N(0, 1), and what `apply` is given is σ_w/√inputs times that.
        let weight = |name| Scaling::ntk(1.5, 0.0).weight(name, [inputs, self.width], inputs);
        Ok(Signature { parameters: vec![weight("value"), weight("gate")], output: [self.width].into() })
    }

    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let product = |weight| einsum("ni,io->no", x, weight);
        product(parameters[0]) * product(parameters[1]).sigmoid()
    }

    // At infinite width both products are Gaussian and independent: covariances of the unit are products, and its tangent
    // kernel follows by the product rule.
    fn limit<'g>(&self, example: &Shape, input: Limit<'g>) -> Result<Limit<'g>, Refused> {
        let value = Dense { width: self.width, scaling: Scaling::ntk(1.5, 0.0) }.limit(example, input)?;
        let gate = value.clone().through(&|z| z.sigmoid());
        let [value_ntk, gate_ntk] = [&value, &gate].map(|part| part.ntk.expect("they have weights"));
        Ok(Limit {
            nngp: value.nngp * gate.nngp,
            ntk: Some(value_ntk * gate.nngp + value.nngp * gate_ntk),
            variances: [0, 1].map(|side| value.variances[side] * gate.variances[side]),
            fresh: true,
            ..gate
        })
    }
}

fn gated_network(width: usize) -> Network {
    let readout = Dense { width: 1, scaling: Scaling::ntk(1.5, 0.05) };
    Network::new(Serial::new().then(Gated { width }).then(Gated { width }).then(readout), [2])
}

fn main() -> Result<(), Refused> {
    let network = gated_network(256);
    for tensor in network.parameters().tensors() {
        println!("{:<10} {}", tensor.name, tensor.shape);
    }
    let (theta, threads) = (network.init::<f64>(0), Threads::available());
    let x: Vec<f64> = (0..10).map(|i| f64::from(i).sin()).collect();
    let model = LinearModel::new(Linearized::of_network(&network, 5).at(&theta, &x, &threads), theta);
    let remainder = model.remainder(&network.init(1), &x, &[0.04, 0.02, 0.01, 0.005]);
    println!("\n{:>10} {:>12}", "‖δ‖", "‖f − f_lin‖");
    for (distance, error) in remainder.points {
        println!("{distance:>10.4} {error:>12.3e}");
    }
    if let Some(order) = remainder.order {
        println!("\norder {:.3} ± {:.3}", order.exponent, order.standard_error);
    }

    let limit = Infinite::new(&network)?.kernels(&x, None, &threads).ntk;
    println!("\n{:>6}  distance of the tangent kernel from its limit, mean of 20", "width");
    for width in [64, 256, 1024] {
        let ntk = Empirical::ntk(&gated_network(width));
        let distance = |seed| {
            let kernel = ntk.kernel(Kind::Trace, &ntk.network().init(seed), &x, None, &threads);
            relative_change(kernel.matrix(), limit.matrix())
        };
        println!("{width:>6} {:>9.4}", (0..20).map(distance).sum::<f64>() / 20.0);
    }
    Ok(())
}
