//! How much of a page is taken.

use serde::{Deserialize, Serialize};

/// What a page may cost. What the page itself exceeds is [`crate::Error::Limit`]; a resource that exceeds one is left out, and its
/// [`crate::Resource::error`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of the page.
    pub page_bytes_max: usize,
    /// Nodes of the DOM tree.
    pub dom_nodes_max: usize,
    /// How deep the DOM tree, and an SVG's, may be. Chromium stops at 512, too.
    pub dom_depth_max: usize,
    /// How deep brackets may be in brackets in a style sheet or a `style` attribute: `{`, `(` and `[`.
    pub css_depth_max: usize,
    /// Style sheets, images and fonts that are fetched.
    pub resources_max: usize,
    /// Bytes of one of them, decompressed.
    pub resource_bytes_max: usize,
    /// Bytes of all of them together, decompressed.
    pub resources_total_bytes_max: usize,
    /// Pixels of an image, before it is scaled.
    pub image_pixels_max: u64,
    /// Pixels of all images together, before they are scaled. Each has four bytes as long as the page is painted, and four more while it
    /// is drawn: with the usual 32 Mi these are 128 and 256 MiB.
    pub images_total_pixels_max: u64,
    /// Characters that are laid out: of texts that are displayed, of fields, and what style generates. One takes the engine about 170
    /// bytes as a rule, and about 900 at worst, where each is written in another direction than the one before: with the usual
    /// 1,000,000 these are 170 and 900 MB.
    pub text_chars_max: usize,
    /// Dashes of one line. A line that has more is drawn through.
    pub dashes_max: u64,
    /// Pixels of the picture.
    pub picture_pixels_max: u64,
    /// Address space for the stack of the thread that styles, lays out and paints: these recurse as deep as the tree is.
    pub stack_bytes: usize,
    /// How long all of it may take, in milliseconds, fetching included.
    pub time_max_ms: u64,
}

/// The most that a side of an image or of the picture may have: the renderer counts with 16 bits.
pub const SIDE_MAX: u32 = 16_384;

impl Default for Limits {
    fn default() -> Self {
        Self {
            page_bytes_max: 8 * 1024 * 1024,
            dom_nodes_max: 100_000,
            dom_depth_max: 512,
            css_depth_max: 64,
            resources_max: 128,
            resource_bytes_max: 8 * 1024 * 1024,
            resources_total_bytes_max: 64 * 1024 * 1024,
            image_pixels_max: 16 * 1024 * 1024,
            images_total_pixels_max: 32 * 1024 * 1024,
            text_chars_max: 1_000_000,
            dashes_max: 100_000,
            picture_pixels_max: 64 * 1024 * 1024,
            stack_bytes: 256 * 1024 * 1024,
            time_max_ms: 30_000,
        }
    }
}
