//! A model of the caches: replays the addresses of a multiplication and counts what misses.
//!
//! "The naive loop misses the cache on every access to b" is a claim about addresses, so it can be counted without
//! any hardware: each level is `bytes / line / ways` sets, an address belongs to the set that its line number selects,
//! and a set keeps the `ways` lines that were used last (LRU). Real caches also prefetch, translate addresses and
//! share; the model leaves that out.
//!
//! ```
//! use linalg::LoopOrder;
//! use linalg::cache::{Caches, Walk};
//!
//! // Rows of A are alike: a few are enough.
//! let (m, k, n, bytes) = (8, 600, 600, 8);
//! let ijk = Caches::zen4().replay(Walk::Order(LoopOrder::Ijk), m, k, n, bytes);
//! let ikj = Caches::zen4().replay(Walk::Order(LoopOrder::Ikj), m, k, n, bytes);
//! // Down a column of B, 600 lines are more than the first level holds: every access is a miss. Along a row, one
//! // in eight.
//! assert!(ijk.miss_share(0).b > 0.99 && ikj.miss_share(0).b < 0.13);
//! ```

use crate::LoopOrder;

/// One level of cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// How large it is.
    pub bytes: usize,
    /// Lines that a set holds.
    pub ways: usize,
}

/// A hierarchy, from the level nearest the core outward, with one line size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caches {
    /// Level 1 first.
    pub levels: Vec<Level>,
    /// Bytes of a line, everywhere.
    pub line_bytes: usize,
}

/// In which order the multiplications are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// The triple loop.
    Order(LoopOrder),
    /// The triple loop over square tiles of this side, `ikj` inside and out.
    Tiled(usize),
}

/// Counts for each of the three matrices.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PerMatrix<N> {
    /// Of A.
    pub a: N,
    /// Of B.
    pub b: N,
    /// Of C.
    pub c: N,
}

/// What a replay counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Misses {
    /// Accesses: one of A, one of B and one of C for each multiplication.
    pub accesses: PerMatrix<u64>,
    /// Misses, level 1 first. Each level sees only what the one before missed.
    pub levels: Vec<PerMatrix<u64>>,
}

impl Misses {
    /// All misses of a level, 0 for the first; 0 if there is no such level.
    #[must_use]
    pub fn total(&self, level: usize) -> u64 {
        self.levels.get(level).map_or(0, |misses| misses.a + misses.b + misses.c)
    }

    /// Misses of a level as a share of all accesses to the matrix.
    #[must_use]
    pub fn miss_share(&self, level: usize) -> PerMatrix<f64> {
        let misses = self.levels.get(level).copied().unwrap_or_default();
        let share = |misses: u64, accesses: u64| misses as f64 / accesses.max(1) as f64;
        PerMatrix {
            a: share(misses.a, self.accesses.a),
            b: share(misses.b, self.accesses.b),
            c: share(misses.c, self.accesses.c),
        }
    }
}

impl Caches {
    /// One core of a Zen 4 processor: 32 KiB and 1 MiB of its own, 32 MiB shared (AMD, *Software Optimization Guide for the AMD
    /// Zen4 Microarchitecture*, 2023).
    #[must_use]
    pub fn zen4() -> Self {
        let level = |bytes, ways| Level { bytes, ways };
        Self { levels: vec![level(32 << 10, 8), level(1 << 20, 8), level(32 << 20, 16)], line_bytes: 64 }
    }

    /// Replays an m × k by k × n product of row-major matrices of `element_bytes`, which lie one behind the other.
    ///
    /// Work grows with m·n·k, as the product's does: sizes of a few hundred take about a second.
    #[must_use]
    pub fn replay(&self, walk: Walk, m: usize, k: usize, n: usize, element_bytes: usize) -> Misses {
        let line = self.line_bytes.max(1);
        let mut levels: Vec<_> = self.levels.iter().map(|level| Sets::new(*level, line)).collect();
        let mut misses = Misses { accesses: PerMatrix::default(), levels: vec![PerMatrix::default(); levels.len()] };
        let (b_start, c_start) = (m * k, m * k + k * n);
        let mut access = |element: usize, count: fn(&mut PerMatrix<u64>) -> &mut u64| {
            *count(&mut misses.accesses) += 1;
            let line = (element * element_bytes / line) as u64;
            for (sets, misses) in levels.iter_mut().zip(&mut misses.levels) {
                if sets.hit(line) {
                    return;
                }
                *count(misses) += 1;
            }
        };
        let step = |i: usize, j: usize, p: usize| {
            access(i * k + p, |counts| &mut counts.a);
            access(b_start + p * n + j, |counts| &mut counts.b);
            access(c_start + i * n + j, |counts| &mut counts.c);
        };
        match walk {
            Walk::Order(order) => order.visit(m, k, n, step),
            Walk::Tiled(side) => tiled(side.max(1), m, k, n, step),
        }
        misses
    }
}

/// The tiled loop: three tiles of `side` × `side` are in use at a time.
fn tiled(side: usize, m: usize, k: usize, n: usize, mut step: impl FnMut(usize, usize, usize)) {
    for i0 in (0..m).step_by(side) {
        for p0 in (0..k).step_by(side) {
            for j0 in (0..n).step_by(side) {
                for i in i0..m.min(i0 + side) {
                    for p in p0..k.min(p0 + side) {
                        for j in j0..n.min(j0 + side) {
                            step(i, j, p);
                        }
                    }
                }
            }
        }
    }
}

/// The sets of one level, the line used last at the front of each.
struct Sets {
    lines: Vec<u64>,
    ways: usize,
    count: u64,
}

impl Sets {
    fn new(level: Level, line_bytes: usize) -> Self {
        let ways = level.ways.max(1);
        let count = (level.bytes / line_bytes / ways).max(1);
        Self { lines: vec![u64::MAX; count * ways], ways, count: count as u64 }
    }

    /// Whether the line is there; it is afterwards.
    fn hit(&mut self, line: u64) -> bool {
        let first = (line % self.count) as usize * self.ways;
        let set = &mut self.lines[first..first + self.ways];
        let found = set.iter().position(|&kept| kept == line);
        set[..=found.unwrap_or(self.ways - 1)].rotate_right(1);
        set[0] = line;
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{Caches, Level, Walk};
    use crate::LoopOrder;

    /// Two ways, two sets, lines of two elements: worked by hand. A 1 × 4 by 4 × 1 product reads A's two lines once
    /// each, B's two lines once each, and C's line at every step.
    #[test]
    fn a_dot_product_by_hand() {
        let caches = Caches { levels: vec![Level { bytes: 64, ways: 2 }], line_bytes: 16 };
        let misses = caches.replay(Walk::Order(LoopOrder::Ijk), 1, 4, 1, 8);
        // Lines 0 and 1 are A's, 2 and 3 B's, 4 is C's; sets by parity. In set 0 meet 0, 2, 4: three lines, two ways.
        // Steps: 0 2 4 | 0 2 4 | 1 3 4 | 1 3 4. Set 0 sees 0 2 4 0 2 4 4 4: six misses; set 1 sees 1 3 1 3: two.
        assert_eq!(misses.total(0), 8);
        assert_eq!((misses.levels[0].a, misses.levels[0].b, misses.levels[0].c), (3, 3, 2));
        assert_eq!(misses.accesses.a, 4);
    }

    /// Everything fits: each line is missed once, whatever the order.
    #[test]
    fn only_compulsory_misses_where_all_fits() {
        let lines = 3 * 16 * 16 * 8 / 64;
        for order in LoopOrder::ALL {
            let misses = Caches::zen4().replay(Walk::Order(order), 16, 16, 16, 8);
            assert_eq!(misses.total(0), lines, "{}", order.letters());
        }
    }

    /// The lesson: on B, `ijk` misses always, `ikj` once a line, tiles far less. (Not so at a power of two, where the
    /// rows of a tile meet in the same few sets: that is why fast code packs.)
    #[test]
    fn orders_differ_as_the_lesson_says() {
        let replay = |walk| Caches::zen4().replay(walk, 32, 600, 600, 8);
        let ijk = replay(Walk::Order(LoopOrder::Ijk));
        let ikj = replay(Walk::Order(LoopOrder::Ikj));
        let jki = Caches::zen4().replay(Walk::Order(LoopOrder::Jki), 600, 32, 600, 8);
        let tiled = replay(Walk::Tiled(32));
        assert!(ijk.miss_share(0).b > 0.99);
        assert!((ikj.miss_share(0).b - 0.125).abs() < 0.02);
        assert!(jki.miss_share(0).c > 0.99);
        assert!(tiled.total(0) * 4 < ikj.total(0), "{} {}", tiled.total(0), ikj.total(0));
        let power_of_two = Caches::zen4().replay(Walk::Tiled(32), 256, 256, 256, 8);
        let beside = Caches::zen4().replay(Walk::Tiled(32), 250, 250, 250, 8);
        assert!(power_of_two.total(0) > 4 * beside.total(0));
    }
}
