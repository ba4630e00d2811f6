//! Floating-point formats of sixteen bits: IEEE binary16 and bfloat16.

use super::Lane;
use super::rounding::{DOWN, UP, ZERO};

/// IEEE binary16.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Half(pub(crate) u16);

/// bfloat16: the upper half of a single.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Brain(pub(crate) u16);

impl Lane for Half {
    type Bits = u32;
    #[inline(always)]
    fn of(bits: u32) -> Half {
        Half(bits as u16)
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self.0)
    }
}

impl Lane for Brain {
    type Bits = u32;
    #[inline(always)]
    fn of(bits: u32) -> Brain {
        Brain(bits as u16)
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self.0)
    }
}

impl Half {
    /// Exact.
    #[inline(always)]
    pub(crate) fn to_f32(self) -> f32 {
        let (sign, rest) = (u32::from(self.0 & 0x8000) << 16, u32::from(self.0 & 0x7fff));
        // Exponent and mantissa moved into place; 2^112 puts the bias right, subnormals included.
        let scaled = f32::from_bits(rest << 13) * f32::from_bits(0x7780_0000);
        let special = f32::from_bits(0x7f80_0000 | rest << 13);
        let magnitude = if rest >= 0x7c00 { special } else { scaled };
        f32::from_bits(sign | magnitude.to_bits())
    }

    /// To nearest, ties to even. NaN becomes 0x7fff.
    #[inline(always)]
    pub(crate) fn from_f64(x: f64) -> Half {
        let sign = ((x.to_bits() >> 48) & 0x8000) as u16;
        let magnitude = x.abs();
        // Adding a power of two whose last place is the last place of the result rounds to it.
        let exponent = ((magnitude.to_bits() >> 52) as i64 - 1023).max(-14);
        let unit = f64::from_bits((((exponent - 10 + 1023) as u64) << 52) & 0x7ff0_0000_0000_0000);
        let shift = unit * 6_755_399_441_055_744.0; // 1.5 · 2^52
        let rounded = (magnitude + shift) - shift;
        let bits = if magnitude.is_nan() {
            0x7fff
        } else if rounded >= 65536.0 || magnitude >= 65536.0 {
            0x7c00
        } else {
            encode(rounded)
        };
        Half(if bits == 0x7fff { bits } else { sign | bits })
    }

    #[inline(always)]
    pub(crate) fn from_f32(x: f32) -> Half {
        Half::from_f64(f64::from(x))
    }

    #[inline(always)]
    pub(crate) fn from_f32_towards_zero(x: f32) -> Half {
        Half::directed::<0>(f64::from(x))
    }

    /// Nearest, and one step back where that was a step in the wrong direction.
    #[inline(always)]
    pub(crate) fn directed<const MODE: u8>(x: f64) -> Half {
        let nearest = Half::from_f64(x);
        let back = f64::from(nearest.to_f32());
        let down = MODE == DOWN || (MODE == ZERO && x > 0.0);
        let up = MODE == UP || (MODE == ZERO && x < 0.0);
        // The bits of a number count up away from zero; a zero keeps the sign of x, so it is left outwards too.
        let step: i16 = if down && back > x {
            if x > 0.0 { -1 } else { 1 }
        } else if up && back < x {
            if x < 0.0 { -1 } else { 1 }
        } else {
            0
        };
        Half(nearest.0.wrapping_add_signed(step))
    }
}

/// The bits of a number below 65536 that binary16 has exactly.
#[inline(always)]
fn encode(exact: f64) -> u16 {
    // 2^-112 moves the exponent to binary16's place in a single; subnormals come out right.
    let single = (exact as f32) * f32::from_bits(0x0780_0000);
    (single.to_bits() >> 13) as u16
}

impl Brain {
    /// Exact.
    #[inline(always)]
    pub(crate) fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }

    /// To nearest, ties to even. NaN becomes 0x7fff.
    #[inline(always)]
    pub(crate) fn from_f32(x: f32) -> Brain {
        let bits = x.to_bits();
        let rounded = (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16;
        Brain(if x.is_nan() { 0x7fff } else { rounded })
    }

    /// The upper half, whatever the lower one.
    #[inline(always)]
    pub(crate) fn from_f32_towards_zero(x: f32) -> Brain {
        Brain(if x.is_nan() { 0x7fff } else { (x.to_bits() >> 16) as u16 })
    }

    /// Through a single that is rounded to odd, so that it is rounded once.
    #[inline(always)]
    pub(crate) fn from_f64(x: f64) -> Brain {
        let towards_zero = super::rounding::narrow::<0>(x);
        let inexact = f64::from(towards_zero) != x && x.is_finite();
        Brain::from_f32(f32::from_bits(towards_zero.to_bits() | u32::from(inexact)))
    }
}

/// A format of 16 bits.
pub(crate) trait Narrow: Lane<Bits = u32> {
    fn widen(self) -> f32;
    fn round(x: f64) -> Self;
}

impl Narrow for Half {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn round(x: f64) -> Half {
        Half::from_f64(x)
    }
}

impl Narrow for Brain {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn round(x: f64) -> Brain {
        Brain::from_f64(x)
    }
}
