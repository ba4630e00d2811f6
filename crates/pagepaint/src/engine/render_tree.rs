//! The render tree, read back from the engine.

use blitz_dom::node::NodeData;
use blitz_dom::{BaseDocument, NodeId};

use super::boxes::label;
use crate::RenderNode;

/// The tree from the root element on. It recurses as deep as the tree is, which has a limit.
pub(super) fn tree(document: &BaseDocument) -> Option<RenderNode> {
    let root = document.try_root_element()?.id;
    of_node(document, root, &[])
}

/// A node, unless it is not displayed. `around` has the values of the node that it is in.
fn of_node(document: &BaseDocument, id: NodeId, around: &[String]) -> Option<RenderNode> {
    let node = document.get_node(id)?;
    if let NodeData::Text(text) = &node.data {
        let text = text.content.clone();
        let is_blank = text.trim_ascii().is_empty();
        return (!is_blank).then(|| RenderNode { node: "#text".to_owned(), text, style: vec![], children: vec![] });
    }
    let values: Vec<String> =
        RenderNode::PROPERTIES.iter().map(|property| document.resolved_style_value(id, property)).collect();
    if !matches!(node.data, NodeData::Element(_)) || values.first().is_none_or(|display| display == "none") {
        return None;
    }
    let changed = RenderNode::PROPERTIES
        .iter()
        .zip(&values)
        .enumerate()
        .filter(|(place, (_, value))| around.get(*place) != Some(value));
    let style = changed.map(|(_, (&name, value))| (name.to_owned(), value.clone())).collect();
    let children = node.children.iter().filter_map(|&child| of_node(document, child, &values)).collect();
    Some(RenderNode { node: label(node), text: String::new(), style, children })
}
