//! Few queries over many keys, in f32: decoding (Dao, Haziza, Massa and Sizov 2023, "Flash-Decoding for long-context inference").
//! `cuda/flash_decode.cu`.
//!
//! Keys are cut into splits of [`split_keys`]; each block leaves the out and log_sum_exp of its split, and [`COMBINE`] adds them up in
//! order. With one split [`ENTRIES`] write the result itself, and nothing is left to combine.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../../ptx/flash_decode.ptx");

/// Threads of a block, of both kernels.
pub const BLOCK: [u32; 3] = [128, 1, 1];

/// Rows (query heads that share keys, times queries) of a block.
pub const ROWS: u32 = 4;

/// The most splits that [`COMBINE`] takes.
pub const SPLITS_MAX: u32 = 64;

/// The shortest split that [`split_keys`] makes.
pub const SPLIT_KEYS_MIN: u32 = 128;

const PARAMETERS: &[(&str, &str)] = &[
    ("batch", "u32"),
    ("heads", "u32"),
    ("kv_heads", "u32"),
    ("queries", "u32"),
    ("keys", "u32"),
    ("key_capacity", "u32"),
    ("head_dim", "u32"),
    ("scale", "f32"),
    ("causal", "u32"),
    ("q", "u64"),
    ("k", "u64"),
    ("v", "u64"),
    ("split_keys", "u32"),
    ("split_out", "u64"),
    ("split_log_sum_exp", "u64"),
];

/// An entry for each of [`HEAD_DIMS`](super::HEAD_DIMS). `split_out` is `[batch, heads, queries, splits, head_dim]`,
/// `split_log_sum_exp` `[batch, heads, queries, splits]`, with [`splits`] splits of `split_keys` ≥ 1 keys. Grid: [`grid`] blocks in x.
pub const ENTRIES: [Entry; 4] = [
    Entry { name: "flash_decode_d32", threads: Some(128), parameters: PARAMETERS },
    Entry { name: "flash_decode_d64", threads: Some(128), parameters: PARAMETERS },
    Entry { name: "flash_decode_d128", threads: Some(128), parameters: PARAMETERS },
    Entry { name: "flash_decode_d256", threads: Some(128), parameters: PARAMETERS },
];

/// out and log_sum_exp of `rows` = batch · heads · queries rows from those of their `splits` (1 … [`SPLITS_MAX`]) splits.
///
/// Grid: a block a row, `rows` in x; with fewer, each takes several.
pub const COMBINE: Entry = Entry {
    name: "flash_decode_combine",
    threads: Some(128),
    parameters: &[
        ("rows", "u32"),
        ("splits", "u32"),
        ("head_dim", "u32"),
        ("split_out", "u64"),
        ("split_log_sum_exp", "u64"),
        ("out", "u64"),
        ("log_sum_exp", "u64"),
    ],
};

/// How long splits are best: at least [`SPLIT_KEYS_MIN`], and so long that there are at most [`SPLITS_MAX`]; a multiple of the 32 keys
/// of a tile. It depends on nothing but the keys: the same sums on every GPU.
pub const fn split_keys(keys: u32) -> u32 {
    let shortest = keys.div_ceil(SPLITS_MAX).next_multiple_of(32);
    if shortest > SPLIT_KEYS_MIN { shortest } else { SPLIT_KEYS_MIN }
}

/// How many splits of `split_keys` there are; one where there are no keys.
///
/// # Panics
///
/// If `split_keys` is 0 and there are keys.
pub const fn splits(keys: u32, split_keys: u32) -> u32 {
    if keys == 0 { 1 } else { keys.div_ceil(split_keys) }
}

/// Blocks in x: `kv_heads` is batch · kv_heads, `rows` is heads / kv_heads · queries, the rows that share keys.
///
/// # Panics
///
/// As [`splits`].
pub const fn grid(kv_heads: u32, rows: u32, keys: u32, split_keys: u32) -> u64 {
    kv_heads as u64 * rows.div_ceil(ROWS) as u64 * splits(keys, split_keys) as u64
}
