//! The render tree: what is displayed, and how it looks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dom::quoted;
use crate::tree::walk;

/// An element that is displayed, or a text in one. What is not displayed (`head`, `display: none`) is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderNode {
    /// The element, as a selector would name it; `#text` for text.
    pub node: String,
    /// The text, if it is one; empty for an element.
    pub text: String,
    /// Of [`RenderNode::PROPERTIES`] the computed values that differ from those of the node around it; all of them for the first.
    pub style: Vec<(String, String)>,
    /// What is in it.
    pub children: Vec<RenderNode>,
}

impl RenderNode {
    /// The CSS properties that are looked at.
    pub const PROPERTIES: [&str; 9] = [
        "display",
        "position",
        "float",
        "color",
        "background-color",
        "font-family",
        "font-size",
        "font-weight",
        "text-align",
    ];

    /// This node and all in it, in document order.
    pub fn walk(&self) -> impl Iterator<Item = &Self> {
        self.walk_with_depth().map(|(_, node)| node)
    }

    /// The first node of a name, as in [`RenderNode::node`], in document order.
    #[must_use]
    pub fn find(&self, node: &str) -> Option<&Self> {
        self.walk().find(|inner| inner.node == node)
    }

    fn walk_with_depth(&self) -> impl Iterator<Item = (usize, &Self)> {
        walk(self, |node| node.children.iter())
    }
}

impl fmt::Display for RenderNode {
    /// A node a line, indented by its depth: `h1.big { color: rgb(255, 0, 0); font-size: 32px }`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, RenderNode { node, text, style, .. }) in self.walk_with_depth() {
            let indent = "  ".repeat(depth);
            if node == "#text" {
                writeln!(formatter, "{indent}{}", quoted(text.trim_ascii()))?;
                continue;
            }
            let style: Vec<String> = style.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let style = style.join("; ").escape_debug().to_string();
            let style = if style.is_empty() { style } else { format!(" {{ {style} }}") };
            writeln!(formatter, "{indent}{}{style}", node.escape_debug())?;
        }
        Ok(())
    }
}
