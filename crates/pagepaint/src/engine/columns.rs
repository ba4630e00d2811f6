//! How many columns cells span. The engine counts the columns of a row in 16 bits, and makes a track of each.

use std::collections::{BTreeMap, HashMap};

use crate::dom::{Dom, Element, Language, NodeIndex};
use crate::tree::walk;

/// The most columns that a cell may span (WHATWG HTML, section 4.9.11), and all cells of a row together. Beyond that a cell has one:
/// what is not spanned is as wide as there are cells, of which [`crate::Limits::dom_nodes_max`] is the most.
const COLUMNS_MAX: u64 = 1_000;

/// The most rows that a cell may span.
const ROWSPAN_MAX: u64 = 65_534;

/// How many columns each cell, `col` and `colgroup` spans whose page says so.
pub(super) fn spans(dom: &Dom) -> HashMap<NodeIndex, u64> {
    let mut spans = HashMap::new();
    for (table, _) in dom.elements("table") {
        let mut tally = Tally::default();
        // A table in a table has columns of its own.
        let children = |index: NodeIndex| {
            let is_other = index != table && name(dom, index) == Some("table");
            let children = dom.node(index).filter(|_| !is_other).map_or(&[][..], |node| &node.children);
            children.iter().copied()
        };
        for (_, index) in walk(table, children) {
            let Some(element) = dom.element(index) else { continue };
            match element.name.as_str() {
                "tr" => tally.begin_row(),
                "td" | "th" => {
                    let columns = tally.cell(number(element, "colspan"), number(element, "rowspan"));
                    spans.insert(index, columns);
                }
                "col" | "colgroup" => {
                    let columns = tally.column(number(element, "span"));
                    spans.insert(index, columns);
                }
                _ => {}
            }
        }
    }
    spans
}

fn name(dom: &Dom, index: NodeIndex) -> Option<&str> {
    dom.element(index).filter(|element| element.language == Language::Html).map(|element| element.name.as_str())
}

/// An attribute that counts; 1 if it does not.
fn number(element: &Element, name: &str) -> u64 {
    element.attribute(name).and_then(|value| value.trim().parse().ok()).unwrap_or(1).max(1)
}

/// The columns of a table so far.
#[derive(Default)]
struct Tally {
    /// Of `col` and `colgroup`.
    columns: u64,
    row: u64,
    /// That cells of this row have, and cells of earlier rows that reach into it.
    taken: u64,
    /// That cells of earlier rows have, by the row in which they end.
    reaching: BTreeMap<u64, u64>,
}

impl Tally {
    fn begin_row(&mut self) {
        self.row += 1;
        self.reaching = self.reaching.split_off(&(self.row + 1));
        self.taken = self.reaching.values().fold(0, |sum, columns| sum.saturating_add(*columns));
    }

    fn cell(&mut self, columns: u64, rows: u64) -> u64 {
        let columns = columns.min(COLUMNS_MAX.saturating_sub(self.taken)).max(1);
        self.taken += columns;
        if rows > 1 {
            *self.reaching.entry(self.row + rows.min(ROWSPAN_MAX)).or_default() += columns;
        }
        columns
    }

    fn column(&mut self, columns: u64) -> u64 {
        let columns = columns.min(COLUMNS_MAX.saturating_sub(self.columns)).max(1);
        self.columns += columns;
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::dom::grow;

    fn spanned(html: &str) -> Vec<u64> {
        let dom = grow(html, &Limits::default()).expect("a tree");
        let spans = spans(&dom);
        dom.walk().filter_map(|(_, index)| spans.get(&index).copied()).collect()
    }

    #[test]
    fn a_row_has_no_more_columns_than_a_cell_may_have() {
        let row = format!("<table><tr>{}<tr><td colspan=700><td colspan=' 400 '>", "<td colspan=1000>".repeat(70));
        let expected: Vec<u64> = std::iter::once(1_000).chain([1; 69]).chain([700, 300]).collect();
        assert_eq!(spanned(&row), expected);
        assert_eq!(spanned("<table><tr><td><td colspan=0><td colspan=x><td colspan=3>"), [1, 1, 1, 3]);
    }

    #[test]
    fn cells_of_earlier_rows_take_part_as_long_as_they_reach() {
        let rows = "<table><tr><td colspan=600 rowspan=2><tr><td colspan=600><tr><td colspan=600>\
                    <tr><td><table><tr><td colspan=900></table><td colspan=999>";
        assert_eq!(spanned(rows), [600, 400, 600, 1, 900, 999]);
        let held = "<table>".to_owned() + &"<tr><td colspan=1000 rowspan=65535>".repeat(3);
        assert_eq!(spanned(&held), [1_000, 1, 1]);
    }

    #[test]
    fn columns_without_cells_count_too() {
        assert_eq!(spanned("<table><colgroup><col span=800><col span=800><col span=9></table>"), [1, 800, 199, 1]);
    }
}
