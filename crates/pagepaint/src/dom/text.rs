//! The tree as indented text.

use std::fmt;

use super::{Dom, NodeData};

/// How much of a text is shown.
const TEXT_CHARS_SHOWN: usize = 60;

impl fmt::Display for Dom {
    /// One node a line, indented by its depth. Text is quoted and escaped, and cut where it is long; what is only white space is left out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, index) in self.walk() {
            let Some(node) = self.node(index) else { continue };
            let indent = "  ".repeat(depth);
            match &node.data {
                NodeData::Document => writeln!(formatter, "{indent}#document")?,
                NodeData::Doctype { name } => writeln!(formatter, "{indent}<!doctype {}>", name.escape_debug())?,
                NodeData::Text(text) if text.trim_ascii().is_empty() => {}
                NodeData::Text(text) => writeln!(formatter, "{indent}{}", quoted(text.trim_ascii()))?,
                NodeData::Comment(text) => writeln!(formatter, "{indent}<!-- {} -->", quoted(text))?,
                NodeData::Element(element) => {
                    write!(formatter, "{indent}<{}", element.name.escape_debug())?;
                    for (name, value) in &element.attributes {
                        write!(formatter, " {}={}", name.escape_debug(), quoted(value))?;
                    }
                    writeln!(formatter, ">")?;
                }
            }
        }
        Ok(())
    }
}

/// A text in quotes, without what a terminal would obey, and not too much of it.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
