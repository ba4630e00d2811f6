//! What happened, for a terminal.

use std::io::{self, IsTerminal, Write};

use netprobe::render::{Telling, Timeline, Waterfall, duration, escape_terminal};

/// The story, the waterfall, and what to know besides.
pub(crate) fn tell(out: &mut impl Write, timeline: &Timeline) -> io::Result<()> {
    let color = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for chapter in &timeline.chapters {
        writeln!(out, "{}\n", escape_terminal(&chapter.title))?;
        for (told, step) in chapter.story.iter().zip(&chapter.steps) {
            step_told(out, told, &duration(step.span.duration_ns), color)?;
        }
        writeln!(out)?;
    }
    write!(out, "{}", timeline.waterfall(&Waterfall { color, ..Waterfall::default() }))?;
    for note in &timeline.notes {
        writeln!(out, "{}", escape_terminal(note))?;
    }
    for warning in &timeline.warnings {
        writeln!(out, "WARNING: {}", escape_terminal(warning))?;
    }
    match &timeline.failure {
        Some(failure) => writeln!(out, "✗ {}", escape_terminal(failure)),
        None => writeln!(out, "✓ every step succeeded"),
    }
}

fn step_told(out: &mut impl Write, told: &Telling, time: &str, color: bool) -> io::Result<()> {
    let mark = if told.failed { "✗ " } else { "" };
    let (dim, reset) = if color { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
    writeln!(out, "{:<9}{time:>8}  {mark}{}", told.phase.name(), escape_terminal(&told.what))?;
    writeln!(out, "{:<9}{:>8}  {dim}{}{reset}", "", "", told.why)?;
    for detail in &told.details {
        writeln!(out, "{:<9}{:>8}    · {}", "", "", escape_terminal(detail))?;
    }
    Ok(())
}
