//! The stages, and what each of them took and made.

use std::fmt;

use netprobe::{Clock, Span};
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
    /// Of what.
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

    /// How many of something came out.
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

/// Measures stages.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    pub(crate) clock: Clock,
    stages: Vec<Stage>,
}

impl Stopwatch {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, stages: Vec::new() }
    }

    /// Adds a round to a stage.
    pub(crate) fn add(&mut self, name: StageName, round: Span) {
        self.stage(name).rounds.push(round);
    }

    /// Says what a stage made, if it ran.
    pub(crate) fn made(&mut self, name: StageName, counts: &[(&str, usize)], note: impl Into<String>) {
        let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == name) else { return };
        stage.made = counts.iter().map(|&(what, count)| Count { what: what.to_owned(), count: count as u64 }).collect();
        stage.note = note.into();
    }

    /// How long a stage took so far.
    pub(crate) fn duration_ns(&self, name: StageName) -> u64 {
        self.stages.iter().find(|stage| stage.name == name).map_or(0, Stage::duration_ns)
    }

    /// The table, in the order of the stages.
    pub(crate) fn into_stages(mut self) -> Vec<Stage> {
        self.stages.sort_by_key(|stage| stage.name);
        self.stages
    }

    fn stage(&mut self, name: StageName) -> &mut Stage {
        let place = self.stages.iter().position(|stage| stage.name == name).unwrap_or_else(|| {
            self.stages.push(Stage { name, rounds: Vec::new(), made: Vec::new(), note: String::new() });
            self.stages.len() - 1
        });
        &mut self.stages[place]
    }
}
