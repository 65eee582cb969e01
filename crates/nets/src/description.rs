//! Networks as data: a description, and its text in TOML.
//!
//! ```toml
//! input = [8, 8, 1]                     # height, width, channels
//! sigma_w = 1.5                         # for all layers that have weights, unless they say otherwise
//! sigma_b = 0.05
//! parameterization = "ntk"              # or "standard", or { standard = { s = 2.0 } }
//! layers = [
//!     { conv = { channels = 64, size = [3, 3], padding = "same" } },
//!     "relu",
//!     { residual = [{ conv = { channels = 64, size = [3, 3], padding = "same" } }, "leaky_relu(0.1)"] },
//!     { avg_pool = { size = [2, 2] } },
//!     "flatten",
//!     { dense = { width = 10, sigma_b = 0.0 } },
//! ]
//! ```

use std::fmt;
use std::str::FromStr;

use autodiff::{Padding, Shape};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::layers::{
    Activation, Conv, Dense, ExpNormalized, Flatten, GlobalAvgPool, LayerNorm, Over, Pool, Serial, Sum,
    UnknownActivation, Windows,
};
use crate::module::{Module, Refused};
use crate::network::Network;
use crate::scaling::{Parameterization, Scaling};

/// A network written down: the shape of an example, and the layers one after another.
///
/// Its text is TOML (see the [crate's page](crate#networks-as-data)); it is read by [`str::parse`] and written by
/// [`Display`](fmt::Display).
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The shape of an example, channels last.
    pub input: Vec<usize>,
    /// The layers.
    pub layers: Vec<Layer>,
}

/// A layer written down.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// `"relu"`, `"sin(1, 2, 0)"`
    Activation(Activation),
    /// `{ dense = { width, sigma_w, sigma_b, parameterization } }`
    Dense(Dense),
    /// `{ conv = { channels, size, stride, padding, sigma_w, sigma_b, parameterization } }`
    Conv(Conv),
    /// `{ avg_pool = { size, stride, padding } }`, `{ sum_pool = { … } }`; the stride is the size unless it is given.
    Pool(Pool),
    /// `"global_avg_pool"`
    GlobalAvgPool,
    /// `"flatten"`, `{ flatten = { order = "channels_first" } }`
    Flatten(Flatten),
    /// `"layer_norm"`, `{ layer_norm = { epsilon, over = "everything" } }`
    LayerNorm(LayerNorm),
    /// `"exp_normalized"`, `{ exp_normalized = { gamma, shift } }`
    ExpNormalized(ExpNormalized),
    /// `[…]`: one after another.
    Serial(Vec<Self>),
    /// `{ sum = [[…], […]] }`: added up. `{ residual = […] }` is short for `{ sum = ["identity", […]] }`.
    Sum(Vec<Self>),
}

impl Layer {
    /// The module.
    pub fn build(&self) -> Box<dyn Module> {
        let all = |layers: &[Self]| layers.iter().map(Self::build).collect::<Vec<_>>();
        match self {
            Self::Activation(activation) => Box::new(activation.clone()),
            Self::Dense(dense) => Box::new(dense.clone()),
            Self::Conv(conv) => Box::new(conv.clone()),
            Self::Pool(pool) => Box::new(pool.clone()),
            Self::GlobalAvgPool => Box::new(GlobalAvgPool),
            Self::Flatten(flatten) => Box::new(*flatten),
            Self::LayerNorm(norm) => Box::new(*norm),
            Self::ExpNormalized(exponential) => Box::new(*exponential),
            Self::Serial(layers) => Box::new(Serial::from(all(layers))),
            Self::Sum(branches) => Box::new(Sum::from(all(branches))),
        }
    }

    /// Its name in descriptions.
    pub fn name(&self) -> String {
        match self {
            Self::Activation(activation) => activation.to_string(),
            Self::Dense(_) => "dense".into(),
            Self::Conv(_) => "conv".into(),
            Self::Pool(pool) if pool.mean => "avg_pool".into(),
            Self::Pool(_) => "sum_pool".into(),
            Self::GlobalAvgPool => "global_avg_pool".into(),
            Self::Flatten(_) => "flatten".into(),
            Self::LayerNorm(_) => "layer_norm".into(),
            Self::ExpNormalized(_) => "exp_normalized".into(),
            Self::Serial(_) => "serial".into(),
            Self::Sum(_) => "sum".into(),
        }
    }
}

/// One layer of a network, and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Its name in descriptions.
    pub layer: String,
    /// The shape of its output for one example.
    pub output: Shape,
    /// The number of its parameters.
    pub parameters: usize,
    /// Arithmetic operations for one example (see [`autodiff::Stats`]).
    pub flops: usize,
}

impl Description {
    /// Of a network, unless a module of it cannot be written down.
    pub fn of(network: &Network) -> Option<Self> {
        let layers = match network.module().layer()? {
            Layer::Serial(layers) => layers,
            layer => vec![layer],
        };
        Some(Self { input: network.example().to_vec(), layers })
    }

    /// The network.
    ///
    /// # Errors
    /// If a layer does not apply to what those before it make.
    pub fn network(&self) -> Result<Network, Refused> {
        let modules: Vec<_> = self.layers.iter().map(Layer::build).collect();
        Network::try_new(Serial::from(modules), Shape::from(&self.input[..]))
    }

    /// What each layer makes and costs.
    ///
    /// # Errors
    /// As [`network`](Self::network).
    pub fn costs(&self) -> Result<Vec<Cost>, Refused> {
        self.network()?;
        let mut example = Shape::from(&self.input[..]);
        let cost = |(i, layer): (usize, &Layer)| {
            let own = Serial::from(vec![layer.build()]);
            let network = Network::try_new(own, example.clone()).map_err(|refused| refused.within(i))?;
            example = network.output().clone();
            Ok(Cost {
                layer: layer.name(),
                output: example.clone(),
                parameters: network.parameters().len(),
                flops: network.program(1).stats().flops,
            })
        };
        self.layers.iter().enumerate().map(cost).collect()
    }
}

/// What is wrong with a description. `place` is `layer 2` or, of the second part of a third layer, `layer 2.1`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DescriptionError {
    /// The text is no TOML.
    Syntax(String),
    /// A field that must be there is not.
    Missing {
        /// Where.
        place: String,
        /// The field.
        field: &'static str,
    },
    /// A field has a value that it cannot have.
    Value {
        /// Where.
        place: String,
        /// The field.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// There is no such field.
    Unknown {
        /// Where.
        place: String,
        /// The field.
        field: String,
        /// The fields there are.
        known: Vec<&'static str>,
    },
    /// There is no such layer.
    Layer {
        /// Where.
        place: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(reason) => f.write_str(reason),
            Self::Missing { place, field } => write!(f, "{place}: {field} is missing"),
            Self::Value { place, field, reason } => write!(f, "{place}: {field}: {reason}"),
            Self::Unknown { place, field, known } => {
                write!(f, "{place}: there is no field {field}: there are {}", known.join(", "))
            }
            Self::Layer { place, reason } => write!(f, "{place}: {reason}"),
        }
    }
}

impl std::error::Error for DescriptionError {}

impl FromStr for Description {
    type Err = DescriptionError;

    fn from_str(text: &str) -> Result<Self, DescriptionError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            DescriptionError::Syntax(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
        })?;
        let mut fields = Fields { place: "the network".into(), table, known: Vec::new() };
        let input = fields.required("input")?;
        let scaling = fields.scaling(Scaling::ntk(1.0, 0.0))?;
        let layers: Vec<Value> = fields.required("layers")?;
        fields.finish()?;
        let read = |(i, value): (usize, Value)| layer(value, &i.to_string(), scaling);
        Ok(Self { input, layers: layers.into_iter().enumerate().map(read).collect::<Result<_, _>>()? })
    }
}

/// Fields that are taken one after another.
struct Fields {
    place: String,
    table: Table,
    known: Vec<&'static str>,
}

impl Fields {
    fn optional<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<Option<T>, DescriptionError> {
        self.known.push(field);
        let Some(value) = self.table.remove(field) else { return Ok(None) };
        let wrong = |error: toml::de::Error| self.wrong(field, error.message());
        value.try_into().map(Some).map_err(wrong)
    }

    fn required<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<T, DescriptionError> {
        let missing = || DescriptionError::Missing { place: self.place.clone(), field };
        let missing = missing();
        self.optional(field)?.ok_or(missing)
    }

    /// One of several words, each with what it means.
    fn word<T: Copy>(
        &mut self,
        field: &'static str,
        words: &[(&str, T)],
        usual: T,
    ) -> Result<T, DescriptionError> {
        let Some(word) = self.optional::<String>(field)? else { return Ok(usual) };
        let found = words.iter().find(|(known, _)| *known == word);
        let known = || words.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
        found
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| self.wrong(field, format!("\"{word}\" is none of {}", known())))
    }

    fn scaling(&mut self, usual: Scaling) -> Result<Scaling, DescriptionError> {
        let field = "parameterization";
        let parameterization = match self.optional::<Value>(field)? {
            None => usual.parameterization,
            Some(Value::String(name)) if name == "ntk" => Parameterization::Ntk,
            Some(Value::String(name)) if name == "standard" => Parameterization::Standard { s: 1.0 },
            Some(Value::Table(mut table)) if table.len() == 1 && table.contains_key("standard") => {
                let Some(Value::Table(table)) = table.remove("standard") else {
                    return Err(self.wrong(field, "standard has the field s"));
                };
                let mut own = Self { place: format!("{}: {field}", self.place), table, known: Vec::new() };
                let s = own.required("s")?;
                own.finish()?;
                Parameterization::Standard { s }
            }
            Some(_) => {
                return Err(self.wrong(field, "neither \"ntk\", \"standard\" nor { standard = { s = … } }"));
            }
        };
        Ok(Scaling {
            sigma_w: self.optional("sigma_w")?.unwrap_or(usual.sigma_w),
            sigma_b: self.optional("sigma_b")?.unwrap_or(usual.sigma_b),
            parameterization,
        })
    }

    fn windows(&mut self, stride: impl FnOnce(&[usize]) -> Vec<usize>) -> Result<Windows, DescriptionError> {
        let size: Vec<usize> = self.required("size")?;
        let stride = self.optional("stride")?.unwrap_or_else(|| stride(&size));
        let padding = self.word("padding", PADDINGS, Padding::Valid)?;
        Ok(Windows { size, stride, padding })
    }

    fn wrong(&self, field: &'static str, reason: impl Into<String>) -> DescriptionError {
        DescriptionError::Value { place: self.place.clone(), field, reason: reason.into() }
    }

    fn finish(self) -> Result<(), DescriptionError> {
        match self.table.into_iter().next() {
            Some((field, _)) => {
                Err(DescriptionError::Unknown { place: self.place, field, known: self.known })
            }
            None => Ok(()),
        }
    }
}

const PADDINGS: &[(&str, Padding)] =
    &[("valid", Padding::Valid), ("same", Padding::Same), ("circular", Padding::Circular)];
const ORDERS: &[(&str, Flatten)] =
    &[("channels_last", Flatten::ChannelsLast), ("channels_first", Flatten::ChannelsFirst)];
const OVERS: &[(&str, Over)] = &[("channels", Over::Channels), ("everything", Over::Everything)];
const NAMES: &str =
    "dense, conv, avg_pool, sum_pool, global_avg_pool, flatten, layer_norm, exp_normalized, residual and sum";

/// Reads the layer at `place`.
fn layer(value: Value, place: &str, scaling: Scaling) -> Result<Layer, DescriptionError> {
    let wrong = |reason: String| DescriptionError::Layer { place: format!("layer {place}"), reason };
    let (name, value) = match value {
        Value::String(name) => match name.as_str() {
            "global_avg_pool" => return Ok(Layer::GlobalAvgPool),
            "flatten" => return Ok(Layer::Flatten(Flatten::default())),
            "layer_norm" => return Ok(Layer::LayerNorm(LayerNorm::default())),
            "exp_normalized" => return Ok(Layer::ExpNormalized(ExpNormalized::default())),
            name => {
                let other = |unknown: UnknownActivation| wrong(format!("{unknown}; and the layers {NAMES}"));
                return name.parse().map(Layer::Activation).map_err(other);
            }
        },
        Value::Array(layers) => return all(layers, place, scaling).map(Layer::Serial),
        Value::Table(table) if table.len() == 1 => table.into_iter().next().expect("a table of one entry"),
        _ => return Err(wrong("a layer is a name, { name = … }, or a list of layers".into())),
    };
    let table = match (name.as_str(), value) {
        ("residual", Value::Array(layers)) => {
            let body = all(layers, &format!("{place}.1"), scaling)?;
            return Ok(Layer::Sum(vec![Layer::Activation(Activation::Identity), Layer::Serial(body)]));
        }
        ("sum", Value::Array(layers)) => return all(layers, place, scaling).map(Layer::Sum),
        ("residual" | "sum", _) => return Err(wrong(format!("{name} has a list of layers"))),
        (_, Value::Table(table)) => table,
        _ => return Err(wrong(format!("{name} has fields: {{ {name} = {{ … }} }}"))),
    };
    let mut fields = Fields { place: format!("layer {place} ({name})"), table, known: Vec::new() };
    let layer = match name.as_str() {
        "dense" => {
            let width = fields.required("width")?;
            Layer::Dense(Dense { width, scaling: fields.scaling(scaling)? })
        }
        "conv" => {
            let channels = fields.required("channels")?;
            let windows = fields.windows(|size| vec![1; size.len()])?;
            Layer::Conv(Conv { channels, windows, scaling: fields.scaling(scaling)? })
        }
        "avg_pool" | "sum_pool" => {
            Layer::Pool(Pool { windows: fields.windows(<[usize]>::to_vec)?, mean: name == "avg_pool" })
        }
        "flatten" => Layer::Flatten(fields.word("order", ORDERS, Flatten::default())?),
        "layer_norm" => {
            let usual = LayerNorm::default();
            let epsilon = fields.optional("epsilon")?.unwrap_or(usual.epsilon);
            Layer::LayerNorm(LayerNorm { epsilon, over: fields.word("over", OVERS, usual.over)? })
        }
        "exp_normalized" => {
            let usual = ExpNormalized::default();
            Layer::ExpNormalized(ExpNormalized {
                gamma: fields.optional("gamma")?.unwrap_or(usual.gamma),
                shift: fields.optional("shift")?.unwrap_or(usual.shift),
            })
        }
        name => return Err(wrong(format!("there is no layer {name} with fields: there are {NAMES}"))),
    };
    fields.finish()?;
    Ok(layer)
}

fn all(layers: Vec<Value>, place: &str, scaling: Scaling) -> Result<Vec<Layer>, DescriptionError> {
    let read = |(i, value): (usize, Value)| layer(value, &format!("{place}.{i}"), scaling);
    layers.into_iter().enumerate().map(read).collect()
}

/// TOML that reads back as the same description.
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "input = {}", integers(&self.input))?;
        writeln!(f, "layers = [")?;
        for layer in &self.layers {
            writeln!(f, "    {},", written(layer))?;
        }
        writeln!(f, "]")
    }
}

fn written(layer: &Layer) -> Value {
    let list = |layers: &[Layer]| Value::Array(layers.iter().map(written).collect());
    let fields: Vec<(&str, Value)> = match layer {
        Layer::Activation(_) | Layer::GlobalAvgPool => return Value::String(layer.name()),
        Layer::Serial(layers) => return list(layers),
        Layer::Sum(branches) => return table([("sum", list(branches))]),
        Layer::Dense(Dense { width, scaling }) => {
            [vec![("width", integer(*width))], written_scaling(scaling)].concat()
        }
        Layer::Conv(Conv { channels, windows, scaling }) => {
            let channels = vec![("channels", integer(*channels))];
            [channels, written_windows(windows), written_scaling(scaling)].concat()
        }
        Layer::Pool(pool) => written_windows(&pool.windows),
        Layer::Flatten(order) => vec![("order", word(ORDERS, order))],
        Layer::LayerNorm(LayerNorm { epsilon, over }) => {
            vec![("epsilon", Value::Float(*epsilon)), ("over", word(OVERS, over))]
        }
        Layer::ExpNormalized(ExpNormalized { gamma, shift }) => {
            vec![("gamma", Value::Float(*gamma)), ("shift", Value::Float(*shift))]
        }
    };
    table([(layer.name().as_str(), table(fields))])
}

fn written_scaling(scaling: &Scaling) -> Vec<(&'static str, Value)> {
    let parameterization = match scaling.parameterization {
        Parameterization::Ntk => Value::String("ntk".into()),
        Parameterization::Standard { s } => table([("standard", table([("s", Value::Float(s))]))]),
    };
    vec![
        ("sigma_w", Value::Float(scaling.sigma_w)),
        ("sigma_b", Value::Float(scaling.sigma_b)),
        ("parameterization", parameterization),
    ]
}

fn written_windows(Windows { size, stride, padding }: &Windows) -> Vec<(&'static str, Value)> {
    vec![("size", integers(size)), ("stride", integers(stride)), ("padding", word(PADDINGS, padding))]
}

fn word<T: PartialEq>(words: &[(&str, T)], meaning: &T) -> Value {
    let found = words.iter().find(|(_, known)| known == meaning);
    Value::String(found.expect("every meaning has a word").0.into())
}

fn integer(n: usize) -> Value {
    Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

fn integers(list: &[usize]) -> Value {
    Value::Array(list.iter().copied().map(integer).collect())
}

fn table<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Table(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
