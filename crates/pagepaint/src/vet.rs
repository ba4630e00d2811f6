//! What came is looked at before the engine gets it.

use std::io::Cursor;

use encoding_rs::Encoding;
use image::ImageReader;
use url::Url;

use crate::fetch::{Fetched, Initiator, ResourceKind};
use crate::limits::SIDE_MAX;
use crate::page::essence;
use crate::{Limits, css, encoding, svg};

/// How fonts begin: TrueType, OpenType with CFF outlines, Apple's TrueType.
const FONT_STARTS: [&[u8]; 3] = [b"\x00\x01\x00\x00", b"OTTO", b"true"];

/// What a resource is for: who asked says it, and between an import and a font the bytes do.
pub(crate) fn kind(initiator: &Initiator, fetched: &Fetched) -> ResourceKind {
    match initiator {
        Initiator::Element(label) if is_named(label, "link") => ResourceKind::StyleSheet,
        Initiator::Style => ResourceKind::Image,
        Initiator::Element(label) if !is_named(label, "style") => ResourceKind::Image,
        _ if is_font(fetched) => ResourceKind::Font,
        _ => ResourceKind::StyleSheet,
    }
}

fn is_named(label: &str, name: &str) -> bool {
    label.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['#', '.']))
}

fn is_font(fetched: &Fetched) -> bool {
    let is_said = fetched.content_type.as_deref().is_some_and(|content_type| content_type.contains("font"));
    is_said || fetched.body.starts_with(b"wOF") || FONT_STARTS.iter().any(|start| fetched.body.starts_with(start))
}

/// Looks at what came for one page.
pub(crate) struct Vet<'a> {
    limits: &'a Limits,
    page_encoding: &'static Encoding,
    /// Of the images that the engine has got so far.
    pixels: u64,
}

impl<'a> Vet<'a> {
    pub(crate) fn new(limits: &'a Limits, page_encoding: &'static Encoding) -> Self {
        Self { limits, page_encoding, pixels: 0 }
    }

    /// The bytes as the engine may have them, or why it may not.
    pub(crate) fn vetted(&mut self, kind: ResourceKind, fetched: &mut Fetched, url: &Url) -> Result<Vec<u8>, String> {
        if let Some(error) = &fetched.error {
            return Err(error.clone());
        }
        let bytes = std::mem::take(&mut fetched.body);
        match kind {
            ResourceKind::StyleSheet => self.style_sheet(&bytes, fetched.content_type.as_deref(), url),
            ResourceKind::Image if svg::is_svg(&bytes) => svg::cleaned(&bytes, self.limits).map(String::into_bytes),
            ResourceKind::Image => self.image(bytes),
            ResourceKind::Font if FONT_STARTS.iter().any(|start| bytes.starts_with(start)) => Ok(bytes),
            ResourceKind::Font => Err("not a TrueType or OpenType font".to_owned()),
        }
    }

    fn style_sheet(&self, bytes: &[u8], content_type: Option<&str>, url: &Url) -> Result<Vec<u8>, String> {
        let essence = essence(content_type);
        if !matches!(essence.as_str(), "" | "text/css") {
            return Err(format!("a style sheet that is {essence:?}, not text/css"));
        }
        let text = encoding::decode_css(bytes, content_type, self.page_encoding).text;
        let (depth, max) = (css::depth(&text), self.limits.css_depth_max);
        if depth > max {
            return Err(exceeded("css_depth_max", depth as u64, max as u64));
        }
        Ok(css::without_broken_imports(&text, url).into_bytes())
    }

    /// An image whose head says that it is not too large to be read, and not too much with the others.
    fn image(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
        let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format().map_err(|error| error.to_string())?;
        let (width, height) = reader.into_dimensions().map_err(|error| format!("not an image: {error}"))?;
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.limits.image_pixels_max {
            return Err(exceeded("image_pixels_max", pixels, self.limits.image_pixels_max));
        }
        if width.max(height) > SIDE_MAX {
            return Err(exceeded("the side of an image", u64::from(width.max(height)), u64::from(SIDE_MAX)));
        }
        let (together, max) = (self.pixels.saturating_add(pixels), self.limits.images_total_pixels_max);
        if together > max {
            return Err(exceeded_together("images_total_pixels_max", together, max));
        }
        self.pixels = together;
        Ok(bytes)
    }
}

pub(crate) fn exceeded(limit: &str, found: u64, max: u64) -> String {
    format!("{limit}: it has {found}, at most {max} is allowed")
}

/// For a limit of all resources together.
pub(crate) fn exceeded_together(limit: &str, found: u64, max: u64) -> String {
    format!("{limit}: with it there are {found}, at most {max} is allowed")
}
