//! What every backend refuses, leaving its outputs as they were.

use crate::{Attention, AttentionBackend, Error, Saved};

const GOOD: Attention = Attention {
    batch: 1,
    heads: 2,
    kv_heads: 1,
    queries: 3,
    keys: 4,
    head_dim: 5,
    causal: false,
    scale: None,
    key_capacity: Some(6),
};
/// Elements of q, of k and of log_sum_exp in `GOOD`.
const LENS: [usize; 3] = [30, 30, 6];
/// What is in outputs before.
const BEFORE: f32 = 42.0;

type Case = (&'static str, Attention);
/// Whether a problem was refused for the right reason.
type Right = fn(&Error) -> bool;

/// Problems that make no sense, whatever the slices.
fn bad_problems() -> Vec<(Case, Right)> {
    let half = usize::MAX / 2;
    vec![
        (("no heads", Attention { heads: 0, ..GOOD }), |error| matches!(error, Error::Zero { name: "heads" })),
        (("no kv_heads", Attention { kv_heads: 0, ..GOOD }), |error| matches!(error, Error::Zero { name: "kv_heads" })),
        (("no columns", Attention { head_dim: 0, ..GOOD }), |error| matches!(error, Error::Zero { name: "head_dim" })),
        (("heads that kv_heads does not divide", Attention { heads: 3, kv_heads: 2, ..GOOD }), |error| {
            matches!(error, Error::HeadGroups { heads: 3, kv_heads: 2 })
        }),
        (("fewer rows than keys", Attention { key_capacity: Some(3), ..GOOD }), |error| {
            matches!(error, Error::KeyCapacity { capacity: 3, keys: 4 })
        }),
        (("a scale of infinity", Attention { scale: Some(f32::INFINITY), ..GOOD }), |error| {
            matches!(error, Error::Scale { .. })
        }),
        (("a scale of NaN", Attention { scale: Some(f32::NAN), ..GOOD }), |error| matches!(error, Error::Scale { .. })),
        (("queries beyond memory", Attention { queries: half, ..GOOD }), |error| {
            matches!(error, Error::TooLarge { .. })
        }),
        (("batches beyond memory", Attention { batch: half, ..GOOD }), |error| matches!(error, Error::TooLarge { .. })),
        (("rows beyond memory", Attention { key_capacity: Some(half), ..GOOD }), |error| {
            matches!(error, Error::TooLarge { .. })
        }),
        (("beyond memory, times nothing", Attention { batch: 0, queries: half, ..GOOD }), |error| {
            matches!(error, Error::TooLarge { .. })
        }),
    ]
}

pub(super) fn check(backend: &dyn AttentionBackend) -> Result<(), (Case, String)> {
    for (case, right) in bad_problems() {
        let results = [forward(backend, &case.1, [0; 5]), backward(backend, &case.1, [0; 9])];
        for result in results {
            refused(result, right).map_err(|what| (case, what))?;
        }
    }
    for wrong in 0..5 {
        let case = ("one slice of `forward` too long", GOOD);
        let result = forward(backend, &GOOD, std::array::from_fn(|index| usize::from(index == wrong)));
        refused(result, |error| matches!(error, Error::Length { .. })).map_err(|what| (case, what))?;
    }
    for wrong in 0..9 {
        let case = ("one slice of `backward` too long", GOOD);
        let result = backward(backend, &GOOD, std::array::from_fn(|index| usize::from(index == wrong)));
        refused(result, |error| matches!(error, Error::Length { .. })).map_err(|what| (case, what))?;
    }
    Ok(())
}

fn refused(result: Result<Result<(), Error>, String>, right: impl Fn(&Error) -> bool) -> Result<(), String> {
    match result? {
        Err(error) if right(&error) => Ok(()),
        Err(error) => Err(format!("refused for another reason: {error}")),
        Ok(()) => Err("not refused".to_owned()),
    }
}

fn untouched(outputs: &[&[f32]]) -> Result<(), String> {
    match outputs.iter().position(|output| output.iter().any(|&element| element != BEFORE)) {
        None => Ok(()),
        Some(index) => Err(format!("output {index} was written to")),
    }
}

/// `extra` elements too many in q, k, v, out, log_sum_exp. The outer result says whether outputs were left alone.
fn forward(
    backend: &dyn AttentionBackend,
    problem: &Attention,
    extra: [usize; 5],
) -> Result<Result<(), Error>, String> {
    let [queries, keys, rows] = LENS;
    let [q, k, v] = [queries + extra[0], keys + extra[1], keys + extra[2]].map(|len| vec![0.5; len]);
    let [mut out, mut log_sum_exp] = [queries + extra[3], rows + extra[4]].map(|len| vec![BEFORE; len]);
    let result = backend.forward(problem, &q, &k, &v, &mut out, &mut log_sum_exp);
    untouched(&[&out, &log_sum_exp])?;
    Ok(result)
}

/// `extra` elements too many in q, k, v, out, log_sum_exp, d_out, d_q, d_k, d_v.
fn backward(
    backend: &dyn AttentionBackend,
    problem: &Attention,
    extra: [usize; 9],
) -> Result<Result<(), Error>, String> {
    let [queries, keys, rows] = LENS;
    let inputs = [queries, keys, keys, queries, rows, queries];
    let [q, k, v, out, log_sum_exp, d_out] = std::array::from_fn(|index| vec![0.5; inputs[index] + extra[index]]);
    let outputs = [queries, keys, keys];
    let [mut d_q, mut d_k, mut d_v] = std::array::from_fn(|index| vec![BEFORE; outputs[index] + extra[6 + index]]);
    let saved = Saved { q: &q, k: &k, v: &v, out: &out, log_sum_exp: &log_sum_exp };
    let result = backend.backward(problem, saved, &d_out, &mut d_q, &mut d_k, &mut d_v);
    untouched(&[&d_q, &d_k, &d_v])?;
    Ok(result)
}
