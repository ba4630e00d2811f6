//! The report as one page that needs nothing else: no script, no font, no image from anywhere.

use std::fmt::Write;

use super::{Telling, Timeline, duration, escape_html};
use crate::Report;

/// A page that may load nothing and run nothing, whatever a peer has written into it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
    h1{font-size:1.4em;overflow-wrap:anywhere}h2{font-size:1.1em;margin-top:2em;overflow-wrap:anywhere}\
    svg{width:100%;height:auto}table{border-collapse:collapse;width:100%}\
    th{text-align:left;width:11em;vertical-align:top}td,th{border-bottom:1px solid #ddd;padding:.3em .5em;overflow-wrap:anywhere}\
    .why{color:#666;font-style:italic}.bad{color:#c0262d;font-weight:bold}.ok{color:#2f9e44;font-weight:bold}\
    code{font:13px ui-monospace,monospace}summary{cursor:pointer}ul{margin:.2em 0;padding-left:1.2em}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#161a20}.why{color:#999}td,th{border-color:#444}.bad{color:#ff7b72}}";

impl Report {
    /// The report as one self-contained HTML page: the waterfall, what happened and why, and every header.
    #[must_use]
    pub fn to_html(&self) -> String {
        self.timeline().to_html()
    }
}

impl Timeline {
    /// All chapters as one self-contained HTML page (see [`Report::to_html`]).
    #[must_use]
    pub fn to_html(&self) -> String {
        let title = escape_html(&self.title);
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"content-security-policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <title>What happens: {title}</title>\n<style>{STYLE}</style>\n<h1>What happens: {title}</h1>\n"
        );
        self.summary(&mut page);
        page.push_str(&self.to_svg());
        for chapter in &self.chapters {
            let _ = writeln!(page, "<h2>{}</h2>\n<table>", escape_html(&chapter.title));
            let told = chapter.story.iter().zip(&chapter.steps);
            told.for_each(|(told, step)| row(&mut page, told, step.span.duration_ns));
            page.push_str("</table>\n");
            headers(&mut page, &chapter.headers);
        }
        page.push_str("</html>\n");
        page
    }

    fn summary(&self, page: &mut String) {
        let verdict = match &self.failure {
            Some(failure) => format!("<p class=\"bad\">✗ {}</p>", escape_html(failure)),
            None => "<p class=\"ok\">✓ every step succeeded</p>".to_owned(),
        };
        page.push_str(&verdict);
        for warning in &self.warnings {
            let _ = write!(page, "<p class=\"bad\">⚠ {}</p>", escape_html(warning));
        }
        let _ = writeln!(
            page,
            "<p>{}: {} in all, {} of it waiting for the network and {} our own work.</p>",
            escape_html(&self.started),
            duration(self.total.duration_ns),
            duration(self.total.wait_ns),
            duration(self.total.cpu_ns)
        );
        for note in &self.notes {
            let _ = writeln!(page, "<p>{}</p>", escape_html(note));
        }
    }
}

fn row(page: &mut String, told: &Telling, duration_ns: u64) {
    let class = if told.failed { " class=\"bad\"" } else { "" };
    let _ = write!(
        page,
        "<tr><th>{}<br>{}</th><td><span{class}>{}</span><br><span class=\"why\">{}</span>",
        told.phase.name(),
        duration(duration_ns),
        escape_html(&told.what),
        escape_html(told.why)
    );
    if !told.details.is_empty() {
        page.push_str("<ul>");
        for detail in &told.details {
            let _ = write!(page, "<li><code>{}</code></li>", escape_html(detail));
        }
        page.push_str("</ul>");
    }
    page.push_str("</td></tr>\n");
}

fn headers(page: &mut String, headers: &[(String, String)]) {
    if headers.is_empty() {
        return;
    }
    page.push_str("<details><summary>Headers of the answer</summary><table>\n");
    for (name, value) in headers {
        let (name, value) = (escape_html(name), escape_html(value));
        let _ = writeln!(page, "<tr><th><code>{name}</code></th><td><code>{value}</code></td></tr>");
    }
    page.push_str("</table></details>\n");
}
