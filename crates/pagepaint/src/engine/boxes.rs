//! The layout tree, read back from the engine.

use blitz_dom::node::NodeData;
use blitz_dom::{BaseDocument, Node, NodeId, local_name};

use crate::layout::{LayoutBox, Line};

/// The tree from the root element on. It recurses as deep as the tree is, which has a limit.
pub(super) fn tree(document: &BaseDocument) -> Option<LayoutBox> {
    let root = document.try_root_element()?.id;
    of_node(document, root)
}

fn of_node(document: &BaseDocument, id: NodeId) -> Option<LayoutBox> {
    let node = document.get_node(id)?;
    if !matches!(node.data, NodeData::Element(_) | NodeData::AnonymousBlock(_)) || !has_box(node) {
        return None;
    }
    let layout = node.final_layout();
    let place = node.absolute_position(0.0, 0.0);
    let children = node.layout_children.borrow();
    let children = children.iter().flatten().filter_map(|&child| of_node(document, child));
    Some(LayoutBox {
        node: label(node),
        display: document.resolved_style_value(id, "display"),
        x: rounded(place.x),
        y: rounded(place.y),
        width: rounded(layout.size.width),
        height: rounded(layout.size.height),
        lines: lines(node, place.x, place.y),
        children: children.collect(),
    })
}

/// Not what is not displayed, nor what only its children have boxes of. Boxes without an element are there for the layout's sake.
fn has_box(node: &Node) -> bool {
    node.is_anonymous() || node.has_boxes()
}

/// An element as a selector would name it.
pub(super) fn label(node: &Node) -> String {
    let NodeData::Element(element) = &node.data else { return "anonymous".to_owned() };
    let id = element.attr(local_name!("id")).filter(|id| !id.is_empty());
    let id = id.map(|id| format!("#{id}")).unwrap_or_default();
    let classes = element.attr(local_name!("class")).unwrap_or_default().split_ascii_whitespace();
    let classes: String = classes.map(|class| format!(".{class}")).collect();
    format!("{}{id}{classes}", element.name.local)
}

/// The lines of a box that holds text. The engine counts them in pixels of the picture.
fn lines(node: &Node, x: f32, y: f32) -> Vec<Line> {
    let Some(text) = node.element_data().and_then(|element| element.inline_layout_data.as_ref()) else {
        return Vec::new();
    };
    let layout = node.final_layout();
    let left = x + layout.padding.left + layout.border.left;
    let top = y + layout.padding.top + layout.border.top + text.block_offset;
    let scale = text.layout.scale();
    let line = |line: parley::Line<'_, _>| {
        let metrics = line.metrics();
        Line {
            text: text.text.get(line.text_range()).unwrap_or_default().to_owned(),
            x: rounded(left + (metrics.inline_min_coord + metrics.offset) / scale),
            y: rounded(top + metrics.block_min_coord / scale),
            width: rounded((metrics.advance - metrics.hanging_advance) / scale),
            height: rounded((metrics.block_max_coord - metrics.block_min_coord) / scale),
        }
    };
    text.layout.lines().map(line).collect()
}

/// To a hundredth of a pixel: what is written down is not longer than what is known.
fn rounded(pixels: f32) -> f32 {
    if pixels.abs() < 1e6 { (pixels * 100.0).round() / 100.0 } else { pixels }
}
