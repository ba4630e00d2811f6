//! Everything that can be wrong with a call, one variant each.

/// Why a computation was refused. Whenever it was, no output was written to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A slice has the wrong number of elements.
    #[error("`{name}` is {shape}, which is {expected} elements, {len} were given")]
    Length {
        /// The argument.
        name: &'static str,
        /// Its shape, with numbers.
        shape: String,
        /// Elements of that shape.
        expected: usize,
        /// Elements given.
        len: usize,
    },
    /// A number that must be at least 1 is 0.
    #[error("`{name}` is 0, it must be at least 1")]
    Zero {
        /// The field.
        name: &'static str,
    },
    /// The query heads cannot be shared out evenly.
    #[error("{heads} query heads are not a multiple of {kv_heads} key/value heads")]
    HeadGroups {
        /// Query heads.
        heads: usize,
        /// Key/value heads.
        kv_heads: usize,
    },
    /// There are fewer rows allocated for keys than keys.
    #[error("`key_capacity` is {capacity}, it must be at least `keys`, which is {keys}")]
    KeyCapacity {
        /// Rows allocated a head.
        capacity: usize,
        /// Keys.
        keys: usize,
    },
    /// The scale is infinite or not a number.
    #[error("`scale` is {scale}, it must be finite")]
    Scale {
        /// What was given, in digits.
        scale: String,
    },
    /// RMS norm would divide by 0, or by nothing at all.
    #[error("`epsilon` is {epsilon}, it must be finite and larger than 0")]
    Epsilon {
        /// What was given, in digits.
        epsilon: String,
    },
    /// A target is not a class.
    #[error("the target of row {row} is {target}, it must be below the number of classes, {classes}")]
    Target {
        /// The row.
        row: usize,
        /// Its target.
        target: u32,
        /// Columns of the logits.
        classes: usize,
    },
    /// The number of elements of an array does not fit `usize`, or its bytes do not fit the address space.
    #[error("`{name}` is {shape}, which is larger than the address space")]
    TooLarge {
        /// The array.
        name: &'static str,
        /// Its shape, with numbers.
        shape: String,
    },
    /// The processor lacks the instruction set that was asked for.
    #[error("{asked} was asked for, the best this processor runs is {best}")]
    IsaUnavailable {
        /// What was asked for.
        asked: crate::Isa,
        /// What there is.
        best: crate::Isa,
    },
    /// Scratch memory cannot be allocated.
    #[error("{bytes} bytes of scratch memory cannot be allocated")]
    OutOfMemory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// A number is larger than a kernel can count.
    #[cfg(feature = "cuda")]
    #[error("`{name}` is {value}, the GPU's kernels take at most {max}")]
    KernelLimit {
        /// The number.
        name: &'static str,
        /// What was given.
        value: usize,
        /// The largest that is taken.
        max: usize,
    },
    /// The GPU did not do what it was asked to, or there is none.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] gpu_device::Error),
}
