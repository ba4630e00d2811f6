//! Modules, their errors, and the linker.

#![allow(unsafe_code)]

mod driver_support;

use std::ffi::{CStr, CString, c_void};
use std::ptr::{null, null_mut};

use driver_support::*;
use simgpu::driver::CUresult;

#[test]
fn modules_have_kernels_and_variables() {
    let _context = Context::new();
    let module = load(&vector_add("known"));
    let (mut address, mut bytes, mut function) = (0, 0, null_mut());
    // SAFETY: results go into locals or nowhere; names end in a zero byte.
    unsafe {
        assert_eq!(cuModuleGetGlobal_v2(&mut address, &mut bytes, module, c"answer".as_ptr()), OK);
        assert_eq!(bytes, 4);
        assert_eq!(download::<u32>(address, 1), [42]);
        assert_eq!(cuModuleGetGlobal_v2(null_mut(), &mut bytes, module, c"answer".as_ptr()), OK);
        let code = cuModuleGetGlobal_v2(&mut address, &mut bytes, module, c"question".as_ptr());
        assert_eq!(code, CUresult::NOT_FOUND);
        assert!(text(code).contains("`question`"), "{}", text(code));
        let code = cuModuleGetFunction(&mut function, module, c"unknown".as_ptr());
        assert_eq!(code, CUresult::NOT_FOUND);
        assert!(text(code).contains("`unknown`") && text(code).contains("known"), "{}", text(code));
        assert_eq!(cuModuleGetFunction(&mut function, module, c"known".as_ptr()), OK);
        assert_eq!(cuModuleUnload(module), OK);
        assert_eq!(cuModuleUnload(module), CUresult::INVALID_HANDLE);
        assert_eq!(launch(function, 1, 1, &mut []), CUresult::INVALID_HANDLE, "gone with its module");
        assert_eq!(cuModuleLoad(&mut null_mut(), c"/no/such.ptx".as_ptr()), CUresult::FILE_NOT_FOUND);
        assert_eq!(cuModuleLoad(&mut null_mut(), c"/".as_ptr()), CUresult::OPERATING_SYSTEM);
        assert_eq!(cuModuleLoad(&mut null_mut(), c"/dev/zero".as_ptr()), CUresult::INVALID_IMAGE, "without an end");
    }
}

#[test]
fn ptx_that_is_not_understood_is_named_in_the_log() {
    let _context = Context::new();
    let ptx = vector_add("wrong").replace("add.f32 %f3", "frobnicate.f32 %f3");
    let image = CString::new(ptx).expect("no zero byte");
    let mut log = [0u8; 512];
    let (mut module, mut options) = (null_mut(), [5u32, 6, 0]);
    let number = std::ptr::without_provenance_mut;
    let mut values = [at(&mut log), number(log.len()), number(32)];
    let load = |module, options: &mut [u32; 3], values: &mut [*mut c_void; 3]| {
        // SAFETY: three options and their values, of which one is the log and one its size; the image ends in a zero byte.
        unsafe { cuModuleLoadDataEx(module, image.as_ptr().cast(), 3, options.as_mut_ptr(), values.as_mut_ptr()) }
    };
    let code = load(&mut module, &mut options, &mut values);
    assert_eq!(code, CUresult::INVALID_PTX);
    assert!(module.is_null());
    let message = CStr::from_bytes_until_nul(&log).expect("a zero byte").to_str().expect("UTF-8");
    assert!(message.contains(&format!("line {}", STORE_LINE - 1)) && message.contains("frobnicate"), "{message}");
    assert_eq!(values[1].addr(), message.len());
    // Without a log the text of the error says it.
    assert!(text(code).contains("frobnicate"), "{}", text(code));
    // A log that is too short is cut, and ends in a zero byte.
    log.fill(b'x');
    values[1] = number(6);
    assert_eq!(load(&mut module, &mut options, &mut values), CUresult::INVALID_PTX);
    assert_eq!(&log[..7], b"simgp\0x");
}

#[test]
fn images_that_are_not_for_this_gpu_are_refused() {
    let _context = Context::new();
    let mut module = null_mut();
    for image in [c"\x7fELF\x02\x01", c"\x50\xed\x55\xba\x01", c"\xb1\x43\x62\x46"] {
        // SAFETY: the image ends in a zero byte.
        let code = unsafe { cuModuleLoadData(&mut module, image.as_ptr().cast()) };
        assert_eq!(code, CUresult::NO_BINARY_FOR_GPU);
        assert!(text(code).contains("nvcc -ptx"), "{}", text(code));
    }
    let newer = CString::new(vector_add("newer").replace("sm_80", "sm_90")).expect("no zero byte");
    // SAFETY: as above.
    let code = unsafe { cuModuleLoadData(&mut module, newer.as_ptr().cast()) };
    assert_eq!(code, CUresult::NO_BINARY_FOR_GPU);
    assert!(text(code).contains("sm_90") && text(code).contains("sm_80"), "{}", text(code));
    for image in [c"int main() {}", c"", c"\xff\xfe.version", c".version 8.0\n.target sm_80\n.entry k() {"] {
        // SAFETY: as above.
        let code = unsafe { cuModuleLoadData(&mut module, image.as_ptr().cast()) };
        assert_eq!(code, CUresult::INVALID_PTX, "{image:?}");
    }
}

#[test]
fn the_linker_passes_one_piece_of_ptx_through() {
    let _context = Context::new();
    let ptx = vector_add("linked");
    let (mut linker, mut image, mut bytes, mut module) = (null_mut(), null_mut(), 0, null_mut());
    // SAFETY: no options; each piece is as long as it says; the image is read before its linker is destroyed.
    unsafe {
        assert_eq!(cuLinkCreate_v2(0, null_mut(), null_mut(), &mut linker), OK);
        assert_eq!(cuLinkComplete(linker, &mut image, &mut bytes), CUresult::INVALID_IMAGE, "nothing was added");
        let add = |kind, data: &str| {
            let (data, bytes) = (data.as_ptr().cast(), data.len());
            cuLinkAddData_v2(linker, kind, data, bytes, null(), 0, null_mut(), null_mut())
        };
        assert_eq!(add(0, "cubin"), CUresult::NOT_SUPPORTED);
        assert_eq!(add(1, "not PTX"), CUresult::INVALID_PTX);
        assert_eq!(add(1, &ptx), OK);
        assert_eq!(add(1, &ptx), CUresult::NOT_SUPPORTED, "a second piece");
        assert_eq!(cuLinkComplete(linker, &mut image, &mut bytes), OK);
        assert_eq!(bytes, ptx.len() + 1);
        assert_eq!(cuModuleLoadData(&mut module, image), OK);
        assert_eq!(cuLinkDestroy(linker), OK);
        assert_eq!(cuLinkDestroy(linker), CUresult::INVALID_HANDLE);
    }
    assert!(!function(module, "linked").is_null());
}
