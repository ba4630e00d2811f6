//! The tree goes into the engine: every element with its attributes, and what it makes the engine ask for in its name.

use std::collections::HashMap;

use blitz_dom::node::Attribute;
use blitz_dom::{BaseDocument, DocumentMutator, LocalName, NodeId, Prefix, QualName, ns};
use encoding_rs::Encoding;
use url::Url;

use super::asker::Asker;
use crate::dom::{Dom, Element, Language, NodeData, NodeIndex};
use crate::fetch::Initiator;
use crate::{Error, Limits, css, svg};

/// Attributes through which the engine would load something.
const LOADING: [(&str, &str); 2] = [("img", "src"), ("link", "href")];

/// What the engine would load or run and we do not: pages in pages.
const NOT_LOADED: [(&str, &str); 2] = [("iframe", "src"), ("iframe", "srcdoc")];

/// The address that everything in the page is relative to: the page's own, or what its first `base` says.
pub(super) fn base_url(dom: &Dom, page_url: &Url) -> Url {
    let base = dom.elements("base").find_map(|(_, element)| element.attribute("href"));
    let base = base.and_then(|href| page_url.join(href).ok());
    base.filter(|url| matches!(url.scheme(), "http" | "https" | "file")).unwrap_or_else(|| page_url.clone())
}

/// Puts a tree into an empty document.
pub(super) struct Loader<'a> {
    pub(super) dom: &'a Dom,
    pub(super) base: &'a Url,
    pub(super) asker: &'a Asker,
    pub(super) limits: &'a Limits,
    /// How many columns its cells span.
    pub(super) spans: &'a HashMap<NodeIndex, u64>,
    /// Of the page: what its addresses may be relative to is written in it.
    pub(super) encoding: &'static Encoding,
}

impl Loader<'_> {
    /// Every node in document order, so that its parent is there already.
    pub(super) fn load(&self, document: &mut BaseDocument) -> Result<(), Error> {
        self.check_css()?;
        let root = document.root_node().id;
        let mut mutator = document.mutate();
        let mut next: Vec<(NodeIndex, NodeId)> = self.children(Dom::ROOT, root);
        while let Some((index, parent)) = next.pop() {
            let Some(node) = self.add(index, parent, &mut mutator) else { continue };
            next.extend(self.children(index, node));
        }
        Ok(())
    }

    fn children(&self, index: NodeIndex, parent: NodeId) -> Vec<(NodeIndex, NodeId)> {
        let children = self.dom.node(index).map_or(&[][..], |node| &node.children);
        children.iter().rev().map(|&child| (child, parent)).collect()
    }

    /// A node as the engine has it, in its place; its children follow. None if there is nothing to follow.
    fn add(&self, index: NodeIndex, parent: NodeId, mutator: &mut DocumentMutator<'_>) -> Option<NodeId> {
        match &self.dom.node(index)?.data {
            NodeData::Text(text) if self.is_in_svg(index) && svg::immense("style", text).is_some() => None,
            NodeData::Text(text) => {
                let node = mutator.create_text_node(text);
                mutator.append_children(parent, &[node]);
                None
            }
            NodeData::Element(element) if is_left_out(element) => None,
            NodeData::Element(element) => {
                self.asker.ask_as(Initiator::Element(element.label()));
                let node = mutator.create_element(name(element), self.attributes(index, element));
                if element.name == "style" && element.language == Language::Html {
                    let css = css::without_broken_imports(&self.dom.text_of(index), self.base);
                    // The engine takes the text of a style element for HTML once more.
                    let text = mutator.create_text_node(&css.replace('&', "&amp;"));
                    mutator.append_children(node, &[text]);
                    mutator.append_children(parent, &[node]);
                    mutator.flush();
                    return None;
                }
                mutator.append_children(parent, &[node]);
                Some(node)
            }
            NodeData::Comment(_) | NodeData::Doctype { .. } | NodeData::Document => None,
        }
    }

    fn is_in_svg(&self, index: NodeIndex) -> bool {
        let parent = self.dom.node(index).and_then(|node| self.dom.element(node.parent?));
        parent.is_some_and(|parent| parent.language == Language::Svg)
    }

    /// The attributes, addresses made whole as this page's encoding has it, without those that would load what is not loaded.
    fn attributes(&self, index: NodeIndex, element: &Element) -> Vec<Attribute> {
        let kept = element.attributes.iter().filter_map(|(key, value)| {
            let pair = (element.name.as_str(), key.as_str());
            let is_immense = element.language == Language::Svg && svg::immense(key, value).is_some();
            if is_immense || NOT_LOADED.contains(&pair) {
                return None;
            }
            let value = match key.as_str() {
                _ if LOADING.contains(&pair) => self.absolute(value)?,
                // The engine would take any element's word for it.
                "colspan" | "span" => self.spans.get(&index)?.to_string(),
                "rowspan" if !self.spans.contains_key(&index) => return None,
                _ => value.clone(),
            };
            Some(Attribute { name: attribute_name(key), value })
        });
        kept.collect()
    }

    fn absolute(&self, address: &str) -> Option<String> {
        let encoding = self.encoding.output_encoding();
        let options = Url::options().base_url(Some(self.base));
        options.encoding_override(Some(&|text| encoding.encode(text).0)).parse(address).ok().map(String::from)
    }

    /// Style that is in the page is parsed as soon as the engine sees it.
    fn check_css(&self) -> Result<(), Error> {
        for (_, index) in self.dom.walk() {
            let Some(element) = self.dom.element(index) else { continue };
            let attribute = element.attribute("style").map_or(0, css::depth);
            let depth = if element.name == "style" { css::depth(&self.dom.text_of(index)) } else { 0 };
            if depth.max(attribute) > self.limits.css_depth_max {
                return Err(Error::limit("css_depth_max", depth.max(attribute), self.limits.css_depth_max));
            }
        }
        Ok(())
    }
}

fn is_left_out(element: &Element) -> bool {
    element.language == Language::Svg && svg::LEFT_OUT.contains(&element.name.as_str())
}

fn name(element: &Element) -> QualName {
    let namespace = match element.language {
        Language::Html => ns!(html),
        Language::Svg => ns!(svg),
        Language::MathMl => ns!(mathml),
    };
    QualName::new(None, namespace, LocalName::from(element.name.as_str()))
}

fn attribute_name(name: &str) -> QualName {
    let (prefix, local) = name.split_once(':').map_or((None, name), |(prefix, local)| (Some(prefix), local));
    let namespace = match prefix {
        Some("xlink") => ns!(xlink),
        Some("xml") => ns!(xml),
        Some("xmlns") => ns!(xmlns),
        _ => return QualName::new(None, ns!(), LocalName::from(name)),
    };
    QualName::new(prefix.map(Prefix::from), namespace, LocalName::from(local))
}
