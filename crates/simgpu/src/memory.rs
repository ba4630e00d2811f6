//! Device memory: allocations that know their bounds, whether each byte was written, and whether they were freed.
//!
//! An allocation is host memory, and its device address is its host address: what `cuMemAllocManaged` needs, and what makes
//! an access one comparison and one move. Blocks run on several host threads and a kernel may race with itself, so every
//! access to the bytes is a relaxed atomic one; on the machines we run on it costs what a plain one does.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::error::Error;
use crate::limits;

/// Alignment of allocations, and the unmapped bytes on either side of each.
const GUARD: u64 = 256;

/// One allocation.
#[derive(Debug)]
pub(crate) struct Allocation {
    start: u64,
    bytes: u64,
    data: Storage,
    /// One byte for each of `data`: 1 where it was written. `None` where nobody asks.
    written: Option<Storage>,
    freed: AtomicBool,
}

/// An allocation as one launch sees it, and what the launch keeps beside it.
#[derive(Debug)]
pub(crate) struct Reachable {
    allocation: Arc<Allocation>,
    /// Its number among the live ones.
    index: usize,
    beside: OnceLock<Option<Words>>,
}

impl Reachable {
    fn new((index, allocation): (usize, &Arc<Allocation>)) -> Reachable {
        Reachable { allocation: allocation.clone(), index, beside: OnceLock::new() }
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// As many words as `count` says of the allocation's bytes, zero at first. `None` where they are too many.
    #[inline(always)]
    pub(crate) fn beside(&self, count: impl Fn(u64) -> u64) -> Option<&Words> {
        self.beside.get_or_init(|| Words::zeroed(count(self.bytes))).as_ref()
    }
}

impl Deref for Reachable {
    type Target = Allocation;
    #[inline(always)]
    fn deref(&self) -> &Allocation {
        &self.allocation
    }
}

/// Words of 64 bits that threads share. Pages that nobody writes to take no memory.
#[derive(Debug)]
pub(crate) struct Words {
    storage: Storage,
    count: u64,
}

impl Words {
    fn zeroed(count: u64) -> Option<Words> {
        let bytes = count.checked_mul(8).filter(|&bytes| bytes <= limits::BESIDE_BYTES)?;
        Some(Words { storage: Storage::zeroed(bytes)?, count })
    }

    #[inline(always)]
    fn at(&self, index: u64) -> &AtomicU64 {
        assert!(index < self.count);
        // SAFETY: in bounds, as just asserted, and the storage is aligned; it is only touched by atomics.
        unsafe { AtomicU64::from_ptr(self.storage.base.add(8 * index as usize).cast()) }
    }

    #[inline(always)]
    pub(crate) fn load(&self, index: u64) -> u64 {
        self.at(index).load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn store(&self, index: u64, value: u64) {
        self.at(index).store(value, Relaxed);
    }
}

/// Zeroed bytes that are shared between threads.
#[derive(Debug)]
struct Storage {
    base: *mut u8,
    layout: Layout,
}

// SAFETY: `base` is owned memory that is read and written through atomics only, and freed once, in `drop`.
unsafe impl Send for Storage {}
// SAFETY: as above.
unsafe impl Sync for Storage {}

impl Storage {
    /// `None` when the host has no memory left.
    fn zeroed(bytes: u64) -> Option<Storage> {
        let size = usize::try_from(bytes.max(1)).ok()?.checked_next_multiple_of(8)?;
        let layout = Layout::from_size_align(size, GUARD as usize).ok()?;
        // SAFETY: the layout's size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        (!base.is_null()).then_some(Storage { base, layout })
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        // SAFETY: `base` came from `alloc_zeroed` with this layout, and is given back here only.
        unsafe { dealloc(self.base, self.layout) }
    }
}

macro_rules! access {
    ($load:ident, $store:ident, $atomic:ty, $int:ty) => {
        /// Reads at `offset`, a multiple of the size.
        #[inline(always)]
        pub(crate) fn $load(&self, offset: u64) -> $int {
            assert!(offset.is_multiple_of(size_of::<$int>() as u64) && offset + size_of::<$int>() as u64 <= self.bytes);
            // SAFETY: in bounds and aligned, as just asserted; the memory lives as long as `self` and is only touched by atomics.
            unsafe { <$atomic>::from_ptr(self.place(offset).cast()) }.load(Relaxed)
        }

        /// Writes at `offset`, a multiple of the size.
        #[inline(always)]
        pub(crate) fn $store(&self, offset: u64, value: $int) {
            assert!(offset.is_multiple_of(size_of::<$int>() as u64) && offset + size_of::<$int>() as u64 <= self.bytes);
            // SAFETY: as for the load; `written` has the same size and alignment as `data`.
            unsafe { <$atomic>::from_ptr(self.place(offset).cast()) }.store(value, Relaxed);
            if let Some(written) = &self.written {
                // SAFETY: as above.
                unsafe { <$atomic>::from_ptr(written.base.add(offset as usize).cast()) }
                    .store(<$int>::MAX / 0xff, Relaxed);
            }
        }
    };
}

impl Allocation {
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn is_freed(&self) -> bool {
        self.freed.load(Relaxed)
    }

    /// Where byte `offset` is. Callers have checked it against `bytes`.
    #[inline(always)]
    fn place(&self, offset: u64) -> *mut u8 {
        self.data.base.wrapping_add((GUARD + offset) as usize)
    }

    access!(load8, store8, AtomicU8, u8);
    access!(load16, store16, AtomicU16, u16);
    access!(load32, store32, AtomicU32, u32);
    access!(load64, store64, AtomicU64, u64);

    /// The word at `offset` for atomic operations. Marks it as written.
    pub(crate) fn atomic32(&self, offset: u64) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.bytes);
        self.mark(offset, 4);
        // SAFETY: in bounds and aligned; the reference lives no longer than `self`.
        unsafe { AtomicU32::from_ptr(self.place(offset).cast()) }
    }

    /// The double word at `offset` for atomic operations. Marks it as written.
    pub(crate) fn atomic64(&self, offset: u64) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.bytes);
        self.mark(offset, 8);
        // SAFETY: in bounds and aligned; the reference lives no longer than `self`.
        unsafe { AtomicU64::from_ptr(self.place(offset).cast()) }
    }

    /// The half word at `offset` for atomic operations. Marks it as written.
    pub(crate) fn atomic16(&self, offset: u64) -> &AtomicU16 {
        assert!(offset.is_multiple_of(2) && offset + 2 <= self.bytes);
        self.mark(offset, 2);
        // SAFETY: in bounds and aligned; the reference lives no longer than `self`.
        unsafe { AtomicU16::from_ptr(self.place(offset).cast()) }
    }

    /// Whether every one of `bytes` bytes at `offset` was written. `bytes` is 1, 2, 4, 8 or 16, and `offset` a multiple.
    #[inline(always)]
    pub(crate) fn is_written(&self, offset: u64, bytes: u64) -> bool {
        let Some(written) = &self.written else { return true };
        assert!(offset.is_multiple_of(bytes.min(8)) && offset + bytes <= self.bytes);
        // SAFETY: in bounds, as just asserted, and a multiple of the size of each access; `written` is as large as `data`.
        unsafe {
            let place = written.base.add(offset as usize);
            match bytes {
                1 => AtomicU8::from_ptr(place).load(Relaxed) == 1,
                2 => AtomicU16::from_ptr(place.cast()).load(Relaxed) == u16::MAX / 0xff,
                4 => AtomicU32::from_ptr(place.cast()).load(Relaxed) == u32::MAX / 0xff,
                8 => AtomicU64::from_ptr(place.cast()).load(Relaxed) == u64::MAX / 0xff,
                _ => (0..bytes / 8).all(|word| self.is_written(offset + 8 * word, 8)),
            }
        }
    }

    fn mark(&self, offset: u64, bytes: u64) {
        if let Some(written) = &self.written {
            for byte in offset..offset + bytes {
                // SAFETY: callers have checked that the range is inside the allocation.
                unsafe { AtomicU8::from_ptr(written.base.add(byte as usize)) }.store(1, Relaxed);
            }
        }
    }

    /// Copies a range out. Bytes, one at a time where they do not fill words: the host's copies are not what is measured.
    fn read(&self, offset: u64, data: &mut [u8]) {
        let (mut at, mut rest) = (offset, data);
        while !rest.is_empty() {
            if at.is_multiple_of(8) && rest.len() >= 8 {
                let (word, after) = rest.split_at_mut(8);
                word.copy_from_slice(&self.load64(at).to_le_bytes());
                (at, rest) = (at + 8, after);
            } else {
                rest[0] = self.load8(at);
                (at, rest) = (at + 1, &mut rest[1..]);
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) {
        let (mut at, mut rest) = (offset, data);
        while !rest.is_empty() {
            if at.is_multiple_of(8)
                && let Some((word, after)) = rest.split_first_chunk::<8>()
            {
                self.store64(at, u64::from_le_bytes(*word));
                (at, rest) = (at + 8, after);
            } else {
                self.store8(at, rest[0]);
                (at, rest) = (at + 1, &rest[1..]);
            }
        }
    }
}

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

/// The allocations as they stood when a launch began.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    live: Vec<Reachable>,
    freed: Vec<Reachable>,
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
        // The guards are inside the storage, so no other allocation of ours can be within `GUARD` bytes.
        let data = Storage::zeroed(bytes + 2 * GUARD).ok_or_else(out_of_memory)?;
        let written = if track { Some(Storage::zeroed(bytes).ok_or_else(out_of_memory)?) } else { None };
        let start = data.base as u64 + GUARD;
        let allocation = Allocation { start, bytes, data, written, freed: AtomicBool::new(false) };
        let at = state.live.partition_point(|other| other.start < start);
        state.live.insert(at, Arc::new(allocation));
        state.bytes += bytes;
        Ok(start)
    }

    /// Gives memory back. It is kept for a while, marked, so that later uses are recognised.
    pub(crate) fn free(&self, address: u64) -> Result<(), Error> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let Ok(at) = state.live.binary_search_by_key(&address, |allocation| allocation.start) else {
            let freed = state.freed.iter().any(|allocation| allocation.start == address);
            let why = if freed { "was freed before" } else { "is not the start of an allocation" };
            return Err(Error::Memory { message: format!("{address:#x} {why}") });
        };
        let allocation = state.live.remove(at);
        allocation.freed.store(true, Relaxed);
        state.bytes -= allocation.bytes;
        state.bytes_freed += allocation.bytes;
        state.freed.push_back(allocation);
        while state.bytes_freed > limits::FREED_BYTES || state.freed.len() > limits::FREED_ALLOCATIONS {
            let Some(oldest) = state.freed.pop_front() else { break };
            state.bytes_freed -= oldest.bytes;
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
        let step = |at: u64| {
            target.store8(target_offset + at, source.load8(source_offset + at));
            if let Some(written) = &target.written {
                let was = u8::from(source.is_written(source_offset + at, 1));
                // SAFETY: inside the allocation, as `range` has checked.
                unsafe { AtomicU8::from_ptr(written.base.add((target_offset + at) as usize)) }.store(was, Relaxed);
            }
        };
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
        let found = find(&state.live, address).filter(|live| address - live.start < live.bytes)?;
        Some((found.start, found.bytes))
    }

    pub(crate) fn bytes_in_use(&self) -> u64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// What a launch can reach. Allocations stay alive while it is held.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        // Live memory first: a freed range may have been given out again.
        let all = |(index, allocation)| Reachable::new((index, allocation));
        Snapshot {
            live: state.live.iter().enumerate().map(all).collect(),
            freed: state.freed.iter().enumerate().map(all).collect(),
        }
    }

    fn range(&self, address: u64, bytes: u64) -> Result<(Arc<Allocation>, u64), Error> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let inside = find(&state.live, address)
            .filter(|found| bytes <= found.bytes && address - found.start <= found.bytes - bytes)
            .map(|found| (found.clone(), address - found.start));
        inside.ok_or_else(|| Error::Memory {
            message: match find(&state.live, address) {
                Some(near) => format!(
                    "{bytes} bytes at {address:#x} do not fit into the {} bytes at {:#x}",
                    near.bytes, near.start
                ),
                None => format!("{bytes} bytes at {address:#x} are in no allocation"),
            },
        })
    }
}

/// The last allocation that starts at or before an address, with its guards.
fn find<A: Deref<Target = Allocation>>(sorted: &[A], address: u64) -> Option<&A> {
    let after = sorted.partition_point(|allocation| allocation.start <= address);
    let found = &sorted[after.checked_sub(1)?];
    (address - found.start < found.bytes.max(1) + GUARD).then_some(found)
}

impl Snapshot {
    /// The live allocation with a number.
    pub(crate) fn reachable(&self, index: usize) -> Option<&Reachable> {
        self.live.get(index)
    }

    /// The allocation that an address is in or just behind, and the offset into it: the caller checks bounds and freedom.
    pub(crate) fn find(&self, address: u64) -> Option<(&Reachable, u64)> {
        let freed = || self.freed.iter().find(|old| address.wrapping_sub(old.start) < old.bytes);
        let found = find(&self.live, address).filter(|live| address - live.start < live.bytes);
        let found = found.or_else(freed).or_else(|| find(&self.live, address))?;
        Some((found, address - found.start))
    }
}
