//! front page to come
mod backend;
mod blocked;
mod error;
mod matrix;
mod naive;
mod scalar;
mod simd;
mod strassen;
pub mod suite;
mod view;

pub use backend::Backend;
pub use blocked::{
    Blocked, KC_MAX, MC_MAX, NC_MAX, PackedB, Path, Plan, SCRATCH_BYTES_MAX, Threads, Tiling,
};
pub use error::Error;
pub use matrix::Matrix;
pub use naive::{LoopOrder, Naive};
pub use scalar::Scalar;
pub use simd::Isa;
pub use strassen::{CUTOFF, FUSED_LEVELS_MAX, Strassen};
pub use view::{MatrixView, MatrixViewMut};
