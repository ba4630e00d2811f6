//! Attention of four heads of four numbers each, over one document.
//!
//! A row is 4 heads × 4 numbers. The plain version takes the dot product of a query and a key in each head: a product
//! and a horizontal sum a pair. What changes here:
//! 1. Keys go four at a time. Their rows are transposed within each head, once a document, so that lane (head, j) of
//!    register d is number d of key j; four products with the query's numbers, each spread over its group, then give 4
//!    heads × 4 keys of scores without any horizontal sum.
//! 2. So softmax, too, has 16 scores in each register, and a query of a short name has one to three registers of them.
//! 3. Backward goes block of keys by block of keys: what four keys and values gain from all queries stays in registers.

use super::lanes::{Isa, Lanes, Row, array, exp};

/// 1/√head_dim
pub(super) const SCALE: f32 = 0.5;

/// What is added to the scores of the keys from lane `query % 4 + 1` on, in the block that the query is in.
pub(super) const CAUSAL: [Row; 4] = {
    let mut bias = [Row([0.0; 16]); 4];
    let mut query = 0;
    while query < 4 {
        let mut lane = 0;
        while lane < 16 {
            if lane % 4 > query {
                bias[query].0[lane] = f32::NEG_INFINITY;
            }
            lane += 1;
        }
        query += 1;
    }
    bias
};

/// Four rows, transposed within each head.
#[inline(always)]
fn transposed<I: Isa>(isa: I, rows: &[Row; 4]) -> [I::V; 4] {
    I::V::transpose(array(isa.splat(0.0), |j| isa.load(&rows[j])))
}

#[inline(always)]
fn spread<I: Isa>(x: I::V) -> [I::V; 4] {
    [x.lane::<0>(), x.lane::<1>(), x.lane::<2>(), x.lane::<3>()]
}

/// x₀·y₀ + … + x₃·y₃ + start, in two chains.
#[inline(always)]
fn dot4<I: Isa>(x: [I::V; 4], y: [I::V; 4], start: I::V) -> I::V {
    x[1].fma(y[1], x[0].fma(y[0], start)).add(x[3].fma(y[3], x[2].mul(y[2])))
}

/// The rows of one document's queries, keys and values, and room for its keys in blocks.
pub(super) struct Rows<'a> {
    pub(super) q: &'a [Row],
    /// Rounded up to whole blocks of four, as `v` is; what is in the rest is finite.
    pub(super) k: &'a [Row],
    pub(super) v: &'a [Row],
}

/// Weights and outputs. `weights` has `stride` rows a query, `blocks` a row of four for each block.
#[inline(always)]
pub(super) fn forward<I: Isa>(
    isa: I,
    rows: &Rows<'_>,
    blocks: &mut [[Row; 4]],
    weights: &mut [Row],
    stride: usize,
    out: &mut [Row],
) {
    for (keys, block) in rows.k.as_chunks::<4>().0.iter().zip(blocks.iter_mut()) {
        for (row, lanes) in block.iter_mut().zip(transposed(isa, keys)) {
            lanes.store(row);
        }
    }
    let values = rows.v.as_chunks::<4>().0;
    for (i, ((q, out), weights)) in rows.q.iter().zip(out).zip(weights.chunks_exact_mut(stride)).enumerate() {
        let q = spread::<I>(isa.load(q).mul(isa.splat(SCALE)));
        let seen = &mut weights[..i / 4 + 1];
        let score = |keys: &[Row; 4], start| dot4::<I>(q, array(isa.splat(0.0), |d| isa.load(&keys[d])), start);
        let last = seen.len() - 1;
        let last_scores = score(&blocks[last], isa.load(&CAUSAL[i % 4]));
        let mut largest = last_scores;
        for (weights, keys) in seen[..last].iter_mut().zip(blocks.iter()) {
            let scores = score(keys, isa.splat(0.0));
            largest = largest.max(scores);
            scores.store(weights);
        }
        let largest = largest.group_max();
        let last_weights = exp(isa, last_scores.sub(largest));
        let mut sum = last_weights;
        for weights in &mut seen[..last] {
            let e = exp(isa, isa.load(weights).sub(largest));
            sum = sum.add(e);
            e.store(weights);
        }
        let inverse = sum.group_sum().recip();
        let weighted = |weights: I::V, values: &[Row; 4], start| {
            dot4::<I>(spread::<I>(weights), array(isa.splat(0.0), |j| isa.load(&values[j])), start)
        };
        let last_weights = last_weights.mul(inverse);
        last_weights.store(&mut seen[last]);
        let mut sum = weighted(last_weights, &values[last], isa.splat(0.0));
        for (weights, values) in seen[..last].iter_mut().zip(values) {
            let normalised = isa.load(weights).mul(inverse);
            normalised.store(weights);
            sum = weighted(normalised, values, sum);
        }
        sum.store(out);
    }
}

/// What a document's backward pass writes.
pub(super) struct Gradients<'a> {
    pub(super) q: &'a mut [Row],
    pub(super) k: &'a mut [Row],
    pub(super) v: &'a mut [Row],
}

/// The gradients of queries, keys and values from that of the outputs. `means` is scratch, a row a query.
#[inline(always)]
pub(super) fn backward<I: Isa>(
    isa: I,
    rows: &Rows<'_>,
    (weights, stride): (&[Row], usize),
    (out, d_out): (&[Row], &[Row]),
    gradients: &mut Gradients<'_>,
    means: &mut [Row],
) {
    for ((out, d_out), mean) in out.iter().zip(d_out).zip(means.iter_mut()) {
        isa.load(out).mul(isa.load(d_out)).group_sum().store(mean);
    }
    let zero = isa.splat(0.0);
    let blocks = rows.k.as_chunks::<4>().0.iter().zip(rows.v.as_chunks::<4>().0).enumerate();
    for (block, (keys, values)) in blocks {
        let first = 4 * block;
        let key_rows: [I::V; 4] = array(isa.splat(0.0), |j| isa.load(&keys[j]));
        let values = transposed(isa, values);
        let (mut d_k, mut d_v) = ([zero; 4], [zero; 4]);
        for i in first..rows.q.len() {
            let d_out = isa.load(&d_out[i]);
            let p = isa.load(&weights[i * stride + block]);
            let d_p = dot4::<I>(spread::<I>(d_out), values, zero);
            let d_score = p.mul(d_p.sub(isa.load(&means[i]))).mul(isa.splat(SCALE));
            let (p, d_score, q) = (spread::<I>(p), spread::<I>(d_score), isa.load(&rows.q[i]));
            for j in 0..4 {
                d_v[j] = p[j].fma(d_out, d_v[j]);
                d_k[j] = d_score[j].fma(q, d_k[j]);
            }
            let before = if block == 0 { zero } else { isa.load(&gradients.q[i]) };
            dot4::<I>(d_score, key_rows, before).store(&mut gradients.q[i]);
        }
        let rows = gradients.k[first..].iter_mut().zip(&mut gradients.v[first..]);
        for ((k, v), (d_k, d_v)) in rows.zip(d_k.into_iter().zip(d_v)) {
            d_k.store(k);
            d_v.store(v);
        }
    }
}
