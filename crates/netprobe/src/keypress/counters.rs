//! What `/proc/interrupts`, `/proc/softirqs` and `/proc/stat` count, read as a table (proc(5); the kernel's
//! `kernel/irq/proc.c` and `fs/proc/softirqs.c`).
//!
//! ```text
//!            CPU0       CPU2                                        only those that are online
//!   1:          9          0  IR-IO-APIC    1-edge      i8042       source, a count for each, controller, line, who handles it
//! LOC:     604331     590112  Local timer interrupts                a source that no device has
//! ERR:          0                                                   a sum that no CPU has
//! ```

use serde::{Deserialize, Serialize};

/// A table of counters: one line a source, one column a CPU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// The CPUs of the columns. Those that are offline are missing.
    pub cpus: Vec<u32>,
    /// The lines.
    pub sources: Vec<Source>,
}

/// A line: how often something interrupted each CPU since the machine started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The line's label: a number for a device's interrupt, letters for one of the processor's own.
    pub label: String,
    /// One for each of [`Counters::cpus`], or for the first of them; empty for a sum that no CPU has. The kernel counts modulo 2³².
    pub counts: Vec<u64>,
    /// What stands behind the counts.
    pub description: String,
}

/// Why a table was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TableError {
    /// The first line does not name CPUs.
    #[error("the first line should name CPUs (\"CPU0 CPU1 ...\") and is {line:?}")]
    NoCpus {
        /// The line, or its beginning.
        line: String,
    },
    /// A line has no label before a colon, or no count behind it.
    #[error("line {number} should be a label, a colon and counts, and is {line:?}")]
    NoCounts {
        /// Which line, from 1.
        number: usize,
        /// The line, or its beginning.
        line: String,
    },
}

/// How much of a line an error shows.
const SHOWN_CHARS: usize = 80;

fn shown(line: &str) -> String {
    line.chars().take(SHOWN_CHARS).collect()
}

impl Counters {
    /// Reads `/proc/interrupts` or `/proc/softirqs`.
    ///
    /// # Errors
    /// [`TableError`] if the text is no such table.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut lines = text.lines();
        let head = lines.next().unwrap_or_default();
        let cpu = |word: &str| word.strip_prefix("CPU").and_then(|number| number.parse().ok());
        let cpus: Option<Vec<u32>> = head.split_whitespace().map(cpu).collect();
        let cpus = cpus.filter(|cpus| !cpus.is_empty()).ok_or_else(|| TableError::NoCpus { line: shown(head) })?;
        let lines = lines.enumerate().filter(|(_, line)| !line.trim().is_empty());
        let sources = lines.map(|(index, line)| {
            Source::parse(line, cpus.len()).ok_or_else(|| TableError::NoCounts { number: index + 2, line: shown(line) })
        });
        Ok(Self { sources: sources.collect::<Result<_, _>>()?, cpus })
    }

    /// Finds a source that is the same as one of another table: the label alone is not enough, since a device that is plugged in may
    /// get the interrupt of one that was pulled out.
    pub(super) fn same(&self, other: &Source) -> Option<&Source> {
        self.sources.iter().find(|source| source.label == other.label && source.description == other.description)
    }

    /// A source's count on a CPU.
    pub(super) fn on_cpu(&self, source: &Source, cpu: u32) -> Option<u64> {
        let column = self.cpus.iter().position(|column| *column == cpu)?;
        source.counts.get(column).copied()
    }
}

impl Source {
    fn parse(line: &str, cpus: usize) -> Option<Self> {
        let (label, rest) = line.split_once(':')?;
        let label = label.trim();
        if label.is_empty() {
            return None;
        }
        let mut counts = Vec::with_capacity(cpus);
        let mut rest = rest.trim();
        while counts.len() < cpus {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let Ok(count) = word.parse() else { break };
            counts.push(count);
            rest = after.trim_start();
        }
        if counts.is_empty() {
            return None;
        }
        // ERR and MIS: one number for the whole machine. With one CPU they cannot be told from a count of it.
        if counts.len() < cpus && rest.is_empty() {
            counts.clear();
        }
        // Columns are as wide as their widest entry: blanks say nothing.
        let description = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Self { label: label.to_owned(), counts, description })
    }

    /// Who handles it: the drivers' names behind controller and line; all of the description for a source that no device has.
    #[must_use]
    pub fn handler(&self) -> &str {
        let mut end = 0;
        for word in self.description.split(' ') {
            end += word.len() + 1;
            if is_line(word) {
                return self.description.get(end..).unwrap_or_default();
            }
        }
        &self.description
    }
}

/// Whether a word says how a line of an interrupt controller is triggered: the last before the drivers' names. x86 joins it to the
/// line's number, others do not, Xen has kinds of events.
fn is_line(word: &str) -> bool {
    let trigger = word.rsplit_once('-').map_or(word, |(_, trigger)| trigger);
    matches!(trigger, "edge" | "level" | "fasteoi" | "Edge" | "Level" | "event" | "virq" | "ipi")
        && (word.len() > trigger.len() || trigger.starts_with(char::is_uppercase))
}

/// How much a counter of 32 bits has gone on.
pub(super) fn advance(before: u64, after: u64) -> u64 {
    if after >= before { after - before } else { (after + (1 << 32)).saturating_sub(before) }
}

/// The number behind a name that begins a line: `ctxt 4711` of `/proc/stat`, `voluntary_ctxt_switches: 12` of a thread's status.
#[must_use]
pub fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
    lines.find_map(|rest| rest.trim_start_matches(':').trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_pass_the_end_of_32_bits() {
        assert_eq!(advance(u64::from(u32::MAX) - 1, 3), 5);
        assert_eq!(advance(7, 9), 2);
        assert_eq!(advance(u64::MAX, 0), 0, "no such counter, and no panic");
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "Name:\tcat\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(field(status, "voluntary_ctxt_switches"), Some(12));
        assert_eq!(field(status, "nonvoluntary_ctxt_switches"), Some(3));
        assert_eq!(field("cpu  1 2\nctxt 99\n", "ctxt"), Some(99));
        assert_eq!(field("ctxt many\n", "ctxt"), None);
    }

    #[test]
    fn what_is_no_table_is_said() {
        let no_cpus = |text: &str| matches!(Counters::parse(text), Err(TableError::NoCpus { .. }));
        assert!(no_cpus("") && no_cpus("\n") && no_cpus("CPU0 CPUx") && no_cpus("  1: 2 3"));
        let wrong = Counters::parse("CPU0\n\n  1: none").expect_err("no count");
        assert_eq!(wrong.to_string(), "line 3 should be a label, a colon and counts, and is \"  1: none\"");
        assert!(Counters::parse("CPU0\n : 1").is_err() && Counters::parse("CPU0\nLOC 1").is_err());
    }

    #[test]
    fn a_handler_stands_behind_the_line_of_its_controller() {
        let handler = |description: &str| {
            Source { description: description.to_owned(), ..Source::default() }.handler().to_owned()
        };
        assert_eq!(handler("IO-APIC 1-edge i8042"), "i8042");
        assert_eq!(handler("IR-PCI-MSIX-0000:00:14.0 0-edge xhci_hcd"), "xhci_hcd");
        assert_eq!(handler("IO-APIC 16-fasteoi ehci_hcd:usb1, i801_smbus"), "ehci_hcd:usb1, i801_smbus");
        assert_eq!(handler("GICv3 27 Level arch_timer"), "arch_timer");
        assert_eq!(handler("xen-dyn -event eth0-q0-rx"), "eth0-q0-rx");
        assert_eq!(handler("IO-APIC 7-edge"), "");
        assert_eq!(handler("Local timer interrupts"), "Local timer interrupts");
        assert_eq!(handler("edge of the world"), "edge of the world");
    }
}
