//! The steps as rows of a picture.

use crate::{Error, Phase, Report, Span, Step};

/// A bar and what stands beside it.
pub(super) struct Row<'a> {
    pub(super) depth: usize,
    pub(super) phase: Phase,
    pub(super) label: &'a str,
    pub(super) span: Span,
    pub(super) error: Option<&'a Error>,
}

/// The rows of each hop: its steps and their parts, in order.
pub(super) fn rows(report: &Report) -> Vec<Vec<Row<'_>>> {
    report.hops.iter().map(|hop| hop.steps.iter().flat_map(|step| with_parts(step, 0)).collect()).collect()
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

/// The time that a picture has to show, in nanoseconds: never zero.
pub(super) fn extent_ns(report: &Report) -> u64 {
    let ends = report.steps().map(|step| step.span.end_ns());
    ends.chain([report.total.end_ns(), 1]).max().unwrap_or(1)
}
