//! What the checks find, and what they must not find: small kernels, each with and without its mistake.

mod launches;
mod races;
mod races_global;
mod scheduling;

use simgpu::{Finding, FindingKind, Gpu, Launch, LaunchReport, Settings};

/// A kernel `k(out)` around a body: `%r0` is the thread, `%r1` the block, `%a0` the buffer, `s` 4,096 bytes of shared memory.
fn kernel(body: &str) -> String {
    format!(
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 out)\n{{\n\
         .reg .pred %p<8>; .reg .b32 %r<16>; .reg .b64 %a<8>; .shared .align 16 .b8 s[4096];\n\
         ld.param.u64 %a0, [out]; mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x;\n{body}\nret;\n}}\n"
    )
}

/// Runs it with a buffer of 64 KiB of zeros.
fn run_with(body: &str, grid: u32, block: u32, settings: Settings) -> (LaunchReport, Vec<u32>) {
    let settings = Settings { block_instructions_max: 1 << 24, ..settings };
    let gpu = Gpu::new(settings);
    let module = gpu.load(&kernel(body)).unwrap_or_else(|error| panic!("{error}\n{body}"));
    let buffer = gpu.allocate_initialized(1 << 16).expect("memory");
    let launch = Launch { grid: [grid, 1, 1], block: [block, 1, 1], shared_bytes: 0, params: &buffer.to_le_bytes() };
    let mut report = gpu.launch(&module, "k", &launch).expect("a launch");
    // Addresses in the buffer as offsets: where it lies is another place each time.
    for address in report.findings.iter_mut().filter_map(|finding| finding.address.as_mut()) {
        *address = address.checked_sub(buffer).unwrap_or(*address);
    }
    let mut bytes = vec![0; 1 << 16];
    gpu.read(buffer, &mut bytes).expect("a range");
    let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")));
    (report, words.collect())
}

fn run(body: &str, grid: u32, block: u32) -> Vec<Finding> {
    run_with(body, grid, block, Settings::default()).0.findings
}

fn kinds(findings: &[Finding]) -> Vec<FindingKind> {
    let mut kinds: Vec<FindingKind> = findings.iter().map(|finding| finding.kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}
