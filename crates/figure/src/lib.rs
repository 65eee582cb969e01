//! Figures: panels side by side, with logarithmic or linear axes, of curves and heat maps, written as SVG and as PNG.
//!
//! `plotters` draws; the font of the PNG is embedded, so that none is looked for on the machine.

mod colors;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::register_font;

use colors::{Colors, hull};

/// One coordinate system with its curves.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What stands above it.
    pub title: String,
    /// The horizontal and the vertical axis.
    pub axes: [Axis; 2],
    /// The curves, drawn in order.
    pub series: Vec<Series>,
    /// A heat map behind them, with a scale beside it. Its colours are on the scale of the vertical axis.
    pub cells: Vec<Cell>,
}

/// What an axis shows, and how.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What stands beside it.
    pub label: String,
    /// How numbers become places.
    pub scale: Scale,
}

/// How numbers become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By their logarithms. It cannot show what is not positive, and leaves it out.
    Logarithmic,
    /// In proportion.
    Linear,
}

/// A rectangle of a heat map, in the colour of its value. One that scales cannot show is left out.
#[derive(Clone, Debug)]
pub struct Cell {
    /// From left to right.
    pub x: Range<f64>,
    /// From bottom to top.
    pub y: Range<f64>,
    /// What its colour shows.
    pub value: f64,
}

/// One curve. Points that an axis cannot show are left out.
#[derive(Clone, Debug)]
pub struct Series {
    /// What the legend calls it; without a name, it has no line there.
    pub label: String,
    /// An index into the palette, which repeats.
    pub color: usize,
    /// How it is drawn.
    pub style: Style,
    /// Its points (x, y), in order.
    pub points: Vec<(f64, f64)>,
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A line.
    Solid,
    /// A dashed line.
    Dashed,
    /// Its points alone.
    Points,
    /// The area that its points are the outline of, light.
    Band,
}

impl Panel {
    /// Curves under a title, with no heat map.
    pub fn new(title: impl Into<String>, axes: [Axis; 2], series: Vec<Series>) -> Self {
        Self { title: title.into(), axes, series, cells: Vec::new() }
    }

    /// The same with two logarithmic axes, of which these are the labels.
    pub fn logarithmic(title: impl Into<String>, labels: [&str; 2], series: Vec<Series>) -> Self {
        Self::new(title, labels.map(Axis::logarithmic), series)
    }

    /// The same with two linear axes, of which these are the labels.
    pub fn linear(title: impl Into<String>, labels: [&str; 2], series: Vec<Series>) -> Self {
        Self::new(title, labels.map(Axis::linear), series)
    }

    fn shown_cells(&self) -> impl Iterator<Item = &Cell> {
        let [x, y] = self.axes.each_ref().map(|axis| axis.scale);
        let shows = |scale: Scale, side: &Range<f64>| scale.shows(side.start) && scale.shows(side.end);
        self.cells.iter().filter(move |cell| shows(x, &cell.x) && shows(y, &cell.y) && y.shows(cell.value))
    }
}

impl Axis {
    /// A logarithmic one.
    pub fn logarithmic(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Logarithmic }
    }

    /// A linear one.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear }
    }
}

impl Scale {
    fn shows(self, value: f64) -> bool {
        value.is_finite() && (self == Self::Linear || value > 0.0)
    }

    /// What is shown of an axis that shows these values.
    fn range(self, values: &mut dyn Iterator<Item = f64>) -> Range<f64> {
        match self {
            Self::Logarithmic => decades(values),
            Self::Linear => around(values),
        }
    }

    /// Where a value lies in a range, from 0 to 1.
    fn place(self, value: f64, Range { start, end }: &Range<f64>) -> f64 {
        match self {
            Self::Logarithmic => (value / start).ln() / (end / start).ln(),
            Self::Linear => (value - start) / (end - start),
        }
    }

    /// The value that lies there.
    fn value(self, place: f64, Range { start, end }: &Range<f64>) -> f64 {
        match self {
            Self::Logarithmic => start * (end / start).powf(place),
            Self::Linear => start + place * (end - start),
        }
    }

    /// How many thin lines a mesh has between two others.
    fn light_lines(self) -> usize {
        match self {
            Self::Logarithmic => 10,
            Self::Linear => 2,
        }
    }

    fn tick(self, value: f64) -> String {
        match self {
            Self::Logarithmic => power_of_ten(value),
            Self::Linear => short(value),
        }
    }
}

impl Series {
    /// A curve.
    pub fn new(label: impl Into<String>, color: usize, style: Style, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.into(), color, style, points }
    }

    /// A line.
    pub fn line(label: impl Into<String>, color: usize, points: Vec<(f64, f64)>) -> Self {
        Self::new(label, color, Style::Solid, points)
    }

    /// A dashed line.
    pub fn dashed(label: impl Into<String>, color: usize, points: Vec<(f64, f64)>) -> Self {
        Self::new(label, color, Style::Dashed, points)
    }

    /// Points alone.
    pub fn points(label: impl Into<String>, color: usize, points: Vec<(f64, f64)>) -> Self {
        Self::new(label, color, Style::Points, points)
    }
}

/// What the plotting library could not do.
#[derive(Debug)]
pub struct FigureError(String);

impl fmt::Display for FigureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FigureError {}

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for FigureError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}

/// Okabe and Ito's colours, which colour-blind readers can tell apart.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x33, 0x33, 0x33),
];
const PANEL: (u32, u32) = (480, 440);
const FONT: &str = "sans-serif";

/// Writes `stem.svg` and, with two pixels to the unit, `stem.png`: the panels under a title, which may be empty; up to three
/// in a row, more of them in two rows.
///
/// # Errors
/// If a file cannot be written.
pub fn write(title: &str, panels: &[Panel], stem: &Path) -> Result<(), FigureError> {
    register_embedded_font();
    let [rows, columns] = grid(panels.len()).map(|count| u32::try_from(count).unwrap_or(1));
    let (width, height) = (PANEL.0 * columns, PANEL.1 * rows);
    let (svg, png) = (stem.with_extension("svg"), stem.with_extension("png"));
    draw(&SVGBackend::new(&svg, (width, height)).into_drawing_area(), 1, title, panels)?;
    draw(&BitMapBackend::new(&png, (2 * width, 2 * height)).into_drawing_area(), 2, title, panels)
}

fn register_embedded_font() {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        // The only failure is a font that cannot be read, and then text is missing from the PNG.
        let _ = register_font(FONT, FontStyle::Normal, include_bytes!("../font/DejaVuSans-subset.ttf"));
    });
}

/// Rows and columns for so many panels.
fn grid(panels: usize) -> [usize; 2] {
    if panels <= 3 { [1, panels.max(1)] } else { [2, panels.div_ceil(2)] }
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    unit: u32,
    title: &str,
    panels: &[Panel],
) -> Result<(), FigureError> {
    area.fill(&WHITE)?;
    let area = area.margin(8 * unit, 8 * unit, 0, 8 * unit);
    // A title that is longer than the figure is wide is set smaller.
    let size = 19 * unit;
    let (length, _) = area.estimate_text_size(title, &(FONT, size).into_text_style(&area))?;
    let area = area.titled(title, (FONT, size.min(size * area.dim_in_pixel().0 / length.max(1))))?;
    let [rows, columns] = grid(panels.len());
    for (area, panel) in area.split_evenly((rows, columns)).iter().zip(panels) {
        draw_panel(area, unit, panel)?;
    }
    area.present()?;
    Ok(())
}

fn draw_panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    unit: u32,
    panel: &Panel,
) -> Result<(), FigureError> {
    let scales = panel.axes.each_ref().map(|axis| axis.scale);
    let colors = Colors::of(panel);
    let colors = colors.as_ref();
    let area = match colors {
        None => area.clone(),
        Some(colors) => {
            let (map, scale) = area.split_horizontally(area.dim_in_pixel().0 - 84 * unit);
            colors.draw_scale(&scale, unit)?;
            map
        }
    };
    let shown = |&(x, y): &(f64, f64)| scales[0].shows(x) && scales[1].shows(y);
    let points = || panel.series.iter().flat_map(|series| series.points.iter().copied()).filter(shown);
    let of_map = [
        hull(panel.shown_cells().map(|cell| cell.x.clone())),
        hull(panel.shown_cells().map(|cell| cell.y.clone())),
    ];
    let (x, y) = match of_map {
        [Some(x), Some(y)] => (x, y),
        _ => (scales[0].range(&mut points().map(|p| p.0)), scales[1].range(&mut points().map(|p| p.1))),
    };
    let mut places = Vec::new();
    for series in &panel.series {
        let shown = series.points.iter().copied().filter(shown);
        let ends: Vec<(f64, f64)> =
            shown.map(|p| (scales[0].place(p.0, &x), scales[1].place(p.1, &y))).collect();
        places.extend(&ends);
        if series.style != Style::Points {
            places.extend(ends.windows(2).flat_map(|pair| between(pair[0], pair[1])));
        }
    }
    let labels = panel.series.iter().map(|series| &series.label[..]).filter(|label| !label.is_empty());
    let legend = emptiest_place(&places, &labels.collect::<Vec<_>>());
    let mut builder = ChartBuilder::on(&area);
    builder
        .caption(&panel.title, (FONT, 16 * unit))
        .margin(10 * unit)
        .x_label_area_size(42 * unit)
        .y_label_area_size(62 * unit);
    match scales {
        [Scale::Logarithmic, Scale::Logarithmic] => draw_series(
            builder.build_cartesian_2d(x.log_scale(), y.log_scale())?,
            unit,
            panel,
            colors,
            legend,
            &shown,
        ),
        [Scale::Logarithmic, Scale::Linear] => {
            draw_series(builder.build_cartesian_2d(x.log_scale(), y)?, unit, panel, colors, legend, &shown)
        }
        [Scale::Linear, Scale::Logarithmic] => {
            draw_series(builder.build_cartesian_2d(x, y.log_scale())?, unit, panel, colors, legend, &shown)
        }
        [Scale::Linear, Scale::Linear] => {
            draw_series(builder.build_cartesian_2d(x, y)?, unit, panel, colors, legend, &shown)
        }
    }
}

/// Draws the mesh, the heat map, the curves and the legend.
fn draw_series<'a, B, X, Y>(
    mut chart: ChartContext<'a, B, Cartesian2d<X, Y>>,
    unit: u32,
    panel: &Panel,
    colors: Option<&Colors>,
    legend: SeriesLabelPosition,
    shown: &dyn Fn(&(f64, f64)) -> bool,
) -> Result<(), FigureError>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64> + 'a,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64> + 'a,
    B: DrawingBackend + 'a,
{
    let [x, y] = &panel.axes;
    chart
        .configure_mesh()
        .x_desc(&x.label)
        .y_desc(&y.label)
        .x_label_formatter(&|value| x.scale.tick(*value))
        .y_label_formatter(&|value| y.scale.tick(*value))
        .label_style((FONT, 13 * unit))
        .axis_desc_style((FONT, 14 * unit))
        .bold_line_style(RGBColor(0xd8, 0xd8, 0xd8).stroke_width(unit))
        .light_line_style(RGBColor(0xf3, 0xf3, 0xf3).stroke_width(unit))
        .axis_style(BLACK.stroke_width(unit))
        .x_max_light_lines(x.scale.light_lines())
        .y_max_light_lines(y.scale.light_lines())
        .draw()?;
    if let Some(colors) = colors {
        chart.draw_series(panel.shown_cells().map(|cell| {
            Rectangle::new([(cell.x.start, cell.y.start), (cell.x.end, cell.y.end)], colors.color(cell.value))
        }))?;
    }
    let pixels = unit.cast_signed();
    for series in &panel.series {
        let color = PALETTE[series.color % PALETTE.len()];
        let line = color.stroke_width(2 * unit);
        let curve = series.points.iter().copied().filter(|point| shown(point));
        let (dash, gap) = (6 * unit, 4 * unit);
        let drawn = match series.style {
            Style::Solid => chart.draw_series(LineSeries::new(curve, line))?,
            Style::Dashed => chart.draw_series(DashedLineSeries::new(curve, dash, gap, line))?,
            Style::Band => {
                let outline: Vec<_> = curve.collect();
                chart.draw_series(std::iter::once(Polygon::new(outline, color.mix(0.2).filled())))?
            }
            Style::Points => {
                chart.draw_series(curve.map(|point| Circle::new(point, 4 * unit, color.filled())))?
            }
        };
        if series.label.is_empty() {
            continue;
        }
        let style = series.style;
        drawn.label(&series.label).legend(move |(x, y)| {
            let ends = [(x, y), (x + 24 * pixels, y)];
            let corners = [(x, y - 4 * pixels), (x + 24 * pixels, y + 4 * pixels)];
            match style {
                Style::Solid => PathElement::new(ends, line).into_dyn(),
                Style::Dashed => DashedPathElement::new(ends, dash, gap, line).into_dyn(),
                Style::Band => Rectangle::new(corners, color.mix(0.2).filled()).into_dyn(),
                Style::Points => Circle::new((x + 12 * pixels, y), 4 * unit, color.filled()).into_dyn(),
            }
        });
    }
    if panel.series.iter().all(|series| series.label.is_empty()) {
        return Ok(());
    }
    chart
        .configure_series_labels()
        .position(legend)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(0xc8, 0xc8, 0xc8))
        .label_font((FONT, 13 * unit))
        .legend_area_size(30 * unit)
        .margin(8 * unit)
        .draw()?;
    Ok(())
}

/// From the least to the largest value, and a little beyond.
fn around(values: &mut dyn Iterator<Item = f64>) -> Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    match high - low {
        width if width > 0.0 && width.is_finite() => low - 0.05 * width..high + 0.05 * width,
        _ if low.is_finite() => low - 1.0..low + 1.0,
        _ => 0.0..1.0,
    }
}

/// A number without the digits that come of rounding.
fn short(x: f64) -> String {
    let text = format!("{x:.6}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".into(),
        text => text.into(),
    }
}

/// Some points of the way from one to another.
fn between(a: (f64, f64), b: (f64, f64)) -> impl Iterator<Item = (f64, f64)> {
    (1..16).map(|i| f64::from(i) / 16.0).map(move |t| (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)))
}

/// Where at the border a legend with these lines covers the fewest of the points, given as fractions of the axes.
#[allow(clippy::cast_precision_loss, reason = "a legend has few lines, and they are short")]
fn emptiest_place(points: &[(f64, f64)], labels: &[&str]) -> SeriesLabelPosition {
    let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let (width, height) = (0.14 + 0.017 * longest as f64, 0.06 + 0.05 * labels.len() as f64);
    // Where along each axis it stands: at its beginning, in the middle or at its end.
    let places = [
        (SeriesLabelPosition::LowerRight, 2, 0),
        (SeriesLabelPosition::LowerLeft, 0, 0),
        (SeriesLabelPosition::UpperRight, 2, 2),
        (SeriesLabelPosition::UpperLeft, 0, 2),
        (SeriesLabelPosition::MiddleRight, 2, 1),
        (SeriesLabelPosition::MiddleLeft, 0, 1),
        (SeriesLabelPosition::UpperMiddle, 1, 2),
        (SeriesLabelPosition::LowerMiddle, 1, 0),
    ];
    let covered = |along: u32, up: u32| {
        let inside = |at: f64, place: u32, size: f64| {
            let start = 0.5 * f64::from(place) * (1.0 - size);
            (start..=start + size).contains(&at)
        };
        points.iter().filter(|(x, y)| inside(*x, along, width) && inside(*y, up, height)).count()
    };
    let best = places.into_iter().min_by_key(|&(_, along, up)| covered(along, up));
    best.map_or(SeriesLabelPosition::LowerRight, |best| best.0)
}

/// The whole decades around some positive numbers.
fn decades(values: &mut dyn Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return 1.0..10.0;
    }
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    // A hair more, lest the ticks at the ends be rounded away.
    10_f64.powf(low - 1e-9)..10_f64.powf(high.max(low + 1.0) + 1e-9)
}

/// 0.1, 1, 10, 100, otherwise 10ⁿ, or a digit times that.
fn power_of_ten(x: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "an exponent of ten")]
    let exponent = (x.log10() + 1e-6).floor() as i32;
    if (-1..3).contains(&exponent) {
        return short(x);
    }
    let digit = |c: char| c.to_digit(10).and_then(|d| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(d as usize)).unwrap_or('⁻');
    let power: String = exponent.to_string().chars().map(digit).collect();
    match (x / 10_f64.powi(exponent)).round() {
        one if one <= 1.0 => format!("10{power}"),
        times => format!("{times}·10{power}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_are_smaller() {
        register_embedded_font();
        let size = |title: &str| {
            let mut svg = String::new();
            draw(&SVGBackend::with_string(&mut svg, PANEL).into_drawing_area(), 1, title, &[])
                .expect("drawn");
            let (_, rest) = svg.split_once("font-size=\"").expect("a title");
            rest.split('"').next().and_then(|size| size.parse::<f64>().ok()).expect("a number")
        };
        assert_eq!(size("of a few words"), size("x"));
        let [some, more] = [60, 120].map(|count| size(&"x".repeat(count)));
        assert!(more < 0.6 * some && some < size("x"), "{some}, {more}");
    }

    /// Heat maps of one value, of none that can be shown, and beside values that cannot.
    #[test]
    fn maps_of_any_values() {
        register_embedded_font();
        let cell = |i: i32, value| Cell { x: f64::from(i)..f64::from(i + 1), y: 1.0..2.0, value };
        for values in [&[2.0][..], &[2.0, 2.0], &[-1.0], &[f64::NAN, 0.0, 3.0, 0.001]] {
            let cells = (1..).zip(values).map(|(i, value)| cell(i, *value)).collect();
            let panel = Panel { cells, ..Panel::logarithmic("map", ["x", "y"], vec![]) };
            let mut svg = String::new();
            draw(&SVGBackend::with_string(&mut svg, PANEL).into_drawing_area(), 1, "", &[panel])
                .expect("drawn");
            assert!(svg.contains("map"), "{svg}");
        }
    }
}
