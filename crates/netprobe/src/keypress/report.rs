//! What a key press made the machine do, as a value.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::carrier::Carrier;
use crate::{Phase, Span, Step};

/// A key press, and the moment from which a run counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Pressed {
    /// When the kernel learnt of the key, where it said so (see [`KeyPress::device`]); else when the terminal gave it to us.
    pub at: Instant,
    /// What was seen of it.
    pub key_press: KeyPress,
}

/// What was seen of a key press. Everything that was counted was counted together, in the time around the key: a source that was busier
/// than before probably had to do with the key, which is no proof.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyPress {
    /// The terminal that it came through, `/dev/pts/3` say, if it has a name.
    pub terminal: Option<String>,
    /// The input device whose event gave the time, and its node: only where `/dev/input` can be read.
    pub device: Option<String>,
    /// Why no input device did.
    pub no_device: Option<String>,
    /// From the kernel's event to our having read the character, in nanoseconds.
    pub event_to_read_ns: Option<u64>,
    /// From the beginning of the run (the event, or else the read) to the first DNS query's departure, in nanoseconds.
    pub to_first_query_ns: Option<u64>,
    /// How long was counted, until just after the key, in nanoseconds.
    pub counted_ns: u64,
    /// How long was counted before that, for comparison: at least as long. `None` if the key came too soon.
    pub idle_ns: Option<u64>,
    /// Interrupts by source and CPU: those that there were.
    pub interrupts: Vec<Change>,
    /// The same of what the kernel does after an interrupt, with interrupts on again.
    pub softirqs: Vec<Change>,
    /// How often a processor went on with another thread.
    pub context_switches: ContextSwitches,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    /// What carried the key, as far as counts can tell; the likeliest first.
    pub carriers: Vec<Carrier>,
    /// The same in a sentence.
    pub verdict: String,
    /// On the run's clock: from the event or the read to the counters' being read again.
    pub span: Span,
    /// On the run's clock: the counters are read again, which is no part of a key press without us.
    pub counting: Span,
}

/// How much a source had to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its label in the table: an interrupt's number, or `NET_RX`.
    pub source: String,
    /// What stands behind its counts there.
    pub description: String,
    /// Who handles it: drivers, or what it is for.
    pub handler: String,
    /// The kernel's driver of a device on the virtio bus, whose handler has its number only.
    pub driver: Option<String>,
    /// How often, on each CPU that had any of it.
    pub by_cpu: Vec<CpuCount>,
    /// How often in all.
    pub count: u64,
    /// How often in the time before, which is at least as long.
    pub idle_count: Option<u64>,
}

/// A count on one CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuCount {
    /// The CPU.
    pub cpu: u32,
    /// How often.
    pub count: u64,
}

/// How often a processor went on with another thread, in the time that was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextSwitches {
    /// On the whole machine.
    pub machine: Option<u64>,
    /// The same in the time before, which is at least as long.
    pub machine_idle: Option<u64>,
    /// Of the thread that waited: because it had to wait.
    pub voluntary: Option<u64>,
    /// Of the thread that waited: because somebody else had to run.
    pub involuntary: Option<u64>,
}

impl Change {
    /// Whether it had more to do than in the time before.
    #[must_use]
    pub fn is_busier(&self) -> bool {
        self.idle_count.is_none_or(|idle| self.count > idle)
    }
}

impl KeyPress {
    /// The key press as a step of the timeline.
    #[must_use]
    pub fn step(&self) -> Step {
        let terminal = self.terminal.as_deref().unwrap_or("a terminal without a name");
        let mut step = Step::new(Phase::Key, format!("Enter, through {terminal}"), self.span, None);
        if let (Some(event_to_read_ns), Some(device)) = (self.event_to_read_ns, &self.device) {
            let span = Span::new(0, event_to_read_ns, 0);
            step.children.push(Step::new(Phase::Key, format!("{device}'s event becomes a character"), span, None));
        }
        step.children.push(Step::new(Phase::Key, "the machine's counters are read again", self.counting, None));
        step
    }
}
