//! Work shared out among threads.

use std::sync::{Mutex, PoisonError};

use linalg::Threads;

/// Calls `work` with every item, on this thread and some of rayon's pool. Whoever is free takes the next item, so `work` must not
/// care which thread it is on.
pub(super) fn share<I: Send>(items: impl Iterator<Item = I> + Send, threads: Threads, work: impl Fn(I) + Sync) {
    let threads = match threads {
        Threads::All => rayon::current_num_threads(),
        Threads::Count(count) => count.max(1),
    };
    let queue = Mutex::new(items);
    let drain = || {
        loop {
            let Some(item) = queue.lock().unwrap_or_else(PoisonError::into_inner).next() else { return };
            work(item);
        }
    };
    if threads == 1 {
        return drain();
    }
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| drain());
        }
        drain();
    });
}
