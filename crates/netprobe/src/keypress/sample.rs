//! The machine's counters at moments in time, and what happened between two of them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use super::counters::{Counters, Source, advance, field};
use super::{Change, ContextSwitches, CpuCount};

/// How large a file of counters may be: a thousand interrupts on a thousand CPUs take eleven megabytes.
const TABLE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A sample closer than this before the key may have been taken between the interrupt and our hearing of it.
const MARGIN: Duration = Duration::from_millis(20);

/// Everything that is counted, at one moment.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// When it had been read.
    pub(super) at: Instant,
    pub(super) interrupts: Result<Counters, String>,
    pub(super) softirqs: Result<Counters, String>,
    pub(super) switches: Option<u64>,
    /// Of the calling thread.
    pub(super) voluntary: Option<u64>,
    pub(super) involuntary: Option<u64>,
}

impl Sample {
    /// Reads the counters below `proc`.
    pub(super) fn take(proc: &Path) -> Self {
        let table = |name: &str| {
            let path = proc.join(name);
            let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let text = read(&path).map_err(|error| said(&error))?;
            Counters::parse(&text).map_err(|error| said(&error))
        };
        let status = read(&proc.join("thread-self/status")).unwrap_or_default();
        Self {
            interrupts: table("interrupts"),
            softirqs: table("softirqs"),
            switches: read(&proc.join("stat")).ok().and_then(|text| field(&text, "ctxt ")),
            voluntary: field(&status, "voluntary_ctxt_switches"),
            involuntary: field(&status, "nonvoluntary_ctxt_switches"),
            at: Instant::now(),
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(TABLE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// The newest samples, the oldest first.
#[derive(Debug)]
pub(super) struct Samples {
    newest: VecDeque<Sample>,
    keep: Duration,
}

impl Samples {
    /// Keeps as many as are needed for the time around a key and as long a time before, when one is taken each `interval`.
    pub(super) fn new(interval: Duration) -> Self {
        Self { newest: VecDeque::new(), keep: (interval + MARGIN).saturating_mul(4) }
    }

    pub(super) fn push(&mut self, sample: Sample) {
        let is_enough = |second: &Sample| sample.at.saturating_duration_since(second.at) >= self.keep;
        while self.newest.get(1).is_some_and(is_enough) {
            self.newest.pop_front();
        }
        self.newest.push_back(sample);
    }

    /// The time around a key that was read at `read_at`, up to `after`, and a time before it that is at least as long.
    pub(super) fn window<'a>(&'a self, read_at: Instant, after: &'a Sample) -> Window<'a> {
        let is_before_key = |sample: &&Sample| sample.at + MARGIN <= read_at;
        // If the key came at once, the first sample has to do.
        let before = self.newest.iter().rev().find(is_before_key).or(self.newest.front()).unwrap_or(after);
        let length = after.at.saturating_duration_since(before.at);
        let idle = self.newest.iter().rev().find(|sample| sample.at + length <= before.at);
        Window { idle, before, after }
    }
}

/// Three moments: from the first to the second nothing was pressed, from the second to the third the key was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) idle: Option<&'a Sample>,
    pub(super) before: &'a Sample,
    pub(super) after: &'a Sample,
}

impl Window<'_> {
    pub(super) fn counted(&self) -> Duration {
        self.after.at.saturating_duration_since(self.before.at)
    }

    pub(super) fn idle(&self) -> Option<Duration> {
        self.idle.map(|idle| self.before.at.saturating_duration_since(idle.at))
    }

    /// What one of the tables has more of at the end than at the beginning.
    pub(super) fn changes(&self, table: impl Fn(&Sample) -> &Result<Counters, String>) -> Vec<Change> {
        let (Ok(before), Ok(after)) = (table(self.before), table(self.after)) else { return Vec::new() };
        let idle = self.idle.and_then(|idle| table(idle).as_ref().ok());
        let change = |source: &Source| {
            let by_cpu = between(before, after, source)?;
            let count = sum(&by_cpu);
            let idle_count = idle.and_then(|idle| Some(sum(&between(idle, before, source)?)));
            let by_cpu = by_cpu.into_iter().filter(|on| on.count > 0).collect();
            let (label, description) = (source.label.clone(), source.description.clone());
            let handler = source.handler().to_owned();
            let change = Change { source: label, description, handler, driver: None, by_cpu, count, idle_count };
            (count > 0).then_some(change)
        };
        after.sources.iter().filter_map(change).collect()
    }

    pub(super) fn context_switches(&self) -> ContextSwitches {
        let more = |count: fn(&Sample) -> Option<u64>, from: &Sample, to: &Sample| {
            Some(count(to)?.saturating_sub(count(from)?))
        };
        let now = |count: fn(&Sample) -> Option<u64>| more(count, self.before, self.after);
        ContextSwitches {
            machine: now(|sample| sample.switches),
            machine_idle: self.idle.and_then(|idle| more(|sample| sample.switches, idle, self.before)),
            voluntary: now(|sample| sample.voluntary),
            involuntary: now(|sample| sample.involuntary),
        }
    }
}

fn sum(counts: &[CpuCount]) -> u64 {
    counts.iter().fold(0, |sum, on| sum.saturating_add(on.count))
}

/// How much a source went on, on each CPU that was online at both ends. `None` if it was not there at both.
fn between(before: &Counters, after: &Counters, source: &Source) -> Option<Vec<CpuCount>> {
    let (before_source, after_source) = (before.same(source)?, after.same(source)?);
    let count = |cpu: &u32| {
        let from = before.on_cpu(before_source, *cpu)?;
        let to = after.on_cpu(after_source, *cpu)?;
        Some(CpuCount { cpu: *cpu, count: advance(from, to) })
    };
    Some(after.cpus.iter().filter_map(count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Instant, interrupts: &str) -> Sample {
        Sample {
            at,
            interrupts: Counters::parse(interrupts).map_err(|error| error.to_string()),
            softirqs: Err("not read".to_owned()),
            switches: Some(10),
            voluntary: None,
            involuntary: None,
        }
    }

    #[test]
    fn a_window_holds_the_key_and_the_time_before_is_as_long() {
        let start = Instant::now();
        let ms = |ms: u64| start + Duration::from_millis(ms);
        let mut samples = Samples::new(Duration::from_millis(100));
        for at in [0, 100, 200, 300, 400, 500, 600, 700] {
            samples.push(sample(ms(at), "CPU0\n"));
        }
        assert_eq!(samples.newest.len(), 6, "older ones are not needed");
        // The sample at 700 ms is too close to the key.
        let after = sample(ms(711), "CPU0\n");
        let window = samples.window(ms(710), &after);
        let lengths = (window.idle().map(|idle| idle.as_millis()), window.counted().as_millis());
        assert_eq!(lengths, (Some(200), 111), "{window:?}");
        let after = sample(ms(750), "CPU0\n");
        let window = samples.window(ms(740), &after);
        assert_eq!((window.idle().map(|idle| idle.as_millis()), window.counted().as_millis()), (Some(100), 50));
    }

    #[test]
    fn a_key_that_comes_at_once_has_nothing_to_be_compared_with() {
        let start = Instant::now();
        let mut samples = Samples::new(Duration::from_millis(100));
        samples.push(sample(start, "CPU0\n 1: 5 IO-APIC 1-edge i8042\n"));
        let after = sample(start + Duration::from_millis(2), "CPU0\n 1: 6 IO-APIC 1-edge i8042\n");
        let window = samples.window(start + Duration::from_millis(1), &after);
        let changes = window.changes(|sample| &sample.interrupts);
        assert_eq!((changes[0].count, changes[0].idle_count, window.idle()), (1, None, None));
        assert!(window.changes(|sample| &sample.softirqs).is_empty());
    }

    #[test]
    fn cpus_and_devices_come_and_go() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let head = "CPU0 CPU2\n";
        let mut samples = Samples::new(Duration::from_millis(100));
        samples.push(sample(at(0), &format!("{head} 1: 1 1 IO-APIC 1-edge i8042\n 9: 4 4 a 1-edge disk\n")));
        samples.push(sample(at(100), &format!("{head} 1: 1 4 IO-APIC 1-edge i8042\n 9: 9 9 a 1-edge disk\n")));
        // CPU 1 is new, CPU 0 is gone, line 9 is another device's, a counter has passed its end, and a table may be in another order.
        let text = "CPU1 CPU2\n 9: 1 1 a 1-edge camera\n 1: 50 6 IO-APIC 1-edge i8042\nERR: 1\n";
        let after = sample(at(150), text);
        let changes = samples.window(at(145), &after).changes(|sample| &sample.interrupts);
        let expected = Change {
            source: "1".to_owned(),
            description: "IO-APIC 1-edge i8042".to_owned(),
            handler: "i8042".to_owned(),
            driver: None,
            by_cpu: vec![CpuCount { cpu: 2, count: 2 }],
            count: 2,
            idle_count: Some(3),
        };
        assert_eq!(changes, [expected]);
    }
}
