//! `cotangent describe`: what a network from a file is made of, and what it costs.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use crate::compare::print;
use crate::failure::Failure;
use crate::subject::{read, total};

/// Print the layers of a network with their shapes, parameters and costs.
///
/// FLOPs are the additions, multiplications and function values of one evaluation on one example; bytes are those of
/// the parameters, and of each layer's output for one example, in f32.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A network, in TOML
    net: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.net;
    let description = read(path)?;
    let costs = description.costs();
    let costs = costs.map_err(|refused| Failure::usage(format!("{}: {refused}", path.display())))?;
    let mut text = String::new();
    let mut row = |cells: [String; 7]| {
        let [place, layer, output, numbers @ ..] = cells;
        let numbers: String = numbers.iter().map(|number| format!("{number:>16}")).collect();
        let _ = writeln!(text, "{place:>5}  {layer:<20}  {output:<16}{numbers}");
    };
    row(["", "layer", "output", "parameters", "FLOPs", "parameter bytes", "output bytes"].map(String::from));
    let input =
        format!("[{}]", description.input.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    row(["", "input", &input, "", "", "", ""].map(String::from));
    for (i, cost) in costs.iter().enumerate() {
        let [parameters, output] = [cost.parameters, cost.output.size()];
        let numbers = [parameters, cost.flops, 4 * parameters, 4 * output].map(|n| n.to_string());
        let [a, b, c, d] = numbers;
        row([i.to_string(), cost.layer.clone(), cost.output.to_string(), a, b, c, d]);
    }
    let parameters = total(&costs, |cost| cost.parameters);
    let (flops, output) = (total(&costs, |cost| cost.flops), total(&costs, |cost| cost.output.size()));
    let [a, b, c, d] = [parameters, flops, 4 * parameters, 4 * output].map(|n| n.to_string());
    row(["".into(), "all".into(), "".into(), a, b, c, d]);
    print(&text)
}
