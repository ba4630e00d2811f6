//! The page as a chapter of a timeline: what came between the last byte and the pixels.

use netprobe::render::{Chapter, Telling};
use netprobe::{Phase, Span, Step};

use crate::{Painting, Resource, Stage, StageName, Unpainted};

/// The phases of a page, and the stages that each is made of.
const PHASES: [(Phase, &[StageName]); 7] = [
    (Phase::Html, &[StageName::Decode, StageName::Dom]),
    (Phase::Css, &[StageName::Cssom]),
    (Phase::Decode, &[StageName::Images]),
    (Phase::RenderTree, &[StageName::Style, StageName::RenderTree]),
    (Phase::Layout, &[StageName::Layout]),
    (Phase::Paint, &[StageName::Paint]),
    (Phase::Composite, &[StageName::Composite, StageName::Png]),
];

/// Why images and fonts are decoded.
const WHY_DECODE: &str =
    "an image comes as a file, small enough to be sent; what is drawn is pixels, and of a font outlines";

/// Why a page asks for more.
const WHY_FETCH: &str = "a page is more than its HTML: style sheets, images and fonts are asked for as they are met";

impl Painting {
    /// The stages and the resources as a chapter, in the order in which they began. Its times are those of the clock that the page
    /// was painted on.
    #[must_use]
    pub fn chapter(&self) -> Chapter {
        chapter(format!("the page: from {} bytes to pixels", self.bytes), told(&self.stages, &self.resources))
    }

    /// What the page is painted without, in whole sentences.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let without = |resource: &Resource| {
            resource.error.as_ref().map(|error| format!("the page is painted without {}: {error}", resource.url))
        };
        let mut warnings: Vec<String> = self.resources.iter().filter_map(without).collect();
        if self.resources_left_out > 0 {
            warnings.push(format!("the page asked for {} resources more than are fetched", self.resources_left_out));
        }
        warnings
    }

    /// Of all of it, our own work: the stages', and what fetching took beside waiting, in nanoseconds.
    #[must_use]
    pub fn busy_ns(&self) -> u64 {
        busy_ns(&self.stages, &self.resources)
    }
}

impl Unpainted {
    /// The same for a page that was not painted: what there was until then, and last how it ended.
    #[must_use]
    pub fn chapter(&self) -> Chapter {
        let mut told = told(&self.stages, &self.resources);
        let phase = phase(self.stage);
        let what = self.error.to_string();
        let step = Step::new(phase, format!("✗ {what}"), self.span, None);
        told.push((step, Telling { phase, what, why: phase.why(), details: Vec::new(), failed: true }));
        chapter(format!("the page: {} bytes, and no pixels", self.bytes), told)
    }

    /// Of what there was, our own work, in nanoseconds.
    #[must_use]
    pub fn busy_ns(&self) -> u64 {
        busy_ns(&self.stages, &self.resources)
    }
}

fn chapter(title: String, mut told: Vec<(Step, Telling)>) -> Chapter {
    told.sort_by_key(|(step, _)| step.span.start_ns);
    let (steps, story) = told.into_iter().unzip();
    Chapter { title, steps, story, headers: Vec::new() }
}

fn told(stages: &[Stage], resources: &[Resource]) -> Vec<(Step, Telling)> {
    let phases = PHASES.iter().filter_map(|&(phase, names)| phase_told(phase, names, stages));
    phases.chain(resources.iter().map(resource)).collect()
}

fn busy_ns(stages: &[Stage], resources: &[Resource]) -> u64 {
    let rounds = stages.iter().flat_map(|stage| &stage.rounds);
    let spans = rounds.chain(resources.iter().map(|resource| &resource.span));
    spans.fold(0, |sum, span| sum.saturating_add(span.cpu_ns))
}

/// The phase that a stage is part of; what is no phase of its own is fetching.
fn phase(name: StageName) -> Phase {
    let of = PHASES.iter().find(|(_, names)| names.contains(&name));
    of.map_or(Phase::Transfer, |&(phase, _)| phase)
}

fn phase_told(phase: Phase, names: &[StageName], stages: &[Stage]) -> Option<(Step, Telling)> {
    let stages: Vec<&Stage> = names.iter().filter_map(|&name| stages.iter().find(|stage| stage.name == name)).collect();
    let parts: Vec<Step> = stages.iter().flat_map(|stage| rounds(phase, stage)).collect();
    let what =
        stages.iter().map(|stage| stage.outcome()).filter(|what| !what.is_empty()).collect::<Vec<_>>().join("; ");
    let mut step = Step::new(phase, what.clone(), around(&parts)?, None);
    let details = parts.iter().map(|part| format!("{} ({:.3} ms)", part.label, part.span.duration_ms()));
    let details = if parts.len() > 1 { details.collect() } else { Vec::new() };
    step.children = if parts.len() > 1 { parts } else { Vec::new() };
    let why = if phase == Phase::Decode { WHY_DECODE } else { phase.why() };
    Some((step, Telling { phase, what, why, details, failed: false }))
}

/// A step for each time that a stage ran.
fn rounds(phase: Phase, stage: &Stage) -> Vec<Step> {
    let label = |round: usize| match round {
        0 => stage.name.to_string(),
        again => format!("{} again, {}", stage.name, again + 1),
    };
    stage.rounds.iter().enumerate().map(|(round, &span)| Step::new(phase, label(round), span, None)).collect()
}

/// From the first part's beginning to the last one's end. What is not the parts' work is waiting: for resources, and for the stages
/// that ran between.
fn around(parts: &[Step]) -> Option<Span> {
    let start_ns = parts.iter().map(|part| part.span.start_ns).min()?;
    let end_ns = parts.iter().map(|part| part.span.end_ns()).max()?;
    let cpu_ns = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.span.cpu_ns));
    Some(Span::new(start_ns, end_ns - start_ns, cpu_ns))
}

fn resource(resource: &Resource) -> (Step, Telling) {
    let Resource { url, kind, initiator, bytes, .. } = resource;
    let outcome =
        resource.error.as_ref().map_or_else(|| format!("{bytes} bytes"), |error| format!("not used: {error}"));
    let what = format!("{} {url} for {initiator}: {outcome}", kind.name());
    let report = resource.report.as_deref();
    let mut step = Step::new(Phase::Transfer, what.clone(), resource.span, None);
    step.children = report.into_iter().flat_map(|report| report.steps().cloned()).collect();
    let redirects = resource.redirects.iter().map(|from| format!("by way of {from}"));
    let steps = step
        .children
        .iter()
        .map(|part| format!("{} {} ({:.3} ms)", part.phase.name(), part.label, part.span.duration_ms()));
    let details = redirects.chain(steps).collect();
    (step, Telling { phase: Phase::Transfer, what, why: WHY_FETCH, details, failed: resource.error.is_some() })
}
