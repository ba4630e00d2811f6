//! How much text there is to be laid out, before it is: the engine keeps a glyph, a cluster and their places for each character.

use blitz_dom::node::NodeData;
use blitz_dom::{BaseDocument, Node, NodeId, local_name};
use style::computed_values::white_space_collapse::T as WhiteSpaceCollapse;
use style::counter_style::{CounterStyle, Symbol};
use style::properties::ComputedValues;
use style::values::computed::{Content, ContentItem};

use crate::tree::walk;

/// The characters of all that is displayed, once its style is known: of texts and fields, and what style generates before and after
/// elements and beside the items of lists.
pub(super) fn chars(document: &BaseDocument) -> usize {
    let children = |id: NodeId| {
        let node = document.get_node(id).filter(|node| !is_hidden(node));
        node.map_or(&[][..], |node| &node.children).iter().copied()
    };
    let nodes = walk(document.root_node().id, children).filter_map(|(_, id)| document.get_node(id));
    nodes.fold(0, |sum, node| sum.saturating_add(of_node(document, node)))
}

fn is_hidden(node: &Node) -> bool {
    let is_element = matches!(node.data, NodeData::Element(_));
    is_element && node.primary_styles().is_none_or(|style| style.get_box().display.is_none())
}

fn of_node(document: &BaseDocument, node: &Node) -> usize {
    let Some(style) = node.primary_styles().filter(|_| !is_hidden(node)) else { return 0 };
    let is_collapsed = style.clone_white_space_collapse() == WhiteSpaceCollapse::Collapse;
    let texts = node.children.iter().filter_map(|&child| match &document.get_node(child)?.data {
        NodeData::Text(text) if is_collapsed => Some(collapsed(&text.content)),
        NodeData::Text(text) => Some(text.content.chars().count()),
        _ => None,
    });
    let is_field = node.data.is_element_with_tag_name(&local_name!("input"));
    let field = node.attr(local_name!("value")).filter(|_| is_field).map_or(0, |value| value.chars().count());
    let data = node.try_stylo_element_data().and_then(|data| data.get());
    let pseudo_elements = data.iter().flat_map(|data| data.styles.pseudos.as_array().iter().flatten());
    let generated = pseudo_elements.fold(0, |sum: usize, style| sum.saturating_add(content(style)));
    [field, generated, marker(&style)].into_iter().chain(texts).fold(0, usize::saturating_add)
}

/// Characters of a text in which white space between words is one.
fn collapsed(text: &str) -> usize {
    let mut was_space = false;
    let counts = text.chars().filter(|c| {
        let is_space = c.is_ascii_whitespace();
        !(std::mem::replace(&mut was_space, is_space) && is_space)
    });
    counts.count()
}

fn content(style: &ComputedValues) -> usize {
    let Content::Items(content) = &style.get_counters().content else { return 0 };
    let strings = content.items.iter().map(|item| match item {
        ContentItem::String(text) => text.chars().count(),
        _ => 0,
    });
    strings.sum()
}

fn marker(style: &ComputedValues) -> usize {
    if !style.get_box().display.is_list_item() {
        return 0;
    }
    let symbol = |symbol: &Symbol| match symbol {
        Symbol::String(text) => text.chars().count(),
        Symbol::Ident(name) => name.0.chars().count(),
    };
    match style.clone_list_style_type().0 {
        CounterStyle::String(text) => text.chars().count(),
        CounterStyle::Symbols { symbols, .. } => symbols.0.iter().map(symbol).max().unwrap_or(0),
        // A number, or one of the usual signs.
        CounterStyle::None | CounterStyle::Name(_) => 0,
    }
}
