//! Passwords in a page's own addresses, which are for its servers and not for whoever reads what is reported.

use netprobe::url::{redacted, redacted_text, redacted_within};
use url::Url;

use crate::dom::{Dom, NodeData};

/// How much of a `data:` URL is shown.
const DATA_URL_CHARS_SHOWN: usize = 40;

/// How addresses are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Secrets {
    pub(crate) are_revealed: bool,
}

impl Secrets {
    /// A URL: not the whole of what is written in a `data:` URL.
    pub(crate) fn url(self, url: &Url) -> String {
        if url.scheme() == "data" {
            let text = self.within(url.as_str());
            return match text.char_indices().nth(DATA_URL_CHARS_SHOWN) {
                Some((end, _)) => format!("{}… ({} bytes)", &text[..end], url.as_str().len()),
                None => text,
            };
        }
        if self.are_revealed { url.to_string() } else { redacted(url) }
    }

    /// A text that should be a URL.
    pub(crate) fn text(self, text: &str) -> String {
        if self.are_revealed { text.to_owned() } else { redacted_text(text) }
    }

    /// A text in which there may be URLs.
    pub(crate) fn within(self, text: &str) -> String {
        if self.are_revealed { text.to_owned() } else { redacted_within(text) }
    }

    /// A document as it is shown: its attributes and its style may have URLs, and what is in a URL is not displayed. Text that is
    /// displayed stays.
    pub(crate) fn document(self, mut dom: Dom) -> Dom {
        if self.are_revealed {
            return dom;
        }
        let is_style = |dom: &Dom, parent| dom.element(parent).is_some_and(|element| element.name == "style");
        for index in 0..dom.nodes.len() {
            let in_style = dom.nodes[index].parent.is_some_and(|parent| is_style(&dom, parent));
            match &mut dom.nodes[index].data {
                NodeData::Element(element) => {
                    for (_, value) in element.attributes.iter_mut().filter(|(_, value)| value.contains('@')) {
                        *value = attribute(value);
                    }
                }
                NodeData::Comment(text) => *text = redacted_within(text),
                NodeData::Text(text) if in_style => *text = redacted_within(text),
                NodeData::Text(_) | NodeData::Doctype { .. } | NodeData::Document => {}
            }
        }
        dom
    }
}

/// What an attribute says. If it is a URL that has a password, however it is written, it is shown as one that has none.
fn attribute(value: &str) -> String {
    let base = Url::parse("https://base.invalid/");
    match base.and_then(|base| base.join(value)) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => redacted(&url),
        _ => redacted_within(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::dom::grow;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let hidden = Secrets { are_revealed: false };
        let url = |text: &str| Url::parse(text).expect("a URL");
        assert_eq!(hidden.url(&url("http://ann:hunter2@a.test/x")), "http://redacted@a.test/x");
        assert_eq!(hidden.url(&url("data:text/css,a{b:url(//ann:hunter2@c)}")), "data:text/css,a{b:url(//redacted@c)}");
        assert!(hidden.url(&url(&format!("data:,{}", "a".repeat(99)))).ends_with("… (105 bytes)"));
        let revealed = Secrets { are_revealed: true };
        assert_eq!(revealed.url(&url("http://ann:hunter2@a.test/x")), "http://ann:hunter2@a.test/x");
    }

    #[test]
    fn a_document_is_shown_without_them() {
        let html = "<base href=http://ann:hunter2@a.test/><img src='http:\\\\ann:hunter2@a.test/x'><img src=http:ann:hunter2,@a.test>\
                    <p style='background: url(//ann:hunter2@a.test)'><style>@import 'http://ann:hunter2@a.test'</style>\
                    <!-- http://ann:hunter2@a.test --><b title=a@b>mail a@b";
        let dom = |secrets: Secrets| secrets.document(grow(html, &Limits::default()).expect("a tree")).to_string();
        let hidden = dom(Secrets { are_revealed: false });
        assert!(!hidden.contains("hunter2") && hidden.matches("redacted@a.test").count() == 6, "{hidden}");
        assert!(hidden.contains("title=\"a@b\"") && hidden.contains("mail a@b"), "{hidden}");
        assert_eq!(dom(Secrets { are_revealed: true }).matches("hunter2").count(), 6);
    }
}
