//! URLs in, one a line; JSON out, one line a URL, as soon as it is done.

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::thread;

use indicatif::{ProgressBar, ProgressStyle};
use netprobe::render::escape_json;
use netprobe::url::URL_BYTES_MAX;
use netprobe::{Probe, Report, Sample, Session};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How much of a line is read: one byte more than a URL may have, so that a longer one is an error of its own.
const LINE_BYTES_MAX: u64 = URL_BYTES_MAX as u64 + 1;

/// A URL, and the line that it stands on.
type Line = (u64, String);

/// Probes every URL of standard input, at most so many at a time. Names that one has asked for are known to the next, and so are
/// TLS tickets: it is one session.
pub(crate) async fn probe_lines(probe: &Probe, parallel_max: usize, whole: bool) -> Result<(), Box<dyn Error>> {
    let session = Arc::new(probe.open()?);
    let (sender, mut lines) = mpsc::channel(1);
    // It ends with its input, or with the process.
    thread::spawn(move || read_lines(&mut io::stdin().lock(), &sender));
    // Drawn on standard error, and only if that is a terminal.
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{pos} URLs probed, {msg} failed")?);
    let (mut running, mut is_open, mut failed) = (JoinSet::new(), true, 0_u64);
    loop {
        let has_room = is_open && running.len() < parallel_max;
        tokio::select! {
            line = lines.recv(), if has_room => match line {
                Some(line) => drop(running.spawn(run(Arc::clone(&session), line?))),
                None => is_open = false,
            },
            Some(done) = running.join_next() => {
                let (number, report) = done?;
                failed += u64::from(report.error.is_some());
                bar.suspend(|| print(number, &report, whole))?;
                bar.set_message(failed.to_string());
                bar.inc(1);
            }
            else => break,
        }
    }
    bar.finish_and_clear();
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} probes failed", bar.position()).into()),
    }
}

async fn run(session: Arc<Session>, (number, url): Line) -> (u64, Report) {
    (number, session.run(&url).await)
}

/// Sends each line that is not empty and does not begin with `#`, for as long as somebody takes them.
fn read_lines(input: &mut impl BufRead, lines: &mpsc::Sender<io::Result<Line>>) {
    for number in 1.. {
        let line = match read_line(input) {
            Ok(Some(line)) => line,
            Ok(None) => return,
            Err(error) => return drop(lines.blocking_send(Err(error))),
        };
        let line = line.trim();
        let is_url = !line.is_empty() && !line.starts_with('#');
        if is_url && lines.blocking_send(Ok((number, line.to_owned()))).is_err() {
            return;
        }
    }
}

/// The next line, no more than [`LINE_BYTES_MAX`] of it; `None` at the end. What is not UTF-8 is replaced.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()))
}

/// One line: the whole report, or its times, its status and its error.
fn print(number: u64, report: &Report, whole: bool) -> Result<(), Box<dyn Error>> {
    let mut json = if whole { serde_json::to_value(report)? } else { summary(report)? };
    if let Some(json) = json.as_object_mut() {
        json.insert("line".to_owned(), number.into());
    }
    // Standard output is flushed at the end of each line.
    Ok(writeln!(io::stdout(), "{}", escape_json(&json.to_string()))?)
}

fn summary(report: &Report) -> Result<Value, serde_json::Error> {
    let mut json = serde_json::to_value(Sample::from(report))?;
    let answer = report.answer();
    let message = report.error.as_ref().map(netprobe::Error::with_causes);
    let further = json!({
        "url": report.url,
        "started_unix_ms": report.started_unix_ms,
        "status": answer.and_then(|answer| answer.status),
        "protocol": answer.map(|answer| answer.protocol),
        "redirects": report.hops.len().saturating_sub(1),
        "error_message": message,
    });
    if let (Value::Object(json), Value::Object(further)) = (&mut json, further) {
        json.extend(further);
    }
    Ok(json)
}
