//! Standard attention: the definition, with the scores of one head written out as a matrix of queries × keys.
//!
//! The plain loops, for one head; `T` is the type that is calculated in:
//!
//! ```text
//! S = scale · Q·Kᵀ                    scores, queries × keys
//! P = exp(S − max of the row) / sum   softmax of each row
//! O = P·V
//!
//! dV = Pᵀ·dO                          backward, with D = the row sums of P ∘ dP
//! dP = dO·Vᵀ
//! dS = P ∘ (dP − D)                   softmax's Jacobian, applied
//! dQ = scale · dS·K
//! dK = scale · dSᵀ·Q
//! ```
//!
//! (Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1; the gradients as in Dao et al. 2022, arXiv:2205.14135, appendix B.2.)

use std::ops::{Add, AddAssign, Div, Mul, Sub};

use crate::attention::product;
use crate::{Attention, Error, Saved};

/// What can be calculated in.
pub(crate) trait Real:
    Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + AddAssign
{
    const ZERO: Self;
    const LOWEST: Self;
    fn of(number: f32) -> Self;
    fn rounded(self) -> f32;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn sqrt(self) -> Self;
}

macro_rules! real {
    ($type:ident) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const LOWEST: Self = $type::NEG_INFINITY;
            fn of(number: f32) -> Self {
                number.into()
            }
            fn rounded(self) -> f32 {
                self as f32
            }
            fn exp(self) -> Self {
                self.exp()
            }
            fn ln(self) -> Self {
                self.ln()
            }
            fn sqrt(self) -> Self {
                self.sqrt()
            }
        }
    };
}

real!(f32);
real!(f64);

/// The forward pass in the arithmetic of `T`. Arguments are checked here.
pub(crate) fn forward<T: Real>(
    problem: &Attention,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    out: &mut [f32],
    log_sum_exp: &mut [f32],
) -> Result<(), Error> {
    problem.check_forward(q, k, v, out, log_sum_exp)?;
    let mut p = scratch::<T>("scores", &[problem.queries, problem.keys])?;
    let mut row = scratch::<T>("a row", &[problem.head_dim])?;
    let dim = problem.head_dim;
    for head in heads(problem) {
        let (q, k, v) = (&q[head.queries.clone()], &k[head.keys.clone()], &v[head.keys.clone()]);
        let out = &mut out[head.queries.clone()];
        let log_sum_exp = &mut log_sum_exp[head.rows.clone()];
        probabilities(problem, q, k, &mut p, |query, scores| log_sum_exp[query] = softmax(scores).rounded());
        for (query, out) in out.chunks_exact_mut(dim).enumerate() {
            row.fill(T::ZERO);
            let seen = problem.keys_seen(query);
            let weights = &p[query * problem.keys..][..seen];
            for (&weight, v) in weights.iter().zip(v.chunks_exact(dim)) {
                add_scaled(&mut row, weight, v);
            }
            round(&row, out);
        }
    }
    Ok(())
}

/// What the backward pass takes from the forward pass beside its inputs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// Nothing: the softmax is computed again.
    Inputs,
    /// `log_sum_exp`, for P = exp(S − log_sum_exp), and `out`, for D = the row sums of dO ∘ O, which are the same.
    Everything,
}

/// The backward pass in the arithmetic of `T`. Arguments are checked here.
pub(crate) fn backward<T: Real>(
    take: Take,
    problem: &Attention,
    forward: &Saved<'_>,
    d_out: &[f32],
    d_q: &mut [f32],
    d_k: &mut [f32],
    d_v: &mut [f32],
) -> Result<(), Error> {
    problem.check_backward(forward, d_out, d_q, d_k, d_v)?;
    let mut p = scratch::<T>("scores", &[problem.queries, problem.keys])?;
    let mut d_p = scratch::<T>("gradients of one row of scores", &[problem.keys])?;
    let mut row = scratch::<T>("a row", &[problem.head_dim])?;
    let key_shape = [problem.key_rows(), problem.head_dim];
    let mut sum_d_k = scratch::<T>("one head's gradients of keys", &key_shape)?;
    let mut sum_d_v = scratch::<T>("one head's gradients of values", &key_shape)?;
    let (dim, scale) = (problem.head_dim, T::of(problem.scale_or_default()));
    let group = problem.heads / problem.kv_heads;
    for head in heads(problem) {
        if head.index.is_multiple_of(group) {
            sum_d_k.fill(T::ZERO);
            sum_d_v.fill(T::ZERO);
        }
        let (q, d_out) = (&forward.q[head.queries.clone()], &d_out[head.queries.clone()]);
        let (k, v) = (&forward.k[head.keys.clone()], &forward.v[head.keys.clone()]);
        let (out, log_sum_exp) = (&forward.out[head.queries.clone()], &forward.log_sum_exp[head.rows.clone()]);
        probabilities(problem, q, k, &mut p, |query, scores| match take {
            Take::Inputs => drop(softmax(scores)),
            Take::Everything => exp_less(scores, T::of(log_sum_exp[query])),
        });
        for (query, d_q) in d_q[head.queries.clone()].chunks_exact_mut(dim).enumerate() {
            let (q, d_out) = (&q[query * dim..][..dim], &d_out[query * dim..][..dim]);
            let seen = problem.keys_seen(query);
            let (p, d_p) = (&p[query * problem.keys..][..seen], &mut d_p[..seen]);
            for (d_p, v) in d_p.iter_mut().zip(v.chunks_exact(dim)) {
                *d_p = dot(d_out, v);
            }
            let d = match take {
                Take::Inputs => p.iter().zip(&*d_p).fold(T::ZERO, |sum, (&p, &d_p)| sum + p * d_p),
                Take::Everything => dot(d_out, &out[query * dim..][..dim]),
            };
            row.fill(T::ZERO);
            for key in 0..seen {
                let here = key * dim..(key + 1) * dim;
                let d_s = p[key] * (d_p[key] - d) * scale;
                add_scaled(&mut row, d_s, &k[here.clone()]);
                add_scaled(&mut sum_d_k[here.clone()], d_s, q);
                add_scaled(&mut sum_d_v[here], p[key], d_out);
            }
            round(&row, d_q);
        }
        if (head.index + 1).is_multiple_of(group) {
            round(&sum_d_k, &mut d_k[head.keys.clone()]);
            round(&sum_d_v, &mut d_v[head.keys]);
        }
    }
    Ok(())
}

/// P, queries × keys; what a query does not see is left alone. `normalise` makes a query's scores probabilities.
fn probabilities<T: Real>(
    problem: &Attention,
    q: &[f32],
    k: &[f32],
    p: &mut [T],
    mut normalise: impl FnMut(usize, &mut [T]),
) {
    let (dim, scale) = (problem.head_dim, T::of(problem.scale_or_default()));
    for (query, q) in q.chunks_exact(dim).enumerate() {
        let scores = &mut p[query * problem.keys..][..problem.keys_seen(query)];
        for (score, k) in scores.iter_mut().zip(k.chunks_exact(dim)) {
            *score = dot::<T>(q, k) * scale;
        }
        normalise(query, scores);
    }
}

/// Softmax in place; gives the logarithm of the sum of exponentials, −∞ for an empty row.
pub(crate) fn softmax<T: Real>(row: &mut [T]) -> T {
    // Without the subtraction exp overflows, in f32 from 88.8 on; with it the largest is exp(0) = 1.
    let max = row.iter().fold(T::LOWEST, |max, &score| if score > max { score } else { max });
    let mut sum = T::ZERO;
    for score in &mut *row {
        *score = (*score - max).exp();
        sum += *score;
    }
    for weight in &mut *row {
        *weight = *weight / sum;
    }
    if row.is_empty() { T::LOWEST } else { max + sum.ln() }
}

/// exp(score − log_sum_exp): softmax, if that is the row's.
fn exp_less<T: Real>(row: &mut [T], log_sum_exp: T) {
    for score in row {
        *score = (*score - log_sum_exp).exp();
    }
}

pub(crate) fn dot<T: Real>(left: &[f32], right: &[f32]) -> T {
    left.iter().zip(right).fold(T::ZERO, |sum, (&left, &right)| sum + T::of(left) * T::of(right))
}

fn add_scaled<T: Real>(sum: &mut [T], factor: T, row: &[f32]) {
    for (sum, &element) in sum.iter_mut().zip(row) {
        *sum += factor * T::of(element);
    }
}

pub(crate) fn round<T: Real>(from: &[T], to: &mut [f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from.rounded();
    }
}

/// One query head: its number, and where its queries, its key/value head and its rows lie.
struct Head {
    index: usize,
    queries: std::ops::Range<usize>,
    keys: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

/// All query heads of all batch entries; those that share a key/value head follow each other.
fn heads(problem: &Attention) -> impl Iterator<Item = Head> + use<> {
    let problem = *problem;
    let (query_len, key_len) = (problem.queries * problem.head_dim, problem.key_rows() * problem.head_dim);
    (0..problem.batch * problem.heads).map(move |index| {
        let (entry, head) = (index / problem.heads, index % problem.heads);
        let kv = entry * problem.kv_heads + problem.kv_head(head);
        Head {
            index,
            queries: index * query_len..(index + 1) * query_len,
            keys: kv * key_len..(kv + 1) * key_len,
            rows: index * problem.queries..(index + 1) * problem.queries,
        }
    })
}

/// Zeros, or an error in place of an abort.
pub(crate) fn scratch<T: Real>(name: &'static str, shape: &[usize]) -> Result<Vec<T>, Error> {
    let len = product(name, shape)?;
    let mut scratch = Vec::new();
    scratch.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { bytes: len * size_of::<T>() })?;
    scratch.resize(len, T::ZERO);
    Ok(scratch)
}
