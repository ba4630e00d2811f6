//! The importance map: one coordinate each, steep where the integrand is small.

/// A map of the unit interval onto itself for every axis: increments of different widths in x, each as likely as the others.
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub(super) increments: usize,
    /// The ends of the increments of each axis, `increments + 1` an axis.
    edges: Vec<f64>,
}

impl Map {
    /// The identity.
    pub(super) fn even(dims: usize, increments: usize) -> Self {
        let edges = (0..dims).flat_map(|_| (0..=increments).map(|edge| edge as f64 / increments as f64)).collect();
        Self { increments, edges }
    }

    /// y to x, in place. Fills which increment each coordinate is in, and gives the Jacobian: the volume that the point stands for.
    #[inline]
    pub(super) fn apply(&self, point: &mut [f64], which: &mut [u32]) -> f64 {
        let mut jacobian = 1.0;
        let (n, last) = (self.increments as f64, self.increments as i32 - 1);
        for ((y, which), edges) in point.iter_mut().zip(which).zip(self.edges.chunks_exact(self.increments + 1)) {
            let scaled = *y * n;
            // A signed number of 32 bits is what processors convert to and from at once; there are at most 100,000 increments.
            let index = (scaled as i32).clamp(0, last);
            let (low, high) = (edges[index as usize], edges[index as usize + 1]);
            let width = high - low;
            *y = low + (scaled - f64::from(index)) * width;
            *which = index as u32;
            jacobian *= width * n;
        }
        jacobian
    }

    /// Moves the ends so that every increment gets an equal share of the weights, smoothed and damped.
    ///
    /// `weights` estimates ∫ (J·f)² over each increment; `alpha` 0 leaves the map as it is.
    pub(super) fn refine(&mut self, weights: &[f64], alpha: f64) {
        if alpha == 0.0 {
            return;
        }
        let increments = self.increments;
        for (edges, weights) in self.edges.chunks_exact_mut(increments + 1).zip(weights.chunks_exact(increments)) {
            let damped = damp(weights, alpha);
            let total: f64 = damped.iter().sum();
            if !(total > 0.0 && total.is_finite()) {
                continue; // nothing was seen along this axis
            }
            let share = total / increments as f64;
            let old = edges.to_vec();
            let (mut index, mut gathered) = (0, 0.0);
            for edge in &mut edges[1..increments] {
                while gathered < share && index < increments {
                    gathered += damped[index];
                    index += 1;
                }
                gathered -= share;
                // The share ended inside increment index − 1, this part of it before its end.
                let part = gathered / damped[index - 1];
                *edge = old[index] - part * (old[index] - old[index - 1]);
            }
        }
    }
}

/// The least weight of an increment, of the mean of all.
const TRACE: f64 = 1e-3;
/// The least weight of an increment, of its neighbour's.
const GRADE: f64 = 0.8;

/// Neighbours share their weights; then ((1 − w)/ln(1/w))^alpha of the shares (Lepage 1978, equations 10 and 11).
fn damp(weights: &[f64], alpha: f64) -> Vec<f64> {
    let last = weights.len() - 1;
    let smooth = |i: usize| match i {
        _ if last == 0 => weights[0],
        0 => (7.0 * weights[0] + weights[1]) / 8.0,
        _ if i == last => (weights[last - 1] + 7.0 * weights[last]) / 8.0,
        _ => (weights[i - 1] + 6.0 * weights[i] + weights[i + 1]) / 8.0,
    };
    let smoothed: Vec<f64> = (0..weights.len()).map(smooth).collect();
    let total: f64 = smoothed.iter().sum();
    // The default alpha is one half, whose power is a root and much cheaper.
    let power = |x: f64| if alpha == 0.5 { x.sqrt() } else { x.powf(alpha) };
    let compress = |weight: f64| match weight / total {
        share if share > 0.0 && share < 1.0 => power((1.0 - share) / -share.ln()),
        share if share >= 1.0 => 1.0,
        _ => 0.0,
    };
    let mut damped: Vec<f64> = smoothed.into_iter().map(compress).collect();
    // An increment without a weight keeps a trace of one: a map that gives up a region never sees it again.
    let trace = damped.iter().sum::<f64>() / weights.len() as f64 * TRACE;
    // And no more is lost from one increment to the next than this: where the integrand ends in a cliff, the increment that holds
    // it would otherwise reach from the cliff far into nothing, and the few points on its near side would have large weights.
    let mut floor = trace;
    let mut grade = |weight: &mut f64| {
        *weight = weight.max(floor);
        floor = (*weight * GRADE).max(trace);
    };
    damped.iter_mut().for_each(&mut grade);
    damped.iter_mut().rev().for_each(&mut grade);
    damped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_stays_a_map() {
        let mut map = Map::even(2, 40);
        for round in 1..20 {
            let weights: Vec<f64> = (0..80).map(|i| f64::from(i * i * round % 17)).collect();
            map.refine(&weights, 1.5);
            for edges in map.edges.chunks_exact(41) {
                assert_eq!((edges[0], edges[40]), (0.0, 1.0));
                assert!(edges.is_sorted_by(|a, b| a < b), "{edges:?}");
            }
        }
    }

    /// The Jacobian is the derivative: its mean over y is the volume of x.
    #[test]
    fn the_jacobian_is_that_of_the_map() {
        let mut map = Map::even(1, 10);
        map.refine(&[1.0, 8.0, 1.0, 0.0, 0.0, 5.0, 90.0, 3.0, 1.0, 1.0], 0.8);
        let (mut which, mut sum) = ([0], 0.0);
        for y in (0..10_000).map(|i| (f64::from(i) + 0.5) / 10_000.0) {
            let (mut low, mut high) = ([y - 1e-7], [y + 1e-7]);
            let jacobian = map.apply(&mut low, &mut which);
            map.apply(&mut high, &mut which);
            assert!(((high[0] - low[0]) / 2e-7 / jacobian - 1.0).abs() < 1e-5, "{y}");
            sum += jacobian;
        }
        assert!((sum / 1e4 - 1.0).abs() < 1e-10);
    }

    #[test]
    fn weights_draw_increments_to_them() {
        let mut map = Map::even(1, 100);
        for _ in 0..10 {
            // A peak between 0.3 and 0.4: its weight in the increments that are there now.
            let weights: Vec<f64> = map
                .edges
                .windows(2)
                .map(|e| {
                    let inside = (e[1].min(0.4) - e[0].max(0.3)).max(0.0);
                    inside * inside + 1e-9
                })
                .collect();
            map.refine(&weights, 0.5);
        }
        let inside = map.edges.iter().filter(|edge| (0.3..=0.4).contains(*edge)).count();
        assert!(inside > 60, "{inside} of 100");
    }
}
