//! Tensor cores: `ldmatrix`, `stmatrix` and `mma`. PTX manual, "Warp-level Matrix Multiply-Accumulate
//! Instructions".
//!
//! A matrix is spread over the lanes: with `group = lane / 4` and `place = lane % 4`, a lane holds elements of rows `group` and
//! `group + 8` of A, as many in a row as a register has room for, and as many of column `group` of B. Here the fragments are
//! gathered into small matrices, multiplied, and spread again. Products of 16-bit and 8-bit numbers are exact in single precision
//! and are summed there in order of k; how a GPU rounds in between is not documented, so results are compared with a tolerance.
//! Integer sums are exact.

use super::access::lanes_in;
use super::block::Block;
use super::shadow::Access;
use super::shared;
use super::warp::Warp;
use crate::lanes::LANES;
use crate::lanes::eight;
use crate::lanes::sixteen::{Brain, Half};
use crate::program::{MatrixFormat, MatrixOp, Op};

/// `ldmatrix`: eight rows of 16 bytes a matrix, whose addresses the first eight lanes give, the next eight, and so on.
pub(crate) fn load_matrix(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let (matrices, transposed) = (usize::from(op.count), op.signed);
    let offsets = shared::offsets(warp, op.address, op.address_wide, op.offset);
    let all = warp.mask;
    warp.set_mask(all & (u32::MAX >> (32 - 8 * matrices)));
    let good = block.inside_shared(warp, op.position, &offsets, 16);
    shared::count(&mut block.counters.shared_loads, &offsets, warp.mask, 16);
    block.check_shared(warp, op.position, good, Access::Read, &offsets, 16);
    warp.set_mask(all);
    for matrix in 0..matrices {
        let mut elements = [[0u16; 8]; 8];
        for (row, elements) in elements.iter_mut().enumerate() {
            let lane = 8 * matrix + row;
            if good >> lane & 1 == 1 {
                let bytes = &block.shared[offsets[lane] as usize..][..16];
                for (element, pair) in elements.iter_mut().zip(bytes.chunks_exact(2)) {
                    *element = u16::from_le_bytes([pair[0], pair[1]]);
                }
            }
        }
        let register = warp.registers.get_mut(op.data[matrix]);
        for lane in lanes_in(all) {
            let (group, place) = (lane / 4, 2 * (lane % 4));
            let pair = if transposed {
                [elements[place][group], elements[place + 1][group]]
            } else {
                [elements[group][place], elements[group][place + 1]]
            };
            register[lane] = u32::from(pair[0]) | u32::from(pair[1]) << 16;
        }
    }
}

/// `stmatrix`: the same the other way round.
pub(crate) fn store_matrix(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let (matrices, transposed) = (usize::from(op.count), op.signed);
    let offsets = shared::offsets(warp, op.address, op.address_wide, op.offset);
    let all = warp.mask;
    warp.set_mask(all & (u32::MAX >> (32 - 8 * matrices)));
    let good = block.inside_shared(warp, op.position, &offsets, 16);
    shared::count(&mut block.counters.shared_stores, &offsets, warp.mask, 16);
    block.check_shared(warp, op.position, good, Access::Write, &offsets, 16);
    warp.set_mask(all);
    for lane in lanes_in(good & (u32::MAX >> (32 - 8 * matrices))) {
        let registers = warp.registers.get(op.data[lane / 8]);
        let row = lane % 8;
        for column in 0..8 {
            let (group, place) = if transposed { (column, row) } else { (row, column) };
            let word = registers[4 * group + place / 2];
            let half = (word >> (16 * (place % 2))) as u16;
            block.shared[offsets[lane] as usize + 2 * column..][..2].copy_from_slice(&half.to_le_bytes());
        }
    }
}

/// `mma`: D = A·B + C.
#[inline(always)]
pub(crate) fn multiply(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let op = &block.context.program.matrices[ops[0].immediate as usize];
    match op.a_format {
        MatrixFormat::Half => {
            multiply_f32::<2, 16>(warp, op, |word, index| Half((word >> (16 * index)) as u16).to_f32())
        }
        MatrixFormat::Brain => {
            multiply_f32::<2, 16>(warp, op, |word, index| Brain((word >> (16 * index)) as u16).to_f32())
        }
        MatrixFormat::Tf32 => multiply_tf32(warp, op),
        MatrixFormat::Double => multiply_f64(warp, op),
        MatrixFormat::Signed8 | MatrixFormat::Unsigned8 => multiply_s32(warp, op),
        MatrixFormat::E4m3 | MatrixFormat::E5m2 => multiply_eight(warp, op),
    }
}

/// Singles whose last 13 bits do not count.
#[inline(never)]
fn multiply_tf32(warp: &mut Warp, op: &MatrixOp) {
    multiply_f32::<1, 8>(warp, op, |word, _| f32::from_bits(word & 0xffff_e000));
}

/// Eight-bit floats: A and B may be of either format.
#[inline(never)]
fn multiply_eight(warp: &mut Warp, op: &MatrixOp) {
    let value = |format: MatrixFormat, word: u32, index: usize| {
        let byte = (word >> (8 * index)) as u8;
        if format == MatrixFormat::E4m3 { eight::e4m3_to_f32(byte) } else { eight::e5m2_to_f32(byte) }
    };
    let a = gather_a::<f32, 4, 32>(warp, op, |word, index| value(op.a_format, word, index));
    let b = gather_b::<f32, 4, 32>(warp, op, |word, index| value(op.b_format, word, index));
    sum_f32::<32>(warp, op, &a, &b);
}

/// A and B of one format, `E` elements a register; `K` is the most that the depth can be.
#[inline(always)]
fn multiply_f32<const E: usize, const K: usize>(
    warp: &mut Warp,
    op: &MatrixOp,
    value: impl Fn(u32, usize) -> f32 + Copy,
) {
    let a = gather_a::<f32, E, K>(warp, op, value);
    let b = gather_b::<f32, E, K>(warp, op, value);
    sum_f32::<K>(warp, op, &a, &b);
}

/// A, row by row; zero beyond its depth and below its rows.
#[inline(always)]
fn gather_a<T: Copy + Default, const E: usize, const K: usize>(
    warp: &Warp,
    op: &MatrixOp,
    value: impl Fn(u32, usize) -> T,
) -> [[T; K]; 16] {
    let mut a = [[T::default(); K]; 16];
    let halves = op.rows / 8;
    for step in 0..op.steps {
        for half in 0..halves {
            let words = warp.registers.get(op.a[halves * step + half]);
            for lane in 0..LANES {
                let (group, place) = (lane / 4, E * (lane % 4));
                for index in 0..E {
                    a[group + 8 * half][4 * E * step + place + index] = value(words[lane], index);
                }
            }
        }
    }
    a
}

/// B, row by row.
#[inline(always)]
fn gather_b<T: Copy + Default, const E: usize, const K: usize>(
    warp: &Warp,
    op: &MatrixOp,
    value: impl Fn(u32, usize) -> T,
) -> [[T; 8]; K] {
    let mut b = [[T::default(); 8]; K];
    for step in 0..op.steps {
        let words = warp.registers.get(op.b[step]);
        for lane in 0..LANES {
            let (group, place) = (lane / 4, E * (lane % 4));
            for index in 0..E {
                b[4 * E * step + place + index][group] = value(words[lane], index);
            }
        }
    }
    b
}

/// 16×8 sums in single precision.
#[inline(always)]
fn sum_f32<const K: usize>(warp: &mut Warp, op: &MatrixOp, a: &[[f32; K]; 16], b: &[[f32; 8]; K]) {
    let depth = 4 * op.a_format.elements() * op.steps;
    let half = |word: u32, index: usize| Half((word >> (16 * index)) as u16).to_f32();
    let mut sums = [[0f32; 8]; 16];
    for lane in 0..LANES {
        let (group, place) = (lane / 4, 2 * (lane % 4));
        for pair in 0..2 {
            for index in 0..2 {
                sums[group + 8 * pair][place + index] = if op.narrow_sums {
                    half(warp.registers.get(op.c[pair])[lane], index)
                } else {
                    f32::from_bits(warp.registers.get(op.c[2 * pair + index])[lane])
                };
            }
        }
    }
    for (row, sums) in sums.iter_mut().enumerate() {
        for k in 0..depth.min(K) {
            for column in 0..8 {
                sums[column] = a[row][k].mul_add(b[k][column], sums[column]);
            }
        }
    }
    for lane in 0..LANES {
        let (group, place) = (lane / 4, 2 * (lane % 4));
        for pair in 0..2 {
            let [low, high] = [sums[group + 8 * pair][place], sums[group + 8 * pair][place + 1]];
            if op.narrow_sums {
                let word = u32::from(Half::from_f32(low).0) | u32::from(Half::from_f32(high).0) << 16;
                warp.registers.get_mut(op.d[pair])[lane] = word;
            } else {
                warp.registers.get_mut(op.d[2 * pair])[lane] = low.to_bits();
                warp.registers.get_mut(op.d[2 * pair + 1])[lane] = high.to_bits();
            }
        }
    }
}

/// 16×8 or 8×8 sums of bytes, in 32 bits: they wrap, or stop at the ends of the range.
#[inline(never)]
fn multiply_s32(warp: &mut Warp, op: &MatrixOp) {
    let value = |format: MatrixFormat, word: u32, index: usize| {
        let byte = (word >> (8 * index)) as u8;
        if format == MatrixFormat::Signed8 { i64::from(byte as i8) } else { i64::from(byte) }
    };
    let a = gather_a::<i64, 4, 32>(warp, op, |word, index| value(op.a_format, word, index));
    let b = gather_b::<i64, 4, 32>(warp, op, |word, index| value(op.b_format, word, index));
    for pair in 0..op.rows / 8 {
        for index in 0..2 {
            let sums: [u32; LANES] = std::array::from_fn(|lane| {
                let (row, column) = (lane / 4 + 8 * pair, 2 * (lane % 4) + index);
                let start = i64::from(warp.registers.get(op.c[2 * pair + index])[lane] as i32);
                let sum = start + (0..32).map(|k| a[row][k] * b[k][column]).sum::<i64>();
                if op.saturates { sum.clamp(i32::MIN.into(), i32::MAX.into()) as u32 } else { sum as u32 }
            });
            *warp.registers.get_mut(op.d[2 * pair + index]) = sums;
        }
    }
}

/// 8×8 results, k = 4, in double precision.
fn multiply_f64(warp: &mut Warp, op: &MatrixOp) {
    let (a, b) = (*warp.registers.get_wide(op.a[0]), *warp.registers.get_wide(op.b[0]));
    for index in 0..2 {
        let sums: [u64; LANES] = std::array::from_fn(|lane| {
            let (row, column) = (lane / 4, 2 * (lane % 4) + index);
            let start = f64::from_bits(warp.registers.get_wide(op.c[index])[lane]);
            let term =
                |sum: f64, k: usize| f64::from_bits(a[4 * row + k]).mul_add(f64::from_bits(b[4 * column + k]), sum);
            (0..4).fold(start, term).to_bits()
        });
        *warp.registers.get_wide_mut(op.d[index]) = sums;
    }
}
