//! What every picture is drawn from: chapters of steps on one time axis. A report becomes one, and what came before the first request
//! or after the last answer can be added to it.

use crate::keypress::KeyPress;
use crate::{Report, Span, Step};

use super::Telling;
use super::har::date;

/// What happened, chapter by chapter. May hold text that a peer sent: whoever draws it escapes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// What it is about: the URL.
    pub title: String,
    /// When it began, as ISO 8601 has it.
    pub started: String,
    /// In the order in which they began.
    pub chapters: Vec<Chapter>,
    /// From the first step's start to the last one's end.
    pub total: Span,
    /// Why it ended early, if it did.
    pub failure: Option<String>,
    /// What did not stop it and somebody should know.
    pub warnings: Vec<String>,
    /// What else there is to say, in whole sentences.
    pub notes: Vec<String>,
}

/// Steps that belong together: a request, and what it needed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chapter {
    /// What was requested, or done.
    pub title: String,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// The same, told: one for each step.
    pub story: Vec<Telling>,
    /// The answer's headers: names and values.
    pub headers: Vec<(String, String)>,
}

impl Timeline {
    /// The time that a picture has to show, in nanoseconds: never zero.
    pub(super) fn extent_ns(&self) -> u64 {
        let ends = self.chapters.iter().flat_map(|chapter| &chapter.steps).map(|step| step.span.end_ns());
        ends.chain([self.total.end_ns(), 1]).max().unwrap_or(1)
    }
}

impl Report {
    /// The report as chapters: the key press, if there was one, and one a hop.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        let hops = self.hops.iter().zip(self.story());
        let chapter = |(hop, story): (&crate::Hop, Vec<Telling>)| Chapter {
            title: hop.url.clone(),
            steps: hop.steps.clone(),
            story,
            headers: headers(hop),
        };
        let path = self.path.iter().map(path_chapter);
        Timeline {
            title: self.url.clone(),
            started: date(self.started_unix_ms),
            chapters: self
                .key_press
                .iter()
                .map(key_press)
                .chain(hops.map(chapter))
                .chain(self.race())
                .chain(path)
                .collect(),
            total: self.total,
            failure: self.error.as_ref().map(crate::Error::with_causes),
            warnings: self.warnings(),
            notes: self.raced().into_iter().chain(self.light.iter().map(ToString::to_string)).collect(),
        }
    }
}

impl Report {
    /// The two ways of a race as chapters.
    fn race(&self) -> Vec<Chapter> {
        #[cfg(feature = "h3")]
        return self.race.iter().flat_map(raced).collect();
        #[cfg(not(feature = "h3"))]
        Vec::new()
    }

    /// Which was faster.
    fn raced(&self) -> Option<String> {
        #[cfg(feature = "h3")]
        return self.race.as_ref().map(crate::Race::summary);
        #[cfg(not(feature = "h3"))]
        None
    }
}

fn key_press(press: &KeyPress) -> Chapter {
    let title = "Enter is pressed".to_owned();
    Chapter { title, steps: vec![press.step()], story: vec![press.telling()], headers: Vec::new() }
}

#[cfg(feature = "h3")]
fn raced(race: &crate::Race) -> Vec<Chapter> {
    let chapter = |hop: &crate::Hop, how: &str| Chapter {
        title: format!("{} {how}", hop.url),
        steps: hop.steps.clone(),
        story: super::story::tell_hop(hop),
        headers: headers(hop),
    };
    let found = format!("over QUIC, to {}, which the {} names", race.address, race.found_by);
    vec![chapter(&race.quic, &found), chapter(&race.tcp, "over TCP, at the same time")]
}

fn path_chapter(path: &crate::path::Path) -> Chapter {
    let step = path.step();
    let title = format!("the path to {}", path.destination);
    Chapter { title, story: vec![super::story::told(&step)], steps: vec![step], headers: Vec::new() }
}

fn headers(hop: &crate::Hop) -> Vec<(String, String)> {
    let answer = hop.exchange.as_ref().filter(|exchange| exchange.status.is_some());
    let headers = answer.into_iter().flat_map(|exchange| &exchange.response_headers);
    headers.map(|header| (header.name.clone(), header.value.clone())).collect()
}
