//! What the parser tells us to do, done.

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, QualName, ns};

use super::{Dom, DomNode, Element, Language, NodeData, NodeIndex, Quirks};

/// How many of the parser's complaints are kept in words.
const ERRORS_KEPT: usize = 10;

/// A tree that grows.
#[derive(Debug)]
pub(super) struct Sink {
    nodes: RefCell<Vec<DomNode>>,
    /// The names of the nodes that are elements, as the parser wants them back.
    names: RefCell<Vec<Option<QualName>>>,
    /// How deep each node was when it was put where it is.
    depths: RefCell<Vec<usize>>,
    deepest: Cell<usize>,
    quirks: Cell<Quirks>,
    errors: RefCell<(usize, Vec<String>)>,
}

impl Default for Sink {
    fn default() -> Self {
        let sink = Self {
            nodes: RefCell::default(),
            names: RefCell::default(),
            depths: RefCell::default(),
            deepest: Cell::default(),
            quirks: Cell::new(Quirks::None),
            errors: RefCell::default(),
        };
        sink.add(NodeData::Document, None);
        sink
    }
}

impl Sink {
    /// How many nodes there are, in the tree or not.
    pub(super) fn len(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// How deep the tree has been.
    pub(super) fn deepest(&self) -> usize {
        self.deepest.get()
    }

    fn add(&self, data: NodeData, name: Option<QualName>) -> NodeIndex {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(DomNode { parent: None, children: Vec::new(), data });
        self.names.borrow_mut().push(name);
        self.depths.borrow_mut().push(0);
        nodes.len() - 1
    }

    /// Puts a node, or text, into `parent` at `place` among its children. Texts that meet become one.
    fn insert(&self, parent: NodeIndex, place: usize, child: NodeOrText<NodeIndex>) {
        let child = match child {
            NodeOrText::AppendNode(node) => node,
            NodeOrText::AppendText(text) => {
                let mut nodes = self.nodes.borrow_mut();
                let before = place.checked_sub(1).and_then(|place| nodes[parent].children.get(place).copied());
                if let Some(NodeData::Text(known)) = before.map(|before| &mut nodes[before].data) {
                    known.push_str(&text);
                    return;
                }
                drop(nodes);
                self.add(NodeData::Text(text.to_string()), None)
            }
        };
        let mut nodes = self.nodes.borrow_mut();
        nodes[child].parent = Some(parent);
        nodes[parent].children.insert(place, child);
        let mut depths = self.depths.borrow_mut();
        depths[child] = depths[parent] + 1;
        self.deepest.set(self.deepest.get().max(depths[child]));
    }

    fn is_inside(&self, node: NodeIndex) -> bool {
        self.nodes.borrow()[node].parent.is_some()
    }
}

/// An attribute's name with its prefix.
fn attribute_name(name: &QualName) -> String {
    name.prefix.as_ref().map_or_else(|| name.local.to_string(), |prefix| format!("{prefix}:{}", name.local))
}

fn plain(attributes: Vec<Attribute>) -> impl Iterator<Item = (String, String)> {
    attributes.into_iter().map(|attribute| (attribute_name(&attribute.name), attribute.value.to_string()))
}

/// Handles are the parser's own: each is of a node that it got from here.
impl TreeSink for Sink {
    type Handle = NodeIndex;
    type Output = Dom;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Dom {
        let (parse_errors, first_errors) = self.errors.into_inner();
        Dom { nodes: self.nodes.into_inner(), quirks: self.quirks.get(), parse_errors, first_errors }
    }

    fn parse_error(&self, message: Cow<'static, str>) {
        let mut errors = self.errors.borrow_mut();
        errors.0 += 1;
        if errors.1.len() < ERRORS_KEPT {
            errors.1.push(message.into_owned());
        }
    }

    fn get_document(&self) -> NodeIndex {
        Dom::ROOT
    }

    fn elem_name<'a>(&'a self, target: &'a NodeIndex) -> Ref<'a, QualName> {
        Ref::map(self.names.borrow(), |names| names[*target].as_ref().expect("the parser asks for names of elements"))
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> NodeIndex {
        let language = match name.ns {
            ns!(svg) => Language::Svg,
            ns!(mathml) => Language::MathMl,
            _ => Language::Html,
        };
        let template = flags.template.then(|| self.add(NodeData::Document, None));
        let attributes = plain(attributes).collect();
        let element = Element { name: name.local.to_string(), language, attributes, template };
        self.add(NodeData::Element(element), Some(name))
    }

    fn create_comment(&self, text: StrTendril) -> NodeIndex {
        self.add(NodeData::Comment(text.to_string()), None)
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> NodeIndex {
        self.add(NodeData::Comment(format!("?{target} {data}")), None)
    }

    fn append(&self, parent: &NodeIndex, child: NodeOrText<NodeIndex>) {
        let place = self.nodes.borrow()[*parent].children.len();
        self.insert(*parent, place, child);
    }

    fn append_before_sibling(&self, sibling: &NodeIndex, child: NodeOrText<NodeIndex>) {
        if let NodeOrText::AppendNode(node) = &child {
            self.remove_from_parent(node);
        }
        let nodes = self.nodes.borrow();
        let Some(parent) = nodes[*sibling].parent else { return };
        let Some(place) = nodes[parent].children.iter().rposition(|child| child == sibling) else { return };
        drop(nodes);
        self.insert(parent, place, child);
    }

    fn append_based_on_parent_node(&self, element: &NodeIndex, other: &NodeIndex, child: NodeOrText<NodeIndex>) {
        if self.is_inside(*element) {
            self.append_before_sibling(element, child);
        } else {
            self.append(other, child);
        }
    }

    fn append_doctype_to_document(&self, name: StrTendril, _public: StrTendril, _system: StrTendril) {
        let doctype = self.add(NodeData::Doctype { name: name.to_string() }, None);
        self.append(&Dom::ROOT, NodeOrText::AppendNode(doctype));
    }

    fn get_template_contents(&self, target: &NodeIndex) -> NodeIndex {
        match &self.nodes.borrow()[*target].data {
            NodeData::Element(Element { template: Some(contents), .. }) => *contents,
            _ => *target,
        }
    }

    fn same_node(&self, one: &NodeIndex, other: &NodeIndex) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.quirks.set(match mode {
            QuirksMode::Quirks => Quirks::Full,
            QuirksMode::LimitedQuirks => Quirks::Limited,
            QuirksMode::NoQuirks => Quirks::None,
        });
    }

    fn add_attrs_if_missing(&self, target: &NodeIndex, attributes: Vec<Attribute>) {
        let mut nodes = self.nodes.borrow_mut();
        let NodeData::Element(element) = &mut nodes[*target].data else { return };
        for (name, value) in plain(attributes) {
            if element.attribute(&name).is_none() {
                element.attributes.push((name, value));
            }
        }
    }

    fn remove_from_parent(&self, target: &NodeIndex) {
        let mut nodes = self.nodes.borrow_mut();
        if let Some(parent) = nodes[*target].parent.take() {
            nodes[parent].children.retain(|child| child != target);
        }
    }

    fn reparent_children(&self, node: &NodeIndex, new_parent: &NodeIndex) {
        let children = std::mem::take(&mut self.nodes.borrow_mut()[*node].children);
        for child in children {
            self.append(new_parent, NodeOrText::AppendNode(child));
        }
    }
}
