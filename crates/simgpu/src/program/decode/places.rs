//! Where the variables of a kernel are.

use super::super::inline::{self, Flat};
use super::Addresses;
use crate::error::Error;
use crate::limits;
use crate::ptx::ast::{self, Space, VariableRef};

/// Where variables are.
pub(super) struct Places<'a> {
    /// Addresses in their own space.
    pub(super) of_function: Vec<u64>,
    of_module: &'a [u64],
    module: &'a ast::Module,
    pub(super) shared_bytes: u32,
    pub(super) local_bytes: u32,
    /// Dynamic shared memory begins at a multiple of this.
    pub(super) dynamic_align: u32,
}

impl<'a> Places<'a> {
    pub(super) fn lay_out(
        module: &'a ast::Module,
        flat: &Flat,
        addresses: &Addresses<'a>,
    ) -> Result<Places<'a>, Error> {
        // Shared variables of the module come first: `of_module` has their offsets.
        let shared_end = |variable: (&ast::Variable, &u64)| {
            if variable.0.is_extern { *variable.1 } else { variable.1 + variable.0.bytes }
        };
        let shared =
            module.variables.iter().zip(addresses.of_module).filter(|(variable, _)| variable.space == Space::Shared);
        let mut shared_bytes = shared.map(shared_end).max().unwrap_or(0);
        let (mut local_bytes, mut param_bytes) = (0u64, 0u64);
        let mut of_function = Vec::with_capacity(flat.variables.len());
        for (index, variable) in flat.variables.iter().enumerate() {
            let total = match variable.space {
                Space::Shared => &mut shared_bytes,
                _ if inline::is_of_thread(flat, index as u32) => &mut local_bytes,
                Space::Param => &mut param_bytes,
                _ => {
                    let what = format!("variable {} inside a function", variable.name);
                    return Err(Error::Unsupported { line: variable.line, what });
                }
            };
            let start = total.next_multiple_of(u64::from(variable.align.max(1)));
            *total = start.saturating_add(variable.bytes);
            of_function.push(start);
        }
        let check = |what, value, max| {
            if value > max { Err(Error::Limit { what, value, max }) } else { Ok(value as u32) }
        };
        // Dynamic shared memory follows at a place that suits any type, and each of its names.
        let variables = module.variables.iter().chain(&flat.variables);
        let dynamic = variables.filter(|variable| variable.space == Space::Shared && variable.is_extern);
        let dynamic_align = dynamic.map(|variable| variable.align).max().unwrap_or(1).max(16);
        let shared_bytes = check("bytes of static shared memory", shared_bytes, limits::SHARED_BYTES)?;
        let local_bytes =
            check("bytes of local memory a thread", local_bytes.next_multiple_of(16), limits::LOCAL_BYTES)?;
        check("bytes of parameters", param_bytes, limits::PARAM_BYTES)?;
        Ok(Places { of_function, of_module: addresses.of_module, module, shared_bytes, local_bytes, dynamic_align })
    }

    /// A variable's space and its address there.
    pub(super) fn of(&self, flat: &Flat, variable: VariableRef) -> (Space, u64) {
        match variable {
            VariableRef::Module(index) => {
                let variable = &self.module.variables[index as usize];
                let dynamic = variable.space == Space::Shared && variable.is_extern;
                let address = if dynamic { self.dynamic_shared() } else { self.of_module[index as usize] };
                (variable.space, address)
            }
            VariableRef::Function(index) => {
                let variable = &flat.variables[index as usize];
                let dynamic = variable.space == Space::Shared && variable.is_extern;
                let space = if inline::is_of_thread(flat, index) { Space::Local } else { variable.space };
                (space, if dynamic { self.dynamic_shared() } else { self.of_function[index as usize] })
            }
        }
    }

    fn dynamic_shared(&self) -> u64 {
        u64::from(self.shared_bytes).next_multiple_of(u64::from(self.dynamic_align))
    }
}
