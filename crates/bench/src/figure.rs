//! The figure of `bench growth`: milliseconds in two panels, each with a line of slope 1, as SVG and as PNG.
//!
//! It looks like those of `cotangent compare`, and embeds the same font.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::register_font;

/// Timings against something; both axes are logarithmic.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) x_label: &'static str,
    /// What varies, and milliseconds; from left to right, all positive.
    pub(crate) points: Vec<(f64, f64)>,
}

/// What the plotting library could not do.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for Failure {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}

const MEASURED: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const SLOPE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
const FONT: &str = "sans-serif";
const PANEL: (u32, u32) = (480, 440);

/// Writes the panels side by side; the PNG has two pixels to the unit.
pub(crate) fn write(panels: &[Panel; 2], svg: &Path, png: &Path) -> Result<(), Failure> {
    // The only failure is a font that cannot be read, and then text is missing from the PNG.
    _ = register_font(FONT, FontStyle::Normal, include_bytes!("../../cli/font/DejaVuSans-subset.ttf"));
    let size = |unit| (2 * PANEL.0 * unit, PANEL.1 * unit);
    draw(&SVGBackend::new(svg, size(1)).into_drawing_area(), 1, panels)?;
    draw(&BitMapBackend::new(png, size(2)).into_drawing_area(), 2, panels)
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    unit: u32,
    panels: &[Panel; 2],
) -> Result<(), Failure> {
    area.fill(&WHITE)?;
    let title = "One training step: 3 hidden relu layers, 784 inputs, f32";
    let inner = area.margin(8 * unit, 8 * unit, 0, 8 * unit).titled(title, (FONT, 19 * unit))?;
    for (area, panel) in inner.split_evenly((1, 2)).iter().zip(panels) {
        draw_panel(area, unit, panel)?;
    }
    area.present()?;
    Ok(())
}

fn draw_panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    unit: u32,
    panel: &Panel,
) -> Result<(), Failure> {
    let measured = || panel.points.iter().copied();
    let slope = proportional(&panel.points);
    let shown = || measured().chain(slope);
    let (x, y) = (decades(shown().map(|p| p.0)), decades(shown().map(|p| p.1)));
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, (FONT, 16 * unit))
        .margin(10 * unit)
        .x_label_area_size(42 * unit)
        .y_label_area_size(62 * unit)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .x_desc(panel.x_label)
        .y_desc("ms per step")
        .x_label_formatter(&power_of_ten)
        .y_label_formatter(&power_of_ten)
        .label_style((FONT, 13 * unit))
        .axis_desc_style((FONT, 14 * unit))
        .bold_line_style(RGBColor(0xd8, 0xd8, 0xd8).stroke_width(unit))
        .light_line_style(RGBColor(0xf3, 0xf3, 0xf3).stroke_width(unit))
        .axis_style(BLACK.stroke_width(unit))
        .draw()?;

    let sample = move |x: i32, y: i32| [(x, y), (x + 24 * unit.cast_signed(), y)];
    let (line, dash, gap) = (SLOPE.stroke_width(2 * unit), 6 * unit, 4 * unit);
    chart
        .draw_series(DashedLineSeries::new(slope, dash, gap, line))?
        .label("slope 1")
        .legend(move |(x, y)| DashedPathElement::new(sample(x, y), dash, gap, line));
    let (line, radius) = (MEASURED.stroke_width(2 * unit).filled(), 4 * unit);
    chart.draw_series(LineSeries::new(measured(), line).point_size(radius))?.label("measured").legend(
        move |at| {
            let point = Circle::new((12 * unit.cast_signed(), 0), radius, line);
            EmptyElement::at(at) + PathElement::new(sample(0, 0), line) + point
        },
    );
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(0xc8, 0xc8, 0xc8))
        .label_font((FONT, 13 * unit))
        .legend_area_size(30 * unit)
        .margin(8 * unit)
        .draw()?;
    Ok(())
}

/// The line through the last point on which y is proportional to x, from the first x on.
fn proportional(points: &[(f64, f64)]) -> [(f64, f64); 2] {
    let (first, last) = (points[0], points[points.len() - 1]);
    [(first.0, last.1 * first.0 / last.0), last]
}

/// The whole decades around some positive numbers.
fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    // A little more, since plotters may round the ends themselves, and their labels, out of the range.
    10_f64.powf(low.log10().floor()) * (1.0 - 1e-9)..10_f64.powf(high.log10().ceil()) * (1.0 + 1e-9)
}

/// 0.1, 1, 10, 100, above them 10ⁿ.
fn power_of_ten(x: &f64) -> String {
    let exponent = x.log10().round().max(0.0) as usize;
    match "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(exponent) {
        Some(superscript) if exponent > 2 => format!("10{superscript}"),
        _ => format!("{x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_slope_1_end_at_the_last_point() {
        assert_eq!(proportional(&[(1.0, 3.0), (2.0, 3.5), (8.0, 4.0)]), [(1.0, 0.5), (8.0, 4.0)]);
    }

    #[test]
    fn axes_have_whole_decades() {
        let range = decades([0.3, 20.0, 5.0].into_iter());
        assert!(range.contains(&0.1) && !range.contains(&0.0999));
        assert!(range.contains(&100.0) && !range.contains(&100.1));
        assert_eq!([0.1, 100.0, 1e3, 1e8].map(|x| power_of_ten(&x)), ["0.1", "100", "10³", "10⁸"]);
    }
}
