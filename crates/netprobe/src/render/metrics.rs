//! OpenMetrics 1.0 text, what Prometheus and others read [<https://openmetrics.io>].

use std::collections::BTreeSet;
use std::fmt::Write;

use super::escape_terminal;
use crate::Report;

impl Report {
    /// The report as [OpenMetrics](https://openmetrics.io) 1.0 text: what each phase took, the whole, the status, and whether every step succeeded.
    #[must_use]
    pub fn to_open_metrics(&self) -> String {
        let url = label(&self.url);
        let mut text = String::new();
        family(&mut text, "netprobe_phase_seconds", Some("seconds"), "What each phase took, all requests together.");
        for phase in self.steps().map(|step| step.phase).collect::<BTreeSet<_>>() {
            let (name, seconds) = (phase.name().to_ascii_lowercase(), self.phase_ns(phase) as f64 / 1e9);
            let _ = writeln!(text, "netprobe_phase_seconds{{url=\"{url}\",phase=\"{name}\"}} {seconds}");
        }
        family(&mut text, "netprobe_total_seconds", Some("seconds"), "What all of it took.");
        let _ = writeln!(text, "netprobe_total_seconds{{url=\"{url}\"}} {}", self.total.duration_ns as f64 / 1e9);
        if let Some(status) = self.answer().and_then(|answer| answer.status) {
            family(&mut text, "netprobe_http_status", None, "The status of the last answer.");
            let _ = writeln!(text, "netprobe_http_status{{url=\"{url}\"}} {status}");
        }
        family(&mut text, "netprobe_success", None, "1 if every step succeeded, 0 if one failed.");
        let _ = writeln!(text, "netprobe_success{{url=\"{url}\"}} {}", u8::from(self.error.is_none()));
        text.push_str("# EOF\n");
        text
    }
}

fn family(text: &mut String, name: &str, unit: Option<&str>, help: &str) {
    let _ = writeln!(text, "# TYPE {name} gauge");
    if let Some(unit) = unit {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
    let _ = writeln!(text, "# HELP {name} {help}");
}

/// A label's value: control characters made visible, then backslashes and quotes escaped as the format asks.
fn label(value: &str) -> String {
    escape_terminal(value).replace('\\', "\\\\").replace('"', "\\\"")
}
