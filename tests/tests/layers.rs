//! Layers against PyTorch: values, and what the transposed layer makes of a cotangent (origin in the file).

use cotangent::autodiff::{Function, value_and_grad, vjp};
use cotangent::prelude::*;
use serde_json::Value;
use tests::numbers;

fn reference() -> Value {
    serde_json::from_str(include_str!("../reference/layers.json")).expect("valid JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn close(name: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{name}: {a} against {b}");
    }
}

/// Values, and cotangents of the input and of the parameters. In standard parameterization parameters are effective ones.
#[test]
fn layers_are_pytorchs() {
    let reference = reference();
    let batch = usize::try_from(reference["batch"].as_u64().expect("a number")).expect("a small number");
    let layers = reference["layers"].as_array().expect("a list");
    assert!(layers.len() > 50, "all cases are there");
    for case in layers {
        let name = text(&case["name"]);
        let net = format!(
            "input = {}\nparameterization = \"standard\"\nlayers = [{}]",
            case["input"],
            text(&case["layers"])
        );
        let network = net.parse::<Description>().expect(name).network().expect(name);
        let output: Vec<f64> = numbers(&case["output"]);
        assert_eq!(network.output().iter().map(|&n| n as f64).collect::<Vec<_>>(), output, "{name}");
        let f = network.program(batch);
        let all: Vec<usize> = (0..f.inputs().len()).collect();
        let pullback = vjp(&f, &all);
        let [theta, x, u] = ["theta", "x", "u"].map(|key| numbers(&case[key]));
        let (mut y, mut bars) = (vec![0.0; u.len()], vec![0.0; theta.len() + x.len()]);
        let plan = Plan::new(&pullback);
        let inputs: Vec<&[f64]> = [&theta[..], &x, &u].into_iter().filter(|x| !x.is_empty()).collect();
        plan.run(&inputs, &mut [&mut y, &mut bars], &mut plan.workspace(&Threads::one()));
        close(name, &y, &numbers(&case["y"]));
        close(name, &bars[..theta.len()], &numbers(&case["theta_bar"]));
        close(name, &bars[theta.len()..], &numbers(&case["x_bar"]));
    }
}

/// Values and derivatives, far out and near 0 among them. At 0 itself derivatives of kinks are a convention.
#[test]
fn activations_are_pytorchs() {
    let reference = reference();
    let points = numbers(&reference["points"]);
    let cases = reference["activations"].as_array().expect("a list");
    for activation in Activation::all() {
        let name = activation.to_string();
        let covered = cases.iter().any(|case| text(&case["activation"]).starts_with(&name));
        assert!(covered, "{name} has no reference values");
    }
    for case in cases {
        let name = text(&case["activation"]);
        let activation: Activation = name.parse().expect(name);
        assert_eq!(activation.to_string().parse::<Activation>(), Ok(activation.clone()), "{name}");
        let f = Graph::trace([[points.len()]], |x| vec![activation.apply(&[], x[0])]);
        let sum = Graph::trace([[points.len()]], |x| vec![x[0].builder().call(&f, x)[0].sum_all()]);
        let evaluate = |f: &Graph, out: &mut [&mut [f64]]| {
            let plan = Plan::new(f);
            plan.run(&[&points], out, &mut plan.workspace(&Threads::one()));
        };
        let (mut y, mut total, mut derivative) = (vec![0.0; points.len()], [0.0], vec![0.0; points.len()]);
        evaluate(&f, &mut [&mut y]);
        evaluate(&value_and_grad(&sum, &[0]), &mut [&mut total, &mut derivative]);
        close(name, &y, &numbers(&case["y"]));
        let expected = numbers(&case["derivative"]);
        let smooth = |i: &usize| points[*i] != 0.0 || !kinked(&f);
        let pick = |list: &[f64]| (0..list.len()).filter(smooth).map(|i| list[i]).collect::<Vec<_>>();
        close(&format!("{name}′"), &pick(&derivative), &pick(&expected));
    }
}

/// Whether a program has a kink at 0.
fn kinked(f: &Graph) -> bool {
    let text = f.to_string();
    [Function::Relu, Function::Abs, Function::Step, Function::Sign].iter().any(|f| text.contains(f.name()))
}
