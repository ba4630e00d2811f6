//! When to stop, who is told, who helps: everything about a run that is not the method.

use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::{Error, Estimate, Stop, Threads};

/// Chunks between two looks at the tolerance, the clock and the callback, at most.
const CHUNKS_MAX: u64 = 1 << 14;
/// Chunks before the first look.
const CHUNKS_FIRST: u64 = 4;

/// How to run an integrator. The default spends all samples on all threads of this process, without a word.
///
/// With a tolerance, the estimate is looked at whenever the samples have doubled, and sampling ends when the half-width of the
/// confidence interval is at most `absolute_tolerance` or `relative_tolerance · |mean|`, whichever is larger. An estimate whose standard
/// error is exactly 0 never ends early: either the integrand is constant, or no sample has seen yet where it is not.
/// (An interval that was stopped when it looked short covers the truth a little less often than one of a fixed size.)
///
/// ```
/// use montecarlo::{Domain, Integrator, Plan, Plain, Stop};
///
/// let f = |points: &[f64], values: &mut [f64]| {
///     for (x, value) in points.iter().zip(values) {
///         *value = 4.0 * (1.0 - x * x).sqrt();
///     }
/// };
/// let mut plan = Plan { absolute_tolerance: 0.01, ..Plan::default() };
/// let pi = Plain { samples: 1_000_000, ..Plain::default() }.integrate_batch(&Domain::unit(1), &mut plan, &f)?;
/// assert_eq!(pi.stop, Stop::Tolerance);
/// assert!(pi.samples < 1_000_000 && pi.confidence(0.95)?.half_width() <= 0.01);
/// # Ok::<(), montecarlo::Error>(())
/// ```
pub struct Plan<'a> {
    /// Half-width of the confidence interval at which to stop; 0 asks for none.
    pub absolute_tolerance: f64,
    /// The same in units of |mean|; 0 asks for none.
    pub relative_tolerance: f64,
    /// The level of that interval, more than 0 and less than 1.
    pub confidence: f64,
    /// When to stop: the clock is looked at between rounds of chunks, never before the first of them.
    pub deadline: Option<Instant>,
    /// Told after every round; may ask to stop.
    pub progress: Option<&'a mut Tell<'a>>,
    /// Who shares the work. It does not change the result.
    pub threads: Threads,
    /// Other processes that share the work: every one of them makes the same calls, and gets the same result.
    pub team: Option<&'a dyn Team>,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            absolute_tolerance: 0.0,
            relative_tolerance: 0.0,
            confidence: 0.95,
            deadline: None,
            progress: None,
            threads: Threads::All,
            team: None,
        }
    }
}

/// A callback that is told how far a run is, and may ask to stop.
pub type Tell<'a> = dyn FnMut(&Progress) -> ControlFlow<()> + 'a;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The estimate so far.
    pub estimate: Estimate,
    /// Samples that the run may spend.
    pub samples_max: u64,
}

/// Processes that share the work of one run, such as the ranks of MPI (feature `mpi`).
pub trait Team {
    /// Which of them this one is, counted from 0.
    fn rank(&self) -> usize;
    /// How many there are, at least 1.
    fn size(&self) -> usize;
    /// Everybody's numbers, one rank's after the other's. All ranks call this together; `lengths` says how many each gives.
    fn gather(&self, mine: &[f64], lengths: &[usize]) -> Vec<f64>;
}

impl Plan<'_> {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let tolerances =
            [("absolute_tolerance", self.absolute_tolerance), ("relative_tolerance", self.relative_tolerance)];
        for (name, value) in tolerances {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::BadTolerance { name, value });
            }
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(Error::BadLevel { level: self.confidence });
        }
        Ok(())
    }

    /// Whether anything but the number of samples can end the run, or somebody wants to hear of it.
    pub(crate) fn looks(&self) -> bool {
        self.absolute_tolerance > 0.0
            || self.relative_tolerance > 0.0
            || self.deadline.is_some()
            || self.progress.is_some()
    }

    /// Works off chunks, in any order, on all threads and ranks. What each wrote into its record comes back in the chunks' order.
    pub(crate) fn map<S>(
        &self,
        chunks: Range<u64>,
        record: usize,
        scratch: impl Fn() -> S + Sync,
        work: impl Fn(u64, &mut S, &mut [f64]) -> Result<(), Error> + Sync,
    ) -> Result<Vec<f64>, Error> {
        let Some(team) = self.team else { return map_here(self.threads, chunks, record, &scratch, &work) };
        let share = |rank: usize| {
            let at = |rank: usize| {
                let part = u128::from(chunks.end - chunks.start) * rank as u128 / team.size() as u128;
                chunks.start + part as u64
            };
            at(rank)..at(rank + 1)
        };
        let mine = map_here(self.threads, share(team.rank()), record, &scratch, &work);
        // Whether it went well on every rank comes first, or the others would wait for ever for one that has given up.
        let fine = team.gather(&[f64::from(u8::from(mine.is_ok()))], &vec![1; team.size()]);
        let mine = mine?;
        if let Some(rank) = fine.iter().position(|&fine| fine != 1.0) {
            return Err(Error::OtherRank { rank });
        }
        let lengths: Vec<usize> = (0..team.size())
            .map(|rank| {
                let share = share(rank);
                (share.end - share.start) as usize * record
            })
            .collect();
        Ok(team.gather(&mine, &lengths))
    }

    /// The largest of the ranks' numbers.
    fn agree(&self, mine: f64) -> f64 {
        self.team.map_or(mine, |team| team.gather(&[mine], &vec![1; team.size()]).into_iter().fold(mine, f64::max))
    }

    /// What ends the run now, if anything does.
    pub(crate) fn stop(&mut self, estimate: &Estimate, samples_max: u64) -> Result<Option<Stop>, Error> {
        let told =
            self.progress.as_mut().is_some_and(|tell| tell(&Progress { estimate: *estimate, samples_max }).is_break());
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let asked = self.agree(if told { 2.0 } else { f64::from(u8::from(late)) });
        let allowed = self.absolute_tolerance.max(self.relative_tolerance * estimate.mean.abs());
        if allowed > 0.0 && estimate.std_error > 0.0 && estimate.confidence(self.confidence)?.half_width() <= allowed {
            return Ok(Some(Stop::Tolerance));
        }
        Ok(match asked {
            2.0 => Some(Stop::Callback),
            1.0 => Some(Stop::Deadline),
            _ => None,
        })
    }

    /// How many of the chunks that are left come next: as many as are done, so that looks are few; fewer before a deadline.
    pub(crate) fn next_chunks(&self, done: u64, left: u64, started: Instant) -> u64 {
        let next = if self.looks() { done.clamp(CHUNKS_FIRST, CHUNKS_MAX) } else { CHUNKS_MAX };
        let next = match self.deadline {
            Some(deadline) if done > 0 => {
                let to_go = deadline.saturating_duration_since(Instant::now());
                let rate = done as f64 / started.elapsed().max(Duration::from_nanos(1)).as_secs_f64();
                (next as f64).min(rate * to_go.as_secs_f64()).max(1.0)
            }
            _ => next as f64,
        };
        // The ranks' clocks differ: the most cautious of them counts.
        (-self.agree(-next) as u64).clamp(1, CHUNKS_MAX).min(left)
    }
}

fn map_here<S>(
    threads: Threads,
    chunks: Range<u64>,
    record: usize,
    scratch: &(impl Fn() -> S + Sync),
    work: &(impl Fn(u64, &mut S, &mut [f64]) -> Result<(), Error> + Sync),
) -> Result<Vec<f64>, Error> {
    let count = (chunks.end - chunks.start) as usize;
    let mut records = vec![0.0; count * record];
    let some = |(first, records): (u64, &mut [f64]), scratch: &mut S| -> Result<(), Error> {
        (first..).zip(records.chunks_mut(record)).try_for_each(|(chunk, record)| work(chunk, scratch, record))
    };
    let pieces = match threads {
        Threads::All => count,
        Threads::Count(count) => count.max(1),
    };
    let in_sequence = pieces <= 1 || count <= 1 || (threads == Threads::All && rayon::current_num_threads() == 1);
    if in_sequence {
        some((chunks.start, &mut records), &mut scratch())?;
        return Ok(records);
    }
    let piece = count.div_ceil(pieces);
    let first_error = records
        .par_chunks_mut(piece * record)
        .enumerate()
        .map_init(scratch, |scratch, (index, records)| {
            some((chunks.start + (index * piece) as u64, records), scratch).err()
        })
        .filter_map(|error| error)
        .collect::<Vec<Error>>();
    // The first in the chunks' order, whoever was quickest.
    first_error.into_iter().next().map_or(Ok(records), Err)
}
