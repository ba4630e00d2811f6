//! Whatever the text, loading it gives a module or an error, and what loads runs to an end: no panic, no hang, no memory without
//! a limit, with every check on.
//!
//! `fuzz/run.sh 600 ptx_run`
#![no_main]

use libfuzzer_sys::fuzz_target;
use simgpu::{Gpu, Launch, Settings};

fuzz_target!(|text: &str| {
    let settings = Settings { threads: Some(1), block_instructions_max: 1 << 12, ..Settings::default() };
    let gpu = Gpu::new(settings);
    let Ok(module) = gpu.load(text) else { return };
    let Ok(buffer) = gpu.allocate(4096) else { return };
    for name in module.kernels() {
        let Some(info) = module.kernel(&name) else { continue };
        let mut params = vec![0; info.params.last().map_or(0, |(offset, bytes)| offset + bytes) as usize];
        for &(offset, bytes) in &info.params {
            let value = if bytes == 8 { buffer } else { 7 };
            let place = &mut params[offset as usize..][..bytes as usize];
            place.iter_mut().zip(value.to_le_bytes()).for_each(|(byte, value)| *byte = value);
        }
        for block in [[33, 1, 1], info.threads_max.unwrap_or([1, 1, 1])] {
            let launch = Launch { grid: [2, 1, 1], block, shared_bytes: 64, params: &params };
            let _ = gpu.launch(&module, &name, &launch);
        }
    }
});
