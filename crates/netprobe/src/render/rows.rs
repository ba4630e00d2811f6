//! The steps as rows of a picture.

use super::Chapter;
use crate::{Error, Phase, Span, Step};

/// A bar and what stands beside it.
pub(super) struct Row<'a> {
    pub(super) depth: usize,
    pub(super) phase: Phase,
    pub(super) label: &'a str,
    pub(super) span: Span,
    pub(super) error: Option<&'a Error>,
}

/// The rows of a chapter: its steps and their parts, in order.
pub(super) fn rows(chapter: &Chapter) -> Vec<Row<'_>> {
    chapter.steps.iter().flat_map(|step| with_parts(step, 0)).collect()
}

/// Deeper than any step's parts have parts; a report may come from a file.
const DEPTH_MAX: usize = 8;

fn with_parts(step: &Step, depth: usize) -> Vec<Row<'_>> {
    let error = step.error.as_ref();
    let mut rows = vec![Row { depth, phase: step.phase, label: &step.label, span: step.span, error }];
    if depth < DEPTH_MAX {
        rows.extend(step.children.iter().flat_map(|part| with_parts(part, depth + 1)));
    }
    rows
}
