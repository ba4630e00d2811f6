//! Reaches worked by hand, and what is refused.

use super::*;
use crate::argument::test_buffer;
use crate::kernels::attention::{FLASH_BACKWARD_DKV, FLASH_DECODE, FLASH_FORWARD_MMA, NAIVE_SCORES};
use crate::kernels::matmul::{MMA_BF16, NAIVE, TILED_F64};
use crate::kernels::rowwise::{RMS_NORM, RMS_NORM_BACKWARD_DWEIGHT};
use crate::kernels::training::{
    ADAM, EMBEDDING, EMBEDDING_BACKWARD, FLOORED_LOSS, JOIN_HEADS, SPLIT_HEADS, SUM_OF_SQUARES,
};

fn numbers(sizes: &[u32]) -> Vec<Argument<'static>> {
    sizes.iter().map(|&size| Argument::from(size)).collect()
}

fn shape(x: u32, block: [u32; 3]) -> Launch {
    Launch { grid: [x, 1, 1], block, shared_bytes: 0 }
}

/// m, n, k, alpha, a, lda, transpose_a, b, ldb, transpose_b, beta, c, ldc.
fn tiled(sizes: [u32; 3], lda: u32, transposed: u32, ldb: u32, ldc: u32) -> Vec<Argument<'static>> {
    let mut arguments = numbers(&sizes);
    arguments.extend([Argument::from(1.0_f64), test_buffer(1), lda.into(), transposed.into()]);
    arguments.extend([test_buffer(1), ldb.into(), 0_u32.into(), 0.0_f64.into(), test_buffer(1), ldc.into()]);
    arguments
}

#[test]
fn products_reach_to_the_last_column_of_the_last_row() {
    let launch = shape(1, [32, 32, 1]);
    let reach = |arguments: &[Argument<'_>]| (TILED_F64.reach())(&launch, arguments);
    // A is 2×3 with rows 5 apart: 5 + 3; its transpose 3×2: 2·5 + 2.
    assert_eq!(reach(&tiled([2, 4, 3], 5, 0, 4, 6)), Ok(vec![8 * 8, 12 * 8, 10 * 8]));
    assert_eq!(reach(&tiled([2, 4, 3], 5, 1, 4, 6)), Ok(vec![12 * 8, 12 * 8, 10 * 8]));
    assert_eq!(reach(&tiled([2, 4, 0], 0, 0, 4, 6)), Ok(vec![0, 0, 10 * 8]));
    assert_eq!(reach(&tiled([2, 4, 3], 2, 0, 4, 6)), Err("lda is 2, but rows have 3 elements".into()));
    let huge = i32::MAX as u32;
    assert!(reach(&tiled([huge, huge, huge], huge, 0, huge, huge)).expect_err("too large").contains("overflows"));
    assert!(reach(&tiled([huge + 1, 1, 1], 1, 0, 1, 1)).expect_err("too large").starts_with("m is 2147483648"));
}

#[test]
fn a_grid_that_no_gpu_takes_is_refused() {
    let error = launch(1 << 31, [256, 1, 1]).expect_err("too large").to_string();
    assert_eq!(error, "the grid has 2147483648 blocks along x, at most 2147483647 are allowed");
    assert_eq!(launch((1 << 31) - 1, [256, 1, 1]).map(|launch| launch.grid), Ok([(1 << 31) - 1, 1, 1]));
}

#[test]
fn sixteen_bit_operands_are_half_as_long() {
    let mut arguments = numbers(&[2, 4, 3]);
    arguments.extend([Argument::from(1.0_f32), test_buffer(1), 3_u32.into(), test_buffer(1), 4_u32.into()]);
    arguments.extend([Argument::from(0.0_f32), test_buffer(1), 4_u32.into()]);
    assert_eq!((MMA_BF16.reach())(&shape(1, [256, 1, 1]), &arguments), Ok(vec![12, 24, 32]));
    let mut attention = numbers(&[2, 6, 3, 5, 7, 9, 16]);
    attention.extend([Argument::from(1.0_f32), 0_u32.into()]);
    let reach = (FLASH_FORWARD_MMA[0].reach())(&shape(12, [128, 1, 1]), &attention);
    assert_eq!(reach, Ok(vec![12 * 5 * 16 * 2, 6 * 9 * 16 * 2, 6 * 9 * 16 * 2, 12 * 5 * 16 * 4, 12 * 5 * 4]));
}

#[test]
fn attention_outside_its_contract_is_refused() {
    let refused = |sizes: [u32; 7], blocks| {
        let mut arguments = numbers(&sizes);
        arguments.extend([Argument::from(1.0_f32), 0_u32.into()]);
        (FLASH_BACKWARD_DKV[1].reach())(&shape(blocks, [128, 1, 1]), &arguments).expect_err("refused")
    };
    assert_eq!(refused([1, 3, 2, 5, 7, 9, 64], 1), "3 heads are not a multiple of 2 kv_heads");
    assert_eq!(refused([1, 2, 2, 5, 7, 6, 64], 1), "7 keys are more than the key_capacity of 6");
    assert_eq!(refused([1, 2, 0, 5, 7, 9, 64], 1), "kv_heads is 0, it must be at least 1");
    assert_eq!(refused([1, 2, 2, 5, 7, 9, 65], 1), "head_dim is 65, at most 64 is allowed");
    assert_eq!(
        refused([1 << 20, 1 << 20, 1, 5, 7, 9, 64], 1),
        "batch · heads is 1099511627776, at most 2147483647 is allowed"
    );
    assert_eq!(refused([1, 2, 2, 5, 7, 9, 64], 3), "its grid is at most [2, 1, 1] for these sizes");
    let scores = (NAIVE_SCORES.reach())(&shape(1, [128, 1, 1]), &numbers(&[1, 1, 1, 5, 7, 9, 64]));
    assert_eq!(scores, Err("its block is [32, 32, 1]".into()));
}

#[test]
fn grids_beyond_the_work_and_other_blocks_are_refused() {
    let reach = |launch: &Launch| (NAIVE.reach())(launch, &numbers(&[8, 32, 3]));
    assert_eq!(reach(&shape(1, [32, 8, 1])), Ok(vec![96, 384, 1024]));
    assert!(reach(&shape(2, [32, 8, 1])).is_err() && reach(&shape(1, [8, 32, 1])).is_err());
    let darts = [Argument::from(u64::MAX), 1_u64.into(), 0_u64.into(), test_buffer(2)];
    assert_eq!((DARTS.reach())(&shape(1, [256, 1, 1]), &darts), Err("first + samples is 2⁶⁴ or more".into()));
    assert!(launch(1 << 31, [1; 3]).is_err());
}

#[test]
fn splits_and_runs_are_counted() {
    // 2 entries of 6 heads over 3, 5 queries, 300 keys of 512 rows, 16 columns; 3 splits of 128.
    let mut decode = numbers(&[2, 6, 3, 5, 300, 512, 16]);
    decode.extend([
        Argument::from(1.0_f32),
        0_u32.into(),
        test_buffer(1),
        test_buffer(1),
        test_buffer(1),
        128_u32.into(),
    ]);
    let (queries, keys) = (12 * 5 * 16 * 4, 6 * 512 * 16 * 4);
    let reach = (FLASH_DECODE[0].reach())(&shape(6 * 3 * 3, [128, 1, 1]), &decode);
    assert_eq!(reach, Ok(vec![queries, keys, keys, 3 * queries, 3 * 12 * 5 * 4]));
    decode[12] = 0_u32.into();
    let refused = (FLASH_DECODE[0].reach())(&shape(1, [128, 1, 1]), &decode);
    assert_eq!(refused, Err("split_keys is 0, it must be at least 1".into()));

    let norm = |columns: u32, has_weight: u32| {
        let mut arguments = numbers(&[7, columns]);
        arguments.extend([Argument::from(1.0_f32), has_weight.into()]);
        (RMS_NORM.reach())(&shape(7, [256, 1, 1]), &arguments)
    };
    assert_eq!(norm(5, 1), Ok(vec![140, 20, 140, 28]));
    assert_eq!(norm(5, 0), Ok(vec![140, 0, 140, 28]));
    assert_eq!(norm(0, 0), Err("columns is 0, it must be at least 1".into()));
    let weights = |run: u32| (RMS_NORM_BACKWARD_DWEIGHT.reach())(&shape(4, [256, 1, 1]), &numbers(&[513, 33, run]));
    assert_eq!(weights(512), Ok(vec![513 * 33 * 4, 513 * 4, 513 * 33 * 4, 2 * 33 * 4]));
    assert_eq!(weights(511), Err("run is 511, it must be 512".into()));
}

#[test]
fn what_training_needs_reaches_as_far_as_its_shapes() {
    let embedding = (EMBEDDING.reach())(&shape(1, [256, 1, 1]), &numbers(&[7, 5, 27, 16]));
    assert_eq!(embedding, Ok(vec![28, 28, 540, 320, 140]));
    let back = |blocks| (EMBEDDING_BACKWARD.reach())(&shape(blocks, [256, 1, 1]), &numbers(&[7, 33, 27]));
    assert_eq!(back(54), Ok(vec![28, 924, 3564]));
    assert_eq!(back(55), Err("its grid is at most [54, 1, 1] for these sizes".into()));
    // 2 entries of 3 tokens, 4 heads of 5, second of 3 parts, into slots 6 to 8 of 9.
    let heads = |sizes| (SPLIT_HEADS.reach())(&shape(1, [64, 1, 1]), &numbers(sizes));
    assert_eq!(heads(&[2, 3, 4, 5, 3, 1, 9, 6]), Ok(vec![1440, 1440]));
    assert_eq!((JOIN_HEADS.reach())(&shape(1, [64, 1, 1]), &numbers(&[2, 3, 4, 5, 1, 0, 9, 6])), Ok(vec![1440, 480]));
    assert_eq!(heads(&[2, 3, 4, 5, 3, 3, 9, 6]), Err("part 3 of 3 parts".into()));
    assert_eq!(heads(&[2, 3, 4, 5, 3, 1, 9, 7]), Err("3 tokens from slot 7 on are more than the capacity of 9".into()));
    assert_eq!(heads(&[2, 0, 4, 5, 3, 1, 9, 7]), Err("tokens is 0, it must be at least 1".into()));
    let count = [Argument::from(10_u64)];
    assert_eq!((ADAM.reach())(&shape(1, [256, 1, 1]), &count), Ok(vec![40, 40, 40, 40, 40, 4]));
    assert_eq!((SUM_OF_SQUARES.reach())(&shape(3, [256, 1, 1]), &count), Ok(vec![40, 24]));
    assert_eq!((FLOORED_LOSS.reach())(&shape(3, [32, 1, 1]), &count), Ok(vec![40; 3]));
    let overflow = (ADAM.reach())(&shape(1, [256, 1, 1]), &[Argument::from(u64::MAX)]);
    assert!(overflow.expect_err("too many").contains("overflows"));
}
