//! How large the tiles are, and why.

use super::loops::line_stride;
use crate::simd::{Kernels, caches};
use crate::{Error, Isa, Scalar};

/// The largest `kc` taken.
pub const KC_MAX: usize = 4096;
/// Longer sums gain nothing more.
const KC_DEFAULT_MAX: usize = 512;
/// The largest `mc` taken.
pub const MC_MAX: usize = 4096;
/// The largest `nc` taken.
pub const NC_MAX: usize = 1 << 16;
/// The most bytes of scratch memory that a thread uses; a tiling that would need more is cut down to it.
pub const SCRATCH_BYTES_MAX: usize = 8 << 20;

/// How many threads may share a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Threads {
    /// As many as rayon's current pool has, so that `RAYON_NUM_THREADS` and `ThreadPool::install` work.
    #[default]
    All,
    /// At most this many pieces at a time: one on the calling thread, the others on rayon's current pool. 0 and 1 stay
    /// on the calling thread.
    Count(usize),
}

impl Threads {
    /// How many pieces to cut the work into.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::All => rayon::current_num_threads(),
            Self::Count(count) => count.max(1),
        }
    }
}

/// Tile sizes, in elements, and the instruction set. `None` everywhere: derived from this processor.
///
/// In the kernels' orientation (rows of C in line; row-major products are turned into it):
///
/// | size | what is kept where | default |
/// |---|---|---|
/// | `kc` | a panel of A, the kernel's rows × `kc`, streams through the first-level cache from the second | 1/8 of the second, at most 512 steps |
/// | `mc` | a block of A, `mc` × `kc`, in the second-level cache | half of it |
/// | `nc` | a block of B, `kc` × `nc`, in the third-level cache | half of it, and at most 6 MiB |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Tiling {
    /// The kernels to run, the best there are if `None`. Any that the processor has may be forced.
    pub isa: Option<Isa>,
    /// Rows of a block of A, 1 to [`MC_MAX`].
    pub mc: Option<usize>,
    /// Steps of the sum between two updates of C, 1 to [`KC_MAX`]. The only size that changes rounding.
    pub kc: Option<usize>,
    /// Columns of a block of B, 1 to [`NC_MAX`].
    pub nc: Option<usize>,
}

impl Tiling {
    /// Refuses sizes out of range.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Error> {
        let sizes = [("mc", self.mc, MC_MAX), ("kc", self.kc, KC_MAX), ("nc", self.nc, NC_MAX)];
        for (name, value, max) in sizes {
            if let Some(value) = value
                && !(1..=max).contains(&value)
            {
                return Err(Error::BadTiling { name, value, max });
            }
        }
        Ok(())
    }
}

/// The tile sizes of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) mc: usize,
    pub(crate) kc: usize,
    pub(crate) nc: usize,
}

impl Sizes {
    /// For a product of (rows, cols, k). `kc` depends on k alone, so that the cut of the sum does.
    pub(crate) fn new<T: Scalar>(tiling: Tiling, kernels: &Kernels<T>, (rows, cols, k): (usize, usize, usize)) -> Self {
        let bytes = size_of::<T>();
        let caches = caches();
        let kc = tiling.kc.unwrap_or((caches.l2 / 8 / (kernels.rows() * bytes)).min(KC_DEFAULT_MAX)).clamp(1, KC_MAX);
        let mc = tiling.mc.unwrap_or(caches.l2 / 2 / (kc * bytes)).clamp(1, MC_MAX);
        let b_bytes = (caches.l3 / 2).min(SCRATCH_BYTES_MAX - SCRATCH_BYTES_MAX / 4);
        let nc = tiling.nc.unwrap_or(b_bytes / (kc * bytes)).clamp(1, NC_MAX);
        let kc = even(k, kc, 1);
        // Half of the scratch memory for A, and for B what A leaves; the longest sums leave room for some panels of each.
        let scratch = SCRATCH_BYTES_MAX / bytes;
        let mc = even(rows, mc.min(scratch / 2 / kc), kernels.rows());
        let left = (scratch - mc * kc) / line_stride::<T>(kc, kernels.lanes);
        let nc = even(cols, nc.min(left), kernels.cols());
        Self { mc, kc, nc }
    }
}

/// Cuts `length` into the fewest parts of at most `part`, about equal, in whole `granules`.
fn even(length: usize, part: usize, granule: usize) -> usize {
    let part = (part / granule * granule).max(granule);
    let parts = length.div_ceil(part).max(1);
    length.div_ceil(parts).max(1).next_multiple_of(granule)
}
