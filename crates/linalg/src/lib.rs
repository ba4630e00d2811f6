//! *What is the complexity of matrix multiplication? How can you optimise it?*
//!
//! **The answer.** C = A·B with A m × k and B k × n needs, element by element, m·n·k multiplications and as many
//! additions: O(n³) for square matrices. First check that A has as many columns as B has rows; then three loops. Then
//! the same arithmetic gets faster, rung by rung, and one rung does less arithmetic:
//!
//! | rung | what changes | what it buys |
//! |---|---|---|
//! | [`Naive`] `ijk` | nothing: the triple loop | the oracle of all others |
//! | [`Naive`] `ikj` | the order of the loops, so that rows are walked along | cache lines are used whole ([`cache`] counts) |
//! | [`Blocked`] | tiles that fit the caches, packed; vector registers; threads | the hardware's peak, nearly |
//! | [`Strassen`] | 7 products of halves instead of 8: O(n^2.807) | past the peak, for large matrices and a weaker error bound |
//! | [`Blas`] | somebody else's forty years of tuning | the yardstick |
//! | `Cuda` (feature `cuda`) | a processor with ten thousand threads, and a memory of its own | four kernels to compare; tensor cores |
//!
//! All of them are a [`Backend`]: `C ← alpha·A·B + beta·C` for `f32` and `f64`, any shape, any strides.
//!
//! ```
//! use linalg::{Backend, Blocked, Matrix, Naive, Strassen, matmul};
//!
//! let a = Matrix::from_fn(100, 80, |i, j| (i + 2 * j) as f64);
//! let b = Matrix::from_fn(80, 60, |i, j| (3 * i) as f64 - j as f64);
//! let c = matmul(&a, &b)?; // picks for you
//!
//! let backends: [&dyn Backend<f64>; 3] = [&Naive::default(), &Blocked::default(), &Strassen::<Blocked>::default()];
//! for backend in backends {
//!     let mut same = Matrix::zeros(100, 60);
//!     backend.gemm(1.0, a.view(), b.view(), 0.0, same.view_mut())?;
//!     assert_eq!(same, c, "{}", backend.name()); // small integers: exact in any order
//! }
//! # Ok::<(), linalg::Error>(())
//! ```
//!
#![doc = concat!(
    "<div class=\"picture\"><style>.picture svg{max-width:100%;height:auto}</style>",
    include_str!("../docs/walk.svg"),
    "</div>\n"
)]
//!
//! *Above, the order in which the loops come to the elements of B, whose cache lines are grey: down the columns every step is a new line, along
//! the rows one step in eight, in tiles hardly any. Below, what [`cache`] counts. Drawn by the repository's example `matmul`.*
//!
//! **Reading order:** [`naive.rs`](../src/linalg/naive.rs.html) (the triple loop, six times), [`cache`] (why they differ),
//! [`blocked/loops.rs`](../src/linalg/blocked/loops.rs.html) (tiles and packing), [`simd/tile.rs`](../src/linalg/simd/tile.rs.html) (a tile in
//! registers), [`blocked/plan.rs`](../src/linalg/blocked/plan.rs.html) (which way a product goes),
//! [`strassen/recursive.rs`](../src/linalg/strassen/recursive.rs.html) and [`strassen/fused.rs`](../src/linalg/strassen/fused.rs.html),
//! [`blas.rs`](../src/linalg/blas.rs.html), [`backend`] (who is picked when), [`suite`] (how all of them are tested).
//!
//! **From what you know:**
//!
//! | elsewhere | here |
//! |---|---|
//! | `a @ b` (numpy), `a.dot(&b)` (ndarray) | [`matmul`]`(&a, &b)?` |
//! | `a.T`, `a[1:3, 2:5]` | `a.view().transpose()`, `a.view().submatrix(1, 2, 2, 3)?`: no copy |
//! | `cblas_dgemm(order, trans, trans, m, n, k, alpha, a, lda, …)` | [`Backend::gemm`]`(alpha, a, b, beta, c)` over views with strides |
//! | `OPENBLAS_NUM_THREADS` | `RAYON_NUM_THREADS`, or [`Threads::Count`] |
//! | `ArrayView2` | `MatrixView::try_from(view)?` with feature `ndarray` |
//!
//! **What holds.** Shapes are checked before anything is written; an [`Error`] names both sides. `beta == 0` never reads C.
//! Results are bit for bit the same on any number of threads. Processor features are found at run time; any of them
//! can be forced ([`Tiling::isa`]). Nothing here prints. `unsafe` is confined to the kernels, the views and the call
//! into BLAS.
//!
//! **Features**, none on by default: `openblas` (the system's BLAS as a provider of [`Blas`]), `ndarray`, `cuda` (the backend `Cuda`,
//! through the crate `gpu-device`: building and starting needs no CUDA, opening a GPU does).

/// The README's program, tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod backend;
mod blas;
mod blocked;
pub mod cache;
#[cfg(feature = "cuda")]
mod cuda;
mod error;
mod layout;
mod matrix;
mod naive;
#[cfg(feature = "ndarray")]
mod ndarray;
mod scalar;
mod simd;
mod strassen;
pub mod suite;
mod view;

pub use backend::{Backend, matmul};
#[cfg(feature = "openblas")]
pub use blas::set_system_threads;
pub use blas::{Blas, Provider};
pub use blocked::{Blocked, KC_MAX, MC_MAX, NC_MAX, PackedB, Path, Plan, SCRATCH_BYTES_MAX, Threads, Tiling};
#[cfg(feature = "cuda")]
pub use cuda::{Cuda, CudaKernel, DeviceMatrix, HalfFormat};
pub use error::Error;
pub use matrix::Matrix;
pub use naive::{LoopOrder, Naive};
pub use scalar::Scalar;
pub use simd::Isa;
pub use strassen::{CUTOFF, FUSED_LEVELS_MAX, Strassen};
pub use view::{MatrixView, MatrixViewMut};
