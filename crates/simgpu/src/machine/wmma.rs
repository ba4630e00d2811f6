//! `wmma.mma`: D = A·B + C of tiles whose element `e`, row by row, is element `e / 32` of lane `e % 32`; see `decode::wmma`.

use super::block::Block;
use super::warp::Warp;
use crate::lanes::LANES;
use crate::lanes::sixteen::{Brain, Half};
use crate::program::{MatrixFormat, Op, Slot, WmmaOp};

pub(crate) fn multiply_fragments(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let op = &block.context.program.fragments[ops[0].immediate as usize];
    match op.format {
        MatrixFormat::Double => multiply_f64(warp, op),
        MatrixFormat::Signed8 | MatrixFormat::Unsigned8 => multiply_s32(warp, op),
        _ => multiply_f32(warp, op),
    }
}

/// The elements of a tile, `parts` in a register.
fn gather<T>(warp: &Warp, registers: &[Slot], count: usize, parts: usize, value: impl Fn(u32, usize) -> T) -> Vec<T> {
    let element = |e: usize| {
        let (lane, index) = (e % LANES, e / LANES);
        value(warp.registers.get(registers[index / parts])[lane], index % parts)
    };
    (0..count).map(element).collect()
}

fn half(word: u32, index: usize) -> f32 {
    Half((word >> (16 * index)) as u16).to_f32()
}

/// Halves, in either format, and tf32: sums in single precision, in the order of k.
fn multiply_f32(warp: &mut Warp, op: &WmmaOp) {
    let [m, n, k] = op.shape;
    let parts = op.format.elements();
    let value = |word: u32, index: usize| match op.format {
        MatrixFormat::Half => half(word, index),
        MatrixFormat::Brain => Brain((word >> (16 * index)) as u16).to_f32(),
        _ => f32::from_bits(word & 0xffff_e000),
    };
    let (a, b) = (gather(warp, &op.a, m * k, parts, value), gather(warp, &op.b, k * n, parts, value));
    let c = match op.narrow_c {
        true => gather(warp, &op.c, m * n, 2, half),
        false => gather(warp, &op.c, m * n, 1, |word, _| f32::from_bits(word)),
    };
    for e in 0..m * n {
        let (row, column) = (e / n, e % n);
        let sum = (0..k).fold(c[e], |sum, l| a[row * k + l].mul_add(b[l * n + column], sum));
        let (lane, index) = (e % LANES, e / LANES);
        if op.narrow_d {
            let word = &mut warp.registers.get_mut(op.d[index / 2])[lane];
            let shift = 16 * (index % 2);
            *word = *word & !(0xffff << shift) | u32::from(Half::from_f32(sum).0) << shift;
        } else {
            warp.registers.get_mut(op.d[index])[lane] = sum.to_bits();
        }
    }
}

/// Bytes: sums of 32 bits, which wrap or stop at the ends of the range.
fn multiply_s32(warp: &mut Warp, op: &WmmaOp) {
    let [m, n, k] = op.shape;
    let value = |word: u32, index: usize| {
        let byte = (word >> (8 * index)) as u8;
        if op.format == MatrixFormat::Signed8 { i64::from(byte as i8) } else { i64::from(byte) }
    };
    let (a, b) = (gather(warp, &op.a, m * k, 4, value), gather(warp, &op.b, k * n, 4, value));
    let c = gather(warp, &op.c, m * n, 1, |word, _| i64::from(word as i32));
    for e in 0..m * n {
        let (row, column) = (e / n, e % n);
        let sum = c[e] + (0..k).map(|l| a[row * k + l] * b[l * n + column]).sum::<i64>();
        let sum = if op.saturates { sum.clamp(i32::MIN.into(), i32::MAX.into()) } else { sum };
        warp.registers.get_mut(op.d[e / LANES])[e % LANES] = sum as u32;
    }
}

/// Doubles: 8×4 by 4×8.
fn multiply_f64(warp: &mut Warp, op: &WmmaOp) {
    let [m, n, k] = op.shape;
    let gather = |registers: &[Slot], count: usize| -> Vec<f64> {
        (0..count).map(|e| f64::from_bits(warp.registers.get_wide(registers[e / LANES])[e % LANES])).collect()
    };
    let (a, b, c) = (gather(&op.a, m * k), gather(&op.b, k * n), gather(&op.c, m * n));
    for e in 0..m * n {
        let (row, column) = (e / n, e % n);
        let sum = (0..k).fold(c[e], |sum, l| a[row * k + l].mul_add(b[l * n + column], sum));
        warp.registers.get_wide_mut(op.d[e / LANES])[e % LANES] = sum.to_bits();
    }
}
