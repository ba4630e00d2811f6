//! Counting what the memories would do: 32-byte sectors of global memory, passes over the banks of shared memory.

use crate::lanes::LANES;

/// Bytes of a sector, the unit in which caches and memory move data.
const SECTOR: u32 = 32;
/// Banks of shared memory, and bytes that all of them give in one pass.
const BANKS: usize = 32;
const ROW: u32 = 128;

/// The distinct sectors that the lanes touch. Lanes that are not active repeat an active lane's address.
#[inline(always)]
pub(super) fn sectors(addresses: &[u64; LANES]) -> u64 {
    let shift = SECTOR.trailing_zeros();
    let mut changes = 0;
    let mut sorted = true;
    for lane in 1..LANES {
        let (before, here) = (addresses[lane - 1] >> shift, addresses[lane] >> shift);
        changes += u64::from(before != here);
        sorted &= before <= here;
    }
    if sorted { changes + 1 } else { distinct(addresses) }
}

#[inline(never)]
fn distinct(addresses: &[u64; LANES]) -> u64 {
    let mut values = *addresses;
    values.iter_mut().for_each(|address| *address /= u64::from(SECTOR));
    values.sort_unstable();
    1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64
}

/// Passes over the banks for a request, and the least it could take: a pass serves one word a bank, to as many lanes as ask
/// for it. Requests of 8 and 16 bytes a lane are served by halves and quarters of the warp, as on NVIDIA's GPUs (inferred from
/// their profilers; the manuals say no more than that conflicts are counted within such a group).
#[inline(always)]
pub(super) fn wavefronts(offsets: &[u32; LANES], mask: u32, bytes: u32) -> (u64, u64) {
    match bytes {
        0..=4 => groups::<32>(offsets, mask, 4),
        5..=8 => groups::<16>(offsets, mask, 8),
        _ => groups::<8>(offsets, mask, 16),
    }
}

/// The same for groups of `SIZE` lanes.
#[inline(always)]
fn groups<const SIZE: usize>(offsets: &[u32; LANES], mask: u32, unit: u32) -> (u64, u64) {
    let (mut passes, mut ideal) = (0, 0);
    let (chunks, _) = offsets.as_chunks::<SIZE>();
    for (index, lanes) in chunks.iter().enumerate() {
        let active = mask >> (index * SIZE) & (u32::MAX >> (32 - SIZE));
        if active == 0 {
            continue;
        }
        let (mut least, mut most) = (u32::MAX, 0);
        for &offset in lanes {
            (least, most) = (least.min(offset), most.max(offset));
        }
        ideal += 1;
        // Within 128 bytes no two words share a bank.
        passes += if most / 4 * 4 - least / 4 * 4 + unit <= ROW { 1 } else { conflicts(lanes, active, unit) };
    }
    (passes, ideal)
}

/// As many passes as it takes until every lane is served. Units are aligned, so the bank of its first word stands for a unit.
fn conflicts(lanes: &[u32], active: u32, unit: u32) -> u64 {
    let mut left = active;
    let mut passes = 0;
    while left != 0 {
        passes += 1;
        // The unit that each bank serves in this pass, one higher so that 0 is none.
        let mut serves = [0u32; BANKS];
        let mut rest = left;
        while rest != 0 {
            let lane = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let wanted = lanes[lane] / unit;
            let bank = &mut serves[(wanted * (unit / 4)) as usize % BANKS];
            if *bank == 0 {
                *bank = wanted + 1;
            }
            if *bank == wanted + 1 {
                left &= !(1 << lane);
            }
        }
    }
    passes
}
