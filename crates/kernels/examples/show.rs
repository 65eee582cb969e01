use autodiff::*;
use kernels::*;
use nets::*;
fn main() {
    let network = Network::new(mlp(&[2048, 2048, 2048], 1, Activation::Relu, 1.5, 0.05), [784]);
    let ntk = Empirical::ntk(&network);
    std::hint::black_box(&ntk);
    println!("{:?}", ntk);
    let _ = ntk.tiles::<f32>(Kind::Trace, 256, None, &Threads::one());
}
