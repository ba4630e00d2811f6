//! Flash attention, backward: one tile of keys for one block of queries.
//!
//! The plain version, for one query with gradient dO, logarithm L of the sum of exponentials, and D = dO·O:
//!
//! ```text
//! p[j] = exp(scale · q·k[j] − L)                    again, from what the forward pass saved
//! dv[j] += p[j] · dO
//! ds[j] = scale · p[j] · (dO·v[j] − D)              softmax's Jacobian, applied
//! dq += Σ ds[j] · k[j]
//! dk[j] += ds[j] · q
//! ```
//!
//! What changes here is what changes in `forward.rs`: Sᵀ and dPᵀ have a lane a query, so that L and D are vectors and the first
//! factor of all five products is read where it lies. dK and dV have a lane a column: they need Q and dO row by row as well.
//!
//! (Dao et al. 2022, arXiv:2205.14135, appendix B.4.)
#![allow(unsafe_code)]

use super::product::{Left, ROWS_MAX, Right, add_columns, add_product, product};
use super::vector::Vector;

/// One tile of keys and values, and one block of queries. Checked by [`BackwardTile::check`].
pub(crate) struct BackwardTile<'a> {
    /// Columns of q, k and v.
    pub(crate) head_dim: usize,
    /// The tile's keys and values, `[keys, head_dim]`.
    pub(crate) k: &'a [f32],
    pub(crate) v: &'a [f32],
    /// What scores are multiplied by.
    pub(crate) scale: f32,
    /// How many of the tile's keys each lane sees; `None`: all.
    pub(crate) seen: Option<&'a [f32]>,
    /// Qᵀ and dOᵀ, `[head_dim, lanes]`.
    pub(crate) q_t: &'a [f32],
    pub(crate) d_out_t: &'a [f32],
    /// −L (−∞ where the row sees nothing) and D; a lane each.
    pub(crate) negative_log_sum_exp: &'a [f32],
    pub(crate) row_sum: &'a [f32],
    /// dQᵀ, `[head_dim, lanes]`, if asked for.
    pub(crate) d_q_t: Option<&'a mut [f32]>,
    /// dK and dV, if asked for.
    pub(crate) keys: Option<KeyGradients<'a>>,
    /// Scratch: Pᵀ and dSᵀ, `[keys, lanes]`.
    pub(crate) p_t: &'a mut [f32],
    pub(crate) d_s_t: &'a mut [f32],
}

/// The gradients of a tile's keys and values, and what they are sums of.
pub(crate) struct KeyGradients<'a> {
    /// Q and dO, `[rows, head_dim]`.
    pub(crate) q: &'a [f32],
    pub(crate) d_out: &'a [f32],
    /// `[keys, head_dim]`.
    pub(crate) d_k: &'a mut [f32],
    pub(crate) d_v: &'a mut [f32],
}

impl BackwardTile<'_> {
    /// Panics unless every slice is as long as `lanes` queries make it.
    pub(super) fn check(&self, lanes: usize) {
        let keys = self.k.len() / self.head_dim;
        let (matrix, tile) = (self.head_dim * lanes, keys * lanes);
        assert!(self.k.len() == keys * self.head_dim && self.v.len() == self.k.len());
        assert!(self.q_t.len() == matrix && self.d_out_t.len() == matrix);
        assert!(self.d_q_t.as_ref().is_none_or(|d_q_t| d_q_t.len() == matrix));
        assert!(self.negative_log_sum_exp.len() == lanes && self.row_sum.len() == lanes);
        assert!(self.p_t.len() >= tile && self.d_s_t.len() >= tile);
        assert!(self.seen.is_none_or(|seen| seen.len() == lanes));
        if let Some(keys) = &self.keys {
            assert!(keys.q.len() <= matrix && keys.q.len() % self.head_dim == 0 && keys.d_out.len() == keys.q.len());
            assert!(keys.d_k.len() == self.k.len() && keys.d_v.len() == self.k.len());
        }
    }
}

/// One tile: probabilities, and whichever gradients are asked for. `WIDE` is the most vectors of columns at a time.
///
/// # Safety
/// Compiled for V's set; `tile.check(W·LANES)` has passed.
#[inline(always)]
pub(super) unsafe fn backward_tile<V: Vector, const W: usize, const WIDE: usize>(tile: &mut BackwardTile<'_>) {
    let (head_dim, lanes) = (tile.head_dim, W * V::LANES);
    let keys = tile.k.len() / head_dim;
    // SAFETY: check() has passed: what is reached ends with `keys` keys, `head_dim` columns, `lanes` lanes and `rows` rows.
    unsafe {
        if tile.seen.is_some() {
            scores::<V, W, true>(tile, keys);
        } else {
            scores::<V, W, false>(tile, keys);
        }
        if let Some(gradients) = &mut tile.keys {
            let size = (keys, gradients.q.len() / head_dim);
            let sums = [
                (tile.p_t.as_ptr(), gradients.d_out.as_ptr(), gradients.d_v.as_mut_ptr()),
                (tile.d_s_t.as_ptr(), gradients.q.as_ptr(), gradients.d_k.as_mut_ptr()),
            ];
            for (at, rows, to) in sums {
                let weights = Left { at, row: lanes, step: 1 };
                add_columns::<V, WIDE>(size, weights, Right { at: rows, step: head_dim }, (to, head_dim));
            }
        }
        if let Some(d_q_t) = &mut tile.d_q_t {
            let keys_t = Left { at: tile.k.as_ptr(), row: 1, step: head_dim };
            let d_s_t = Right { at: tile.d_s_t.as_ptr(), step: lanes };
            let to = (d_q_t.as_mut_ptr(), lanes);
            add_product::<V, W, false>((head_dim, keys), keys_t, d_s_t, to, V::mask(V::LANES));
        }
    }
}

/// Pᵀ and dSᵀ of the whole tile.
///
/// # Safety
/// As [`backward_tile`].
#[inline(always)]
unsafe fn scores<V: Vector, const W: usize, const MASKED: bool>(tile: &mut BackwardTile<'_>, keys: usize) {
    let mut key = 0;
    while key < keys {
        let step = (keys - key).min(ROWS_MAX);
        // SAFETY: the groups end at the tile's last key.
        unsafe {
            match step {
                1 => group::<V, 1, W, MASKED>(tile, key),
                2 => group::<V, 2, W, MASKED>(tile, key),
                3 => group::<V, 3, W, MASKED>(tile, key),
                4 => group::<V, 4, W, MASKED>(tile, key),
                5 => group::<V, 5, W, MASKED>(tile, key),
                _ => group::<V, ROWS_MAX, W, MASKED>(tile, key),
            }
        }
        key += step;
    }
}

/// Pᵀ and dSᵀ of `ROWS` keys from `key` on.
///
/// # Safety
/// As [`scores`], and the keys are in the tile.
#[inline(always)]
unsafe fn group<V: Vector, const ROWS: usize, const W: usize, const MASKED: bool>(
    tile: &mut BackwardTile<'_>,
    key: usize,
) {
    let (head_dim, lanes) = (tile.head_dim, W * V::LANES);
    let (p_t, d_s_t) = (tile.p_t.as_mut_ptr(), tile.d_s_t.as_mut_ptr());
    let seen = tile.seen.map_or(std::ptr::null(), <[f32]>::as_ptr);
    let (negative, row_sum) = (tile.negative_log_sum_exp.as_ptr(), tile.row_sum.as_ptr());
    // SAFETY: the caller's; `seen` is there if MASKED.
    unsafe {
        let keys = Left { at: tile.k.as_ptr().add(key * head_dim), row: head_dim, step: 1 };
        let values = Left { at: tile.v.as_ptr().add(key * head_dim), ..keys };
        let (scale, log2_e) = (V::splat(tile.scale), V::splat(std::f32::consts::LOG2_E));
        let scores = product::<V, ROWS, W>(head_dim, keys, Right { at: tile.q_t.as_ptr(), step: lanes });
        for (i, scores) in scores.iter().enumerate() {
            for (v, &score) in scores.iter().enumerate() {
                let at = v * V::LANES;
                // The difference first, rounded once; it is small where p is not.
                let difference = V::fma(score, scale, V::load(negative.add(at)));
                let p = V::exp2(V::mul(difference, log2_e));
                let p = if MASKED {
                    V::select_less(V::splat((key + i) as f32), V::load(seen.add(at)), p, V::zero())
                } else {
                    p
                };
                V::store(p_t.add((key + i) * lanes + at), p);
            }
        }
        let d_p = product::<V, ROWS, W>(head_dim, values, Right { at: tile.d_out_t.as_ptr(), step: lanes });
        for (i, d_p) in d_p.iter().enumerate() {
            for (v, &d_p) in d_p.iter().enumerate() {
                let at = v * V::LANES;
                let p = V::mul(V::load(p_t.add((key + i) * lanes + at)), scale);
                V::store(d_s_t.add((key + i) * lanes + at), V::mul(p, V::sub(d_p, V::load(row_sum.add(at)))));
            }
        }
    }
}
