//! The sizes of this processor's caches.

use std::sync::OnceLock;

/// Bytes of each level of data cache that one core can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caches {
    pub(crate) l1: usize,
    pub(crate) l2: usize,
    pub(crate) l3: usize,
}

/// What is assumed where the processor does not say: any x86-64 of the last ten years has at least this.
const ASSUMED: Caches = Caches { l1: 32 << 10, l2: 256 << 10, l3: 4 << 20 };

/// Detected once.
pub(crate) fn caches() -> Caches {
    static CACHES: OnceLock<Caches> = OnceLock::new();
    *CACHES.get_or_init(detect)
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Caches {
    ASSUMED
}

/// Leaf 4 (Intel) and leaf 0x8000001D (AMD) describe one cache per subleaf in the same bits.
#[cfg(target_arch = "x86_64")]
fn detect() -> Caches {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    /// More subleaves than any processor has caches.
    const SUBLEAVES: u32 = 16;
    const AMD: u32 = 0x8000_001D;

    let mut found = ASSUMED;
    let leaf = if __cpuid(0x8000_0000).eax >= AMD && __cpuid_count(AMD, 0).eax & 31 != 0 {
        AMD
    } else if __cpuid(0).eax >= 4 {
        4
    } else {
        return found;
    };
    for subleaf in 0..SUBLEAVES {
        let cache = __cpuid_count(leaf, subleaf);
        let (kind, level) = (cache.eax & 31, (cache.eax >> 5) & 7);
        const NONE: u32 = 0;
        const INSTRUCTIONS: u32 = 2;
        if kind == NONE {
            break;
        }
        if kind == INSTRUCTIONS {
            continue;
        }
        let ways = (cache.ebx >> 22) as usize + 1;
        let partitions = ((cache.ebx >> 12) & 0x3ff) as usize + 1;
        let line = (cache.ebx & 0xfff) as usize + 1;
        let bytes = ways * partitions * line * (cache.ecx as usize + 1);
        match level {
            1 => found.l1 = bytes,
            2 => found.l2 = bytes,
            3 => found.l3 = bytes,
            _ => {}
        }
    }
    found
}
