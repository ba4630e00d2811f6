//! Every committed kernel, launched through `gpu-device`, against the CPU: the answer is right, and the software GPU,
//! all checks on, finds nothing.
//!
//! ```text
//! cargo test --features whiteboard/simgpu --test gpu_kernels       # on any machine
//! cargo test --features whiteboard/cuda --test gpu_kernels         # on a GPU
//! ```
#![cfg(feature = "cuda")]

mod darts;
mod matmul;
mod rounding;
mod softmax;
#[path = "../support/mod.rs"]
mod support;
mod training;

use gpu_device::{Argument, Vetted, kernels};
use support::{Gpu, assert_launched, launched};

impl Gpu {
    /// Launches a kernel if there is anything to do, waits, and looks at what was found.
    fn launch(&self, vetted: &Vetted, blocks: u64, block: [u32; 3], arguments: &[Argument<'_>]) {
        if blocks == 0 {
            return;
        }
        let launch = kernels::launch(blocks, block).expect("a grid");
        self.launch_as(vetted, &launch, arguments);
    }

    fn launch_as(&self, vetted: &Vetted, launch: &gpu_device::Launch, arguments: &[Argument<'_>]) {
        let kernel = self.device.vetted(vetted).expect("a kernel");
        kernel.launch(launch, arguments).expect("a launch");
        self.device.synchronize().expect("the kernel ends well");
        assert_launched(&[vetted.kernel()]);
    }
}

/// Only the software GPU can say so.
#[cfg(feature = "simgpu")]
#[test]
fn what_is_wrong_is_found() {
    let gpu = Gpu::open();
    let input = gpu.device.uninitialised::<f32>(64).expect("memory");
    let mut output = gpu.device.uninitialised::<f32>(64).expect("memory");
    let kernel = gpu.device.vetted(&kernels::rowwise::SOFTMAX).expect("a kernel");
    let launch = kernels::launch(2, gpukern_kernels::softmax::BLOCK).expect("a grid");
    let arguments = [2_u32.into(), 32_u32.into(), (&input).into(), Argument::from(&mut output)];
    kernel.launch(&launch, &arguments).expect("a launch");
    let reports = simgpu::take_reports();
    assert!(reports[0].findings.iter().any(|found| found.kind == simgpu::FindingKind::UninitializedGlobal));
}

#[test]
fn a_buffer_that_is_too_short_is_refused_before_the_launch() {
    let gpu = Gpu::open();
    let buffer = gpu.device.zeros::<f32>(63).expect("memory");
    let kernel = gpu.device.vetted(&kernels::rowwise::SOFTMAX).expect("a kernel");
    let launch = kernels::launch(2, gpukern_kernels::softmax::BLOCK).expect("a grid");
    let arguments = [2_u32.into(), 32_u32.into(), Argument::from(&buffer), Argument::from(&buffer)];
    let error = kernel.launch(&launch, &arguments).expect_err("too short").to_string();
    assert_eq!(error, "argument 2 of kernel `softmax` must hold 256 bytes, it holds 252");
    assert_launched(&[]);
}
