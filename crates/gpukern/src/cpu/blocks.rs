//! How the queries are cut into blocks: a block is what a kernel holds in its lanes.

use crate::Attention;

/// Keys of a tile. With the widest block, a tile of weights takes 24 KiB.
pub(super) const KEYS: usize = 96;

/// Rows of queries that share a key/value head.
///
/// Query heads that share one follow each other, so their rows are one matrix of `heads / kv_heads · queries` rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// Which key/value head of which batch entry, counted through.
    pub(super) kv: usize,
    /// The first row, counted through all batch entries and heads.
    pub(super) first: usize,
    /// How many.
    pub(super) rows: usize,
}

/// Rows of queries that share a key/value head.
pub(super) fn rows_of_kv(problem: &Attention) -> usize {
    problem.heads / problem.kv_heads * problem.queries
}

/// The blocks of one key/value head, in order, of at most `lanes` rows. Long heads are cut one by one, so that a causal block ends where
/// its head does; short ones are put together.
pub(super) fn blocks_of_kv(problem: &Attention, kv: usize, lanes: usize) -> impl Iterator<Item = Block> + use<> {
    let rows = rows_of_kv(problem);
    let run = if problem.queries >= lanes { problem.queries } else { rows }.max(1);
    (0..rows).step_by(run).flat_map(move |start| {
        (start..start + run).step_by(lanes).map(move |row| Block {
            kv,
            first: kv * rows + row,
            rows: lanes.min(start + run - row),
        })
    })
}

/// How many keys each row of a block sees, a lane a row; lanes beyond the block's rows are like its last.
pub(super) struct Seen {
    each: Vec<usize>,
    least: usize,
    most: usize,
    relative: Vec<f32>,
}

impl Seen {
    pub(super) fn new(lanes_max: usize) -> Self {
        Self { each: Vec::with_capacity(lanes_max), least: 0, most: 0, relative: Vec::with_capacity(lanes_max) }
    }

    pub(super) fn set(&mut self, problem: &Attention, block: Block, lanes: usize) {
        self.each.clear();
        let row = |lane: usize| (block.first + lane.min(block.rows - 1)) % problem.queries;
        self.each.extend((0..lanes).map(|lane| problem.keys_seen(row(lane))));
        self.least = self.each.iter().copied().min().unwrap_or(0);
        self.most = self.each.iter().copied().max().unwrap_or(0);
    }

    /// Keys that any row sees: the first so many.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// For a tile of `keys` keys from `start` on: how many of them each lane sees, `None` if all see all.
    pub(super) fn of_tile(&mut self, start: usize, keys: usize) -> Option<&[f32]> {
        if start + keys <= self.least {
            return None;
        }
        self.relative.clear();
        self.relative.extend(self.each.iter().map(|seen| seen.saturating_sub(start).min(keys) as f32));
        Some(&self.relative)
    }
}
