//! Attention: two heads over one of keys, causal, edges everywhere.

use gpukern_kernels::Entry;
use gpukern_kernels::attention::{self, flash_backward, flash_decode, flash_forward, flash_forward_mma};
use simgpu::{Gpu, LaunchReport, Module};

use super::{Case, Params, launch_any, narrow, random, room, upload};

pub(super) fn all() -> Vec<Case> {
    let mut cases = vec![
        Case { entry: attention::naive::SCORES, ptx: attention::naive::PTX, run: scores },
        Case { entry: attention::naive::SOFTMAX, ptx: attention::naive::PTX, run: attention_softmax },
        Case { entry: attention::naive::VALUES, ptx: attention::naive::PTX, run: values },
        Case { entry: flash_backward::DELTA, ptx: flash_backward::PTX, run: delta },
        Case { entry: flash_decode::COMBINE, ptx: flash_decode::PTX, run: combine },
    ];
    for variant in 0..4 {
        cases.push(Case { entry: flash_forward::ENTRIES[variant], ptx: flash_forward::PTX, run: forward });
        cases.push(Case { entry: flash_forward_mma::ENTRIES[variant], ptx: flash_forward_mma::PTX, run: forward_mma });
        cases.push(Case { entry: flash_decode::ENTRIES[variant], ptx: flash_decode::PTX, run: decode });
        cases.push(Case { entry: flash_backward::DQ[variant], ptx: flash_backward::PTX, run: dq });
        cases.push(Case { entry: flash_backward::DKV[variant], ptx: flash_backward::PTX, run: dkv });
    }
    cases
}

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

/// Three splits of keys, the last one shorter; as many rows share keys as fill a block and a part of one.
fn decode(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let shape = Shape { queries: 3, keys: 230, ..Shape::of(entry) };
    let (split_keys, rows) = (96, shape.heads * shape.queries);
    let splits = flash_decode::splits(shape.keys as u32, split_keys) as usize;
    let q = upload(gpu, &random(1, shape.of_queries()));
    let [k, v] = [2, 3].map(|seed| upload(gpu, &random(seed, shape.of_keys())));
    let (out, log_sum_exp) = (room::<f32>(gpu, splits * shape.of_queries()), room::<f32>(gpu, splits * rows));
    let params = shape.params().f32(0.125).u32(1).u64(q).u64(k).u64(v).u32(split_keys).u64(out).u64(log_sum_exp);
    let grid = flash_decode::grid(1, rows as u32, shape.keys as u32, split_keys);
    launch_any(gpu, module, entry.name, [grid as u32, 1, 1], flash_decode::BLOCK, params)
}

fn combine(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (rows, splits, dim) = (7, 5, 60);
    let split_out = upload(gpu, &random(1, rows * splits * dim));
    let split_log_sum_exp = upload(gpu, &random(2, rows * splits));
    let (out, log_sum_exp) = (room::<f32>(gpu, rows * dim), room::<f32>(gpu, rows));
    let params = Params::new().u32(rows as u32).u32(splits as u32).u32(dim as u32);
    let params = params.u64(split_out).u64(split_log_sum_exp).u64(out).u64(log_sum_exp);
    // Fewer blocks than rows: each takes several.
    launch_any(gpu, module, entry.name, [3, 1, 1], flash_decode::BLOCK, params)
}
