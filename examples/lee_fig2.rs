//! What an ensemble of networks predicts while it learns, beside its limit of infinite width in closed form. (Lee et al. 2019,
//! Fig. 2.)
//!
//! Three hidden tanh layers, σ_w² = 1.5, no biases, learn 128 images of two classes, ±1, by gradient descent on all of them at rate
//! 0.5 on the mean square error. Shown is what 100 networks say between and beyond two images of different class, x(α) = α x₁ +
//! (1 − α) x₂, before training and after 16, 256 and 65536 steps: mean and two standard deviations, of networks and in the limit
//! (Eqs 14 to 16); in the end also the posterior of the Gaussian process whose covariance is that of the networks before training.
//! Whether networks are draws from the limit is judged by z, differences of their means and covariances in units of their
//! standard errors.
//!
//! The paper leaves open the data and their scale. Here they are horses and planes of CIFAR-10, its other task of two classes, as
//! in Fig. 3. All x and x(α) have ‖x‖² = their length: had they not, the published band would not be flat before training. The
//! square has no ½: with it, the band would be twice as wide after 256 steps at examples that are trained on. Networks have 768
//! units in each layer, in the paper 8192; what that changes is in `lee_fig2_widths`.
//!
//! `cargo run --release -p examples --example lee_fig2 -- [--full --data FOLDER] [--out FOLDER]`
use std::process::ExitCode;

use examples::ensemble::{Choice, Point, TIMES, alphas};
use examples::{Failure, Moments, Paper, Set, Study, Within};

/// Where the paper is read: on both sides, places of ours and points of its curves.
const PLACES: [(&str, [usize; 2], [usize; 2]); 3] = [
    ("at the ends", [1, 99], [0, 6]),
    ("near the images", [40, 60], [2, 4]),
    ("at α = 0.5", [50; 2], [3; 2]),
];

fn study(study: &mut Study) -> Result<(), Failure> {
    let (width, [choices, trained], count) = study.either((768, [10, 3], 100), (32, [3, 2], 20));
    let images = study.images(Set::Cifar10)?;
    let choices = (0..choices).map(|seed| Choice::new(&images, seed)).collect::<Result<Vec<_>, _>>()?;
    let points = Point::all(trained, &[width], count);
    let found =
        study.measure(points, |_| 1.0, |point, done| choices[point.images as usize].follow(point, done))?;

    let steps = TIMES.into_iter().map(|count| (format!("{count} steps"), Some(count)));
    for (time, (when, steps)) in steps.chain([("posterior".into(), None)]).enumerate() {
        let limit = |choice: &Choice| steps.map_or_else(|| choice.posterior(), |count| choice.limit(count));
        let limits = choices.iter().map(limit).collect::<Result<Vec<_>, _>>()?;
        let [means, bands] = ["mean", "2 sd"].map(|what| Paper::Lee.curve("2", &format!("{what}, {when}")));
        let mut hold = |what: &str, published, of: &dyn Fn(&Moments) -> f64| {
            let found = limits.iter().map(of).collect();
            study.hold(format!("{when}: {what}"), found, published, Within::Factor(1.25));
        };
        if time > 0 {
            let published = 0.5 * (means[0].1 - means[6].1);
            hold("±mean at the ends", published, &|m| 0.5 * (m.at(1, 0.0)[0] - m.at(99, 0.0)[0]));
        }
        for (place, ours, [i, j]) in PLACES {
            let published = 0.5 * (bands[i].1 + bands[j].1);
            hold(&format!("2 sd {place}"), published, &|m| ours.map(|i| m.at(i, 1.0)[1]).iter().sum());
        }

        let ensemble = |images| {
            let mine = found.of(|point| point.images == images);
            Moments::of(&mine.values().map(|seen| &seen.outputs[time][..]).collect::<Vec<_>>())
        };
        let ensembles: Vec<Moments> = steps.map_or(vec![], |_| (0..trained).map(ensemble).collect());
        let scores = limits.iter().zip(&ensembles).map(|(limit, ensemble)| limit.scores(ensemble, 0.05));
        let (means_of, covariances_of) = scores.map(|[means, covariances]| (means, covariances)).unzip();
        if steps.is_some() {
            study.note(format!("{when}: rms z of means"), means_of);
            study.note(format!("{when}: rms z of covariances"), covariances_of);
        }
        study.show(limits[0].panel(&when, "α", &alphas(), ensembles.first(), [&means, &bands]));
    }
    Ok(())
}

fn main() -> ExitCode {
    examples::run("lee_fig2", "An ensemble of networks and its limit: Lee et al. 2019, Fig. 2", study)
}
