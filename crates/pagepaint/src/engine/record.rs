//! What was done so far. It is there for whoever waits, too: a thread that panics, or never ends, cannot be asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netprobe::{Clock, Span};

use crate::fetch::{Fetched, ResourceKind, Wanted};
use crate::secrets::Secrets;
use crate::stage::Count;
use crate::{Error, Resource, Stage, StageName, Unpainted, vet};

/// Stages as they are measured, and resources as they come. A copy is of the same record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) clock: Clock,
    pub(crate) secrets: Secrets,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// The stage that is going on, or went on last, and since when.
    current: (StageName, u64),
    stages: Vec<Stage>,
    /// In the order in which they were asked for.
    resources: Vec<Resource>,
    /// How far each of them is.
    progress: Vec<Progress>,
}

/// How far a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Asked,
    Begun,
    Done,
}

impl Record {
    pub(crate) fn start(clock: Clock, secrets: Secrets) -> Self {
        let current = (StageName::Decode, clock.now_ns());
        let kept = Kept { current, stages: Vec::new(), resources: Vec::new(), progress: Vec::new() };
        Self { clock, secrets, kept: Arc::new(Mutex::new(kept)) }
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

    /// Writes down what is asked for; returns the place of the first.
    pub(crate) fn asked(&self, wanted: &[Wanted]) -> usize {
        let span = Span::new(self.now_ns(), 0, 0);
        let resource = |wanted: &Wanted| Resource {
            url: self.secrets.url(&wanted.url),
            kind: vet::kind(&wanted.initiator, &Fetched::default()),
            initiator: wanted.initiator.clone(),
            span,
            redirects: Vec::new(),
            status: None,
            content_type: None,
            bytes: 0,
            error: None,
            report: None,
        };
        let mut kept = self.lock();
        let first = kept.resources.len();
        kept.resources.extend(wanted.iter().map(resource));
        let asked = kept.resources.len();
        kept.progress.resize(asked, Progress::Asked);
        first
    }

    /// A resource is being fetched.
    pub(crate) fn begun(&self, place: usize) {
        let start_ns = self.now_ns();
        self.lock().advance(place, Progress::Begun, |resource| resource.span = Span::new(start_ns, 0, 0));
    }

    /// A resource has come, or will not.
    pub(crate) fn came(&self, place: usize, fetched: &mut Fetched, span: Span) {
        let redirects = std::mem::take(&mut fetched.redirects);
        let report = fetched.report.take().map(Box::new);
        self.lock().advance(place, Progress::Done, |resource| {
            resource.redirects = redirects.iter().map(|url| self.secrets.text(url)).collect();
            resource.status = fetched.status;
            resource.content_type.clone_from(&fetched.content_type);
            resource.bytes = fetched.body.len() as u64;
            resource.error.clone_from(&fetched.error);
            resource.report = report;
            resource.span = span;
        });
    }

    /// What a resource turned out to be, and why it is not used if it is not.
    pub(crate) fn vetted(&self, place: usize, kind: ResourceKind, error: Option<String>) {
        self.lock().advance(place, Progress::Done, |resource| {
            resource.kind = kind;
            resource.error = error;
        });
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
        self.lock().give_up(self.now_ns());
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
    fn advance(&mut self, place: usize, progress: Progress, change: impl FnOnce(&mut Resource)) {
        if let (Some(resource), Some(known)) = (self.resources.get_mut(place), self.progress.get_mut(place)) {
            *known = progress;
            change(resource);
        }
    }

    /// What has not come yet is not waited for any longer.
    fn give_up(&mut self, now_ns: u64) {
        for (resource, progress) in self.resources.iter_mut().zip(&self.progress) {
            let why = match progress {
                Progress::Asked => "not begun when the page ended: others came first",
                Progress::Begun => "not finished when the page ended",
                Progress::Done => continue,
            };
            resource.error = Some(why.to_owned());
            let start_ns = resource.span.start_ns;
            resource.span = Span::new(start_ns, now_ns.saturating_sub(start_ns), 0);
        }
    }

    fn stage(&mut self, name: StageName) -> &mut Stage {
        let place = self.stages.iter().position(|stage| stage.name == name).unwrap_or_else(|| {
            self.stages.push(Stage { name, rounds: Vec::new(), made: Vec::new(), note: String::new() });
            self.stages.len() - 1
        });
        &mut self.stages[place]
    }
}
