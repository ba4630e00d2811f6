//! Darts on a CUDA device (feature `cuda`): the same darts, so the same count, to the last one.

use gpu_device::{Argument, Device, Error, kernels};
use gpukern_kernels::darts::BLOCK;

use crate::pi::Darts;

/// Blocks a multiprocessor: a few more than it holds at a time.
const BLOCKS_A_MULTIPROCESSOR: u64 = 16;
/// Darts of one Philox block, which a thread takes at a time.
const DARTS_A_STEP: u64 = 4;

/// Throws darts number `first` to `first + samples` − 1 of `seed` on a device.
///
/// # Errors
/// What the driver reports; [`Error::Unvetted`] if `first + samples` is 2⁶⁴ or more.
pub fn darts(device: &Device, first: u64, samples: u64, seed: u64) -> Result<Darts, Error> {
    let mut inside = device.zeros::<u64>(1)?;
    if samples > 0 {
        let wanted = samples.div_ceil(DARTS_A_STEP * u64::from(BLOCK[0]));
        let blocks = wanted.min(u64::from(device.properties().multiprocessors.max(1)) * BLOCKS_A_MULTIPROCESSOR);
        let launch = kernels::launch(blocks, BLOCK)?;
        let arguments = [first.into(), samples.into(), seed.into(), Argument::from(&mut inside)];
        device.vetted(&kernels::DARTS)?.launch(&launch, &arguments)?;
    }
    Ok(Darts { inside: inside.to_vec()?.first().copied().unwrap_or(0), total: samples })
}
