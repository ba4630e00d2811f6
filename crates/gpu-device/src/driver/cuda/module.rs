//! Modules and their kernels: PTX compiled by the driver, and launched.

use std::ffi::{CStr, c_void};
use std::sync::Arc;

use cust::sys;

use super::failure::{failure, result};
use super::{Context, Stream};
use crate::{DriverError, KernelAttributes, Launch};

const LOG_BYTES: usize = 8192;

pub(crate) struct Module {
    module: cust::module::Module,
    context: Arc<Context>,
}

/// A kernel's handle. It is valid while its module is loaded: [`crate::Kernel`] keeps both.
pub(crate) struct Function {
    raw: sys::CUfunction,
    context: Arc<Context>,
}

// SAFETY: a CUfunction is a handle that the driver lets any thread use with the context current, which every call here makes
// so first.
unsafe impl Send for Function {}
// SAFETY: as above; what sets an attribute is a single call into the driver, which locks.
unsafe impl Sync for Function {}

impl Context {
    /// On failure also what the driver's compiler wrote.
    pub(crate) fn load(self: &Arc<Self>, ptx: &CStr) -> Result<Module, (DriverError, String)> {
        let without_log = |error| (error, String::new());
        self.bind().map_err(without_log)?;
        match cust::module::Module::from_ptx_cstr(ptx, &[]) {
            Ok(module) => Ok(Module { module, context: Arc::clone(self) }),
            Err(error) => Err((failure(error), compiler_log(ptx))),
        }
    }

    /// # Safety
    ///
    /// The function's module is loaded; each argument points to a value of the size of its parameter; the kernel keeps to
    /// memory that it may touch, now and until it ends.
    pub(crate) unsafe fn launch(
        &self,
        stream: Option<&Stream>,
        function: &Function,
        launch: &Launch,
        arguments: &[*mut c_void],
    ) -> Result<(), DriverError> {
        self.bind()?;
        let stream = stream.map_or(&self.stream, |stream| &stream.stream);
        let ([gx, gy, gz], [bx, by, bz]) = (launch.grid, launch.block);
        // SAFETY: the caller's promise. The driver copies the arguments before it returns. (`Stream::launch` of cust does the
        // same, but wants a Function that borrows its module.)
        result(unsafe {
            sys::cuLaunchKernel(
                function.raw,
                gx,
                gy,
                gz,
                bx,
                by,
                bz,
                launch.shared_bytes,
                stream.as_inner(),
                arguments.as_ptr().cast_mut(),
                std::ptr::null_mut(),
            )
        })
    }
}

/// Compiles once more, for the sake of the compiler's messages.
fn compiler_log(ptx: &CStr) -> String {
    let mut log = vec![0_u8; LOG_BYTES];
    let mut options =
        [sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER, sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES];
    // A buffer by its address, its size by value.
    let mut values = [log.as_mut_ptr().cast::<c_void>(), std::ptr::without_provenance_mut(LOG_BYTES)];
    let mut module = std::ptr::null_mut();
    // SAFETY: the text ends in a zero; the options are two and so are their values; the log has the size that is said, and the
    // driver writes to it during the call only.
    let loaded = unsafe {
        let image = ptx.as_ptr().cast();
        sys::cuModuleLoadDataEx(&mut module, image, 2, options.as_mut_ptr(), values.as_mut_ptr())
    };
    if loaded as u32 == 0 {
        // SAFETY: it was just loaded, and nobody else knows of it.
        let _unloaded = unsafe { sys::cuModuleUnload(module) };
    }
    let end = log.iter().position(|&byte| byte == 0).unwrap_or(LOG_BYTES);
    String::from_utf8_lossy(&log[..end]).trim().to_owned()
}

impl Module {
    pub(crate) fn function(&self, name: &str) -> Result<Function, DriverError> {
        self.context.bind()?;
        let function = self.module.get_function(name).map_err(failure)?;
        Ok(Function { raw: function.to_raw(), context: Arc::clone(&self.context) })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // Nothing of the module may still run when it is unloaded; there is nobody to tell of an error.
        let _waited = self.context.synchronize();
    }
}

impl Function {
    pub(crate) fn attributes(&self) -> Result<KernelAttributes, DriverError> {
        use sys::CUfunction_attribute as Attribute;
        self.context.bind()?;
        let get = |attribute| {
            let mut value = 0;
            // SAFETY: `value` is a place for an int, the function's module is loaded.
            result(unsafe { sys::cuFuncGetAttribute(&mut value, attribute, self.raw) })?;
            Ok(u32::try_from(value).unwrap_or(0))
        };
        Ok(KernelAttributes {
            threads_per_block_max: get(Attribute::CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK)?,
            registers: get(Attribute::CU_FUNC_ATTRIBUTE_NUM_REGS)?,
            static_shared_bytes: get(Attribute::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)?,
            local_bytes: get(Attribute::CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES)?,
        })
    }

    /// Allows launches with that much dynamic shared memory. Launches with less stay allowed.
    pub(crate) fn allow_shared(&self, bytes: u32) -> Result<(), DriverError> {
        self.context.bind()?;
        let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        // SAFETY: the function's module is loaded; the driver refuses sizes that it does not like.
        result(unsafe { sys::cuFuncSetAttribute(self.raw, attribute, i32::try_from(bytes).unwrap_or(i32::MAX)) })
    }
}
