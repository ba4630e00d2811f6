//! Sharing work out among threads.

use std::sync::{Mutex, PoisonError};

/// Multiply-adds below which waking up another thread costs more than it does.
const ALONE: usize = 1 << 19;

/// How many threads of rayon's current pool are worth while for so many multiply-adds.
pub(super) fn threads(multiply_adds: usize) -> usize {
    rayon::current_num_threads().min(multiply_adds / ALONE).max(1)
}

/// Calls `work` with every item on at most `threads` threads: this one, at once, and some of rayon's pool when they have
/// woken up. Whoever is free takes the next item. `scratch` makes what a thread keeps from one item to its next.
pub(super) fn share<I: Send, S>(
    items: impl Iterator<Item = I> + Send,
    threads: usize,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, I) + Sync,
) {
    let queue = Mutex::new(items);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let drain = || {
        let Some(first) = next() else { return };
        let mut scratch = scratch();
        work(&mut scratch, first);
        while let Some(item) = next() {
            work(&mut scratch, item);
        }
    };
    if threads <= 1 {
        return drain();
    }
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| drain());
        }
        drain();
    });
}
