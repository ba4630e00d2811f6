//! The suite passes what is right and finds what is wrong.

use gpukern::suite::{Suite, check};
use gpukern::{Attention, AttentionBackend, Error, Reference, Saved, plain};

/// An f32 computation in another order, with another exponential: what a fast backend may look like.
struct Reordered;

impl AttentionBackend for Reordered {
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        problem.check_forward(q, k, v, out, log_sum_exp)?;
        let (dim, queries) = (problem.head_dim, problem.queries);
        let scale = problem.scale_or_default() * std::f32::consts::LOG2_E;
        for row in 0..log_sum_exp.len() {
            let (entry, head) = (row / queries / problem.heads, row / queries % problem.heads);
            let at = (entry * problem.kv_heads + problem.kv_head(head)) * problem.key_rows() * dim;
            let (q, out) = (&q[row * dim..][..dim], &mut out[row * dim..][..dim]);
            let (mut max, mut sum) = (f32::NEG_INFINITY, 0.0_f32);
            out.fill(0.0);
            for key in (0..problem.keys_seen(row % queries)).rev() {
                let (k, v) = (&k[at + key * dim..][..dim], &v[at + key * dim..][..dim]);
                let score = q.iter().zip(k).rev().fold(0.0_f32, |sum, (q, k)| q.mul_add(*k, sum)) * scale;
                let larger = max.max(score);
                let (kept, weight) = ((max - larger).exp2(), (score - larger).exp2());
                sum = sum * kept + weight;
                out.iter_mut().zip(v).for_each(|(out, v)| *out = *out * kept + weight * v);
                max = larger;
            }
            out.iter_mut().for_each(|out| *out = if sum > 0.0 { *out / sum } else { 0.0 });
            log_sum_exp[row] = (max + sum.log2()) * std::f32::consts::LN_2;
        }
        Ok(())
    }

    fn backward(
        &self,
        problem: &Attention,
        saved: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error> {
        problem.check_backward(&saved, d_out, d_q, d_k, d_v)?;
        [&mut *d_q, &mut *d_k, &mut *d_v].into_iter().for_each(|gradient| gradient.fill(0.0));
        let (dim, queries, scale) = (problem.head_dim, problem.queries, problem.scale_or_default());
        let dot =
            |left: &[f32], right: &[f32]| left.iter().zip(right).rev().fold(0.0_f32, |s, (l, r)| l.mul_add(*r, s));
        for row in 0..saved.log_sum_exp.len() {
            let (entry, head) = (row / queries / problem.heads, row / queries % problem.heads);
            let at = (entry * problem.kv_heads + problem.kv_head(head)) * problem.key_rows() * dim;
            let here = row * dim..(row + 1) * dim;
            let (q, d_out, out) = (&saved.q[here.clone()], &d_out[here.clone()], &saved.out[here.clone()]);
            let d = dot(d_out, out);
            for key in (0..problem.keys_seen(row % queries)).rev() {
                let there = at + key * dim..at + (key + 1) * dim;
                let (k, v) = (&saved.k[there.clone()], &saved.v[there.clone()]);
                let p = (dot(q, k) * scale - saved.log_sum_exp[row]).exp();
                let d_s = p * (dot(d_out, v) - d) * scale;
                d_q[here.clone()].iter_mut().zip(k).for_each(|(sum, k)| *sum += d_s * k);
                d_k[there.clone()].iter_mut().zip(q).for_each(|(sum, q)| *sum += d_s * q);
                d_v[there].iter_mut().zip(d_out).for_each(|(sum, d_out)| *sum += p * d_out);
            }
        }
        Ok(())
    }
}

#[test]
fn an_online_softmax_in_another_order_passes() {
    for seed in 1..=2 {
        check("reordered", &Reordered, &Suite { seed, ..QUICK }).expect("within bounds");
    }
}

/// Small enough to be run many times.
const QUICK: Suite = Suite { seed: 1, drawn: 10, scores_max: 20_000, gradients: true };

#[test]
fn the_reference_passes() {
    assert!(check("Reference", &Reference, &Suite::default()).expect("within bounds") > 100);
}

/// The plain computation, and one thing wrong with it.
struct Wrong {
    forward: fn(&Attention, &mut [f32], &mut [f32]),
    backward: fn(&Attention, &mut [f32], &mut [f32], &mut [f32]),
}

const RIGHT: Wrong = Wrong { forward: |_, _, _| {}, backward: |_, _, _, _| {} };

impl AttentionBackend for Wrong {
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        plain::forward(problem, q, k, v, out, log_sum_exp)?;
        (self.forward)(problem, out, log_sum_exp);
        Ok(())
    }

    fn backward(
        &self,
        problem: &Attention,
        saved: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error> {
        plain::backward(problem, saved, d_out, d_q, d_k, d_v)?;
        (self.backward)(problem, d_q, d_k, d_v);
        Ok(())
    }
}

#[test]
fn the_plain_computation_passes_and_small_faults_do_not() {
    check("plain", &RIGHT, &QUICK).expect("within bounds");
    let faults: [(&str, Wrong); 8] = [
        ("out[", Wrong { forward: |_, out, _| out.iter_mut().for_each(|x| *x *= 1.0 + 3e-6), ..RIGHT }),
        (
            "out[",
            Wrong {
                forward: |p, out, _| {
                    if p.queries == 129 {
                        out[out.len() - 1] = f32::NAN
                    }
                },
                ..RIGHT
            },
        ),
        ("log_sum_exp[", Wrong { forward: |_, _, lse| lse.iter_mut().for_each(|x| *x += 1e-5), ..RIGHT }),
        ("log_sum_exp[", Wrong { forward: |_, _, lse| lse.iter_mut().for_each(|x| *x = x.max(-1e30)), ..RIGHT }),
        ("d_q[", Wrong { backward: |_, d_q, _, _| d_q.iter_mut().for_each(|x| *x *= 1.0001), ..RIGHT }),
        (
            "d_k[",
            Wrong {
                backward: |p, _, d_k, _| {
                    if p.heads > p.kv_heads {
                        d_k.fill(0.0)
                    }
                },
                ..RIGHT
            },
        ),
        (
            "d_k[",
            Wrong {
                backward: |p, _, d_k, _| {
                    if (p.queries, p.keys) == (1, 257) {
                        d_k.iter_mut().for_each(|x| *x *= 1.0 + 2.6e-6);
                    }
                },
                ..RIGHT
            },
        ),
        (
            "d_v[",
            Wrong {
                backward: |p, _, _, d_v| {
                    if p.key_capacity.is_some() {
                        d_v.reverse()
                    }
                },
                ..RIGHT
            },
        ),
    ];
    for (expected, wrong) in faults {
        let failure = check("wrong", &wrong, &QUICK).expect_err(expected);
        assert!(failure.what.starts_with(expected), "{expected}: {failure}");
    }
}

/// Writes before it checks.
struct Hasty;

impl AttentionBackend for Hasty {
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        out.fill(0.0);
        Reference.forward(problem, q, k, v, out, log_sum_exp)
    }

    fn backward(
        &self,
        problem: &Attention,
        saved: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error> {
        Reference.backward(problem, saved, d_out, d_q, d_k, d_v)
    }
}

#[test]
fn a_backend_that_writes_before_it_checks_is_found() {
    let failure = check("hasty", &Hasty, &Suite { scores_max: 100, ..QUICK }).expect_err("writes");
    assert_eq!(failure.what, "output 0 was written to");
}
