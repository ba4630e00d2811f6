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

    /// The kernel's name.
    #[must_use]
    pub const fn kernel(&self) -> &'static str {
        self.kernel
    }

    /// How far it may reach.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.reach
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argument::test_buffer;

    /// C ← A·B: three buffers, then m, k and n.
    fn product(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
        if launch.block != [16, 16, 1] {
            return Err("it is written for blocks of 16 x 16".to_owned());
        }
        let size = |index: usize| arguments[index].size().ok_or("a negative size");
        let (m, k, n) = (size(3)?, size(4)?, size(5)?);
        let bytes = |rows: usize, cols: usize| rows.checked_mul(cols)?.checked_mul(4);
        let sizes = [bytes(m, k), bytes(k, n), bytes(m, n)];
        sizes.into_iter().map(|size| size.ok_or_else(|| "a size overflows".to_owned())).collect()
    }

    #[test]
    fn buffers_must_be_as_large_as_the_reach() {
        let launch = Launch { block: [16, 16, 1], ..Launch::default() };
        let arguments = |lens: [usize; 3], sizes: [i32; 3]| -> Vec<Argument<'static>> {
            lens.map(test_buffer).into_iter().chain(sizes.map(Argument::from)).collect()
        };
        let check = |launch, lens, sizes| check_reach("mm", product, launch, &arguments(lens, sizes));
        assert_eq!(check(&launch, [6, 12, 8], [2, 3, 4]), Ok(()));
        let short = Error::BufferTooShort { kernel: "mm".into(), index: 1, needed: 48, given: 44 };
        assert_eq!(check(&launch, [6, 11, 8], [2, 3, 4]), Err(short));
        let refused = |launch, sizes| check(launch, [6, 12, 8], sizes).expect_err("not vetted").to_string();
        assert!(refused(&launch, [2, -3, 4]).ends_with("with these arguments: a negative size"));
        assert!(refused(&launch, [i32::MAX; 3]).starts_with("argument 0 of kernel `mm` must hold"));
        assert!(refused(&Launch::default(), [2, 3, 4]).contains("<<<(1, 1, 1), (1, 1, 1), 0>>>"));
        let four = |_: &Launch, _: &[Argument<'_>]| Ok(vec![0; 4]);
        let error = check_reach("mm", four, &launch, &arguments([6, 12, 8], [2, 3, 4])).expect_err("four");
        assert!(error.to_string().ends_with("its reach is that of 4 buffers, 3 were given"), "{error}");
    }
}
