//! The linker of the API: one piece of PTX goes in and comes out.

use std::ffi::{c_int, c_uint};

use super::codes::CUresult;
use super::failure::Failure;
use super::handles::Handle;
use super::jit::Logs;
use super::module::{compile, ptx_bytes, ptx_file};
use super::raw::{HostSource, In, Out, RawHandle, Text};
use super::state::{driver, room};

/// `CU_JIT_INPUT_PTX`.
const INPUT_PTX: c_int = 1;

/// A linker that is being filled.
#[derive(Debug)]
pub(super) struct Linker {
    logs: Logs,
    /// PTX that was compiled once, to find its errors, with a zero byte at its end. Once it was handed out it is not
    /// changed: the program keeps its address until the linker is destroyed.
    image: Option<Box<[u8]>>,
}

driver_api! {
    /// Begins to link.
    fn cuLinkCreate_v2(count: c_uint, options: In<c_uint>, values: Out<RawHandle>, linker: Out<RawHandle>) {
        linker.check()?;
        let driver = driver()?;
        let logs = Logs::new(count, options, values)?;
        let mut tables = driver.tables();
        tables.current()?;
        linker.set(room(tables.linkers.insert(Linker { logs, image: None }))?)
    }

    /// Takes PTX in. Its errors come out here.
    fn cuLinkAddData_v2(
        linker: RawHandle,
        kind: c_int,
        data: HostSource,
        bytes: usize,
        _name: Text,
        _count: c_uint,
        _options: In<c_uint>,
        _values: Out<RawHandle>,
    ) {
        add(linker, kind, || ptx_bytes(data.bytes(bytes)?))
    }

    /// Takes a file of PTX in.
    fn cuLinkAddFile_v2(
        linker: RawHandle,
        kind: c_int,
        path: Text,
        _count: c_uint,
        _options: In<c_uint>,
        _values: Out<RawHandle>,
    ) {
        add(linker, kind, || ptx_file(&path.read()?))
    }

    /// Gives the image out. It lives until the linker is destroyed.
    fn cuLinkComplete(linker: RawHandle, image: Out<*const u8>, bytes: Out<usize>) {
        let driver = driver()?;
        let tables = driver.tables();
        tables.current()?;
        let linker = tables.linkers.get(Handle::from_raw(linker)).ok_or(CUresult::INVALID_HANDLE)?;
        let nothing = || Failure::new(CUresult::INVALID_IMAGE, "nothing was added to the linker");
        let made = linker.image.as_deref().ok_or_else(nothing)?;
        image.set(made.as_ptr())?;
        bytes.set_if_wanted(made.len());
        Ok(())
    }

    /// Destroys the linker and its image.
    fn cuLinkDestroy(linker: RawHandle) {
        let driver = driver()?;
        let mut tables = driver.tables();
        let linker = tables.linkers.remove(Handle::from_raw(linker));
        linker.map(drop).ok_or(CUresult::INVALID_HANDLE.into())
    }
}

fn add(raw: RawHandle, kind: c_int, read: impl FnOnce() -> Result<String, Failure>) -> Result<(), Failure> {
    let driver = driver()?;
    let handle = Handle::from_raw(raw);
    let is_taken = {
        let tables = driver.tables();
        tables.current()?;
        tables.linkers.get(handle).ok_or(CUresult::INVALID_HANDLE)?.image.is_some()
    };
    // Compiled without the lock: it may take a while.
    let added = check_kind(kind, is_taken).and_then(|()| read()).and_then(|text| {
        compile(&text)?;
        Ok(text)
    });
    let mut tables = driver.tables();
    let linker = tables.linkers.get_mut(handle).ok_or(CUresult::INVALID_HANDLE)?;
    linker.logs.write(added.as_ref().err());
    let mut image = added?.into_bytes();
    image.push(0);
    if linker.image.is_some() {
        // Another thread was faster.
        return check_kind(kind, true);
    }
    linker.image = Some(image.into_boxed_slice());
    Ok(())
}

fn check_kind(kind: c_int, is_taken: bool) -> Result<(), Failure> {
    let detail = match kind {
        INPUT_PTX if !is_taken => return Ok(()),
        INPUT_PTX => "the software GPU links one piece of PTX; a second one was added".to_owned(),
        other => format!("the software GPU links PTX (input type {INPUT_PTX}), not input type {other}"),
    };
    Err(Failure::new(CUresult::NOT_SUPPORTED, detail))
}
