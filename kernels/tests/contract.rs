//! What the constants say is what the PTX says.

use gpukern_kernels::{
    Entry, adam, attention, cross_entropy, darts, elementwise, embedding, heads, matmul, rms_norm, softmax,
};

/// The header of an entry: from its name to the brace, without spaces.
fn header<'a>(ptx: &'a str, name: &str) -> &'a str {
    let start = ptx.find(&format!(".visible .entry {name}(")).unwrap_or_else(|| panic!("no entry {name}"));
    ptx[start..].split('{').next().expect("a body")
}

fn check(ptx: &str, entries: &[Entry]) {
    assert_eq!(ptx.matches(".visible .entry ").count(), entries.len());
    for entry in entries {
        let header = header(ptx, entry.name);
        let types: Vec<&str> =
            header.lines().filter_map(|line| line.trim().strip_prefix(".param .")?.split(' ').next()).collect();
        let stated: Vec<&str> = entry.parameters.iter().map(|(_, kind)| *kind).collect();
        assert_eq!(types, stated, "{}", entry.name);
        let bound = header.lines().find_map(|line| line.strip_prefix(".maxntid "));
        let threads =
            bound.map(|sizes| sizes.split(", ").map(|size| size.trim().parse::<u32>().expect("a number")).product());
        assert_eq!(threads, entry.threads, "{}", entry.name);
    }
}

const FILES: [(&str, &[&[Entry]]); 18] = [
    (matmul::naive::PTX, &[&[matmul::naive::MATMUL_NAIVE]]),
    (matmul::tiled::PTX, &[&[matmul::tiled::MATMUL_TILED_F32, matmul::tiled::MATMUL_TILED_F64]]),
    (matmul::register::PTX, &[&[matmul::register::MATMUL_REGISTER]]),
    (matmul::mma::PTX, &[&[matmul::mma::MATMUL_MMA_BF16, matmul::mma::MATMUL_MMA_F16]]),
    (matmul::convert::PTX, &[&[matmul::convert::CONVERT_F32_TO_BF16, matmul::convert::CONVERT_F32_TO_F16]]),
    (softmax::PTX, &[&[softmax::SOFTMAX, softmax::SOFTMAX_BACKWARD]]),
    (rms_norm::PTX, &[&[rms_norm::RMS_NORM, rms_norm::BACKWARD_DX, rms_norm::BACKWARD_DWEIGHT, rms_norm::COLUMN_SUMS]]),
    (cross_entropy::PTX, &[&[cross_entropy::CROSS_ENTROPY, cross_entropy::CROSS_ENTROPY_BACKWARD]]),
    (embedding::PTX, &[&[embedding::EMBEDDING, embedding::EMBEDDING_BACKWARD]]),
    (heads::PTX, &[&[heads::SPLIT_HEADS, heads::JOIN_HEADS]]),
    (
        elementwise::PTX,
        &[&[elementwise::ADD, elementwise::RELU, elementwise::RELU_BACKWARD, elementwise::FLOORED_LOSS]],
    ),
    (adam::PTX, &[&[adam::ADAM, adam::SUM_OF_SQUARES]]),
    (darts::PTX, &[&[darts::DARTS]]),
    (attention::naive::PTX, &[&[attention::naive::SCORES, attention::naive::SOFTMAX, attention::naive::VALUES]]),
    (attention::flash_forward::PTX, &[&attention::flash_forward::ENTRIES]),
    (attention::flash_decode::PTX, &[&attention::flash_decode::ENTRIES, &[attention::flash_decode::COMBINE]]),
    (attention::flash_forward_mma::PTX, &[&attention::flash_forward_mma::ENTRIES]),
    (
        attention::flash_backward::PTX,
        &[&[attention::flash_backward::DELTA], &attention::flash_backward::DQ, &attention::flash_backward::DKV],
    ),
];

#[test]
fn every_entry_has_the_stated_parameters_and_block() {
    for (ptx, entries) in FILES {
        check(ptx, &entries.concat());
    }
}

#[test]
fn every_committed_ptx_is_in_a_constant() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/ptx");
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), FILES.len());
}

#[test]
fn every_ptx_loads_on_a_cuda_12_0_driver_and_names_no_folder_of_the_machine_that_built_it() {
    for (ptx, _) in FILES {
        assert!(ptx.contains("\n.version 8.0\n.target sm_80\n"));
        let files: Vec<&str> = ptx.lines().filter(|line| line.trim_start().starts_with(".file")).collect();
        assert!(!files.is_empty() && files.iter().all(|line| line.contains(" \"kernels/cuda/")), "{files:?}");
    }
}

#[test]
fn grids_cover_the_output() {
    assert_eq!(matmul::naive::grid(100, 33), [2, 13, 1]);
    assert_eq!(matmul::naive::grid(u32::MAX, 1)[1], 65_535);
    assert_eq!(matmul::tiled::grid(33, 64), 4);
    assert_eq!(matmul::register::grid(1 << 31, 1 << 31), 1 << 48);
    assert_eq!([1, 32, 33, 64, 65, 128, 129, 256, 257].map(attention::variant), [0, 0, 1, 1, 2, 2, 3, 3, 4]);
    assert_eq!(attention::flash_forward::grid(6, 65, 1), 12);
    assert_eq!(attention::flash_forward_mma::grid(6, 65), 12);
    assert_eq!(attention::flash_backward::dq_grid(6, 65, 3), 30);
    assert_eq!(attention::naive::grid(2, 33, 64), 8);
    // 2 heads of keys, 6 rows each in two blocks, 3 splits of 128.
    assert_eq!(attention::flash_decode::split_keys(300), 128);
    assert_eq!([0, 128, 129, 300].map(|keys| attention::flash_decode::splits(keys, 128)), [1, 1, 2, 3]);
    assert_eq!(attention::flash_decode::grid(2, 6, 300, 128), 12);
    for keys in [8192, 8193, 100_000, attention::LENGTH_MAX] {
        let length = attention::flash_decode::split_keys(keys);
        assert!(
            attention::flash_decode::splits(keys, length) <= attention::flash_decode::SPLITS_MAX
                && length.is_multiple_of(32)
        );
    }
    assert_eq!(rms_norm::dweight_grid(513, 65), 6);
    assert_eq!(embedding::backward_grid(27, 33), 54);
}

/// The formulas of the sources, at sizes that fill every tile, and where causal masks skip tiles.
#[test]
fn traffic_is_that_of_the_sources() {
    use attention::traffic::{Problem, flash_backward, flash_decode, flash_forward, flash_forward_mma, naive};
    let problem = Problem { heads: 1, kv_heads: 1, queries: 256, keys: 512, head_dim: 64, causal: false };
    let (n, m, d) = (256, 512, 64);
    assert_eq!(naive(&problem), [4 * n * m * (2 * d / 32 + 1), 4 * (4 * n * m + n), 4 * n * (2 * m * d / 32 + d)]);
    assert_eq!(flash_forward(&problem), 4 * (2 * n * d + n + n / 64 * 2 * m * d));
    assert_eq!(flash_forward_mma(&problem), 2 * n * d + n / 64 * 2 * 2 * m * d + 4 * n * (d + 1));
    let backward = [
        4 * 2 * n * d + 32 * n,
        4 * (3 * n * d + 2 * n + n / 32 * 3 * m * d),
        4 * (4 * m * d + m / 32 * (4 * n * d + 2 * n)),
    ];
    assert_eq!(flash_backward(&problem), backward);
    // Tiles of 64 queries see 320, 384, 448 and 512 keys.
    let causal = Problem { causal: true, ..problem };
    assert_eq!(flash_forward(&causal), 4 * (2 * n * d + n + 2 * (320 + 384 + 448 + 512) * d));
    let one = Problem { heads: 8, kv_heads: 2, queries: 1, ..problem };
    assert_eq!(flash_decode(&one, 128), [4 * (4 * 8 * d + 2 * 2 * m * d + 4 * 8 * (d + 1)), 4 * (4 * 8 + 8) * (d + 1)]);
    assert_eq!(flash_decode(&one, 512)[1], 0);
}
