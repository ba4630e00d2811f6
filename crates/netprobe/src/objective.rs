//! Service-level objectives: how long something may take before a run counts as failed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::render::duration;
use crate::{Phase, Report};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// All of it.
    Total,
    /// Until the first byte of the last answer (TTFB), redirects included.
    FirstByte,
    /// A phase, in all hops together.
    Phase(Phase),
}

/// A limit: what is to take no longer than that.
///
/// ```
/// use netprobe::{Measure, Objective};
///
/// let objective: Objective = "ttfb=200ms".parse()?; // or total=1.5s, dns=800us: a measure's name, a number, and s, ms or us
/// assert_eq!((objective.measure, objective.limit_ns), (Measure::FirstByte, 200_000_000));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// What.
    pub measure: Measure,
    /// How long, in nanoseconds.
    pub limit_ns: u64,
}

impl Measure {
    /// What people call it: `total`, `ttfb`, or a phase's name in small letters.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Total => "total".to_owned(),
            Self::FirstByte => "ttfb".to_owned(),
            Self::Phase(phase) => phase.name().to_ascii_lowercase(),
        }
    }

    /// How long it took, in nanoseconds; `None` if it was not reached.
    #[must_use]
    pub fn of(self, report: &Report) -> Option<u64> {
        match self {
            Self::Total => Some(report.total.duration_ns),
            Self::FirstByte => {
                let first_byte_ns = report.answer()?.first_byte_ns?;
                Some(first_byte_ns.saturating_sub(report.total.start_ns))
            }
            Self::Phase(phase) => report.steps().any(|step| step.phase == phase).then(|| report.phase_ns(phase)),
        }
    }
}

impl Objective {
    /// Why a run misses it; `None` if it does not. What was not reached misses every limit; a phase that nothing needed, none.
    #[must_use]
    pub fn missed_by(&self, report: &Report) -> Option<String> {
        let name = self.measure.name();
        match self.measure.of(report) {
            Some(ns) if ns > self.limit_ns => Some(format!("{name} took {}; {self}", duration(ns))),
            None if report.error.is_some() || self.measure == Measure::FirstByte => {
                Some(format!("{name} was not reached; {self}"))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the objective is {}", duration(self.limit_ns))
    }
}

impl FromStr for Objective {
    type Err = String;

    /// Reads `ttfb=200ms`, `total=1.5s`, `dns=800us`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{text:?} is no objective like ttfb=200ms: {why}");
        let (name, limit) = text.split_once('=').ok_or_else(|| wrong("there is no ="))?;
        let measures = [Measure::Total, Measure::FirstByte].into_iter();
        let mut measures = measures.chain(Phase::REQUEST.map(Measure::Phase)).chain([Measure::Phase(Phase::Proxy)]);
        let measure = measures.find(|measure| measure.name() == name);
        let measure = measure.ok_or_else(|| wrong("it measures neither total, ttfb nor a phase of a request"))?;
        let digits = limit.find(|one: char| one.is_ascii_alphabetic()).unwrap_or(limit.len());
        let (value, unit) = limit.split_at(digits);
        let unit_ns = match unit {
            "us" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            _ => return Err(wrong("the unit is neither us, ms nor s")),
        };
        let value = value.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
        // What is more than fits is the most that fits.
        let limit_ns = (value.ok_or_else(|| wrong("the time is no number"))? * unit_ns).round() as u64;
        Ok(Self { measure, limit_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_and_wrong_ones_named() {
        let read = |text: &str| text.parse::<Objective>().map(|objective| (objective.measure, objective.limit_ns));
        assert_eq!(read("ttfb=200ms"), Ok((Measure::FirstByte, 200_000_000)));
        assert_eq!(read("total=1.5s"), Ok((Measure::Total, 1_500_000_000)));
        assert_eq!(read("dns=800us"), Ok((Measure::Phase(Phase::Names), 800_000)));
        for wrong in ["ttfb", "ttfb=", "ttfb=1", "ttfb=-1ms", "ttfb=NaNms", "speed=1ms", "ttfb=1h", "ttfb=xms"] {
            assert!(read(wrong).is_err_and(|error| error.contains(wrong)), "{wrong}");
        }
    }
}
