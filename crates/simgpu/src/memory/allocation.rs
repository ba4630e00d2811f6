//! One allocation: its bytes, and whether each was written.
#![allow(unsafe_code)]

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use super::GUARD;
use super::storage::Storage;

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
    /// `track` keeps note of which bytes were written. `None` when the host has no memory left.
    pub(super) fn new(bytes: u64, track: bool) -> Option<Allocation> {
        // The guards are inside the storage, so no other allocation of ours can be within `GUARD` bytes.
        let data = Storage::zeroed(bytes + 2 * GUARD)?;
        let written = if track { Some(Storage::zeroed(bytes)?) } else { None };
        let start = data.base as u64 + GUARD;
        Some(Allocation { start, bytes, data, written, freed: AtomicBool::new(false) })
    }

    #[inline]
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn is_freed(&self) -> bool {
        self.freed.load(Relaxed)
    }

    pub(super) fn mark_freed(&self) {
        self.freed.store(true, Relaxed);
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
    pub(super) fn read(&self, offset: u64, data: &mut [u8]) {
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

    pub(super) fn write(&self, offset: u64, data: &[u8]) {
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
    /// Copies a byte of another allocation, and whether it was written there.
    pub(super) fn copy_byte(&self, offset: u64, source: &Allocation, source_offset: u64) {
        self.store8(offset, source.load8(source_offset));
        if let Some(written) = &self.written {
            let was = u8::from(source.is_written(source_offset, 1));
            // SAFETY: inside the allocation, as `store8` has checked.
            unsafe { AtomicU8::from_ptr(written.base.add(offset as usize)) }.store(was, Relaxed);
        }
    }
}
