//! A step of Adam (Kingma and Ba 2015, arXiv:1412.6980) with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101), and the
//! squared length of a gradient. `cuda/adam.cu`.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/adam.ptx");

/// Threads of a block, of both kernels.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// With g = clip·gradient: first = beta1·first + new1·g, second = beta2·second + new2·g², and
/// after = kept·before − rate·first / (√(second·correction) + epsilon).
///
/// The host calculates what depends on the step alone, counted from 1: new1 = 1 − beta1, new2 = 1 − beta2, rate = learning_rate / (1 − beta1^step),
/// correction = 1 / (1 − beta2^step), kept = 1 − learning_rate·weight_decay.
///
/// All arrays hold `count` f32, but for `not_finite`, one u32, which is added to for each gradient or new weight that is not finite.
/// Grid: any number of blocks in x; each thread takes every (grid · block)th number.
pub const ADAM: Entry = Entry {
    name: "adam",
    threads: Some(256),
    parameters: &[
        ("count", "u64"),
        ("clip", "f32"),
        ("beta1", "f32"),
        ("new1", "f32"),
        ("beta2", "f32"),
        ("new2", "f32"),
        ("rate", "f32"),
        ("correction", "f32"),
        ("epsilon", "f32"),
        ("kept", "f32"),
        ("gradient", "u64"),
        ("before", "u64"),
        ("first", "u64"),
        ("second", "u64"),
        ("after", "u64"),
        ("not_finite", "u64"),
    ],
};

/// partial\[block\] = Σ x² over the numbers that the block takes, in f64; `partial` has an f64 for each block of the grid.
///
/// Grid: any number of blocks in x, each of which takes every grid-th 256 of the `count` f32 of x.
pub const SUM_OF_SQUARES: Entry = Entry {
    name: "sum_of_squares",
    threads: Some(256),
    parameters: &[("count", "u64"), ("x", "u64"), ("partial", "u64")],
};
