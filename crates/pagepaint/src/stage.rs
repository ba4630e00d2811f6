//! The stages, and what each of them took and made.

use std::fmt;

use netprobe::Span;
use serde::{Deserialize, Serialize};

/// A stage on the way from bytes to pixels, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Bytes become text.
    Decode,
    /// HTML becomes the DOM tree.
    Dom,
    /// CSS becomes rules, the CSSOM.
    Cssom,
    /// Nothing to do until style sheets, images and fonts are there.
    Fetch,
    /// The files of images and fonts become pixels and outlines.
    Images,
    /// Every element gets a value for every property.
    Style,
    /// The render tree: boxes for what is displayed, and text shaped into glyphs.
    RenderTree,
    /// Every box gets a place and a size.
    Layout,
    /// The display list: what is to be drawn, back to front.
    Paint,
    /// The list becomes pixels.
    Composite,
    /// Pixels become a PNG.
    Png,
}

impl StageName {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::Decode,
        Self::Dom,
        Self::Cssom,
        Self::Fetch,
        Self::Images,
        Self::Style,
        Self::RenderTree,
        Self::Layout,
        Self::Paint,
        Self::Composite,
        Self::Png,
    ];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Dom => "DOM",
            Self::Cssom => "CSSOM",
            Self::Fetch => "fetch",
            Self::Images => "images",
            Self::Style => "style",
            Self::RenderTree => "render tree",
            Self::Layout => "layout",
            Self::Paint => "paint",
            Self::Composite => "composite",
            Self::Png => "PNG",
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// One row of the stage table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Which stage.
    pub name: StageName,
    /// When it ran: more than once where what was fetched made it necessary again. Of [`StageName::Fetch`] all is waiting, of the
    /// others all is work.
    pub rounds: Vec<Span>,
    /// What came out.
    pub made: Vec<Count>,
    /// What came out, in words, where a number does not say it.
    pub note: String,
}

/// How many of something a stage made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Of what, in the plural: `elements`, `rules`, `boxes`.
    pub what: String,
    /// How many.
    pub count: u64,
}

impl Stage {
    /// How long it took, all rounds together, in nanoseconds.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.rounds.iter().fold(0, |sum, round| sum.saturating_add(round.duration_ns))
    }

    /// How many of something came out, by the name in [`Count::what`].
    #[must_use]
    pub fn count(&self, what: &str) -> Option<u64> {
        self.made.iter().find(|made| made.what == what).map(|made| made.count)
    }

    /// What came out, numbers and words.
    #[must_use]
    pub fn outcome(&self) -> String {
        let counts = self.made.iter().map(|made| format!("{} {}", made.count, made.what));
        counts.chain((!self.note.is_empty()).then(|| self.note.clone())).collect::<Vec<_>>().join(", ")
    }
}
