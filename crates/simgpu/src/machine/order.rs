//! Who is ordered after whom: vector clocks [Mattern, "Virtual time and global states of distributed systems", 1989].
//!
//! The plain version: thread `a` knows, for every thread `b`, the time up to which everything that `b` did happened before
//! what `a` does now. A barrier gives each of those that take part the most that any of them knows. Here:
//! 1. Time is the block's count of barriers, so that a number is enough for all that happens between two of them.
//! 2. One such table is for the warps of a block, and one, for the barriers of a warp (`bar.warp.sync`), for its lanes.
//! 3. As long as every barrier was one of all, all knowledge is one number, and the table is not looked at.

/// Threads or warps in a table.
const SIZE: usize = 32;

/// What each member of a group knows of the others.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Everybody knows of everybody what happened before this time.
    all: u32,
    /// Whether `pairs` says more than `all`.
    partial: bool,
    /// `pairs[a][b]`: what a knows of b.
    pairs: Option<Box<[Knowledge; SIZE]>>,
}

/// For each member, the time before which everything it did is known.
pub(super) type Knowledge = [u32; SIZE];

impl Order {
    /// All members have met.
    pub(super) fn join_all(&mut self, now: u32) {
        self.all = now;
        self.partial = false;
    }

    /// These members have met, and learn what those who have only left a message knew.
    pub(super) fn join(&mut self, members: u32, message: &Knowledge, now: u32) {
        let is_member = |member: usize| members >> member & 1 == 1;
        let mut joint = *message;
        for member in (0..SIZE).filter(|&member| is_member(member)) {
            let known = self.knowledge(member);
            joint.iter_mut().zip(known).for_each(|(joint, known)| *joint = known.max(*joint));
        }
        (0..SIZE).filter(|&member| is_member(member)).for_each(|member| joint[member] = now);
        let all = self.all;
        let pairs = self.pairs.get_or_insert_with(|| Box::new([[0; SIZE]; SIZE]));
        if !std::mem::replace(&mut self.partial, true) {
            pairs.fill([all; SIZE]);
        }
        (0..SIZE).filter(|&member| is_member(member)).for_each(|member| pairs[member] = joint);
    }

    /// What a member could tell: all that it knows, and what it did before now.
    pub(super) fn message(&self, member: usize, now: u32) -> Knowledge {
        let mut message = self.knowledge(member);
        message[member] = now;
        message
    }

    fn knowledge(&self, member: usize) -> Knowledge {
        match &self.pairs {
            Some(pairs) if self.partial => pairs[member],
            _ => [self.all; SIZE],
        }
    }

    /// What everybody knows of everybody.
    #[inline(always)]
    pub(super) fn least(&self) -> u32 {
        self.all
    }

    /// The time before which everything that `other` did is ordered before what `me` does now.
    #[inline(always)]
    pub(super) fn after(&self, me: usize, other: usize) -> u32 {
        if self.partial { self.pair(me, other) } else { self.all }
    }

    #[cold]
    fn pair(&self, me: usize, other: usize) -> u32 {
        self.knowledge(me)[other]
    }

    /// The most that `me` knows of any of the others.
    #[inline(always)]
    pub(super) fn most(&self, me: usize, others: u32) -> u32 {
        if !self.partial {
            return self.all;
        }
        let known = self.knowledge(me);
        (0..SIZE).filter(|&other| others >> other & 1 == 1).map(|other| known[other]).max().unwrap_or(self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_who_met_know_of_each_other() {
        let mut order = Order::default();
        order.join_all(1);
        order.join(0b0011, &[0; SIZE], 5);
        assert_eq!((order.after(0, 1), order.after(1, 0)), (5, 5));
        assert_eq!((order.after(2, 0), order.after(0, 2)), (1, 1));
        // 1 meets 2 and brings what it knows of 0; 0 learns nothing of 2.
        order.join(0b0110, &[0; SIZE], 7);
        assert_eq!((order.after(2, 0), order.after(2, 1), order.after(0, 2)), (5, 7, 1));
        assert_eq!((order.least(), order.most(2, 0b1011)), (1, 7));
        order.join_all(9);
        assert_eq!((order.after(0, 2), order.most(0, u32::MAX)), (9, 9));
        // What was known before all met is not taken for what is known since.
        order.join(0b1100, &[0; SIZE], 11);
        assert_eq!((order.after(0, 1), order.after(2, 3), order.after(2, 0)), (9, 11, 9));
    }

    #[test]
    fn a_message_is_read_by_those_who_wait_for_it() {
        let mut order = Order::default();
        let message = order.message(3, 4);
        order.join(0b0001, &message, 6);
        assert_eq!((order.after(0, 3), order.after(3, 0)), (4, 0));
    }
}
