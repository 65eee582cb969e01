//! How the kernels of random networks converge to those of infinite width: ‖Θ̂ − Θ‖_F/‖Θ‖_F falls like width^{−1/2}.
//! (Lee et al. 2019, Fig. S9: one hidden relu layer, inputs from N(0, 1) with 1024 components.)
//!
//! `cargo run --release -p examples --example kernel_convergence [FOLDER]`; with a folder, the figure is written there.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cotangent::kernels::measures::relative_change;
use cotangent::kernels::{Empirical, Infinite};
use cotangent::linearize::PowerLaw;
use cotangent::prelude::*;
use figure::{Panel, Series, Style};

const INPUTS: usize = 1024;
const SEEDS: u64 = 10;
/// The published errors of Θ for one network of each width, 2³ to 2¹².
const PUBLISHED: [f64; 10] = [0.800, 0.511, 0.444, 0.284, 0.210, 0.146, 0.106, 0.0752, 0.0538, 0.0356];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = Threads::available();
    // The parameters of a wide linear layer are as good a source of normal numbers as any.
    let source = Network::new(Dense { width: 20, scaling: Scaling::ntk(1.0, 0.0) }, [INPUTS]);
    let x = &source.init::<f64>(1)[..20 * INPUTS];

    let scaling = Scaling::ntk(2.0_f64.sqrt(), 0.0);
    let hidden = |width| Serial::new().then(Dense { width, scaling }).then(Activation::Relu);
    let readout = |width| Network::new(hidden(width).then(Dense { width: 1, scaling }), [INPUTS]);
    // Of the units themselves: outputs of one network are too few to average over.
    let units = |width| Network::new(hidden(width), [INPUTS]);
    let [theta, k] = [
        Infinite::new(&readout(1))?.kernels(x, None, &threads).ntk,
        Infinite::new(&units(1))?.kernels(x, None, &threads).nngp,
    ];

    println!("{:>6} {:>12} {:>12} {:>12}", "width", "error of Θ", "published", "error of K");
    let (mut errors, mut published) = ([vec![], vec![]], vec![]);
    for (log, of_paper) in (3..).zip(PUBLISHED) {
        let width = 1 << log;
        let kernels = [(Empirical::ntk(&readout(width)), &theta), (Empirical::nngp(&units(width)), &k)];
        let mean = kernels.map(|(finite, limit)| {
            let error = |seed| {
                let kernel = finite.kernel(Kind::Trace, &finite.network().init(seed), x, None, &threads);
                relative_change(kernel.matrix(), limit.matrix())
            };
            (0..SEEDS).map(error).sum::<f64>() / SEEDS as f64
        });
        println!("{width:>6} {:>12.4} {of_paper:>12.4} {:>12.4}", mean[0], mean[1]);
        errors[0].push((f64::from(width as u32), mean[0]));
        errors[1].push((f64::from(width as u32), mean[1]));
        published.push((f64::from(width as u32), of_paper));
    }
    let [of_theta, of_k] = errors.each_ref().map(|points| PowerLaw::fit(points).expect("ten points"));
    println!(
        "\nslope of Θ {:.3} ± {:.3} (published −0.489), of K {:.3} ± {:.3} (published −0.491)",
        of_theta.exponent, of_theta.standard_error, of_k.exponent, of_k.standard_error
    );

    if let Some(folder) = std::env::args().nth(1) {
        let [theta, k] = errors;
        let series = |label: &str, color, style, points| Series { label: label.into(), color, style, points };
        let panel = Panel {
            axes: figure::Axes::Logarithmic,
            title: "One hidden relu layer, 20 inputs from N(0, 1)".into(),
            x_label: "width".into(),
            y_label: "relative error, mean of 10 networks".into(),
            series: vec![
                series("Θ", 0, Style::Solid, theta),
                series("K", 1, Style::Solid, k),
                series("Θ, Lee et al. 2019, one network", 2, Style::Points, published),
            ],
        };
        let stem = std::path::Path::new(&folder).join("kernel_convergence");
        figure::write("Kernels of finite and infinite width", &[panel], &stem)?;
    }
    Ok(())
}
