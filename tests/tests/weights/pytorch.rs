//! State dicts: what PyTorch wrote gives what PyTorch computes, and layers are matched by their names.

use std::fs;
use std::path::PathBuf;

use cotangent::autodiff::Padding;
use cotangent::nets::{Conv, Flatten, Parameterization, Windows};
use cotangent::prelude::*;
use proptest::prelude::*;
use serde_json::Value;
use tests::numbers;

use super::{FORMATS, network, reading, reference, safetensors};

/// A network reads the state dict of a PyTorch model, from any file, in any parameterization, and computes what the
/// model does, to 1e-12. `channels_last` puts PyTorch's images in the order of ours.
fn computes_as_pytorch(network: &Network, model: &str, channels_last: impl Fn(&[f64]) -> Vec<f64>) {
    let outputs = fs::read_to_string(reference("outputs.json")).expect("it is committed");
    let reference_values: Value = serde_json::from_str(&outputs).expect("valid JSON");
    let model = &reference_values[model];
    let x = channels_last(&numbers(&model["x"]));
    let batch = model["x"].as_array().expect("a batch").len();
    for (file, expected) in model["outputs"].as_object().expect("outputs for each file") {
        let theta: Vec<f64> = network.parameters().read_state_dict(reference(file)).expect("a good file");
        let expected = numbers(expected);
        let mut y = vec![0.0; expected.len()];
        let plan = Plan::new(&network.program(batch));
        plan.run(&[&theta, &x], &mut [&mut y], &mut plan.workspace(&Threads::one()));
        for (ours, theirs) in y.iter().zip(&expected) {
            assert!((ours - theirs).abs() <= 1e-12 * (1.0 + theirs.abs()), "{file}: {ours} against {theirs}");
        }
    }
}

#[test]
fn an_mlp_computes_what_pytorch_does() {
    let wide = Scaling { parameterization: Parameterization::Standard { s: 2.0 }, ..Scaling::ntk(1.3, 0.3) };
    for scaling in [Scaling::ntk(1.3, 0.3), Scaling::standard(1.3, 0.3), wide] {
        let network = Network::new(mlp(&[4; 6], 3, Activation::Tanh, scaling), [5]);
        computes_as_pytorch(&network, "mlp", <[f64]>::to_vec);
    }
}

/// (N, channels, places) as (N, places, channels).
fn channels_last(x: &[f64], channels: usize, places: usize) -> Vec<f64> {
    let image = |image: &[f64]| -> Vec<f64> {
        (0..image.len()).map(|k| image[k % channels * places + k / channels]).collect()
    };
    x.chunks_exact(channels * places).flat_map(image).collect()
}

#[test]
fn cnns_compute_what_pytorch_does() {
    let scaling = Scaling::ntk(1.3, 0.3);
    let dense = |width| Dense { width, scaling };
    let conv = |channels, size: &[usize], stride: usize| {
        let windows = Windows::new(size, Padding::Valid).stride(vec![stride; size.len()]);
        Conv { channels, windows, scaling: Scaling::standard(1.3, 0.3) }
    };
    let net = Serial::new()
        .then(conv(3, &[3, 2], 1))
        .then(Activation::Tanh)
        .then(conv(4, &[3, 3], 2))
        .then(Activation::Tanh)
        .then(Flatten::ChannelsFirst)
        .then(dense(6))
        .then(Activation::Tanh)
        .then(dense(3));
    computes_as_pytorch(&Network::new(net, [7, 8, 2]), "cnn", |x| channels_last(x, 2, 7 * 8));
    let net = Serial::new()
        .then(conv(3, &[4], 1))
        .then(Activation::Tanh)
        .then(Flatten::ChannelsFirst)
        .then(dense(2));
    computes_as_pytorch(&Network::new(net, [8, 2]), "conv1d", |x| channels_last(x, 2, 8));
}

/// A safetensors file of these tensors of f64, in this order.
fn state_dict(tensors: &[(&str, &[usize], &[f64])]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let end = data.len();
        entries
            .push(format!(r#""{name}":{{"dtype":"F64","shape":{shape:?},"data_offsets":[{start},{end}]}}"#));
    }
    safetensors(&format!("{{{}}}", entries.join(",")), &data)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever numbers layers have and wherever they stand in the file, the order of the numbers is the network's, and
    /// effective weights are those in the file, transposed. Pairs of names say the same.
    #[test]
    fn layers_are_ordered_by_number(
        widths in prop::collection::vec(1..3_usize, 2..8),
        steps in prop::collection::vec(1..7_usize, 7),
        biases in prop::collection::vec(any::<bool>(), 7),
        shuffled in Just((0..14).collect::<Vec<usize>>()).prop_shuffle(),
        seed: u64,
    ) {
        let network = network(&widths, 0.3);
        let values: Vec<f64> = network.init(seed);
        let (mut stored, mut pairs, mut effective) = (Vec::new(), Vec::new(), Vec::new());
        let mut number = 0;
        for (i, pair) in network.parameters().tensors().chunks(2).enumerate() {
            let [weight, bias] = pair else { panic!("a layer has two tensors") };
            number += steps[i];
            let (inputs, outputs) = (weight.shape[0], weight.shape[1]);
            let own = &values[weight.range.clone()];
            effective.extend_from_slice(own);
            let transposed: Vec<f64> = (0..own.len()).map(|k| own[k % inputs * outputs + k / inputs]).collect();
            let name = format!("net.{number}.fc.weight");
            pairs.push((weight.name.as_str(), name.clone()));
            stored.push((name, vec![outputs, inputs], transposed));
            let own = &values[bias.range.clone()];
            effective.extend(own.iter().map(|value| if biases[i] { *value } else { 0.0 }));
            if biases[i] {
                let name = format!("net.{number}.fc.bias");
                pairs.push((bias.name.as_str(), name.clone()));
                stored.push((name, vec![outputs], own.to_vec()));
            }
        }
        let order = shuffled.iter().filter_map(|&i| stored.get(i));
        let tensors: Vec<_> = order.map(|(name, shape, values)| (&name[..], &shape[..], &values[..])).collect();
        let pairs: Vec<_> = pairs.iter().map(|(own, name)| (*own, &name[..])).collect();
        let [theta, paired] = reading(&state_dict(&tensors), FORMATS[0], |path| {
            let parameters = network.parameters();
            [parameters.read_state_dict::<f64>(path), parameters.read_state_dict_pairs(path, &pairs)]
        });
        let theta = theta.expect("the names tell the order");
        for parameter in network.parameters().tensors() {
            for i in parameter.range.clone() {
                let error = (parameter.multiplier * theta[i] - effective[i]).abs();
                prop_assert!(error <= f64::EPSILON * effective[i].abs());
            }
        }
        prop_assert_eq!(theta, paired.expect("the pairs tell the order"));
    }
}

/// State dicts that cannot be matched with the network say why.
#[test]
fn state_dicts_that_do_not_fit_are_refused() {
    let square = network(&[2, 2, 2], 0.3);
    let eight: [f64; 4] = [1.0, 2.0, 3.0, 4.0];
    let refused = |tensors: &[(&str, &[usize], &[f64])], network: &Network| {
        let read = |path: &PathBuf| network.parameters().read_state_dict::<f64>(path);
        reading(&state_dict(tensors), FORMATS[0], read).unwrap_err().to_string()
    };
    let weight = |name| -> (&str, &[usize], &[f64]) { (name, &[2, 2], &eight) };
    let row = |name| -> (&str, &[usize], &[f64]) { (name, &[1, 2], &eight[..2]) };
    assert_eq!(
        refused(&[weight("a.weight"), weight("b.weight")], &square),
        "layers named a, b fit the network in more than one order: give pairs of names"
    );
    assert_eq!(
        refused(&[row("a.weight"), weight("b.weight")], &square),
        "layers named a, b fit the network in no order: give pairs of names"
    );
    assert_eq!(
        refused(&[weight("fc1.weight"), weight("fc01.weight")], &square),
        "layers named fc# have no order: give pairs of names"
    );
    assert_eq!(
        refused(&[weight("0.weight"), row("1.weight")], &square),
        r#"tensor "1.weight" has the shape [1, 2], the network's "2.weight" wants [2,2]"#
    );
    assert_eq!(refused(&[weight("0.weight")], &square), "layers in the state dict: 1, in the network: 2");
    assert_eq!(
        refused(&[weight("0.weight"), ("1.running_mean", &[1], &[0.5])], &square),
        r#"tensor "1.running_mean" is neither a weight nor a bias: give pairs of names"#
    );
    assert_eq!(
        refused(&[weight("0.weight"), ("1.bias", &[1], &[0.5])], &square),
        r#"the file has no tensor "1.weight""#
    );
    let unbiased = network(&[2, 2], 0.0);
    assert_eq!(
        refused(&[weight("0.weight"), ("0.bias", &[2], &[0.0, 0.5])], &unbiased),
        r#"element 1 of tensor "0.bias" is 5e-1, but σ is 0 there"#
    );
    let theta =
        reading(&state_dict(&[weight("0.weight"), ("0.bias", &[2], &[0.0, 0.0])]), FORMATS[0], |path| {
            unbiased.parameters().read_state_dict::<f64>(path)
        });
    assert_eq!(theta.expect("a bias of 0")[4..], [0.0, 0.0]);

    let paired = |pairs: &[(&str, &str)]| {
        let file = state_dict(&[weight("a.weight"), weight("b.weight"), ("c", &[1], &[0.5])]);
        let read = |path: &PathBuf| square.parameters().read_state_dict_pairs::<f64>(path, pairs);
        reading(&file, FORMATS[0], read).map_err(|error| error.to_string())
    };
    assert!(paired(&[("0.weight", "b.weight"), ("2.weight", "a.weight")]).is_ok());
    let message = |pairs| paired(pairs).unwrap_err();
    assert_eq!(message(&[("0.weight", "b.weight")]), r#"no pair of names is for the parameter "2.weight""#);
    assert_eq!(message(&[("0.weight", "d")]), r#"the file has no tensor "d""#);
    assert_eq!(message(&[("1.weight", "c")]), r#"the network has no parameter for "1.weight""#);
    assert_eq!(
        message(&[("0.weight", "a.weight"), ("0.weight", "b.weight")]),
        r#"there are two tensors "0.weight""#
    );
}
