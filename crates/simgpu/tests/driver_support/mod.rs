//! The driver API as a C program declares it, and what its tests share. Each test has a context of its own, so that a
//! kernel that fails in one does not fail another.

#![allow(dead_code, reason = "each test uses a part")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::{null, null_mut};

use simgpu::driver::CUresult;

pub(crate) type Handle = *mut c_void;
pub(crate) type Address = u64;
pub(crate) type Callback = unsafe extern "C" fn(Handle, CUresult, *mut c_void);

// SAFETY: the signatures are those of `cuda.h`. Those marked safe take numbers, handles and device addresses, which the driver looks up
// and never follows; the others follow their pointers.
unsafe extern "C" {
    pub(crate) safe fn cuInit(flags: c_uint) -> CUresult;
    pub(crate) fn cuDriverGetVersion(version: *mut c_int) -> CUresult;
    pub(crate) fn cuGetErrorName(code: CUresult, name: *mut *const c_char) -> CUresult;
    pub(crate) fn cuGetErrorString(code: CUresult, text: *mut *const c_char) -> CUresult;
    pub(crate) fn cuGetProcAddress_v2(
        name: *const c_char,
        address: *mut *mut c_void,
        version: c_int,
        flags: u64,
        status: *mut c_uint,
    ) -> CUresult;
    pub(crate) fn cuGetExportTable(table: *mut *const c_void, id: *const c_void) -> CUresult;
    pub(crate) fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> CUresult;
    pub(crate) fn cuDeviceGetCount(count: *mut c_int) -> CUresult;
    pub(crate) fn cuDeviceGetName(name: *mut c_char, bytes: c_int, device: c_int) -> CUresult;
    pub(crate) fn cuDeviceGetAttribute(value: *mut c_int, attribute: c_int, device: c_int) -> CUresult;
    pub(crate) fn cuDeviceTotalMem_v2(bytes: *mut usize, device: c_int) -> CUresult;
    pub(crate) fn cuCtxCreate_v2(context: *mut Handle, flags: c_uint, device: c_int) -> CUresult;
    pub(crate) safe fn cuCtxDestroy_v2(context: Handle) -> CUresult;
    pub(crate) safe fn cuCtxPushCurrent_v2(context: Handle) -> CUresult;
    pub(crate) fn cuCtxPopCurrent_v2(context: *mut Handle) -> CUresult;
    pub(crate) safe fn cuCtxSetCurrent(context: Handle) -> CUresult;
    pub(crate) fn cuCtxGetCurrent(context: *mut Handle) -> CUresult;
    pub(crate) safe fn cuCtxSynchronize() -> CUresult;
    pub(crate) fn cuCtxGetLimit(value: *mut usize, limit: c_uint) -> CUresult;
    pub(crate) safe fn cuCtxSetLimit(limit: c_uint, value: usize) -> CUresult;
    pub(crate) fn cuDevicePrimaryCtxRetain(context: *mut Handle, device: c_int) -> CUresult;
    pub(crate) safe fn cuDevicePrimaryCtxRelease_v2(device: c_int) -> CUresult;
    pub(crate) fn cuDevicePrimaryCtxGetState(device: c_int, flags: *mut c_uint, active: *mut c_int) -> CUresult;
    pub(crate) fn cuModuleLoadData(module: *mut Handle, image: *const c_void) -> CUresult;
    pub(crate) fn cuModuleLoadDataEx(
        module: *mut Handle,
        image: *const c_void,
        count: c_uint,
        options: *mut c_uint,
        values: *mut *mut c_void,
    ) -> CUresult;
    pub(crate) fn cuModuleLoad(module: *mut Handle, path: *const c_char) -> CUresult;
    pub(crate) safe fn cuModuleUnload(module: Handle) -> CUresult;
    pub(crate) fn cuModuleGetFunction(function: *mut Handle, module: Handle, name: *const c_char) -> CUresult;
    pub(crate) fn cuModuleGetGlobal_v2(
        address: *mut Address,
        bytes: *mut usize,
        module: Handle,
        name: *const c_char,
    ) -> CUresult;
    pub(crate) fn cuLinkCreate_v2(
        count: c_uint,
        options: *mut c_uint,
        values: *mut *mut c_void,
        linker: *mut Handle,
    ) -> CUresult;
    pub(crate) fn cuLinkAddData_v2(
        linker: Handle,
        kind: c_int,
        data: *const c_void,
        bytes: usize,
        name: *const c_char,
        count: c_uint,
        options: *mut c_uint,
        values: *mut *mut c_void,
    ) -> CUresult;
    pub(crate) fn cuLinkComplete(linker: Handle, image: *mut *mut c_void, bytes: *mut usize) -> CUresult;
    pub(crate) safe fn cuLinkDestroy(linker: Handle) -> CUresult;
    pub(crate) fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> CUresult;
    pub(crate) fn cuMemAlloc_v2(address: *mut Address, bytes: usize) -> CUresult;
    pub(crate) fn cuMemAllocPitch_v2(
        address: *mut Address,
        pitch: *mut usize,
        width: usize,
        height: usize,
        element: c_uint,
    ) -> CUresult;
    pub(crate) fn cuMemAllocManaged(address: *mut Address, bytes: usize, flags: c_uint) -> CUresult;
    pub(crate) fn cuMemAllocHost_v2(pointer: *mut *mut c_void, bytes: usize) -> CUresult;
    pub(crate) safe fn cuMemFree_v2(address: Address) -> CUresult;
    pub(crate) safe fn cuMemFreeHost(pointer: *mut c_void) -> CUresult;
    pub(crate) fn cuMemHostGetDevicePointer_v2(address: *mut Address, pointer: *mut c_void, flags: c_uint) -> CUresult;
    pub(crate) safe fn cuMemHostRegister_v2(pointer: *mut c_void, bytes: usize, flags: c_uint) -> CUresult;
    pub(crate) safe fn cuMemHostUnregister(pointer: *mut c_void) -> CUresult;
    pub(crate) fn cuMemcpy(to: Address, from: Address, bytes: usize) -> CUresult;
    pub(crate) fn cuMemcpyHtoD_v2(to: Address, from: *const c_void, bytes: usize) -> CUresult;
    pub(crate) fn cuMemcpyDtoH_v2(to: *mut c_void, from: Address, bytes: usize) -> CUresult;
    pub(crate) safe fn cuMemcpyDtoD_v2(to: Address, from: Address, bytes: usize) -> CUresult;
    pub(crate) fn cuMemcpy2D_v2(copy: *const Copy2D) -> CUresult;
    pub(crate) safe fn cuMemsetD8_v2(address: Address, value: u8, count: usize) -> CUresult;
    pub(crate) safe fn cuMemsetD16_v2(address: Address, value: u16, count: usize) -> CUresult;
    pub(crate) safe fn cuMemsetD32_v2(address: Address, value: u32, count: usize) -> CUresult;
    pub(crate) safe fn cuMemsetD32Async(address: Address, value: u32, count: usize, stream: Handle) -> CUresult;
    pub(crate) fn cuPointerGetAttribute(data: *mut c_void, attribute: c_uint, address: Address) -> CUresult;
    pub(crate) fn cuStreamCreate(stream: *mut Handle, flags: c_uint) -> CUresult;
    pub(crate) safe fn cuStreamSynchronize(stream: Handle) -> CUresult;
    pub(crate) safe fn cuStreamDestroy_v2(stream: Handle) -> CUresult;
    pub(crate) fn cuStreamAddCallback(
        stream: Handle,
        callback: Option<Callback>,
        user: *mut c_void,
        flags: c_uint,
    ) -> CUresult;
    pub(crate) fn cuEventCreate(event: *mut Handle, flags: c_uint) -> CUresult;
    pub(crate) safe fn cuEventRecord(event: Handle, stream: Handle) -> CUresult;
    pub(crate) fn cuEventElapsedTime(milliseconds: *mut f32, start: Handle, end: Handle) -> CUresult;
    pub(crate) safe fn cuEventDestroy_v2(event: Handle) -> CUresult;
    pub(crate) fn cuFuncGetAttribute(value: *mut c_int, attribute: c_uint, function: Handle) -> CUresult;
    pub(crate) safe fn cuFuncSetAttribute(function: Handle, attribute: c_uint, value: c_int) -> CUresult;
    pub(crate) fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
        blocks: *mut c_int,
        function: Handle,
        threads: c_int,
        dynamic_bytes: usize,
    ) -> CUresult;
    pub(crate) fn cuLaunchKernel(
        function: Handle,
        grid_x: c_uint,
        grid_y: c_uint,
        grid_z: c_uint,
        block_x: c_uint,
        block_y: c_uint,
        block_z: c_uint,
        shared_bytes: c_uint,
        stream: Handle,
        parameters: *mut *mut c_void,
        extra: *mut *mut c_void,
    ) -> CUresult;
    pub(crate) fn cuLaunchCooperativeKernel(
        function: Handle,
        grid_x: c_uint,
        grid_y: c_uint,
        grid_z: c_uint,
        block_x: c_uint,
        block_y: c_uint,
        block_z: c_uint,
        shared_bytes: c_uint,
        stream: Handle,
        parameters: *mut *mut c_void,
    ) -> CUresult;
}

/// `CUDA_MEMCPY2D`.
#[repr(C)]
pub(crate) struct Copy2D {
    pub(crate) source: Side,
    pub(crate) target: Side,
    pub(crate) width_bytes: usize,
    pub(crate) height: usize,
}

#[repr(C)]
pub(crate) struct Side {
    pub(crate) x_bytes: usize,
    pub(crate) y: usize,
    pub(crate) memory_type: c_uint,
    pub(crate) host: *mut c_void,
    pub(crate) device: Address,
    pub(crate) array: Handle,
    pub(crate) pitch: usize,
}

pub(crate) const OK: CUresult = CUresult::SUCCESS;
pub(crate) const INVALID_VALUE: CUresult = CUresult::INVALID_VALUE;

/// c[i] = a[i] + b[i] for i < n, under a name of the test's own, so that its report is found.
pub(crate) fn vector_add(name: &str) -> String {
    format!(
        ".version 8.0
.target sm_80
.address_size 64
.visible .global .align 4 .u32 answer = 42;
.visible .entry {name}(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)
{{
    .reg .pred %p<2>;
    .reg .b32 %r<6>;
    .reg .f32 %f<4>;
    .reg .b64 %rd<11>;
    ld.param.u64 %rd1, [a];
    ld.param.u64 %rd2, [b];
    ld.param.u64 %rd3, [c];
    ld.param.u32 %r5, [n];
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.s32 %r1, %r2, %r3, %r4;
    setp.ge.u32 %p1, %r1, %r5;
    @%p1 bra DONE;
    cvta.to.global.u64 %rd4, %rd1;
    cvta.to.global.u64 %rd5, %rd2;
    cvta.to.global.u64 %rd6, %rd3;
    mul.wide.u32 %rd7, %r1, 4;
    add.s64 %rd8, %rd4, %rd7;
    add.s64 %rd9, %rd5, %rd7;
    add.s64 %rd10, %rd6, %rd7;
    ld.global.f32 %f1, [%rd8];
    ld.global.f32 %f2, [%rd9];
    add.f32 %f3, %f1, %f2;
    st.global.f32 [%rd10], %f3;
DONE:
    ret;
}}
"
    )
}

/// The line of `vector_add` that stores.
pub(crate) const STORE_LINE: u32 = 31;

/// A context of its own, current on this thread; gone at the end.
pub(crate) struct Context(pub(crate) Handle);

impl Context {
    pub(crate) fn new() -> Context {
        simgpu::link();
        let mut handle = null_mut();
        assert_eq!(cuInit(0), OK);
        // SAFETY: the result goes into a local.
        assert_eq!(unsafe { cuCtxCreate_v2(&mut handle, 0, 0) }, OK);
        Context(handle)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        cuCtxDestroy_v2(self.0);
    }
}

pub(crate) fn allocate(bytes: usize) -> Address {
    let mut address = 0;
    // SAFETY: the result goes into a local.
    assert_eq!(unsafe { cuMemAlloc_v2(&mut address, bytes) }, OK);
    address
}

pub(crate) fn upload(data: &[f32]) -> Address {
    let address = allocate(size_of_val(data));
    // SAFETY: as many bytes as `data` has.
    assert_eq!(unsafe { cuMemcpyHtoD_v2(address, data.as_ptr().cast(), size_of_val(data)) }, OK);
    address
}

pub(crate) fn download<T: Copy + Default>(address: Address, count: usize) -> Vec<T> {
    let mut data = vec![T::default(); count];
    // SAFETY: as many bytes as `data` has; any bits are a number of the types that the tests use.
    assert_eq!(unsafe { cuMemcpyDtoH_v2(data.as_mut_ptr().cast(), address, count * size_of::<T>()) }, OK);
    data
}

pub(crate) fn load(ptx: &str) -> Handle {
    let image = CString::new(ptx).expect("no zero byte");
    let mut module = null_mut();
    // SAFETY: the image ends in a zero byte; the result goes into a local.
    let code = unsafe { cuModuleLoadData(&mut module, image.as_ptr().cast()) };
    assert_eq!(code, OK, "{}", text(code));
    module
}

pub(crate) fn function(module: Handle, name: &str) -> Handle {
    let name = CString::new(name).expect("no zero byte");
    let mut function = null_mut();
    // SAFETY: the name ends in a zero byte; the result goes into a local.
    assert_eq!(unsafe { cuModuleGetFunction(&mut function, module, name.as_ptr()) }, OK);
    function
}

pub(crate) fn text(code: CUresult) -> String {
    let mut text = null();
    // SAFETY: the result goes into a local.
    assert_eq!(unsafe { cuGetErrorString(code, &mut text) }, OK);
    // SAFETY: the driver gave it out, and keeps its strings.
    unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8").to_owned()
}

/// Launches a kernel in x only.
pub(crate) fn launch(function: Handle, blocks: u32, threads: u32, parameters: &mut [*mut c_void]) -> CUresult {
    let parameters = if parameters.is_empty() { null_mut() } else { parameters.as_mut_ptr() };
    // SAFETY: null, or as many pointers to values of their types as the kernel has parameters, by the tests that call this.
    unsafe { cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, null_mut(), parameters, null_mut()) }
}

pub(crate) fn at<T>(value: &mut T) -> *mut c_void {
    (value as *mut T).cast()
}
