//! Small problems worked out by hand, and gradients against differences.

use gpukern::{Attention, AttentionBackend, Cpu, Reference, Saved, plain};

const ONE: Attention = Attention {
    batch: 1,
    heads: 1,
    kv_heads: 1,
    queries: 1,
    keys: 1,
    head_dim: 1,
    causal: false,
    scale: None,
    key_capacity: None,
};

fn forward(problem: &Attention, q: &[f32], k: &[f32], v: &[f32]) -> (Vec<f32>, Vec<f32>) {
    forward_by(&Reference, problem, q, k, v)
}

fn forward_by(
    backend: &dyn AttentionBackend,
    problem: &Attention,
    q: &[f32],
    k: &[f32],
    v: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let rows = problem.rows().expect("small");
    let (mut out, mut log_sum_exp) = (vec![f32::NAN; q.len()], vec![f32::NAN; rows]);
    backend.forward(problem, q, k, v, &mut out, &mut log_sum_exp).expect("a problem");
    (out, log_sum_exp)
}

fn backward(problem: &Attention, q: &[f32], k: &[f32], v: &[f32], d_out: &[f32]) -> [Vec<f32>; 3] {
    backward_by(&Reference, problem, [q, k, v], d_out)
}

fn backward_by(
    backend: &dyn AttentionBackend,
    problem: &Attention,
    [q, k, v]: [&[f32]; 3],
    d_out: &[f32],
) -> [Vec<f32>; 3] {
    let (out, log_sum_exp) = forward_by(backend, problem, q, k, v);
    let [mut d_q, mut d_k, mut d_v] = [q.len(), k.len(), v.len()].map(|len| vec![f32::NAN; len]);
    let saved = Saved { q, k, v, out: &out, log_sum_exp: &log_sum_exp };
    backend.backward(problem, saved, d_out, &mut d_q, &mut d_k, &mut d_v).expect("a problem");
    [d_q, d_k, d_v]
}

fn close(given: &[f32], expected: &[f32]) {
    assert_eq!(given.len(), expected.len());
    for (given, expected) in given.iter().zip(expected) {
        assert!(given == expected || (given - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{given} {expected}");
    }
}

#[test]
fn weights_of_one_quarter_and_three() {
    // Scores 0 and ln 3: weights 1/4 and 3/4, and a sum of exponentials of 4.
    let problem = Attention { keys: 2, scale: Some(1.0), ..ONE };
    let (k, v) = ([0.0, 3.0_f32.ln()], [8.0, 16.0]);
    let (out, log_sum_exp) = forward(&problem, &[1.0], &k, &v);
    close(&out, &[14.0]);
    close(&log_sum_exp, &[4.0_f32.ln()]);
    // dV = P·dO; dP = (8, 16), D = 14, dS = P∘(dP − D) = (−1.5, 1.5); dQ = Σ dS·k, dK = dS·q.
    let [d_q, d_k, d_v] = backward(&problem, &[1.0], &k, &v, &[1.0]);
    close(&d_q, &[1.5 * 3.0_f32.ln()]);
    close(&d_k, &[-1.5, 1.5]);
    close(&d_v, &[0.25, 0.75]);
}

#[test]
fn the_default_scale_is_one_over_the_root_of_head_dim() {
    let problem = Attention { keys: 2, head_dim: 4, ..ONE };
    let (q, k) = ([1.0; 4], [0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0]);
    let (_, log_sum_exp) = forward(&problem, &q, &k, &[0.0; 8]);
    close(&log_sum_exp, &[(1.0 + 4.0_f32.exp()).ln()]); // 8/√4
}

#[test]
fn causal_aligns_the_last_query_with_the_last_key() {
    // All scores 0: the mean of the values that are seen.
    let v = [1.0, 2.0, 4.0];
    let mean = |queries, keys| {
        let problem = Attention { queries, keys, causal: true, ..ONE };
        forward(&problem, &vec![0.0; queries], &vec![0.0; keys], &v[..keys])
    };
    close(&mean(3, 3).0, &[1.0, 1.5, 7.0 / 3.0]);
    close(&mean(2, 3).0, &[1.5, 7.0 / 3.0]);
    close(&mean(1, 3).0, &[7.0 / 3.0]);
    let (out, log_sum_exp) = mean(3, 2); // the first query sees nothing
    close(&out, &[0.0, 1.0, 1.5]);
    close(&log_sum_exp, &[f32::NEG_INFINITY, 0.0, 2.0_f32.ln()]);
}

#[test]
fn rows_that_see_nothing_have_no_gradients() {
    let problem = Attention { queries: 2, keys: 1, causal: true, scale: Some(1.0), ..ONE };
    let [d_q, d_k, d_v] = backward(&problem, &[5.0, 7.0], &[3.0], &[2.0], &[1.0, 10.0]);
    assert_eq!((d_q, d_k, d_v), (vec![0.0, 0.0], vec![0.0], vec![10.0]));
    let problem = Attention { queries: 2, keys: 0, key_capacity: Some(1), ..ONE };
    let (out, log_sum_exp) = forward(&problem, &[5.0, 7.0], &[f32::NAN], &[f32::NAN]);
    assert_eq!((out, log_sum_exp), (vec![0.0; 2], vec![f32::NEG_INFINITY; 2]));
    let [d_q, d_k, d_v] = backward(&problem, &[5.0, 7.0], &[3.0], &[2.0], &[1.0, 10.0]);
    assert_eq!((d_q, d_k, d_v), (vec![0.0, 0.0], vec![0.0], vec![0.0]));
}

#[test]
fn query_heads_read_their_key_value_head_and_rows_beyond_the_keys_are_not_read() {
    // Two batch entries, four query heads on two key/value heads, one key of two rows allocated: out is its value.
    let problem = Attention { batch: 2, heads: 4, kv_heads: 2, key_capacity: Some(2), ..ONE };
    let nan = f32::NAN;
    let (k, v) = ([0.0, nan, 0.0, nan, 0.0, nan, 0.0, nan], [1.0, nan, 2.0, nan, 3.0, nan, 4.0, nan]);
    let (out, _) = forward(&problem, &[1.0; 8], &k, &v);
    assert_eq!(out, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    let d_out = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    let [_, d_k, d_v] = backward(&problem, &[1.0; 8], &k, &v, &d_out);
    assert_eq!(d_v, [3.0, 0.0, 7.0, 0.0, 11.0, 0.0, 15.0, 0.0]);
    assert_eq!(d_k, [0.0; 8]);
}

#[test]
fn scores_of_ten_thousand_do_not_overflow() {
    let problem = Attention { keys: 3, scale: Some(1.0), ..ONE };
    let (q, k, v) = ([1.0e4], [-1.0, 1.0, 1.0], [9.0, 1.0, 3.0]);
    let (out, log_sum_exp) = forward(&problem, &q, &k, &v);
    close(&out, &[2.0]);
    close(&log_sum_exp, &[1.0e4 + 2.0_f32.ln()]);
    let mut plainly = ([0.0], [0.0]);
    plain::forward(&problem, &q, &k, &v, &mut plainly.0, &mut plainly.1).expect("a problem");
    close(&plainly.0, &[2.0]);
}

/// Numbers from −1 to 1, the same every time.
fn noise(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// The loss of which `d_out` is the gradient, in f64.
fn loss(backend: &dyn AttentionBackend, problem: &Attention, [q, k, v]: [&[f32]; 3], d_out: &[f32]) -> f64 {
    let (out, _) = forward_by(backend, problem, q, k, v);
    out.iter().zip(d_out).map(|(&out, &d)| f64::from(out) * f64::from(d)).sum()
}

#[test]
fn gradients_are_those_of_central_differences() {
    gradients_by(&Reference);
    gradients_by(&Cpu::default());
}

fn gradients_by(backend: &dyn AttentionBackend) {
    let grouped = Attention { batch: 2, heads: 4, kv_heads: 2, queries: 5, keys: 7, head_dim: 3, ..ONE };
    let problems = [
        grouped,
        Attention { causal: true, ..grouped },
        Attention { causal: true, queries: 7, keys: 5, ..grouped },
        Attention { scale: Some(-1.3), key_capacity: Some(9), ..grouped },
    ];
    for (seed, problem) in (1..).zip(problems) {
        let mut noise = noise(seed);
        let (queries, keys) = (problem.query_elements().expect("small"), problem.key_elements().expect("small"));
        let mut inputs = [queries, keys, keys].map(|len| (0..len).map(|_| noise()).collect::<Vec<f32>>());
        let d_out: Vec<f32> = (0..queries).map(|_| noise()).collect();
        let gradients = backward_by(backend, &problem, [&inputs[0], &inputs[1], &inputs[2]], &d_out);
        // Outputs are rounded to f32, so the loss is off by up to √n·2⁻²⁵ or so: with steps of 2⁻⁶ that makes 1e-5 of a
        // difference, and the third derivative as much again.
        const STEP: f32 = 1.0 / 64.0;
        for which in 0..3 {
            for index in 0..inputs[which].len() {
                let here = inputs[which][index];
                let [above, below] = [here + STEP, here - STEP].map(|moved| {
                    inputs[which][index] = moved;
                    (moved, loss(backend, &problem, [&inputs[0], &inputs[1], &inputs[2]], &d_out))
                });
                inputs[which][index] = here;
                let difference = (above.1 - below.1) / f64::from(above.0 - below.0);
                let gradient = f64::from(gradients[which][index]);
                assert!(
                    (difference - gradient).abs() < 3e-4,
                    "seed {seed}, {problem:?}, input {which}, element {index}: {gradient}, differences say {difference}"
                );
            }
        }
    }
}
