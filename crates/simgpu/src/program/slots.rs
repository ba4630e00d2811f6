//! Register slots: registers whose ranges do not touch share one. It keeps a warp's registers in the first-level cache.
//! Linear scan [Poletto & Sarkar 1999], without spills.

use super::inline::Flat;
use super::liveness::Liveness;
use super::{NO_SLOT, Slot};
use crate::error::Error;
use crate::limits;
use crate::ptx::ast::Type;

/// The slot of each register, and how many are taken: 32-bit ones first, then pairs for 64-bit ones.
#[derive(Debug)]
pub(super) struct Slots {
    pub(super) of: Vec<Slot>,
    pub(super) count: usize,
}

pub(super) fn is_wide(ty: Type) -> bool {
    ty.bytes() == 8
}

/// Gives every register that is touched a slot.
pub(super) fn allocate(flat: &Flat, liveness: &Liveness) -> Result<Slots, Error> {
    let narrow = scan(flat, liveness, false);
    let wide = scan(flat, liveness, true);
    let count = narrow.count + 2 * wide.count;
    if count > limits::REGISTER_SLOTS {
        let (value, max) = (count as u64, limits::REGISTER_SLOTS as u64);
        return Err(Error::Limit { what: "registers that are live at once", value, max });
    }
    let place = |register: usize| match (narrow.of[register], wide.of[register]) {
        (Some(slot), _) => slot as Slot,
        (_, Some(pair)) => (narrow.count + 2 * pair) as Slot,
        _ => NO_SLOT,
    };
    Ok(Slots { of: (0..flat.registers.len()).map(place).collect(), count })
}

struct Scan {
    of: Vec<Option<usize>>,
    count: usize,
}

fn scan(flat: &Flat, liveness: &Liveness, wide: bool) -> Scan {
    let mut ranges: Vec<(u32, u32, usize)> = (liveness.intervals.iter().enumerate())
        .filter(|(register, _)| is_wide(flat.registers[*register]) == wide)
        .filter_map(|(register, interval)| interval.map(|interval| (interval.first, interval.last, register)))
        .collect();
    ranges.sort_unstable();
    let mut of = vec![None; flat.registers.len()];
    let mut count = 0;
    let mut free: Vec<usize> = Vec::new();
    // Ends of the ranges that are open, the earliest first.
    let mut open = std::collections::BinaryHeap::new();
    for (first, last, register) in ranges {
        // A range ends after its last instruction: a destination never shares a source's slot.
        while let Some(&std::cmp::Reverse((end, slot))) = open.peek()
            && end < first
        {
            open.pop();
            free.push(slot);
        }
        let slot = free.pop().unwrap_or_else(|| {
            count += 1;
            count - 1
        });
        of[register] = Some(slot);
        open.push(std::cmp::Reverse((last, slot)));
    }
    Scan { of, count }
}
