//! Thirty-two lanes at once: the registers of a warp, and operations that treat every lane alike.
//!
//! The plain version of an instruction is
//!
//! ```text
//! for lane in 0..32 { if active[lane] { d[lane] = f(a[lane], b[lane]) } }
//! ```
//!
//! What is done for speed:
//! 1. A register is 32 numbers in a row, so the loop is two vector instructions with AVX-512 and four with AVX2. The compiler
//!    makes them from the loop; each function is compiled once for each [`Lanes`](crate::Lanes) and picked when a module loads.
//! 2. All lanes are computed, and the mask decides what is stored: one path when it is full, a blend when it is not.
//! 3. Equal instructions in a row (64 multiply-adds, say) are one call that loops over them.
//! 4. Operations that are seldom met (directed rounding, most conversions) are compiled once and run the plain loop: see `each`.
//! 5. A predicate is a register too, 0 or all ones, so that comparisons and selections are vector instructions as well.
#![allow(unsafe_code)]
// A lane is a number that indexes several registers at once.
#![allow(clippy::needless_range_loop)]

pub(crate) mod bits;
pub(crate) mod compare;
pub(crate) mod convert;
mod each;
pub(crate) mod eight;
mod exact;
pub(crate) mod float;
pub(crate) mod gather;
pub(crate) mod half;
pub(crate) mod integer;
mod lane;
pub(crate) mod parts;
mod registers;
pub(crate) mod rounding;
pub(crate) mod sixteen;

pub(crate) use lane::{Bits, Lane};
pub(crate) use registers::{LANES, Registers, Unit, bits_of, lanes_of, lanes_that_are};

use crate::machine::{Block, Run, Warp};
use crate::program::Op;
use crate::settings;

/// One function for each way to compute lanes.
#[derive(Clone, Copy)]
pub(crate) struct Variants {
    /// Source operands that it reads; 0 where the operands are not in `Op::slots`.
    pub(crate) arity: usize,
    portable: Run,
    #[cfg(target_arch = "x86_64")]
    avx2: Run,
    #[cfg(target_arch = "x86_64")]
    avx512: Run,
}

impl Variants {
    pub(crate) const fn new(
        arity: usize,
        portable: Run,
        #[cfg(target_arch = "x86_64")] avx2: Run,
        #[cfg(target_arch = "x86_64")] avx512: Run,
    ) -> Variants {
        Variants {
            arity,
            portable,
            #[cfg(target_arch = "x86_64")]
            avx2,
            #[cfg(target_arch = "x86_64")]
            avx512,
        }
    }

    pub(crate) fn pick(self, lanes: Detected) -> Run {
        match lanes.0 {
            settings::Lanes::Portable => self.portable,
            #[cfg(target_arch = "x86_64")]
            settings::Lanes::Avx2 => self.avx2,
            #[cfg(target_arch = "x86_64")]
            settings::Lanes::Avx512 => self.avx512,
            #[cfg(not(target_arch = "x86_64"))]
            _ => self.portable,
        }
    }
}

/// A way to compute lanes that this CPU has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Detected(settings::Lanes);

impl Detected {
    /// The way asked for, or the best one that this CPU has where it has not that one.
    pub(crate) fn new(wanted: Option<settings::Lanes>) -> Detected {
        use settings::Lanes::{Avx2, Avx512, Portable};
        let wanted = wanted.unwrap_or(Avx512);
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            match wanted {
                Avx512 if avx512 => return Detected(Avx512),
                Avx512 | Avx2 if avx2 => return Detected(Avx2),
                _ => {}
            }
        }
        let _ = (wanted, Avx2);
        Detected(Portable)
    }
}

/// Runs operations: `ops[0].span` of them.
#[inline(always)]
pub(crate) fn run(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    // SAFETY: programs are only made by `program::decode`, which picks functions for the features in `Detected`, which has
    // found them on this CPU; and whose slots are all below the number of slots that `Warp::new` allocated.
    unsafe { (ops[0].run)(warp, block, ops) }
}

/// Lanes that are loaded, computed and stored together: one AVX-512 register of 32-bit numbers.
const CHUNK: usize = 16;

macro_rules! define_map {
    ($name:ident, $($arg:ident: $ty:ident = $index:literal),+) => {
        /// `d[lane] = f(…)` for the active lanes, for each operation of the span.
        ///
        /// # Safety
        /// The slots of `ops` must be registers of this warp, of the widths of the types.
        #[inline(always)]
        pub(crate) unsafe fn $name<D: Lane, $($ty: Lane),+>(warp: &mut Warp, ops: &[Op], f: impl Fn($($ty),+) -> D + Copy) {
            let full = warp.mask == u32::MAX;
            for op in &ops[..usize::from(ops[0].span)] {
                for chunk in 0..LANES / CHUNK {
                    // SAFETY: by the caller's promise. All sources of a chunk are read before its destination is written, and
                    // a destination is either exactly a source or does not touch it, so reading and writing may share.
                    unsafe {
                        $(let $arg = warp.registers.chunk::<$ty::Bits>(op.slots[$index], chunk);)+
                        let mut out = [D::Bits::default(); CHUNK];
                        for lane in 0..CHUNK {
                            out[lane] = f($($ty::of($arg[lane])),+).bits();
                        }
                        if !full {
                            let old = warp.registers.chunk::<D::Bits>(op.slots[0], chunk);
                            for lane in 0..CHUNK {
                                out[lane] = D::Bits::blend(out[lane], old[lane], warp.mask_lanes.0[chunk * CHUNK + lane]);
                            }
                        }
                        warp.registers.set_chunk::<D::Bits>(op.slots[0], chunk, out);
                    }
                }
            }
        }
    };
}

define_map!(map1, a: A = 1);
define_map!(map2, a: A = 1, b: B = 2);
define_map!(map3, a: A = 1, b: B = 2, c: C = 3);
define_map!(map4, a: A = 1, b: B = 2, c: C = 3, e: E = 4);

/// How many sources a map reads.
macro_rules! arity {
    (map1) => {
        1
    };
    (map2) => {
        2
    };
    (map3) => {
        3
    };
    (map4) => {
        4
    };
}
pub(crate) use arity;

/// Compiles an elementwise operation for each way to compute lanes.
macro_rules! lanes {
    ($map:ident, $f:expr) => {{
        use $crate::lanes::$map;
        unsafe fn portable(
            warp: &mut $crate::machine::Warp,
            _: &mut $crate::machine::Block<'_>,
            ops: &[$crate::program::Op],
        ) {
            // SAFETY: the caller of a `Run` promises what `map` asks for.
            unsafe { $map(warp, ops, $f) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,bmi1,bmi2,popcnt,lzcnt")]
        unsafe fn avx2(
            warp: &mut $crate::machine::Warp,
            _: &mut $crate::machine::Block<'_>,
            ops: &[$crate::program::Op],
        ) {
            // SAFETY: as above.
            unsafe { $map(warp, ops, $f) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma,bmi1,bmi2,popcnt,lzcnt")]
        unsafe fn avx512(
            warp: &mut $crate::machine::Warp,
            _: &mut $crate::machine::Block<'_>,
            ops: &[$crate::program::Op],
        ) {
            // SAFETY: as above.
            unsafe { $map(warp, ops, $f) }
        }
        $crate::lanes::Variants::new(
            $crate::lanes::arity!($map),
            portable,
            #[cfg(target_arch = "x86_64")]
            avx2,
            #[cfg(target_arch = "x86_64")]
            avx512,
        )
    }};
}
pub(crate) use lanes;

/// Compiles an elementwise operation once, lane by lane: for those that are rare, or that no vector instruction computes.
macro_rules! rare {
    ($map:ident, $f:expr) => {{
        fn lane_by_lane(
            warp: &mut $crate::machine::Warp,
            _: &mut $crate::machine::Block<'_>,
            ops: &[$crate::program::Op],
        ) {
            $crate::lanes::each::$map(warp, ops, $f)
        }
        $crate::lanes::Variants::new(
            $crate::lanes::arity!($map),
            lane_by_lane,
            #[cfg(target_arch = "x86_64")]
            lane_by_lane,
            #[cfg(target_arch = "x86_64")]
            lane_by_lane,
        )
    }};
}
pub(crate) use rare;

/// Compiles a function of a whole warp, `#[inline(always)]`, for each way to compute lanes.
macro_rules! compiled {
    ($f:path) => {{
        fn portable(
            warp: &mut $crate::machine::Warp,
            block: &mut $crate::machine::Block<'_>,
            ops: &[$crate::program::Op],
        ) {
            $f(warp, block, ops)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,bmi1,bmi2,popcnt,lzcnt")]
        fn avx2(warp: &mut $crate::machine::Warp, block: &mut $crate::machine::Block<'_>, ops: &[$crate::program::Op]) {
            $f(warp, block, ops)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma,bmi1,bmi2,popcnt,lzcnt")]
        fn avx512(
            warp: &mut $crate::machine::Warp,
            block: &mut $crate::machine::Block<'_>,
            ops: &[$crate::program::Op],
        ) {
            $f(warp, block, ops)
        }
        $crate::lanes::Variants::new(
            0,
            portable,
            #[cfg(target_arch = "x86_64")]
            avx2,
            #[cfg(target_arch = "x86_64")]
            avx512,
        )
    }};
}
pub(crate) use compiled;
