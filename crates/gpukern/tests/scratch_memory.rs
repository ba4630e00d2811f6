//! How much memory attention asks for beyond inputs and outputs, counted by the allocator. One test, so that nothing else
//! allocates meanwhile.

use gpukern::{Attention, AttentionBackend, Cpu, Reference, Saved};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes at the peak beyond what was there at the start.
fn peak_bytes(work: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

fn head(queries: usize, keys: usize) -> Attention {
    Attention {
        batch: 1,
        heads: 1,
        kv_heads: 1,
        queries,
        keys,
        head_dim: 64,
        causal: true,
        scale: None,
        key_capacity: None,
    }
}

/// At the peak of a forward and of a backward pass.
fn both(backend: &dyn AttentionBackend, problem: &Attention) -> [usize; 2] {
    let wave = |len: usize, step: f32| (0..len).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
    let (queries, keys) = (problem.queries * 64, problem.keys * 64);
    let (q, k, v, d_out) = (wave(queries, 0.37), wave(keys, 0.21), wave(keys, 0.11), wave(queries, 0.07));
    let (mut out, mut log_sum_exp) = (vec![0.0; queries], vec![0.0; problem.queries]);
    let forward = peak_bytes(|| backend.forward(problem, &q, &k, &v, &mut out, &mut log_sum_exp).expect("a problem"));
    let (mut d_q, mut d_k, mut d_v) = (vec![0.0; queries], vec![0.0; keys], vec![0.0; keys]);
    let saved = Saved { q: &q, k: &k, v: &v, out: &out, log_sum_exp: &log_sum_exp };
    let backward =
        peak_bytes(|| backend.backward(problem, saved, &d_out, &mut d_q, &mut d_k, &mut d_v).expect("a problem"));
    assert!(out.iter().chain(&d_q).chain(&d_k).chain(&d_v).all(|x| x.is_finite()));
    [forward, backward]
}

#[test]
fn flash_attention_needs_no_more_for_longer_sequences() {
    // The threads start before anything is counted.
    let _ = both(&Cpu::default(), &head(2048, 2048));

    // The reference writes out a matrix of f64: 8 MiB here, so 2 GiB at 16384.
    let [forward, backward] = both(&Reference, &head(1024, 1024));
    assert!(forward >= 8 << 20 && backward >= 8 << 20, "Reference, 1024: {forward}, {backward}");

    let [forward, backward] = both(&Cpu::default(), &head(16384, 16384));
    assert!(forward <= 16 << 20 && backward <= 16 << 20, "Cpu, 16384: {forward}, {backward}");
    // In fact a thread keeps less than a quarter of a megabyte, and a list of the blocks.
    let most = rayon::current_num_threads() * (256 << 10) + (64 << 10);
    assert!(forward <= most && backward <= most, "Cpu, 16384: {forward}, {backward} of {most}");

    // Decoding copies no part of a cache of 8 MiB.
    let decoding = Attention { key_capacity: Some(16384), ..head(1, 16000) };
    let (q, cache) = (vec![0.5; 64], vec![0.25; 16384 * 64]);
    let (mut out, mut log_sum_exp) = (vec![0.0; 64], vec![0.0; 1]);
    let used = peak_bytes(|| {
        Cpu::default().forward(&decoding, &q, &cache, &cache, &mut out, &mut log_sum_exp).expect("a problem");
    });
    assert!(used <= 64 << 10, "decoding: {used}");
}

/// `cargo test -p gpukern --test scratch_memory -- --ignored`: what BENCHMARKS.md says of the definition.
#[test]
#[ignore = "2 GiB and a minute, and nothing else may allocate meanwhile: run by hand"]
fn the_definition_needs_the_matrix() {
    let [forward, backward] = both(&Reference, &head(16384, 16384));
    assert!(forward >= 2 << 30 && backward >= 2 << 30, "Reference, 16384: {forward}, {backward}");
    assert!(forward <= 2080 << 20, "Reference, 16384, forward: {forward}");
}
