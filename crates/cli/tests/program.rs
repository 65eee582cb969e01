//! The program, end to end: what it writes, what it prints, how it refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A fresh folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn cotangent(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cotangent")).args(arguments).output().expect("the program starts")
}

/// `compare` at a small size, with further arguments.
fn compare(out: &Path, more: &[&str]) -> Output {
    let small = ["compare", "--train", "40", "--test", "20", "--steps", "30", "--lr", "0.1", "--out"];
    let out = out.to_str().expect("a plain path");
    cotangent(&[&small[..], &[out], more].concat())
}

#[test]
fn json_is_one_object_and_nothing_else() {
    let out = folder("json");
    let run = compare(&out, &["--width", "16", "--depth", "2", "--activation", "tanh", "--json"]);
    assert!(run.status.success(), "{run:?}");
    let summary: Value = serde_json::from_slice(&run.stdout).expect("JSON and nothing else");
    for (key, value) in
        [("width", 16.0), ("depth", 2.0), ("steps", 30.0), ("learning_rate", 0.1), ("seed", 0.0)]
    {
        assert_eq!(summary[key].as_f64(), Some(value), "{key}");
    }
    assert_eq!(summary["dtype"], "f32");
    for key in ["rmse_train", "rmse_test", "seconds"] {
        assert!(summary[key].as_f64().is_some_and(|x| x > 0.0), "{key}: {}", summary[key]);
    }
    for key in ["loss_train", "loss_test", "accuracy_test"] {
        for model in ["network", "linear"] {
            assert!(summary[key][model].as_f64().is_some_and(|x| x >= 0.0), "{key}.{model}");
        }
    }
    let changes = summary["weight_change"].as_array().expect("an array, by tensor");
    assert_eq!(changes.len(), 6, "weights and biases of two hidden layers and the readout");
    assert_eq!(summary["parameters"][5], "4.bias");

    let file: Value =
        serde_json::from_slice(&fs::read(out.join("summary.json")).expect("written")).expect("JSON");
    assert_eq!(file, summary);
    let curves = fs::read_to_string(out.join("curves.csv")).expect("written");
    let rows: Vec<Vec<&str>> = curves.lines().map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "a rectangular table");
    assert_eq!(&rows[0][..3], ["width", "step", "rmse_train"]);
    assert_eq!(&rows[1][..4], ["16", "0", "0", "0"], "both models start at the same function");
    assert_eq!(rows[rows.len() - 1][1], "30");
    let svg = fs::read_to_string(out.join("figure.svg")).expect("written");
    assert!(svg.contains("<svg") && svg.contains("RMSE"), "a figure with its labels");
    let png = fs::read(out.join("figure.png")).expect("written");
    assert!(png.starts_with(b"\x89PNG"), "a PNG file");
}

#[test]
fn a_sweep_gives_an_array_and_a_slope() {
    let out = folder("sweep");
    let run = compare(&out, &["--width", "8,16,32", "--dtype", "f64", "--json"]);
    let summaries: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let widths: Vec<u64> =
        summaries.as_array().expect("an array").iter().filter_map(|s| s["width"].as_u64()).collect();
    assert_eq!(widths, [8, 16, 32]);
    let table = compare(&out, &["--width", "8,16,32"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("RMSE ∝ width^-"), "{table:?}");
}

/// Every loss with every optimiser, on all examples and on batches, in every way that serves.
#[test]
fn all_methods_train() {
    for loss in ["squared", "cross-entropy", "logistic", "huber"] {
        for more in [
            &["--optimiser", "heavy-ball", "--lr", "auto"][..],
            &["--optimiser", "nesterov", "--momentum", "0.5", "--batch", "8", "--decay", "0.01"],
            &["--optimiser", "adam", "--lr", "0.001", "--decay", "0.01", "--decay-towards", "origin"],
            &["--linear", "weights", "--batch", "16"],
        ] {
            let out = folder(&format!("method-{loss}-{}", more.join("")));
            let run = compare(&out, &[&["--width", "32", "--loss", loss, "--json"], more].concat());
            let summary: Value = serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
            let curves = fs::read_to_string(out.join("curves.csv")).expect("written");
            let header: Vec<&str> = curves.lines().next().expect("a header").split(',').collect();
            let column = header.iter().position(|name| *name == "loss_train.network").expect("a column");
            let first: f64 = curves
                .lines()
                .nth(1)
                .expect("a row")
                .split(',')
                .nth(column)
                .expect("a cell")
                .parse()
                .expect("a number");
            let last = summary["loss_train"]["network"].as_f64().expect("a number");
            assert!(last < first, "{loss} {more:?}: a loss of {last} after {first}");
            let way = summary["linear"].as_str().expect("a way");
            let adam = more.contains(&"adam") || more.contains(&"weights");
            assert_eq!(way, if adam { "in weight space" } else { way }, "{loss} {more:?}");
        }
    }
    let out = folder("enough");
    let run = compare(&out, &["--width", "32", "--enough", "1e9", "--linear", "closed-form", "--json"]);
    let summary: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!((summary["steps"].as_u64(), summary["linear"].as_str()), (Some(0), Some("in closed form")));
    assert!(summary["loss_infinite"].is_array(), "{summary}");
}

#[test]
fn quiet_prints_nothing() {
    let run = compare(&folder("quiet"), &["--width", "8", "--quiet"]);
    assert!(run.status.success() && run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");
}

#[test]
fn the_same_seed_gives_the_same_files_for_any_number_of_threads() {
    let (a, b) = (folder("threads1"), folder("threads2"));
    for (out, threads) in [(&a, "1"), (&b, "2")] {
        assert!(compare(out, &["--width", "300", "--quiet", "--threads", threads]).status.success());
    }
    for file in ["curves.csv", "figure.svg", "figure.png"] {
        assert_eq!(
            fs::read(a.join(file)).expect("written"),
            fs::read(b.join(file)).expect("written"),
            "{file}"
        );
    }
}

/// One sentence on stderr, nothing on stdout, status 2.
#[test]
fn wrong_arguments_are_refused_in_one_sentence() {
    let blocked = folder("blocked");
    fs::write(&blocked, "a file where a folder should be").expect("a scratch folder");
    let blocked = blocked.to_str().expect("a plain path");
    let cases: [(&[&str], &str); 23] = [
        (&["--width", "0"], "--width"),
        (&["--width", "16,,32"], "--width"),
        (&["--width", "1000000000"], "GB of memory"),
        (&["--train", "0"], "--train"),
        (&["--train", "1700", "--test", "98"], "1798 examples were asked for and there are 1797"),
        (&["--train", "18446744073709551615"], "there are 1797"),
        (&["--activation", "step"], "unknown activation \"step\": there are identity, relu, leaky_relu"),
        (&["--activation", "sin(1,2)"], "numbers as in sin(1, 1, 0)"),
        (&["--net", "absent.toml"], "absent.toml: No such file"),
        (&["--net", "absent.toml", "--width", "8"], "cannot be used with"),
        (&["--lr", "0"], "--lr"),
        (&["--momentum", "1"], "--momentum"),
        (&["--loss", "cubed"], "--loss"),
        (&["--batch", "257"], "batches of 257 of 256 examples"),
        (&["--optimiser", "adam", "--linear", "function"], "cannot be trained in function space"),
        (&["--lr", "-1"], "--lr"),
        (&["--lr", "nan"], "--lr"),
        (&["--sigma-w", "inf"], "--sigma-w"),
        (&["--dtype", "f16"], "--dtype"),
        (&["--threads", "0"], "--threads"),
        (&["--steps", "-5"], "--steps"),
        (&["--out", blocked], "cannot write"),
        (&["--colour", "red"], "--colour"),
    ];
    for (arguments, wanted) in cases {
        let run = cotangent(&[&["compare"], arguments].concat());
        let error = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        assert!(!error.contains("panicked") && run.stdout.is_empty(), "{arguments:?}: {error}");
    }
}

/// A network from a file, in a folder of its own.
fn net(name: &str, text: &str) -> PathBuf {
    let folder = folder(name);
    fs::create_dir_all(&folder).expect("a scratch folder");
    let path = folder.join("net.toml");
    fs::write(&path, text).expect("a scratch file");
    path
}

const SMALL: &str = r#"
    input = [8, 8, 1]
    layers = [
        { conv = { channels = 4, size = [3, 3], stride = [2, 2], padding = "circular" } },
        "tanh",
        { residual = ["layer_norm", { conv = { channels = 4, size = [1, 1] } }] },
        "flatten",
        { dense = { width = 10, parameterization = "standard" } },
    ]
"#;

#[test]
fn networks_from_files_are_trained_and_described() {
    let path = net("file", SMALL);
    let path = path.to_str().expect("a plain path");
    let out = folder("from_file");
    let run = compare(&out, &["--net", path, "--json"]);
    assert!(run.status.success(), "{run:?}");
    let summary: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!((&summary["net"], &summary["width"]), (&"net".into(), &Value::Null));
    assert_eq!(summary["parameters"][2], "2.1.1.weight");
    let order = summary["remainder_order"].as_f64().expect("a fitted order");
    assert!((order - 2.0).abs() < 0.3, "the remainder is of second order: {order}");

    let run = cotangent(&["describe", path]);
    let text = String::from_utf8_lossy(&run.stdout);
    // 1 · 9 · 4 + 4, 4 · 4 + 4 and 64 · 10 + 10 parameters.
    let last: Vec<&str> = text.lines().last().expect("a table").split_whitespace().collect();
    assert_eq!(last[..2], ["all", "710"], "{text}");
}

#[test]
fn wrong_networks_are_refused_in_one_sentence() {
    let cases = [
        ("\"tanh\"", "\"tan\"", "layer 1: unknown activation \"tan\""),
        ("channels = 4, size = [3", "channel = 4, size = [3", "layer 0 (conv): channels is missing"),
        (
            "padding = ",
            "pad = ",
            "layer 0 (conv): there is no field pad: there are channels, size, stride, padding",
        ),
        ("\"circular\"", "\"round\"", "layer 0 (conv): padding: \"round\" is none of valid, same, circular"),
        ("size = [1, 1]", "size = [5, 5]", "layer 2.1.1: conv: a window of 5 does not fit into 4 elements"),
        ("\"flatten\",", "", "layer 3: dense applies to vectors"),
        ("width = 10", "width = 9", "this network makes [9] of [8,8,1]"),
        ("width = 10", "width = -1", "layer 4 (dense): width"),
        ("input = ", "input: ", "TOML parse error at line 2"),
    ];
    for (from, to, wanted) in cases {
        let path = net("wrong", &SMALL.replacen(from, to, 1));
        let run = cotangent(&["compare", "--net", path.to_str().expect("a plain path")]);
        let error = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{to}: {error}");
        assert!(error.contains(wanted), "{to}: {error}");
        assert_eq!(error.lines().count(), 1, "{to}: {error}");
    }
}

#[test]
fn a_diverging_run_says_so_and_keeps_its_results() {
    let out = folder("diverging");
    let run = compare(&out, &["--width", "16", "--lr", "100"]);
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let error = String::from_utf8_lossy(&run.stderr);
    assert!(
        error.contains("diverged at step") && error.contains("rate 100") && error.contains("stable"),
        "{error}"
    );
    let curves = fs::read_to_string(out.join("curves.csv")).expect("written");
    assert!(curves.lines().count() >= 2, "at least the header and step 0");
}

#[test]
fn edge_sizes_work() {
    for more in [
        &["--width", "1", "--lr", "0.001"][..],
        &["--depth", "0"],
        &["--steps", "0"],
        &["--train", "1", "--test", "1", "--width", "3", "--lr", "0.001"],
    ] {
        let run = compare(&folder("edge"), more);
        assert!(run.status.success(), "{more:?}: {}", String::from_utf8_lossy(&run.stderr));
    }
}

/// A network of 3 inputs and 2 outputs, and a table of examples, in a folder.
fn kernel_folder(name: &str) -> PathBuf {
    let folder = folder(name);
    fs::create_dir_all(&folder).expect("a folder");
    let net = "input = [3]\nsigma_w = 1.5\nsigma_b = 0.1\n\
               layers = [{ dense = { width = 6 } }, \"erf\", { dense = { width = 2 } }]\n";
    fs::write(folder.join("net.toml"), net).expect("written");
    fs::write(folder.join("x.csv"), "1,2,3\n0.5,-1,0\n0,0,0\n-1,0.25,2\n").expect("written");
    folder
}

/// `kernel` with the network and the examples of a folder, and further arguments.
fn kernel(folder: &Path, more: &[&str]) -> Output {
    let path = |name: &str| folder.join(name).to_str().expect("a plain path").to_owned();
    let (net, x) = (path("net.toml"), path("x.csv"));
    let more: Vec<String> =
        more.iter().map(|word| if word.contains('.') { path(word) } else { (*word).into() }).collect();
    let fixed = ["kernel", "--net", &net, "--x1", &x, "--quiet"];
    let more = more.iter().map(String::as_str);
    cotangent(&fixed.into_iter().chain(more).collect::<Vec<_>>())
}

fn table(path: &Path) -> Vec<f64> {
    let text = fs::read_to_string(path).expect("written");
    text.lines().flat_map(|line| line.split(',')).map(|field| field.parse().expect("a number")).collect()
}

#[test]
fn kernels_are_written_as_the_library_computes_them() {
    use cotangent::kernels::{Infinite, Which};
    use cotangent::prelude::*;

    let folder = kernel_folder("kernel");
    let x = [1.0, 2.0, 3.0, 0.5, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.25, 2.0];
    let scaling = Scaling::ntk(1.5, 0.1);
    let network = Network::new(mlp(&[6], 2, Activation::ERF, scaling), [3]);
    let (limit, threads) = (Infinite::new(&network).expect("a limit"), Threads::one());
    let same = |name: &str, expected: &[f64]| {
        let ours = match name.ends_with("npy") {
            true => cotangent::data::Array::read(folder.join(name)).expect("an array").into_values(),
            false => table(&folder.join(name)),
        };
        assert_eq!(ours.len(), expected.len(), "{name}");
        assert!(ours.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-13 * b.abs().max(1.0)), "{name}");
    };
    for (kind, which) in [("ntk", Which::Ntk), ("nngp", Which::Nngp)] {
        for out in ["k.npy", "k.csv"] {
            let run = kernel(&folder, &["--infinite", "--kind", kind, "--out", out]);
            assert!(run.status.success() && run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");
            same(out, limit.kernel(which, &x, None, &threads).values());
        }
    }
    let theta: Vec<f64> = network.init(7);
    network.parameters().write(&theta, folder.join("theta.safetensors")).expect("written");
    fs::write(folder.join("other.csv"), "a,b,c\n1,1,1\n").expect("written");
    let full = Empirical::ntk(&network).kernel(Kind::Full, &theta, &x, Some(&[1.0; 3]), &threads);
    for parameters in [["--seed", "7"], ["--params", "theta.safetensors"]] {
        let more = ["--entries", "full", "--x2", "other.csv", "--out", "full.npy"];
        let run = kernel(&folder, &[&parameters[..], &more].concat());
        assert!(run.status.success(), "{run:?}");
        same("full.npy", full.values());
    }
}

#[test]
fn kernels_that_cannot_be_are_refused_in_one_sentence() {
    let folder = kernel_folder("kernel_refused");
    fs::write(folder.join("wide.csv"), "1,2,3,4\n").expect("written");
    fs::write(folder.join("nan.csv"), "1,2,NaN\n").expect("written");
    fs::write(
        folder.join("conv.toml"),
        "input = [4, 4, 1]\nlayers = [{ conv = { channels = 2, size = [3, 3] } }]\n",
    )
    .expect("written");
    let refused: [(&[&str], &str); 8] = [
        (&["--out", "k.npy"], "--infinite"),
        (&["--infinite", "--seed", "1", "--out", "k.npy"], "cannot be used with"),
        (&["--infinite", "--out", "k.txt"], "kernels are written to .npy and .csv files"),
        (
            &["--infinite", "--x2", "wide.csv", "--out", "k.npy"],
            "shape [1,4], where rows are examples and those of the network have the shape [3]",
        ),
        (&["--infinite", "--x2", "nan.csv", "--out", "k.npy"], "element 2 is NaN"),
        (&["--infinite", "--x2", "none.csv", "--out", "k.npy"], "none.csv"),
        (&["--params", "none.npz", "--out", "k.npy"], "none.npz"),
        (&["--infinite", "--out", "none/k.npy"], "there is no folder"),
    ];
    for (more, sentence) in refused {
        let run = kernel(&folder, more);
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{more:?}: {stderr}");
        assert!(stderr.contains(sentence) && stderr.lines().count() == 1, "{more:?}: {stderr}");
    }
    let conv = folder.join("conv.toml");
    let x = folder.join("x.csv");
    let [conv, x] = [&conv, &x].map(|path| path.to_str().expect("a plain path"));
    let run = cotangent(&["kernel", "--net", conv, "--x1", x, "--infinite", "--out", "k.npy"]);
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2));
    assert!(
        stderr.contains("layer 0: no limit of infinite width: conv") && stderr.contains("empirical"),
        "{stderr}"
    );
}

#[test]
fn predictions_are_written_for_each_time() {
    let folder = folder("predict");
    fs::create_dir_all(&folder).expect("a folder");
    let path = |name: &str| folder.join(name).to_str().expect("a plain path").to_owned();
    let net = "input = [1]\nsigma_w = 1.5\nsigma_b = 0.2\n\
               layers = [{ dense = { width = 9 } }, \"erf\", { dense = { width = 1 } }]\n";
    fs::write(folder.join("net.toml"), net).expect("written");
    fs::write(folder.join("x.csv"), "-1\n0.2\n1.5\n").expect("written");
    fs::write(folder.join("y.csv"), "0.5\n-0.25\n1\n").expect("written");
    let predict = |more: &[&str]| {
        let [net, x, y, out] = ["net.toml", "x.csv", "y.csv", "out"].map(path);
        let fixed =
            ["predict", "--net", &net, "--train-x", &x, "--train-y", &y, "--test-x", &x, "--out", &out];
        cotangent(&[&fixed[..], more].concat())
    };
    let array = |name: &str| {
        let array = cotangent::data::Array::read(format!("{}:{name}", path("out/predictions.npz")))
            .expect("an array");
        (array.shape().to_vec(), array.into_values())
    };
    for parameters in [&["--infinite", "--cov", "full"][..], &["--seed", "1"]] {
        let run = predict(&[&["--time", "0,100,1e9"], parameters].concat());
        assert!(run.status.success(), "{run:?}");
        let (shape, mean) = array("mean");
        assert_eq!((&shape[..], array("time").1), (&[3, 3, 1][..], vec![0.0, 100.0, 1e9]));
        // In the end, training points are met.
        for (f, y) in mean[6..].iter().zip([0.5, -0.25, 1.0]) {
            assert!((f - y).abs() < 1e-6, "{mean:?}");
        }
        if parameters[0] == "--infinite" {
            assert!(mean[..3].iter().all(|&f| f == 0.0), "{mean:?}");
            let (shape, covariance) = array("covariance");
            assert_eq!(shape, [3, 3, 3]);
            assert!(covariance[18..].iter().all(|c| c.abs() < 1e-6) && covariance[0] > 0.1, "{covariance:?}");
        }
        for file in ["predictions.csv", "figure.svg", "figure.png"] {
            assert!(folder.join("out").join(file).exists(), "{file}");
        }
    }
    for (more, sentence) in [
        (&["--infinite", "--time", "-1"][..], "not a number from 0 up"),
        (&["--time", "1"], "--infinite"),
        (&["--seed", "1", "--cov", "full"], "cannot be used with"),
        (&["--infinite", "--train-y", "net.toml"], "arrays are read from files"),
    ] {
        let run = predict(more);
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{more:?}: {stderr}");
        assert!(stderr.contains(sentence) && stderr.lines().count() == 1, "{more:?}: {stderr}");
    }
}
