//! `Cpu` on every instruction set that this processor has, on one, two and three threads.

use gpukern::suite::{Suite, check, check_rowwise, fixed};
use gpukern::{Attention, AttentionBackend, Cpu, Error, Isa, Rows, RowwiseBackend, Saved, SavedRmsNorm};
use rayon::{ThreadPool, ThreadPoolBuilder};

fn available() -> impl Iterator<Item = Cpu> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(|isa| Cpu { isa: Some(isa) })
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
}

#[test]
fn every_instruction_set_passes_the_suite() {
    for cpu in available() {
        let suite = Suite { scores_max: 1 << 18, ..Suite::default() };
        assert!(check(&format!("{cpu:?}"), &cpu, &suite).expect("within bounds") > 100);
    }
}

#[test]
fn the_best_one_passes_the_whole_suite_on_several_threads() {
    let suite = Suite { seed: 2, ..Suite::default() };
    pool(3).install(|| check("Cpu", &Cpu::default(), &suite)).expect("within bounds");
}

/// Numbers from −1 to 1, the same every time.
fn noise(len: usize, mut state: u32) -> Vec<f32> {
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Every output's bits.
fn bits(cpu: Cpu, problem: &Attention, threads: usize) -> Vec<Vec<u32>> {
    let (queries, keys) = (problem.query_elements().expect("small"), problem.key_elements().expect("small"));
    let (q, k, v, d_out) = (noise(queries, 1), noise(keys, 2), noise(keys, 3), noise(queries, 4));
    let nan = |len: usize| vec![f32::NAN; len];
    let (mut out, mut log_sum_exp) = (nan(queries), nan(problem.rows().expect("small")));
    let (mut d_q, mut d_k, mut d_v) = (nan(queries), nan(keys), nan(keys));
    pool(threads).install(|| {
        cpu.forward(problem, &q, &k, &v, &mut out, &mut log_sum_exp).expect("a problem");
        let saved = Saved { q: &q, k: &k, v: &v, out: &out, log_sum_exp: &log_sum_exp };
        cpu.backward(problem, saved, &d_out, &mut d_q, &mut d_k, &mut d_v).expect("a problem");
    });
    let bits = |numbers: Vec<f32>| numbers.into_iter().map(f32::to_bits).collect();
    [out, log_sum_exp, d_q, d_k, d_v].map(bits).into()
}

#[test]
fn bits_are_the_same_on_any_number_of_threads() {
    let one = Attention {
        batch: 1,
        heads: 1,
        kv_heads: 1,
        queries: 300,
        keys: 1000,
        head_dim: 64,
        causal: false,
        scale: None,
        key_capacity: None,
    };
    // Enough work for several threads each: one head (apart), several (together), groups, causal ones, decoding.
    let problems = [
        one,
        Attention { causal: true, queries: 700, keys: 700, head_dim: 40, ..one },
        Attention { heads: 3, ..one },
        Attention { batch: 2, heads: 6, kv_heads: 2, queries: 130, ..one },
        Attention { batch: 2, heads: 4, kv_heads: 2, queries: 1, keys: 20_000, key_capacity: Some(20_500), ..one },
    ];
    for problem in problems {
        for cpu in available() {
            let single = bits(cpu, &problem, 1);
            for threads in [2, 3] {
                assert!(bits(cpu, &problem, threads) == single, "{cpu:?}, {threads} threads, {problem:?}");
            }
        }
    }
}

#[test]
fn rows_pass_their_suite_on_every_instruction_set() {
    for (seed, cpu) in (1..).zip(available()) {
        pool(2).install(|| check_rowwise(&format!("{cpu:?}"), &cpu, seed)).expect("within bounds");
    }
}

#[test]
fn the_gradient_of_weights_has_the_same_bits_on_any_number_of_threads() {
    let shape = Rows { rows: 3000, cols: 130 };
    let (x, d_out, inverse_rms) = (noise(390_000, 1), noise(390_000, 2), noise(3000, 3));
    let gradients = |threads: usize| {
        let (mut d_x, mut d_weight) = (vec![0.0; 390_000], vec![0.0; 130]);
        let saved = SavedRmsNorm { x: &x, weight: None, inverse_rms: &inverse_rms };
        pool(threads)
            .install(|| Cpu::default().rms_norm_backward(shape, saved, &d_out, &mut d_x, Some(&mut d_weight)))
            .expect("lengths agree");
        (d_x, d_weight)
    };
    let one = gradients(1);
    assert!(gradients(2) == one && gradients(3) == one);
}

#[test]
fn running_maxima_that_rise_and_fall_are_followed() {
    // Scores that climb by more than the limit from key to key, fall, and climb again, within tiles and across them.
    for cpu in available() {
        let keys = 500;
        let problem = Attention {
            batch: 1,
            heads: 1,
            kv_heads: 1,
            queries: 70,
            keys,
            head_dim: 1,
            causal: true,
            scale: Some(1.0),
            key_capacity: None,
        };
        let k: Vec<f32> = (0..keys).map(|key| ((key * key) % 977) as f32 - 400.0 + key as f32).collect();
        let (q, v) = (noise(70, 5), noise(keys, 6));
        let (mut out, mut log_sum_exp) = (vec![0.0; 70], vec![0.0; 70]);
        cpu.forward(&problem, &q, &k, &v, &mut out, &mut log_sum_exp).expect("a problem");
        let (mut exact, mut exact_sum) = (vec![0.0; 70], vec![0.0; 70]);
        gpukern::Reference.forward(&problem, &q, &k, &v, &mut exact, &mut exact_sum).expect("a problem");
        for row in 0..70 {
            assert!((out[row] - exact[row]).abs() < 2e-4, "{cpu:?} row {row}: {} {}", out[row], exact[row]);
            let allowed = 1e-6 * exact_sum[row].abs().max(1.0);
            assert!((log_sum_exp[row] - exact_sum[row]).abs() < allowed, "{cpu:?} row {row}");
        }
    }
}

/// Both ways: from a hundred keys on one query is decoding. Equal scores make a mean, however large they are.
#[test]
fn scores_of_a_billion_are_in_range() {
    for (cpu, keys) in available().flat_map(|cpu| [(cpu, 3), (cpu, 100)]) {
        for score in (0..200).map(|step| 1e9 - 1.37e6 * step as f32).flat_map(|score| [score, -score]) {
            let one = Attention {
                batch: 1,
                heads: 1,
                kv_heads: 1,
                queries: 1,
                keys,
                head_dim: 1,
                causal: false,
                scale: Some(1.0),
                key_capacity: None,
            };
            let (mut out, mut log_sum_exp) = ([f32::NAN], [f32::NAN]);
            let (k, v) = (vec![1.0; keys], vec![1e15; keys]);
            cpu.forward(&one, &[score], &k, &v, &mut out, &mut log_sum_exp).expect("a problem");
            assert!((out[0] / 1e15 - 1.0).abs() < 1e-5, "{cpu:?}, {keys} keys, {score}: {}", out[0]);
            assert!((log_sum_exp[0] - score).abs() <= 1e-6 * score.abs(), "{cpu:?}, {keys} keys, {score}");
        }
    }
}

#[test]
fn infinite_scores_are_weights_of_nothing_and_nan_stays() {
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    let one = Attention {
        batch: 1,
        heads: 1,
        kv_heads: 1,
        queries: 1,
        keys: 3,
        head_dim: 1,
        causal: false,
        scale: Some(1.0),
        key_capacity: None,
    };
    for cpu in available() {
        let run = |k: &[f32; 3], v: &[f32; 3]| {
            let (mut out, mut log_sum_exp) = ([0.0], [0.0]);
            cpu.forward(&one, &[1.0], k, v, &mut out, &mut log_sum_exp).expect("a problem");
            (out[0], log_sum_exp[0])
        };
        assert_eq!(run(&[-infinity, 0.0, -infinity], &[5.0, 3.0, 7.0]), (3.0, 0.0), "{cpu:?}");
        assert_eq!(run(&[-infinity; 3], &[5.0, 3.0, 7.0]), (0.0, -infinity), "{cpu:?}");
        assert!(run(&[0.0, nan, 0.0], &[5.0, 3.0, 7.0]).0.is_nan(), "{cpu:?}");
        assert!(run(&[0.0, 0.0, infinity], &[5.0, 3.0, 7.0]).0.is_nan(), "{cpu:?}");
        assert!(run(&[0.0, 0.0, 0.0], &[5.0, nan, 7.0]).0.is_nan(), "{cpu:?}");
    }
}

#[test]
fn no_queries_and_no_keys_take_no_memory_however_many_columns() {
    let problem = Attention {
        batch: 1,
        heads: 1,
        kv_heads: 1,
        queries: 0,
        keys: 0,
        head_dim: 1 << 50,
        causal: false,
        scale: None,
        key_capacity: None,
    };
    let cpu = Cpu::default();
    cpu.forward(&problem, &[], &[], &[], &mut [], &mut []).expect("nothing");
    let saved = Saved { q: &[], k: &[], v: &[], out: &[], log_sum_exp: &[] };
    cpu.backward(&problem, saved, &[], &mut [], &mut [], &mut []).expect("nothing");
}

/// Eight queries that share 513 keys: the first seven do not see the last key, which is a part of its own.
#[test]
fn a_scale_of_zero_weighs_every_key_that_is_seen_alike() {
    let problem = Attention {
        batch: 1,
        heads: 1,
        kv_heads: 1,
        queries: 8,
        keys: 513,
        head_dim: 1,
        causal: true,
        scale: Some(0.0),
        key_capacity: None,
    };
    for cpu in available() {
        let (mut out, mut log_sum_exp) = (vec![f32::NAN; 8], vec![f32::NAN; 8]);
        cpu.forward(&problem, &noise(8, 7), &noise(513, 8), &[2.0; 513], &mut out, &mut log_sum_exp)
            .expect("a problem");
        for row in 0..8 {
            assert!((out[row] - 2.0).abs() < 1e-5, "{cpu:?} row {row}: {}", out[row]);
            let sum = (problem.keys_seen(row) as f32).ln();
            assert!((log_sum_exp[row] - sum).abs() < 1e-5, "{cpu:?} row {row}: {} {sum}", log_sum_exp[row]);
        }
    }
}

#[test]
fn an_instruction_set_that_is_not_there_is_refused() {
    let Some(isa) = Isa::ALL.into_iter().find(|isa| !isa.is_available()) else { return };
    let problem = fixed()[0].problem;
    let (queries, keys) = (problem.query_elements().expect("small"), problem.key_elements().expect("small"));
    let mut out = vec![42.0; queries];
    let mut log_sum_exp = vec![42.0; problem.rows().expect("small")];
    let (q, k) = (vec![0.0; queries], vec![0.0; keys]);
    let error = Cpu { isa: Some(isa) }.forward(&problem, &q, &k, &k, &mut out, &mut log_sum_exp).expect_err("absent");
    assert_eq!(error, Error::IsaUnavailable { asked: isa, best: Isa::best() });
    assert!(out.iter().chain(&log_sum_exp).all(|&x| x == 42.0));
}
