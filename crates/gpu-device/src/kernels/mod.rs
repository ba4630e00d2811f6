//! The kernels of [`gpukern_kernels`], vetted: what each may touch is computed from a launch's arguments, so that launching
//! one is safe.
//!
//! Parameters, blocks and grids are described beside the kernels: [`gpukern_kernels::matmul`], [`gpukern_kernels::attention`],
//! [`gpukern_kernels::softmax`], [`gpukern_kernels::rms_norm`], [`gpukern_kernels::cross_entropy`], [`gpukern_kernels::embedding`],
//! [`gpukern_kernels::heads`], [`gpukern_kernels::elementwise`], [`gpukern_kernels::adam`], [`gpukern_kernels::darts`]. A launch is
//! refused, with the reason, when its block is not the kernel's, its grid is larger than the output, a size is outside the contract, or
//! a buffer is too short for the sizes.
//!
//! ```
//! use gpu_device::{Argument, Device, Error, kernels};
//! use gpukern_kernels::softmax;
//!
//! fn rows_of_two(x: &[f32]) -> Result<Vec<f32>, Error> {
//!     let device = Device::open(0)?;
//!     let kernel = device.vetted(&kernels::rowwise::SOFTMAX)?;
//!     let (input, mut output) = (device.upload(x)?, device.uninitialised::<f32>(x.len())?);
//!     let rows = (x.len() / 2) as u32;
//!     let launch = kernels::launch(rows.into(), softmax::BLOCK)?;
//!     kernel.launch(&launch, &[rows.into(), 2_u32.into(), (&input).into(), Argument::from(&mut output)])?;
//!     output.to_vec()
//! }
//!
//! match rows_of_two(&[0.0, 0.0, 5.0, 5.0]) {
//!     Ok(halves) => assert_eq!(halves, [0.5; 4]),
//!     Err(error) => assert!(matches!(error, Error::Unavailable { .. })),
//! }
//! ```

pub mod attention;
pub mod matmul;
pub mod rowwise;
pub mod training;

use gpukern_kernels as text;

use crate::{Argument, Error, Launch, Vetted};

// SAFETY, of every kernel here: gpukern-kernels states beside each entry which buffers it takes, their shapes and the range of
// its numbers, and that edges are the kernel's own business: it touches the elements of those shapes and nothing else. The
// `reach` functions refuse numbers outside that range, blocks and grids other than the stated ones, and give those shapes in
// bytes. Buffers start at multiples of 256 bytes, so every element is aligned.

/// [`gpukern_kernels::darts::DARTS`].
// SAFETY: adds to the one u64 of `inside`: `darts`.
pub const DARTS: Vetted = unsafe { Vetted::new("darts", text::darts::PTX, text::darts::DARTS.name, darts) };

/// A launch of `blocks` blocks in x: what the `grid` functions of [`gpukern_kernels`] give.
///
/// # Errors
///
/// [`Error::GridTooLarge`] for more than [`gpukern_kernels::GRID_X_MAX`], which no GPU takes.
pub fn launch(blocks: u64, block: [u32; 3]) -> Result<Launch, Error> {
    match u32::try_from(blocks) {
        Ok(x) if x <= text::GRID_X_MAX => Ok(Launch { grid: [x, 1, 1], block, shared_bytes: 0 }),
        _ => Err(Error::GridTooLarge { blocks, max: text::GRID_X_MAX }),
    }
}

fn darts(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let numbers = Numbers(arguments);
    let end = numbers.size(0, "first")?.checked_add(numbers.size(1, "samples")?);
    end.ok_or("first + samples is 2⁶⁴ or more")?;
    one_dimensional(launch, text::darts::BLOCK, u64::from(text::GRID_X_MAX))?;
    Ok(vec![8])
}

/// The numbers among a launch's arguments.
struct Numbers<'a>(&'a [Argument<'a>]);

impl Numbers<'_> {
    fn size(&self, index: usize, name: &str) -> Result<usize, String> {
        let number = self.0.get(index).and_then(Argument::size);
        number.ok_or_else(|| format!("{name}, argument {index}, is not a number of at least 0"))
    }

    /// A size of at most [`gpukern_kernels::DIMENSION_MAX`].
    fn dimension(&self, index: usize, name: &str) -> Result<usize, String> {
        self.at_most(index, name, text::DIMENSION_MAX)
    }

    fn at_most(&self, index: usize, name: &str, most: u32) -> Result<usize, String> {
        let size = self.size(index, name)?;
        if size <= most as usize { Ok(size) } else { Err(format!("{name} is {size}, at most {most} is allowed")) }
    }
}

/// A product that fits memory.
fn bytes(factors: &[usize]) -> Result<usize, String> {
    let product = factors.iter().try_fold(1_usize, |product, &factor| product.checked_mul(factor));
    product.ok_or_else(|| format!("{factors:?} multiplied overflows"))
}

/// Whether the block is the kernel's, and the grid is in x only and no larger than the work.
fn one_dimensional(launch: &Launch, block: [u32; 3], blocks: u64) -> Result<(), String> {
    if launch.block != block {
        return Err(format!("its block is {block:?}"));
    }
    let [x, y, z] = launch.grid;
    if u64::from(x) > blocks || y != 1 || z != 1 {
        return Err(format!("its grid is at most [{blocks}, 1, 1] for these sizes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
