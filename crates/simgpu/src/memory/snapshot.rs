//! What one launch can reach.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::allocation::Allocation;
use super::find;
use super::storage::Words;

/// An allocation as one launch sees it, and what the launch keeps beside it.
#[derive(Debug)]
pub(crate) struct Reachable {
    allocation: Arc<Allocation>,
    /// Its number among the live ones.
    index: usize,
    beside: OnceLock<Option<Words>>,
}

impl Reachable {
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// As many words as `count` says of the allocation's bytes, zero at first. `None` where they are too many.
    #[inline(always)]
    pub(crate) fn beside(&self, count: impl Fn(u64) -> u64) -> Option<&Words> {
        self.beside.get_or_init(|| Words::zeroed(count(self.bytes()))).as_ref()
    }
}

impl Deref for Reachable {
    type Target = Allocation;
    #[inline(always)]
    fn deref(&self) -> &Allocation {
        &self.allocation
    }
}

/// The allocations as they stood when a launch began.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    live: Vec<Reachable>,
    freed: Vec<Reachable>,
}

impl Snapshot {
    pub(super) fn new<'a>(
        live: impl IntoIterator<Item = &'a Arc<Allocation>>,
        freed: impl IntoIterator<Item = &'a Arc<Allocation>>,
    ) -> Snapshot {
        Snapshot { live: numbered(live), freed: numbered(freed) }
    }

    /// The live allocation with a number.
    pub(crate) fn reachable(&self, index: usize) -> Option<&Reachable> {
        self.live.get(index)
    }

    /// The allocation that an address is in or just behind, and the offset into it: the caller checks bounds and freedom.
    pub(crate) fn find(&self, address: u64) -> Option<(&Reachable, u64)> {
        let freed = || self.freed.iter().find(|old| address.wrapping_sub(old.start()) < old.bytes());
        // Live memory first: a freed range may have been given out again.
        let found = find(&self.live, address).filter(|live| address - live.start() < live.bytes());
        let found = found.or_else(freed).or_else(|| find(&self.live, address))?;
        Some((found, address - found.start()))
    }
}

fn numbered<'a>(allocations: impl IntoIterator<Item = &'a Arc<Allocation>>) -> Vec<Reachable> {
    let reachable = |(index, allocation): (usize, &Arc<Allocation>)| Reachable {
        allocation: allocation.clone(),
        index,
        beside: OnceLock::new(),
    };
    allocations.into_iter().enumerate().map(reachable).collect()
}
