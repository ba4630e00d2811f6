//! The work that is counted: one of each kernel that a crate exists for, small enough for valgrind.

use std::hint::black_box;
use std::time::UNIX_EPOCH;

use gpukern::{Attention, AttentionBackend, Cpu, Saved};
use linalg::{Backend, Blocked, Matrix, Strassen};
use microgpt::scalar::Scalar;
use microgpt::tensor::Tensor;
use microgpt::{Config, Documents, Engine, Model, Names, PythonRandom, Training, train};
use montecarlo::{Domain, Integrator, Sobol, Vegas, pi};
use scalar_autograd::Tape;

/// Does a kind of work as often as it is told.
type Work = fn(usize);

pub(crate) const WORK: [(&str, Work); 10] = [
    ("autograd-dot-product", autograd),
    ("dns-referral", dns),
    ("flash-attention-backward", |times| attention(times, true)),
    ("flash-attention-forward", |times| attention(times, false)),
    ("matmul-blocked", |times| matmul(times, &Blocked::default())),
    ("matmul-strassen", |times| {
        matmul(times, &Strassen { base: Blocked::default(), cutoff: 64, ..Strassen::default() })
    }),
    ("microgpt-scalar", |times| microgpt(times, &Scalar)),
    ("microgpt-tensor", |times| microgpt(times, &Tensor::default())),
    ("pi-darts", |times| {
        for seed in 0..times {
            black_box(pi::darts(1_000_000, seed as u64));
        }
    }),
    ("integrators", integrators),
];

fn autograd(times: usize) {
    let mut tape = Tape::<f64>::new();
    let empty = tape.mark();
    for _ in 0..times {
        tape.truncate(empty);
        let values: Vec<_> = (0..10_000).map(|i| tape.value(f64::from(i))).collect();
        let sum = values.windows(2).fold(tape.value(0.0), |sum, pair| sum + pair[0] * pair[1]);
        black_box(sum.backward().wrt(values[0]));
    }
}

fn dns(times: usize) {
    let referral = include_bytes!("../../crates/netprobe/tests/fuzzed/seeds/dns/referral");
    for _ in 0..100 * times {
        black_box(netprobe::dns::dissect(black_box(referral), ".", UNIX_EPOCH)).expect("a response");
    }
}

fn attention(times: usize, backward: bool) {
    let problem = Attention {
        batch: 1,
        heads: 2,
        kv_heads: 1,
        queries: 128,
        keys: 128,
        head_dim: 64,
        causal: true,
        scale: None,
        key_capacity: None,
    };
    let wave = |n: usize| (0..n).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<f32>>();
    let (q, k, v, d_out) = (wave(2 * 128 * 64), wave(128 * 64), wave(128 * 64), wave(2 * 128 * 64));
    let (mut out, mut log_sum_exp) = (vec![0.0; q.len()], vec![0.0; 256]);
    Cpu::default().forward(&problem, &q, &k, &v, &mut out, &mut log_sum_exp).expect("the shapes agree");
    for _ in 0..times {
        if backward {
            let saved = Saved { q: &q, k: &k, v: &v, out: &out, log_sum_exp: &log_sum_exp };
            let (mut d_q, mut d_k, mut d_v) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
            Cpu::default().backward(&problem, saved, &d_out, &mut d_q, &mut d_k, &mut d_v).expect("the shapes agree");
            black_box((d_q, d_k, d_v));
        } else {
            Cpu::default().forward(&problem, &q, &k, &v, &mut out, &mut log_sum_exp).expect("the shapes agree");
        }
    }
}

fn matmul(times: usize, backend: &dyn Backend<f32>) {
    let a = Matrix::from_fn(192, 192, |i, j| ((i * 7 + j) % 13) as f32);
    let mut c = Matrix::zeros(192, 192);
    for _ in 0..times {
        backend.gemm(1.0, a.view(), a.view(), 0.0, c.view_mut()).expect("the shapes agree");
        black_box(&c);
    }
}

/// Twenty steps more for each time.
fn microgpt(times: usize, engine: &dyn Engine) {
    let mut random = PythonRandom::new(42);
    let mut names = Names::embedded();
    names.shuffle(&mut random);
    let mut model = Model::new(Config::default(), &names, &mut random).expect("a model");
    let documents = Documents::from_names(&model, &names).expect("documents");
    let training = Training { steps: 20 * times, ..Training::default() };
    black_box(train(engine, &mut model, &documents, training, |_| {}).expect("it trains"));
}

fn integrators(times: usize) {
    let domain = Domain::unit(4);
    let product = |x: &[f64]| x.iter().map(|x| x * (1.0 - x)).product::<f64>();
    for seed in 0..times as u64 {
        let sobol = Sobol { samples: 1 << 14, seed, ..Sobol::default() };
        black_box(sobol.integrate(&domain, product)).expect("an estimate");
        let vegas = Vegas { samples: 1 << 14, seed, ..Vegas::default() };
        black_box(vegas.integrate(&domain, product)).expect("an estimate");
    }
}
