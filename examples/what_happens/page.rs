//! What can be asked for of the page that came.

use std::path::PathBuf;

use clap::Args;

/// The page's picture, and what is on the way to it.
#[derive(Args)]
pub(crate) struct PageArguments {
    /// Paint the page that came into this PNG; without a URL, a page of the lab with a style sheet, an image and a redirect [needs --features paint]
    #[arg(long, value_name = "FILE", conflicts_with = "head")]
    pub(crate) paint: Option<PathBuf>,
    /// Write what the stages made, as text: DOM, CSSOM, render tree, boxes and times; as JSON if FILE ends in .json; - is standard output, after the report
    #[arg(long, value_name = "FILE", requires = "paint")]
    pub(crate) trees: Option<PathBuf>,
    /// The size of the window, in CSS pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", requires = "paint", value_parser = window)]
    pub(crate) window: Option<(u32, u32)>,
    /// Paint all of the page, and not just what is in the window
    #[arg(long, requires = "paint")]
    pub(crate) full_page: bool,
    /// How long painting may take, fetching what the page asks for included
    #[arg(long, value_name = "N", requires = "paint", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) page_time_ms: Option<u64>,
    /// How many style sheets, images and fonts are fetched; 0 for none
    #[arg(long, value_name = "N", requires = "paint")]
    pub(crate) page_resources: Option<usize>,
    /// How many bytes they may have, all together
    #[arg(long, value_name = "N", requires = "paint", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) page_bytes: Option<u64>,
}

/// The longest side of a window.
const SIDE_MAX: u32 = 16_384;

fn window(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=SIDE_MAX).contains(side));
    let sides = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| format!("{text:?} is not WIDTHxHEIGHT, such as 1024x768, each from 1 to {SIDE_MAX}"))
}

impl PageArguments {
    /// What is wrong with them, if anything is.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        let is_missing = self.paint.is_some() && cfg!(not(feature = "paint"));
        is_missing.then_some(
            "--paint needs the feature paint, which builds four hundred crates more, and so is not there by default: \
             cargo run --release --features paint --example what_happens -- --paint FILE",
        )
    }
}
