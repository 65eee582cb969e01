#![allow(warnings)]
use cotangent::kernels::{Infinite, Spectrum};
use cotangent::prelude::*;
use examples::*;
fn main() -> std::process::ExitCode {
    examples::run("x", "x", study)
}
fn study(study: &mut Study) -> Result<(), Failure> {
    let t = Threads::available();
    let g = 64;
    let x: Vec<f32> = (0..g)
        .flat_map(|i| {
            let a = std::f64::consts::TAU * i as f64 / g as f64;
            [a.cos() as f32, a.sin() as f32]
        })
        .collect();
    for h in [3] {
        for (n, m) in [(50, 300), (200, 200), (1000, 60), (5000, 12)] {
            let net = Network::new(mlp(&vec![n; h], 1, Activation::Relu, Scaling::ntk(1.0, 0.1)), [2]);
            let lim: Vec<f64> =
                Infinite::new(&net)?.kernels(&x, None, &t).ntk.values().iter().map(|&v| v as f64).collect();
            let ntk = Empirical::ntk(&net);
            let ks: Vec<Vec<f64>> = (0..m)
                .map(|s| {
                    ntk.kernel(Kind::Trace, &net.init::<f32>(s as u64), &x, None, &t)
                        .values()
                        .iter()
                        .map(|&v| v as f64)
                        .collect()
                })
                .collect();
            let sub = |k: &Vec<f64>, idx: &[usize]| -> Vec<f64> {
                idx.iter()
                    .flat_map(|&i| idx.iter().map(move |&j| (i, j)))
                    .map(|(i, j)| k[i * g + j])
                    .collect()
            };
            let frob = |a: &[f64], b: &[f64]| {
                (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
                    / b.iter().map(|b| b * b).sum::<f64>())
                .sqrt()
            };
            let maxn = |a: &[f64], b: &[f64]| {
                a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0., f64::max)
                    / b.iter().fold(0., |x: f64, y| x.max(y.abs()))
            };
            let mape = |a: &[f64], b: &[f64]| {
                a.iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs()).sum::<f64>() / a.len() as f64
            };
            let all: Vec<usize> = (0..g).collect();
            let measures: Vec<(&str, Box<dyn Fn(&Vec<f64>) -> f64>)> = vec![
                ("frob64", Box::new(|k| frob(k, &lim))),
                ("frob 3pts", Box::new(|k| frob(&sub(k, &[0, 21, 42]), &sub(&lim, &[0, 21, 42])))),
                ("frob 4pts", Box::new(|k| frob(&sub(k, &[0, 16, 32, 48]), &sub(&lim, &[0, 16, 32, 48])))),
                ("row L2", Box::new(|k| frob(&k[..g], &lim[..g]))),
                ("row mape", Box::new(|k| mape(&k[..g], &lim[..g]))),
                ("all mape", Box::new(|k| mape(k, &lim))),
                ("max", Box::new(|k| maxn(k, &lim))),
                ("x0", Box::new(|k| (k[0] / lim[0] - 1.).abs())),
                (
                    "trace",
                    Box::new(|k| {
                        ((0..g).map(|i| k[i * g + i]).sum::<f64>() / (g as f64 * lim[0]) - 1.).abs()
                    }),
                ),
                (
                    "diag rms",
                    Box::new(|k| {
                        ((0..g).map(|i| (k[i * g + i] / lim[0] - 1.).powi(2)).sum::<f64>() / g as f64).sqrt()
                    }),
                ),
                ("mean entry", Box::new(|k| (k.iter().sum::<f64>() / lim.iter().sum::<f64>() - 1.).abs())),
                (
                    "rel to ||K||",
                    Box::new(|k| {
                        (k.iter().zip(&lim).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
                            / k.iter().map(|b| b * b).sum::<f64>())
                        .sqrt()
                    }),
                ),
                (
                    "scale-free",
                    Box::new(|k| {
                        let kk: f64 = k.iter().map(|x| x * x).sum();
                        let ll: f64 = lim.iter().map(|x| x * x).sum();
                        let kl: f64 = k.iter().zip(&lim).map(|(a, b)| a * b).sum();
                        (1. - kl * kl / (kk * ll)).sqrt()
                    }),
                ),
            ];
            let mut d: Vec<f64> = ks
                .iter()
                .flat_map(|k| (0..g).map(move |i| k[i * g + i]))
                .map(|k| (k / lim[0] - 1.).abs())
                .collect();
            d.sort_by(f64::total_cmp);
            let row = |q: &dyn Fn(&[f64]) -> f64| {
                let mut v: Vec<f64> = ks
                    .iter()
                    .flat_map(|k| (0..g).map(|i| q(&k[i * g..(i + 1) * g])).collect::<Vec<_>>())
                    .collect();
                v.sort_by(f64::total_cmp);
                v
            };
            let l1: Vec<f64> = {
                let mut v: Vec<f64> = ks
                    .iter()
                    .flat_map(|k| {
                        (0..g)
                            .map(|i| mape(&k[i * g..(i + 1) * g], &lim[i * g..(i + 1) * g]))
                            .collect::<Vec<_>>()
                    })
                    .collect();
                v.sort_by(f64::total_cmp);
                v
            };
            let l2: Vec<f64> = {
                let mut v: Vec<f64> = ks
                    .iter()
                    .flat_map(|k| {
                        (0..g)
                            .map(|i| frob(&k[i * g..(i + 1) * g], &lim[i * g..(i + 1) * g]))
                            .collect::<Vec<_>>()
                    })
                    .collect();
                v.sort_by(f64::total_cmp);
                v
            };
            let stat = |v: &Vec<f64>| (v.iter().sum::<f64>() / v.len() as f64, v[v.len() / 2]);
            println!("all diag {:?} all rows mape {:?} frob {:?}", stat(&d), stat(&l1), stat(&l2));
            println!("hidden {h} n {n}");
            for (name, f) in &measures {
                let mut v: Vec<f64> = ks.iter().map(|k| f(k)).collect();
                let mean = v.iter().sum::<f64>() / m as f64;
                let sd = (v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (m - 1).max(1) as f64).sqrt();
                v.sort_by(f64::total_cmp);
                let avg = |c: usize| -> f64 {
                    let mut out = vec![];
                    for ch in ks.chunks_exact(c) {
                        let k: Vec<f64> =
                            (0..g * g).map(|i| ch.iter().map(|k| k[i]).sum::<f64>() / c as f64).collect();
                        out.push(f(&k));
                    }
                    out.iter().sum::<f64>() / out.len() as f64
                };
                println!(
                    "  {name:<14} mean {mean:.3} sd {sd:.3} median {:.3}  of mean of 3: {:.3}  of 10: {:.3}",
                    v[m / 2],
                    avg(3),
                    avg(10)
                );
            }
        }
    }
    Ok(())
}
