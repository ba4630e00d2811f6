//! One iteration: points in strata, through the map; what they say of the integral, of the map and of the strata.

use std::ops::Range;

use super::{Map, Vegas};
use crate::integrator::{Batch, CHUNK, Scratch, chunk_points};
use crate::philox::{Purpose, Stream};
use crate::simd::fill_units;
use crate::stratified::Grid;
use crate::{Domain, Error, Estimate, Moments, Plan};

/// Chunks of an iteration at most: each brings the weights of the whole map back.
pub(super) const CHUNKS_MAX: u64 = 64;
/// Strata at most.
const STRATA_MAX: u64 = 1 << 22;
/// The share of the points that goes where the spread is; the others are two a stratum.
const ADAPTIVE: f64 = 0.5;

/// How much the integrand varies in each stratum, to the power β: what the next iteration distributes its points by.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    grid: Grid,
    of_stratum: Vec<f64>,
}

pub(super) struct Iteration<'a> {
    pub(super) vegas: &'a Vegas,
    pub(super) domain: &'a Domain,
    pub(super) f: &'a Batch<'a>,
    pub(super) map: &'a Map,
    pub(super) number: u64,
    pub(super) samples: u64,
    /// Whether the map's weights are wanted.
    pub(super) learn: bool,
}

pub(super) struct Outcome {
    /// Of the integral over the unit cube.
    pub(super) estimate: Estimate,
    /// ∫ (J·f)² over each increment of each axis, up to a factor; empty if not wanted.
    pub(super) weights: Vec<f64>,
}

/// Sums in front of a record: of the strata's means, of their variances, of variance² / degrees of freedom.
const SUMS: usize = 3;

impl Iteration<'_> {
    pub(super) fn run(&self, plan: &Plan<'_>, spread: &mut Option<Spread>) -> Result<Outcome, Error> {
        let dims = self.domain.dims();
        let in_pairs = (1.0 - ADAPTIVE) * self.samples as f64;
        let boxes_max = ((in_pairs / 2.0) as u64).clamp(1, STRATA_MAX);
        let grid = Grid::finest(dims, boxes_max);
        let counts = self.counts(&grid, spread.as_ref());
        let chunks = chunks(&counts, self.samples.div_ceil(CHUNKS_MAX).max(CHUNK as u64));
        let weights = if self.learn { dims * self.map.increments } else { 0 };
        let longest = chunks.iter().map(|chunk| chunk.end - chunk.start).max().unwrap_or(0);
        let record = SUMS + longest + weights;
        let scratch = || Room::new(chunk_points(dims), dims);
        let records = plan.map(0..chunks.len() as u64, record, scratch, |chunk, room, record| {
            let strata = chunks[chunk as usize].clone();
            self.chunk(&grid, &counts, chunk, strata, room, record, longest)
        })?;
        let mut sums = [0.0; SUMS];
        let mut of_weights = vec![0.0; weights];
        let mut of_stratum = Vec::with_capacity(counts.len());
        for (chunk, record) in chunks.iter().zip(records.chunks_exact(record)) {
            sums.iter_mut().zip(record).for_each(|(sum, part)| *sum += part);
            of_stratum.extend_from_slice(&record[SUMS..SUMS + chunk.len()]);
            of_weights.iter_mut().zip(&record[SUMS + longest..]).for_each(|(sum, part)| *sum += part);
        }
        let [mean, variance, squares] = sums;
        if !(mean.is_finite() && squares.is_finite()) {
            return Err(Error::Overflow { largest: mean });
        }
        let strata = counts.len() as f64;
        let degrees =
            if squares > 0.0 { variance * variance / squares } else { (self.samples - counts.len() as u64) as f64 };
        *spread = Some(Spread { grid, of_stratum });
        let estimate = Estimate::of_weighted(mean / strata, variance / (strata * strata), degrees, self.samples);
        Ok(Outcome { estimate, weights: of_weights })
    }

    /// Points of each stratum: two, and a share of the others that follows the spread.
    fn counts(&self, grid: &Grid, spread: Option<&Spread>) -> Vec<u32> {
        let strata = grid.boxes as usize;
        let mut centre = vec![0.0; grid.parts.len()];
        let wishes: Vec<f64> = match spread {
            Some(spread) => (0..grid.boxes)
                .map(|index| {
                    centre.fill(0.5);
                    grid.place(index, &mut centre);
                    spread.of_stratum[spread.grid.index(&centre)]
                })
                .collect(),
            None => vec![1.0; strata],
        };
        let total: f64 = wishes.iter().sum();
        let even = !(total > 0.0 && total.is_finite());
        let free = self.samples - 2 * grid.boxes;
        // Rounding down the running sum gives every point away, and each stratum its share to within one.
        let (mut wished, mut given) = (0.0, 0);
        let share = |wish: f64| {
            wished += if even { 1.0 / strata as f64 } else { wish / total };
            let upto = ((wished * free as f64 + 1e-6) as u64).clamp(given, free);
            let count = 2 + upto - given;
            given = upto;
            count as u32
        };
        let mut counts: Vec<u32> = wishes.into_iter().map(share).collect();
        if let Some(last) = counts.last_mut() {
            *last += (free - given) as u32;
        }
        counts
    }

    #[allow(clippy::too_many_arguments)]
    fn chunk(
        &self,
        grid: &Grid,
        counts: &[u32],
        chunk: u64,
        strata: Range<usize>,
        room: &mut Room,
        record: &mut [f64],
        longest: usize,
    ) -> Result<(), Error> {
        let dims = self.domain.dims();
        let stream =
            Stream { seed: self.vegas.seed, stream: (self.number + 1) << 40 | chunk, purpose: Purpose::Points };
        let (sums, rest) = record.split_at_mut(SUMS);
        let (spreads, weights) = rest.split_at_mut(longest);
        let mut numbers = 0;
        let mut points = strata.clone().flat_map(|stratum| (0..counts[stratum]).map(move |_| stratum)).peekable();
        let mut moments = Moments::default();
        let mut current = strata.start;
        let mut close = |stratum: usize, moments: &Moments| {
            let variance = moments.variance();
            let of_mean = variance / moments.count as f64;
            sums[0] += moments.mean;
            sums[1] += of_mean;
            sums[2] += of_mean * of_mean / (moments.count - 1) as f64;
            spreads[stratum - strata.start] = variance.powf(self.vegas.beta / 2.0);
        };
        while points.peek().is_some() {
            room.strata.clear();
            room.strata.extend(points.by_ref().take(room.jacobians.len()));
            let count = room.strata.len();
            fill_units(stream, numbers, &mut room.scratch.points[..count * dims]);
            numbers += (count * dims).div_ceil(2) as u32;
            for (index, &stratum) in room.strata.iter().enumerate() {
                let point = &mut room.scratch.points[index * dims..][..dims];
                grid.place(stratum as u64, point);
                room.jacobians[index] = self.map.apply(point, &mut room.which[index * dims..][..dims]);
            }
            let values = room.scratch.evaluate(self.domain, self.f, count)?;
            values.iter_mut().zip(&room.jacobians).for_each(|(value, jacobian)| *value *= jacobian);
            let (mut start, values) = (0, &*values);
            while start < count {
                let stratum = room.strata[start];
                let end = start + room.strata[start..].iter().take_while(|&&other| other == stratum).count();
                if stratum != current {
                    close(current, &moments);
                    (current, moments) = (stratum, Moments::default());
                }
                moments = moments.merge(Moments::of(&values[start..end]));
                start = end;
            }
            if self.learn {
                for (index, &stratum) in room.strata.iter().enumerate() {
                    let weight = values[index] * values[index] / f64::from(counts[stratum]);
                    let which = &room.which[index * dims..][..dims];
                    for (axis, &increment) in weights.chunks_exact_mut(self.map.increments).zip(which) {
                        axis[increment as usize] += weight;
                    }
                }
            }
        }
        close(current, &moments);
        Ok(())
    }
}

/// Room for the points of a batch, and what is known of each.
struct Room {
    scratch: Scratch,
    strata: Vec<usize>,
    jacobians: Vec<f64>,
    which: Vec<u32>,
}

impl Room {
    fn new(points: usize, dims: usize) -> Self {
        Self {
            scratch: Scratch::new(points, dims),
            strata: Vec::with_capacity(points),
            jacobians: vec![0.0; points],
            which: vec![0; points * dims],
        }
    }
}

/// Ranges of strata with about as many points each.
fn chunks(counts: &[u32], points: u64) -> Vec<Range<usize>> {
    let (mut chunks, mut start, mut held) = (Vec::new(), 0, 0);
    for (stratum, &count) in counts.iter().enumerate() {
        held += u64::from(count);
        if held >= points || stratum + 1 == counts.len() {
            chunks.push(start..stratum + 1);
            (start, held) = (stratum + 1, 0);
        }
    }
    chunks
}
