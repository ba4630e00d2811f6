//! The key press, told.

use super::{Telling, duration};
use crate::Phase;
use crate::keypress::{Change, ContextSwitches, KeyPress};

/// A machine with many devices has many sources; the busiest are told.
const SOURCES_MAX: usize = 12;

impl KeyPress {
    /// What happened for the key, and what was counted around it.
    #[must_use]
    pub fn telling(&self) -> Telling {
        let mut details = self.times();
        details.push(match self.idle_ns {
            Some(idle) => format!("counted for {}, and for {} before to compare with", ns(self.counted_ns), ns(idle)),
            None => {
                format!("counted for {}; the key came too soon for a time before to compare with", ns(self.counted_ns))
            }
        });
        details.extend(told("interrupt", &self.interrupts));
        details.extend(told("softirq", &self.softirqs));
        details.extend(switches(&self.context_switches));
        details.extend(self.unreadable.iter().map(|why| format!("cannot be read: {why}")));
        Telling { phase: Phase::Key, what: self.verdict.clone(), why: Phase::Key.why(), details, failed: false }
    }

    fn times(&self) -> Vec<String> {
        let mut times = Vec::new();
        let start = match (&self.device, self.event_to_read_ns) {
            (Some(device), Some(event_to_read_ns)) => {
                times.push(format!(
                    "{device} reported the key; {} later the terminal gave its character",
                    ns(event_to_read_ns)
                ));
                "the kernel's event"
            }
            _ => {
                let why = self.no_device.as_deref().unwrap_or("no input device was asked");
                times.push(format!("when the kernel learnt of the key is not known: {why}"));
                "the terminal's character"
            }
        };
        if let Some(query) = self.to_first_query_ns {
            times.push(format!("from {start} to the first DNS query: {}", ns(query)));
        }
        times
    }
}

fn ns(ns: u64) -> String {
    duration(ns)
}

/// The sources that were busier than before, the busiest first; the others in one line.
fn told(name: &str, changes: &[Change]) -> Vec<String> {
    let mut busier: Vec<&Change> = changes.iter().filter(|change| change.is_busier()).collect();
    busier.sort_by_key(|change| std::cmp::Reverse(change.count.saturating_sub(change.idle_count.unwrap_or_default())));
    let mut lines: Vec<String> = busier.iter().take(SOURCES_MAX).map(|change| line(name, change)).collect();
    let others = changes.len() - lines.len();
    if others > 0 {
        let count = changes.iter().fold(0_u64, |sum, change| sum.saturating_add(change.count));
        lines.push(format!(
            "{name}s of {others} more sources, no busier than before or less so; {count} {name}s in all"
        ));
    }
    lines
}

fn line(name: &str, change: &Change) -> String {
    let cpus: Vec<String> = change.by_cpu.iter().map(|on| format!("{} on CPU {}", on.count, on.cpu)).collect();
    let handler = match (&change.driver, change.handler.as_str()) {
        (_, "") => String::new(),
        (Some(driver), handler) => format!(" ({handler}, {driver})"),
        (None, handler) => format!(" ({handler})"),
    };
    let before = change.idle_count.map(|idle| format!("; {idle} before")).unwrap_or_default();
    format!("{name} {}{handler}: {}{before}", change.source, cpus.join(", "))
}

fn switches(switches: &ContextSwitches) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(machine) = switches.machine {
        let before = switches.machine_idle.map(|idle| format!("; {idle} before")).unwrap_or_default();
        lines.push(format!("context switches of the whole machine: {machine}{before}"));
    }
    if let (Some(voluntary), Some(involuntary)) = (switches.voluntary, switches.involuntary) {
        lines.push(format!("of the thread that waited: {voluntary} to wait, {involuntary} because others had to run"));
    }
    lines
}
