//! Barriers of a block: who arrives, who waits, and when they go on (`bar`, `barrier`).

use super::block::Block;
use super::order::Knowledge;
use super::warp::{Parked, Warp};
use crate::finding::FindingKind;
use crate::lanes::LANES;
use crate::program::BarrierKind;

/// What those who do not wait leave at a barrier: how many threads they are, and what they knew.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrived {
    threads: u32,
    message: Knowledge,
}

/// Named barriers of a block.
pub(super) const BARRIERS: usize = 16;

impl Block<'_> {
    /// Lanes arrive at a barrier. `missing`: those that were alive when the first of them came, and are not here.
    pub(super) fn arrive(&mut self, warp: &mut Warp, lanes: u32, missing: u32, site: u32, resume: u32) {
        let program = self.context.program;
        let barrier = &program.barriers[site as usize];
        self.counters.barriers += 1;
        let missing = (missing | warp.live) & !lanes;
        if barrier.aligned && self.context.checks.divergent_barriers && missing != 0 {
            self.note(FindingKind::DivergentBarrier, warp, lanes, barrier.position, None, || {
                format!(
                    "{} lanes of the warp are here, {} are elsewhere (lane {})",
                    lanes.count_ones(),
                    missing.count_ones(),
                    missing.trailing_zeros()
                )
            });
        }
        let first = lanes.trailing_zeros() as usize;
        let number = warp.registers.get(barrier.number)[first] as usize % BARRIERS;
        let expected = barrier.threads.map(|slot| warp.registers.get(slot)[first]);
        match barrier.kind {
            BarrierKind::Arrive => self.leave_message(warp.index as usize, number),
            BarrierKind::Sync | BarrierKind::Reduce { .. } => {
                warp.parked.push(Parked { barrier: number as u32, expected, resume, lanes, site });
            }
        }
    }

    /// A warp arrives and goes on: what it did until now is ordered before what those do who wait.
    fn leave_message(&mut self, warp: usize, number: usize) {
        self.clock = self.clock.saturating_add(1);
        let message = self.order.message(warp, self.clock);
        let arrived = &mut self.arrived[number];
        arrived.threads = arrived.threads.saturating_add(LANES as u32);
        arrived.message.iter_mut().zip(message).for_each(|(known, new)| *known = new.max(*known));
    }

    /// The lanes among those arriving that do not wait.
    pub(super) fn passing(&self, arriving: u32, site: u32) -> u32 {
        let kind = self.context.program.barriers[site as usize].kind;
        if matches!(kind, BarrierKind::Arrive) { arriving } else { 0 }
    }

    /// Lets go on who waits at a barrier that all have reached. Says whether there was one.
    pub(super) fn release(&mut self, warps: &mut [Warp]) -> bool {
        let mut released = false;
        for number in 0..BARRIERS as u32 {
            let waiting = || warps.iter().flat_map(|warp| &warp.parked).filter(|parked| parked.barrier == number);
            let Some(&first) = waiting().next() else { continue };
            let complete = match first.expected {
                None => warps.iter().all(|warp| warp.live & !warp.parked_at(number) == 0),
                // Warps count as a whole, also a last one that is not full.
                Some(expected) => {
                    let whole = warps.iter().filter(|warp| warp.parked_at(number) != 0).count() as u32;
                    (whole * LANES as u32).saturating_add(self.arrived[number as usize].threads) >= expected
                }
            };
            if complete {
                self.reduce(warps, number);
                self.clock = self.clock.saturating_add(1);
                let arrived = std::mem::take(&mut self.arrived[number as usize]);
                let waited = warps.iter().filter(|warp| warp.parked_at(number) != 0);
                let members = waited.fold(0u32, |members, warp| members | 1 << warp.index);
                // Who has left counts as having been at a barrier of all.
                if first.expected.is_none() || members.count_ones() as usize == warps.len() {
                    self.order.join_all(self.clock);
                } else {
                    self.order.join(members, &arrived.message, self.clock);
                }
                warps.iter_mut().for_each(|warp| warp.release(number));
                released = true;
            }
        }
        released
    }

    /// The result of `bar.red` for those who wait at a barrier.
    fn reduce(&self, warps: &mut [Warp], number: u32) {
        let program = self.context.program;
        let parked =
            |warp: &Warp| warp.parked.iter().filter(|parked| parked.barrier == number).copied().collect::<Vec<_>>();
        let (mut count, mut total) = (0, 0);
        for warp in warps.iter() {
            for lanes in parked(warp) {
                if let BarrierKind::Reduce { source, negated, .. } = program.barriers[lanes.site as usize].kind {
                    count += (warp.predicate(source, negated) & lanes.lanes).count_ones();
                    total += lanes.lanes.count_ones();
                }
            }
        }
        for warp in warps {
            for lanes in parked(warp) {
                if let BarrierKind::Reduce { operation, target, .. } = program.barriers[lanes.site as usize].kind {
                    let value = operation.result(count, total);
                    let register = warp.registers.get_mut(target);
                    (0..LANES).filter(|lane| lanes.lanes >> lane & 1 == 1).for_each(|lane| register[lane] = value);
                }
            }
        }
    }

    /// Nobody can go on.
    pub(super) fn deadlock(&mut self, warps: &mut [Warp]) {
        let program = self.context.program;
        let waiting: u32 = warps.iter().flat_map(|warp| &warp.parked).map(|parked| parked.lanes.count_ones()).sum();
        let place = warps.iter().find_map(|warp| Some((warp.index, *warp.parked.first()?)));
        let Some((index, parked)) = place else {
            self.aborted = true;
            return;
        };
        let position = program.barriers[parked.site as usize].position;
        let warp = &warps[index as usize];
        self.note(FindingKind::Deadlock, warp, parked.lanes, position, None, || {
            format!(
                "{waiting} threads wait at barriers, this one at barrier {}, which nobody else will reach",
                parked.barrier
            )
        });
        self.aborted = true;
    }
}
