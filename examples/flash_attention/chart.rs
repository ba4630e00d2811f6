//! The picture: memory and traffic over N.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use super::Measured;

/// How a logarithmic axis calls a power of ten.
fn power_of_ten(bytes: f64) -> String {
    match bytes {
        ..1e3 => format!("{bytes:.0} B"),
        ..1e6 => format!("{:.0} kB", bytes / 1e3),
        ..1e9 => format!("{:.0} MB", bytes / 1e6),
        _ => format!("{:.0} GB", bytes / 1e9),
    }
}

/// Memory and traffic over N, both on logarithmic axes.
pub(crate) fn chart(path: &Path, plains: &[Measured], flashes: &[Measured]) -> Result<(), Box<dyn Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 380)).into_drawing_area();
        area.fill(&WHITE)?;
        let panels = area.split_evenly((1, 2));
        let materialised: fn(&Measured) -> f64 = |measured| measured.materialised as f64;
        let moved: fn(&Measured) -> f64 = |measured| measured.moved as f64;
        for (panel, title, of) in [
            (&panels[0], "bytes beside inputs and output", materialised),
            (&panels[1], "bytes between memory and processor, counted", moved),
        ] {
            let all = || plains.iter().chain(flashes);
            let (low, high) = all().fold((f64::MAX, 1.0_f64), |(low, high), m| (low.min(of(m)), high.max(of(m))));
            let lengths = plains[0].n as f64..plains[plains.len() - 1].n as f64 * 1.01;
            let mut chart = ChartBuilder::on(panel)
                .caption(title, ("sans-serif", 16))
                .margin(12)
                .x_label_area_size(34)
                .y_label_area_size(76)
                .build_cartesian_2d(lengths.log_scale().base(2.0), (low / 2.0..high * 2.0).log_scale())?;
            chart
                .configure_mesh()
                .x_desc("queries and keys")
                .x_label_formatter(&|n| format!("{n:.0}"))
                .y_label_formatter(&|&bytes| power_of_ten(bytes))
                .draw()?;
            for (name, colour, series) in [("plain", RED, plains), ("flash", BLUE, flashes)] {
                let points = || series.iter().map(|measured| (measured.n as f64, of(measured)));
                chart
                    .draw_series(LineSeries::new(points(), colour.stroke_width(2)))?
                    .label(name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
            }
            chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).border_style(BLACK).draw()?;
        }
        area.present()?;
    }
    std::fs::write(path, svg)?;
    Ok(())
}
