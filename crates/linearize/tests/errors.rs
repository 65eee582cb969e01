//! Wrong lengths panic at the caller's line, with both lengths: the exact texts.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};

use autodiff::{Graph, Threads};
use linearize::{LinearModel, Linearized, Mask, Residuals, TaylorModel, weight_change};
use nets::{Activation, Network, Scaling, mlp};

#[track_caller]
fn refuses(text: &str, f: impl FnOnce()) {
    let seen = Arc::new(Mutex::new(None));
    let (before, writer) = (panic::take_hook(), seen.clone());
    panic::set_hook(Box::new(move |info| {
        let file = info.location().map(|location| location.file().to_string()).unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("").to_string();
        *writer.lock().expect("no panic holds this") = Some((message, file));
    }));
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    panic::set_hook(before);
    assert!(result.is_err(), "it should have panicked: {text}");
    let (message, file) = seen.lock().expect("no panic holds this").take().expect("the hook ran");
    assert_eq!(message, text);
    assert!(file.ends_with("errors.rs"), "{text}: the panic is at {file}, not at the caller's line");
}

// Panic hooks are global: one test.
#[test]
fn wrong_lengths_are_named_at_the_callers_line() {
    let network = Network::new(mlp(&[4], 2, Activation::Tanh, Scaling::ntk(1.5, 0.1)), [3]);
    let (theta, x, one) = (network.init::<f64>(0), [0.5; 6], Threads::one());
    let linearized = Linearized::of_network(&network, 2);
    let jacobian = || linearized.at(&theta, &x, &one);
    refuses("26 parameters, got 25", || drop(linearized.at(&theta[1..], &x, &one)));
    refuses("6 elements of x, got 3", || drop(linearized.at(&theta, &x[..3], &one)));
    refuses("4 elements of x do not divide into examples of 3", || {
        linearized.value(&theta, &x[..4], &one);
    });
    refuses("a batch of no examples", || drop(Linearized::of_network(&network, 0)));
    let tensors = "0.weight (12), 0.bias (4), 2.weight (8), 2.bias (2)";
    refuses(&format!("a mask of 0.weight (6), 0.bias (2) for parameters {tensors}"), || {
        let other = Network::new(mlp(&[], 2, Activation::Tanh, Scaling::ntk(1.5, 0.1)), [3]);
        drop(Linearized::masked(&network, 2, &Mask::new(other.parameters())));
    });
    let products = |v: usize, u: usize| {
        format!(
            "products of a Jacobian of 4 × 26 with 1 vectors: {u} elements over its rows, {v} over its columns"
        )
    };
    refuses(&products(25, 4), || jacobian().apply(&theta[1..], &mut [0.0; 4]));
    refuses(&products(26, 3), || jacobian().apply_transpose(&[0.0; 3], &mut [0.0; 26]));
    refuses(&products(26, 5), || jacobian().gram_apply(&[0.0; 4], &mut [0.0; 5]));
    refuses(&products(27, 4), || jacobian().normal_apply(&[0.0; 27], &mut [0.0; 26]));
    refuses("26 parameters, got 25", || drop(LinearModel::new(jacobian(), theta[1..].to_vec())));
    refuses("26 free parameters, got 25", || {
        TaylorModel::new(&linearized, 2, &theta).predict(&theta[1..], &x, &one);
    });
    refuses("vectors of [26, 25] for 26 parameters", || {
        weight_change(network.parameters(), &theta, &theta[1..]);
    });
    let program = Linearized::new(&Graph::trace([[3], [3]], |x| vec![x[0] * x[1]]), 1);
    refuses("a program has one shape of x, and not 2 examples", || drop(program.resized(2)));
    refuses("a program has no axis of examples to be divided: only networks are computed in chunks", || {
        drop(program.within::<f64>(100));
    });
    refuses("chunks of 3 of 2 examples", || drop(linearized.in_chunks(3, Residuals::Kept)));
    refuses("3 parameters among 2 inputs", || {
        drop(Linearized::new(&Graph::trace([[3], [3]], |x| vec![x[0]]), 3));
    });
}
