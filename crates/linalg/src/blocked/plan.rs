//! Which way a product goes: by shape, and how it is cut among threads.

use std::fmt;

use super::{Blocked, Threads};
use crate::simd::{Destination, Kernels, caches, crowded};
use crate::{Isa, MatrixView, MatrixViewMut, Scalar};

/// The ways through [`Blocked`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// C is one row or one column: a matrix times a vector, bound by reading the matrix once.
    Column,
    /// The sum is so short that C is the traffic: C is written line by line.
    Columns {
        /// Whether C is too large for the caches and is written past them, where it is not read (k = 1, beta = 0).
        past_caches: bool,
    },
    /// The micro-kernel reads the matrices where they are, `k_max` steps of the sum at a time.
    Strided {
        /// Steps of the sum between two updates of C.
        k_max: usize,
    },
    /// All five loops, over packed panels of the operands that are worth it.
    Packing {
        /// Whether A is packed (in the kernels' orientation: B of a row-major product).
        a: bool,
        /// Whether B is packed.
        b: bool,
    },
}

/// What [`Blocked`] would do with a product; for people to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The way through the code.
    pub path: Path,
    /// The kernels.
    pub isa: Isa,
    /// Threads that share the work, at most.
    pub threads: usize,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.path {
            Path::Column => "one row or column: a single pass over the matrix",
            Path::Columns { past_caches: false } => "a very short sum: C is written line by line",
            Path::Columns { past_caches: true } => "a very short sum: C is written line by line, past the caches",
            Path::Strided { .. } => "small or thin: kernels read the matrices in place, packing would cost more",
            Path::Packing { a: false, b: false } => {
                "medium or narrow: five loops cut it to the caches, packing would cost more than it saves"
            }
            Path::Packing { .. } => "large or badly strided: panels are packed so that every level of cache is used",
        };
        let threads = if self.threads == 1 { "on one thread".into() } else { format!("on {} threads", self.threads) };
        write!(f, "{} kernels, {reason}, {threads}", self.isa)
    }
}

/// Longest sum for [`Path::Columns`].
const COLUMNS_K_MAX: usize = 2;
/// Most multiplications for which nothing else is asked before taking [`Path::Strided`].
const SMALL_WORK_MAX: usize = 96 * 96 * 96;
/// Longest sum that is not cut on [`Path::Strided`]: twelve columns of B in `f32` are half of a first-level cache.
const UNPACKED_K: usize = 512;
/// Steps of the sum at a time where B has few columns: as many lines of A as prefetchers follow.
const THIN_K: usize = 8;
/// Bytes between steps of A up to which a large A is read in place: four steps or more a page.
const A_STEP_BYTES_MAX: usize = 1024;
/// Rows from which on a copy of B that is one line behind the other pays, though its steps were in line before.
pub(super) const PACKED_LINES_ROWS: usize = 1000;
/// Multiplications that are worth another thread.
const WORK_PER_THREAD: usize = 1 << 20;
/// Pieces for each thread where small ones cost nothing.
const PIECES_PER_THREAD: usize = 4;
/// Elements of the matrix that are worth another thread when every one is used once.
const ELEMENTS_PER_THREAD: usize = 1 << 18;

impl Blocked {
    /// What this would do with an m × k by k × n product of row-major matrices, and why.
    ///
    /// # Errors
    /// [`Error::IsaUnavailable`](crate::Error::IsaUnavailable) and [`Error::BadTiling`](crate::Error::BadTiling)
    /// as for the product itself.
    pub fn plan<T: Scalar>(&self, m: usize, k: usize, n: usize) -> Result<Plan, crate::Error> {
        self.tiling.check()?;
        let kernels = T::kernels(self.tiling.isa)?;
        let (rows, cols) = if n == 1 { (m, 1) } else { (n, m) };
        let in_line = n != 1;
        let shape =
            Shape { rows, cols, k, rows_in_line: in_line, a_step: n, steps_in_line: true, b_step: 1, c_in_line: true };
        let path = if cols == 1 { Path::Column } else { choose(kernels, shape) };
        let (threads, _) = grid(kernels, path, self.threads, (rows, cols, k));
        Ok(Plan { path, isa: kernels.isa, threads })
    }
}

/// Whether the product should be turned into Cᵀ = Bᵀ·Aᵀ.
#[inline]
pub(crate) fn wants_transpose<T>(c: &MatrixViewMut<'_, T>) -> bool {
    if c.cols() == 1 {
        return false;
    }
    c.rows() == 1 || (c.row_stride() != 1 && c.col_stride() == 1)
}

/// Whether the product is small enough for a single pass of kernels over operands in place, and laid out for it.
#[inline]
pub(super) fn is_small<T>(a: &MatrixView<'_, T>, b: &MatrixView<'_, T>, c: &MatrixViewMut<'_, T>) -> bool {
    let work = c.rows().saturating_mul(c.cols()).saturating_mul(a.cols());
    let in_line = c.rows() == 1 || (a.row_stride() == 1 && c.row_stride() == 1);
    // One column, and a sum of one or two, have kernels of their own.
    work <= SMALL_WORK_MAX && in_line && b.cols() > 1 && a.cols() > COLUMNS_K_MAX
}

/// What the choice depends on.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    cols: usize,
    k: usize,
    /// Rows of A are in line.
    rows_in_line: bool,
    /// Rows of C are in line.
    c_in_line: bool,
    /// Steps of the sum are in line in B: each column is a stream.
    steps_in_line: bool,
    /// Elements from one step to the next.
    a_step: usize,
    b_step: usize,
}

/// The way to go, in the kernels' orientation.
#[inline]
pub(super) fn path<T: Scalar>(
    kernels: &Kernels<T>,
    a: &MatrixView<'_, T>,
    b: &MatrixView<'_, T>,
    c: &MatrixViewMut<'_, T>,
) -> Path {
    let (rows, cols, k) = (c.rows(), c.cols(), a.cols());
    if cols == 1 && (a.row_stride() == 1 || a.col_stride() == 1) {
        return Path::Column;
    }
    let rows_in_line = a.row_stride() == 1 || rows == 1;
    let c_in_line = c.row_stride() == 1 || rows == 1;
    choose(
        kernels,
        Shape {
            rows,
            cols,
            k,
            rows_in_line,
            c_in_line,
            a_step: a.col_stride(),
            steps_in_line: b.row_stride() == 1,
            b_step: b.row_stride(),
        },
    )
}

#[inline]
fn choose<T: Scalar>(kernels: &Kernels<T>, shape: Shape) -> Path {
    let Shape { rows, cols, k, .. } = shape;
    if !shape.rows_in_line {
        return Path::Packing { a: true, b: true };
    }
    if k <= COLUMNS_K_MAX && shape.c_in_line && rows >= 2 * kernels.lanes {
        let bytes = rows.saturating_mul(cols).saturating_mul(size_of::<T>());
        return Path::Columns { past_caches: k == 1 && bytes > caches().l3 / 4 * 3 };
    }
    if rows.saturating_mul(cols).saturating_mul(k) <= SMALL_WORK_MAX {
        return Path::Strided { k_max: usize::MAX };
    }
    if cols <= kernels.cols_in_place_max() {
        return Path::Strided { k_max: THIN_K };
    }
    let a_crowded = crowded::<T>(shape.a_step);
    if rows <= 4 * kernels.lanes && !a_crowded {
        return Path::Strided { k_max: k.div_ceil(k.div_ceil(UNPACKED_K)) };
    }
    let unpacked_max = caches().l2 / 2 * 3 / size_of::<T>();
    let large = rows.min(cols).saturating_mul(k) > unpacked_max;
    let a_scattered = a_crowded || (large && shape.a_step.saturating_mul(size_of::<T>()) > A_STEP_BYTES_MAX);
    let pack_b =
        if shape.steps_in_line { large && rows >= PACKED_LINES_ROWS } else { large || crowded::<T>(shape.b_step) };
    Path::Packing { a: a_scattered, b: pack_b }
}

/// How many threads, and how many pieces by rows and by columns.
#[inline]
pub(super) fn grid<T: Scalar>(
    kernels: &Kernels<T>,
    path: Path,
    threads: Threads,
    (rows, cols, k): (usize, usize, usize),
) -> (usize, (usize, usize)) {
    let worth = match path {
        Path::Column => rows.saturating_mul(k) / ELEMENTS_PER_THREAD,
        Path::Columns { .. } => rows.saturating_mul(cols) / ELEMENTS_PER_THREAD,
        _ => rows.saturating_mul(cols).saturating_mul(k) / WORK_PER_THREAD,
    };
    if worth <= 1 || threads == Threads::Count(1) {
        return (1, (1, 1));
    }
    let (row_tiles, col_tiles) = (rows.div_ceil(kernels.rows()), cols.div_ceil(kernels.cols()));
    let threads = threads.count().min(worth).min(row_tiles.saturating_mul(col_tiles));
    // The largest piece decides how long it takes; among equals, the one with the least to pack.
    let cost = |by_rows: usize| {
        let by_cols = threads / by_rows;
        let (tall, wide) = (row_tiles.div_ceil(by_rows), col_tiles.div_ceil(by_cols));
        let packed = tall.saturating_mul(kernels.rows()).saturating_add(wide.saturating_mul(kernels.cols()));
        (tall.saturating_mul(wide), packed)
    };
    let by_rows = (1..=threads).min_by_key(|&by_rows| cost(by_rows)).unwrap_or(1);
    let (by_rows, by_cols) = (by_rows.min(row_tiles), (threads / by_rows).min(col_tiles));
    // More pieces than threads: who starts late, or is held up, does fewer of them. Along the longer side, since short
    // pieces read the other operand again; not where that would pack an operand again.
    let finer = |parts: usize, tiles: usize| if tiles >= 2 * PIECES_PER_THREAD * parts { PIECES_PER_THREAD } else { 1 };
    match path {
        // Columns are written from end to end: a part of each would be short runs.
        Path::Columns { .. } => (threads, (1, (threads * PIECES_PER_THREAD).min(col_tiles))),
        Path::Packing { b: true, .. } => (threads, (by_rows, by_cols)),
        Path::Packing { a: false, .. } | Path::Strided { .. } if col_tiles / by_cols > row_tiles / by_rows => {
            (threads, (by_rows, by_cols * finer(by_cols, col_tiles)))
        }
        _ => (threads, (by_rows * finer(by_rows, row_tiles), by_cols)),
    }
}

/// A rectangle of C, in every place it is written to.
pub(super) struct Piece<'a, T> {
    pub(super) row: usize,
    pub(super) rows: usize,
    pub(super) col: usize,
    pub(super) cols: usize,
    pub(super) to: Vec<Destination<'a, T>>,
}

/// Cuts the destinations, all of one shape, into a grid of pieces of whole tiles.
pub(super) fn pieces<'a, T: Scalar>(
    to: Vec<Destination<'a, T>>,
    (by_rows, by_cols): (usize, usize),
    (tile_rows, tile_cols): (usize, usize),
) -> Vec<Piece<'a, T>> {
    let (rows, cols) = (to[0].c.rows(), to[0].c.cols());
    let whole = Piece { row: 0, rows, col: 0, cols, to };
    let mut pieces = Vec::with_capacity(by_rows * by_cols);
    for band in cut(whole, by_rows, tile_rows) {
        let turned = turn(band);
        pieces.extend(cut(turned, by_cols, tile_cols).into_iter().map(turn));
    }
    pieces
}

/// Cuts a piece into at most `parts` bands of rows.
fn cut<T: Scalar>(mut piece: Piece<'_, T>, parts: usize, tile: usize) -> Vec<Piece<'_, T>> {
    let height = piece.rows.div_ceil(tile).div_ceil(parts) * tile;
    let mut bands = Vec::with_capacity(parts);
    while piece.rows > height {
        let (mut upper, mut lower) = (Vec::new(), Vec::new());
        for Destination { alpha, beta, c } in piece.to {
            let (top, bottom) = c.split_at_row(height).expect("height < rows");
            upper.push(Destination { alpha, beta, c: top });
            lower.push(Destination { alpha, beta, c: bottom });
        }
        bands.push(Piece { rows: height, to: upper, ..piece });
        piece = Piece { row: piece.row + height, rows: piece.rows - height, to: lower, ..piece };
    }
    bands.push(piece);
    bands
}

/// Rows for columns.
fn turn<T: Scalar>(piece: Piece<'_, T>) -> Piece<'_, T> {
    let Piece { row, rows, col, cols, to } = piece;
    let to =
        to.into_iter().map(|Destination { alpha, beta, c }| Destination { alpha, beta, c: c.transpose() }).collect();
    Piece { row: col, rows: cols, col: row, cols: rows, to }
}
