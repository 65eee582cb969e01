//! Wrong shapes and labels panic at the caller's line, with the operation and the shapes: the exact texts.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use autodiff::{
    Axes, Binary, Einsum, Graph, LinearGraph, Plan, Tensor, Threads, Var, concat, einsum, evaluate, grad,
    jvp, linearize, split, value_and_grad,
};

/// Panic hooks are global: one test at a time.
static HOOK: Mutex<()> = Mutex::new(());

/// The message and the file of the panic of `f`.
fn panic_of(f: impl FnOnce()) -> (String, String) {
    let _guard = HOOK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let seen = std::sync::Arc::new(Mutex::new(None));
    let before = panic::take_hook();
    let writer = seen.clone();
    panic::set_hook(Box::new(move |info| {
        let file = info.location().map(|location| location.file().to_string()).unwrap_or_default();
        *writer.lock().expect("no panic holds this") =
            Some((info.payload_as_str().unwrap_or("").to_string(), file));
    }));
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    panic::set_hook(before);
    assert!(result.is_err(), "it should have panicked");
    seen.lock().expect("no panic holds this").take().expect("the hook ran")
}

#[track_caller]
fn refuses(text: &str, f: impl FnOnce()) {
    let (message, file) = panic_of(f);
    assert_eq!(message, text);
    assert!(file.ends_with("errors.rs"), "{text}: the panic is at {file}, not at the caller's line");
}

/// Records one operation on a matrix of 2 × 3 and a vector of 3.
fn record(f: impl for<'g> FnOnce(Var<'g>, Var<'g>) -> Var<'g>) {
    Graph::trace([vec![2, 3], vec![3]], |x| vec![f(x[0], x[1])]);
}

#[test]
fn operations_name_themselves_and_both_shapes() {
    refuses("add does not apply to shapes [2,3] and [3]", || record(|a, b| a + b));
    refuses("add does not apply to shapes [2,3] and [3]", || record(|a, b| a - b));
    refuses("einsum ab,ab->ab does not apply to shapes [2,3] and [3]", || record(|a, b| a * b));
    refuses("einsum ij,i->j does not apply to shapes [2,3] and [3]", || {
        record(|a, b| einsum("ij,i->j", a, b));
    });
    refuses("max does not apply to shapes [[2,3], [3]]", || record(|a, b| a.max(b)));
    refuses("atan2 does not apply to shapes [[2,3], [3]]", || record(|a, b| a.zip(Binary::Atan2, b)));
    refuses("reshape [5] does not apply to shape [2,3]", || record(|a, _| a.reshape([5])));
    refuses("permute [0,0] does not apply to shape [2,3]", || record(|a, _| a.permute(&[0, 0])));
    refuses("slice 1:2..5 of 3 does not apply to shape [2,3]", || record(|a, _| a.slice(1, 2..5)));
    refuses("pad 0:1..3 of 2 does not apply to shape [2,3]", || record(|a, _| a.pad(0, 1, 2)));
    refuses("broadcast 3:2 does not apply to shape [3]", || record(|_, b| b.broadcast(Axes::new([(3, 2)]))));
    refuses("axes [2] of shape [2,3]", || record(|a, _| a.sum(&[2])));
    refuses("axes [1] of shape [3]", || record(|_, b| b.softmax(&[1])));
    refuses("unfold 0:4 by 1 of 3 does not apply to shape [3]", || {
        record(|_, b| b.windows(0, 4, 1, autodiff::Padding::Valid));
    });
    refuses("add does not apply to shapes [5] and [5,3]", || record(|a, b| concat(0, &[b, a])));
}

#[test]
fn labels_are_checked() {
    refuses("einsum \"ij->i\" is not of the form \"left,right->out\"", || drop(Einsum::new("ij->i")));
    refuses("einsum \"ii,i->i\": a label repeats within a list", || drop(Einsum::new("ii,i->i")));
    refuses("einsum \"ij,i->i\": a label stands in one list only", || drop(Einsum::new("ij,i->i")));
    refuses("einsum \"i1,i->1\": labels are ASCII letters", || drop(Einsum::new("i1,i->1")));
    refuses("axes must ascend, got [(1, 2), (0, 2)]", || drop(Axes::new([(1, 2), (0, 2)])));
}

#[test]
fn transformations_name_what_is_missing() {
    let f = Graph::trace([[2]], |x| vec![x[0].sin()]);
    refuses("jvp in inputs [1] of 1", || drop(jvp(&f, &[1])));
    refuses("jvp in inputs [3] of 1", || drop(linearize(&f, &[3])));
    refuses("the gradient of a program with outputs [[2]]", || drop(value_and_grad(&f, &[0])));
    refuses("the gradient of a program with outputs [[2]]", || drop(grad(&f, &[0])));
    refuses("2 outputs asked for early of 1", || {
        drop(split(&f, &[true], 2, autodiff::Rematerialise::default()));
    });
    refuses("v1 = sin(v0) is not linear in the inputs after the first 0", || {
        drop(LinearGraph::new(f.clone(), 0));
    });
}

#[test]
fn outputs_over_inputs_must_fit() {
    let f = Graph::trace([[2], [3]], |x| vec![x[0].sin(), x[1].cos()]);
    refuses("output 1 of shape [3] does not fit over input 0 of shape [2]", || {
        drop(Plan::in_place(&f, &[(0, 1)]));
    });
    refuses("output 2 of 2 over input 0 of 2", || drop(Plan::in_place(&f, &[(0, 2)])));
    refuses("output 0 over input 0: one of them is paired already", || {
        drop(Plan::in_place(&f, &[(0, 0), (0, 0)]));
    });
}

#[test]
fn runs_name_what_does_not_fit() {
    let f = Graph::trace([[2], [2]], |x| vec![x[0] + x[1]]);
    refuses("a program of inputs [[2], [2]] was evaluated at [[3]]", || {
        drop(evaluate(&f, &[Tensor::new([3], [1.0_f64, 2.0, 3.0])]));
    });
    refuses("3 elements do not fill shape [2]", || drop(Tensor::new([2], [1.0_f64, 2.0, 3.0])));
    let plan = Plan::new(&f);
    let mut workspace = plan.workspace::<f64>(&Threads::one());
    let mut out = [0.0; 2];
    refuses("an input slice of 1 elements for [2]", || plan.run(&[&[1.0]], &mut [&mut out], &mut workspace));
    refuses("input slices exceed [[2], [2]]", || plan.run(&[&[1.0; 5]], &mut [&mut out], &mut workspace));
    let mut long = [0.0; 3];
    refuses("output slices exceed [[2]]", || plan.run(&[&[1.0; 4]], &mut [&mut long], &mut workspace));
}
