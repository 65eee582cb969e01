//! The networks that a command is about: multilayer perceptrons of some widths, or one from a file.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use cotangent::nets::{Cost, Refused};
use cotangent::prelude::*;

use crate::compare::Arguments;
use crate::failure::Failure;

/// A network and what it is called.
pub(crate) struct Subject {
    /// `width 512`, or the name of a file.
    pub(crate) name: String,
    /// Of a multilayer perceptron, the units of its hidden layers.
    pub(crate) width: Option<usize>,
    pub(crate) network: Network,
}

/// The networks asked for, if training them on the digits fits in memory.
pub(crate) fn subjects(arguments: &Arguments, bytes: usize) -> Result<Vec<Subject>, Failure> {
    match &arguments.net {
        Some(path) => Ok(vec![from_file(arguments, path, bytes)?]),
        None => arguments.width.iter().map(|width| perceptron(arguments, width.get(), bytes)).collect(),
    }
}

fn perceptron(arguments: &Arguments, width: usize, bytes: usize) -> Result<Subject, Failure> {
    let Arguments { depth, ref activation, sigma_w, sigma_b, .. } = *arguments;
    let parameters = depth.saturating_mul(width).saturating_mul(width.saturating_add(75));
    let activations = depth.saturating_mul(width);
    fits(arguments, &format!("{depth} layers of width {width}"), parameters, activations, bytes)?;
    let module = mlp(&vec![width; depth], 10, activation.clone(), Scaling::ntk(sigma_w, sigma_b));
    let network = Network::try_new(module, [64]).map_err(Failure::usage)?;
    Ok(Subject { name: format!("width {width}"), width: Some(width), network })
}

fn from_file(arguments: &Arguments, path: &Path, bytes: usize) -> Result<Subject, Failure> {
    let description = read(path)?;
    let wrong = |reason: String| Failure::usage(format!("{}: {reason}", path.display()));
    let costs = description.costs().map_err(|refused| wrong(refused.to_string()))?;
    let (parameters, activations) =
        (total(&costs, |cost| cost.parameters), total(&costs, |c| c.output.size()));
    fits(arguments, &path.display().to_string(), parameters, activations, bytes)?;
    let network = description.network().map_err(|refused| wrong(refused.to_string()))?;
    let (input, output) = (network.example(), network.output());
    if input.size() != 64 || output[..] != [10] {
        return Err(wrong(format!(
            "the digits have 8 × 8 pixels, as [64] or [8,8,1], and 10 classes; this network makes {output} of {input}"
        )));
    }
    let name =
        path.file_stem().map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into());
    Ok(Subject { name, width: None, network })
}

/// The description in a file.
pub(crate) fn read(path: &Path) -> Result<Description, Failure> {
    let wrong = |reason: &dyn std::fmt::Display| Failure::usage(format!("{}: {reason}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    text.parse::<Description>().map_err(|error| wrong(&error))
}

/// A network from a file, at infinite width or with parameters.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("parameters").required(true).args(["infinite", "params", "seed"]))]
pub(crate) struct Given {
    /// The network, in TOML
    #[arg(long)]
    pub(crate) net: PathBuf,
    /// At infinite width
    #[arg(long)]
    pub(crate) infinite: bool,
    /// At these parameters: .safetensors or .npz
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// At parameters drawn with this seed
    #[arg(long)]
    seed: Option<u64>,
}

impl Given {
    pub(crate) fn network(&self) -> Result<Network, Failure> {
        read(&self.net)?.network().map_err(|refused| self.refused(&refused))
    }

    /// What the network cannot be.
    pub(crate) fn refused(&self, refused: &Refused) -> Failure {
        Failure::usage(format!("{}: {refused}", self.net.display()))
    }

    /// Its parameters, from the file or drawn.
    pub(crate) fn parameters<T: Real>(&self, network: &Network) -> Result<Vec<T>, Failure> {
        let count = network.parameters().len();
        room(&format!("{count} parameters"), count.saturating_mul(2 * size_of::<T>()))?;
        match &self.params {
            Some(path) => {
                let theta = network.parameters().read(path);
                theta.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
            }
            None => Ok(network.init(self.seed.unwrap_or(0))),
        }
    }
}

/// Whether there is memory for what needs so many bytes.
pub(crate) fn room(what: &str, bytes: usize) -> Result<(), Failure> {
    if Vec::<u8>::new().try_reserve_exact(bytes).is_ok() {
        return Ok(());
    }
    #[allow(clippy::cast_precision_loss, reason = "a rounded number of gigabytes")]
    let gigabytes = bytes as f64 / 1e9;
    Err(Failure::usage(format!("{what} need about {gigabytes:.0} GB of memory, more than there is")))
}

pub(crate) fn total(costs: &[Cost], of: impl Fn(&Cost) -> usize) -> usize {
    costs.iter().fold(0, |sum: usize, cost| sum.saturating_add(of(cost)))
}

/// Whether there is memory to train a network of so many parameters and so many activations for one example.
fn fits(
    arguments: &Arguments,
    what: &str,
    parameters: usize,
    activations: usize,
    bytes: usize,
) -> Result<(), Failure> {
    // θ₀, and for both models θ, its successor and the gradient; then the residuals and activations of the batch.
    let examples = arguments.train.get() + arguments.test.get();
    let activations = examples.saturating_mul(activations);
    let need =
        parameters.saturating_mul(8).saturating_add(activations.saturating_mul(16)).saturating_mul(bytes);
    room(what, need)
}
