//! DOT text to an SVG image, with the layout engine of crate `layout-rs`.
//!
//! The engine decides where things go; [`Canvas`] draws them. It is a canvas of our own because the engine's fills the
//! page with a serif font on no background, and orders its styles by chance.

use std::fmt::Write;

use layout::core::color::Color;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::gv::{DotParser, GraphBuilder};

use super::{DrawingError, INFALLIBLE};

/// The engine allows every character a square; letters of a sans-serif font are about this wide, spaces around included.
const LETTER_WIDTH: f64 = 0.62;
const MARGIN: f64 = 12.0;
const CORNER: f64 = 7.0;

pub(super) fn render(dot: &str) -> Result<String, DrawingError> {
    let graph = DotParser::new(dot).process().map_err(DrawingError::Layout)?;
    let mut builder = GraphBuilder::new();
    builder.visit_graph(&graph);
    let mut visual = builder.get();
    // Its search for cycles follows every path, of which there are 2ⁿ where n values are used twice; a tape has no cycle.
    visual.dag.set_validate(false);
    let mut canvas = Canvas::new();
    visual.do_it(false, false, false, &mut canvas);
    Ok(canvas.finish())
}

/// What the engine draws on.
struct Canvas {
    arrows: String,
    shapes: String,
    /// The corners of the smallest rectangle around everything.
    low: Point,
    high: Point,
}

impl Canvas {
    fn new() -> Self {
        Canvas {
            arrows: String::new(),
            shapes: String::new(),
            low: Point::splat(f64::INFINITY),
            high: Point::splat(f64::NEG_INFINITY),
        }
    }

    /// From the engine's square letters to ours; the point is part of the picture.
    fn place(&mut self, point: Point) -> Point {
        let point = Point::new(point.x * LETTER_WIDTH, point.y);
        self.low = Point::new(self.low.x.min(point.x), self.low.y.min(point.y));
        self.high = Point::new(self.high.x.max(point.x), self.high.y.max(point.y));
        point
    }

    fn finish(self) -> String {
        let (x, y) = (self.low.x - MARGIN, self.low.y - MARGIN);
        let (width, height) = (self.high.x - x + MARGIN, self.high.y - y + MARGIN);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="{x:.1} {y:.1} {width:.1} {height:.1}" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" text-anchor="middle">
<defs><marker id="head" markerWidth="8" markerHeight="7" refX="8" refY="3.5" orient="auto"><path d="M0 0 L8 3.5 L0 7 z" fill="#8c959f"/></marker></defs>
<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="#ffffff"/>
{}{}</svg>
"##,
            self.arrows, self.shapes
        )
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(&mut self, xy: Point, size: Point, look: &StyleAttr, _: Option<String>, _: Option<ClipHandle>) {
        let (low, high) = (self.place(xy), self.place(xy.add(size)));
        let (width, height) = (high.x - low.x, high.y - low.y);
        let fill = look.fill_color.map_or_else(|| "none".into(), web_colour);
        writeln!(
            self.shapes,
            r#"<rect x="{:.1}" y="{:.1}" width="{width:.1}" height="{height:.1}" rx="{CORNER}" fill="{fill}" stroke="{}" stroke-width="1.5"/>"#,
            low.x,
            low.y,
            web_colour(look.line_color),
        )
        .expect(INFALLIBLE);
    }

    /// A node's text has a bold title; that of an edge stands on the arrow, on a halo of the background's colour.
    fn draw_text(&mut self, xy: Point, text: &str, look: &StyleAttr) {
        let Point { x, y } = self.place(xy);
        let (lines, size) = (text.lines().count(), look.font_size as f64);
        let on_edge = lines == 1;
        for (i, line) in text.lines().enumerate() {
            let style = match (on_edge, i) {
                (true, _) => r##"fill="#57606a" stroke="#ffffff" stroke-width="4" paint-order="stroke""##,
                (false, 0) => r##"fill="#1f2328" font-weight="600""##,
                (false, _) => r##"fill="#424a53""##,
            };
            // Baselines: the middle of the letters, a third of their size, belongs on the middle of the line.
            let baseline = y + size * (i as f64 - (lines as f64 - 1.0) / 2.0 + 0.35);
            let line = escape(line);
            writeln!(
                self.shapes,
                r#"<text x="{x:.1}" y="{baseline:.1}" font-size="{:.1}" {style}>{line}</text>"#,
                0.9 * size
            )
            .expect(INFALLIBLE);
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _dashed: bool,
        _head: (bool, bool),
        look: &StyleAttr,
        _: Option<String>,
        _text: &str,
    ) {
        let mut points = path.iter().flat_map(|&(first, second)| [first, second]).map(|point| self.place(point));
        let mut data = String::new();
        let mut draw = |command: &str, count: usize| {
            let before = data.len();
            data.push_str(command);
            for Point { x, y } in points.by_ref().take(count) {
                write!(data, " {x:.1} {y:.1}").expect(INFALLIBLE);
            }
            if data.len() == before + command.len() {
                data.truncate(before);
            }
        };
        // A cubic curve to the first stop, and smooth ones from there on.
        draw("M", 1);
        draw(" C", 3);
        (2..path.len()).for_each(|_| draw(" S", 2));
        writeln!(
            self.arrows,
            r#"<path d="{data}" fill="none" stroke="{}" stroke-width="1.2" marker-end="url(#head)"/>"#,
            web_colour(look.line_color)
        )
        .expect(INFALLIBLE);
    }

    // The engine draws these for shapes and modes that the DOT text does not ask for.
    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}
    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

/// #rrggbb: the engine's own form has a transparency at the end, which older viewers do not know.
fn web_colour(colour: Color) -> String {
    colour.to_web_color()[..7].to_string()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
