//! Device memory: allocations that know their bounds, whether each byte was written, and whether they were freed.
//!
//! An allocation is host memory, and its device address is its host address: what `cuMemAllocManaged` needs, and what makes
//! an access one comparison and one move. Blocks run on several host threads and a kernel may race with itself, so every
//! access to the bytes is a relaxed atomic one; on the machines we run on it costs what a plain one does.

mod allocation;
mod snapshot;
mod storage;

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use allocation::Allocation;
pub(crate) use snapshot::{Reachable, Snapshot};
pub(crate) use storage::Words;

use crate::error::Error;
use crate::limits;

/// Alignment of allocations, and the unmapped bytes on either side of each.
const GUARD: u64 = 256;

/// All allocations of a device.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Sorted by start.
    live: Vec<Arc<Allocation>>,
    /// Freed lately and kept, so that a use after the free is told from a stray address.
    freed: VecDeque<Arc<Allocation>>,
    bytes: u64,
    bytes_freed: u64,
}

impl Memory {
    /// Reserves memory; `track` keeps note of which bytes were written.
    pub(crate) fn allocate(&self, bytes: u64, track: bool) -> Result<u64, Error> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if bytes > limits::DEVICE_BYTES - state.bytes.min(limits::DEVICE_BYTES) {
            return Err(Error::Limit {
                what: "bytes of device memory",
                value: bytes.saturating_add(state.bytes),
                max: limits::DEVICE_BYTES,
            });
        }
        let out_of_memory = || Error::Memory { message: format!("the host has no {bytes} bytes left") };
        let allocation = Allocation::new(bytes, track).ok_or_else(out_of_memory)?;
        let start = allocation.start();
        let at = state.live.partition_point(|other| other.start() < start);
        state.live.insert(at, Arc::new(allocation));
        state.bytes += bytes;
        Ok(start)
    }

    /// Gives memory back. It is kept for a while, marked, so that later uses are recognised.
    pub(crate) fn free(&self, address: u64) -> Result<(), Error> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let Ok(at) = state.live.binary_search_by_key(&address, |allocation| allocation.start()) else {
            let freed = state.freed.iter().any(|allocation| allocation.start() == address);
            let why = if freed { "was freed before" } else { "is not the start of an allocation" };
            return Err(Error::Memory { message: format!("{address:#x} {why}") });
        };
        let allocation = state.live.remove(at);
        allocation.mark_freed();
        state.bytes -= allocation.bytes();
        state.bytes_freed += allocation.bytes();
        state.freed.push_back(allocation);
        while state.bytes_freed > limits::FREED_BYTES || state.freed.len() > limits::FREED_ALLOCATIONS {
            let Some(oldest) = state.freed.pop_front() else { break };
            state.bytes_freed -= oldest.bytes();
        }
        Ok(())
    }

    /// Writes to a live allocation; the bytes count as written.
    pub(crate) fn write(&self, address: u64, data: &[u8]) -> Result<(), Error> {
        let (allocation, offset) = self.range(address, data.len() as u64)?;
        allocation.write(offset, data);
        Ok(())
    }

    /// Reads from a live allocation, written or not.
    pub(crate) fn read(&self, address: u64, data: &mut [u8]) -> Result<(), Error> {
        let (allocation, offset) = self.range(address, data.len() as u64)?;
        allocation.read(offset, data);
        Ok(())
    }

    /// Copies between live allocations, and whether each byte was written with it. Ranges may overlap.
    pub(crate) fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Error> {
        let ((source, source_offset), (target, target_offset)) = (self.range(from, bytes)?, self.range(to, bytes)?);
        let step = |at: u64| target.copy_byte(target_offset + at, &source, source_offset + at);
        // Like memmove: backwards where the target is the later one.
        if from < to {
            (0..bytes).rev().for_each(step)
        } else {
            (0..bytes).for_each(step)
        }
        Ok(())
    }

    /// Start and size of the live allocation that an address is in.
    pub(crate) fn allocation(&self, address: u64) -> Option<(u64, u64)> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let found = find(&state.live, address).filter(|live| address - live.start() < live.bytes())?;
        Some((found.start(), found.bytes()))
    }

    pub(crate) fn bytes_in_use(&self) -> u64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// What a launch can reach. Allocations stay alive while it is held.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Snapshot::new(&state.live, &state.freed)
    }

    fn range(&self, address: u64, bytes: u64) -> Result<(Arc<Allocation>, u64), Error> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let inside = find(&state.live, address)
            .filter(|found| bytes <= found.bytes() && address - found.start() <= found.bytes() - bytes)
            .map(|found| (found.clone(), address - found.start()));
        inside.ok_or_else(|| Error::Memory {
            message: match find(&state.live, address) {
                Some(near) => format!(
                    "{bytes} bytes at {address:#x} do not fit into the {} bytes at {:#x}",
                    near.bytes(),
                    near.start()
                ),
                None => format!("{bytes} bytes at {address:#x} are in no allocation"),
            },
        })
    }
}

/// The last allocation that starts at or before an address, with its guards.
fn find<A: Deref<Target = Allocation>>(sorted: &[A], address: u64) -> Option<&A> {
    let after = sorted.partition_point(|allocation| allocation.start() <= address);
    let found = &sorted[after.checked_sub(1)?];
    (address - found.start() < found.bytes().max(1) + GUARD).then_some(found)
}
