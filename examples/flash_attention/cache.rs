//! What goes between memory and one core's second-level cache, by a model: 1 MiB, pieces of 64 × 64 numbers, the least recently
//! used goes first.

use std::collections::{BTreeMap, HashMap};

/// A piece of a matrix: 64 rows by 64 columns, 16 KiB.
type Piece = (char, usize, usize);
const PIECE_BYTES: u64 = 64 * 64 * 4;
/// Pieces in a cache of 1 MiB.
const PIECES: usize = 64;

/// A cache that counts what goes in and out of it.
#[derive(Default)]
struct Cache {
    now: u64,
    used: BTreeMap<u64, Piece>,
    /// When each was used last, and whether memory does not have it yet.
    held: HashMap<Piece, (u64, bool)>,
    moved: u64,
}

impl Cache {
    fn read(&mut self, piece: Piece) {
        if !self.held.contains_key(&piece) {
            self.moved += PIECE_BYTES;
        }
        self.touch(piece, false);
    }

    /// All of it: what was there before need not be loaded.
    fn write(&mut self, piece: Piece) {
        self.touch(piece, true);
    }

    fn touch(&mut self, piece: Piece, write: bool) {
        let (last, changed) = self.held.remove(&piece).unwrap_or_default();
        self.used.remove(&last);
        if self.held.len() == PIECES
            && let Some((_, oldest)) = self.used.pop_first()
            && let Some((_, true)) = self.held.remove(&oldest)
        {
            self.moved += PIECE_BYTES;
        }
        self.now += 1;
        self.used.insert(self.now, piece);
        self.held.insert(piece, (self.now, changed || write));
    }

    /// In the end, what memory does not have yet is written.
    fn total(self) -> u64 {
        self.moved + self.held.values().filter(|(_, changed)| *changed).count() as u64 * PIECE_BYTES
    }
}

pub(crate) fn count_plain(n: usize) -> u64 {
    let (blocks, mut cache) = (n.div_ceil(64), Cache::default());
    let pairs = || (0..blocks).flat_map(|i| (0..blocks).map(move |j| (i, j)));
    for (i, j) in pairs() {
        cache.read(('q', i, 0));
        cache.read(('k', j, 0));
        cache.write(('s', i, j));
    }
    for (i, j) in pairs() {
        cache.read(('s', i, j));
        cache.write(('p', i, j));
    }
    for (i, j) in pairs() {
        cache.read(('p', i, j));
        cache.read(('v', j, 0));
        cache.write(('o', i, 0));
    }
    cache.total()
}

pub(crate) fn count_flash(n: usize) -> u64 {
    let (blocks, mut cache) = (n.div_ceil(64), Cache::default());
    for i in 0..blocks {
        cache.read(('q', i, 0));
        for j in 0..blocks {
            cache.read(('k', j, 0));
            cache.read(('v', j, 0));
        }
        cache.write(('o', i, 0));
    }
    cache.total()
}
