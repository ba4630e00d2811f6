//! The yardstick: attention, and what works row by row, by their definitions, in f32 throughout.
//!
//! Rounding makes every f32 computation miss the exact result. How far may a fast one miss it? As far as the plain one does,
//! times a small factor: that is the rule of the flash-attention project's tests, and [`suite`](crate::suite) follows it. Here is
//! the plain one. It is no backend: [`Reference`](crate::Reference) is more exact, and everything else is faster.

use crate::rowwise::definition::by_definition;
use crate::standard::{self, Take};
use crate::{Attention, Error, Saved};

/// As [`AttentionBackend::forward`](crate::AttentionBackend::forward).
///
/// # Errors
///
/// Those of [`Attention::check_forward`], and [`Error::OutOfMemory`] if one head's scores do not fit memory.
pub fn forward(
    problem: &Attention,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    out: &mut [f32],
    log_sum_exp: &mut [f32],
) -> Result<(), Error> {
    standard::forward::<f32>(problem, q, k, v, out, log_sum_exp)
}

/// As [`AttentionBackend::backward`](crate::AttentionBackend::backward), with the probabilities from the saved `log_sum_exp` and the
/// row sums from the saved `out`, as a backend would: their rounding counts too.
///
/// # Errors
///
/// Those of [`Attention::check_backward`], and [`Error::OutOfMemory`] if one head's scores do not fit memory.
pub fn backward(
    problem: &Attention,
    forward: Saved<'_>,
    d_out: &[f32],
    d_q: &mut [f32],
    d_k: &mut [f32],
    d_v: &mut [f32],
) -> Result<(), Error> {
    standard::backward::<f32>(Take::Everything, problem, &forward, d_out, d_q, d_k, d_v)
}

/// Softmax, RMS norm and cross-entropy by their definitions, in f32 throughout.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rowwise;

by_definition!(Rowwise, f32);
