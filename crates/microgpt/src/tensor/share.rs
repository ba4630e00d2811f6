//! Work shared out among threads.

use std::sync::{Mutex, PoisonError};

use linalg::Threads;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;

/// Calls `work` with every item, on this thread and some of rayon's pool. Whoever is free takes the next item, so
/// `work` must not care which thread it is on.
pub(super) fn share<I: Send>(items: impl Iterator<Item = I> + Send, threads: Threads, work: impl Fn(I) + Sync) {
    let threads = workers(threads);
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

/// Of the threads that may share some work, as many as there are.
fn workers(threads: Threads) -> usize {
    let all = rayon::current_num_threads();
    match threads {
        Threads::All => all,
        Threads::Count(count) => count.clamp(1, all),
    }
}

/// The same for work that can fail: whatever has failed last, once all items are done.
pub(super) fn try_share<I: Send>(
    items: impl Iterator<Item = I> + Send,
    threads: Threads,
    work: impl Fn(I) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let result = Mutex::new(Ok(()));
    share(items, threads, |item| {
        if let Err(error) = work(item) {
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
        }
    });
    result.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// For what asks rayon and not its caller how many threads to use: a pool of as many as may share the work, or `None`
/// if the current one has no more.
pub(super) fn pool(threads: Threads) -> Result<Option<ThreadPool>, Error> {
    match threads {
        Threads::Count(count) if count.max(1) < rayon::current_num_threads() => {
            let pool = ThreadPoolBuilder::new().num_threads(count.max(1)).build();
            pool.map(Some).map_err(|source| Error::Threads { count, source: Box::new(source) })
        }
        _ => Ok(None),
    }
}

/// Calls `work` inside that pool.
pub(super) fn inside<R: Send>(pool: Option<&ThreadPool>, work: impl FnOnce() -> R + Send) -> R {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_workers_than_threads() {
        let four = ThreadPoolBuilder::new().num_threads(4).build().expect("threads");
        let counts = [Threads::Count(0), Threads::Count(3), Threads::Count(usize::MAX), Threads::All];
        assert_eq!(four.install(|| counts.map(workers)), [1, 3, 4, 4]);
    }

    #[test]
    fn a_pool_has_as_many_threads_as_were_asked_for() {
        let four = ThreadPoolBuilder::new().num_threads(4).build().expect("threads");
        let threads =
            |asked| four.install(|| inside(pool(asked).expect("a pool").as_ref(), rayon::current_num_threads));
        assert_eq!([1, 3, 4, 9].map(|count| threads(Threads::Count(count))), [1, 3, 4, 4]);
        assert_eq!((threads(Threads::Count(0)), threads(Threads::All)), (1, 4));
    }
}
