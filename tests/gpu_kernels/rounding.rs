//! 16-bit floating-point numbers on the host, and the kernels that convert to them.

use gpu_device::{Buffer, Vetted, kernels::matmul};
use gpukern_kernels::matmul::convert;

use crate::Gpu;

/// A 16-bit format: bits of the fraction, and the exponents of its normal numbers.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    fraction: i32,
    least: i32,
    largest: f64,
    kernel: &'static Vetted,
}

pub(crate) const BF16: Format =
    Format { fraction: 7, least: -126, largest: 3.389_531_389_251_535_5e38, kernel: &matmul::CONVERT_F32_TO_BF16 };
pub(crate) const F16: Format =
    Format { fraction: 10, least: -14, largest: 65_504.0, kernel: &matmul::CONVERT_F32_TO_F16 };

impl Format {
    /// To nearest, ties to even, in arithmetic: nothing here looks at bits.
    pub(crate) fn round(self, x: f32) -> f64 {
        let x = f64::from(x);
        if x == 0.0 || !x.is_finite() {
            return x;
        }
        // The exponent of an f64 that is no smaller than f32's least is exact.
        let exponent = (((x.to_bits() >> 52) & 0x7ff) as i32 - 1023).max(self.least);
        let unit = 2.0_f64.powi(exponent - self.fraction);
        let rounded = (x / unit).round_ties_even() * unit;
        if rounded.abs() > self.largest { f64::INFINITY.copysign(x) } else { rounded }
    }

    /// The number that 16 bits stand for.
    fn value(self, bits: u16) -> f64 {
        let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
        let (exponent, fraction) = ((bits & 0x7fff) >> self.fraction, f64::from(bits & ((1 << self.fraction) - 1)));
        let one = 2.0_f64.powi(self.fraction);
        if exponent == 0x7fff >> self.fraction {
            return if fraction == 0.0 { sign * f64::INFINITY } else { f64::NAN };
        }
        let significand = if exponent == 0 { fraction } else { one + fraction };
        sign * significand / one * 2.0_f64.powi(self.least + i32::from(exponent.max(1)) - 1)
    }

    /// On the device.
    pub(crate) fn convert(self, gpu: &Gpu, numbers: &[f32]) -> Buffer<u16> {
        let input = gpu.device.upload(numbers).expect("memory");
        let mut output = gpu.device.uninitialised(numbers.len()).expect("memory");
        let blocks = numbers.len().div_ceil(256) as u64;
        let arguments = [(numbers.len() as u64).into(), (&input).into(), (&mut output).into()];
        gpu.launch(self.kernel, blocks.min(16), convert::BLOCK, &arguments);
        output
    }
}

#[test]
fn conversions_round_to_nearest_even() {
    let gpu = Gpu::open();
    let mut numbers = vec![
        0.0,
        -0.0,
        1.0,
        65_504.0,
        65_519.9,
        65_520.0,
        -65_520.0,
        f32::MAX,
        f32::MIN_POSITIVE,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1.0e-45,
        5.9e-8,
        2.9e-8,
        3.0e-8,
        6.1e-5,
        3.39e38,
        3.4e38,
    ];
    // Every place between two neighbours, ties included, over many exponents.
    numbers.extend((0..20_000_u32).map(|i| f32::from_bits(i.wrapping_mul(214_013 << 3 | 0x1000))));
    numbers.extend((0..4096_u32).map(|i| f32::from_bits(0x3f80_0000 + (i << 12))));
    for format in [BF16, F16] {
        let bits = format.convert(&gpu, &numbers).to_vec().expect("numbers");
        for (&number, bits) in numbers.iter().zip(bits) {
            let (given, expected) = (format.value(bits), format.round(number));
            assert!(given == expected || given.is_nan() && expected.is_nan(), "{number:e}: {given:e}, {expected:e}");
            assert!(given.is_nan() || given.is_sign_negative() == number.is_sign_negative(), "{number:e}");
        }
    }
}
