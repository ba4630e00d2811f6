//! HTML becomes a tree.
//!
//! html5ever reads HTML as browsers agreed to (WHATWG HTML, section 13.2), so that every text is a tree, however broken; the tree is
//! ours, so that it can be counted while it grows, and looked at.

mod grow;
mod sink;
mod text;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::tree::walk;

pub(crate) use grow::grow;
pub(crate) use text::quoted;

/// The place of a node in its [`Dom`].
pub type NodeIndex = usize;

/// The document: a tree of nodes, the first of which is the document itself. html5ever reads it as browsers agreed to (WHATWG HTML,
/// section 13.2), so that every text is a tree, however broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dom {
    pub(crate) nodes: Vec<DomNode>,
    /// How the page wants to be laid out: as the standard says unless it has an old doctype, or none.
    pub quirks: Quirks,
    /// How many times the parser had to put up with something that is not HTML.
    pub parse_errors: usize,
    /// The first ten of them, in the parser's words.
    pub first_errors: Vec<String>,
}

/// Which rules a page asks for with its doctype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirks {
    /// The standard's.
    None,
    /// Almost the standard's.
    Limited,
    /// Those of browsers before there was one. The engine does not know them: the page is laid out by the standard all the same.
    Full,
}

/// One node and its place in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomNode {
    /// The node that it is in; none for the document, and for what is not in the tree.
    pub parent: Option<NodeIndex>,
    /// What is in it, in order.
    pub children: Vec<NodeIndex>,
    /// What it is.
    pub data: NodeData,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeData {
    /// The document.
    Document,
    /// `<!doctype name>`.
    Doctype {
        /// `html`, as a rule.
        name: String,
    },
    /// Text.
    Text(String),
    /// A comment.
    Comment(String),
    /// An element.
    Element(Element),
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its name, in lower case in HTML.
    pub name: String,
    /// Which language it is of.
    pub language: Language,
    /// Its attributes, names with their prefix (`xlink:href`).
    pub attributes: Vec<(String, String)>,
    /// For a `template`: the node that holds what is in it, which is not part of the page.
    pub template: Option<NodeIndex>,
}

/// Which language an element is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// HTML.
    Html,
    /// SVG.
    Svg,
    /// MathML.
    MathMl,
}

impl Dom {
    /// The document.
    pub const ROOT: NodeIndex = 0;

    /// The node at a place, if there is one.
    #[must_use]
    pub fn node(&self, index: NodeIndex) -> Option<&DomNode> {
        self.nodes.get(index)
    }

    /// The element at a place, if there is one.
    #[must_use]
    pub fn element(&self, index: NodeIndex) -> Option<&Element> {
        match &self.node(index)?.data {
            NodeData::Element(element) => Some(element),
            _ => None,
        }
    }

    /// All nodes of the tree in document order, with their depth; the document's is 0.
    pub fn walk(&self) -> impl Iterator<Item = (usize, NodeIndex)> {
        self.walk_from(Self::ROOT)
    }

    /// The same from a node on, which is the first, with depth 0. Of a node that is not there nothing comes but its index.
    pub fn walk_from(&self, start: NodeIndex) -> impl Iterator<Item = (usize, NodeIndex)> {
        let children = |index| self.node(index).map_or(&[][..], |node| &node.children);
        walk(start, move |index| children(index).iter().copied())
    }

    /// The elements of a name, in document order.
    pub fn elements<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (NodeIndex, &'a Element)> {
        let element = |(_, index)| self.element(index).map(|element| (index, element));
        self.walk().filter_map(element).filter(move |(_, element)| element.name == name)
    }

    /// How deep the tree is: 0 if there is nothing but the document.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.walk().map(|(depth, _)| depth).max().unwrap_or(0)
    }

    /// The text in a node, all of it one after the other; empty if the node is not there.
    #[must_use]
    pub fn text_of(&self, index: NodeIndex) -> String {
        let text = |(_, index): (usize, NodeIndex)| match &self.node(index)?.data {
            NodeData::Text(text) => Some(text.as_str()),
            _ => None,
        };
        self.walk_from(index).filter_map(text).collect()
    }

    /// What the page calls itself: the text of its first `title`, with single spaces.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        let (index, _) = self.elements("title").find(|(_, element)| element.language == Language::Html)?;
        Some(self.text_of(index).split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl Element {
    /// An attribute's value, by the name that [`Element::attributes`] has.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The element as a selector would name it: `img#logo.wide`.
    #[must_use]
    pub fn label(&self) -> String {
        let id = self.attribute("id").filter(|id| !id.is_empty()).map(|id| format!("#{id}")).unwrap_or_default();
        let classes = self.attribute("class").unwrap_or_default().split_ascii_whitespace();
        let classes: String = classes.map(|class| format!(".{class}")).collect();
        format!("{}{id}{classes}", self.name)
    }
}

impl Serialize for Dom {
    /// The tree, nested: `{"element": "p", "attributes": {..}, "children": [..]}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("quirks", &self.quirks)?;
        map.serialize_entry("parse_errors", &self.parse_errors)?;
        map.serialize_entry("first_errors", &self.first_errors)?;
        map.serialize_entry("children", &Children(self, Self::ROOT))?;
        map.end()
    }
}

/// The children of a node, to be written. It recurses as deep as the tree is, which has a limit.
struct Children<'a>(&'a Dom, NodeIndex);

impl Serialize for Children<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let children = self.0.node(self.1).map_or(&[][..], |node| &node.children);
        let mut list = serializer.serialize_seq(Some(children.len()))?;
        for &child in children {
            list.serialize_element(&Written(self.0, child))?;
        }
        list.end()
    }
}

struct Written<'a>(&'a Dom, NodeIndex);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0.node(self.1).map(|node| &node.data) {
            Some(NodeData::Doctype { name }) => map.serialize_entry("doctype", name)?,
            Some(NodeData::Text(text)) => map.serialize_entry("text", text)?,
            Some(NodeData::Comment(text)) => map.serialize_entry("comment", text)?,
            Some(NodeData::Element(element)) => {
                map.serialize_entry("element", &element.name)?;
                if element.language != Language::Html {
                    map.serialize_entry("language", &element.language)?;
                }
                if !element.attributes.is_empty() {
                    map.serialize_entry("attributes", &element.attributes)?;
                }
                map.serialize_entry("children", &Children(self.0, self.1))?;
            }
            Some(NodeData::Document) | None => {}
        }
        map.end()
    }
}
