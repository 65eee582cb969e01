//! Points of published curves, read off figures or printed: files in `published`, which name the figure and the curve.

/// A paper whose curves are held here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// Lee et al. 2019, Wide neural networks of any depth evolve as linear models under gradient descent, arXiv 1902.06720v3.
    Lee,
    /// Jacot, Gabriel, Hongler 2018, Neural tangent kernel: convergence and generalization in neural networks, arXiv 1806.07572,
    /// and a reimplementation of its Fig. 1 in numpy.
    Jacot,
    /// What the notebooks of neural-tangents print: Novak et al. 2020, Neural tangents: fast and easy infinite neural networks in
    /// python, arXiv 1912.02803.
    Novak,
}

impl Paper {
    /// The points of `curve` in `figure`.
    ///
    /// # Panics
    /// If it is not in the file.
    #[track_caller]
    pub fn curve(self, figure: &str, curve: &str) -> Vec<(f64, f64)> {
        let file = match self {
            Self::Lee => include_str!("../published/lee_2019.csv"),
            Self::Jacot => include_str!("../published/jacot_2018.csv"),
            Self::Novak => include_str!("../published/novak_2020.csv"),
        };
        let rows = csv::Reader::from_reader(file.as_bytes()).into_deserialize();
        let rows = rows.map(|row: Result<(String, String, f64, f64), _>| row.expect("a row is a point"));
        let points: Vec<_> =
            rows.filter(|row| row.0 == figure && row.1 == curve).map(|row| (row.2, row.3)).collect();
        assert!(!points.is_empty(), "no curve {curve:?} of figure {figure:?}");
        points
    }
}
