//! The picture: the scores in tiles, memory and traffic over N.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
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

/// A quantity of what was measured.
type Bytes = fn(&Measured) -> f64;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The scores in tiles; then memory and traffic over N, on logarithmic axes. Where flash attention holds nothing beside inputs and
/// output, as on a GPU, the tiles say so.
pub(crate) fn chart(path: &Path, plains: &[Measured], flashes: &[Measured]) -> Result<(), Box<dyn Error>> {
    let held: Bytes = |measured| measured.materialised as f64;
    let moved: Bytes = |measured| measured.moved as f64;
    let mut curves = vec![("bytes between memory and processor, counted", moved)];
    if flashes.iter().all(|flash| flash.materialised > 0) {
        curves.insert(0, ("bytes beside inputs and output", held));
    }
    let mut svg = String::new();
    {
        let width = 300 + 450 * curves.len() as u32;
        let area = SVGBackend::with_string(&mut svg, (width, 380)).into_drawing_area();
        area.fill(&WHITE)?;
        let (tiles, rest) = area.split_horizontally(300);
        draw_tiles(&tiles)?;
        for (panel, (title, of)) in rest.split_evenly((1, curves.len())).iter().zip(curves) {
            draw_curve(panel, title, of, plains, flashes)?;
        }
        area.present()?;
    }
    std::fs::write(path, svg)?;
    Ok(())
}

/// Which scores exist at a time: of plain attention all, of flash attention a tile.
fn draw_tiles(area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    const TILES: usize = 8;
    /// A tile in the middle of its way: those before it were used and forgotten.
    const NOW: (usize, usize) = (3, 4);
    type Fill = fn((usize, usize)) -> RGBAColor;
    let (plain, flash) = area.split_vertically(190);
    let in_plain: Fill = |_| RED.mix(0.8);
    let in_flash: Fill = |tile| {
        BLUE.mix(if tile == NOW {
            0.9
        } else if tile < NOW {
            0.15
        } else {
            0.04
        })
    };
    let ways = [(plain, "plain: all scores in memory", in_plain), (flash, "flash: one tile, then the next", in_flash)];
    for (panel, title, fill) in ways {
        let side = TILES as f64;
        let mut chart = ChartBuilder::on(&panel)
            .caption(title, ("sans-serif", 16))
            .margin(8)
            .margin_left(76)
            .margin_right(76)
            .build_cartesian_2d(0.0..side, side..0.0)?;
        let tiles = (0..TILES).flat_map(|row| (0..TILES).map(move |column| (row, column)));
        chart.draw_series(tiles.map(|(row, column)| {
            let (x, y) = (column as f64, row as f64);
            Rectangle::new([(x + 0.06, y + 0.06), (x + 0.94, y + 0.94)], fill((row, column)).filled())
        }))?;
    }
    Ok(())
}

fn draw_curve(
    area: &Area<'_>,
    title: &str,
    of: Bytes,
    plains: &[Measured],
    flashes: &[Measured],
) -> Result<(), Box<dyn Error>> {
    let all = || plains.iter().chain(flashes);
    let (low, high) = all().fold((f64::MAX, 1.0_f64), |(low, high), m| (low.min(of(m)), high.max(of(m))));
    let lengths = plains[0].n as f64..plains[plains.len() - 1].n as f64 * 1.01;
    let mut chart = ChartBuilder::on(area)
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
    Ok(())
}
