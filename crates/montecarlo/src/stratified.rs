//! Stratified sampling: a share of the points for every part of the domain.

use crate::integrator::{Batch, DIMS_MAX, RECORDS_MAX, Scratch, at_least, at_most, chunk_points, in_runs};
use crate::philox::{Purpose, Stream};
use crate::{Domain, Error, Estimate, Integrator, Moments, Plan};

/// Points of the first run if there is a tolerance.
const FIRST: u64 = 4096;

/// Stratified sampling: the cube is cut into equal boxes, and each gets two points or more.
///
/// What remains of the variance is that inside the boxes. With n points in d dimensions the error of a smooth integrand falls like
/// n^(−1/2 − 1/d): much in one dimension, next to nothing in ten. Two points a box is the least that shows how much the integrand
/// varies inside it, and thus an honest error bar. The grid is the finest of m or m + 1 parts along each axis with two points a box. Up to
/// 2²⁰ dimensions. (S. Haber, "A modified Monte-Carlo quadrature", 1966; A. B. Owen, *Monte Carlo theory, methods and examples*, chapter 8.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stratified {
    /// Chooses the random numbers.
    pub seed: u64,
    /// Calls of the integrand, 2 to 2³⁵; fewer in more than 1,024 dimensions.
    pub samples: u64,
}

impl Default for Stratified {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16 }
    }
}

impl Integrator for Stratified {
    fn integrate_batch(&self, domain: &Domain, plan: &mut Plan<'_>, f: &Batch<'_>) -> Result<Estimate, Error> {
        domain.check("stratified sampling", DIMS_MAX)?;
        at_least("stratified sampling", self.samples, 2)?;
        at_most("stratified sampling", self.samples, RECORDS_MAX * (chunk_points(domain.dims()) as u64 / 2).max(1))?;
        plan.check()?;
        in_runs(plan, (self.samples, FIRST), |plan, run, samples| self.run(domain, plan, f, run, samples))
    }
}

impl Stratified {
    fn run(&self, domain: &Domain, plan: &Plan<'_>, f: &Batch<'_>, run: u64, samples: u64) -> Result<Estimate, Error> {
        let (dims, chunk_points) = (domain.dims(), chunk_points(domain.dims()));
        let grid = Grid::finest(dims, samples / 2);
        let (each, rest) = (samples / grid.boxes, samples % grid.boxes);
        let points_of = |index: u64| (each + u64::from(index < rest)) as usize;
        let boxes_a_chunk = (chunk_points as u64 / (each + 1)).max(1);
        let scratch = || Scratch::new(boxes_a_chunk as usize * (each as usize + 1), dims);
        let records = plan.map(0..grid.boxes.div_ceil(boxes_a_chunk), 3, scratch, |chunk, scratch, record| {
            let boxes = chunk * boxes_a_chunk..((chunk + 1) * boxes_a_chunk).min(grid.boxes);
            let count = boxes.clone().map(points_of).sum();
            let stream = Stream { seed: self.seed, stream: run << 48 | chunk, purpose: Purpose::Points };
            let mut points = scratch.random(stream, count).chunks_exact_mut(dims);
            for index in boxes.clone() {
                points.by_ref().take(points_of(index)).for_each(|point| grid.place(index, point));
            }
            let mut values = &*scratch.evaluate(domain, f, count)?;
            for index in boxes {
                let (of_box, others) = values.split_at(points_of(index));
                values = others;
                let moments = Moments::of(of_box);
                let variance = moments.variance() / moments.count as f64;
                record[0] += moments.mean;
                record[1] += variance;
                record[2] += variance * variance / (moments.count - 1) as f64;
            }
            Ok(())
        })?;
        let [mean, variance, squares] = [0, 1, 2].map(|k| records.iter().skip(k).step_by(3).sum::<f64>());
        if !(squares.is_finite() && mean.is_finite()) {
            return Err(Error::Overflow { largest: mean });
        }
        let boxes = grid.boxes as f64;
        let degrees = if squares > 0.0 { variance * variance / squares } else { (samples - grid.boxes) as f64 };
        Estimate::of_weighted(mean / boxes, variance / (boxes * boxes), degrees, samples).over(domain.volume())
    }
}

/// The unit cube cut into equal boxes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    /// Parts along each axis.
    pub(crate) parts: Vec<u64>,
    pub(crate) boxes: u64,
}

impl Grid {
    /// m + 1 parts along the first axes and m along the others, as many boxes as there may be, at least one.
    pub(crate) fn finest(dims: usize, boxes_max: u64) -> Self {
        let root = (boxes_max as f64).powf(1.0 / dims as f64);
        // A little less than the root, whatever its rounding: a loop that began at 1 would count up to it.
        let even = ((root * (1.0 - 1e-9)) as u64).max(1);
        let mut grid = Self { parts: vec![even; dims], boxes: 1 };
        grid.boxes = grid.parts.iter().product();
        for axis in (0..dims).cycle() {
            let finer = grid.boxes / grid.parts[axis] * (grid.parts[axis] + 1);
            if finer > boxes_max {
                return grid;
            }
            grid.boxes = finer;
            grid.parts[axis] += 1;
        }
        grid
    }

    /// A point of the unit cube to one of box number `index`.
    #[inline]
    pub(crate) fn place(&self, mut index: u64, point: &mut [f64]) {
        for (x, &parts) in point.iter_mut().zip(&self.parts) {
            if parts > 1 {
                *x = ((index % parts) as f64 + *x) / parts as f64;
                index /= parts;
            }
        }
    }
}

impl Grid {
    /// The number of the box that a point of the unit cube is in.
    #[inline]
    pub(crate) fn index(&self, point: &[f64]) -> usize {
        let step = |(x, &parts): (&f64, &u64), index: u64| ((x * parts as f64) as u64).min(parts - 1) + parts * index;
        point.iter().zip(&self.parts).rev().fold(0, |index, axis| step(axis, index)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_as_fine_as_they_may_be() {
        assert_eq!(Grid::finest(1, 1000).parts, [1000]);
        assert_eq!(Grid::finest(2, 30).parts, [6, 5]);
        assert_eq!(Grid::finest(3, 1).boxes, 1);
        assert_eq!(Grid::finest(40, 1 << 12).boxes, 1 << 12);
        for (dims, boxes) in [(2, 1 << 15), (5, 1 << 15), (10, 1 << 15), (7, 999)] {
            let grid = Grid::finest(dims, boxes);
            assert_eq!(grid.parts.iter().product::<u64>(), grid.boxes);
            assert!(grid.boxes <= boxes && 2 * grid.boxes > boxes, "{dims} {grid:?}");
        }
    }

    #[test]
    fn every_box_has_its_place() {
        let grid = Grid::finest(3, 60);
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..grid.boxes {
            let mut point = [0.5; 3];
            grid.place(index, &mut point);
            assert!(point.iter().all(|x| 0.0 < *x && *x < 1.0));
            assert_eq!(grid.index(&point) as u64, index);
            seen.insert(point.map(|x| (x * 1e6) as u64));
        }
        assert_eq!(seen.len() as u64, grid.boxes);
    }
}
