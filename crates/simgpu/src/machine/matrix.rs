//! Tensor cores: `ldmatrix` and `mma`. PTX manual, 10.7.14 and 10.7.15 (warp-level matrix instructions).
//!
//! A matrix is spread over the lanes: with `group = lane / 4` and `place = lane % 4`, a lane holds pairs of elements of rows
//! `group` and `group + 8`. Here the fragments are gathered into small matrices, multiplied, and spread again. Products of
//! 16-bit numbers are exact in single precision and are summed there in order of k; how a GPU rounds in between is not
//! documented, so results are compared with a tolerance.

use super::access::{addresses, lanes_in};
use super::block::Block;
use super::shadow::Access;
use super::shared;
use super::warp::Warp;
use crate::lanes::LANES;
use crate::lanes::half::{Brain, Half};
use crate::program::{MatrixFormat, MatrixOp, MatrixShape, Op};

/// `ldmatrix`: eight rows of 16 bytes a matrix, whose addresses the first eight lanes give, the next eight, and so on.
pub(crate) fn load_matrix(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let (matrices, transposed) = (usize::from(op.count), op.signed);
    let offsets = shared::offsets(addresses(warp, op.address, op.address_wide, op.offset));
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

/// The low or high half of a word as a number.
#[inline(always)]
fn half(format: MatrixFormat, word: u32, index: usize) -> f32 {
    let bits = (word >> (16 * index)) as u16;
    match format {
        MatrixFormat::Half => Half(bits).to_f32(),
        _ => Brain(bits).to_f32(),
    }
}

/// `mma`: D = A·B + C.
#[inline(always)]
pub(crate) fn multiply(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let op = &block.context.program.matrices[ops[0].immediate as usize];
    match op.shape {
        MatrixShape::M8N8K4 => multiply_f64(warp, op),
        _ => multiply_f32(warp, op),
    }
}

/// 16×8 results, k up to 16.
#[inline(always)]
fn multiply_f32(warp: &mut Warp, op: &MatrixOp) {
    let (a, b, depth) = match op.format {
        MatrixFormat::Half | MatrixFormat::Brain => gather_halves(warp, op),
        MatrixFormat::Tf32 => gather_singles(warp, op),
    };
    let mut sums = [[0f32; 8]; 16];
    for lane in 0..LANES {
        let (group, place) = (lane / 4, 2 * (lane % 4));
        for pair in 0..2 {
            for index in 0..2 {
                sums[group + 8 * pair][place + index] = if op.narrow_sums {
                    half(MatrixFormat::Half, warp.registers.get(op.c[pair])[lane], index)
                } else {
                    f32::from_bits(warp.registers.get(op.c[2 * pair + index])[lane])
                };
            }
        }
    }
    for (row, sums) in sums.iter_mut().enumerate() {
        for k in 0..depth {
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

type Gathered = ([[f32; 16]; 16], [[f32; 8]; 16], usize);

/// A 16×16 (or 16×8) and B 16×8 (or 8×8) of 16-bit numbers.
#[inline(always)]
fn gather_halves(warp: &Warp, op: &MatrixOp) -> Gathered {
    let (mut a, mut b) = ([[0f32; 16]; 16], [[0f32; 8]; 16]);
    let depth = if op.shape == MatrixShape::M16N8K16 { 16 } else { 8 };
    for step in 0..depth / 8 {
        for rows in 0..2 {
            let words = warp.registers.get(op.a[2 * step + rows]);
            for lane in 0..LANES {
                let (group, place) = (lane / 4, 2 * (lane % 4));
                for index in 0..2 {
                    a[group + 8 * rows][place + 8 * step + index] = half(op.format, words[lane], index);
                }
            }
        }
        let words = warp.registers.get(op.b[step]);
        for lane in 0..LANES {
            let (group, place) = (lane / 4, 2 * (lane % 4));
            for index in 0..2 {
                b[place + 8 * step + index][group] = half(op.format, words[lane], index);
            }
        }
    }
    (a, b, depth)
}

/// A 16×8 (or 16×4) and B 8×8 (or 4×8) of tf32: singles whose last 13 bits do not count.
#[inline(always)]
fn gather_singles(warp: &Warp, op: &MatrixOp) -> Gathered {
    let (mut a, mut b) = ([[0f32; 16]; 16], [[0f32; 8]; 16]);
    let depth = if op.shape == MatrixShape::M16N8K8 { 8 } else { 4 };
    let value = |word: u32| f32::from_bits(word & 0xffff_e000);
    for step in 0..depth / 4 {
        for lane in 0..LANES {
            let (group, place) = (lane / 4, lane % 4 + 4 * step);
            for rows in 0..2 {
                a[group + 8 * rows][place] = value(warp.registers.get(op.a[2 * step + rows])[lane]);
            }
            b[place][group] = value(warp.registers.get(op.b[step])[lane]);
        }
    }
    (a, b, depth)
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
