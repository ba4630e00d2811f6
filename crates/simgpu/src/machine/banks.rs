//! Counting what the memories would do: 32-byte sectors of global memory, passes over the banks of shared memory.

use crate::lanes::LANES;

/// Bytes of a sector, the unit in which caches and memory move data.
const SECTOR: u32 = 32;
/// Bytes that all banks give in one pass.
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
    if sorted { changes + 1 } else { distinct(addresses.map(|address| address >> shift)) }
}

#[cold]
fn distinct(mut values: [u64; LANES]) -> u64 {
    values.sort_unstable();
    1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64
}

/// Passes over the banks for a request, and the least it could take: a pass serves one word a bank, to as many lanes as ask
/// for it. Requests of 8 and 16 bytes a lane are served by halves and quarters of the warp, as on NVIDIA's GPUs (inferred from
/// their profilers; the manuals say no more than that conflicts are counted within such a group).
#[inline(always)]
pub(super) fn wavefronts(addresses: &[u64; LANES], mask: u32, bytes: u32) -> (u64, u64) {
    let group = (ROW / bytes.max(4)).min(LANES as u32) as usize;
    let (mut passes, mut ideal) = (0, 0);
    for first in (0..LANES).step_by(group) {
        if mask >> first & (u32::MAX >> (32 - group)) == 0 {
            continue;
        }
        ideal += 1;
        let lanes = &addresses[first..first + group];
        // All in one row: every bank is asked for one word at most.
        let row = lanes[0] / u64::from(ROW);
        let same_row = lanes.iter().fold(true, |same, address| same & (address / u64::from(ROW) == row));
        passes += if same_row { 1 } else { conflicts(lanes, bytes) };
    }
    (passes, ideal)
}

/// The most distinct words that one bank is asked for.
fn conflicts(lanes: &[u64], bytes: u32) -> u64 {
    let words = bytes.div_ceil(4).max(1);
    // Wider requests are aligned: their words are in neighbouring banks, so one bank stands for all of them.
    let unit = u64::from(words * 4);
    let units_a_row = u64::from(ROW) / unit;
    let mut most = 1;
    let mut seen = [0u64; LANES];
    for (index, &address) in lanes.iter().enumerate() {
        seen[index] = address / unit;
        let here = seen[index];
        if seen[..index].contains(&here) {
            continue;
        }
        let mut before = 0;
        for (at, &other) in seen[..index].iter().enumerate() {
            let counts = other % units_a_row == here % units_a_row && !seen[..at].contains(&other);
            before += u64::from(counts);
        }
        most = most.max(before + 1);
    }
    most
}
