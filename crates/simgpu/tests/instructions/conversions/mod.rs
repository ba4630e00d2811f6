//! "Data Movement and Conversion Instructions: cvt": every pair of types, in wide integers and exact arithmetic.

mod floats;
mod halves;
mod integers;

pub(crate) use halves::{brain_value, half_value, search};

use crate::support::Kind;

/// Name, the registers that may hold it, bits, whether it is signed.
const INTEGERS: [(&str, Kind, u32, bool); 8] = [
    ("u8", Kind::B16, 8, false),
    ("s8", Kind::B16, 8, true),
    ("u16", Kind::B16, 16, false),
    ("s16", Kind::B16, 16, true),
    ("u32", Kind::B32, 32, false),
    ("s32", Kind::B32, 32, true),
    ("u64", Kind::B64, 64, false),
    ("s64", Kind::B64, 64, true),
];

fn value(word: u64, bits: u32, signed: bool) -> i128 {
    let low = i128::from(word) & ((1i128 << bits) - 1);
    if signed && low >> (bits - 1) & 1 == 1 { low - (1i128 << bits) } else { low }
}

fn range(bits: u32, signed: bool) -> (i128, i128) {
    if signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) }
}

const SINGLES: &[u64] = &[
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x3f00_0000,
    0xbf00_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0x3fc0_0000,
    0x4020_0000,
    0xc020_0000,
    0x4b00_0001,
    0x4aff_ffff,
    0x4effffff,
    0x4f00_0000,
    0xcf00_0000,
    0x4f80_0000,
    0x5f00_0000,
    0xdf00_0000,
    0x5f80_0000,
    0x7f7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0x7f80_0001,
    0xffff_ffff,
    0x42fe_8000,
    0x437f_8000,
    0x477f_ff80,
    0x46ff_ff00,
    0xc300_8000,
    0xc700_0080,
    0x477f_f000,
    0x3380_0000,
    0x3300_0000,
    0x3300_0001,
    0x477f_efff,
    0x3880_0000,
    0x387f_e000,
    0x387f_f000,
    0x7f7f_8000,
    0x7f7f_7fff,
];
const DOUBLES: &[u64] = &[
    0,
    1 << 63,
    1,
    0x3fe0_0000_0000_0000,
    0xbfe0_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0x3ff8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0x41df_ffff_ffff_ffff,
    0x41df_ffff_ffe0_0000,
    0x41e0_0000_0000_0000,
    0xc1e0_0000_0020_0000,
    0x41ef_ffff_fff0_0000,
    0x43e0_0000_0000_0000,
    0xc3e0_0000_0000_0000,
    0x43f0_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0x47ef_ffff_f000_0000,
    0x47ef_ffff_efff_ffff,
    0x36a0_0000_0000_0000,
    0x3690_0000_0000_0000,
    0x3690_0000_0000_0001,
    0x3810_0000_0000_0000,
    0x380f_ffff_f000_0000,
    0x3ff0_0000_1000_0000,
    0x3ff0_0000_3000_0000,
    0x3ff0_0000_1000_0001,
];
