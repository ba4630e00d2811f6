//! What the constants say is what the PTX says.

use gpukern_kernels::{Entry, attention, matmul, softmax};

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

#[test]
fn every_entry_has_the_stated_parameters_and_block() {
    check(matmul::naive::PTX, &[matmul::naive::MATMUL_NAIVE]);
    check(matmul::tiled::PTX, &[matmul::tiled::MATMUL_TILED_F32, matmul::tiled::MATMUL_TILED_F64]);
    check(matmul::register::PTX, &[matmul::register::MATMUL_REGISTER]);
    check(softmax::PTX, &[softmax::SOFTMAX]);
    check(attention::flash_forward::PTX, &attention::flash_forward::ENTRIES);
}

#[test]
fn every_ptx_loads_on_a_cuda_12_0_driver_and_names_no_folder_of_the_machine_that_built_it() {
    let all =
        [matmul::naive::PTX, matmul::tiled::PTX, matmul::register::PTX, softmax::PTX, attention::flash_forward::PTX];
    for ptx in all {
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
}
