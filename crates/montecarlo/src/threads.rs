//! Who shares the work. It never changes a result.

/// How many threads may share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Threads {
    /// As many as rayon's current pool has, so that `RAYON_NUM_THREADS` and `ThreadPool::install` work.
    #[default]
    All,
    /// At most this many at a time, of rayon's current pool. 0 and 1 stay on the calling thread.
    Count(usize),
}
