//! How kernels of random networks converge to those of infinite width. (Lee et al. 2019, Figs S9 and S10.)
//!
//! Relu networks with one or three hidden layers of n units, on inputs from N(0, 1) with 1024 components. Kernels are averaged over
//! M networks: Θ, the tangent kernel of one output, and K, the covariance of the last hidden units. Shown are
//! ‖Θ(M, n) − Θ‖_F/‖Θ‖_F and the same of K, which fall like (nM)^{−1/2}. Averages over the first 1, 2, 4, … networks come from one
//! sequence of them; errors of a single network are means over the first 16 of the sequence.
//!
//! The paper leaves open σ_w, σ_b and the number of inputs. Here σ_w² = 2, σ_b = 0, and 20 inputs. Drawing n M networks is what takes
//! time, so n M ends at 2¹⁸ (of three hidden layers, n² M at 2²⁹), in the paper at 2²⁰ and 2²⁴.
//!
//! `cargo run --release -p examples --example lee_fig_s9 -- [--full] [--out FOLDER]`
use std::process::ExitCode;

use cotangent::kernels::measures::relative_change;
use cotangent::kernels::{Average, Infinite};
use cotangent::prelude::*;
use examples::{Curves, Failure, Paper, Quantity, Study, Within, panel, series};
use figure::{Axes, Style};
use serde::{Deserialize, Serialize};

const INPUTS: usize = 1024;

/// A sequence of so many networks.
#[derive(Serialize)]
struct Point {
    depth: usize,
    width: usize,
    networks: usize,
    seed: u64,
}

/// Of Θ and of K: errors of single networks, on the geometric mean over 16, and those of means over 1, 2, 4, …
#[derive(Serialize, Deserialize)]
struct Errors {
    single: [f64; 2],
    means: Vec<[f64; 2]>,
}

fn main() -> ExitCode {
    examples::run("lee_fig_s9", "Kernels of random networks: Lee et al. 2019, Figs S9 and S10", study)
}

fn study(study: &mut Study) -> Result<(), Failure> {
    let threads = Threads::available();
    let (last, budget, seeds) = study.either((12, 18, 3), (5, 6, 2));
    let networks = |depth, log: u32| match depth {
        1 => 1 << (budget - log).min(12),
        _ => 1 << (budget + 11 - 2 * log).min(8),
    };
    let sequence = |depth, first: u32, seed| {
        (first..=last).map(move |log| Point { depth, width: 1 << log, networks: networks(depth, log), seed })
    };
    let points: Vec<Point> =
        (0..seeds).flat_map(|seed| sequence(1, 0, seed).chain(sequence(3, 3, seed))).collect();
    let numbers = |point: &Point| point.width * (INPUTS + (point.depth - 1) * point.width);
    let cost = |point: &Point| (point.networks * (numbers(point) + 20_000)) as f64;
    let errors = study.measure(&points, cost, |&Point { depth, width, networks, seed }, done| {
        // The parameters of a wide linear layer are as good a source of normal numbers as any.
        let x: Vec<f32> =
            Network::new(Dense { width: 20, scaling: Scaling::ntk(1.0, 0.0) }, [INPUTS]).init(seed);
        let x = &x[..20 * INPUTS];
        let scaling = Scaling::ntk(2.0_f64.sqrt(), 0.0);
        let layer = |layers: Serial, _| layers.then(Dense { width, scaling }).then(Activation::Relu);
        let hidden = || (0..depth).fold(Serial::new(), layer);
        let units = Network::new(hidden(), [INPUTS]);
        let network = Network::new(hidden().then(Dense { width: 1, scaling }), [INPUTS]);
        let limits = [
            Infinite::new(&network)?.kernels(x, None, &threads).ntk,
            Infinite::new(&units)?.kernels(x, None, &threads).nngp,
        ];
        let (ntk, nngp) = (Empirical::ntk(&network), Empirical::nngp(&units));

        let (mut averages, mut singles, mut means) = (None::<[Average<f32>; 2]>, [0.0; 2], Vec::new());
        let first = (seed << 32) + ((depth * width) << 12) as u64;
        for count in 1..=networks {
            let theta: Vec<f32> = network.init(first + count as u64);
            let of_units = &theta[..units.parameters().len()];
            let kernels = [(&ntk, &theta[..]), (&nngp, of_units)]
                .map(|(kernel, theta)| kernel.kernel(Kind::Trace, theta, x, None, &threads));
            let errors = |kernels: [&Kernel<f32>; 2]| {
                [0, 1].map(|i| relative_change(kernels[i].matrix(), limits[i].matrix()))
            };
            if count <= 16 {
                let errors = errors(kernels.each_ref());
                singles.iter_mut().zip(errors).for_each(|(single, error)| *single += error.ln());
            }
            match &mut averages {
                Some(averages) => {
                    averages.iter_mut().zip(&kernels).for_each(|(mean, kernel)| mean.add(kernel));
                }
                none => *none = Some(kernels.map(Average::new)),
            }
            if let Some(averages) = averages.as_ref().filter(|_| count.is_power_of_two()) {
                means.push(errors(averages.each_ref().map(Average::mean)));
            }
            done(count as f64 / networks as f64);
        }
        let single = singles.map(|single| (single / networks.min(16) as f64).exp());
        Ok(Errors { single, means })
    })?;

    // Against n, where there are so many networks: of single ones, or of the mean over 2^`log`.
    let found = |depth: usize, which: usize, log: Option<usize>| {
        let mine = points.iter().zip(&errors).filter(move |(point, _)| point.depth == depth);
        Curves::of(mine.filter_map(|(point, errors)| {
            let error = log.map_or(Some(&errors.single), |log| errors.means.get(log))?;
            Some((point.seed, point.width as f64, error[which]))
        }))
    };
    let mut quantities = Vec::new();
    let mut hold = |name: &str, seeds, published, within| {
        quantities.push(Quantity::new(name, seeds, published, within));
    };
    let mut panels = Vec::new();
    for (depth, which) in [(1, 0), (1, 1), (3, 0), (3, 1)] {
        let name = ["Θ", "K"][which];
        let of = format!("{name}, L = {depth}");
        let mut curves = Vec::new();
        for (i, log) in [None, Some(4), Some(8)].into_iter().enumerate() {
            let m = log.map_or(1, |log| 1 << log);
            let theirs = Paper::Lee.curve("S9", &format!("{of}, M = {m}"));
            let mine = found(depth, which, log);
            let counted = mine.mean().iter().filter(|point| point.0 >= 8.0).count();
            if counted > 2 {
                let slope = Curves(vec![theirs[..counted].to_vec()]).slopes(0.0)[0];
                let within = Within::Absolute(if depth == 1 { 0.04 } else { 0.1 });
                let slope = (slope * 1e3).round() / 1e3;
                hold(&format!("slope in n: {of}, M = {m}"), mine.slopes(8.0), slope, within);
                curves.push(series(format!("M = {m}"), i, Style::Solid, mine.mean()));
            }
            curves.push(series(format!("M = {m}, paper"), i, Style::Points, theirs));
        }
        panels.push(panel(Axes::Logarithmic, [&of, "width n", "relative error"], curves));
    }

    // Of Θ and one hidden layer, against M: one curve for each width.
    let of_width = |width: usize| {
        let mine = points.iter().zip(&errors).filter(move |(p, _)| (p.depth, p.width) == (1, width));
        Curves::of(mine.flat_map(|(point, errors)| {
            let means = errors.means.iter().enumerate();
            means.map(|(log, error)| (point.seed, (1_u64 << log) as f64, error[0]))
        }))
    };
    let widths: Vec<usize> = (0..=last).map(|log| 1 << log).collect();
    let of_widths: Vec<Curves> = widths.iter().map(|&width| of_width(width)).collect();
    let mean_of_slopes = |seed| of_widths.iter().map(|curves| curves.slopes(0.0)[seed]).sum::<f64>();
    let slopes = (0..seeds as usize).map(|seed| mean_of_slopes(seed) / widths.len() as f64);
    hold("slope in M: Θ, L = 1", slopes.collect(), -0.5, Within::Absolute(0.04));
    let scaled = |seed: usize| {
        let logs = widths.iter().zip(&of_widths).flat_map(|(&width, curves)| {
            curves.0[seed].iter().map(move |(m, error)| (error * (width as f64 * m).sqrt()).ln())
        });
        let logs: Vec<f64> = logs.collect();
        (logs.iter().sum::<f64>() / logs.len() as f64).exp()
    };
    let scaled = (0..seeds as usize).map(scaled).collect();
    hold("error √(nM): Θ, L = 1", scaled, 2.37, Within::Relative(0.1));

    // Where the error, a line between two M on logarithmic axes, is this.
    let crossing = |curve: &[(f64, f64)], level: f64| {
        let pair = curve.windows(2).find(|pair| pair[0].1 >= level && level > pair[1].1)?;
        let part = (pair[0].1 / level).ln() / (pair[0].1 / pair[1].1).ln();
        Some(pair[0].0 * (pair[1].0 / pair[0].0).powf(part))
    };
    let levels = (1..8).map(|level| {
        let at = widths.iter().zip(&of_widths).filter_map(|(&width, curves)| {
            Some((width as f64, crossing(&curves.mean(), 0.5_f64.powi(level))?))
        });
        series(format!("error 1/{}", 1 << level), level as usize, Style::Solid, at.collect())
    });
    panels.insert(
        2,
        panel(
            Axes::Logarithmic,
            ["Θ, L = 1: lines of equal error", "width n", "networks M"],
            levels.collect(),
        ),
    );
    let products = |width: usize, curve: Vec<(f64, f64)>| {
        curve.into_iter().map(move |(m, error)| (width as f64 * m, error))
    };
    let mine = widths.iter().zip(&of_widths).flat_map(|(&width, curves)| products(width, curves.mean()));
    let theirs = [1, 16, 256].into_iter().flat_map(|m| {
        let points = Paper::Lee.curve("S9", &format!("Θ, L = 1, M = {m}"));
        points.into_iter().map(move |(n, error)| (n * f64::from(m), error))
    });
    let ends = Paper::Lee.curve("S10", "ends");
    let law = [1.0, 4096.0 * 4096.0].map(|nm: f64| (nm, 2.3 / nm.sqrt()));
    let curves = vec![
        series("all n and M", 0, Style::Points, mine.collect()),
        series("Lee et al. 2019", 1, Style::Points, theirs.chain(ends).collect()),
        series("2.3/√(nM)", 6, Style::Dashed, law.to_vec()),
    ];
    panels.push(panel(Axes::Logarithmic, ["Θ, L = 1: width times networks", "nM", "relative error"], curves));
    study.finish(&panels, &quantities)
}
