//! The oracle.

use crate::rowwise::definition::by_definition;
use crate::standard::{self, Take};
use crate::{Attention, AttentionBackend, Error, Saved};

/// Attention and the row-wise pieces by their definitions, calculated in f64 and rounded once, at the end: the oracle of every other backend.
///
/// Attention writes out the whole matrix of scores, queries × keys, one head at a time: 8 bytes an entry, 2 GiB at 16384 × 16384. That
/// is what flash attention avoids; where it does not fit memory that is [`Error::OutOfMemory`]. Its backward pass computes the probabilities again from `q`, `k` and `v`; of `out` and
/// `log_sum_exp` it only checks the lengths.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reference;

impl AttentionBackend for Reference {
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        standard::forward::<f64>(problem, q, k, v, out, log_sum_exp)
    }

    fn backward(
        &self,
        problem: &Attention,
        forward: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error> {
        standard::backward::<f64>(Take::Inputs, problem, &forward, d_out, d_q, d_k, d_v)
    }
}

by_definition!(Reference, f64);
