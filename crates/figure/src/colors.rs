//! The colours of heat maps, and the scale beside them.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::colors::colormaps::ViridisRGB;

use crate::{FONT, FigureError, Panel, Scale};

/// From the first beginning to the last end of some ranges, if there are any.
pub(crate) fn hull(ranges: impl Iterator<Item = Range<f64>>) -> Option<Range<f64>> {
    ranges.reduce(|all, range| all.start.min(range.start)..all.end.max(range.end))
}

/// Which colour of a heat map stands for which value.
pub(crate) struct Colors {
    range: Range<f64>,
    scale: Scale,
}

impl Colors {
    /// Those of the cells that are shown, if there are any.
    pub(crate) fn of(panel: &Panel) -> Option<Self> {
        let range = hull(panel.shown_cells().map(|cell| cell.value..cell.value))?;
        Some(Self { range, scale: panel.axes[1].scale })
    }

    pub(crate) fn color(&self, value: f64) -> ShapeStyle {
        let place = self.scale.place(value, &self.range);
        // Of a single value, no place is known.
        ViridisRGB::get_color(if place.is_nan() { 0.5 } else { place }).filled()
    }

    /// Draws all colours, one above the other, and their values.
    pub(crate) fn draw_scale<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        unit: u32,
    ) -> Result<(), FigureError> {
        const STEPS: u32 = 128;
        let mut builder = ChartBuilder::on(area);
        builder.margin(10 * unit).margin_top(36 * unit).margin_bottom(52 * unit).y_label_area_size(48 * unit);
        let mut chart = builder.build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        let steps = (0..STEPS).map(|i| [i, i + 1].map(|i| f64::from(i) / f64::from(STEPS)));
        chart.draw_series(steps.map(|[low, high]| {
            let value = self.scale.value(0.5 * (low + high), &self.range);
            Rectangle::new([(0.0, low), (1.0, high)], self.color(value))
        }))?;
        chart
            .configure_mesh()
            .disable_mesh()
            .disable_x_axis()
            .y_labels(6)
            .y_label_formatter(&|place| two_digits(self.scale.value(*place, &self.range)))
            .label_style((FONT, 13 * unit))
            .axis_style(BLACK.stroke_width(unit))
            .draw()?;
        Ok(())
    }
}

/// A number in two significant digits.
fn two_digits(x: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number of digits")]
    let digits = (1.0 - x.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{x:.digits$}")
}
