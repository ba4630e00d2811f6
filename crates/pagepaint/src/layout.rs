//! The layout tree: boxes with a place and a size.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dom::quoted;
use crate::tree::walk;

/// A box, all numbers in CSS pixels, from the top left corner of the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayoutBox {
    /// The element that it is for, as a selector would name it; `anonymous` if it is there for the layout's sake.
    pub node: String,
    /// How it lays out what is in it: `block`, `flex`, `grid`, `table` and so on.
    pub display: String,
    /// The left edge of its border.
    pub x: f32,
    /// The top edge of its border.
    pub y: f32,
    /// From border to border.
    pub width: f32,
    /// From border to border.
    pub height: f32,
    /// If it holds text: its lines.
    pub lines: Vec<Line>,
    /// The boxes in it.
    pub children: Vec<LayoutBox>,
}

/// A line of text, all numbers in CSS pixels, from the top left corner of the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What stands on it. A box among the text is U+FFFC.
    pub text: String,
    /// Its left end.
    pub x: f32,
    /// Its upper edge.
    pub y: f32,
    /// As far as there is text.
    pub width: f32,
    /// As high as the line.
    pub height: f32,
}

impl LayoutBox {
    /// This box and all in it, in document order.
    pub fn walk(&self) -> impl Iterator<Item = &Self> {
        self.walk_with_depth().map(|(_, inner)| inner)
    }

    /// The first box of a node, named as in [`LayoutBox::node`], in document order.
    #[must_use]
    pub fn find(&self, node: &str) -> Option<&Self> {
        self.walk().find(|inner| inner.node == node)
    }

    fn walk_with_depth(&self) -> impl Iterator<Item = (usize, &Self)> {
        walk(self, |inner| inner.children.iter())
    }
}

impl fmt::Display for LayoutBox {
    /// A box a line, indented by its depth: `p#a block 8,16 784×19`, then its lines of text.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, inner) in self.walk_with_depth() {
            let Self { node, display, x, y, width, height, .. } = inner;
            let indent = "  ".repeat(depth);
            writeln!(formatter, "{indent}{} {display} {x},{y} {width}×{height}", node.escape_debug())?;
            for Line { text, x, y, width, height } in &inner.lines {
                writeln!(formatter, "{indent}  | {} {x},{y} {width}×{height}", quoted(text.trim_ascii()))?;
            }
        }
        Ok(())
    }
}
