//! `--svg`: how the loss fell, and what each attention head looks at while the model reads a name that it has invented.

use std::error::Error;

use microgpt::{Inspection, Model, Sampling};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Losses on the left, the first block's heads on the right.
pub(crate) fn draw(losses: &[f64], model: &Model, name: &str) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (960, 440)).into_drawing_area();
        area.fill(&WHITE)?;
        let (left, right) = area.split_horizontally(480);
        draw_losses(&left, losses, model.tokenizer().vocab_size())?;
        draw_heads(&right, model, name)?;
        area.present()?;
    }
    Ok(svg)
}

/// Every step's loss, pale; the mean of the last twenty; and ln of the vocabulary's size, the loss of one who knows nothing.
fn draw_losses(area: &Area<'_>, losses: &[f64], vocab_size: usize) -> Result<(), Box<dyn Error>> {
    const MEAN_OF: usize = 20;
    let ignorant = (vocab_size as f64).ln();
    let (low, high) = losses.iter().fold((ignorant, ignorant), |(low, high), &loss| (low.min(loss), high.max(loss)));
    let steps = losses.len().max(2) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption("loss: −ln p of the letter that came next", ("sans-serif", 18))
        .margin(12)
        .margin_right(24)
        .x_label_area_size(40)
        .y_label_area_size(44)
        .build_cartesian_2d(1.0..steps, low - 0.05..high + 0.1)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("step")
        .x_label_formatter(&|step| format!("{step:.0}"))
        .y_label_formatter(&|loss| format!("{loss:.1}"))
        .draw()?;
    let numbered = |losses: Vec<f64>| losses.into_iter().enumerate().map(|(step, loss)| (step as f64 + 1.0, loss));
    let mean = |step: usize| {
        let last = &losses[step.saturating_sub(MEAN_OF - 1)..=step];
        last.iter().sum::<f64>() / last.len() as f64
    };
    let (pale, blue) = (RGBColor(175, 205, 230), RGBColor(20, 110, 180));
    chart.draw_series(LineSeries::new([(1.0, ignorant), (steps, ignorant)], BLACK.stroke_width(1)))?;
    chart.draw_series(LineSeries::new(numbered(losses.to_vec()), pale.stroke_width(1)))?;
    chart.draw_series(LineSeries::new(numbered((0..losses.len()).map(mean).collect()), blue.stroke_width(2)))?;
    let right = ("sans-serif", 13).into_font().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Bottom));
    let text = format!("ln {vocab_size} = {ignorant:.2}: knows nothing");
    chart.draw_series([EmptyElement::at((steps, ignorant)) + Text::new(text, (0, -4), right)])?;
    Ok(())
}

/// A square for each head: a row a query, a column a key, the darker the more of the key's value it takes.
fn draw_heads(area: &Area<'_>, model: &Model, name: &str) -> Result<(), Box<dyn Error>> {
    let tokens = Sampling { prompt: readable(name, model.config().block_size), ..Sampling::default() }.check(model)?;
    let inspection = Inspection::new(model, &tokens);
    let heads = &inspection.attention[0];
    let cols = heads.len().isqrt().max(1);
    let area = area.titled("what each head looks at: rows ask, columns answer", ("sans-serif", 18))?;
    for (head, (panel, rows)) in area.split_evenly((heads.len().div_ceil(cols), cols)).iter().zip(heads).enumerate() {
        draw_head(panel, &format!("head {head}"), rows, &letters(model, &tokens))?;
    }
    Ok(())
}

fn draw_head(area: &Area<'_>, title: &str, rows: &[Vec<f64>], letters: &[String]) -> Result<(), Box<dyn Error>> {
    let side = rows.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 14))
        .margin(8)
        .build_cartesian_2d(-1.0..side, side..-1.0)?;
    let cells =
        rows.iter().enumerate().flat_map(|(query, row)| row.iter().enumerate().map(move |(key, w)| (query, key, w)));
    chart.draw_series(cells.map(|(query, key, &weight)| {
        let (x, y) = (key as f64, query as f64);
        Rectangle::new([(x + 0.04, y + 0.04), (x + 0.96, y + 0.96)], RGBColor(20, 110, 180).mix(shade(weight)).filled())
    }))?;
    let font = ("sans-serif", 13).into_font().color(&BLACK).pos(Pos::new(HPos::Center, VPos::Center));
    let label =
        |place: (f64, f64), letter: &String| EmptyElement::at(place) + Text::new(letter.clone(), (0, 0), font.clone());
    chart.draw_series(letters.iter().enumerate().map(|(i, letter)| label((i as f64 + 0.5, -0.5), letter)))?;
    chart.draw_series(letters.iter().enumerate().map(|(i, letter)| label((-0.5, i as f64 + 0.5), letter)))?;
    Ok(())
}

/// A weight as an opacity of two digits: engines that differ in the last bit of a weight draw the same.
fn shade(weight: f64) -> f64 {
    0.05 + (weight * 90.0).round() / 95.0
}

/// The beginning of a name that leaves a place for the first token.
fn readable(name: &str, block_size: usize) -> String {
    let mut bytes = 0;
    let fits = |c: &char| {
        bytes += c.len_utf8();
        bytes < block_size
    };
    name.chars().take_while(fits).collect()
}

/// How tokens are written: a dot begins a name.
fn letters(model: &Model, tokens: &[usize]) -> Vec<String> {
    let letter = |&token: &usize| model.tokenizer().character(token).map_or(".".to_owned(), String::from);
    tokens.iter().map(letter).collect()
}
