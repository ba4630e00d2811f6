//! The plain loop over lanes, for operations that are not worth compiling for every vector instruction set.

use super::{Bits, LANES, Lane};
use crate::machine::Warp;
use crate::program::Op;

macro_rules! define_map {
    ($name:ident, $($arg:ident: $ty:ident = $index:literal),+) => {
        /// `d[lane] = f(…)` for the active lanes, for each operation of the span.
        #[inline(always)]
        pub(crate) fn $name<D: Lane, $($ty: Lane),+>(warp: &mut Warp, ops: &[Op], f: impl Fn($($ty),+) -> D) {
            for op in &ops[..usize::from(ops[0].span)] {
                for lane in 0..LANES {
                    if warp.mask >> lane & 1 == 1 {
                        $(let $arg = $ty::of(<$ty::Bits as Bits>::get(&warp.registers, op.slots[$index], lane));)+
                        <D::Bits as Bits>::set(&mut warp.registers, op.slots[0], lane, f($($arg),+).bits());
                    }
                }
            }
        }
    };
}

define_map!(map1, a: A = 1);
define_map!(map2, a: A = 1, b: B = 2);
define_map!(map3, a: A = 1, b: B = 2, c: C = 3);
