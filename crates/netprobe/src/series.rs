//! The same URL again and again: one number is an anecdote.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Phase, Probe, Report, Session};

/// The times of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What each phase took, in nanoseconds, all hops together.
    pub phases_ns: BTreeMap<Phase, u64>,
    /// What all of it took, in nanoseconds.
    pub total_ns: u64,
    /// Why it failed, if it did.
    pub error: Option<Error>,
}

impl From<&Report> for Sample {
    fn from(report: &Report) -> Self {
        let phases_ns = report.steps().map(|step| (step.phase, report.phase_ns(step.phase))).collect();
        Self { phases_ns, total_ns: report.total.duration_ns, error: report.error.clone() }
    }
}

/// Runs of one URL: from nothing, and with what earlier runs had learnt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Runs that knew nothing: every name was asked for, every handshake was whole.
    pub cold: Vec<Sample>,
    /// Runs with the names and the TLS tickets of runs before them.
    pub resumed: Vec<Sample>,
}

/// The middle and the ends of many times, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The shortest.
    pub min_ns: u64,
    /// Half took at most this.
    pub p50_ns: u64,
    /// Nine in ten took at most this.
    pub p90_ns: u64,
    /// Ninety-nine in a hundred took at most this.
    pub p99_ns: u64,
}

impl Percentiles {
    /// By nearest rank: every percentile is a time that was measured. `None` if nothing was.
    #[must_use]
    pub fn of(mut times_ns: Vec<u64>) -> Option<Self> {
        times_ns.sort_unstable();
        let rank = |percent: usize| (times_ns.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |percent: usize| times_ns.get(rank(percent)).copied();
        Some(Self { min_ns: *times_ns.first()?, p50_ns: at(50)?, p90_ns: at(90)?, p99_ns: at(99)? })
    }

    /// Of one phase over the runs that succeeded. `None` if no such run has it.
    #[must_use]
    pub fn of_phase(samples: &[Sample], phase: Phase) -> Option<Self> {
        let succeeded = samples.iter().filter(|sample| sample.error.is_none());
        Self::of(succeeded.filter_map(|sample| sample.phases_ns.get(&phase).copied()).collect())
    }

    /// Of the whole over the runs that succeeded. `None` if none did.
    #[must_use]
    pub fn of_total(samples: &[Sample]) -> Option<Self> {
        let succeeded = samples.iter().filter(|sample| sample.error.is_none());
        Self::of(succeeded.map(|sample| sample.total_ns).collect())
    }
}

impl Probe {
    /// Probes a URL `runs` times from nothing and, alternating with those, `runs` times with what has been learnt, one after the
    /// other. `progress` hears how many runs of how many are done.
    ///
    /// # Errors
    /// [`Error::Tls`] if there are no roots to trust. A run that fails is a sample with an error.
    pub async fn repeat(
        &self,
        url: &str,
        runs: usize,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Series, Error> {
        let session = self.open()?;
        let mut series = Series::default();
        if runs > 0 {
            // It learns the name and gets its first ticket here.
            session.run(url).await;
        }
        for done in 0..runs {
            series.cold.push(sample(&session.forgetful(), url).await);
            progress(2 * done + 1, 2 * runs);
            series.resumed.push(sample(&session, url).await);
            progress(2 * done + 2, 2 * runs);
        }
        Ok(series)
    }
}

async fn sample(session: &Session, url: &str) -> Sample {
    Sample::from(&session.run(url).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let of = |times: &[u64]| Percentiles::of(times.to_vec());
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), Some(Percentiles { min_ns: 1, p50_ns: 50, p90_ns: 90, p99_ns: 99 }));
        assert_eq!(of(&[7]), Some(Percentiles { min_ns: 7, p50_ns: 7, p90_ns: 7, p99_ns: 7 }));
        assert_eq!(of(&[1, 2]), Some(Percentiles { min_ns: 1, p50_ns: 1, p90_ns: 2, p99_ns: 2 }));
        assert_eq!(of(&[]), None);
    }
}
