//! Parameters from the state dict of a PyTorch model.
//!
//! PyTorch keeps effective weights W, and a network here θ with W = multiplier · θ; so θ = W/multiplier. A layer's axes
//! stand in another order there: (outputs, inputs, size…) against size… × inputs × outputs here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;
use std::path::Path;

use autodiff::Real;

use super::stored::{Stored, stored_shape};
use super::{Format, WeightsError, contents};
use crate::parameters::{Parameter, Parameters};

/// A layer of the network or of the file: what its tensors' names begin with, its weight and its bias.
struct Layer<'a, P> {
    prefix: &'a str,
    weight: &'a P,
    bias: Option<&'a P>,
}

impl Parameters {
    /// Reads θ from the state dict of a PyTorch model with layers such as this network's: a `.safetensors` file written
    /// by `safetensors.torch.save_file(model.state_dict(), …)`, or an `.npz` by
    /// `numpy.savez(…, **{name: tensor.numpy() for name, tensor in model.state_dict().items()})`.
    ///
    /// - The network then computes what the model does, if its other layers are the same: what is stored are effective
    ///   weights W, and θ is W/multiplier, in either parameterization and for any σ_w and σ_b (but σ_b = 0 needs biases
    ///   of 0).
    /// - Axes trade places: `Linear`, (outputs, inputs), is transposed; `Conv1d` and `Conv2d`, (outputs, inputs, size…),
    ///   become size… × inputs × outputs. (`ConvTranspose` and groups have no counterpart here.)
    /// - Examples of images are channels last here. Where a convolution's output is flattened, PyTorch counts channels
    ///   first: let `Flatten` do so too, by its `order`, and the dense layer after it fits.
    /// - A missing bias (`bias=False`) is a bias of 0.
    ///
    /// Layers are the names without `.weight` and `.bias`, and are matched in order. The order of the network's is that
    /// of its parameters. The file's own order means nothing (writers sort names by letters or by size); layers whose
    /// names differ in numbers alone (`0`, `2`, `10`; `features.0.conv`, `features.1.conv`; `fc1`, `fc2`) are ordered by
    /// these numbers. If there are several such groups (`features.0`, …, and `classifier.0`, …), each is taken as a
    /// whole, in the one order of groups in which the weights' shapes fit the network; if they fit in more than one, or
    /// in none, that is an error, and [`read_state_dict_pairs`](Self::read_state_dict_pairs) is the way.
    ///
    /// # Errors
    /// As for [`read`](Self::read); also if the layers cannot be matched, or are more or fewer than the network's.
    pub fn read_state_dict<T: Real>(&self, path: impl AsRef<Path>) -> Result<Vec<T>, WeightsError> {
        let path = path.as_ref();
        let (format, file) = (Format::of(path)?, contents(path)?);
        let stored = format.parse(&file)?;
        let ours = layers(self.tensors(), |parameter| &parameter.name)?;
        let theirs = in_order(layers(&stored, |tensor| &tensor.name)?, &ours)?;
        let mut sources = HashMap::new();
        for (own, other) in ours.iter().zip(&theirs) {
            sources.insert(own.weight.name.as_str(), other.weight);
            match (own.bias, other.bias) {
                (Some(own), Some(other)) => drop(sources.insert(own.name.as_str(), other)),
                (None, Some(other)) => {
                    return Err(WeightsError::Unknown { tensor: other.name.clone() });
                }
                (_, None) => {}
            }
        }
        self.effective(&sources)
    }

    /// As [`read_state_dict`](Self::read_state_dict), with the tensors matched by `pairs` of names: here, and in the
    /// file. Tensors of the file that are not named are left alone; a bias that is not named is 0. Axes trade places in
    /// every tensor with two or more.
    ///
    /// # Errors
    /// As for [`read`](Self::read); also if a pair names what is not there, or a parameter other than a bias is in none.
    pub fn read_state_dict_pairs<T: Real>(
        &self,
        path: impl AsRef<Path>,
        pairs: &[(&str, &str)],
    ) -> Result<Vec<T>, WeightsError> {
        let path = path.as_ref();
        let (format, file) = (Format::of(path)?, contents(path)?);
        let stored = format.parse(&file)?;
        let names: HashMap<&str, &Stored<'_>> =
            stored.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let own: HashSet<&str> = self.tensors().iter().map(|parameter| parameter.name.as_str()).collect();
        let mut sources = HashMap::new();
        for &(parameter, tensor) in pairs {
            if !own.contains(parameter) {
                return Err(WeightsError::Unknown { tensor: parameter.into() });
            }
            let source = *names.get(tensor).ok_or_else(|| WeightsError::Missing { tensor: tensor.into() })?;
            if sources.insert(parameter, source).is_some() {
                return Err(WeightsError::Duplicate { tensor: parameter.into() });
            }
        }
        self.effective(&sources)
    }

    /// θ from effective parameters: where each comes from, by its name; biases that come from nowhere are 0.
    fn effective<T: Real>(&self, sources: &HashMap<&str, &Stored<'_>>) -> Result<Vec<T>, WeightsError> {
        let mut theta = Vec::new();
        for parameter in self.tensors() {
            match sources.get(parameter.name.as_str()) {
                Some(tensor) => {
                    theta.extend(tensor.values::<T>(parameter, &axes(parameter), parameter.multiplier)?);
                }
                None if is_bias(&parameter.name) => theta.resize(parameter.range.end, T::zero()),
                None => return Err(WeightsError::Unpaired { parameter: parameter.name.clone() }),
            }
        }
        Ok(theta)
    }
}

/// Which axis of a PyTorch tensor, (outputs, inputs, size…), each axis of a parameter, size… × inputs × outputs, is.
fn axes(parameter: &Parameter) -> Vec<usize> {
    let rank = parameter.shape.rank();
    (2..rank).chain((0..rank.min(2)).rev()).collect()
}

/// What stands before the last dot of a name, and after it.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

fn is_bias(name: &str) -> bool {
    split(name).1 == "bias"
}

/// The layers that named tensors make, in the order of their first tensors.
fn layers<P>(tensors: &[P], name: impl Fn(&P) -> &str) -> Result<Vec<Layer<'_, P>>, WeightsError> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut found: Vec<(&str, Option<&P>, Option<&P>)> = Vec::new();
    for tensor in tensors {
        let (prefix, kind) = split(name(tensor));
        let place = *places.entry(prefix).or_insert(found.len());
        if place == found.len() {
            found.push((prefix, None, None));
        }
        match kind {
            "weight" => found[place].1 = Some(tensor),
            "bias" => found[place].2 = Some(tensor),
            _ => return Err(WeightsError::Unmatched { tensor: name(tensor).into() }),
        }
    }
    let whole = found.into_iter().map(|(prefix, weight, bias)| match weight {
        Some(weight) => Ok(Layer { prefix, weight, bias }),
        None if prefix.is_empty() => Err(WeightsError::Missing { tensor: "weight".into() }),
        None => Err(WeightsError::Missing { tensor: format!("{prefix}.weight") }),
    });
    whole.collect()
}

/// The file's layers in the network's order.
fn in_order<'a>(
    theirs: Vec<Layer<'a, Stored<'a>>>,
    ours: &[Layer<'_, Parameter>],
) -> Result<Vec<Layer<'a, Stored<'a>>>, WeightsError> {
    if theirs.len() != ours.len() {
        return Err(WeightsError::Layers { found: theirs.len(), expected: ours.len() });
    }
    let mut numbered: BTreeMap<String, BTreeMap<Vec<Number<'a>>, Layer<'a, Stored<'a>>>> = BTreeMap::new();
    for layer in theirs {
        let (pattern, numbers) = pattern(layer.prefix);
        if numbered.entry(pattern.clone()).or_default().insert(numbers, layer).is_some() {
            return Err(WeightsError::Order { groups: vec![pattern], fitting: None });
        }
    }
    let (patterns, mut groups): (Vec<String>, Vec<Vec<_>>) =
        numbered.into_iter().map(|(pattern, group)| (pattern, group.into_values().collect())).unzip();
    if groups.len() == 1 {
        // If it does not fit, the tensor that does not is to be named.
        return Ok(groups.remove(0));
    }
    if groups.len() > MOST_GROUPS {
        return Err(WeightsError::Order { groups: patterns, fitting: None });
    }
    let mut fitting = Vec::new();
    orders(&groups, ours, &mut Vec::new(), &mut fitting);
    let [order] = &fitting[..] else {
        return Err(WeightsError::Order { groups: patterns, fitting: Some(fitting.len()) });
    };
    Ok(order.iter().flat_map(|&group| mem::take(&mut groups[group])).collect())
}

/// How many groups of layers are tried in every order.
const MOST_GROUPS: usize = 8;

/// The orders of groups that begin with `order` and in which every weight fits, up to two of them.
fn orders(
    groups: &[Vec<Layer<'_, Stored<'_>>>],
    ours: &[Layer<'_, Parameter>],
    order: &mut Vec<usize>,
    fitting: &mut Vec<Vec<usize>>,
) {
    if order.len() == groups.len() {
        fitting.push(order.clone());
        return;
    }
    for (i, group) in groups.iter().enumerate() {
        let fits = |(theirs, own): (&Layer<'_, Stored<'_>>, &Layer<'_, Parameter>)| {
            theirs.weight.shape == stored_shape(own.weight, &axes(own.weight))
        };
        if fitting.len() < 2 && !order.contains(&i) && group.iter().zip(ours).all(fits) {
            order.push(i);
            orders(groups, &ours[group.len()..], order, fitting);
            order.pop();
        }
    }
}

/// A number in a name, ordered by its value: how many digits it has, without zeros before them, and these.
type Number<'a> = (usize, &'a str);

/// A name with # for every number in it, and the numbers.
fn pattern(name: &str) -> (String, Vec<Number<'_>>) {
    let (mut pattern, mut numbers, mut rest) = (String::new(), Vec::new(), name);
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (text, number) = rest.split_at(start);
        let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        let digits = number[..end].trim_start_matches('0');
        pattern.extend([text, "#"]);
        numbers.push((digits.len(), digits));
        rest = &number[end..];
    }
    pattern.push_str(rest);
    (pattern, numbers)
}
