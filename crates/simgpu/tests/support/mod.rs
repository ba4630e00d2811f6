//! What the tests of kernels share: device arrays, parameters, launches.
#![allow(dead_code, unreachable_pub, reason = "each test, and a bench, uses a part")]

pub mod cases;

use gpukern_kernels::Entry;
use simgpu::{Gpu, Launch, LaunchReport, Module};

/// Parameters, laid out one after the other at multiples of their sizes.
#[derive(Default)]
pub struct Params(Vec<u8>);

impl Params {
    pub fn new() -> Params {
        Params::default()
    }

    fn push(mut self, bytes: &[u8]) -> Params {
        self.0.resize(self.0.len().next_multiple_of(bytes.len()), 0);
        self.0.extend(bytes);
        self
    }

    pub fn u32(self, value: u32) -> Params {
        self.push(&value.to_le_bytes())
    }

    pub fn u64(self, value: u64) -> Params {
        self.push(&value.to_le_bytes())
    }

    pub fn f32(self, value: f32) -> Params {
        self.push(&value.to_le_bytes())
    }

    pub fn f64(self, value: f64) -> Params {
        self.push(&value.to_le_bytes())
    }
}

/// Device memory with these numbers.
pub fn upload<T: Number>(gpu: &Gpu, values: &[T]) -> u64 {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.bytes()).collect();
    let address = gpu.allocate(bytes.len() as u64).expect("memory");
    gpu.write(address, &bytes).expect("a range");
    address
}

/// Device memory for so many numbers, not written.
pub fn room<T: Number>(gpu: &Gpu, count: usize) -> u64 {
    gpu.allocate((count * T::SIZE) as u64).expect("memory")
}

pub fn download<T: Number>(gpu: &Gpu, address: u64, count: usize) -> Vec<T> {
    let mut bytes = vec![0; count * T::SIZE];
    gpu.read(address, &mut bytes).expect("a range");
    bytes.chunks_exact(T::SIZE).map(T::from_bytes).collect()
}

pub trait Number: Copy {
    const SIZE: usize;
    fn bytes(self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($($ty:ty),+) => {$(
        impl Number for $ty {
            const SIZE: usize = size_of::<$ty>();
            fn bytes(self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
            fn from_bytes(bytes: &[u8]) -> $ty {
                <$ty>::from_le_bytes(bytes.try_into().expect("as many bytes"))
            }
        }
    )+};
}
number!(u16, u32, u64, f32, f64);

/// Launches a kernel of ours and requires that nothing was found.
pub fn launch(
    gpu: &Gpu,
    module: &Module,
    entry: &Entry,
    grid: [u32; 3],
    block: [u32; 3],
    params: Params,
) -> LaunchReport {
    let report = launch_any(gpu, module, entry.name, grid, block, params);
    assert!(report.findings.is_empty(), "{}: {:#?}", entry.name, report.findings);
    report
}

pub fn launch_any(
    gpu: &Gpu,
    module: &Module,
    name: &str,
    grid: [u32; 3],
    block: [u32; 3],
    params: Params,
) -> LaunchReport {
    let launch = Launch { grid, block, shared_bytes: 0, params: &params.0 };
    gpu.launch(module, name, &launch).expect("a launch")
}

/// Numbers in [−1, 1), the same for the same seed.
pub fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}
