use autodiff::*;
use kernels::*;
use nets::*;
use std::time::Instant;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    s.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}
fn start() -> Instant {
    static S: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *S.get_or_init(Instant::now)
}
fn main() {
    let threads = if std::env::var("ONE").is_ok() { Threads::one() } else { Threads::available() };
    let now = || {
        if std::env::var("ONE").is_ok() {
            cpu()
        } else {
            Instant::now().duration_since(start()).as_secs_f64()
        }
    };
    let pick: Vec<String> = std::env::args().skip(1).collect();
    for (name, act, n, d, w, depth, o, kind) in [
        ("entk.s", Activation::Erf, 128, 64, 512, 2, 1, Kind::Full),
        ("entk.m.trace", Activation::Relu, 128, 784, 512, 3, 10, Kind::Trace),
        ("entk.m.full", Activation::Relu, 128, 784, 512, 3, 10, Kind::Full),
        ("entk.l", Activation::Relu, 256, 784, 2048, 3, 1, Kind::Trace),
    ] {
        if !pick.is_empty() && !pick.iter().any(|p| p == name) {
            continue;
        }
        let network = Network::new(mlp(&vec![w; depth], o, act, 1.5, 0.05), [d]);
        let theta: Vec<f32> = network.init(0);
        let x: Vec<f32> = (0..n * d).map(|i| ((i * 7919) % 2003) as f32 / 1001.5 - 1.0).collect();
        let ntk = Empirical::ntk(&network);
        let t = Instant::now();
        let mut tiles = ntk.tiles::<f32>(kind, n, None, &threads);
        let mut k = tiles.zeros();
        let made = t.elapsed();
        let mut best = [f64::INFINITY; 3];
        for _ in 0..30 {
            let t = now();
            threads.install(|| tiles.run(&theta, &x, None, std::slice::from_mut(&mut k), &mut |_, _| {}));
            best[0] = best[0].min(now() - t);
        }
        println!("{name} {:.3} ms   made {made:?} {tiles:?}", best[0] * 1e3);
    }
}
