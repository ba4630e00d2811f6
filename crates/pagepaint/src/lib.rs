//! *What happens between the last byte and the pixels?*
//!
//! **The answer.** Bytes become text, text becomes two trees, one of elements and one of rules; together they say what is shown and how;
//! then everything gets a place, then a colour, then there are pixels:
//!
//! ```text
//!  bytes ── decode ──► text ── HTML ──► DOM tree ─┐
//!              │                  │               ├── style ──► render tree ── layout ──► boxes ── paint ──► display list
//!              │                  └─ CSS ─► CSSOM ┘                                                              │
//!              │                      │                                                                      composite
//!   which encoding?         style sheets, images and fonts                                                       ▼
//!                           are fetched as they are met                                                     pixels ──► PNG
//! ```
//!
#![doc = concat!(
    "<div class=\"picture\"><style>.picture svg{max-width:100%;height:auto}</style>",
    include_str!("../docs/pixels.svg"),
    "</div>\n"
)]
//!
//! *One run, against the lab of `netprobe`: from the key press through DNS, TCP, TLS and HTTP to the pixels. Drawn by the repository's example
//! `what_happens --press --paint`.*
//!
//! Each of these is a stage here, with its time ([`Stage`]), and what it made can be looked at: [`Dom`], [`Cssom`], [`RenderNode`],
//! [`LayoutBox`], [`Picture`], as values, as text and as JSON.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use pagepaint::{Offline, Page, Painter, StageName};
//!
//! let page = Page::html("<!doctype html><style>p { margin: 0; width: 50px; height: 20px; background: red }</style><p id=a>");
//! let painting = Painter::default().paint(&page, &Offline::default()).await?;
//!
//! let a = painting.layout.as_ref().and_then(|root| root.find("p#a")).unwrap();
//! assert_eq!((a.x, a.y, a.width, a.height), (8.0, 8.0, 50.0, 20.0));
//! assert_eq!(painting.picture.pixel(57, 27), Some([255, 0, 0, 255]));
//! println!("{}", painting.table());
//! assert_eq!(painting.stage(StageName::Cssom).unwrap().count("rules"), Some(1));
//! # Ok::<(), pagepaint::Error>(())
//! # }).unwrap();
//! ```
//!
//! # Reading order
//!
//! [`Painter`] is the way from a [`Page`] to a [`Painting`]. Then its stages, one after the other: [`EncodingSource`] (bytes to text), [`Dom`] (text
//! to a tree), [`Cssom`], [`RenderNode`] (what is displayed, and how), [`LayoutBox`] (where), [`Picture`] (the pixels); [`Fetch`] is where
//! what a page asks for comes from, [`Limits`] what it may cost. Of the sources, [`painter.rs`](../src/pagepaint/painter.rs.html) and
//! [`dom/sink.rs`](../src/pagepaint/dom/sink.rs.html) come first; [`engine/mod.rs`](../src/pagepaint/engine/mod.rs.html) is all that knows
//! blitz.
//!
//! # Where a page comes from
//!
//! [`Network`] is a [`netprobe::Session`]: the page and all that it asks for, redirects followed, every step of it measured, and each
//! [`Resource`] says who asked ([`Initiator`]). On the same [`netprobe::Clock`] ([`Painter::paint_on`]) requests and stages are one timeline
//! ([`Painting::chapter`]). [`Offline`] has its resources in memory, and anybody may implement [`Fetch`].
//!
//! What a page asks for is asked for in its name ([`Network::asked_by`]): with the caller's headers to its own origin alone, with its visit's
//! cookies to its own site, and never at an address that is more private than its server's. User names and passwords in its addresses are
//! sent where they belong, and shown to nobody unless [`Painter::reveal_secrets`] is set.
//!
//! # What a page may cost
//!
//! Nothing that a page does is trusted. Bytes, nodes, depth, characters, brackets of CSS, resources, pixels and time have [`Limits`] with
//! names; what exceeds one is an [`Error`], or a resource that is left out. The engine has a thread of its own with a large stack: if it
//! panics, that is [`Error::Engine`] ([`is_engine_thread`] is for a panic hook that keeps quiet about it), and if it does not end,
//! [`Error::Time`]. Two things cannot be helped inside one process: a computation that never ends goes on in its thread; and while the
//! memory for text and for images is bounded by numbers, what else the engine takes for a page within the limits is bounded by
//! experience with the awkward pages of this crate's tests. Whoever paints pages of strangers all day does so in a process that can be
//! ended.
//!
//! # What it is built on, and what it is not
//!
//! The tree is html5ever's reading of HTML; style, layout and painting are those of [blitz](https://github.com/DioxusLabs/blitz), with Firefox's
//! style engine in it, at version 0.3.0-beta.4, exactly; anyrender 0.14 and anyrender_vello_cpu 0.18 draw. All of it builds with Rust 1.95.
//! It is large: some four hundred crates. What blitz does not know is not painted: no JavaScript, no pages in pages, no quirks mode, no
//! `text` and `image` inside SVG (they would read this machine's fonts and files), no WOFF fonts. Text is set in the DejaVu fonts that come
//! along, never in the machine's, so that a page looks the same everywhere.

mod chapter;
mod css;
mod cssom;
mod dom;
mod encoding;
mod engine;
mod error;
mod fetch;
mod layout;
mod limits;
mod page;
mod painter;
mod painting;
mod picture;
mod render_tree;
mod secrets;
mod stage;
mod svg;
mod tree;
mod unpainted;
mod vet;

pub use cssom::{Cssom, Rule, StyleSheet};
pub use dom::{Dom, DomNode, Element, Language, NodeData, NodeIndex, Quirks};
pub use encoding::EncodingSource;
pub use engine::is_engine_thread;
pub use error::Error;
pub use fetch::{Fetch, Fetched, Initiator, Network, Offline, Resource, ResourceKind};
pub use layout::{LayoutBox, Line};
pub use limits::{Limits, SIDE_MAX};
pub use page::Page;
pub use painter::Painter;
pub use painting::Painting;
pub use picture::Picture;
pub use render_tree::RenderNode;
pub use stage::{Count, Stage, StageName};
pub use unpainted::Unpainted;
