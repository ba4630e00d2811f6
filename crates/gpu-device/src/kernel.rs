//! Modules and the kernels in them; launches.

use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;

use crate::device::{Shared, Stream};
use crate::launch::{check_arguments, check_limits};
use crate::{Argument, Error, KernelAttributes, Launch, Signature, driver};

/// A PTX text that the driver has compiled and loaded. It stays loaded as long as its device or one of its kernels lives.
#[derive(Clone)]
pub struct Module {
    loaded: Arc<Loaded>,
}

pub(crate) struct Loaded {
    // Dropped first: it needs its context.
    pub(crate) module: driver::Module,
    pub(crate) name: String,
    pub(crate) ptx: String,
    pub(crate) signatures: Vec<Signature>,
    pub(crate) shared: Arc<Shared>,
}

impl Module {
    pub(crate) fn new(loaded: Arc<Loaded>) -> Self {
        Self { loaded }
    }

    /// The name that it was loaded by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.loaded.name
    }

    /// The signatures of its kernels.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.loaded.signatures
    }

    /// A kernel, by the name that the PTX gives it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchKernel`], with the names that there are.
    pub fn kernel(&self, name: &str) -> Result<Kernel, Error> {
        let Some(signature) = self.loaded.signatures.iter().find(|signature| signature.name == name) else {
            let has: Vec<_> = self.loaded.signatures.iter().map(|signature| signature.name.as_str()).collect();
            let (module, kernel) = (self.loaded.name.clone(), name.to_owned());
            return Err(Error::NoSuchKernel { module, kernel, has: has.join(", ") });
        };
        let get = || {
            let function = self.loaded.module.function(name)?;
            let attributes = function.attributes()?;
            Ok((function, attributes))
        };
        let (function, attributes) =
            get().map_err(|error| self.loaded.shared.asynchronous(&format!("finding kernel `{name}`"), error))?;
        let (loaded, signature) = (Arc::clone(&self.loaded), signature.clone());
        Ok(Kernel { function, attributes, signature, loaded })
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Module `{}` with {} kernels", self.loaded.name, self.loaded.signatures.len())
    }
}

/// A kernel that can be launched.
pub struct Kernel {
    function: driver::Function,
    attributes: KernelAttributes,
    signature: Signature,
    /// Keeps the module loaded.
    loaded: Arc<Loaded>,
}

impl Kernel {
    /// Its parameters and the blocks that it takes.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The registers and the memory that it uses.
    #[must_use]
    pub fn attributes(&self) -> &KernelAttributes {
        &self.attributes
    }

    /// Launches the kernel in the device's default stream, and does not wait.
    ///
    /// Checked before: the arguments against the signature (number, type, size), the buffers' device, the grid, block and
    /// shared memory against the limits of device and kernel. Dynamic shared memory beyond the usual limit is asked for by
    /// itself. An empty buffer is passed as a null pointer.
    ///
    /// # Safety
    ///
    /// For these arguments and this launch the kernel reads and writes nothing outside the buffers that it is given, its own
    /// shared and local memory and its module's variables, and it writes to no buffer of which somebody relies on the
    /// contents. The checks cannot know: PTX does not say how far a pointer reaches. [`Vetted`](crate::Vetted) has a safe
    /// launch for kernels whose reach is known.
    ///
    /// # Errors
    ///
    /// [`Error::ArgumentCount`], [`Error::ArgumentType`], [`Error::ForeignBuffer`], [`Error::LaunchLimit`], and
    /// [`Error::Launch`] if the driver refuses. What goes wrong while the kernel runs is said by the next call that waits.
    pub unsafe fn launch(&self, launch: &Launch, arguments: &[Argument<'_>]) -> Result<(), Error> {
        // SAFETY: the caller's promise.
        unsafe { self.issue(None, launch, arguments) }
    }

    /// As [`Kernel::launch`], in a stream of one's own.
    ///
    /// # Safety
    ///
    /// As [`Kernel::launch`].
    ///
    /// # Errors
    ///
    /// As [`Kernel::launch`].
    pub unsafe fn launch_in(&self, stream: &Stream, launch: &Launch, arguments: &[Argument<'_>]) -> Result<(), Error> {
        // SAFETY: the caller's promise.
        unsafe { self.issue(Some(stream), launch, arguments) }
    }

    /// The name, the signature and the limits; everything that can be checked.
    pub(crate) fn check(&self, launch: &Launch, arguments: &[Argument<'_>]) -> Result<(), Error> {
        let (name, shared) = (&self.signature.name, &self.loaded.shared);
        check_arguments(name, &self.signature, arguments)?;
        let foreign = |argument: &Argument<'_>| argument.device().is_some_and(|device| device != shared.identity());
        if let Some(index) = arguments.iter().position(foreign) {
            return Err(Error::ForeignBuffer { kernel: name.clone(), index });
        }
        check_limits(name, &self.signature, &self.attributes, &shared.properties, launch)
    }

    /// # Safety
    ///
    /// As [`Kernel::launch`].
    unsafe fn issue(&self, stream: Option<&Stream>, launch: &Launch, arguments: &[Argument<'_>]) -> Result<(), Error> {
        self.check(launch, arguments)?;
        let shared = &self.loaded.shared;
        let (kernel, launch) = (&self.signature.name, *launch);
        let refused = |source| Error::Launch { kernel: kernel.clone(), launch, source };
        let usual = shared.properties.shared_bytes_per_block.saturating_sub(self.attributes.static_shared_bytes);
        if launch.shared_bytes > usual {
            self.function.allow_shared(launch.shared_bytes).map_err(refused)?;
        }
        let mut values: Vec<u64> = arguments.iter().map(Argument::bits).collect();
        let pointers: Vec<*mut c_void> = values.iter_mut().map(|value| std::ptr::from_mut(value).cast()).collect();
        let stream = stream.map(|stream| &stream.stream);
        // SAFETY: `loaded` keeps the module. Each pointer is to 8 bytes, little-endian, of which the driver reads as many as
        // the parameter has, at most 8: the arguments fit the signature, which is that of the text the driver compiled. The
        // rest is the caller's promise; a buffer that is dropped waits first.
        unsafe { shared.context.launch(stream, &self.function, &launch, &pointers) }.map_err(refused)?;
        shared.launched(kernel, &launch);
        Ok(())
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernel `{}` of module `{}`", self.signature.name, self.loaded.name)
    }
}
