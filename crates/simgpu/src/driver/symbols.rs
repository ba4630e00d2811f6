//! The table of what is exported, and `cuGetProcAddress`, which reads it.

use std::ffi::{c_int, c_uint, c_void};

use super::codes::CUresult;
use super::failure::Failure;
use super::raw::{HostTarget, Out, Text};
use super::{
    context, copy, device, event, fill, function, launch, linker, memory, module, occupancy, pointer, stream,
    unsupported,
};

/// The version from which on `cuGetProcAddress` means the second form.
const PROC_ADDRESS_V2: c_int = 12_000;

driver_api! {
    /// The address of a driver function by its name.
    fn cuGetProcAddress(symbol: Text, address: Out<*const c_void>, version: c_int, _flags: u64) {
        let found = resolve(&symbol.read()?, version);
        address.set(found.unwrap_or(std::ptr::null()))?;
        found.map(drop).ok_or(CUresult::NOT_FOUND.into())
    }

    /// The same; the status says whether it was found (0) or not (1).
    fn cuGetProcAddress_v2(
        symbol: Text,
        address: Out<*const c_void>,
        version: c_int,
        _flags: u64,
        status: Out<c_uint>,
    ) {
        let name = symbol.read()?;
        let found = resolve(&name, version);
        address.set(found.unwrap_or(std::ptr::null()))?;
        status.set_if_wanted(found.is_none().into());
        let missing = || Failure::new(CUresult::NOT_FOUND, format!("the software GPU has no `{name}`"));
        found.map(drop).ok_or_else(missing)
    }

    /// Tables of private functions, which only the CUDA runtime asks for.
    fn cuGetExportTable(table: Out<*const c_void>, _id: HostTarget) {
        table.set_if_wanted(std::ptr::null());
        let detail = "the software GPU answers the driver API; the runtime API needs private tables of NVIDIA's driver";
        Err(Failure::new(CUresult::NOT_SUPPORTED, detail))
    }
}

/// The names in a file, and where each is.
type Group = (&'static [&'static str], fn(&str) -> Option<*const c_void>);

const GROUPS: [Group; 15] = [
    (device::NAMES, device::find),
    (context::NAMES, context::find),
    (module::NAMES, module::find),
    (linker::NAMES, linker::find),
    (memory::NAMES, memory::find),
    (copy::NAMES, copy::find),
    (fill::NAMES, fill::find),
    (pointer::NAMES, pointer::find),
    (stream::NAMES, stream::find),
    (event::NAMES, event::find),
    (function::NAMES, function::find),
    (occupancy::NAMES, occupancy::find),
    (launch::NAMES, launch::find),
    (unsupported::NAMES, unsupported::find),
    (NAMES, find_here),
];

fn find_here(name: &str) -> Option<*const c_void> {
    self::find(name)
}

/// The functions of the driver API that this crate exports.
pub fn symbols() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|&(names, _)| names.iter().copied())
}

/// The address of an exported function.
pub(super) fn address(name: &str) -> Option<*const c_void> {
    GROUPS.iter().find_map(|(_, find)| find(name))
}

/// Headers define `cuMemAlloc` as `cuMemAlloc_v2`, and so does `cuGetProcAddress`.
fn resolve(name: &str, version: c_int) -> Option<*const c_void> {
    if name == "cuGetProcAddress" && version < PROC_ADDRESS_V2 {
        return address(name);
    }
    address(&format!("{name}_v2")).or_else(|| address(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_symbol_has_an_address_of_its_own() {
        let addresses: BTreeSet<*const c_void> = symbols().map(|name| address(name).expect("an address")).collect();
        assert!(symbols().count() >= 150 && symbols().all(|name| name.starts_with("cu")));
        // Functions that do the same may be merged, but not many.
        assert!(addresses.len() * 2 > symbols().count());
    }

    #[test]
    fn the_name_of_the_header_means_the_newest_version() {
        assert_eq!(resolve("cuMemAlloc", 12_000), address("cuMemAlloc_v2"));
        assert_eq!(resolve("cuInit", 12_000), address("cuInit"));
        assert_eq!(resolve("cuGetProcAddress", 11_040), address("cuGetProcAddress"));
        assert_eq!(resolve("cuGetProcAddress", 12_000), address("cuGetProcAddress_v2"));
        assert_eq!(resolve("cuNothing", 12_000), None);
    }
}
