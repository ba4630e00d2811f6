//! Kernels of a training step around the products: embeddings, heads, number by number, Adam.

use gpukern_kernels::{Entry, adam, elementwise, embedding, heads};
use simgpu::{Gpu, LaunchReport, Module};

use super::{Case, Params, launch_any, random, room, upload};

/// Fewer threads than numbers, so that each takes several.
const COUNT: usize = 2001;
const BLOCKS: [u32; 3] = [3, 1, 1];

pub(super) fn all() -> Vec<Case> {
    vec![
        Case { entry: adam::ADAM, ptx: adam::PTX, run: step },
        Case { entry: adam::SUM_OF_SQUARES, ptx: adam::PTX, run: sum_of_squares },
        Case { entry: elementwise::ADD, ptx: elementwise::PTX, run: two_arrays },
        Case { entry: elementwise::RELU, ptx: elementwise::PTX, run: one_array },
        Case { entry: elementwise::RELU_BACKWARD, ptx: elementwise::PTX, run: two_arrays },
        Case { entry: elementwise::FLOORED_LOSS, ptx: elementwise::PTX, run: loss },
        Case { entry: embedding::EMBEDDING, ptx: embedding::PTX, run: embed },
        Case { entry: embedding::EMBEDDING_BACKWARD, ptx: embedding::PTX, run: embed_backward },
        Case { entry: heads::SPLIT_HEADS, ptx: heads::PTX, run: split },
        Case { entry: heads::JOIN_HEADS, ptx: heads::PTX, run: join },
    ]
}

fn array(gpu: &Gpu, seed: u64) -> u64 {
    upload(gpu, &random(seed, COUNT))
}

fn step(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let numbers = [1.0, 0.9, 0.1, 0.99, 0.01, 1e-3, 1.0, 1e-8, 0.999];
    let params = numbers.into_iter().fold(Params::new().u64(COUNT as u64), Params::f32);
    let second = upload(gpu, &vec![0.5_f32; COUNT]);
    let params = params.u64(array(gpu, 1)).u64(array(gpu, 2)).u64(array(gpu, 3)).u64(second);
    let params = params.u64(room::<f32>(gpu, COUNT)).u64(upload(gpu, &[0_u32]));
    launch_any(gpu, module, entry.name, BLOCKS, adam::BLOCK, params)
}

fn sum_of_squares(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let params = Params::new().u64(COUNT as u64).u64(array(gpu, 1)).u64(room::<f64>(gpu, BLOCKS[0] as usize));
    launch_any(gpu, module, entry.name, BLOCKS, adam::BLOCK, params)
}

fn one_array(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let params = Params::new().u64(COUNT as u64).u64(array(gpu, 1));
    launch_any(gpu, module, entry.name, BLOCKS, elementwise::BLOCK, params)
}

fn two_arrays(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let params = Params::new().u64(COUNT as u64).u64(array(gpu, 1)).u64(array(gpu, 2));
    launch_any(gpu, module, entry.name, BLOCKS, elementwise::BLOCK, params)
}

fn loss(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let losses = upload(gpu, &vec![0.7_f32; COUNT]);
    let params = Params::new().u64(COUNT as u64).f32(1e-10).u64(array(gpu, 1)).u64(losses);
    launch_any(gpu, module, entry.name, BLOCKS, elementwise::BLOCK, params.u64(room::<f32>(gpu, COUNT)))
}

/// Rows of a batch, and rows of a table: more columns than a tile, and a second tile that is not full.
const ROWS: usize = 37;
const COLUMNS: usize = 40;
const ENTRIES: usize = 11;

fn indices(gpu: &Gpu) -> u64 {
    upload(gpu, &(0..ROWS).map(|row| (row * row % ENTRIES) as u32).collect::<Vec<u32>>())
}

fn embed(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let table = |seed| upload(gpu, &random(seed, ENTRIES * COLUMNS));
    let entries = ENTRIES as u32;
    let params = Params::new().u32(ROWS as u32).u32(COLUMNS as u32).u32(entries).u32(entries);
    let params = params.u64(indices(gpu)).u64(indices(gpu)).u64(table(1)).u64(table(2));
    let params = params.u64(room::<f32>(gpu, ROWS * COLUMNS));
    launch_any(gpu, module, entry.name, BLOCKS, embedding::BLOCK, params)
}

fn embed_backward(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (d_out, d_table) = (upload(gpu, &random(1, ROWS * COLUMNS)), room::<f32>(gpu, ENTRIES * COLUMNS));
    let params = Params::new().u32(ROWS as u32).u32(COLUMNS as u32).u32(ENTRIES as u32);
    let blocks = embedding::backward_grid(ENTRIES as u32, COLUMNS as u32) as u32;
    let params = params.u64(indices(gpu)).u64(d_out).u64(d_table);
    launch_any(gpu, module, entry.name, [blocks, 1, 1], embedding::BLOCK, params)
}

/// Three entries of seven tokens with two heads of nine numbers, the last of two parts, into a cache that is then full.
const HEADS: [u32; 8] = [3, 7, 2, 9, 2, 1, 10, 3];

fn of_heads() -> Params {
    HEADS.into_iter().fold(Params::new(), Params::u32)
}

fn heads_room() -> [usize; 2] {
    let [batch, tokens, heads, head_dim, parts, _, capacity, _] = HEADS.map(|size| size as usize);
    [batch * tokens * parts * heads * head_dim, batch * heads * capacity * head_dim]
}

fn split(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let [rows, by_head] = heads_room();
    let params = of_heads().u64(upload(gpu, &random(1, rows))).u64(room::<f32>(gpu, by_head));
    launch_any(gpu, module, entry.name, [1, 1, 1], heads::BLOCK, params)
}

fn join(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let [rows, by_head] = heads_room();
    let params = of_heads().u64(upload(gpu, &random(1, by_head))).u64(room::<f32>(gpu, rows));
    launch_any(gpu, module, entry.name, [1, 1, 1], heads::BLOCK, params)
}
