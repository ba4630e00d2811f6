//! What was done so far. It is there for whoever waits, too: a thread that panics, or never ends, cannot be asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netprobe::{Clock, Span};

use crate::stage::Count;
use crate::{Error, Resource, Stage, StageName, Unpainted};

/// Stages as they are measured, and resources as they come. A copy is of the same record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) clock: Clock,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// The stage that is going on, or went on last, and since when.
    current: (StageName, u64),
    stages: Vec<Stage>,
    resources: Vec<Resource>,
}

impl Record {
    pub(crate) fn start(clock: Clock) -> Self {
        let kept = Kept { current: (StageName::Decode, clock.now_ns()), stages: Vec::new(), resources: Vec::new() };
        Self { clock, kept: Arc::new(Mutex::new(kept)) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds on the clock.
    pub(crate) fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// Runs a round of a stage, on the clock.
    pub(crate) fn time<T>(&self, name: StageName, work: impl FnOnce() -> T) -> T {
        self.lock().current = (name, self.clock.now_ns());
        let (made, Span { start_ns, duration_ns, .. }) = self.clock.measure_work(work);
        let cpu_ns = if name == StageName::Fetch { 0 } else { duration_ns };
        self.lock().stage(name).rounds.push(Span::new(start_ns, duration_ns, cpu_ns));
        made
    }

    /// Says what a stage made, if it ran.
    pub(crate) fn made(&self, name: StageName, counts: &[(&str, usize)], note: impl Into<String>) {
        let mut kept = self.lock();
        let Some(stage) = kept.stages.iter_mut().find(|stage| stage.name == name) else { return };
        stage.made = counts.iter().map(|&(what, count)| Count { what: what.to_owned(), count: count as u64 }).collect();
        stage.note = note.into();
    }

    /// How long a stage took so far.
    pub(crate) fn duration_ns(&self, name: StageName) -> u64 {
        self.lock().stages.iter().find(|stage| stage.name == name).map_or(0, Stage::duration_ns)
    }

    pub(crate) fn add(&self, resource: Resource) {
        self.lock().resources.push(resource);
    }

    pub(crate) fn resources(&self) -> Vec<Resource> {
        self.lock().resources.clone()
    }

    pub(crate) fn resources_count(&self) -> usize {
        self.lock().resources.len()
    }

    /// The table, in the order of the stages.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        let mut stages = self.lock().stages.clone();
        stages.sort_by_key(|stage| stage.name);
        stages
    }

    /// The stage that is going on, or went on last.
    pub(crate) fn current(&self) -> StageName {
        self.lock().current.0
    }

    /// A page that ended now, with all that there was until then.
    pub(crate) fn ended(&self, error: Error, bytes: usize) -> Box<Unpainted> {
        let (stage, begun_ns) = self.lock().current;
        let span = Span::new(begun_ns, self.now_ns().saturating_sub(begun_ns), 0);
        Box::new(Unpainted {
            error,
            stage,
            span,
            bytes: bytes as u64,
            stages: self.stages(),
            resources: self.resources(),
        })
    }
}

impl Kept {
    fn stage(&mut self, name: StageName) -> &mut Stage {
        let place = self.stages.iter().position(|stage| stage.name == name).unwrap_or_else(|| {
            self.stages.push(Stage { name, rounds: Vec::new(), made: Vec::new(), note: String::new() });
            self.stages.len() - 1
        });
        &mut self.stages[place]
    }
}
