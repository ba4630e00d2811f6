//! Throwing many darts: whole blocks to the vector kernels, pieces of the range to the threads.

use rayon::prelude::*;

use super::is_inside;
use crate::simd::{Isa, inside_of_blocks};
use crate::{Error, Estimate, Team, Threads};

/// Darts of a piece that a thread takes: about half a millisecond.
const PIECE: u64 = 1 << 20;

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Darts {
    /// Darts in the quarter circle.
    pub inside: u64,
    /// Darts thrown.
    pub total: u64,
}

impl Darts {
    /// 4 · inside / total, with the standard error of a proportion: 1.642/√total.
    ///
    /// Where every dart is on one side, as happens to few darts, the spread that they show is 0 and would make for an error bar
    /// of no length. The proportion in the error bar, not in the mean, is therefore Laplace's (inside + 1) / (total + 2).
    ///
    /// # Errors
    /// [`Error::TooFewSamples`] for fewer than two darts.
    pub fn estimate(&self) -> Result<Estimate, Error> {
        if self.total < 2 {
            return Err(Error::TooFewSamples { method: "darts", samples: self.total, needed: 2 });
        }
        let (inside, total) = (self.inside as f64, self.total as f64);
        let spread = if self.inside == 0 || self.inside == self.total {
            let smoothed = (inside + 1.0) / (total + 2.0);
            smoothed * (1.0 - smoothed)
        } else {
            inside / total * (1.0 - inside / total)
        };
        // The sum of squares about the mean of values that are 4 or 0.
        Ok(Estimate::of_equal_units(self.total, 4.0 * inside / total, 16.0 * spread * total, 1))
    }

    /// Both counts together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self { inside: self.inside + other.inside, total: self.total + other.total }
    }
}

/// Throws the first `samples` darts of `seed` on all threads, with the best instructions that this processor has.
///
/// The count is a function of (`samples`, `seed`) alone: see [the definition](crate::pi).
///
/// ```
/// let darts = montecarlo::pi::darts(1_000_000, 42);
/// let pi = darts.estimate()?;
/// assert!((pi.mean - std::f64::consts::PI).abs() < 3.0 * pi.std_error);
/// assert_eq!(darts.inside, 785_475); // on any machine
/// # Ok::<(), montecarlo::Error>(())
/// ```
#[must_use]
pub fn darts(samples: u64, seed: u64) -> Darts {
    Darts { inside: inside(Isa::best(), Threads::All, 0, samples, seed), total: samples }
}

/// How to throw: the options of [`darts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Throw {
    /// Chooses the darts.
    pub seed: u64,
    /// The instructions to use, the best there are if `None`. Any that the processor has may be forced: they count the same.
    pub isa: Option<Isa>,
    /// How many threads share the work.
    pub threads: Threads,
}

impl Throw {
    /// Throws darts number `first` to `first + samples` − 1.
    ///
    /// # Errors
    /// [`Error::IsaUnavailable`]; [`Error::PastTheLastDart`] if `first + samples` is 2⁶⁴ or more.
    ///
    /// ```
    /// use montecarlo::Isa;
    /// use montecarlo::pi::{Throw, darts};
    ///
    /// let portable = Throw { seed: 42, isa: Some(Isa::Portable), ..Throw::default() };
    /// let halves = portable.darts(0, 500_001)?.merge(portable.darts(500_001, 499_999)?);
    /// assert_eq!(halves, darts(1_000_000, 42));
    /// # Ok::<(), montecarlo::Error>(())
    /// ```
    pub fn darts(&self, first: u64, samples: u64) -> Result<Darts, Error> {
        let isa = Isa::choose(self.isa)?;
        if first.checked_add(samples).is_none() {
            return Err(Error::PastTheLastDart { first, samples });
        }
        Ok(Darts { inside: inside(isa, self.threads, first, samples, self.seed), total: samples })
    }

    /// The first `samples` darts, shared by the ranks of a team: each throws a part of the range, all get the sum.
    ///
    /// # Errors
    /// As [`darts`](Self::darts); [`Error::OtherRank`] where another rank lacks the instructions.
    pub fn darts_on(&self, team: &dyn Team, samples: u64) -> Result<Darts, Error> {
        let at = |rank: usize| (u128::from(samples) * rank as u128 / team.size() as u128) as u64;
        let (first, end) = (at(team.rank()), at(team.rank() + 1));
        let mine = self.darts(first, end - first);
        // Whether all can throw comes first, or the others would wait for ever for one that cannot.
        let fine = team.gather(&[f64::from(u8::from(mine.is_ok()))], &vec![1; team.size()]);
        let mine = mine?.inside;
        if let Some(rank) = fine.iter().position(|&fine| fine != 1.0) {
            return Err(Error::OtherRank { rank });
        }
        // A 64-bit count as two numbers that f64 has exactly.
        let halves = [(mine >> 32) as f64, (mine & 0xffff_ffff) as f64];
        let all = team.gather(&halves, &vec![2; team.size()]);
        let inside = all.chunks_exact(2).map(|halves| ((halves[0] as u64) << 32) + halves[1] as u64).sum();
        Ok(Darts { inside, total: samples })
    }
}

fn inside(isa: Isa, threads: Threads, first: u64, samples: u64, seed: u64) -> u64 {
    let end = first + samples;
    let one_by_one = |from: u64, to: u64| (from..to).filter(|&dart| is_inside(seed, dart)).count() as u64;
    // Whole blocks of four, and up to three darts before and behind them.
    let (first_block, end_block) = (first.div_ceil(4), end / 4);
    if first_block >= end_block {
        return one_by_one(first, end);
    }
    let of_pieces = |pieces: u64, length: u64| {
        let piece = |index: u64| {
            let from = first_block + index * length;
            inside_of_blocks(isa, from, length.min(end_block - from), seed)
        };
        if pieces == 1 { piece(0) } else { (0..pieces).into_par_iter().map(piece).sum() }
    };
    let blocks = end_block - first_block;
    let length = match threads {
        Threads::All => PIECE / 4,
        Threads::Count(count) => blocks.div_ceil(count.max(1) as u64),
    };
    let whole = of_pieces(blocks.div_ceil(length), length);
    one_by_one(first, 4 * first_block) + whole + one_by_one(4 * end_block, end)
}
