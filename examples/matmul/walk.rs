//! The picture of the memory walk: in which order the loops come to the elements of B, and what a cache makes of it. It is counted,
//! not timed, and so the same on every machine.

use std::error::Error;

use linalg::LoopOrder;
use linalg::cache::Walk;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Rows and columns of the small B on which walks are shown, and of its tiles.
const SIDE: usize = 8;
const TILE: usize = 4;
/// What the tiles of the chart have: three tiles of f64 are 24 KiB, and a first-level cache 32.
const TILE_COUNTED: usize = 32;

/// A step of a walk over B: row and column.
type Step = (usize, usize);
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Above, three walks over B; below, misses per multiplication over n, as `misses` counts them.
pub(crate) fn draw(misses: impl Fn(Walk, usize) -> f64) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 660)).into_drawing_area();
        area.fill(&WHITE)?;
        let (above, below) = area.split_vertically(310);
        let walks = [
            ("ijk: down the columns of B", RED, in_order(LoopOrder::Ijk)),
            ("ikj: along its rows", BLUE, in_order(LoopOrder::Ikj)),
            ("tiles: what fits is used again", RGBColor(20, 130, 60), in_tiles()),
        ];
        for (panel, (title, colour, steps)) in above.split_evenly((1, 3)).iter().zip(walks) {
            draw_walk(panel, title, colour, &steps)?;
        }
        draw_misses(&below, misses)?;
        area.present()?;
    }
    Ok(svg)
}

/// The elements of B that the triple loop visits for the first row of A.
fn in_order(order: LoopOrder) -> Vec<Step> {
    let mut steps = Vec::new();
    order.visit(1, SIDE, SIDE, |_, j, p| steps.push((p, j)));
    steps
}

/// The same, a tile after the other.
fn in_tiles() -> Vec<Step> {
    let starts = || (0..SIDE).step_by(TILE);
    let tiles = starts().flat_map(|p| starts().map(move |j| (p, j)));
    tiles.flat_map(|(p0, j0)| (p0..p0 + TILE).flat_map(move |p| (j0..j0 + TILE).map(move |j| (p, j)))).collect()
}

/// B, a grey bar for each cache line (a row of eight f64 is one), the way through it, a dot where it begins.
fn draw_walk(area: &Area<'_>, title: &str, colour: RGBColor, steps: &[Step]) -> Result<(), Box<dyn Error>> {
    let side = SIDE as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(16)
        .build_cartesian_2d(0.0..side, side..0.0)?;
    let line = |row: usize| {
        let top = row as f64;
        Rectangle::new([(0.05, top + 0.1), (side - 0.05, top + 0.9)], RGBColor(225, 228, 232).filled())
    };
    chart.draw_series((0..SIDE).map(line))?;
    let places: Vec<(f64, f64)> = steps.iter().map(|&(row, column)| (column as f64 + 0.5, row as f64 + 0.5)).collect();
    let first = places[0];
    chart.draw_series([PathElement::new(places, colour.stroke_width(2))])?;
    chart.draw_series([Circle::new(first, 5, colour.filled())])?;
    Ok(())
}

fn draw_misses(area: &Area<'_>, misses: impl Fn(Walk, usize) -> f64) -> Result<(), Box<dyn Error>> {
    const LARGEST: usize = 610;
    let mut chart = ChartBuilder::on(area)
        .caption("misses of a 32 KiB cache per multiplication, n × n matrices of f64 (counted)", ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..LARGEST as f64, 0.0..1.8)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("n")
        .x_label_formatter(&|n| format!("{n:.0}"))
        .draw()?;
    let walks = [
        ("jki", RGBColor(230, 150, 40), Walk::Order(LoopOrder::Jki)),
        ("ijk", RED, Walk::Order(LoopOrder::Ijk)),
        ("ikj", BLUE, Walk::Order(LoopOrder::Ikj)),
        ("tiles of 32 × 32", RGBColor(20, 130, 60), Walk::Tiled(TILE_COUNTED)),
    ];
    for (name, colour, walk) in walks {
        // Not at powers of two, where lines of a tile get in each other's way: fast code packs, and has none of that.
        let points = (10..=LARGEST).step_by(60).map(|n| (n as f64, misses(walk, n)));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).background_style(WHITE).draw()?;
    Ok(())
}
