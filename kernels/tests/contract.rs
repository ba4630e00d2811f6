//! What the constants say is what the PTX says.

use gpukern_kernels::{Entry, attention, darts, matmul, softmax};

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

const FILES: [(&str, &[&[Entry]]); 11] = [
    (matmul::naive::PTX, &[&[matmul::naive::MATMUL_NAIVE]]),
    (matmul::tiled::PTX, &[&[matmul::tiled::MATMUL_TILED_F32, matmul::tiled::MATMUL_TILED_F64]]),
    (matmul::register::PTX, &[&[matmul::register::MATMUL_REGISTER]]),
    (matmul::mma::PTX, &[&[matmul::mma::MATMUL_MMA_BF16, matmul::mma::MATMUL_MMA_F16]]),
    (matmul::convert::PTX, &[&[matmul::convert::CONVERT_F32_TO_BF16, matmul::convert::CONVERT_F32_TO_F16]]),
    (softmax::PTX, &[&[softmax::SOFTMAX]]),
    (darts::PTX, &[&[darts::DARTS]]),
    (attention::naive::PTX, &[&[attention::naive::SCORES, attention::naive::SOFTMAX, attention::naive::VALUES]]),
    (attention::flash_forward::PTX, &[&attention::flash_forward::ENTRIES]),
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
}
