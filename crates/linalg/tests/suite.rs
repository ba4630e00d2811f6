//! Every backend through the one suite, for both element types.

use linalg::suite::{Bound, Suite, check};
use linalg::{Backend, Blas, Blocked, Isa, LoopOrder, Naive, Strassen, Threads, Tiling};

fn both<B: Backend<f32> + Backend<f64>>(backend: B, suite: Suite) {
    check::<f32>(&backend, suite).unwrap();
    check::<f64>(&backend, suite).unwrap();
}

#[test]
fn naive_in_all_loop_orders() {
    for (seed, order) in LoopOrder::ALL.into_iter().enumerate() {
        both(Naive { order }, Suite { seed: seed as u64, cases: 60, ..Suite::default() });
    }
}

/// Every instruction set that this machine has, with tiles of its own and with tiles so small that all five loops
/// turn on small matrices.
#[test]
fn blocked_on_every_instruction_set() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let isa = Some(isa);
        for (seed, tiling) in [
            Tiling { isa, ..Tiling::default() },
            Tiling { isa, mc: Some(40), kc: Some(23), nc: Some(30) },
            Tiling { isa, mc: Some(1), kc: Some(1), nc: Some(1) },
        ]
        .into_iter()
        .enumerate()
        {
            for threads in [Threads::Count(1), Threads::Count(3)] {
                let suite = Suite { seed: 100 + seed as u64, cases: 240, ..Suite::default() };
                both(Blocked { tiling, threads }, suite);
            }
        }
    }
}

/// Twice Higham's bound for two levels, since the oracle errs too, and the peeled edges of a sum on top:
/// (12²·(k₀² + 5k₀) + 4k)·ε over the suite's unit k·ε, k₀ = k / 4.
fn two_levels(k: usize) -> f64 {
    let k0 = k as f64 / 4.0;
    if k == 0 { 0.0 } else { (144.0 * (k0 * k0 + 5.0 * k0) + 4.0 * k as f64) / k as f64 + 8.0 }
}

#[test]
fn strassen_fused_and_recursive() {
    let suite = |seed| Suite { seed, cases: 240, bound: Bound::Norm { factor: two_levels } };
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let tiling = Tiling { isa: Some(isa), ..Tiling::default() };
        for (levels_max, threads) in [(1, Threads::Count(1)), (2, Threads::Count(3))] {
            both(Strassen { base: Blocked { tiling, threads }, cutoff: 4, levels_max }, suite(7));
        }
    }
    for levels_max in [1, 2] {
        both(Strassen { base: Naive::default(), cutoff: 2, levels_max }, suite(8));
    }
}

#[test]
fn blas_providers() {
    both(Blas::default(), Suite { seed: 9, ..Suite::default() });
    #[cfg(feature = "openblas")]
    both(Blas { provider: linalg::Provider::System }, Suite { seed: 10, ..Suite::default() });
}
