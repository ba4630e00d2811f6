//! A module: kernels that were decoded together, and the variables that they share.

use std::sync::Arc;

use super::{Kernel, KernelInfo, Module};
use crate::error::Error;
use crate::lanes::Detected;
use crate::limits;
use crate::memory::Memory;
use crate::program::{self, Addresses, at_most};
use crate::ptx::ast::{self, Space, Variable};

impl Module {
    /// Decodes the kernels of a text, and gives its variables their places.
    pub(super) fn load(parsed: &ast::Module, memory: Arc<Memory>, lanes: Detected) -> Result<Module, Error> {
        let mut module = Module { files: parsed.files.clone(), kernels: Vec::new(), variables: Vec::new(), memory };
        let addresses = module.place_variables(parsed)?;
        let mut instructions = 0;
        for function in parsed.functions.iter().filter(|function| function.is_entry && function.body.is_some()) {
            let program = program::decode(parsed, function, &Addresses { of_module: &addresses }, lanes)?;
            instructions += program.positions.len();
            at_most("instructions of a module's kernels", instructions, limits::MODULE_INSTRUCTIONS)?;
            at_most("kernels of a module", module.kernels.len() + 1, limits::MODULE_KERNELS)?;
            module.kernels.push(Kernel::new(parsed, function, program));
        }
        Ok(module)
    }

    /// Names of the kernels, in the order of the text.
    pub fn kernels(&self) -> Vec<String> {
        self.kernels.iter().map(|kernel| kernel.name.clone()).collect()
    }

    /// What a launcher must know of a kernel, if there is one of that name.
    pub fn kernel(&self, name: &str) -> Option<KernelInfo> {
        self.find(name).map(|kernel| kernel.info.clone())
    }

    /// Device address and size in bytes of a `.global` or `.const` variable, if there is one of that name.
    pub fn variable(&self, name: &str) -> Option<(u64, u64)> {
        self.variables.iter().find(|(candidate, ..)| candidate == name).map(|(_, address, bytes)| (*address, *bytes))
    }

    pub(super) fn find(&self, name: &str) -> Option<&Kernel> {
        self.kernels.iter().find(|kernel| kernel.name == name)
    }

    /// Gives each variable its address: offsets for shared memory, device memory for the rest.
    fn place_variables(&mut self, parsed: &ast::Module) -> Result<Vec<u64>, Error> {
        let mut addresses = Vec::with_capacity(parsed.variables.len());
        let mut shared = 0u64;
        for variable in &parsed.variables {
            let address = match variable.space {
                Space::Shared => {
                    let start = shared.next_multiple_of(u64::from(variable.align.max(1)));
                    shared = start.saturating_add(variable.bytes);
                    start
                }
                _ => self.allocate_variable(variable)?,
            };
            addresses.push(address);
        }
        for (variable, &address) in parsed.variables.iter().zip(&addresses) {
            for &(offset, other, addend) in &variable.relocations {
                let value = addresses[other as usize].wrapping_add(addend as u64);
                self.memory.write(address + offset, &value.to_le_bytes())?;
            }
        }
        Ok(addresses)
    }

    /// Variables begin as their initial bytes and zeros.
    fn allocate_variable(&mut self, variable: &Variable) -> Result<u64, Error> {
        let address = self.memory.allocate(variable.bytes.max(1), false)?;
        self.variables.push((variable.name.clone(), address, variable.bytes));
        self.memory.write(address, &variable.initial)?;
        Ok(address)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        for (_, address, _) in &self.variables {
            // Freed once, here; an address that is not known any more would be a mistake of ours, and costs nothing.
            let _ = self.memory.free(*address);
        }
    }
}
