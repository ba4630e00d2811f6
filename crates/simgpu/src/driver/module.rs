//! Modules: PTX in, kernels and variables out.

use std::collections::HashMap;
use std::ffi::{c_int, c_uint};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use super::codes::CUresult;
use super::failure::Failure;
use super::handles::Handle;
use super::jit::Logs;
use super::raw::{DevicePointer, HostSource, In, Out, RawHandle, Text};
use super::state::{Function, LoadedModule, driver, room};
use crate::gpu::Module;
use crate::limits::MODULE_BYTES;
use crate::profile::GpuModel;

/// How compiled code begins: an ELF file (cubin), a fat binary, the wrapper that nvcc puts around one.
const BINARIES: [(&[u8], &str); 3] =
    [(b"\x7fELF", "cubin"), (b"\x50\xed\x55\xba", "fat binary"), (b"\xb1\x43\x62\x46", "fat binary")];

driver_api! {
    /// Loads PTX that ends in a zero byte.
    fn cuModuleLoadData(module: Out<RawHandle>, image: HostSource) {
        module.check()?;
        module.set(load(&ptx(image)?)?)
    }

    /// The same; errors go into the log buffer too.
    fn cuModuleLoadDataEx(
        module: Out<RawHandle>,
        image: HostSource,
        count: c_uint,
        options: In<c_uint>,
        values: Out<RawHandle>,
    ) {
        module.check()?;
        let logs = Logs::new(count, options, values)?;
        let loaded = ptx(image).and_then(|text| load(&text));
        logs.write(loaded.as_ref().err());
        module.set(loaded?)
    }

    /// Loads a file of PTX.
    fn cuModuleLoad(module: Out<RawHandle>, path: Text) {
        module.check()?;
        module.set(load(&ptx_file(&path.read()?)?)?)
    }

    /// There is no code for a software GPU in a fat binary.
    fn cuModuleLoadFatBinary(_module: Out<RawHandle>, _image: HostSource) { Err(not_ptx("fat binary")) }

    /// Unloads a module; its functions are gone with it.
    fn cuModuleUnload(module: RawHandle) { unload(Handle::from_raw(module)) }

    /// A kernel by its name, as mangled by whoever compiled it.
    fn cuModuleGetFunction(function: Out<RawHandle>, module: RawHandle, name: Text) {
        function.check()?;
        function.set(get_function(Handle::from_raw(module), &name.read()?)?)
    }

    /// Address and size of a variable.
    fn cuModuleGetGlobal_v2(address: Out<DevicePointer>, bytes: Out<usize>, module: RawHandle, name: Text) {
        let driver = driver()?;
        let tables = driver.tables();
        tables.current()?;
        let module = tables.modules.get(Handle::from_raw(module)).ok_or(CUresult::INVALID_HANDLE)?;
        let name = name.read()?;
        let variable = module.module.variable(&name);
        let missing = || Failure::new(CUresult::NOT_FOUND, format!("there is no variable `{name}` in the module"));
        let (start, size) = variable.ok_or_else(missing)?;
        address.set_if_wanted(start);
        bytes.set_if_wanted(size as usize);
        Ok(())
    }

    /// Modules are loaded at once (`CU_MODULE_EAGER_LOADING`).
    fn cuModuleGetLoadingMode(mode: Out<c_int>) { driver()?; mode.set(1) }
}

fn not_ptx(kind: &str) -> Failure {
    let detail = format!("the image is a {kind}, and the software GPU runs PTX: compile with nvcc -ptx");
    Failure::new(CUresult::NO_BINARY_FOR_GPU, detail)
}

fn too_long() -> Failure {
    Failure::new(CUresult::INVALID_IMAGE, format!("the image has no end within {MODULE_BYTES} bytes"))
}

/// The PTX at an address.
fn ptx(image: HostSource) -> Result<String, Failure> {
    for (magic, kind) in BINARIES {
        if image.begins_with(magic)? {
            return Err(not_ptx(kind));
        }
    }
    let bytes = image.until_zero(MODULE_BYTES)?.ok_or_else(too_long)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// The PTX in a file.
pub(super) fn ptx_file(path: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => CUresult::FILE_NOT_FOUND,
            _ => CUresult::OPERATING_SYSTEM,
        };
        Failure::new(code, format!("{path}: {error}"))
    };
    // Read no further than the limit, whatever it is that has this name.
    let mut bytes = Vec::new();
    let limit = MODULE_BYTES as u64 + 1;
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() > MODULE_BYTES { Err(too_long()) } else { ptx_bytes(&bytes) }
}

/// The PTX in memory of known length; a zero byte ends it.
pub(super) fn ptx_bytes(bytes: &[u8]) -> Result<String, Failure> {
    if let Some((_, kind)) = BINARIES.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(not_ptx(kind));
    }
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// Parses and decodes PTX for the modelled GPU.
pub(super) fn compile(text: &str) -> Result<Arc<Module>, Failure> {
    let driver = driver()?;
    let module = driver.gpu().load(text)?;
    check_target(&module, driver.model)?;
    Ok(module)
}

/// PTX for a newer architecture does not run on an older GPU.
fn check_target(module: &Module, model: &GpuModel) -> Result<(), Failure> {
    let target = module.kernels().iter().filter_map(|name| module.kernel(name)).map(|kernel| kernel.target).max();
    match target {
        Some(target) if target > model.target() => {
            let (here, name) = (model.target(), model.name);
            let detail = format!("the PTX is for sm_{target}, the modelled {name} is sm_{here}: see SIMGPU_GPU");
            Err(Failure::new(CUresult::NO_BINARY_FOR_GPU, detail))
        }
        _ => Ok(()),
    }
}

fn load(text: &str) -> Result<RawHandle, Failure> {
    let driver = driver()?;
    let context = driver.tables().current()?;
    let module = compile(text)?;
    let mut tables = driver.tables();
    // Another thread may have destroyed the context meanwhile.
    tables.check(context)?;
    room(tables.modules.insert(LoadedModule { context, module, functions: HashMap::new() }))
}

fn unload(handle: Handle) -> Result<(), Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    let current = tables.current_even_if_failed()?;
    tables.modules.remove(handle).ok_or(CUresult::INVALID_HANDLE)?;
    tables.functions.remove_if(|function| function.parent == handle);
    tables.check(current)
}

fn get_function(parent: Handle, name: &str) -> Result<RawHandle, Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    tables.current()?;
    let loaded = tables.modules.get(parent).ok_or(CUresult::INVALID_HANDLE)?;
    if let Some(known) = loaded.functions.get(name) {
        return Ok(known.raw());
    }
    let module = Arc::clone(&loaded.module);
    let context = loaded.context;
    let missing = || {
        let kernels = module.kernels().join(", ");
        Failure::new(CUresult::NOT_FOUND, format!("there is no kernel `{name}` in the module, only: {kernels}"))
    };
    let info = module.kernel(name).ok_or_else(missing)?;
    let function =
        Function { context, parent, module, name: name.to_owned(), info, dynamic_shared_max: None, carveout: -1 };
    let raw = room(tables.functions.insert(function))?;
    if let Some(loaded) = tables.modules.get_mut(parent) {
        loaded.functions.insert(name.to_owned(), Handle::from_raw(raw));
    }
    Ok(raw)
}
