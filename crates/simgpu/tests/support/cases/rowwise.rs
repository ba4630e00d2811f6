//! Kernels of the rows of a matrix. There are fewer blocks than rows, so that each takes several, and more columns than threads.

use gpukern_kernels::{Entry, cross_entropy, rms_norm, softmax};
use simgpu::{Gpu, LaunchReport, Module};

use super::{Case, Params, launch_any, random, room, upload};

const ROWS: usize = 7;
const COLUMNS: usize = 1000;
const BLOCKS: [u32; 3] = [3, 1, 1];

pub(super) fn all() -> Vec<Case> {
    vec![
        Case { entry: softmax::SOFTMAX, ptx: softmax::PTX, run: row_softmax },
        Case { entry: softmax::SOFTMAX_BACKWARD, ptx: softmax::PTX, run: softmax_backward },
        Case { entry: rms_norm::RMS_NORM, ptx: rms_norm::PTX, run: norm },
        Case { entry: rms_norm::BACKWARD_DX, ptx: rms_norm::PTX, run: norm_dx },
        Case { entry: rms_norm::BACKWARD_DWEIGHT, ptx: rms_norm::PTX, run: norm_dweight },
        Case { entry: rms_norm::COLUMN_SUMS, ptx: rms_norm::PTX, run: column_sums },
        Case { entry: cross_entropy::CROSS_ENTROPY, ptx: cross_entropy::PTX, run: loss },
        Case { entry: cross_entropy::CROSS_ENTROPY_BACKWARD, ptx: cross_entropy::PTX, run: loss_backward },
    ]
}

fn matrix(gpu: &Gpu, seed: u64) -> u64 {
    upload(gpu, &random(seed, ROWS * COLUMNS))
}

fn sizes() -> Params {
    Params::new().u32(ROWS as u32).u32(COLUMNS as u32)
}

fn row_softmax(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let params = sizes().u64(matrix(gpu, 1)).u64(room::<f32>(gpu, ROWS * COLUMNS));
    launch_any(gpu, module, entry.name, BLOCKS, softmax::BLOCK, params)
}

fn softmax_backward(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let params = sizes().u64(matrix(gpu, 1)).u64(matrix(gpu, 2)).u64(room::<f32>(gpu, ROWS * COLUMNS));
    launch_any(gpu, module, entry.name, BLOCKS, softmax::BLOCK, params)
}

fn norm(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let weight = upload(gpu, &random(2, COLUMNS));
    let params = sizes().f32(1e-5).u32(1).u64(matrix(gpu, 1)).u64(weight);
    let params = params.u64(room::<f32>(gpu, ROWS * COLUMNS)).u64(room::<f32>(gpu, ROWS));
    launch_any(gpu, module, entry.name, BLOCKS, rms_norm::BLOCK, params)
}

fn norm_dx(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (weight, inverse_rms) = (upload(gpu, &random(2, COLUMNS)), upload(gpu, &random(3, ROWS)));
    let params = sizes().u32(1).u64(matrix(gpu, 1)).u64(weight).u64(inverse_rms).u64(matrix(gpu, 4));
    launch_any(gpu, module, entry.name, BLOCKS, rms_norm::BLOCK, params.u64(room::<f32>(gpu, ROWS * COLUMNS)))
}

/// Two runs of rows, the second one short, and a tile of columns that is not full.
fn norm_dweight(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (rows, columns) = (rms_norm::RUN as usize + 5, 40);
    let [x, d_out] = [1, 2].map(|seed| upload(gpu, &random(seed, rows * columns)));
    let (inverse_rms, partial) = (upload(gpu, &random(3, rows)), room::<f32>(gpu, 2 * columns));
    let (rows, columns) = (rows as u32, columns as u32);
    let params =
        Params::new().u32(rows).u32(columns).u32(rms_norm::RUN).u64(x).u64(inverse_rms).u64(d_out).u64(partial);
    let grid = rms_norm::dweight_grid(rows, columns) as u32;
    launch_any(gpu, module, entry.name, [grid, 1, 1], rms_norm::BLOCK, params)
}

fn column_sums(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let params = sizes().u64(matrix(gpu, 1)).u64(room::<f32>(gpu, COLUMNS));
    let grid = (COLUMNS as u32).div_ceil(rms_norm::COLUMNS);
    launch_any(gpu, module, entry.name, [grid, 1, 1], rms_norm::BLOCK, params)
}

/// The targets of the rows; one is none.
fn targets(gpu: &Gpu) -> u64 {
    upload(gpu, &[3, 999, u32::MAX, 0, 500, 998, 17])
}

fn loss(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let params = sizes().u64(matrix(gpu, 1)).u64(targets(gpu)).u64(room::<f32>(gpu, ROWS)).u64(room::<f32>(gpu, ROWS));
    launch_any(gpu, module, entry.name, BLOCKS, cross_entropy::BLOCK, params)
}

fn loss_backward(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let [log_sum_exp, d_loss] = [2, 3].map(|seed| upload(gpu, &random(seed, ROWS)));
    let params = sizes().u64(matrix(gpu, 1)).u64(targets(gpu)).u64(log_sum_exp).u64(d_loss);
    launch_any(gpu, module, entry.name, BLOCKS, cross_entropy::BLOCK, params.u64(room::<f32>(gpu, ROWS * COLUMNS)))
}
