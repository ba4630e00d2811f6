//! The problems that the suite poses.

use super::random::Random;
use crate::Attention;

/// How the inputs are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// From −1 to 1.
    Unit,
    /// Scores beyond ±10⁴, where a softmax that does not subtract the maximum overflows. They are whole numbers times the scale,
    /// so every dot product is exact in f32 in any order; the scale is not a power of two, so that each score is rounded once. Keys
    /// come in pairs with nearly the same scores: otherwise the largest would take all the weight, and hide every error. The keys of
    /// a pair differ where queries are 0, so that gradients do not cancel.
    LargeScores,
}

/// A problem, and how its inputs are filled.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The problem.
    pub problem: Attention,
    /// The inputs.
    pub inputs: Inputs,
}

impl Case {
    /// Entries of all its matrices of scores.
    #[must_use]
    pub fn scores(&self) -> usize {
        let Attention { batch, heads, queries, keys, .. } = self.problem;
        batch * heads * queries * keys
    }
}

/// One head of `queries` × `keys`.
const fn one_head(queries: usize, keys: usize, head_dim: usize, causal: bool) -> Attention {
    Attention { batch: 1, heads: 1, kv_heads: 1, queries, keys, head_dim, causal, scale: None, key_capacity: None }
}

/// The same for more batch entries, the more the smaller it is: the bound compares two largest errors, which says little of a
/// handful of numbers.
fn repeated(problem: Attention) -> Attention {
    let smallest = problem.queries.min(problem.keys).min(problem.head_dim);
    Attention { batch: 1 + 32 / smallest, ..problem }
}

/// Around the tiles' edges.
const LENGTHS: [usize; 8] = [1, 2, 63, 64, 65, 127, 128, 129];
/// The head sizes of the flash-attention project's tests (32 … 256 with 40, 59, 111), and those below and around vectors.
const HEAD_DIMS: [usize; 22] =
    [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 40, 59, 64, 80, 96, 111, 127, 128, 160, 192, 256];
/// The lengths of the flash-attention project's tests, and some where a causal mask hides whole rows.
const RECTANGLES: [(usize, usize); 10] =
    [(113, 203), (203, 113), (1, 257), (257, 1), (2, 1), (65, 64), (64, 65), (300, 70), (1023, 1024), (2048, 2048)];

/// Every problem of the suite that does not depend on its seed.
pub fn fixed() -> Vec<Case> {
    let mut problems = Vec::new();
    for causal in [false, true] {
        problems.extend(
            LENGTHS.map(|length| repeated(Attention { heads: 2, kv_heads: 2, ..one_head(length, length, 64, causal) })),
        );
        problems.extend(HEAD_DIMS.map(|head_dim| repeated(one_head(33, 65, head_dim, causal))));
        problems.extend(RECTANGLES.map(|(queries, keys)| repeated(one_head(queries, keys, 64, causal))));
        // Grouped and shared key/value heads; no queries, no keys, nothing at all.
        let grouped = one_head(37, 41, 24, causal);
        problems.push(Attention { batch: 2, heads: 6, kv_heads: 2, ..grouped });
        problems.push(Attention { batch: 3, heads: 4, kv_heads: 1, ..grouped });
        problems.push(Attention { queries: 0, ..grouped });
        problems.push(Attention { keys: 0, ..grouped });
        problems.push(Attention { batch: 0, ..grouped });
        // A scale of one's own; a negative one turns the order of the scores around.
        problems.extend([0.0, 1.0, -0.5].map(|scale| Attention { scale: Some(scale), ..grouped }));
        // Decoding: a cache that is not full, one query and several.
        let cache =
            Attention { batch: 2, heads: 4, kv_heads: 2, key_capacity: Some(96), ..one_head(1, 75, 64, causal) };
        problems.extend([1, 5].map(|queries| Attention { queries, ..cache }));
        problems.push(Attention { keys: 0, ..cache });
    }
    let unit = problems.into_iter().map(|problem| Case { problem, inputs: Inputs::Unit });
    let large = [(70, 130, 59, false), (129, 129, 63, true), (130, 100, 33, true), (200, 64, 200, false)];
    let large = large.map(|(queries, keys, head_dim, causal)| Case {
        problem: one_head(queries, keys, head_dim, causal),
        inputs: Inputs::LargeScores,
    });
    unit.chain(large).collect()
}

/// A problem drawn at random.
pub(super) fn drawn(random: &mut Random) -> Case {
    let kv_heads = random.within(1..=3);
    let (keys, head_dim) = (random.within(5..=150), random.within(3..=256));
    let problem = Attention {
        batch: random.within(2..=3),
        heads: kv_heads * random.within(1..=3),
        kv_heads,
        queries: random.within(5..=150),
        keys,
        head_dim,
        causal: random.coin(),
        scale: random.coin().then(|| 2.0 * random.unit() / (head_dim as f32).sqrt()),
        key_capacity: random.coin().then(|| keys + random.within(0..=40)),
    };
    Case { problem, inputs: Inputs::Unit }
}

impl Inputs {
    /// What the bound's factors are multiplied by.
    pub(super) fn slack(self) -> f64 {
        match self {
            Self::Unit => 1.0,
            Self::LargeScores => 2.0,
        }
    }

    /// `queries` and `keys`, filled.
    pub(super) fn draw(self, random: &mut Random, queries: &mut [f32], keys: &mut [f32], head_dim: usize) {
        for element in queries.iter_mut().chain(&mut *keys) {
            *element = match self {
                Self::Unit => random.unit(),
                Self::LargeScores => (random.unit() * 180.0).round(),
            };
        }
        if self == Self::LargeScores {
            let half = head_dim / 2;
            for query in queries.chunks_exact_mut(head_dim) {
                query[0] = (random.unit() * 8.0).round();
                query[half..].fill(0.0);
            }
            for pair in keys.chunks_exact_mut(2 * head_dim) {
                let (first, second) = pair.split_at_mut(head_dim);
                second[..half].copy_from_slice(&first[..half]);
                second[0] += 1.0;
            }
        }
    }
}
