//! The waterfall, as a picture.

use std::fmt::Write;

use super::rows::{Row, rows};
use super::{Timeline, duration, escape_html};
use crate::{Phase, Report};

const WIDTH: f64 = 960.0;
const ROW_HEIGHT: f64 = 20.0;
const LABELS_WIDTH: f64 = 400.0;
const TIMES_WIDTH: f64 = 70.0;
const MARGIN: f64 = 12.0;
/// Characters of a label that fit beside the bars at the font's size.
const LABEL_CHARS: usize = 52;
/// Lines across the time axis.
const TICKS_MAX: f64 = 8.0;

const STYLE: &str = "text{font:12px ui-monospace,monospace;fill:#222}.h{font-weight:bold}.d{fill:#777}.e{fill:#c0262d}\
    .t{stroke:#ddd}.n{stroke:#ddd;fill:none}.b{fill:#fff}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}.d{fill:#999}.e{fill:#ff7b72}.t{stroke:#444}.b{fill:#161a20}}";

/// Colours of the phases: each reads on white and on near-black.
fn color(phase: Phase) -> &'static str {
    match phase {
        Phase::Key => "#d6409f",
        Phase::Url => "#8b949e",
        Phase::Names | Phase::Site => "#1b9aaa",
        Phase::Retry => "#d9480f",
        Phase::Connect => "#e08e0b",
        Phase::Proxy => "#b08800",
        Phase::Tls => "#a855c8",
        Phase::Quic => "#9333ea",
        Phase::Send => "#3b82f6",
        Phase::Upload => "#0284c7",
        Phase::Wait => "#2f9e44",
        Phase::Transfer => "#4c6ef5",
        Phase::Decode => "#868e96",
        Phase::Path => "#a16207",
        Phase::Html => "#c2571a",
        Phase::Css => "#2b7fd4",
        Phase::RenderTree => "#8a63d2",
        Phase::Layout => "#0f9f8f",
        Phase::Paint => "#5c940d",
        Phase::Composite => "#d6336c",
    }
}

impl Report {
    /// The waterfall as a self-contained SVG image: what is solid is our own work, what is pale is waiting.
    #[must_use]
    pub fn to_svg(&self) -> String {
        self.timeline().to_svg()
    }
}

impl Timeline {
    /// The waterfall of all chapters as a picture (see [`Report::to_svg`]).
    #[must_use]
    pub fn to_svg(&self) -> String {
        let chapters: Vec<_> = self.chapters.iter().map(rows).collect();
        let lines = chapters.iter().map(|rows| rows.len() + 1).sum::<usize>();
        let height = MARGIN * 2.0 + ROW_HEIGHT * (lines as f64 + 2.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"Waterfall of {}\"><style>{STYLE}</style><rect class=\"b\" width=\"{WIDTH}\" height=\"{height}\"/>",
            escape_html(&self.title)
        );
        let extent = self.extent_ns();
        ticks(&mut svg, extent, height);
        let mut y = MARGIN + ROW_HEIGHT * 1.5;
        for (chapter, rows) in self.chapters.iter().zip(&chapters) {
            text(&mut svg, MARGIN, y, "h", &clip(&chapter.title, 110));
            y += ROW_HEIGHT;
            for row in rows {
                draw(&mut svg, row, extent, y);
                y += ROW_HEIGHT;
            }
        }
        let summary = format!(
            "{} in all, {} of it waiting for the network (pale), {} our own work (solid)",
            duration(self.total.duration_ns),
            duration(self.total.wait_ns),
            duration(self.total.cpu_ns)
        );
        text(&mut svg, MARGIN, y + ROW_HEIGHT * 0.2, "d", &summary);
        svg.push_str("</svg>\n");
        svg
    }
}

fn bars_left() -> f64 {
    MARGIN + LABELS_WIDTH + TIMES_WIDTH
}

fn x(ns: u64, extent: u64) -> f64 {
    bars_left() + ns as f64 / extent as f64 * (WIDTH - MARGIN - bars_left())
}

/// Lines at round times: 1, 2 or 5 times a power of ten apart.
fn ticks(svg: &mut String, extent: u64, height: f64) {
    let rough = extent as f64 / TICKS_MAX;
    let power = 10_f64.powf(rough.max(1.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power) as u64;
    for ns in (0..=extent).step_by(usize::try_from(step.max(1)).unwrap_or(usize::MAX)) {
        let x = x(ns, extent);
        let _ = write!(svg, "<path class=\"t\" d=\"M{x:.1} {:.1}V{:.1}\"/>", MARGIN + 8.0, height - MARGIN - 24.0);
        text(svg, x + 2.0, MARGIN + 6.0, "d", &duration(ns));
    }
}

fn draw(svg: &mut String, row: &Row<'_>, extent: u64, y: f64) {
    let label = match row.error {
        Some(error) => format!("✗ {}", error.with_causes()),
        None => row.label.to_owned(),
    };
    let class = match row.error {
        Some(_) => "e",
        None if row.depth > 0 => "d",
        None => "",
    };
    let name = if row.depth == 0 { row.phase.name() } else { "" };
    text(svg, MARGIN, y, "", name);
    let indent = 62.0 + 12.0 * row.depth as f64;
    text(svg, MARGIN + indent, y, class, &clip(&label, LABEL_CHARS.saturating_sub(8 + 2 * row.depth)));
    let right = bars_left() - 8.0;
    let _ = write!(
        svg,
        "<text x=\"{right:.1}\" y=\"{y:.1}\" text-anchor=\"end\" class=\"d\">{}</text>",
        duration(row.span.duration_ns)
    );
    let (start, end) = (x(row.span.start_ns, extent), x(row.span.end_ns(), extent));
    let width = (end - start).max(1.0);
    let busy = width * row.span.cpu_ns as f64 / row.span.duration_ns.max(1) as f64;
    let (color, top, height) = (color(row.phase), y - 11.0, if row.depth == 0 { 14.0 } else { 8.0 });
    let _ = write!(
        svg,
        "<g fill=\"{color}\"><title>{}</title><rect x=\"{start:.2}\" y=\"{top:.1}\" width=\"{width:.2}\" height=\"{height}\" \
         opacity=\".4\"/><rect x=\"{start:.2}\" y=\"{top:.1}\" width=\"{busy:.2}\" height=\"{height}\"/></g>",
        escape_html(&format!("{}: {}, {}", row.phase.name(), row.label, duration(row.span.duration_ns)))
    );
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\"{class}>{}</text>", escape_html(text));
}

fn clip(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars { text.to_owned() } else { text.chars().take(chars - 1).chain(['…']).collect() }
}
