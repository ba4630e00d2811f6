//! What the engine made, read back, and the picture.

use blitz_dom::BaseDocument;
use netprobe::Span;

use super::work::Work;
use super::{boxes, draw, render_tree, sheets};
use crate::cssom::Cssom;
use crate::dom::Dom;
use crate::encoding::Decoded;
use crate::fetch::ResourceKind;
use crate::{Error, LayoutBox, Page, Painting, RenderNode, StageName};

impl Work<'_> {
    /// Boxes, trees, the display list, pixels and their file.
    pub(super) fn finish(
        mut self,
        mut document: BaseDocument,
        dom: Dom,
        page: &Page,
        decoded: &Decoded,
    ) -> Result<Painting, Error> {
        // What is read back for whoever looks is no work of the page's, and not counted.
        let layout = boxes::tree(&document);
        let render_tree = render_tree::tree(&document);
        let cssom = Cssom { sheets: sheets::sheets(&document, self.record.secrets) };
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
        let (total, secrets) = (self.total(), self.record.secrets);
        Ok(Painting {
            url: secrets.text(&page.url),
            bytes: page.bytes.len() as u64,
            title: dom.title(),
            encoding: decoded.encoding.name().to_owned(),
            encoding_source: decoded.source,
            had_encoding_errors: decoded.had_errors,
            total,
            stages: self.record.stages(),
            resources: self.record.resources(),
            resources_left_out: self.left_out as u64,
            dom: secrets.document(dom),
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
