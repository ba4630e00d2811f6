//! Kernels whose reach is known, so that launching them is safe.

use std::fmt;

use crate::{Argument, Device, Error, Kernel, Launch};

/// How far a kernel may reach: for each buffer argument, in order, the bytes that it may touch, given the launch and the
/// other arguments; or in words why it is not made for them.
///
/// Numbers are had by [`Argument::size`]. Products must be checked: `Err("m * k overflows".into())`.
pub type Reach = fn(&Launch, &[Argument<'_>]) -> Result<Vec<usize>, String>;

/// A kernel's text, and a promise about its reach.
///
/// PTX does not say how far a kernel follows a pointer; whoever has read the kernel can. That promise is made once, with
/// `unsafe`, where the kernel is declared. From then on [`Device::vetted`] gives a kernel with a safe launch, which compares
/// the promised reach with the buffers' sizes.
#[derive(Debug, Clone, Copy)]
pub struct Vetted {
    module: &'static str,
    ptx: &'static str,
    kernel: &'static str,
    reach: Reach,
}

impl Vetted {
    /// Declares a kernel of a PTX text.
    ///
    /// # Safety
    ///
    /// Whatever the arguments and the launch: if `reach` gives sizes and every buffer has at least its size in bytes, the
    /// kernel touches nothing outside those bytes but its own shared and local memory and its module's variables.
    #[must_use]
    pub const unsafe fn new(module: &'static str, ptx: &'static str, kernel: &'static str, reach: Reach) -> Self {
        Self { module, ptx, kernel, reach }
    }
}

impl Device {
    /// Loads a vetted kernel's module, once, and gives the kernel.
    ///
    /// # Errors
    ///
    /// As [`Device::load`] and [`Module::kernel`](crate::Module::kernel).
    pub fn vetted(&self, vetted: &Vetted) -> Result<VettedKernel, Error> {
        let kernel = self.load(vetted.module, vetted.ptx)?.kernel(vetted.kernel)?;
        Ok(VettedKernel { kernel, reach: vetted.reach })
    }
}

/// A kernel with a safe launch.
pub struct VettedKernel {
    kernel: Kernel,
    reach: Reach,
}

impl VettedKernel {
    /// The kernel, for its signature and attributes.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Launches the kernel in the device's default stream, and does not wait. What is checked is what [`Kernel::launch`]
    /// checks, and that every buffer is as large as the kernel's reach.
    ///
    /// # Errors
    ///
    /// As [`Kernel::launch`], and [`Error::BufferTooShort`] and [`Error::Unvetted`].
    pub fn launch(&self, launch: &Launch, arguments: &[Argument<'_>]) -> Result<(), Error> {
        self.kernel.check(launch, arguments)?;
        check_reach(&self.kernel.signature().name, self.reach, launch, arguments)?;
        // SAFETY: `Vetted::new` was promised that the kernel stays within its reach, and the buffers are that large.
        unsafe { self.kernel.launch(launch, arguments) }
    }
}

impl fmt::Debug for VettedKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vetted {:?}", self.kernel)
    }
}

/// Whether every buffer is as large as the kernel's reach.
fn check_reach(kernel: &str, reach: Reach, launch: &Launch, arguments: &[Argument<'_>]) -> Result<(), Error> {
    let unvetted = |reason| Error::Unvetted { kernel: kernel.to_owned(), launch: *launch, reason };
    let needed = reach(launch, arguments).map_err(unvetted)?;
    let buffers = arguments.iter().enumerate().filter_map(|(index, argument)| Some((index, argument.buffer_bytes()?)));
    let buffers: Vec<(usize, usize)> = buffers.collect();
    if buffers.len() != needed.len() {
        return Err(unvetted(format!("its reach is that of {} buffers, {} were given", needed.len(), buffers.len())));
    }
    for ((index, given), needed) in buffers.into_iter().zip(needed) {
        if given < needed {
            return Err(Error::BufferTooShort { kernel: kernel.to_owned(), index, needed, given });
        }
    }
    Ok(())
}
