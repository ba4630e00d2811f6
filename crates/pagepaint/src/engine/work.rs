//! One page, stage by stage.

use std::sync::Arc;

use blitz_dom::{BaseDocument, DocumentConfig, StyleThreading};
use blitz_traits::shell::{ColorScheme, Viewport};
use encoding_rs::Encoding;
use netprobe::Span;
use url::Url;

use super::asker::{Asked, Asker};
use super::load::{Loader, base_url};
use super::{Outside, Record, boxes, draw, fonts, render_tree, sheets};
use crate::cssom::Cssom;
use crate::dom::{self, Dom, NodeData};
use crate::encoding::{Decoded, decode_html};
use crate::fetch::{Initiator, Resource, ResourceKind, Wanted, shown};
use crate::{Error, LayoutBox, Page, Painter, Painting, RenderNode, StageName, vet};

/// How often the engine may ask for more after it has what it asked for: an import in an import, a background in either.
const ROUNDS_MAX: usize = 32;

/// What the thread has while it works on a page.
struct Work<'a> {
    painter: &'a Painter,
    outside: &'a Outside,
    record: &'a Record,
    begun_ns: u64,
    asker: Arc<Asker>,
    encoding: &'static Encoding,
    left_out: usize,
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
    let mut work = Work { painter, outside, record, begun_ns, asker, encoding: decoded.encoding, left_out: 0 };
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
        let loader = Loader { dom, base: &base, asker: &asker, limits: &painter.limits, encoding };
        self.record.time(StageName::Cssom, || loader.load(&mut document))?;
        self.deliver_all(&mut document)?;
        Ok(document)
    }

    /// Fetches what the engine asks for, until it asks for nothing more.
    fn deliver_all(&mut self, document: &mut BaseDocument) -> Result<bool, Error> {
        for round in 0..ROUNDS_MAX {
            let asked = self.asker.take();
            if asked.is_empty() {
                return Ok(round > 0);
            }
            let (asked, refused) = self.within_limits(asked);
            self.left_out += refused.len();
            for (wanted, handler) in refused {
                handler.bytes(wanted.url.to_string(), Default::default());
            }
            self.deliver(document, asked)?;
        }
        // What is still asked for does not come.
        let rest = self.asker.take();
        self.left_out += rest.len();
        for (wanted, handler) in rest {
            handler.bytes(wanted.url.to_string(), Default::default());
        }
        Ok(true)
    }

    /// What may still be fetched, and what is too much.
    fn within_limits(&self, mut asked: Vec<Asked>) -> (Vec<Asked>, Vec<Asked>) {
        let left = self.painter.limits.resources_max.saturating_sub(self.record.resources_count());
        let refused = asked.split_off(left.min(asked.len()));
        (asked, refused)
    }

    /// Waits for resources, and gives each to the engine in its turn: a style sheet may ask for more in its name.
    fn deliver(&mut self, document: &mut BaseDocument, asked: Vec<Asked>) -> Result<(), Error> {
        let (wanted, handlers): (Vec<Wanted>, Vec<_>) = asked.into_iter().unzip();
        let outside = self.outside;
        let waited = self.record.time(StageName::Fetch, || {
            outside.wanted.send(wanted.clone()).ok()?;
            outside.delivered.recv().ok()
        });
        // Nobody waits for the picture any more.
        let gone = || Error::Time { stage: StageName::Fetch, max_ms: self.painter.limits.time_max_ms };
        let delivered = waited.ok_or_else(gone)?;
        for ((wanted, handler), delivered) in wanted.into_iter().zip(handlers).zip(delivered) {
            let mut fetched = delivered.fetched;
            let kind = vet::kind(&wanted.initiator, &fetched);
            let vetted = vet::vetted(kind, &mut fetched, &wanted.url, self.encoding, &self.painter.limits);
            let (body, error) = vetted.map_or_else(|error| (Vec::new(), Some(error)), |body| (body, None));
            self.asker.ask_as(Initiator::StyleSheet(shown(&wanted.url)));
            let stage = if kind == ResourceKind::StyleSheet { StageName::Cssom } else { StageName::Images };
            self.record.time(stage, || {
                // Nothing is what the engine gets if there is nothing, so that it does not wait.
                handler.bytes(wanted.url.to_string(), body.into());
                document.handle_messages();
            });
            self.record.add(Resource {
                url: shown(&wanted.url),
                kind,
                initiator: wanted.initiator,
                span: delivered.span,
                redirects: fetched.redirects,
                status: fetched.status,
                content_type: fetched.content_type,
                bytes: delivered.bytes,
                error,
                report: fetched.report.map(Box::new),
            });
        }
        self.asker.ask_as(Initiator::Style);
        Ok(())
    }

    /// Style, boxes and layout; again if what is now known to be needed has come.
    fn resolve(&mut self, document: &mut BaseDocument) -> Result<(), Error> {
        self.record.time(StageName::Style, || document.resolve_stylist(0.0));
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

    /// What the engine made, read back, and the picture.
    fn finish(
        mut self,
        mut document: BaseDocument,
        dom: Dom,
        page: &Page,
        decoded: &Decoded,
    ) -> Result<Painting, Error> {
        // What is read back for whoever looks is no work of the page's, and not counted.
        let layout = boxes::tree(&document);
        let render_tree = render_tree::tree(&document);
        let cssom = Cssom { sheets: sheets::sheets(&document) };
        self.note_made(&cssom, render_tree.as_ref(), layout.as_ref());
        let scale = f64::from(self.painter.scale);
        let page_height = document.try_root_element().map_or(0.0, |root| root.scroll_height());
        let (width, height) = self.painter.picture_pixels(page_height)?;
        let dashes_max = self.painter.limits.dashes_max;
        let (scene, drawn_through) = self.record.time(StageName::Paint, || {
            let mut scene = draw::list(&mut document, scale, width, height);
            let drawn_through = draw::without_dust(&mut scene, dashes_max);
            (scene, drawn_through)
        });
        let mut commands = draw::counts(&scene);
        commands.extend((drawn_through > 0).then_some(("lines of too many dashes", drawn_through)));
        self.record.made(StageName::Paint, &commands, "");
        let picture = self.record.time(StageName::Composite, || draw::composite(scene, width, height));
        let note = format!("{width} × {height}");
        self.record.made(StageName::Composite, &[("pixels", width as usize * height as usize)], note);
        let png = self.record.time(StageName::Png, || picture.encoded());
        let png = png.map_err(|message| Error::Engine { stage: StageName::Png, message })?;
        self.record.made(StageName::Png, &[("bytes", png.len())], "");
        let total = self.total();
        Ok(Painting {
            url: page.url.clone(),
            bytes: page.bytes.len() as u64,
            title: dom.title(),
            encoding: decoded.encoding.name().to_owned(),
            encoding_source: decoded.source,
            had_encoding_errors: decoded.had_errors,
            total,
            stages: self.record.stages(),
            resources: self.record.resources(),
            resources_left_out: self.left_out as u64,
            dom,
            cssom,
            render_tree,
            layout,
            picture,
            png,
        })
    }

    /// From the beginning until now. What is not waiting is work.
    fn total(&self) -> Span {
        let start_ns = self.begun_ns;
        let duration_ns = self.record.now_ns().saturating_sub(start_ns);
        Span::new(start_ns, duration_ns, duration_ns.saturating_sub(self.record.duration_ns(StageName::Fetch)))
    }

    fn note_made(&mut self, cssom: &Cssom, render_tree: Option<&RenderNode>, layout: Option<&LayoutBox>) {
        let rules = usize::try_from(cssom.rules()).unwrap_or(usize::MAX);
        self.record.made(StageName::Cssom, &[("sheets", cssom.sheets.len()), ("rules", rules)], "");
        let resources = self.record.resources();
        let failed = resources.iter().filter(|resource| resource.error.is_some()).count();
        let bytes = resources.iter().fold(0_u64, |sum, resource| sum.saturating_add(resource.bytes));
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let counts = [("resources", resources.len()), ("failed", failed), ("bytes", bytes)];
        self.record.made(StageName::Fetch, &counts, "");
        let is_kind = |kind| resources.iter().filter(|one| one.kind == kind && one.error.is_none()).count();
        let counts = [("images", is_kind(ResourceKind::Image)), ("fonts", is_kind(ResourceKind::Font))];
        self.record.made(StageName::Images, &counts, "");
        let nodes = || render_tree.into_iter().flat_map(RenderNode::walk);
        let texts = nodes().filter(|node| node.node == "#text").count();
        self.record.made(StageName::Style, &[("elements displayed", nodes().count() - texts)], "");
        self.record.made(StageName::RenderTree, &[("elements", nodes().count() - texts), ("texts", texts)], "");
        let boxes = || layout.into_iter().flat_map(LayoutBox::walk);
        let lines = boxes().map(|inner| inner.lines.len()).sum();
        self.record.made(StageName::Layout, &[("boxes", boxes().count()), ("lines", lines)], "");
    }
}
