//! An iteration of the warm-up for nets: points of Sobol's sequence through the map, and what they say of it.

use super::Map;
use super::iteration::{CHUNKS_MAX, Outcome};
use crate::integrator::{Batch, Scratch, chunk_points};
use crate::replicates::Sequence;
use crate::sobol::Nested;
use crate::{Domain, Error, Estimate, Moments, Plan};

/// Replicates of the sequence from here on belong to the warm-up. (Their points repeat after 2³²; a map has learnt by then.)
const WARM_UP: u64 = 1 << 63;

pub(super) struct WarmUp<'a> {
    pub(super) domain: &'a Domain,
    pub(super) f: &'a Batch<'a>,
    pub(super) map: &'a Map,
    pub(super) nets: &'a Nested,
}

/// In front of a record's weights: how many values, their mean, and the squares of their distances from it.
const MOMENTS: usize = 3;

impl WarmUp<'_> {
    /// The estimate's error is that of independent points: more than it is.
    pub(super) fn run(&self, plan: &Plan<'_>, iteration: u64, samples: u64) -> Result<Outcome, Error> {
        let dims = self.domain.dims();
        let points = chunk_points(dims);
        let blocks = samples.div_ceil(points as u64);
        let chunks = blocks.min(CHUNKS_MAX);
        let record = MOMENTS + dims * self.map.increments;
        let records = plan.map(
            0..chunks,
            record,
            || Room::new(points, dims),
            |chunk, room, record| {
                for block in chunk * blocks / chunks..(chunk + 1) * blocks / chunks {
                    let first = block * points as u64;
                    let count = (samples - first).min(points as u64) as usize;
                    self.block(WARM_UP | iteration, first, count, room, record)?;
                }
                Ok(())
            },
        )?;
        let mut all = Moments::default();
        let mut weights = vec![0.0; record - MOMENTS];
        for record in records.chunks_exact(record) {
            all = all.merge(moments(record));
            weights.iter_mut().zip(&record[MOMENTS..]).for_each(|(sum, part)| *sum += part);
        }
        if !all.squares.is_finite() {
            return Err(Error::Overflow { largest: all.mean });
        }
        let n = all.count as f64;
        let estimate = Estimate::of_weighted(all.mean, all.variance() / n, n - 1.0, samples);
        Ok(Outcome { estimate, weights })
    }

    /// Points `first..first + count` of a replicate, added to a record.
    fn block(
        &self,
        replicate: u64,
        first: u64,
        count: usize,
        room: &mut Room,
        record: &mut [f64],
    ) -> Result<(), Error> {
        let (dims, increments) = (self.domain.dims(), self.map.increments);
        let Room { scratch, jacobians, which, buffer } = room;
        let (points, which) = (&mut scratch.points[..count * dims], &mut which[..count * dims]);
        self.nets.points(replicate, first, points, buffer);
        for ((point, which), jacobian) in
            points.chunks_exact_mut(dims).zip(which.chunks_exact_mut(dims)).zip(&mut *jacobians)
        {
            *jacobian = self.map.apply(point, which);
        }
        let values = scratch.evaluate(self.domain, self.f, count)?;
        values.iter_mut().zip(&*jacobians).for_each(|(value, jacobian)| *value *= jacobian);
        let (before, weights) = record.split_at_mut(MOMENTS);
        let Moments { count, mean, squares } = moments(before).merge(Moments::of(values));
        before.copy_from_slice(&[count as f64, mean, squares]);
        for (value, which) in values.iter().zip(which.chunks_exact(dims)) {
            for (axis, &increment) in weights.chunks_exact_mut(increments).zip(which) {
                axis[increment as usize] += value * value;
            }
        }
        Ok(())
    }
}

/// The moments that a record begins with.
fn moments(record: &[f64]) -> Moments {
    Moments { count: record[0] as u64, mean: record[1], squares: record[2] }
}

/// Room for the points of a block, and what is known of each.
struct Room {
    scratch: Scratch,
    jacobians: Vec<f64>,
    which: Vec<u32>,
    buffer: Vec<u32>,
}

impl Room {
    fn new(points: usize, dims: usize) -> Self {
        let (jacobians, which) = (vec![0.0; points], vec![0; points * dims]);
        Self { scratch: Scratch::new(points, dims), jacobians, which, buffer: Vec::new() }
    }
}
