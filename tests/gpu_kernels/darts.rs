//! Random darts: the same count as an independent Philox4x32-10 on the CPU, to the last dart.

use gpu_device::kernels;
use gpukern_kernels::darts::BLOCK;

use crate::{Gpu, launched};

/// Philox4x32-10 as its authors define it (Salmon, Moraes, Dror & Shaw 2011, section 3.3), one round a recursion.
fn philox(round: u32, [c0, c1, c2, c3]: [u32; 4], [k0, k1]: [u32; 2]) -> [u32; 4] {
    if round == 10 {
        return [c0, c1, c2, c3];
    }
    let product = |multiplier: u32, c: u32| {
        let wide = u64::from(multiplier) * u64::from(c);
        ((wide >> 32) as u32, wide as u32)
    };
    let ((high_0, low_0), (high_1, low_1)) = (product(0xd251_1f53, c0), product(0xcd9e_8d57, c2));
    let key = [k0.wrapping_add(0x9e37_79b9), k1.wrapping_add(0xbb67_ae85)];
    philox(round + 1, [high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0], key)
}

/// The test vectors that come with Random123 (`kat_vectors`, philox4x32 10).
#[test]
fn philox_is_that_of_random123() {
    let digits_of_pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
    for (counter, key, output) in [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (digits_of_pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
    ] {
        assert_eq!(philox(0, counter, key), output);
    }
}

/// Darts first … first + samples − 1, one after the other; the circle in 128-bit integers, as its equation says.
fn on_cpu(first: u64, samples: u64, seed: u64) -> u64 {
    let inside = |dart: u64| {
        let (block, lane, key) = (dart / 4, (dart % 4) as usize, [seed as u32, (seed >> 32) as u32]);
        let [coarse, fine] = [0, 1].map(|level| philox(0, [block as u32, (block >> 32) as u32, level, 0], key)[lane]);
        let square = |high: u32, low: u32| (2 * (i128::from(high as i16) * 65536 + i128::from(low)) + 1).pow(2);
        let [x, y] = [square(coarse & 0xffff, fine & 0xffff), square(coarse >> 16, fine >> 16)];
        u64::from(x + y <= 1 << 64)
    };
    (first..first + samples).map(inside).sum()
}

fn on_gpu(gpu: &Gpu, first: u64, samples: u64, seed: u64, blocks: u64) -> u64 {
    let mut inside = gpu.device.zeros::<u64>(1).expect("memory");
    let arguments = [first.into(), samples.into(), seed.into(), (&mut inside).into()];
    gpu.launch(&kernels::DARTS, blocks, BLOCK, &arguments);
    inside.to_vec().expect("a count")[0]
}

#[test]
fn every_dart_is_counted() {
    let gpu = Gpu::open();
    let far = (1 << 33) - 5;
    for (first, samples, seed) in [
        (0, 0, 1),
        (0, 1, 1),
        (1, 1, 1),
        (0, 2, 1),
        (7, 1, 1 << 40),
        (3, 1001, 42),
        (far, 4099, u64::MAX),
        (0, 100_003, 0x1234_5678_9abc_def0),
    ] {
        let counts = [1, 3, 40].map(|blocks| on_gpu(&gpu, first, samples, seed, blocks));
        assert_eq!(counts, [on_cpu(first, samples, seed); 3], "{samples} darts from {first}, seed {seed}");
    }
}

#[test]
fn the_documented_million() {
    let gpu = Gpu::open();
    assert_eq!(on_cpu(0, 1_000_000, 42), 785_475);
    assert_eq!(on_gpu(&gpu, 0, 1_000_000, 42, 108), 785_475);
    assert_eq!(montecarlo::pi::darts(1_000_000, 42).inside, 785_475);
}

/// What users call: the count of the CPU's vector kernels, for any part of the range.
#[test]
fn the_library_counts_the_same_on_both() {
    let gpu = Gpu::open();
    for (first, samples, seed) in [(0, 0, 1), (0, 1, 1), (5, 300_001, 7), ((1 << 40) + 3, 50_000, u64::MAX)] {
        let thrown = montecarlo::gpu::darts(&gpu.device, first, samples, seed).expect("darts");
        let throw = montecarlo::pi::Throw { seed, ..Default::default() };
        assert_eq!(thrown, throw.darts(first, samples).expect("darts"), "{samples} from {first}, seed {seed}");
        launched();
    }
}
