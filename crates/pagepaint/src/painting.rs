//! A painted page: the picture, and everything on the way to it.

use std::fmt;

use netprobe::Span;
use serde::Serialize;

use crate::picture::Picture;
use crate::{Cssom, Dom, EncodingSource, LayoutBox, RenderNode, Resource, Stage, StageName};

/// A painted page. Its JSON has everything but the pixels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Painting {
    /// Where the page is from.
    pub url: String,
    /// Bytes of the page, without what it asks for.
    pub bytes: u64,
    /// What the page calls itself.
    pub title: Option<String>,
    /// Which characters its bytes are, by the encoding's name.
    pub encoding: String,
    /// What said so.
    pub encoding_source: EncodingSource,
    /// Whether there were bytes that no character is written as.
    pub had_encoding_errors: bool,
    /// All of it. `wait_ns` is for resources.
    pub total: Span,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// What was fetched, in the order in which it was asked for.
    pub resources: Vec<Resource>,
    /// How many more were asked for than [`crate::Limits::resources_max`] allows.
    pub resources_left_out: u64,
    /// The document.
    pub dom: Dom,
    /// Its style sheets.
    pub cssom: Cssom,
    /// What of it is displayed, and how; none if nothing is.
    pub render_tree: Option<RenderNode>,
    /// Its boxes; none if it has none.
    pub layout: Option<LayoutBox>,
    /// Its picture.
    #[serde(skip)]
    pub picture: Picture,
    /// The picture as a file.
    #[serde(skip)]
    pub(crate) png: Vec<u8>,
}

impl Painting {
    /// The picture as a PNG.
    #[must_use]
    pub fn png(&self) -> &[u8] {
        &self.png
    }

    /// The stage of a name, if it ran.
    #[must_use]
    pub fn stage(&self, name: StageName) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The stage table: a stage a row, its time, and what came out.
    #[must_use]
    pub fn table(&self) -> impl fmt::Display + '_ {
        Table(self)
    }
}

struct Table<'a>(&'a Painting);

impl fmt::Display for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.0.stages {
            let again =
                if stage.rounds.len() > 1 { format!(" ({} rounds)", stage.rounds.len()) } else { String::new() };
            writeln!(
                formatter,
                "{:<11} {:>10.3} ms  {}{again}",
                stage.name,
                stage.duration_ns() as f64 / 1e6,
                stage.outcome()
            )?;
        }
        for resource in &self.0.resources {
            let Resource { url, kind, initiator, bytes, .. } = resource;
            let outcome =
                resource.error.as_ref().map_or_else(|| format!("{bytes} bytes"), |error| format!("not used: {error}"));
            let redirects: String =
                resource.redirects.iter().map(|from| format!(", by way of {}", from.escape_debug())).collect();
            let kind_time = format!("{:<11} {:>10.3} ms", "", resource.span.duration_ms());
            writeln!(
                formatter,
                "{kind_time}  {} {}{redirects}, for {}: {}",
                kind.name(),
                url.escape_debug(),
                initiator.to_string().escape_debug(),
                outcome.escape_debug(),
            )?;
        }
        Ok(())
    }
}
