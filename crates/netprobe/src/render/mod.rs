//! Reports for people and for other programs. Text that a peer sent is escaped here, for each medium in its own way.

mod escape;
mod har;
mod html;
mod key;
mod metrics;
mod rows;
mod story;
mod svg;
mod terminal;
mod timeline;

pub use escape::{escape_html, escape_json, escape_terminal};
pub use story::Telling;
pub use terminal::Waterfall;
pub use timeline::{Chapter, Timeline};

/// A time as people read it: three digits and a unit.
#[must_use]
pub fn duration(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let shown = [0, 999, 1_234, 12_345, 123_456, 1_234_567, 12_345_678_901].map(duration);
        assert_eq!(shown, ["0 ns", "999 ns", "1.23 µs", "12.3 µs", "123 µs", "1.23 ms", "12.3 s"]);
    }
}
