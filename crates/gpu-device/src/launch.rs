//! How many threads, and whether the device and the kernel allow them.

use std::fmt;

use crate::{Argument, Error, Properties, Signature};

/// The shape of a launch: a grid of blocks, a block of threads, and dynamic shared memory.
///
/// ```
/// use gpu_device::Launch;
///
/// let launch = Launch { grid: [80, 2, 1], block: [256, 1, 1], ..Launch::default() };
/// assert_eq!(launch.to_string(), "<<<(80, 2, 1), (256, 1, 1), 0>>>");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y and z.
    pub block: [u32; 3],
    /// Bytes of shared memory that each block gets beside what the kernel declares.
    pub shared_bytes: u32,
}

impl Default for Launch {
    /// One thread.
    fn default() -> Self {
        Self { grid: [1; 3], block: [1; 3], shared_bytes: 0 }
    }
}

impl Launch {
    /// As many blocks of `block` threads along x as it takes to have at least `threads` of them; at least one.
    ///
    /// # Errors
    ///
    /// [`Error::GridTooLarge`] if that takes 2³² blocks or more, [`Error::EmptyBlock`] if `block` is 0.
    pub fn linear(threads: usize, block: u32) -> Result<Self, Error> {
        if block == 0 {
            return Err(Error::EmptyBlock);
        }
        let blocks = (threads as u64).div_ceil(block.into()).max(1);
        let x = u32::try_from(blocks).map_err(|_| Error::GridTooLarge { blocks, max: u32::MAX })?;
        Ok(Self { grid: [x, 1, 1], block: [block, 1, 1], shared_bytes: 0 })
    }
}

impl fmt::Display for Launch {
    /// As CUDA C++ writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([gx, gy, gz], [bx, by, bz]) = (self.grid, self.block);
        write!(f, "<<<({gx}, {gy}, {gz}), ({bx}, {by}, {bz}), {}>>>", self.shared_bytes)
    }
}

/// What one kernel uses, as the driver compiled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelAttributes {
    /// The largest block that its registers allow.
    pub threads_per_block_max: u32,
    /// 32-bit registers of a thread.
    pub registers: u32,
    /// Bytes of shared memory that the kernel declares.
    pub static_shared_bytes: u32,
    /// Bytes of local memory of a thread: spilled registers and indexed arrays.
    pub local_bytes: u32,
}

/// Whether arguments agree with the signature in number, type and size.
pub(crate) fn check_arguments(kernel: &str, signature: &Signature, arguments: &[Argument<'_>]) -> Result<(), Error> {
    let (expected, given) = (signature.parameters.len(), arguments.len());
    if expected != given {
        return Err(Error::ArgumentCount { kernel: kernel.to_owned(), expected, given });
    }
    for (index, (parameter, argument)) in signature.parameters.iter().zip(arguments).enumerate() {
        if !argument.fits(parameter) {
            let (expected, given) = (parameter.to_string(), argument.to_string());
            return Err(Error::ArgumentType { kernel: kernel.to_owned(), index, expected, given });
        }
    }
    Ok(())
}

/// Whether the launch is within the limits of the device, of the kernel and of its signature.
pub(crate) fn check_limits(
    kernel: &str,
    signature: &Signature,
    attributes: &KernelAttributes,
    properties: &Properties,
    launch: &Launch,
) -> Result<(), Error> {
    let limit = |what, given: u64, allowed: String| {
        Err(Error::LaunchLimit { kernel: kernel.to_owned(), launch: *launch, what, given, allowed })
    };
    const GRID: [&str; 3] = ["the grid's x", "the grid's y", "the grid's z"];
    const BLOCK: [&str; 3] = ["the block's x", "the block's y", "the block's z"];
    let dimensions = [(GRID, launch.grid, properties.grid_max), (BLOCK, launch.block, properties.block_max)];
    for (names, given, allowed) in dimensions {
        for axis in 0..3 {
            if given[axis] == 0 || given[axis] > allowed[axis] {
                return limit(names[axis], given[axis].into(), format!("the device allows 1 to {}", allowed[axis]));
            }
        }
    }
    // Each is at most 2³² − 1, but their product may overflow.
    let threads = launch.block.iter().fold(1_u64, |product, &side| product.saturating_mul(side.into()));
    let threads_max = properties.threads_per_block_max.min(attributes.threads_per_block_max);
    if threads > threads_max.into() {
        return limit("threads per block", threads, format!("the device and the kernel allow {threads_max}"));
    }
    if let Some(required) = signature.required_block.filter(|&required| required != launch.block) {
        return limit("threads per block", threads, format!("the kernel requires a block of {required:?}"));
    }
    if let Some(most) = signature.threads_per_block_max.filter(|&most| threads > most) {
        return limit("threads per block", threads, format!("the kernel allows {most}"));
    }
    let shared = u64::from(attributes.static_shared_bytes) + u64::from(launch.shared_bytes);
    if shared > properties.shared_bytes_per_block_optin.into() {
        let allowed = format!("the device allows {}", properties.shared_bytes_per_block_optin);
        return limit("shared memory of a block in bytes, declared and dynamic", shared, allowed);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
