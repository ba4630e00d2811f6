//! Each kernel of ours at a size that has edges and more than two tiles of everything.

use std::sync::Arc;

use gpukern_kernels::attention::{self, flash_backward, flash_forward, flash_forward_mma};
use gpukern_kernels::{Entry, darts, matmul, softmax};
use simgpu::{Gpu, LaunchReport, Module};

use super::{Params, launch_any, random, room, upload};

/// A kernel, its text, and how to launch it.
pub struct Case {
    pub entry: Entry,
    pub ptx: &'static str,
    run: fn(&Gpu, &Module, &Entry) -> LaunchReport,
}

impl Case {
    /// Runs the kernel from a module that has it.
    pub fn run(&self, gpu: &Gpu, module: &Arc<Module>) -> LaunchReport {
        (self.run)(gpu, module, &self.entry)
    }
}

/// Every entry.
pub fn all() -> Vec<Case> {
    let mut cases = vec![
        Case { entry: matmul::naive::MATMUL_NAIVE, ptx: matmul::naive::PTX, run: naive },
        Case { entry: matmul::tiled::MATMUL_TILED_F32, ptx: matmul::tiled::PTX, run: tiled_f32 },
        Case { entry: matmul::tiled::MATMUL_TILED_F64, ptx: matmul::tiled::PTX, run: tiled_f64 },
        Case { entry: matmul::register::MATMUL_REGISTER, ptx: matmul::register::PTX, run: register },
        Case { entry: matmul::mma::MATMUL_MMA_BF16, ptx: matmul::mma::PTX, run: mma },
        Case { entry: matmul::mma::MATMUL_MMA_F16, ptx: matmul::mma::PTX, run: mma },
        Case { entry: matmul::convert::CONVERT_F32_TO_BF16, ptx: matmul::convert::PTX, run: convert },
        Case { entry: matmul::convert::CONVERT_F32_TO_F16, ptx: matmul::convert::PTX, run: convert },
        Case { entry: softmax::SOFTMAX, ptx: softmax::PTX, run: row_softmax },
        Case { entry: attention::naive::SCORES, ptx: attention::naive::PTX, run: scores },
        Case { entry: attention::naive::SOFTMAX, ptx: attention::naive::PTX, run: attention_softmax },
        Case { entry: attention::naive::VALUES, ptx: attention::naive::PTX, run: values },
        Case { entry: flash_backward::DELTA, ptx: flash_backward::PTX, run: delta },
        Case { entry: darts::DARTS, ptx: darts::PTX, run: throw },
    ];
    for variant in 0..4 {
        cases.push(Case { entry: flash_forward::ENTRIES[variant], ptx: flash_forward::PTX, run: forward });
        cases.push(Case { entry: flash_forward_mma::ENTRIES[variant], ptx: flash_forward_mma::PTX, run: forward_mma });
        cases.push(Case { entry: flash_backward::DQ[variant], ptx: flash_backward::PTX, run: dq });
        cases.push(Case { entry: flash_backward::DKV[variant], ptx: flash_backward::PTX, run: dkv });
    }
    cases
}

fn naive(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (33, 35, 37);
    let (a, b) = (upload(gpu, &random(1, m * k)), upload(gpu, &random(2, k * n)));
    let c = room::<f32>(gpu, m * n);
    let (m, n, k) = (m as u32, n as u32, k as u32);
    let params = Params::new().u32(m).u32(n).u32(k).u64(a).u64(b).u64(c);
    launch_any(gpu, module, entry.name, matmul::naive::grid(m, n), matmul::naive::BLOCK, params)
}

fn tiled_f32(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (33, 35, 101);
    let (a, b) = (upload(gpu, &random(1, m * k)), upload(gpu, &random(2, k * n)));
    let c = room::<f32>(gpu, m * n);
    let (m, n, k) = (m as u32, n as u32, k as u32);
    let params = Params::new().u32(m).u32(n).u32(k).f32(1.5).u64(a).u32(k).u32(0).u64(b).u32(n).u32(0);
    let params = params.f32(0.0).u64(c).u32(n);
    launch_any(gpu, module, entry.name, [matmul::tiled::grid(m, n) as u32, 1, 1], matmul::tiled::BLOCK, params)
}

fn tiled_f64(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (33, 35, 101);
    let wide = |seed, count| random(seed, count).into_iter().map(f64::from).collect::<Vec<f64>>();
    let (a, b) = (upload(gpu, &wide(1, m * k)), upload(gpu, &wide(2, k * n)));
    let c = room::<f64>(gpu, m * n);
    let (m, n, k) = (m as u32, n as u32, k as u32);
    let params = Params::new().u32(m).u32(n).u32(k).f64(1.5).u64(a).u32(k).u32(0).u64(b).u32(n).u32(0);
    let params = params.f64(0.0).u64(c).u32(n);
    launch_any(gpu, module, entry.name, [matmul::tiled::grid(m, n) as u32, 1, 1], matmul::tiled::BLOCK, params)
}

/// Both of these take the same arguments; the elements of A and B differ.
fn blocked(gpu: &Gpu, module: &Module, entry: &Entry, a: u64, b: u64, [m, n, k]: [u32; 3]) -> LaunchReport {
    let c = room::<f32>(gpu, (m * n) as usize);
    let params = Params::new().u32(m).u32(n).u32(k).f32(1.5).u64(a).u32(k).u64(b).u32(n).f32(0.0).u64(c).u32(n);
    launch_any(gpu, module, entry.name, [matmul::register::grid(m, n) as u32, 1, 1], matmul::register::BLOCK, params)
}

fn register(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (130, 132, 100);
    let (a, b) = (upload(gpu, &random(1, m * k)), upload(gpu, &random(2, k * n)));
    blocked(gpu, module, entry, a, b, [m as u32, n as u32, k as u32])
}

/// Sixteen-bit patterns that are small numbers in both formats.
fn narrow(seed: u64, count: usize) -> Vec<u16> {
    random(seed, count).into_iter().map(|x| (x.to_bits() >> 16) as u16).collect()
}

fn mma(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (130, 136, 200);
    let (a, b) = (upload(gpu, &narrow(1, m * k)), upload(gpu, &narrow(2, k * n)));
    blocked(gpu, module, entry, a, b, [m as u32, n as u32, k as u32])
}

fn convert(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let count = 1001;
    let (input, output) = (upload(gpu, &random(1, count)), room::<u16>(gpu, count));
    let params = Params::new().u64(count as u64).u64(input).u64(output);
    launch_any(gpu, module, entry.name, [3, 1, 1], matmul::convert::BLOCK, params)
}

fn row_softmax(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (rows, columns) = (7, 1000);
    let (input, output) = (upload(gpu, &random(1, rows * columns)), room::<f32>(gpu, rows * columns));
    let params = Params::new().u32(rows as u32).u32(columns as u32).u64(input).u64(output);
    // Fewer blocks than rows: each takes several.
    launch_any(gpu, module, entry.name, [3, 1, 1], softmax::BLOCK, params)
}

/// What the attention cases share: two heads over one of keys, causal, edges everywhere.
struct Shape {
    heads: usize,
    queries: usize,
    keys: usize,
    head_dim: usize,
}

impl Shape {
    /// The largest head dimension of an entry, less as much as a copy of 16 bytes holds: rows are aligned, and there is an edge.
    fn of(entry: &Entry) -> Shape {
        let dim: usize = entry.name.rsplit("_d").next().and_then(|dim| dim.parse().ok()).unwrap_or(64);
        Shape { heads: 2, queries: 70, keys: 150, head_dim: dim - if entry.name.contains("mma") { 8 } else { 4 } }
    }

    fn of_queries(&self) -> usize {
        self.heads * self.queries * self.head_dim
    }

    fn of_keys(&self) -> usize {
        self.keys * self.head_dim
    }

    fn params(&self) -> Params {
        let (queries, keys) = (self.queries as u32, self.keys as u32);
        let params = Params::new().u32(1).u32(self.heads as u32).u32(1).u32(queries).u32(keys).u32(keys);
        params.u32(self.head_dim as u32)
    }
}

fn scores(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let shape = Shape::of(entry);
    let (q, k) = (upload(gpu, &random(1, shape.of_queries())), upload(gpu, &random(2, shape.of_keys())));
    let scores = room::<f32>(gpu, shape.heads * shape.queries * shape.keys);
    let grid = attention::naive::grid(shape.heads as u32, shape.queries as u32, shape.keys as u32) as u32;
    let params = shape.params().f32(0.125).u32(1).u64(q).u64(k).u64(scores);
    launch_any(gpu, module, entry.name, [grid, 1, 1], attention::naive::TILE_BLOCK, params)
}

fn attention_softmax(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (rows, keys) = (7, 1000);
    let (scores, log_sum_exp) = (upload(gpu, &random(1, rows * keys)), room::<f32>(gpu, rows));
    let params = Params::new().u32(rows as u32).u32(keys as u32).u64(scores).u64(log_sum_exp);
    launch_any(gpu, module, entry.name, [3, 1, 1], attention::naive::SOFTMAX_BLOCK, params)
}

fn values(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let shape = Shape::of(entry);
    let weights = upload(gpu, &random(1, shape.heads * shape.queries * shape.keys));
    let (v, out) = (upload(gpu, &random(2, shape.of_keys())), room::<f32>(gpu, shape.of_queries()));
    let grid = attention::naive::grid(shape.heads as u32, shape.queries as u32, shape.head_dim as u32) as u32;
    let params = shape.params().u64(weights).u64(v).u64(out);
    launch_any(gpu, module, entry.name, [grid, 1, 1], attention::naive::TILE_BLOCK, params)
}

fn forward(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let shape = Shape::of(entry);
    let q = upload(gpu, &random(1, shape.of_queries()));
    let [k, v] = [2, 3].map(|seed| upload(gpu, &random(seed, shape.of_keys())));
    let variant = attention::variant(shape.head_dim as u32);
    let grid = flash_forward::grid(shape.heads as u32, shape.queries as u32, variant);
    attend(gpu, module, entry, &shape, [q, k, v], grid)
}

fn forward_mma(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let shape = Shape::of(entry);
    let q = upload(gpu, &narrow(1, shape.of_queries()));
    let [k, v] = [2, 3].map(|seed| upload(gpu, &narrow(seed, shape.of_keys())));
    attend(gpu, module, entry, &shape, [q, k, v], flash_forward_mma::grid(shape.heads as u32, shape.queries as u32))
}

fn attend(gpu: &Gpu, module: &Module, entry: &Entry, shape: &Shape, [q, k, v]: [u64; 3], grid: u64) -> LaunchReport {
    let (out, log_sum_exp) = (room::<f32>(gpu, shape.of_queries()), room::<f32>(gpu, shape.heads * shape.queries));
    let params = shape.params().f32(0.125).u32(1).u64(q).u64(k).u64(v).u64(out).u64(log_sum_exp);
    launch_any(gpu, module, entry.name, [grid as u32, 1, 1], flash_forward::BLOCK, params)
}

fn delta(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (rows, dim) = (33, 60);
    let [out, d_out] = [1, 2].map(|seed| upload(gpu, &random(seed, rows * dim)));
    let delta = room::<f32>(gpu, rows);
    let params = Params::new().u32(rows as u32).u32(dim as u32).u64(out).u64(d_out).u64(delta);
    launch_any(gpu, module, entry.name, [3, 1, 1], flash_backward::DELTA_BLOCK, params)
}

fn dq(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let shape = Shape::of(entry);
    let variant = attention::variant(shape.head_dim as u32);
    let grid = flash_backward::dq_grid(shape.heads as u32, shape.queries as u32, variant);
    let d_q = room::<f32>(gpu, shape.of_queries());
    let params = backward(gpu, &shape).u64(d_q);
    launch_any(gpu, module, entry.name, [grid as u32, 1, 1], flash_backward::BLOCK, params)
}

fn dkv(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let shape = Shape::of(entry);
    let variant = attention::variant(shape.head_dim as u32);
    let grid = flash_backward::dkv_grid(1, shape.keys as u32, variant);
    let [d_k, d_v] = [0; 2].map(|_: i32| room::<f32>(gpu, shape.of_keys()));
    let params = backward(gpu, &shape).u64(d_k).u64(d_v);
    launch_any(gpu, module, entry.name, [grid as u32, 1, 1], flash_backward::BLOCK, params)
}

fn backward(gpu: &Gpu, shape: &Shape) -> Params {
    let [q, d_out] = [1, 4].map(|seed| upload(gpu, &random(seed, shape.of_queries())));
    let [k, v] = [2, 3].map(|seed| upload(gpu, &random(seed, shape.of_keys())));
    let [log_sum_exp, delta] = [5, 6].map(|seed| upload(gpu, &random(seed, shape.heads * shape.queries)));
    let params = shape.params().f32(0.125).u32(1).u64(q).u64(k).u64(v).u64(d_out);
    params.u64(log_sum_exp).u64(delta)
}

fn throw(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let inside = upload(gpu, &[0u64]);
    let params = Params::new().u64(5).u64(10_001).u64(42).u64(inside);
    launch_any(gpu, module, entry.name, [4, 1, 1], darts::BLOCK, params)
}
