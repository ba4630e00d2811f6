//! Every backend through the one suite, for both element types.

use linalg::suite::{Suite, check};
use linalg::{Backend, Blocked, Isa, LoopOrder, Naive, Threads, Tiling};

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
