//! One page, stage by stage.

use std::sync::Arc;

use blitz_dom::{BaseDocument, DocumentConfig, StyleThreading};
use blitz_traits::shell::{ColorScheme, Viewport};
use encoding_rs::Encoding;
use url::Url;

use super::asker::Asker;
use super::load::{Loader, base_url};
use super::{Outside, Record, columns, fonts, text};
use crate::dom::{self, Dom, NodeData};
use crate::encoding::{Decoded, decode_html};
use crate::vet::Vet;
use crate::{Error, Page, Painter, Painting, StageName};

/// What the thread has while it works on a page.
pub(super) struct Work<'a> {
    pub(super) painter: &'a Painter,
    pub(super) outside: &'a Outside,
    pub(super) record: &'a Record,
    pub(super) begun_ns: u64,
    pub(super) asker: Arc<Asker>,
    encoding: &'static Encoding,
    pub(super) vet: Vet<'a>,
    pub(super) left_out: usize,
}

pub(super) fn paint(painter: &Painter, page: &Page, outside: &Outside) -> Result<Painting, Error> {
    let url = painter.page_url(page)?;
    let record = &outside.record;
    let begun_ns = record.now_ns();
    let decoded = record.time(StageName::Decode, || decode(painter, page))?;
    let note = format!("{}, as {} says", decoded.encoding.name(), decoded.source.name());
    record.made(StageName::Decode, &[("bytes", page.bytes.len()), ("characters", decoded.text.chars().count())], note);
    let dom = record.time(StageName::Dom, || dom::grow(&decoded.text, &painter.limits))?;
    record.made(StageName::Dom, &dom_counts(&dom), "");
    let asker = Arc::new(Asker::new());
    let vet = Vet::new(&painter.limits, decoded.encoding);
    let mut work = Work { painter, outside, record, begun_ns, asker, encoding: decoded.encoding, vet, left_out: 0 };
    let mut document = work.document(&dom, &url)?;
    work.resolve(&mut document)?;
    work.finish(document, dom, page, &decoded)
}

fn decode(painter: &Painter, page: &Page) -> Result<Decoded, Error> {
    let max = painter.limits.page_bytes_max;
    if page.bytes.len() > max {
        return Err(Error::limit("page_bytes_max", page.bytes.len(), max));
    }
    Ok(decode_html(&page.bytes, page.content_type.as_deref()))
}

fn dom_counts(dom: &Dom) -> [(&'static str, usize); 5] {
    let count = |is: fn(&NodeData) -> bool| {
        dom.walk().filter(|&(_, index)| dom.node(index).is_some_and(|node| is(&node.data))).count()
    };
    [
        ("elements", count(|data| matches!(data, NodeData::Element(_)))),
        ("texts", count(|data| matches!(data, NodeData::Text(_)))),
        ("comments", count(|data| matches!(data, NodeData::Comment(_)))),
        ("depth", dom.depth()),
        ("parse errors", dom.parse_errors),
    ]
}

impl Work<'_> {
    /// The tree in the engine, with its style sheets and the images of its elements.
    fn document(&mut self, dom: &Dom, url: &Url) -> Result<BaseDocument, Error> {
        let painter = self.painter;
        let (width, height) = painter.viewport_pixels()?;
        let base = base_url(dom, url);
        let mut document = BaseDocument::new(DocumentConfig {
            viewport: Some(Viewport::new(width, height, painter.scale, ColorScheme::Light)),
            base_url: Some(base.to_string()),
            net_provider: Some(self.asker.clone()),
            font_ctx: Some(fonts::context()),
            style_threading: StyleThreading::Sequential,
            ..DocumentConfig::default()
        });
        let (asker, encoding) = (self.asker.clone(), self.encoding);
        self.record.time(StageName::Cssom, || {
            let spans = &columns::spans(dom);
            Loader { dom, base: &base, asker: &asker, limits: &painter.limits, spans, encoding }.load(&mut document)
        })?;
        self.deliver_all(&mut document)?;
        Ok(document)
    }

    /// Style, boxes and layout; again if what is now known to be needed has come.
    fn resolve(&mut self, document: &mut BaseDocument) -> Result<(), Error> {
        let chars = self.record.time(StageName::Style, || {
            document.resolve_stylist(0.0);
            text::chars(document)
        });
        let max = self.painter.limits.text_chars_max;
        if chars > max {
            return Err(Error::limit("text_chars_max", chars, max));
        }
        self.record.time(StageName::RenderTree, || {
            document.resolve_layout_children();
            document.resolve_deferred_tasks();
        });
        self.record.time(StageName::Layout, || document.resolve(0.0));
        while self.deliver_all(document)? {
            self.record.time(StageName::Layout, || document.resolve(0.0));
        }
        Ok(())
    }
}
