//! The picture: what each unit of a GPU would have to do for each kernel, in the roofline model's microseconds. The longest binds.

use std::error::Error;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Line;

/// The units, in the order of `Counts::units`, and their colours.
const UNITS: [(&str, RGBColor); 4] = [
    ("global memory, without caches", RGBColor(200, 60, 50)),
    ("shared memory", RGBColor(230, 150, 40)),
    ("instruction issue", RGBColor(120, 120, 130)),
    ("arithmetic", RGBColor(40, 110, 180)),
];

/// A group of bars for each kernel.
pub(crate) fn draw(n: usize, lines: &[Line]) -> Result<String, Box<dyn Error>> {
    let rungs: Vec<_> = lines.iter().filter_map(|line| Some((line.name, line.counts.as_ref()?))).collect();
    let Some((gpu, ..)) = rungs.first().and_then(|(_, counts)| counts.bounds.first()) else {
        return Err("the picture is of what the software GPU counts: add `--features simgpu`".into());
    };
    let times = || rungs.iter().flat_map(|(_, counts)| counts.units);
    let (least, most) = times().fold((f64::MAX, 0.0_f64), |(least, most), time| (least.min(time), most.max(time)));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 110 + 92 * rungs.len() as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(format!("{n} × {n} on {gpu}: what binds (a model, not measured)"), ("sans-serif", 18))
            .margin(16)
            .set_label_area_size(LabelAreaPosition::Left, 200)
            .set_label_area_size(LabelAreaPosition::Bottom, 40)
            .build_cartesian_2d((least / 2.0..most * 4.0).log_scale(), rungs.len() as f64..0.0)?;
        let microseconds = |time: &f64| format!("{time}");
        chart
            .configure_mesh()
            .disable_y_axis()
            .disable_y_mesh()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&microseconds)
            .x_desc("at least so many microseconds, were this the only unit")
            .draw()?;
        let font = || ("sans-serif", 14).into_font().color(&BLACK);
        for (unit, (name, colour)) in UNITS.into_iter().enumerate() {
            let bars = rungs.iter().enumerate().map(|(rung, (_, counts))| {
                let (top, time) = (rung as f64 + 0.12 + 0.19 * unit as f64, counts.units[unit]);
                let binds = counts.units.iter().all(|&other| other <= time);
                let style = if binds { colour.filled() } else { colour.mix(0.35).filled() };
                Rectangle::new([(least / 2.0, top), (time.max(least / 2.0), top + 0.17)], style)
            });
            chart
                .draw_series(bars)?
                .label(name)
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()));
        }
        for (rung, (name, _)) in rungs.iter().enumerate() {
            let place = font().pos(Pos::new(HPos::Right, VPos::Center));
            let label = Text::new((*name).to_owned(), (-8, 0), place);
            chart.draw_series([EmptyElement::at((least / 2.0, rung as f64 + 0.5)) + label])?;
        }
        chart.configure_series_labels().position(SeriesLabelPosition::LowerRight).background_style(WHITE).draw()?;
        area.present()?;
    }
    Ok(svg)
}
