//! The table of a comparison, in Markdown.

use std::fmt;

use crate::machine;

/// The line above the table.
pub(crate) const BEGIN: &str = "<!-- table -->";
/// The line below it.
pub(crate) const END: &str = "<!-- /table -->";

/// What was measured.
#[derive(Debug)]
pub(crate) struct Report {
    /// Names of the rows, and the floating-point operations that each needs.
    pub(crate) rows: Vec<(String, usize)>,
    /// Names of the programs, ours first.
    pub(crate) titles: Vec<String>,
    pub(crate) rounds: Vec<Round>,
    /// How it was called.
    pub(crate) command: String,
}

/// What was measured at about one time.
#[derive(Debug)]
pub(crate) struct Round {
    /// The GEMM limit, in floating-point operations a second.
    pub(crate) limit: f64,
    /// Seconds by program and row.
    pub(crate) seconds: Vec<Vec<f64>>,
}

/// The middle, and both ends.
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Report {
    /// How a figure is spread over the rounds.
    fn spread(&self, figure: impl Fn(&Round) -> f64) -> Spread {
        let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let n = figures.len();
        let median = f64::midpoint(figures[(n - 1) / 2], figures[n / 2]);
        Spread { least: figures[0], median, most: figures[n - 1] }
    }

    /// How many times as long as ours the fastest peer takes, and which it is.
    fn best_peer(&self, row: usize) -> Option<(Spread, &str)> {
        let peers = self.titles.iter().enumerate().skip(1).map(|(peer, title)| {
            (self.spread(|round| round.seconds[peer][row] / round.seconds[0][row]), title.as_str())
        });
        peers.min_by(|(a, _), (b, _)| a.median.total_cmp(&b.median))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { least, median, most } = self.spread(|round| round.limit / 1e9);
        let commit = machine::commit().map(|commit| format!(" at {commit}")).unwrap_or_default();
        let rounds =
            if self.rounds.len() == 1 { "one round" } else { &format!("{} rounds", self.rounds.len()) };
        writeln!(
            f,
            "{}, on {}. Cotangent{commit}; {rounds}; GEMM limit {median:.0} GF/s ({least:.0} to {most:.0}).",
            machine::processor(),
            machine::date(),
        )?;
        writeln!(f, "\n```sh\n{}\n```\n", self.command)?;

        let ours = &self.titles[0];
        write!(f, "| ms | {ours} | of the GEMM limit |")?;
        self.titles.iter().skip(1).try_for_each(|title| write!(f, " {title} |"))?;
        let peers = self.titles.len() - 1;
        if peers > 0 {
            write!(f, " best peer / {ours} |")?;
        }
        writeln!(f, "\n|---|{}", "--:|".repeat(2 + peers + usize::from(peers > 0)))?;
        for (row, (name, flops)) in self.rows.iter().enumerate() {
            let ms = |program: usize| figure(self.spread(|round| 1e3 * round.seconds[program][row]).median);
            let share = self.spread(|round| *flops as f64 / round.limit / round.seconds[0][row]).median;
            write!(f, "| {name} | {} | {:.0} % |", ms(0), 100.0 * share)?;
            (1..=peers).try_for_each(|peer| write!(f, " {} |", ms(peer)))?;
            if let Some((Spread { least, median, most }, title)) = self.best_peer(row) {
                let (bold, word) = if median < 1.0 { ("**", "slower than ") } else { ("", "") };
                write!(f, " {bold}{median:.2}{bold} ({least:.2} to {most:.2}), {word}{title} |")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Three digits that count.
fn figure(x: f64) -> String {
    let decimals = (2.0 - x.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{x:.decimals$}")
}

/// The page with `text` between the markers, and the rest of it as it was; `None` if it lacks them.
pub(crate) fn splice(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{text}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(titles: &[&str], seconds: &[&[f64]]) -> String {
        let seconds = seconds.iter().map(|of| vec![of.to_vec()]);
        let rounds = [1.0, 1.1, 1.3].map(|slow| Round {
            limit: 4e11 / slow,
            seconds: seconds.clone().map(|of| of[0].iter().map(|s| s * slow).collect()).collect(),
        });
        let report = Report {
            rows: vec![("m.vjp".into(), 1_000_000_000), ("m.jvp".into(), 2_000_000_000)],
            titles: titles.iter().map(ToString::to_string).collect(),
            rounds: rounds.into(),
            command: "bench compare".into(),
        };
        report.to_string()
    }

    #[test]
    fn tables_tell_who_is_faster() {
        let text = report(&["Ours", "A 1", "B 2"], &[&[0.005, 0.010], &[0.006, 0.009], &[0.02, 0.03]]);
        assert!(text.contains("GEMM limit 364 GF/s (308 to 400)."), "{text}");
        assert!(text.ends_with(
            "| ms | Ours | of the GEMM limit | A 1 | B 2 | best peer / Ours |
|---|--:|--:|--:|--:|--:|
| m.vjp | 5.50 | 50 % | 6.60 | 22.0 | 1.20 (1.20 to 1.20), A 1 |
| m.jvp | 11.0 | 50 % | 9.90 | 33.0 | **0.90** (0.90 to 0.90), slower than A 1 |
"
        ));
    }

    #[test]
    fn absent_peers_have_no_columns() {
        let text = report(&["Ours"], &[&[0.005, 0.0001]]);
        assert!(
            text.contains("| ms | Ours | of the GEMM limit |\n|---|--:|--:|\n| m.vjp | 5.50 | 50 % |\n"),
            "{text}"
        );
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(
            [0.05478, 1.0, 46.34, 123.4, 5678.0].map(figure),
            ["0.0548", "1.00", "46.3", "123", "5678"]
        );
    }

    #[test]
    fn splicing_leaves_the_rest() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = splice(&page, "new\n").expect("it has markers");
        assert_eq!(new, format!("before\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert_eq!(splice(&new, "new\n").as_ref(), Some(&new));
        assert_eq!(splice("no markers", "new"), None);
    }
}
