//! The waterfall, in characters.

use std::fmt::Write;

use super::rows::{Row, rows};
use super::{Timeline, duration, escape_terminal};
use crate::{Phase, Report};

/// How a waterfall is drawn on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waterfall {
    /// How many characters a line may have.
    pub width: usize,
    /// Colours, as ANSI escape sequences.
    pub color: bool,
}

impl Default for Waterfall {
    fn default() -> Self {
        Self { width: 100, color: false }
    }
}

/// Characters for the bars, however narrow the terminal is.
const BARS_MIN: usize = 16;

const RED: &str = "\u{1b}[31m";
const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

fn color(phase: Phase) -> &'static str {
    match phase {
        Phase::Url | Phase::Decode | Phase::Css => "\u{1b}[37m",
        Phase::Names | Phase::Site | Phase::Layout => "\u{1b}[36m",
        Phase::Retry | Phase::Connect | Phase::Proxy | Phase::Path | Phase::Html => "\u{1b}[33m",
        Phase::Tls | Phase::Quic | Phase::RenderTree => "\u{1b}[35m",
        Phase::Send | Phase::Upload | Phase::Composite => "\u{1b}[34m",
        Phase::Wait | Phase::Paint => "\u{1b}[32m",
        Phase::Transfer | Phase::Key => "\u{1b}[94m",
    }
}

impl Report {
    /// The waterfall: a line for each step and each of its parts, with its bar on the time axis of the whole run. A full block is
    /// our own work, a light one waiting.
    #[must_use]
    pub fn waterfall(&self, options: &Waterfall) -> String {
        self.timeline().waterfall(options)
    }
}

impl Timeline {
    /// The waterfall of all chapters (see [`Report::waterfall`]).
    #[must_use]
    pub fn waterfall(&self, options: &Waterfall) -> String {
        let extent = self.extent_ns();
        let bars = (options.width / 3).max(BARS_MIN);
        let mut text = String::new();
        for chapter in &self.chapters {
            let _ = writeln!(text, "{}", clip(&escape_terminal(&chapter.title), options.width));
            for row in rows(chapter) {
                line(&mut text, &row, extent, bars, options);
            }
        }
        let percent = |part: u64| (part as f64 / self.total.duration_ns.max(1) as f64 * 100.0).round();
        let _ = writeln!(
            text,
            "{} in all: {} waiting for the network ({} %), {} our own work",
            duration(self.total.duration_ns),
            duration(self.total.wait_ns),
            percent(self.total.wait_ns),
            duration(self.total.cpu_ns),
        );
        text
    }
}

fn line(text: &mut String, row: &Row<'_>, extent: u64, bars: usize, options: &Waterfall) {
    let name = if row.depth == 0 { row.phase.name() } else { "" };
    let time = duration(row.span.duration_ns);
    let bar = bar(row, extent, bars);
    let mut label = format!("{}{}", "  ".repeat(row.depth), escape_terminal(row.label));
    if let Some(error) = row.error {
        let _ = write!(label, " ✗ {}", escape_terminal(&error.with_causes()));
    }
    // Name, time and their blanks take 22 characters.
    let label = clip(&label, options.width.saturating_sub(bars + 22).max(8));
    if options.color {
        let label_color = if row.error.is_some() {
            RED
        } else if row.depth > 0 {
            DIM
        } else {
            ""
        };
        let color = color(row.phase);
        let _ = writeln!(text, "  {name:<8} {time:>8} {color}{bar}{RESET} {label_color}{label}{RESET}");
    } else {
        let _ = writeln!(text, "  {name:<8} {time:>8} {bar} {label}");
    }
}

/// The bar of a row: at least one character, at its place on the axis.
fn bar(row: &Row<'_>, extent: u64, bars: usize) -> String {
    let place = |ns: u64| (ns as f64 / extent as f64 * bars as f64).round() as usize;
    let start = place(row.span.start_ns).min(bars - 1);
    let end = place(row.span.end_ns()).clamp(start + 1, bars);
    let busy = (row.span.cpu_ns as f64 / row.span.duration_ns.max(1) as f64 * (end - start) as f64).round() as usize;
    let marks = (0..bars).map(|column| match column {
        column if column < start || column >= end => ' ',
        column if column < start + busy => '█',
        _ => '░',
    });
    marks.collect()
}

/// At most so many characters; what is cut off is shown by an ellipsis.
fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Hop, Span, Step};

    fn report() -> Report {
        let step = |phase, start_ns, duration_ns, cpu_ns| {
            Step::new(phase, "label\u{1b}", Span::new(start_ns, duration_ns, cpu_ns), None)
        };
        let mut names = step(Phase::Names, 0, 4_000_000, 0);
        names.children.push(step(Phase::Names, 0, 2_000_000, 0));
        let mut connect = step(Phase::Connect, 4_000_000, 4_000_000, 2_000_000);
        connect.error = Some(Error::Timeout { phase: Phase::Connect, limit_ms: 4 });
        let hop = Hop { url: "https://a.test/".to_owned(), steps: vec![names, connect], ..Hop::default() };
        let total = Span::new(0, 8_000_000, 2_000_000);
        Report { total, hops: vec![hop], ..Report::begin("https://a.test/", false) }
    }

    #[test]
    fn bars_stand_at_their_time() {
        let text = report().waterfall(&Waterfall { width: 72, color: false });
        let expected = "https://a.test/
  DNS       4.00 ms ░░░░░░░░░░░░             label\\u{1b}
            2.00 ms ░░░░░░                     label\\u{1b}
  TCP       4.00 ms             ██████░░░░░░ label\\u{1b} ✗ TCP took lo…
8.00 ms in all: 6.00 ms waiting for the network (75 %), 2.00 ms our own work
";
        assert_eq!(text, expected);
    }

    #[test]
    fn colours_are_asked_for() {
        let plain = report().waterfall(&Waterfall { width: 1, color: false });
        assert!(!plain.contains('\u{1b}'));
        let colored = report().waterfall(&Waterfall { width: 100, color: true });
        assert!(colored.contains("\u{1b}[31m") && colored.contains("label\\u{1b}"));
    }
}
