//! Matrix products: C ← alpha·A·B + beta·C, all matrices row-major, A of m×k, B of k×n, C of m×n elements.
//!
//! `lda`, `ldb`, `ldc` are **leading dimensions**: how many elements lie between the starts of two rows. Beyond the last
//! column of the last row nothing is touched. Where `beta` is 0, C is not read; where `alpha` is 0, A and B are not.
//! Sizes and leading dimensions are at most [`DIMENSION_MAX`](crate::DIMENSION_MAX); element counts may exceed 2³².

/// A thread an element, as on the whiteboard. `cuda/matmul_naive.cu`.
pub mod naive {
    use crate::Entry;

    /// The PTX.
    pub const PTX: &str = include_str!("../ptx/matmul_naive.ptx");

    /// C ← A·B in f32, without gaps between rows. `c` is overwritten.
    ///
    /// Grid: [`grid`], two-dimensional. Any block with z = 1 computes the right thing; [`BLOCK`] is meant.
    pub const MATMUL_NAIVE: Entry = Entry {
        name: "matmul_naive",
        threads: None,
        parameters: &[("m", "u32"), ("n", "u32"), ("k", "u32"), ("a", "u64"), ("b", "u64"), ("c", "u64")],
    };

    /// Threads of a block in x (columns of C), y (rows of C), z.
    pub const BLOCK: [u32; 3] = [32, 8, 1];

    /// Blocks in x, y, z: one for each [`BLOCK`] of C, in y as many as a grid can have (the kernel loops over the rest).
    pub const fn grid(m: u32, n: u32) -> [u32; 3] {
        let down = m.div_ceil(BLOCK[1]);
        [n.div_ceil(BLOCK[0]), if down < 65_535 { down } else { 65_535 }, 1]
    }
}

/// Tiles of 32×32 in shared memory, f32 and f64, either operand transposed. `cuda/matmul_tiled.cu`.
pub mod tiled {
    use crate::Entry;

    /// The PTX.
    pub const PTX: &str = include_str!("../ptx/matmul_tiled.ptx");

    /// Rows and columns of a tile.
    pub const TILE: u32 = 32;

    /// Threads of a block.
    pub const BLOCK: [u32; 3] = [TILE, TILE, 1];

    /// C ← alpha·op(A)·op(B) + beta·C in f32. Grid: [`grid`] blocks in x.
    ///
    /// Where `transpose_a` is not 0, `a` holds Aᵀ: k rows of m elements, `lda` apart; likewise `transpose_b`: n rows of k.
    pub const MATMUL_TILED_F32: Entry = Entry {
        name: "matmul_tiled_f32",
        threads: Some(1024),
        parameters: &[
            ("m", "u32"),
            ("n", "u32"),
            ("k", "u32"),
            ("alpha", "f32"),
            ("a", "u64"),
            ("lda", "u32"),
            ("transpose_a", "u32"),
            ("b", "u64"),
            ("ldb", "u32"),
            ("transpose_b", "u32"),
            ("beta", "f32"),
            ("c", "u64"),
            ("ldc", "u32"),
        ],
    };

    /// The same in f64.
    pub const MATMUL_TILED_F64: Entry = Entry {
        name: "matmul_tiled_f64",
        threads: Some(1024),
        parameters: &[
            ("m", "u32"),
            ("n", "u32"),
            ("k", "u32"),
            ("alpha", "f64"),
            ("a", "u64"),
            ("lda", "u32"),
            ("transpose_a", "u32"),
            ("b", "u64"),
            ("ldb", "u32"),
            ("transpose_b", "u32"),
            ("beta", "f64"),
            ("c", "u64"),
            ("ldc", "u32"),
        ],
    };

    /// Blocks in x, one for each tile of C; at most [`GRID_X_MAX`](crate::GRID_X_MAX) can be launched.
    pub const fn grid(m: u32, n: u32) -> u64 {
        m.div_ceil(TILE) as u64 * n.div_ceil(TILE) as u64
    }
}

/// 8×8 elements a thread in registers, slabs of A and B streaming through two buffers. `cuda/matmul_register.cu`.
pub mod register {
    use crate::Entry;

    /// The PTX.
    pub const PTX: &str = include_str!("../ptx/matmul_register.ptx");

    /// Rows and columns of C that a block computes.
    pub const TILE: u32 = 128;

    /// Threads of a block.
    pub const BLOCK: [u32; 3] = [256, 1, 1];

    /// C ← alpha·A·B + beta·C in f32. Grid: [`grid`] blocks in x.
    ///
    /// Fastest where `a` and `b` are aligned to 16 bytes and `lda` and `ldb` are multiples of 4.
    pub const MATMUL_REGISTER: Entry = Entry {
        name: "matmul_register",
        threads: Some(256),
        parameters: &[
            ("m", "u32"),
            ("n", "u32"),
            ("k", "u32"),
            ("alpha", "f32"),
            ("a", "u64"),
            ("lda", "u32"),
            ("b", "u64"),
            ("ldb", "u32"),
            ("beta", "f32"),
            ("c", "u64"),
            ("ldc", "u32"),
        ],
    };

    /// Blocks in x, one for each tile of C; at most [`GRID_X_MAX`](crate::GRID_X_MAX) can be launched.
    pub const fn grid(m: u32, n: u32) -> u64 {
        m.div_ceil(TILE) as u64 * n.div_ceil(TILE) as u64
    }
}
