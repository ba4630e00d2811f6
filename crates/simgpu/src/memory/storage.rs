//! Zeroed host memory that threads share.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::GUARD;
use crate::limits;

/// Words of 64 bits that threads share. Pages that nobody writes to take no memory.
#[derive(Debug)]
pub(crate) struct Words {
    storage: Storage,
    count: u64,
}

impl Words {
    pub(super) fn zeroed(count: u64) -> Option<Words> {
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
pub(super) struct Storage {
    pub(super) base: *mut u8,
    layout: Layout,
}

// SAFETY: `base` is owned memory that is read and written through atomics only, and freed once, in `drop`.
unsafe impl Send for Storage {}
// SAFETY: as above.
unsafe impl Sync for Storage {}

impl Storage {
    /// `None` when the host has no memory left.
    pub(super) fn zeroed(bytes: u64) -> Option<Storage> {
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
