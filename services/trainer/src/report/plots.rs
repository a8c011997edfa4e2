//! The report's pictures, as SVG text.

use plotters::prelude::*;

use super::importance::Importance;
use crate::booster::Curve;
use crate::metrics::Bin;

/// A picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the {picture} plot: {problem}")]
pub struct PlotError {
    picture: &'static str,
    problem: String,
}

const SIZE: (u32, u32) = (640, 420);
const MODEL: RGBColor = RGBColor(31, 119, 180);
const OTHER: RGBColor = RGBColor(255, 127, 14);

/// Predicted against observed shares; a dot per bin, the diagonal is perfection.
pub(super) fn calibration(curves: &[(&str, &[Bin])]) -> Result<String, PlotError> {
    drawn("calibration", |area| {
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .caption("Calibration", ("sans-serif", 18))
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        chart.configure_mesh().x_desc("predicted probability").y_desc("share of battles won").draw()?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], BLACK.mix(0.3)))?;
        for ((name, bins), colour) in curves.iter().zip([MODEL, OTHER]) {
            let points: Vec<_> =
                bins.iter().filter(|b| b.weight > 0.0).map(|b| (b.predicted, b.happened)).collect();
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour))?
                .label((*name).to_owned())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
            chart.draw_series(points.into_iter().map(|p| Circle::new(p, 3, colour.filled())))?;
        }
        chart.configure_series_labels().border_style(BLACK.mix(0.3)).background_style(WHITE).draw()?;
        Ok(())
    })
}

/// Log loss after each tree.
pub(super) fn learning_curve(curve: &Curve) -> Result<String, PlotError> {
    let rounds = curve.judging.len().max(1);
    let values = || curve.training.iter().chain(&curve.judging).copied();
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    drawn("learning-curve", |area| {
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .caption("Learning curve", ("sans-serif", 18))
            .build_cartesian_2d(1.0..rounds as f64, (low * 0.98)..(high * 1.02))?;
        chart.configure_mesh().x_desc("trees").y_desc("log loss").draw()?;
        let lines = [("training", &curve.training, OTHER), ("held-out pairs", &curve.judging, MODEL)];
        for (name, losses, colour) in lines {
            let points = losses.iter().enumerate().map(|(i, &loss)| ((i + 1) as f64, loss));
            chart
                .draw_series(LineSeries::new(points, colour))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        chart.configure_series_labels().border_style(BLACK.mix(0.3)).background_style(WHITE).draw()?;
        Ok(())
    })
}

/// The strongest features as bars.
pub(super) fn importances(all: &[Importance]) -> Result<String, PlotError> {
    const MOST: usize = 20;
    let shown: Vec<_> = all.iter().take(MOST).collect();
    let most = shown.first().map_or(1.0, |i| i.gain.max(1e-9));
    drawn("importances", |area| {
        let rows = shown.len().max(1);
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(150)
            .caption("Importance (share of gain)", ("sans-serif", 18))
            .build_cartesian_2d(0.0..most * 1.05, 0.0..rows as f64)?;
        chart.configure_mesh().disable_y_mesh().y_labels(0).draw()?;
        for (i, importance) in shown.iter().enumerate() {
            let (_, y) = chart.backend_coord(&(0.0, (rows - i) as f64 - 0.5));
            area.draw(&Text::new(importance.feature, (12, y - 6), ("sans-serif", 12)))?;
        }
        chart.draw_series(shown.iter().enumerate().map(|(i, importance)| {
            let top = (rows - i) as f64;
            Rectangle::new([(0.0, top - 0.8), (importance.gain, top - 0.2)], MODEL.filled())
        }))?;
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn drawn(
    picture: &'static str,
    draw: impl FnOnce(Area<'_>) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<String, PlotError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    let done = area.fill(&WHITE).map_err(Into::into).and_then(|()| draw(area.clone()));
    let done = done.and_then(|()| Ok(area.present()?));
    drop(area);
    done.map_err(|error| PlotError { picture, problem: error.to_string() })?;
    Ok(text)
}
