//! Flash attention, forward: one tile of keys for one block of queries.
//!
//! The plain version, for one query with running maximum m, sum l and output o, all of them in powers of 2:
//!
//! ```text
//! s[j] = factor · q·k[j]                            factor = scale · log₂e, so that exp(scale·q·k) = 2^s
//! m' = max(m, max s)
//! o, l = 2^(m − m') · o, 2^(m − m') · l             what was summed up so far, relative to the new maximum
//! p[j] = 2^(s[j] − m')
//! l += Σ p;  o += Σ p[j] · v[j]
//! ```
//!
//! What changes here, and why:
//! 1. **A lane a query.** Sᵀ = K·Qᵀ has a row a key and a lane a query: maxima, sums and masks are vertical, and nothing
//!    is ever reduced across lanes. Qᵀ is made once a block; K and V are read where they lie.
//! 2. **Exponentials in registers.** Six keys' scores go from the product straight through the exponential; what is
//!    stored is p, once, into a tile that stays in the first-level cache.
//! 3. **m need not be the maximum.** Any reference does that keeps 2^(s − m) in range, f32 being floating. So the maximum is not
//!    looked for: sums that exceed [`LIMIT`] show that it has been passed by more than log₂ of that; only then is it taken anew, and what
//!    was summed up rescaled (`raise`). As in FlashAttention-4's conditional rescaling, but seen from the sums.
//! 4. Sums are taken over a tile first and then added to what is there: the error grows with their number, not with the keys'.
//!
//! (Milakov and Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135; Dao 2023, arXiv:2307.08691.)
#![allow(unsafe_code)]

use super::product::{Left, ROWS_MAX, Right, add_product, product};
use super::vector::Vector;

/// The largest sum of the exponentials of up to six keys that leaves the reference where it is.
const LIMIT: f32 = 256.0;
/// The reference before any score is known. Everything is far above it; it is finite, so that differences are numbers.
pub(crate) const NO_MAX: f32 = -1.0e38;

/// One tile of keys and values, and one block of queries with what has been summed up for them. Checked by
/// [`ForwardTile::check`].
pub(crate) struct ForwardTile<'a> {
    /// Columns of q, k and v.
    pub(crate) head_dim: usize,
    /// The tile's keys and values, `[keys, head_dim]`.
    pub(crate) k: &'a [f32],
    pub(crate) v: &'a [f32],
    /// What scores are multiplied by, times log₂e.
    pub(crate) factor: f32,
    /// How many of the tile's keys each lane sees; `None`: all.
    pub(crate) seen: Option<&'a [f32]>,
    /// Qᵀ, `[head_dim, lanes]`.
    pub(crate) q_t: &'a [f32],
    /// Oᵀ, `[head_dim, lanes]`.
    pub(crate) out_t: &'a mut [f32],
    /// The negated reference and the sum relative to it, a lane each.
    pub(crate) negative_max: &'a mut [f32],
    pub(crate) sum: &'a mut [f32],
    /// Scratch: Pᵀ, `[keys, lanes]`.
    pub(crate) p_t: &'a mut [f32],
}

impl ForwardTile<'_> {
    /// Panics unless every slice is as long as `lanes` queries make it.
    pub(super) fn check(&self, lanes: usize) {
        let keys = self.k.len() / self.head_dim;
        assert!(self.k.len() == keys * self.head_dim && self.v.len() == self.k.len());
        assert!(self.q_t.len() == self.head_dim * lanes && self.out_t.len() == self.q_t.len());
        assert!(self.negative_max.len() == lanes && self.sum.len() == lanes && self.p_t.len() >= keys * lanes);
        assert!(self.seen.is_none_or(|seen| seen.len() == lanes));
    }
}

/// The pointers of a tile.
struct Pointers {
    head_dim: usize,
    keys: usize,
    k: *const f32,
    q_t: *const f32,
    out_t: *mut f32,
    negative_max: *mut f32,
    sum: *mut f32,
    p_t: *mut f32,
    seen: *const f32,
    factor: f32,
}

/// One tile: scores, exponentials, sums, output.
///
/// # Safety
/// Compiled for V's set; `tile.check(W·LANES)` has passed.
#[inline(always)]
pub(super) unsafe fn forward_tile<V: Vector, const W: usize>(tile: &mut ForwardTile<'_>) {
    let (head_dim, keys, lanes) = (tile.head_dim, tile.k.len() / tile.head_dim, W * V::LANES);
    let pointers = Pointers {
        head_dim,
        keys,
        k: tile.k.as_ptr(),
        q_t: tile.q_t.as_ptr(),
        out_t: tile.out_t.as_mut_ptr(),
        negative_max: tile.negative_max.as_mut_ptr(),
        sum: tile.sum.as_mut_ptr(),
        p_t: tile.p_t.as_mut_ptr(),
        seen: tile.seen.map_or(std::ptr::null(), <[f32]>::as_ptr),
        factor: tile.factor,
    };
    // SAFETY: check() has passed: the pointers reach `keys` keys, `head_dim` columns and `lanes` lanes.
    unsafe {
        if tile.seen.is_some() {
            weights::<V, W, true>(&pointers);
        } else {
            weights::<V, W, false>(&pointers);
        }
        // Oᵀ += Vᵀ·Pᵀ.
        let values = Left { at: tile.v.as_ptr(), row: 1, step: head_dim };
        let p_t = Right { at: pointers.p_t, step: lanes };
        add_product::<V, W, false>((head_dim, keys), values, p_t, (pointers.out_t, lanes), V::mask(V::LANES));
    }
}

/// Pᵀ of the whole tile, and the sums.
///
/// # Safety
/// As [`forward_tile`]; `seen` may be read if `MASKED`.
#[inline(always)]
unsafe fn weights<V: Vector, const W: usize, const MASKED: bool>(tile: &Pointers) {
    let mut key = 0;
    // SAFETY: the groups end at the tile's last key; `sum` holds W vectors.
    unsafe {
        let mut sums = [V::zero(); W];
        while key < tile.keys {
            let step = (tile.keys - key).min(ROWS_MAX);
            match step {
                1 => group::<V, 1, W, MASKED>(tile, key, &mut sums),
                2 => group::<V, 2, W, MASKED>(tile, key, &mut sums),
                3 => group::<V, 3, W, MASKED>(tile, key, &mut sums),
                4 => group::<V, 4, W, MASKED>(tile, key, &mut sums),
                5 => group::<V, 5, W, MASKED>(tile, key, &mut sums),
                _ => group::<V, ROWS_MAX, W, MASKED>(tile, key, &mut sums),
            }
            key += step;
        }
        for (v, &sum) in sums.iter().enumerate() {
            let to = tile.sum.add(v * V::LANES);
            V::store(to, V::add(V::load(to), sum));
        }
    }
}

/// Pᵀ of `ROWS` keys from `key` on. `sums` are the tile's so far.
///
/// # Safety
/// As [`weights`], and the keys are in the tile.
#[inline(always)]
unsafe fn group<V: Vector, const ROWS: usize, const W: usize, const MASKED: bool>(
    tile: &Pointers,
    key: usize,
    sums: &mut [V::Register; W],
) {
    // SAFETY: the caller's.
    unsafe {
        let added = exponentials::<V, ROWS, W, MASKED>(tile, key);
        let limit = V::splat(LIMIT);
        let mut within = true;
        for &added in &added {
            within &= V::all_at_most(added, limit);
        }
        let added = if within { added } else { raised::<V, ROWS, W, MASKED>(tile, key, sums) };
        for (sum, added) in sums.iter_mut().zip(added) {
            *sum = V::add(*sum, added);
        }
    }
}

/// Calculates and stores 2^(s − m) of `ROWS` keys, and gives their sums.
///
/// # Safety
/// As [`group`].
#[inline(always)]
unsafe fn exponentials<V: Vector, const ROWS: usize, const W: usize, const MASKED: bool>(
    tile: &Pointers,
    key: usize,
) -> [V::Register; W] {
    // SAFETY: the caller's.
    unsafe {
        let scores = scores::<V, ROWS, W>(tile, key);
        let factor = V::splat(tile.factor);
        let mut sums = [V::zero(); W];
        for (i, scores) in scores.iter().enumerate() {
            for (v, (&score, sum)) in scores.iter().zip(&mut sums).enumerate() {
                let p = V::exp2(V::fma(score, factor, V::load(tile.negative_max.add(v * V::LANES))));
                let p = if MASKED { unless_hidden::<V>(tile, key + i, v, p, V::zero()) } else { p };
                *sum = V::add(*sum, p);
                V::store(tile.p_t.add(((key + i) * W + v) * V::LANES), p);
            }
        }
        sums
    }
}

/// `x`, but `hidden` in the lanes that do not see the key.
///
/// # Safety
/// As [`group`], with `MASKED`.
#[inline(always)]
unsafe fn unless_hidden<V: Vector>(
    tile: &Pointers,
    key: usize,
    v: usize,
    x: V::Register,
    hidden: V::Register,
) -> V::Register {
    // SAFETY: the caller's.
    unsafe { V::select_less(V::splat(key as f32), V::load(tile.seen.add(v * V::LANES)), x, hidden) }
}

/// K·Qᵀ for `ROWS` keys.
///
/// # Safety
/// As [`group`].
#[inline(always)]
unsafe fn scores<V: Vector, const ROWS: usize, const W: usize>(
    tile: &Pointers,
    key: usize,
) -> [[V::Register; W]; ROWS] {
    // SAFETY: the caller's.
    unsafe {
        let keys = Left { at: tile.k.add(key * tile.head_dim), row: tile.head_dim, step: 1 };
        product::<V, ROWS, W>(tile.head_dim, keys, Right { at: tile.q_t, step: W * V::LANES })
    }
}

/// The reference becomes the maximum with these keys; what was summed up before is made relative to it, and the keys' sums are given.
///
/// # Safety
/// As [`group`].
#[inline(always)]
unsafe fn raised<V: Vector, const ROWS: usize, const W: usize, const MASKED: bool>(
    tile: &Pointers,
    key: usize,
    sums: &mut [V::Register; W],
) -> [V::Register; W] {
    // SAFETY: the caller's; before `key` Pᵀ has been stored.
    unsafe {
        let scores = scores::<V, ROWS, W>(tile, key);
        for (v, tile_sum) in sums.iter_mut().enumerate() {
            let at = v * V::LANES;
            let negative = V::load(tile.negative_max.add(at));
            let mut max = V::sub(V::zero(), negative);
            for (i, scores) in scores.iter().enumerate() {
                let score = V::mul(scores[v], V::splat(tile.factor));
                let score = if MASKED { unless_hidden::<V>(tile, key + i, v, score, max) } else { score };
                max = V::max(score, max);
            }
            let kept = V::exp2(V::sub(V::sub(V::zero(), negative), max));
            V::store(tile.negative_max.add(at), V::sub(V::zero(), max));
            *tile_sum = V::mul(*tile_sum, kept);
            scale::<V>(tile.sum.add(at), kept);
            for row in 0..key {
                scale::<V>(tile.p_t.add(row * W * V::LANES + at), kept);
            }
            for row in 0..tile.head_dim {
                scale::<V>(tile.out_t.add(row * W * V::LANES + at), kept);
            }
        }
        exponentials::<V, ROWS, W, MASKED>(tile, key)
    }
}

/// # Safety
/// Compiled for V's set; a vector may be read and written at `at`.
#[inline(always)]
unsafe fn scale<V: Vector>(at: *mut f32, factor: V::Register) {
    // SAFETY: the caller's.
    unsafe { V::store(at, V::mul(V::load(at), factor)) }
}
