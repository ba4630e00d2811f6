//! Quasi-random sequences: points that avoid each other, and replicates of them that do not know of each other.

use std::time::Instant;

use crate::integrator::{Batch, Scratch, chunk_points};
use crate::{Domain, Error, Estimate, Moments, Plan, Stop};

/// Numbers in the tables of all replicates at most: 2 GiB.
pub(crate) const NUMBERS_MAX: u64 = 1 << 28;

/// A randomised sequence in the unit cube: every replicate is one, independent of all others.
pub(crate) trait Sequence: Sync {
    /// Points `first`, `first` + 1, … of a replicate, row-major; `first` is a multiple of the number of points asked for.
    fn points(&self, replicate: u64, first: u64, points: &mut [f64], buffer: &mut Vec<u32>);
}

/// Spends `points` points on each of `replicates` replicates; the spread of their means is the error bar.
///
/// `spent` samples went before them. With somebody looking, all replicates grow together: 1024 points each at first, then twice as many. The sequences go on where
/// they were, so nothing is wasted.
pub(crate) fn integrate(
    sequence: &impl Sequence,
    (replicates, points, spent): (u64, u64, u64),
    domain: &Domain,
    plan: &mut Plan<'_>,
    f: &Batch<'_>,
) -> Result<Estimate, Error> {
    let (dims, chunk, started) = (domain.dims(), chunk_points(domain.dims()) as u64, Instant::now());
    let (mut done, mut sums) = (0, vec![0.0; replicates as usize]);
    loop {
        let goal = if plan.looks() { points.min((2 * done).max(chunk)) } else { points };
        while done < goal {
            // Whole rounds of chunks, one of each replicate.
            let left = (goal - done).div_ceil(chunk);
            let chunks = (plan.next_chunks(0, left * replicates, started) / replicates).clamp(1, left);
            let chunks = if plan.looks() { left } else { chunks };
            let first = done / chunk;
            let scratch = || (Scratch::new(chunk as usize, dims), Vec::new());
            let records = plan.map(0..chunks * replicates, 1, scratch, |index, (scratch, buffer), sum| {
                let (replicate, first) = (index % replicates, (first + index / replicates) * chunk);
                let count = chunk.min(goal - first) as usize;
                sequence.points(replicate, first, &mut scratch.points[..count * dims], buffer);
                sum[0] = crate::moments::sum(scratch.evaluate(domain, f, count)?.iter().copied());
                Ok(())
            })?;
            for round in records.chunks_exact(replicates as usize) {
                sums.iter_mut().zip(round).for_each(|(sum, of_chunk)| *sum += of_chunk);
            }
            done = goal.min(done + chunks * chunk);
        }
        let means: Vec<f64> = sums.iter().map(|sum| sum / done as f64).collect();
        let moments = Moments::of(&means);
        if !moments.squares.is_finite() {
            return Err(Error::Overflow { largest: moments.mean });
        }
        let estimate =
            Estimate::of_equal_units(replicates, moments.mean, moments.squares, done).over(domain.volume())?;
        let estimate = Estimate { samples: estimate.samples + spent, ..estimate };
        let stop = if plan.looks() { plan.stop(&estimate, replicates * points + spent)? } else { None };
        match stop {
            Some(stop) if done < points || stop == Stop::Tolerance => return Ok(Estimate { stop, ..estimate }),
            _ if done == points => return Ok(estimate),
            _ => {}
        }
    }
}

/// Refuses fewer than two replicates, of which one has no spread, and more than anybody has use for: each takes memory.
pub(crate) fn check(replicates: u64) -> Result<(), Error> {
    if !(2..=1 << 16).contains(&replicates) {
        return Err(Error::BadOption { name: "replicates", value: replicates as f64, range: "between 2 and 65536" });
    }
    Ok(())
}
